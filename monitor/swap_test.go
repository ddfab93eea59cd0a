package monitor

import (
	"fmt"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

func TestHappyPath(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.drive(40, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
}

func TestRefundWhenTheParticipantVanishes(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.nodes[1].stop()
	w.drive(120, w.closed(id))
	w.expect(terms, htlc.OutcomeRefunded)
}

func TestRefundWhenTheInitiatorVanishes(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	leg, _ := modelContract(terms, 0)
	w.drive(40, func() bool { mined, _ := w.chains[alpha].count(leg.ID, htlc.PurposeFund); return mined == 1 })
	w.nodes[0].stop()
	w.drive(120, w.closed(id))
	w.expect(terms, htlc.OutcomeNone, htlc.OutcomeRefunded)
	w.nodes[0].start()
	w.drive(120, w.closed(id))
	w.expect(terms, htlc.OutcomeRefunded, htlc.OutcomeRefunded)
}

func input(e htlc.Event) engine.Input { return engine.Input{Event: e} }

func inputOf(id htlc.SwapID, e htlc.Event) engine.Input { return engine.Input{Swap: id, Event: e} }

// Reorganisations at every block of a swap, on both chains, also on nodes
// that forget the blocks they left, and with the party restarted in between.
func TestReorgs(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		for _, restart := range []bool{false, true} {
			for depth := 1; depth <= 3; depth++ {
				t.Run(fmt.Sprintf("depth%d,forgets=%v,restart=%v", depth, forgets, restart), func(t *testing.T) {
					w := newWorld(t)
					w.chains[alpha].forgets, w.chains[beta].forgets = forgets, forgets
					w.startAll()
					terms := w.terms()
					id := w.agree(terms)
					for i := range 14 {
						w.settle()
						n := w.nodes[i%2]
						if restart {
							n.stop()
						}
						w.chains[alpha].mine(1)
						w.chains[beta].mine(1)
						if i%3 == 0 {
							w.settle()
							w.chains[alpha].reorg(min(depth, i+1), true)
							w.chains[beta].reorg(min(depth, i+1), i%2 == 0)
						}
						if restart {
							n.start()
						}
					}
					w.drive(60, w.closed(id))
					w.expect(terms)
					for i, n := range w.nodes {
						if got := n.outcome(id); got == htlc.OutcomeNone || got == htlc.OutcomeLost {
							t.Errorf("node %d: outcome %s", i, got)
						}
					}
				})
			}
		}
	}
}

// Both parties stop and start at every block: nothing is lost, and nothing
// stays pending for ever.
func TestRestartAtEveryBlock(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.drive(60, func() bool {
		if w.closed(id)() {
			return true
		}
		for _, n := range w.nodes {
			n.stop()
		}
		w.chains[alpha].mine(1)
		w.chains[beta].mine(1)
		w.startAll()
		return false
	})
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
	for _, n := range w.nodes {
		if left := n.store.pendingCount(); left != 0 {
			t.Errorf("node %d: %d effects are pending for ever", n.self, left)
		}
	}
}

// What a mempool drops is sent again, in the same bytes, with every block.
func TestEvictedTransactionsAreSentAgain(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	blocks := 0
	w.drive(60, func() bool {
		if blocks++; blocks%2 == 0 {
			w.chains[alpha].evict()
			w.chains[beta].evict()
		}
		return w.closed(id)()
	})
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
}
