package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// Each thing is told once, also after a restart, and the secret never.
func TestNarrator(t *testing.T) {
	var out bytes.Buffer
	n := newNarrator(slog.New(slog.NewTextHandler(&out, nil)))
	leg := htlc.Leg{Asset: "eip155:1337/slip44:60", Amount: htlc.NewAmount(7)}
	secret, err := htlc.NewSecret(bytes.Repeat([]byte{0xab}, htlc.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	s := htlc.Swap{
		ID: htlc.SwapID{1}, Phase: htlc.PhaseAgreed, Legs: make([]htlc.LegState, 2),
		Terms: htlc.Terms{Legs: []htlc.Leg{leg, leg}, Parties: make([]htlc.PartyID, 2)},
	}
	told := func(change func(), want ...string) {
		t.Helper()
		s.Legs = append([]htlc.LegState(nil), s.Legs...)
		change()
		out.Reset()
		n.changed([]htlc.Swap{s})
		n.changed([]htlc.Swap{s})
		lines := strings.Count(out.String(), "\n")
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%q is missing in:\n%s", w, out.String())
			}
		}
		if lines != len(want) || strings.Contains(out.String(), "abab") {
			t.Errorf("%d lines, want %d:\n%s", lines, len(want), out.String())
		}
	}
	told(func() {})
	told(func() { s.Phase, s.Legs[0].Status, s.Legs[0].FundTx = htlc.PhaseFunded, htlc.LegInBlock, "f0" }, "leg in-block")
	told(func() { s.Legs[0].Status = htlc.LegConfirmed }, "leg confirmed")
	told(func() { s.Legs[0].Intent = htlc.IntentRefund }, "asking the other party to consent to our refund")
	told(func() { s.Legs[0].ConsentTx = "c0" }, "refund by consent sent")
	told(func() { s.Legs[1].Intent = htlc.IntentRefund }, "consented to the other party's refund")
	n = newNarrator(slog.New(slog.NewTextHandler(&out, nil))) // a restart
	told(func() {})
	told(func() {
		s.Phase, s.Secret, s.Legs[0].Status, s.Legs[0].SpendTx = htlc.PhaseRedeeming, &secret, htlc.LegSpentRedeemed, "r0"
	},
		"leg redeemed", "the secret is out")
	n = newNarrator(slog.New(slog.NewTextHandler(&out, nil)))
	s.Phase, s.Outcome, s.Legs[1].Intent = htlc.PhaseClosed, htlc.OutcomeSwapped, htlc.IntentNone
	out.Reset()
	n.changed([]htlc.Swap{s})
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "outcome=swapped") {
		t.Errorf("the end:\n%s", got)
	}
	out.Reset()
	s.Legs[1].Intent = htlc.IntentRefund // after the end
	n.changed([]htlc.Swap{s})
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "consented to the early refund") {
		t.Errorf("a consent after the end:\n%s", got)
	}
}
