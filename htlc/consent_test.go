package htlc_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

var held = htlc.ConsentFacts{SecretHeld: passed}

// revealed is the Initiator's swap with its redeem sent.
func revealed(t *testing.T) htlc.Swap {
	t.Helper()
	return tellAll(t, readyToReveal(t),
		htlc.RevealChecked{Facts: revealFacts(startTime + 200)},
		htlc.Submitted{Leg: 1, Purpose: htlc.PurposeRedeem, TxID: "redeem1"})
}

// middle is the second of three parties: its incoming leg is redeemed by it.
func middle(t *testing.T) htlc.Swap {
	t.Helper()
	return tellAll(t, tellAll(t, htlc.Swap{}, signed(testTerms(btc, eth, ltc), 1)),
		htlc.LegFunded{Leg: 0, TxID: "fund0", Ref: "fund0:0", Block: block(101)},
		htlc.TipAdvanced{Leg: 0, Height: 103, Clock: startTime + 100},
		htlc.FundingPrepared{TxID: "fund"}, htlc.FundingChecked{Facts: fundingFacts(startTime + 100)},
		htlc.LegFunded{Leg: 1, TxID: "fund", Ref: "slot1", Block: block(510)},
		htlc.SecretSeen{Leg: 1, TxID: "redeem", Secret: testSecret()},
		htlc.Submitted{Leg: 0, Purpose: htlc.PurposeRedeem, TxID: "redeem0"})
}

// TestConsentToRedeem: every condition with a swap in which it alone blocks.
func TestConsentToRedeem(t *testing.T) {
	for name, s := range map[string]htlc.Swap{"initiator": revealed(t), "participant": middle(t)} {
		out := s.Out()
		if v := htlc.ConsentRule(s, out, htlc.IntentRedeem, held); !v.Allows() {
			t.Fatalf("%s is held by %+v", name, v.Holding())
		}
		paid := deepCopy(s)
		paid.Released, paid.Legs[s.In()].Status = false, htlc.LegSpentRedeemed
		if v := htlc.ConsentRule(paid, out, htlc.IntentRedeem, held); !v.Allows() {
			t.Errorf("%s was paid, and is held by %+v", name, v.Holding())
		}
		for what, c := range map[string]struct {
			condition htlc.Condition
			set       func(*htlc.Swap)
		}{
			"unsigned":         {htlc.CondSignatures, func(s *htlc.Swap) { s.Signed = false }},
			"own proposal":     {htlc.CondOneIntent, func(s *htlc.Swap) { s.Legs[out].Intent = htlc.IntentRefund }},
			"not released":     {htlc.CondPaid, func(s *htlc.Swap) { s.Released = false }},
			"incoming undone":  {htlc.CondPaid, func(s *htlc.Swap) { s.Legs[s.In()].Status = htlc.LegUnfunded }},
			"incoming gone":    {htlc.CondPaid, func(s *htlc.Swap) { s.Legs[s.In()].Status = htlc.LegSpentRefunded }},
			"taken by consent": {htlc.CondPaid, func(s *htlc.Swap) { s.Legs[s.In()].Status = htlc.LegSpentByConsent }},
			"redeem too late": {htlc.CondPaid, func(s *htlc.Swap) {
				leg := s.Terms.Legs[s.In()]
				s.Legs[s.In()].Clock = leg.RedeemDeadline() - int64(leg.Timing.ClockLag) + 1
			}},
		} {
			changed := deepCopy(s)
			c.set(&changed)
			t.Run(name+" "+what, func(t *testing.T) {
				expectAlone(t, htlc.ConsentRule(changed, out, htlc.IntentRedeem, held), c.condition, htlc.CheckBlocked)
			})
		}
		expectAlone(t, htlc.ConsentRule(s, s.In(), htlc.IntentRedeem, held), htlc.CondOursToGive, htlc.CheckBlocked)
		expectAlone(t, htlc.ConsentRule(s, out, htlc.IntentNone, held), htlc.CondOursToGive, htlc.CheckBlocked)
		expectAlone(t, htlc.ConsentRule(s, 7, htlc.IntentRedeem, held), htlc.CondOursToGive, htlc.CheckBlocked)
	}
	for _, o := range []htlc.Observed{{}, {State: htlc.CheckBlocked, Detail: "why"}} {
		v := htlc.ConsentRule(revealed(t), 0, htlc.IntentRedeem, htlc.ConsentFacts{SecretHeld: o})
		expectAlone(t, v, htlc.CondSecretHeld, o.State)
	}
	unknown := middle(t) // the facts are the Initiator's alone
	unknown.Secret = nil
	expectAlone(t, htlc.ConsentRule(unknown, 1, htlc.IntentRedeem, held), htlc.CondSecretHeld, htlc.CheckBlocked)
	expectAlone(t, htlc.ConsentRule(htlc.Swap{}, 0, htlc.IntentRedeem, held), htlc.CondSignatures, htlc.CheckBlocked)
}

