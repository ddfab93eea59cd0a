package bitcoin_test

import (
	"encoding/hex"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

// policyIsAsked is run on nodes that want more than is usual: relay to be taken
// at all, and step more from a replacement, both in base units for 1,000 vbytes.
// The adapter, which is told no figure, keeps both, asks before it signs, and
// shows the node the secret with the broadcast only.
func policyIsAsked(t *testing.T, k *kit, relay, step uint64) {
	between := newProxy(t, k.url)
	c := k.config()
	c.FeeFloor = 1
	k.payer = k.openWith("payer", k.payer.book, c)
	c.URL = between.url
	k.payee = k.openWith("payee", bitcointest.NewBook(), c)
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	const far = 1 << 40
	spend := adapters.Spend{
		Terms: terms, Leg: leg, Ref: ref, Secret: secret(1),
		Fees: adapters.FeePolicy{Now: 0, Deadline: far, Budget: htlc.NewAmount(100)},
	}
	_, err := k.payee.Redeem(k.ctx(), spend)
	wantReason(t, err, adapters.ErrBudget, "BUDGET_TOO_SMALL")
	spend.Fees.Budget = htlc.NewAmount(lockOf / 2)
	first, err := k.payee.Redeem(k.ctx(), spend)
	if err != nil {
		t.Fatal(err)
	}
	if first.FeeRate < relay || first.FeeRate > max(relay+relay/8, 2_100) { // what others in its blocks have paid
		t.Fatalf("a feerate of %d, the node takes %d", first.FeeRate, relay)
	}
	raw := secret(1).Reveal()
	if !between.sent("testmempoolaccept") || between.sent(hex.EncodeToString(raw[:])) {
		t.Fatal("the node was not asked, or with the secret")
	}
	k.broadcast(k.payee, first)
	if !between.sent(hex.EncodeToString(raw[:])) {
		t.Fatal("what is sent is not seen here")
	}
	// At the deadline the budget decides: one less than the node's step is no
	// replacement that the node would take.
	paid, _ := first.Fee.Uint64()
	least := paid + uint64(bitcoin.FeeFor(step, bitcoin.VirtualSize(decode(t, first.Raw))))
	spend.Replace, spend.Fees.Now, spend.Fees.Budget = &first, far, htlc.NewAmount(least-1)
	if kept, err := k.payee.Redeem(k.ctx(), spend); err != nil || kept.ID != first.ID {
		t.Fatalf("a fee of %s replaces %d, the node wants %d: %v", kept.Fee, paid, least, err)
	}
	// One that is a little above it is, and the node takes it.
	spend.Fees.Budget = htlc.NewAmount(least + 2)
	second, err := k.payee.Redeem(k.ctx(), spend)
	if err != nil || second.ID == first.ID {
		t.Fatalf("%s was not replaced: %v", first.ID, err)
	}
	k.broadcast(k.payee, second)
	if _, err := k.payee.Watch(k.ctx(), terms, leg, ref); err != nil {
		t.Fatal(err)
	}
	if fact := k.mineFact(k.payee, adapters.Redeemed); fact.TxID != second.ID {
		t.Fatalf("redeemed by %s", fact.TxID)
	}
}

// The chain in this process relays and steps as btcd does by default.
func TestSafety_B3_PolicyIsAsked(t *testing.T) { policyIsAsked(t, newKit(t), 1_000, 1_000) }
