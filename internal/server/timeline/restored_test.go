package timeline_test

import (
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/timeline"
)

// lost is a swap that is opened again from a copy of its Terms.
func lost(t *testing.T, self int) htlc.Swap {
	t.Helper()
	s := opened(t, self)
	e := htlc.TermsSigned{Terms: s.Terms, Self: self, Signatures: signatures(s.Terms), Restored: true}
	return happen(t, htlc.Swap{}, e, tip(0, 100, start), tip(1, 500, start))
}

// The owner of a restored swap is told that nothing is locked by itself, and
// how the swap is ended.
func TestRestored(t *testing.T) {
	for self := range 2 {
		s := lost(t, self)
		says(t, s, timeline.WaitFunding, "reads")
		s = happen(t, s, htlc.LegSearched{Leg: 0}, htlc.LegSearched{Leg: 1})
		v := says(t, s, timeline.WaitFunding, "no lock of this node's is seen")
		if v.Otherwise == nil || !strings.Contains(v.Otherwise.Text, "kofo swap cancel") || v.Next.Leg != s.Out() {
			t.Errorf("party %d: next %+v, otherwise %+v", self, v.Next, v.Otherwise)
		}
		if !strings.Contains(v.Risk.Why, "forgotten") || v.Risk.AtRisk {
			t.Errorf("party %d: risk %+v", self, v.Risk)
		}
		if closed := happen(t, s, htlc.CancelRequested{}); closed.Outcome != htlc.OutcomeCancelled {
			t.Errorf("party %d: the cancel that it is told of ends %s", self, closed.Outcome)
		}
	}
}

// A lock that was signed before the backup is waited for, then made impossible.
func TestRestoredFromABackup(t *testing.T) {
	s := happen(t, opened(t, 0), tip(0, 100, start), tip(1, 500, start), prepared(0), htlc.Restored{})
	v := says(t, s, timeline.WaitFunding, "may be on its way")
	if v.Otherwise == nil || v.Otherwise.Kind != timeline.Abandon || v.Otherwise.At != s.Terms.Legs[0].FundBy {
		t.Errorf("otherwise %+v", v.Otherwise)
	}
	s = happen(t, s, tip(0, 200, s.Terms.Legs[0].FundBy+1))
	says(t, s, timeline.Abandon, "too late")
}