// TestConsentToRefund: the same for the payee's side.
func TestConsentToRefund(t *testing.T) {
	never := readyToFund(t, 1)
	back := tellAll(t, fundedParticipant(t),
		htlc.TipAdvanced{Leg: 1, Height: 521, Clock: testTerms(btc, eth).Legs[1].TimeLock + 1},
		htlc.LegRefunded{Leg: 1, TxID: "refund", Block: block(522)},
		htlc.TipAdvanced{Leg: 1, Height: 524, Clock: testTerms(btc, eth).Legs[1].TimeLock + 9})
	byConsent := deepCopy(back)
	byConsent.Legs[1].Status, byConsent.Legs[1].Intent = htlc.LegSpentByConsent, htlc.IntentRefund
	for name, s := range map[string]htlc.Swap{"never funded": never, "refunded": back, "refunded by consent": byConsent} {
		if v := htlc.ConsentRule(s, 0, htlc.IntentRefund, htlc.ConsentFacts{}); !v.Allows() {
			t.Fatalf("%s: held by %+v", name, v.Holding())
		}
		for what, c := range map[string]struct {
			condition htlc.Condition
			set       func(*htlc.Swap)
		}{
			"unsigned":     {htlc.CondSignatures, func(s *htlc.Swap) { s.Signed = false }},
			"own proposal": {htlc.CondOneIntent, func(s *htlc.Swap) { s.Legs[0].Intent = htlc.IntentRedeem }},
			"own leg out": {htlc.CondOutgoing, func(s *htlc.Swap) {
				s.Announced, s.Legs[1].Status = true, htlc.LegConfirmed
			}},
			"own leg announced": {htlc.CondOutgoing, func(s *htlc.Swap) {
				s.Announced, s.Legs[1] = true, htlc.LegState{}
			}},
			"not buried": {htlc.CondOutgoing, func(s *htlc.Swap) { s.Announced, s.Legs[1].Buried = true, false }},
			"taken": {htlc.CondOutgoing, func(s *htlc.Swap) {
				s.Announced, s.Legs[1].Status = true, htlc.LegSpentRedeemed
			}},
			"taken by consent": {htlc.CondOutgoing, func(s *htlc.Swap) {
				s.Announced, s.Legs[1].Status, s.Legs[1].Intent = true, htlc.LegSpentByConsent, htlc.IntentRedeem
			}},
			"by an unknown consent": {htlc.CondOutgoing, func(s *htlc.Swap) {
				s.Announced, s.Legs[1].Status, s.Legs[1].Intent = true, htlc.LegSpentByConsent, htlc.IntentNone
			}},
			"secret seen": {htlc.CondSecretKept, func(s *htlc.Swap) { secret := testSecret(); s.Secret = &secret }},
			"redeem sent": {htlc.CondSecretKept, func(s *htlc.Swap) { s.Released = true }},
			"revealing":   {htlc.CondSecretKept, func(s *htlc.Swap) { s.Phase = htlc.PhaseRevealing }},
		} {
			changed := deepCopy(s)
			c.set(&changed)
			t.Run(name+" "+what, func(t *testing.T) {
				expectAlone(t, htlc.ConsentRule(changed, 0, htlc.IntentRefund, htlc.ConsentFacts{}), c.condition, htlc.CheckBlocked)
			})
		}
	}
	gift := deepCopy(back) // a gift came back; our own funding may be out still
	gift.Terms = withoutDeployments(testTerms(eth, btc))
	gift.Legs[1].FundTx = "gift"
	expectAlone(t, htlc.ConsentRule(gift, 0, htlc.IntentRefund, htlc.ConsentFacts{}), htlc.CondOutgoing, htlc.CheckBlocked)
}

