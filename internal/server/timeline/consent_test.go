package timeline_test

import (
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/timeline"
)

// asking is a swap of which the node asks for consent.
func asking(t *testing.T, self int) htlc.Swap {
	t.Helper()
	s := opened(t, self)
	s.AskRedeem, s.AskRefund = true, true
	out := s.Out()
	passed := htlc.Observed{State: htlc.CheckPassed}
	events := []htlc.Event{tip(0, 100, start), tip(1, 500, start)}
	if self == 1 {
		events = append(events, funded(0, 101), tip(0, 103, start+1))
	}
	return happen(t, s, append(events,
		htlc.FundingPrepared{TxID: "fund" + string(rune('0'+out))},
		htlc.FundingChecked{Facts: htlc.FundingFacts{
			Clock: start + 1, StateRead: passed, RedeemRuns: passed, RedeemMeans: passed, TermsCopied: passed, DiskSpace: passed,
		}},
		funded(out, 601))...)
}

func says(t *testing.T, s htlc.Swap, kind timeline.Kind, words string) timeline.View {
	t.Helper()
	v := look(s)
	if v.Next.Kind != kind || !strings.Contains(v.Next.Text, words) {
		t.Errorf("next is %v: %s; want %v with %q", v.Next.Kind, v.Next.Text, kind, words)
	}
	return v
}

// While consent is asked for, the timeline says so, and what happens without.
func TestAskingForConsent(t *testing.T) {
	s := happen(t, asking(t, 0), tip(1, 600, opened(t, 0).Terms.CutOff()+1))
	v := says(t, s, timeline.Refund, "asked, with every block")
	if v.Otherwise == nil || v.Otherwise.At != s.Terms.Legs[0].TimeLock || v.Risk.AtRisk {
		t.Errorf("otherwise %+v, risk %+v", v.Otherwise, v.Risk)
	}
	s = happen(t, s, htlc.Submitted{Leg: 0, Purpose: htlc.PurposeConsent, TxID: "both"})
	says(t, s, timeline.Refund, "early refund on bitcoin is sent")
	s = happen(t, s, htlc.LegClosedByConsent{Leg: 0, TxID: "both", Ref: "ref0", Block: block(700)})

	s = happen(t, asking(t, 1), htlc.SecretSeen{Leg: 1, TxID: "redeem1", Secret: secret(t)})
	says(t, s, timeline.Redeem, "asked to consent")
	s = happen(t, s, htlc.Submitted{Leg: 0, Purpose: htlc.PurposeConsent, TxID: "both"})
	says(t, s, timeline.Redeem, "with the other party's consent, is sent")
	s = happen(t, s, htlc.LegClosedByConsent{Leg: 0, TxID: "both", Ref: "ref0", Block: block(700)})
	v = says(t, s, timeline.Bury, "redeem by consent on bitcoin")
	if v.Risk.AtRisk || !strings.Contains(v.Risk.Why, "in a block") {
		t.Errorf("risk %+v", v.Risk)
	}
	s = happen(t, asking(t, 1), htlc.SecretSeen{Leg: 1, TxID: "redeem1", Secret: secret(t)}, htlc.ConsentFailed{Leg: 0})
	says(t, s, timeline.Redeem, "until it is buried")
}
