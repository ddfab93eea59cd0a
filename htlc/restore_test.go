package htlc_test

import (
	"errors"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// What a restored swap has forgotten may have been consent to the refund of the
// incoming leg: it funds nothing new, whatever it has stored.
func TestSafety_D2_RestoredMayHaveConsented(t *testing.T) {
	for self := range 2 {
		backup := readyToFund(t, self)
		s := tellAll(t, backup, htlc.Restored{})
		if htlc.FundingGate(s, fundingFacts(startTime+100)).Allows() {
			t.Errorf("party %d: the funding gate opens", self)
		}
		if s.Wants(htlc.Effect{Kind: htlc.EffectCheckFunding, Leg: s.Out()}) {
			t.Errorf("party %d wants to fund", self)
		}
		if next, _, err := htlc.Transition(s, htlc.CancelRequested{}); !errors.Is(err, htlc.ErrNotCancellable) || next.Phase == htlc.PhaseClosed {
			t.Errorf("party %d: cancelled although its stored lock may be out: %v", self, err)
		}
	}
}

// A spend of our leg by consent for which we remember no intent is no refund:
// the swap stays open while the incoming leg is locked, and gives it to nobody.
func TestSafety_D2_ForgottenConsentIsNoRefund(t *testing.T) {
	cutOff := testTerms(btc, eth).CutOff()
	for name, clock := range map[string]int64{"before the cut-off": cutOff - 60, "after it": cutOff + 1} {
		e := signed(testTerms(btc, eth), 0)
		e.Restored, e.AskRefund = true, true
		s := tellAll(t, htlc.Swap{}, e,
			htlc.TipAdvanced{Leg: 1, Height: 600, Clock: clock},
			htlc.TipAdvanced{Leg: 0, Height: 200, Clock: startTime + 900},
			htlc.LegFunded{Leg: 0, TxID: "fund0", Ref: "fund0:0", Block: block(101), Own: true},
			htlc.LegClosedByConsent{Leg: 0, TxID: "theirs", Ref: "fund0:0", Block: block(120)},
			htlc.LegSearched{Leg: 0},
			htlc.LegFunded{Leg: 1, TxID: "fund1", Ref: "slot1", Block: block(510)},
			htlc.LegSearched{Leg: 1})
		if s.Phase == htlc.PhaseClosed {
			t.Errorf("%s: closed as %s while the incoming leg is %s", name, s.Outcome, s.Legs[1].Status)
		}
		if htlc.ConsentRule(s, 1, htlc.IntentRefund, htlc.ConsentFacts{}).Allows() {
			t.Errorf("%s: the incoming leg is given away too", name)
		}
	}
}

// A restored swap may be told of the spend of its own leg before the lock: it
// is a swap all the same, and no windfall.
func TestRestoredInTheWrongOrder(t *testing.T) {
	e := signed(testTerms(btc, eth), 1)
	e.Restored = true
	s := tellAll(t, htlc.Swap{}, e,
		htlc.LegRedeemed{Leg: 1, TxID: "theirs", Ref: "slot1", Block: block(504), Secret: testSecret()},
		htlc.LegFunded{Leg: 1, TxID: "fund1", Ref: "slot1", Block: block(502), Own: true},
		htlc.LegSearched{Leg: 1},
		htlc.LegFunded{Leg: 0, TxID: "fund0", Ref: "fund0:0", Block: block(101)},
		htlc.LegSearched{Leg: 0},
		htlc.LegRedeemed{Leg: 0, TxID: "ours", Ref: "fund0:0", Block: block(120), Secret: testSecret()},
		htlc.TipAdvanced{Leg: 0, Height: 200, Clock: startTime + 900},
		htlc.TipAdvanced{Leg: 1, Height: 600, Clock: startTime + 900})
	if s.Outcome != htlc.OutcomeSwapped {
		t.Errorf("ended as %s in phase %s", s.Outcome, s.Phase)
	}
}

// An Initiator that is restored past its cut-off redeems without a gate exactly
// if what it was restored from says that its reveal may be out.
func TestSafety_D2_ForgottenReveal(t *testing.T) {
	terms := testTerms(btc, eth)
	for name, noted := range map[string]bool{"noted": true, "not noted": false} {
		e := signed(terms, 0)
		e.Restored, e.RevealOut = true, noted
		s := tellAll(t, htlc.Swap{}, e,
			htlc.TipAdvanced{Leg: 1, Height: 600, Clock: terms.CutOff() + 1},
			htlc.TipAdvanced{Leg: 0, Height: 200, Clock: startTime + 900},
			htlc.LegFunded{Leg: 0, TxID: "fund0", Ref: "fund0:0", Block: block(101), Own: true},
			htlc.LegSearched{Leg: 0},
			htlc.LegFunded{Leg: 1, TxID: "fund1", Ref: "slot1", Block: block(510)},
			htlc.LegSearched{Leg: 1})
		if redeems := s.Wants(htlc.Effect{Kind: htlc.EffectRedeem, Leg: 1}); redeems != noted {
			t.Errorf("%s: redeems %t in phase %s", name, redeems, s.Phase)
		}
		// Its own coins come back whatever becomes of the redeem.
		s = tellAll(t, s, htlc.TipAdvanced{Leg: 0, Height: 300, Clock: terms.Legs[0].TimeLock + 1})
		if !s.Wants(htlc.Effect{Kind: htlc.EffectRefundLeg, Leg: 0}) {
			t.Errorf("%s: wants no refund in phase %s", name, s.Phase)
		}
	}
	// A participant has no reveal to note.
	e := signed(terms, 1)
	e.Restored, e.RevealOut = true, true
	if s := tellAll(t, htlc.Swap{}, e); s.Released || s.Phase != htlc.PhaseAgreed {
		t.Errorf("a participant is restored as %s", s.Phase)
	}
	// A backup that was made before the reveal learns of it from the copies.
	if s := tellAll(t, readyToFund(t, 0), htlc.Restored{RevealOut: true}); !s.Released {
		t.Error("a backup does not take the note")
	}
}
