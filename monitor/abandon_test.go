package monitor

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// unmined drives a swap whose participant's funding is taken by a node and
// mined by nobody, until both are done.
func (w *world) unmined(terms htlc.Terms) {
	w.t.Helper()
	w.chains[beta].hold(htlc.PurposeFund, htlc.PurposeAbandon)
	w.startAll()
	id := w.agreeDespiteCrash(terms)
	own, _ := modelContract(terms, 1)
	// It is asked for with every block, and stays the same.
	blocks := 0
	w.drive(100, func() bool {
		if _, handed := w.chains[beta].count(own.ID, htlc.PurposeAbandon); handed > 0 {
			blocks++
		}
		return blocks > 3
	})
	w.chains[beta].hold(htlc.PurposeFund)
	w.drive(150, w.closed(id))
	w.expect(terms, htlc.OutcomeRefunded, htlc.OutcomeCancelled)
	if mined, handed := w.chains[beta].count(own.ID, htlc.PurposeAbandon); mined != 1 || handed != 1 {
		w.t.Errorf("%d abandonments mined of %d", mined, handed)
	}
	if strings.Contains(w.nodes[1].logs.String(), "level=ERROR") {
		w.t.Error("the log shows errors")
	}
}

// A funding that was sent and is not mined is taken back. Were it mined after
// the initiator has its leg again, the initiator could redeem it.
func TestSafety_A4_UnminedFundingIsTakenBack(t *testing.T) {
	w := newWorld(t)
	terms := w.terms()
	w.unmined(terms)
	own, _ := modelContract(terms, 1)
	if _, handed := w.chains[beta].count(own.ID, htlc.PurposeFund); handed != 1 {
		t.Fatalf("%d fundings were sent", handed)
	}
	// Fees have fallen, and it is still in somebody's mempool.
	w.chains[beta].hold()
	w.chains[beta].mine(3)
	if mined, _ := w.chains[beta].count(own.ID, htlc.PurposeFund); mined != 0 {
		t.Error("LOST: the funding was mined after the incoming leg is gone")
	}
}

// The abandonment is undone by a reorganisation before it is buried: the swap
// does not close before it is back, and buried.
func TestReorgOfAnAbandonment(t *testing.T) {
	w := newWorld(t)
	terms := w.terms()
	w.chains[beta].hold(htlc.PurposeFund)
	w.startAll()
	id := w.agree(terms)
	own, _ := modelContract(terms, 1)
	w.drive(100, func() bool { mined, _ := w.chains[beta].count(own.ID, htlc.PurposeAbandon); return mined == 1 })
	w.chains[beta].reorg(1, false)
	w.chains[beta].evict()
	w.settle()
	if w.nodes[1].phase(id) == htlc.PhaseClosed {
		t.Fatal("closed although the abandonment is undone")
	}
	w.drive(150, w.closed(id))
	w.expect(terms, htlc.OutcomeRefunded, htlc.OutcomeCancelled)
}

// A node that dies at any edge of an abandonment sends one, and one only.
func TestSafety_D1_CrashAtEveryEdgeOfAnAbandonment(t *testing.T) {
	for _, edge := range []string{
		"save-abandon/before", "save-abandon/after", "broadcast-abandon/before", "broadcast-abandon/after",
	} {
		t.Run(edge, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var died atomic.Bool
			w.nodes[1].hook = func(e string) bool { return e == edge && died.CompareAndSwap(false, true) }
			w.unmined(w.terms())
			if !died.Load() {
				t.Error("the node did not pass this edge")
			}
		})
	}
}
