package monitor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// failing makes Broadcast of one purpose fail a number of times.
func failing(p htlc.Purpose, times int64, err error) func(htlc.Purpose) error {
	var n atomic.Int64
	return func(q htlc.Purpose) error {
		if q == p && n.Add(1) <= times {
			return err
		}
		return nil
	}
}

var errNonce = &adapters.Error{Reason: "NONCE_TAKEN", Op: "broadcast", Retryable: true, Err: adapters.ErrNonceTaken}

// Nonces belong to whoever broadcasts first: what comes too late is signed
// again, and what was refused is never sent.
func TestATakenNonceIsSignedAgain(t *testing.T) {
	for _, p := range []htlc.Purpose{htlc.PurposeFund, htlc.PurposeRedeem} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, n := range w.nodes {
				n.refuse = failing(p, 2, errNonce)
			}
			w.startAll()
			terms := w.terms()
			id := w.agree(terms)
			w.drive(60, w.closed(id))
			w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
		})
	}
}

// A failure that no retry mends leaves the effect to the next block.
func TestAPermanentFailureWaitsForTheNextBlock(t *testing.T) {
	permanent := &adapters.Error{Reason: "NO", Op: "broadcast", Err: adapters.ErrRejected}
	for _, p := range []htlc.Purpose{htlc.PurposeFund, htlc.PurposeRedeem} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, n := range w.nodes {
				n.refuse = failing(p, 2, permanent)
			}
			w.startAll()
			terms := w.terms()
			id := w.agree(terms)
			w.drive(60, w.closed(id))
			w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
		})
	}
}

// The funding gate opened, the process died before the release, and meanwhile
// the incoming leg is gone: nothing is funded.
func TestFundingIsHeldWhenTheGateHasClosedAgain(t *testing.T) {
	w := newWorld(t)
	terms := w.terms()
	id := terms.ID()
	n := w.nodes[1]
	n.hook = func(edge string) bool { return edge == "commit/after" && n.phase(id) == htlc.PhaseFunding }
	w.startAll()
	w.agree(terms)
	for range 40 {
		w.settle()
		if n.crashed.Load() {
			break
		}
		w.chains[alpha].mine(1)
		w.chains[beta].mine(1)
	}
	n.stop()
	if n.phase(id) != htlc.PhaseFunding {
		t.Fatalf("died in phase %s", n.phase(id))
	}
	w.nodes[0].stop()
	w.chains[alpha].reorg(5, false)
	w.chains[alpha].evict()
	n.hook = nil
	n.start()
	w.drive(60, w.closed(id))
	own, _ := modelContract(terms, 1)
	if _, handed := w.chains[beta].count(own.ID, htlc.PurposeFund); handed != 0 {
		t.Error("the participant funded although the incoming leg is gone")
	}
	w.expect(terms, htlc.OutcomeNone, htlc.OutcomeCancelled)
}

// The effects of a swap that has closed are carried out too, also after a
// restart, when the engine does not know the swap any more.
func TestClosedSwapsAreReleased(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newWorld(t)
		terms := w.terms()
		id := terms.ID()
		var mu sync.Mutex
		var released []string
		for _, n := range w.nodes {
			n.onRelease = func(owner string) {
				mu.Lock()
				defer mu.Unlock()
				released = append(released, owner)
			}
			if restart {
				var died atomic.Bool
				n.hook = func(edge string) bool {
					return edge == "commit/after" && n.outcome(id) != htlc.OutcomeNone && died.CompareAndSwap(false, true)
				}
			}
		}
		w.startAll()
		w.agree(terms)
		w.drive(40, func() bool { return w.closed(id)() && !w.nodes[0].crashed.Load() && !w.nodes[1].crashed.Load() })
		w.wait("both have released", func() bool {
			for _, n := range w.nodes {
				if n.crashed.Load() {
					n.stop()
					n.start()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			return len(released) >= 4 && !slices.ContainsFunc(released, func(o string) bool { return o != id.String() })
		})
		w.wait("nothing is pending", func() bool { return w.nodes[0].store.pendingCount()+w.nodes[1].store.pendingCount() == 0 })
		for _, n := range w.nodes {
			for _, a := range n.adapters {
				w.wait("nothing is watched", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.watched) == 0 })
			}
		}
	}
}

// Effects that nobody can place do not stop the others.
func TestEffectsOfUnknownSwapsAreSkipped(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	for _, n := range w.nodes {
		n.runner.Dispatch([]engine.StoredEffect{
			{ID: engine.EffectID{Swap: htlc.SwapID{9}}, Effect: htlc.Effect{Kind: htlc.EffectRelease}},
			{ID: engine.EffectID{Swap: htlc.SwapID{9}}, Effect: htlc.Effect{Kind: htlc.EffectWatch}, Chain: "test:gamma"},
		}, func(htlc.SwapID) (htlc.Swap, bool) { return htlc.Swap{}, false })
	}
	terms := w.terms()
	id := w.agree(terms)
	w.drive(40, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
}

// An engine that has ended refuses inputs instead of keeping them.
func TestAnEndedEngineRefuses(t *testing.T) {
	p := newStepper(t, newMapStore())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.engine.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.engine.Apply(t.Context(), connect(alpha, 1)); !errors.Is(err, engine.ErrStopped) {
		t.Errorf("error %v", err)
	}
}
