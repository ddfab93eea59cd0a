package agreement

import (
	"slices"
	"testing"
	"time"
)

// script is a scenario of calls, each repeated by its caller when the power
// of the node was cut.
type script func(t *testing.T, w *world)

func repeat(n *node, f func()) {
	for !n.survives(f) {
	}
}

func offerAndAccept(t *testing.T, w *world) {
	req := sendBTC()
	req.Request = "r"
	var ticket string
	repeat(w.a, func() { ticket = w.a.offer(req).Ticket() })
	repeat(w.b, func() { w.b.accept(ticket, false) })
}

func offerAndAcceptByHand(t *testing.T, w *world) {
	req := sendBTC()
	req.Request, req.ByHand = "r", true
	var ticket, acceptance, countersignature string
	repeat(w.a, func() { ticket = w.a.offer(req).Ticket() })
	repeat(w.b, func() {
		acceptance = w.b.accept(ticket, true).Acceptance()
		w.wire.sent[acceptance] = true
	})
	repeat(w.a, func() {
		r, err := w.a.service.Countersign(ctxOf(t), acceptance)
		if err != nil {
			t.Fatal(err)
		}
		countersignature = r.Countersignature()
		w.wire.answer[countersignature] = true
	})
	repeat(w.b, func() {
		if _, err := w.b.service.Complete(ctxOf(t), countersignature); err != nil {
			t.Fatal(err)
		}
	})
}

// cutEverywhere runs a script once for every edge that a node passes in it,
// with the power cut there.
func cutEverywhere(t *testing.T, run script, atLeast int, check func(t *testing.T, w *world)) {
	t.Helper()
	for who, victim := range map[string]func(*world) *node{
		"initiator":   func(w *world) *node { return w.a },
		"participant": func(w *world) *node { return w.b },
	} {
		w := newWorld(t)
		w.wire.edges = w.b.edges
		run(t, w)
		total := victim(w).edges.passed
		if total < atLeast {
			t.Fatalf("only %d edges of the %s", total, who)
		}
		for cut := 1; cut <= total; cut++ {
			w := newWorld(t)
			w.wire.edges = w.b.edges
			victim(w).edges.cutAt = cut
			run(t, w)
			if t.Failed() {
				t.Fatalf("cut of the %s at edge %d", who, cut)
			}
			check(t, w)
			if t.Failed() {
				t.Fatalf("after a cut of the %s at edge %d", who, cut)
			}
		}
	}
}

// TestSafety_D1_AgreementCutAtEveryEdge: whatever edge the power is cut at,
// repeating the call ends in one swap, and nothing that was let out of a hand
// was ever let out in another form.
func TestSafety_D1_AgreementCutAtEveryEdge(t *testing.T) {
	check := func(t *testing.T, w *world) {
		for range 3 {
			w.pass(maxPause)
			w.a.tick(w)
			w.b.tick(w)
		}
		offers := w.a.store.all()
		if len(offers) != 1 {
			t.Fatalf("%d offers", len(offers))
		}
		wantAgreed(t, w, offers[0].ID())
		if len(w.wire.sent) != 1 || len(w.wire.answer) != 1 {
			t.Errorf("%d acceptances and %d countersignatures", len(w.wire.sent), len(w.wire.answer))
		}
		if len(w.a.swaps.opened) != 1 || len(w.b.swaps.opened) != 1 {
			t.Error("several swaps")
		}
	}
	t.Run("peer", func(t *testing.T) { cutEverywhere(t, offerAndAccept, 10, check) })
	t.Run("hand", func(t *testing.T) { cutEverywhere(t, offerAndAcceptByHand, 10, check) })
}

// TestNothingStaysReserved: after a cut at any edge that nobody comes back to,
// time alone frees everything that no swap holds.
func TestNothingStaysReserved(t *testing.T) {
	once := func(t *testing.T, w *world) {
		var ticket string
		if w.a.survives(func() { ticket = w.a.offer(sendBTC()).Ticket() }) {
			w.b.survives(func() { w.b.accept(ticket, false) })
		}
	}
	cutEverywhere(t, once, 4, func(t *testing.T, w *world) {
		w.wire.down = true
		for range 3 {
			w.pass(24 * time.Hour)
			w.a.tick(w)
			w.b.tick(w)
		}
		for i, n := range []*node{w.a, w.b} {
			for _, r := range n.store.all() {
				owner := r.ID().String()
				if slices.Contains(n.holds(), owner) || !r.Settled {
					t.Errorf("node %d: %s (settled %t) still holds", i, r.State, r.Settled)
				}
				if len(n.swaps.opened) == 0 && len(n.holds()) > 0 {
					t.Errorf("node %d holds %v without a swap", i, n.holds())
				}
			}
		}
	})
}

// TestCancelCutAtEveryEdge: a cancelled offer is never bound afterwards, and
// frees its coins.
func TestCancelCutAtEveryEdge(t *testing.T) {
	cancel := func(t *testing.T, w *world) {
		offer := w.a.offer(sendBTC())
		r := w.b.accept(offer.Ticket(), true)
		repeat(w.a, func() {
			if _, err := w.a.service.Cancel(ctxOf(t), offer.ID()); err != nil {
				t.Fatal(err)
			}
		})
		_, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
		wantReason(t, err, TicketCancelled)
	}
	for cut := 6; cut <= 10; cut++ { // the first six edges are the offer's
		w := newWorld(t)
		w.a.edges.cutAt = cut + 1
		cancel(t, w)
		w.a.tick(w)
		if holds := w.a.holds(); len(holds) > 0 {
			t.Errorf("cut at %d: holds %v", cut, holds)
		}
	}
}
