package bitcoin_test

import (
	"slices"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// locked is a leg in the newest block.
func (k *kit) locked(owner string, n byte) (htlc.Terms, adapters.Proposal) {
	k.t.Helper()
	terms := k.terms(owner, n, lockOf)
	k.watch(k.payer, terms)
	k.watch(k.payee, terms)
	cursor := k.tip(k.payer)
	funding := k.fund(owner, terms)
	fact := k.mineFact(k.payee, adapters.Funded)
	k.next(k.payer, cursor)
	return terms, adapters.Proposal{Terms: terms, Leg: leg, Ref: fact.Ref, FundTx: funding.Txs[0].ID, Intent: htlc.IntentRedeem}
}

func (k *kit) cosigners(intent htlc.Intent) (proposer, consenter *party) {
	if intent == htlc.IntentRedeem {
		return k.payee, k.payer
	}
	return k.payer, k.payee
}

// together signs a cooperative spend.
func (k *kit) together(p adapters.Proposal) adapters.Tx {
	k.t.Helper()
	proposer, consenter := k.cosigners(p.Intent)
	s, err := proposer.Propose(k.ctx(), p)
	if err != nil {
		k.t.Fatalf("propose: %v", err)
	}
	answer, err := consenter.Consent(k.ctx(), p, s.Message())
	if err != nil {
		k.t.Fatalf("consent: %v", err)
	}
	tx, err := s.Complete(answer)
	if err != nil {
		k.t.Fatalf("complete: %v", err)
	}
	return tx
}

// cooperate closes a leg each way, on whatever node.
func cooperate(t *testing.T, k *kit) {
	for i, intent := range []htlc.Intent{htlc.IntentRedeem, htlc.IntentRefund} {
		_, p := k.locked(intent.String(), byte(i+1))
		p.Intent = intent
		tx := k.together(p)
		if raw := decode(t, tx.Raw); len(raw.TxIn) != 1 || len(raw.TxOut) != 1 || len(raw.TxIn[0].Witness) != 1 || raw.LockTime != 0 {
			t.Fatalf("%s by %+v", intent, raw)
		}
		proposer, consenter := k.cosigners(intent)
		start := k.tip(consenter)
		k.broadcast(proposer, tx)
		k.sighting(proposer, adapters.ClosedByConsent)
		k.mine(1)
		step := k.next(consenter, start)
		if len(step.Facts) != 1 || step.Facts[0].Kind != adapters.ClosedByConsent || step.Facts[0].TxID != tx.ID || step.Facts[0].Secret != nil {
			t.Fatalf("%s gives %+v", intent, step.Facts)
		}
	}
}

func TestCooperativeSpends(t *testing.T) { cooperate(t, newKit(t)) }

// An answer is for one session, although the transaction is the same.
func TestAnswerOfAnotherSession(t *testing.T) {
	k := newKit(t)
	_, p := k.locked("swap", 1)
	first, err := k.payee.Propose(k.ctx(), p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.payee.Propose(k.ctx(), p)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := k.payer.Consent(k.ctx(), p, first.Message())
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Complete(answer)
	wantReason(t, err, adapters.ErrBadConsent, "CONSENT_INVALID")
	if _, err := first.Complete(answer); err != nil {
		t.Fatal(err)
	}
	_, err = first.Complete(answer)
	wantReason(t, err, adapters.ErrSessionOver, "SESSION_OVER")
	other := p
	other.Ref = p.FundTx + ":7"
	_, err = k.payer.Consent(k.ctx(), other, second.Message())
	wantReason(t, err, adapters.ErrBadConsent, "PROPOSAL_INVALID")
	other.Intent = htlc.IntentNone
	_, err = k.payee.Propose(k.ctx(), other)
	wantReason(t, err, adapters.ErrNoConsent, "NO_CONSENT")
}

// The fee follows the policy as that of every spend does.
func TestCooperativeFees(t *testing.T) {
	k := newKit(t)
	_, p := k.locked("swap", 1)
	var rates []uint64
	for _, now := range []int64{0, 97_000, 100_000} {
		p.Fees = adapters.FeePolicy{Now: now, Deadline: 100_000, Budget: htlc.NewAmount(11_100)}
		tx := k.together(p)
		rates = append(rates, tx.FeeRate)
		if fee, _ := tx.Fee.Uint64(); fee > 11_100 {
			t.Errorf("at %d a fee of %d", now, fee)
		}
	}
	if !slices.IsSorted(rates) || rates[0] > 3_000 || rates[2] != 100_000 {
		t.Errorf("rates %v, want from the market's to 100000", rates)
	}
	p.Fees.Budget = htlc.NewAmount(1)
	_, err := k.payee.Propose(k.ctx(), p)
	wantReason(t, err, adapters.ErrBudget, "BUDGET_TOO_SMALL")
}