// TestConsentForfeits: who gave its incoming leg back neither funds nor
// reveals, whatever else is in order.
func TestConsentForfeits(t *testing.T) {
	for self := range 2 {
		s := readyToFund(t, self)
		s.Legs[s.In()].Intent = htlc.IntentRefund
		expectAlone(t, htlc.FundingGate(s, fundingFacts(startTime)), htlc.CondNotForsworn, htlc.CheckBlocked)
		s.FundingTx = ""
		if _, _, err := htlc.Transition(s, htlc.FundingPrepared{TxID: "late"}); !errors.Is(err, htlc.ErrStale) {
			t.Errorf("a funding was signed meanwhile, and counts: %v", err)
		}
	}
	s := readyToReveal(t)
	s.Legs[1].Intent = htlc.IntentRefund
	expectAlone(t, htlc.RevealGate(s, revealFacts(startTime+200)), htlc.CondNotForsworn, htlc.CheckBlocked)
	if s.Wants(htlc.Effect{Kind: htlc.EffectCheckReveal, Leg: 1}) {
		t.Error("the reveal of a forfeited secret is still wanted")
	}
}

// TestConsentIsStoredOnce: the event binds the leg, once, also after the end.
func TestConsentIsStoredOnce(t *testing.T) {
	s := tellAll(t, readyToFund(t, 1), htlc.CancelRequested{})
	consent := htlc.ConsentGiven{Leg: 0, Intent: htlc.IntentRefund}
	s, effects, err := step(t, coverage{}, s, consent)
	if err != nil || len(effects) != 0 || s.Legs[0].Intent != htlc.IntentRefund || s.Outcome != htlc.OutcomeCancelled {
		t.Fatalf("%v, effects %v, %+v", err, effects, s)
	}
	if _, _, err := step(t, coverage{}, s, consent); !errors.Is(err, htlc.ErrStale) {
		t.Errorf("given again: %v", err)
	}
	held := tellAll(t, fundedParticipant(t))
	if _, _, err := step(t, coverage{}, held, consent); !errors.Is(err, htlc.ErrConsentHeld) || !errors.Is(err, htlc.ErrRejected) {
		t.Errorf("with our leg out: %v", err)
	}
}

// TestSafety_A12_ConsentNeverLosesBothLegs: parties that ask each other and
// are asked by an adversary that uses what it got when it hurts most, among
// crashes, lost answers, late fundings and reorganisations.
func TestSafety_A12_ConsentNeverLosesBothLegs(t *testing.T) {
	t.Run("one party", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			for range 20 {
				walkConsents(rt)
			}
		})
	})
	r := reached{pairs: coverage{}, outcomes: map[string]int{}, grants: grants{}}
	t.Run("the world", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			w := newWorld(rt, rapid.IntRange(2, 4).Draw(rt, "parties"), r, true)
			for i := range w.habits {
				w.habits[i].consent = true
			}
			w.run()
			checkEnd(w, r)
		})
	})
	t.Log(r.outcomes, r.grants)
	for _, want := range []string{"redeem consented", "refund consented", "redeem sent", "refund sent"} {
		if r.grants[want] == 0 {
			t.Errorf("no run in which: %s", want)
		}
	}
}
