package htlc_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// fundedParticipant has funded, and its incoming leg is deep enough.
func fundedParticipant(t *testing.T) htlc.Swap {
	t.Helper()
	return tellAll(t, readyToFund(t, 1),
		htlc.FundingChecked{Facts: fundingFacts(startTime + 100)}, htlc.Submitted{Leg: 1, Purpose: htlc.PurposeFund, TxID: "fund"},
		htlc.LegFunded{Leg: 1, TxID: "fund", Ref: "slot1", Block: block(510)},
		htlc.TipAdvanced{Leg: 1, Height: 520, Clock: startTime + 200})
}

func TestOpenRefuses(t *testing.T) {
	terms := testTerms(btc, eth)
	good := signed(terms, 0)
	for name, change := range map[string]func(*htlc.TermsSigned){
		"no such party":  func(e *htlc.TermsSigned) { e.Self = 2 },
		"negative party": func(e *htlc.TermsSigned) { e.Self = -1 },
		"unsigned":       func(e *htlc.TermsSigned) { e.Signatures = nil },
		"other's name":   func(e *htlc.TermsSigned) { e.Signatures = []htlc.Signature{good.Signatures[1], good.Signatures[0]} },
		"heights":        func(e *htlc.TermsSigned) { e.Since = make([]uint64, 3) },
		"bad terms":      func(e *htlc.TermsSigned) { e.Terms.Version = 7 },
	} {
		e := good
		change(&e)
		if next, _, err := htlc.Transition(htlc.Swap{}, e); !errors.Is(err, htlc.ErrRejected) || next.Phase != htlc.PhaseNew {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := htlc.Transition(htlc.Swap{}, nil); !errors.Is(err, htlc.ErrRejected) {
		t.Errorf("no event: %v", err)
	}
}

// TestIdleSwapsSleep: a funded swap that waits asks for no block, only for the
// times that matter, so that ten thousand of them cost nothing.
func TestIdleSwapsSleep(t *testing.T) {
	s := fundedParticipant(t)
	if got := s.Alarms(); len(got) != 1 || got[0] != (htlc.Alarm{Leg: 1, Clock: s.Terms.Legs[1].TimeLock + 1}) {
		t.Errorf("a funded participant asks for %+v", got)
	}
	s = tellAll(t, readyToFund(t, 0),
		htlc.FundingChecked{Facts: fundingFacts(startTime)}, htlc.Submitted{Leg: 0, Purpose: htlc.PurposeFund, TxID: "fund"},
		htlc.LegFunded{Leg: 0, TxID: "fund", Ref: "fund:0", Block: block(101)}, htlc.TipAdvanced{Leg: 0, Height: 110, Clock: startTime + 100})
	for _, a := range s.Alarms() {
		if a.Height > 0 {
			t.Errorf("a funded initiator asks for height %d", a.Height)
		}
	}
	if n := len(s.Alarms()); n != 2 {
		t.Errorf("%d alarms, want time lock and cut-off", n)
	}
}

// TestOneTipForBothLegs: on a shared chain a tip is news while one leg has not
// heard it, though the other learnt the height from its own block.
func TestOneTipForBothLegs(t *testing.T) {
	s := tellAll(t, htlc.Swap{}, signed(testTerms(eth, token), 1),
		htlc.TipAdvanced{Leg: 0, Height: 100, Clock: startTime},
		htlc.LegFunded{Leg: 0, TxID: "fund", Ref: "slot0", Block: block(101)},
		htlc.TipAdvanced{Leg: 0, Height: 101, Clock: startTime})
	if s.Legs[1].Height != 101 {
		t.Errorf("leg 1 was told of height %d", s.Legs[1].Height)
	}
	if _, _, err := step(t, coverage{}, s, htlc.TipAdvanced{Leg: 1, Height: 101, Clock: startTime}); !errors.Is(err, htlc.ErrStale) {
		t.Errorf("told twice: %v", err)
	}
}

// TestToldInTheWrongOrder: a spend that is told before the funding is still
// one when its block is undone.
func TestToldInTheWrongOrder(t *testing.T) {
	s := readyToFund(t, 1)
	s = tellAll(t, s,
		htlc.LegRedeemed{Leg: 1, TxID: "redeem1", Secret: testSecret(), Block: block(520)},
		htlc.LegFunded{Leg: 1, TxID: "fund", Ref: "slot1", Block: block(510)},
		htlc.Reorged{Leg: 1, Block: block(520)})
	if l := s.Legs[1]; !l.Status.Locked() || l.FundRef != "slot1" || s.Phase != htlc.PhaseRedeeming {
		t.Errorf("%s, leg %+v", s.Phase, l)
	}
}

// TestOtherOutput: what happens to a second output of the same contract says
// nothing of the leg, but a secret is a secret.
func TestOtherOutput(t *testing.T) {
	s := fundedParticipant(t)
	for _, e := range []htlc.Event{
		htlc.LegFunded{Leg: 0, TxID: "again", Ref: "again:0", Block: block(600)},
		htlc.LegRefunded{Leg: 0, TxID: "refund", Ref: "again:0", Block: block(601)},
		htlc.LegClosedByConsent{Leg: 1, TxID: "both", Ref: "slot9", Block: block(602)},
	} {
		if _, _, err := step(t, coverage{}, s, e); !errors.Is(err, htlc.ErrStale) {
			t.Errorf("%s: %v", e.Kind(), err)
		}
	}
	s = tellAll(t, s, htlc.LegRedeemed{Leg: 1, TxID: "redeem", Ref: "slot9", Secret: testSecret(), Block: block(603)})
	if s.Phase != htlc.PhaseRedeeming || s.Legs[1].Status != htlc.LegConfirmed {
		t.Errorf("%s, leg %s", s.Phase, s.Legs[1].Status)
	}
}

// TestSightingOpensNoGate: a transaction on our own contract that is in no
// block lets nothing out, whoever sent it.
func TestSightingOpensNoGate(t *testing.T) {
	fund := htlc.Effect{Kind: htlc.EffectFundLeg, Leg: 1}
	opened := tellAll(t, htlc.Swap{}, signed(testTerms(btc, eth), 1))
	for name, s := range map[string]htlc.Swap{"prepared": readyToFund(t, 1), "unprepared": opened} {
		for _, txid := range []string{"strangers", "fund"} {
			next, effects, err := step(t, coverage{}, s, htlc.LegSeen{Leg: 1, TxID: txid})
			if err != nil || next.Wants(fund) || len(effects) > 0 && effects[0] == fund {
				t.Errorf("%s, sighting of %s: %v %v", name, txid, effects, err)
			}
		}
	}
}

// TestDeadFunding: a funding that can never be in a block ends the wait for
// it, before and after the secret is out.
func TestDeadFunding(t *testing.T) {
	s := tellAll(t, readyToFund(t, 1),
		htlc.FundingChecked{Facts: fundingFacts(startTime + 100)}, htlc.Submitted{Leg: 1, Purpose: htlc.PurposeFund, TxID: "fund"})
	if got := tellAll(t, s, htlc.Withheld{Purpose: htlc.PurposeFund}); got.Outcome != htlc.OutcomeCancelled {
		t.Errorf("%s %s", got.Phase, got.Outcome)
	}
	s = tellAll(t, s,
		htlc.SecretSeen{Leg: 1, TxID: "message", Secret: testSecret()},
		htlc.LegRedeemed{Leg: 0, TxID: "redeem0", Secret: testSecret(), Block: block(110)},
		htlc.TipAdvanced{Leg: 0, Height: 112, Clock: startTime + 300})
	if s.Phase != htlc.PhaseRedeeming {
		t.Fatalf("%s: our own funding may still come", s.Phase)
	}
	if got := tellAll(t, s, htlc.Withheld{Purpose: htlc.PurposeFund}); got.Outcome != htlc.OutcomeWindfall {
		t.Errorf("%s %s", got.Phase, got.Outcome)
	}
}

func TestWants(t *testing.T) {
	s := readyToReveal(t)
	for _, c := range []struct {
		e    htlc.Effect
		want bool
	}{
		{htlc.Effect{Kind: htlc.EffectCheckReveal, Leg: 1}, true},
		{htlc.Effect{Kind: htlc.EffectCheckReveal, Leg: 0}, false},
		{htlc.Effect{Kind: htlc.EffectRevealAndRedeem, Leg: 1}, false},
		{htlc.Effect{Kind: htlc.EffectWatch, Leg: 0}, true},
		{htlc.Effect{Kind: htlc.EffectAlarm, Leg: 0, Detail: htlc.AlarmReorg}, true},
		{htlc.Effect{Kind: htlc.EffectRelease}, true},
	} {
		if got := s.Wants(c.e); got != c.want {
			t.Errorf("%+v: %v", c.e, got)
		}
	}
	for _, k := range htlc.EffectKinds() {
		always := k == htlc.EffectAlarm || k == htlc.EffectUnwatch || k == htlc.EffectRelease
		if (htlc.Swap{}).Wants(htlc.Effect{Kind: k}) != always {
			t.Errorf("an empty swap wants %s: %v", k, !always)
		}
	}
}

func TestStoredSwapRefused(t *testing.T) {
	good := fundedParticipant(t)
	for name, change := range map[string]func(*htlc.Swap){
		"id":       func(s *htlc.Swap) { s.ID[0] ^= 1 },
		"unsigned": func(s *htlc.Swap) { s.Signed = false },
		"self":     func(s *htlc.Swap) { s.Self = 2 },
		"legs":     func(s *htlc.Swap) { s.Legs = s.Legs[:1] },
		"parties":  func(s *htlc.Swap) { s.Terms.Parties = s.Terms.Parties[:1]; s.ID = s.Terms.ID() },
		"phase":    func(s *htlc.Swap) { s.Phase = 9 },
		"outcome":  func(s *htlc.Swap) { s.Outcome = htlc.OutcomeSwapped },
		"closed":   func(s *htlc.Swap) { s.Phase = htlc.PhaseClosed },
		"secret":   func(s *htlc.Swap) { v := testSecret(); s.Secret = &v },
		"wrong secret": func(s *htlc.Swap) {
			v, _ := htlc.NewSecret(make([]byte, 32))
			s.Secret, s.Phase = &v, htlc.PhaseRedeeming
		},
		"revealing":  func(s *htlc.Swap) { s.Phase = htlc.PhaseRevealing },
		"funding":    func(s *htlc.Swap) { s.Phase, s.Announced, s.FundingAllowed = htlc.PhaseFunding, false, false },
		"no funding": func(s *htlc.Swap) { s.FundingTx = "" },
		"announced":  func(s *htlc.Swap) { s.Phase = htlc.PhaseAgreed },
		"leg status": func(s *htlc.Swap) { s.Legs[0].Status = 7 },
		"no block":   func(s *htlc.Swap) { s.Legs[0].FundBlock = htlc.BlockID{} },
		"new":        func(s *htlc.Swap) { s.Phase = htlc.PhaseNew },
	} {
		s := deepCopy(good)
		change(&s)
		if _, err := htlc.DecodeSwap(encode(t, s)); !errors.Is(err, htlc.ErrStored) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, raw := range []string{"", "{}", `{"Kind":"other"}`, `{"Kind":"secret-seen","Body":{}}`, `{"Kind":"leg-seen","Body":[]}`, `{"Kind":"leg-redeemed","Body":[],"Secret":"` + strings.Repeat("0", 64) + `"}`} {
		if _, err := htlc.DecodeEvent([]byte(raw)); !errors.Is(err, htlc.ErrStored) {
			t.Errorf("event %s: %v", raw, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{htlc.PhaseRevealing.String(), "revealing"}, {htlc.Phase(99).String(), "closed"},
		{htlc.OutcomeLost.String(), "lost"}, {htlc.LegSpentByConsent.String(), "closed-by-consent"},
		{htlc.PurposeRefund.String(), "refund"}, {htlc.Purpose(0).String(), "unknown"}, {htlc.CheckOpen.String(), "open"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
