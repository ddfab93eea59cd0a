package server

import (
	"strings"
	"testing"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

func consentTerms() htlc.Terms {
	leg := htlc.Leg{Asset: "eip155:1337/slip44:60", FundBy: 100}
	return htlc.Terms{Legs: []htlc.Leg{leg, leg}, Parties: make([]htlc.PartyID, 2)}
}

// TestHistoryOfConsent: what was consented to, and what follows from it.
func TestHistoryOfConsent(t *testing.T) {
	d := describer{s: &Server{}, terms: consentTerms(), self: 1}
	for want, e := range map[string]htlc.Event{
		"neither locks coins nor shows the secret":  htlc.ConsentGiven{Leg: 0, Intent: htlc.IntentRefund},
		"takes this node's lock":                    htlc.ConsentGiven{Leg: 1, Intent: htlc.IntentRedeem},
		"did not come":                              htlc.ConsentFailed{Leg: 0},
		"The redeem with the other party's consent": htlc.Submitted{Leg: 0, Purpose: htlc.PurposeConsent, TxID: "x"},
		"The early refund with":                     htlc.Submitted{Leg: 1, Purpose: htlc.PurposeConsent, TxID: "x"},
	} {
		entry := &kofov1.HistoryEntry{}
		d.describe(entry, e)
		if !strings.Contains(entry.GetText(), want) {
			t.Errorf("%s: %q, want %q in it", e.Kind(), entry.GetText(), want)
		}
	}
}

// nowhere is an engine that has read no chain.
type nowhere struct{ Engine }

func (nowhere) Cursor(htlc.ChainID) (engine.Cursor, bool) { return engine.Cursor{}, false }

// TestWhoGotALegClosedByConsent: the status alone does not tell.
func TestWhoGotALegClosedByConsent(t *testing.T) {
	for want, intent := range map[bool]htlc.Intent{true: htlc.IntentRedeem, false: htlc.IntentRefund} {
		legs := make([]htlc.LegState, 2)
		legs[1].Status, legs[1].Intent = htlc.LegSpentByConsent, intent
		leg := (&Server{o: Options{Engine: nowhere{}}}).legView(htlc.Swap{Terms: consentTerms(), Self: 1, Legs: legs}, 1)
		if leg.GetPaid() != want || leg.GetStatus() != kofov1.LegStatus_LEG_STATUS_CLOSED_BY_CONSENT {
			t.Errorf("intent %d: %v", intent, leg)
		}
	}
}

// TestCauseOfAForgottenConsent: a restored swap does not say who was paid.
func TestCauseOfAForgottenConsent(t *testing.T) {
	swap := htlc.Swap{Phase: htlc.PhaseClosed, Outcome: htlc.OutcomeConsented, Legs: make([]htlc.LegState, 2)}
	swap.Legs[0].Status = htlc.LegSpentByConsent
	for want, intent := range map[string]htlc.Intent{"forgotten": htlc.IntentNone, "came back": htlc.IntentRefund} {
		swap.Legs[0].Intent = intent
		if got, err := newCauseBook(nil).of(t.Context(), swap); err != nil || !strings.Contains(got, want) {
			t.Errorf("intent %d: %q, %v, want %q", intent, got, err, want)
		}
	}
}

// TestCauseOfAConsentedEnd: a consent that came after the end is not its cause.
func TestCauseOfAConsentedEnd(t *testing.T) {
	swap := htlc.Swap{Terms: consentTerms(), Self: 1, Legs: make([]htlc.LegState, 2), Phase: htlc.PhaseClosed, Outcome: htlc.OutcomeCancelled}
	consent := engine.StoredEvent{Event: htlc.ConsentGiven{Leg: 0, Intent: htlc.IntentRefund}}
	tip := engine.StoredEvent{Event: htlc.TipAdvanced{Leg: 1}}
	cancel := engine.StoredEvent{Event: htlc.CancelRequested{}}
	for want, story := range map[string][]engine.StoredEvent{
		"this node consented": {tip, consent}, "cancelled it before": {tip, cancel, consent},
	} {
		if got := neverFunded(swap, story); !strings.Contains(got, want) {
			t.Errorf("%q, want %q in it", got, want)
		}
	}
	swap.Legs[1].Clock = 101
	if got := neverFunded(swap, []engine.StoredEvent{tip, consent}); !strings.Contains(got, "time to fund ran out") {
		t.Errorf("after its fund-by: %q", got)
	}
}
