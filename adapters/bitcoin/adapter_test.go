package bitcoin_test

import (
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

func TestRedeemedLeg(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	contract := k.watch(k.payee, terms)
	k.watch(k.payer, terms)
	if err := k.payee.SimulateRedeem(k.ctx(), terms, leg, ""); err != nil {
		t.Fatalf("simulation before funding: %v", err)
	}
	if err := k.payer.CheckMeans(k.ctx(), "swap", terms, leg, true); err != nil {
		t.Fatalf("payer's means: %v", err)
	}
	if err := k.payee.CheckMeans(k.ctx(), "swap", terms, leg, false); err != nil {
		t.Fatalf("payee's means: %v", err)
	}
	start := k.tip(k.payer)
	funding := k.fund("swap", terms)
	if seen := k.sighting(k.payee, adapters.Funded); seen.Contract != contract.ID || seen.Ref != refOf(funding) {
		t.Fatalf("sighting %+v", seen)
	}
	if k.funded(k.payee, terms, refOf(funding)) {
		t.Fatal("an unconfirmed funding counts")
	}
	fact := k.mineFact(k.payee, adapters.Funded)
	if fact.Contract != contract.ID || fact.TxID != funding.Txs[0].ID || fact.Ref != refOf(funding) {
		t.Fatalf("fact %+v", fact)
	}
	if !k.funded(k.payee, terms, fact.Ref) {
		t.Fatal("not funded after funding")
	}
	if err := k.payee.SimulateRedeem(k.ctx(), terms, leg, fact.Ref); err != nil {
		t.Fatalf("simulation after funding: %v", err)
	}
	tx := k.redeem(terms, fact.Ref, 1)
	k.broadcast(k.payee, tx)
	k.broadcast(k.payee, tx) // known bytes are a success
	if facts, err := k.payer.Mempool(k.ctx()); err != nil || len(facts) != 0 {
		t.Fatalf("the payer has not seen the funding yet: %+v: %v", facts, err)
	}
	k.next(k.payer, start)
	if seen := k.sighting(k.payer, adapters.Redeemed); seen.Secret == nil || !seen.Secret.Equal(secret(1)) || seen.TxID != tx.ID {
		t.Fatalf("sighting %+v", seen)
	}
	fact = k.mineFact(k.payer, adapters.Redeemed)
	if fact.Secret == nil || !fact.Secret.Equal(secret(1)) || fact.TxID != tx.ID {
		t.Fatalf("fact %+v", fact)
	}
	k.broadcast(k.payee, tx) // so are mined ones
	if k.funded(k.payee, terms, fact.Ref) {
		t.Fatal("funded after the redeem")
	}
	_, err := k.payee.Redeem(k.ctx(), adapters.Spend{Terms: terms, Leg: leg, Ref: fact.Ref, Secret: secret(1)})
	wantReason(t, err, adapters.ErrSpent, "ALREADY_SPENT")
	late := k.open("late", k.payee.book)
	k.watch(late, terms)
	found, _, err := late.Scan(k.ctx(), contract.ID, 0, 1<<63)
	if err != nil || len(found) != 2 || found[0].Kind != adapters.Funded || found[1].Kind != adapters.Redeemed {
		t.Fatalf("scan %+v: %v", found, err)
	}
	balances, err := k.payee.Balances(k.ctx())
	if err != nil || balances[0].Spendable.String() == "0" {
		t.Fatalf("payee's balance %+v: %v", balances, err)
	}
}

func TestRefundedLeg(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payer, terms)
	funding := k.fund("swap", terms)
	fact := k.mineFact(k.payer, adapters.Funded)
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: fact.Ref}
	_, err := k.payer.Refund(k.ctx(), spend)
	wantReason(t, err, adapters.ErrTooEarly, "TOO_EARLY")
	wantReason(t, k.payer.Broadcast(k.ctx(), *funding.Refund), adapters.ErrTooEarly, "TOO_EARLY")
	if err := k.AdvanceTime(k.ctx(), 2*lockAfter*time.Second); err != nil {
		t.Fatal(err)
	}
	spend.Replace = funding.Refund
	tx, err := k.payer.Refund(k.ctx(), spend)
	if err != nil || tx.ID != funding.Refund.ID {
		t.Fatalf("the stored refund still serves, got %s: %v", tx.ID, err)
	}
	k.broadcast(k.payer, tx)
	if fact := k.mineFact(k.payer, adapters.Refunded); fact.TxID != tx.ID {
		t.Fatalf("fact %+v", fact)
	}
}
