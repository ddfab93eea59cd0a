package htlc_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

// reached collects what the model's runs led to.
type reached struct {
	pairs    coverage
	outcomes map[string]int
	grants   grants
	amnesia  bool
}

// checkEnd: nobody who was honest and awake loses, and nobody waits for ever.
func checkEnd(w *world, r reached) {
	for _, p := range w.parties {
		if p == nil {
			continue
		}
		s := p.swap
		kind := "sleeper"
		if p.live {
			kind = "live"
		}
		r.outcomes[kind+" "+s.Outcome.String()]++
		if s.Phase != htlc.PhaseClosed {
			w.Fatalf("party %d hangs in %s: in %+v, out %+v, alarms %+v", s.Self, s.Phase, p.inState(), p.outState(), s.Alarms())
		}
		in, out := p.chain(s.In()).spentBy(s.In()), p.ownFunding()
		checkOutcome(w, p, in, out)
		if out[txFund] && !out[txRedeem] && !out[txRefund] && !out[txCoRedeem] && !out[txCoRefund] {
			w.Fatalf("party %d leaves its leg locked", s.Self)
		}
		if !p.live {
			continue
		}
		if s.Outcome == htlc.OutcomeLost || (out[txRedeem] || out[txCoRedeem]) && !in[txRedeem] && !in[txCoRedeem] {
			w.Fatalf("party %d was honest and awake, and lost both legs: out %v, in %v", s.Self, out, in)
		}
	}
}

// TestSafety_D2_RevealIsNotForgotten: the Initiator loses its database and every
// mempool its redeem, right after its first reveal and in the worst of worlds.
// The copy of the Terms tells that the secret may be out, and neither leg is lost.
func TestSafety_D2_RevealIsNotForgotten(t *testing.T) {
	r := reached{pairs: coverage{}, outcomes: map[string]int{}, grants: grants{}, amnesia: true}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, 2, r, false)
		w.run()
		checkEnd(w, r)
	})
	t.Log(r.outcomes)
}

// TestMachine runs the machine in a world of chains with every fault that the
// Terms provide for, reads the scripts, and fails unless the two together
// reached every pair of phase and event.
func TestMachine(t *testing.T) {
	r := reached{pairs: coverage{}, outcomes: map[string]int{}, grants: grants{}}
	for _, n := range []int{2, 3, 4} {
		t.Run(fmt.Sprintf("model of %d parties", n), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				w := newWorld(rt, n, r, rapid.Bool().Draw(rt, "together"))
				w.run()
				checkEnd(w, r)
			})
		})
	}
	t.Run("scripts", func(t *testing.T) { runScripts(t, r.pairs) })
	t.Log(r.outcomes, r.grants)
	for _, want := range []string{
		"live swapped", "live refunded", "live cancelled", "live windfall", "live consented",
		"sleeper lost", "sleeper swapped", "sleeper refunded",
	} {
		if r.outcomes[want] == 0 {
			t.Errorf("no run ended as %q", want)
		}
	}
	for _, p := range htlc.Phases() {
		for _, k := range htlc.EventKinds() {
			if r.pairs[p][k] == 0 {
				t.Errorf("%s was never told in phase %s", k, p)
			}
		}
	}
}
