package agreement

import (
	"errors"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// TestRivalBindsFirst: another process binds another acceptance between our
// look at the offer and our write. Whether it lived to sign or not, ours loses.
func TestRivalBindsFirst(t *testing.T) {
	for name, dies := range map[string]bool{"and signs": false, "and dies": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			offer := w.a.offer(sendBTC())
			ours := w.b.accept(offer.Ticket(), true)
			theirs := w.node(3).accept(offer.Ticket(), true)
			rival, err := New(w.a.options)
			if err != nil {
				t.Fatal(err)
			}
			raced := false
			w.a.store.before = func(r Record) error {
				switch {
				case dies && r.State == StateAgreed && r.Swap() == theirs.Swap():
					return errors.New("power cut")
				case !raced && r.State == StateBound:
					raced = true
					_, err := rival.Countersign(ctxOf(t), theirs.Acceptance())
					if (err != nil) != dies {
						t.Errorf("rival: %v", err)
					}
				}
				return nil
			}
			_, err = w.a.service.Countersign(ctxOf(t), ours.Acceptance())
			wantReason(t, err, TicketUsed)
			w.a.store.before = nil
			r := w.a.find(offer.ID())
			if r.Swap() != theirs.Swap() || r.Signatures[1] != theirs.Signatures[1] {
				t.Error("the offer is bound to the later acceptance")
			}
			w.pass(maxPause)
			w.a.tick(w)
			if r := w.a.find(offer.ID()); r.State != StateAgreed || len(w.a.swaps.opened) != 1 {
				t.Errorf("after a tick: %s, %d swaps", r.State, len(w.a.swaps.opened))
			}
		})
	}
}

// TestBoundIsSignedByTick: what was bound before a crash is signed without
// anybody asking again, but only within its time.
func TestBoundIsSignedByTick(t *testing.T) {
	for name, late := range map[string]bool{"in time": false, "late": true} {
		w := newWorld(t)
		offer := w.a.offer(sendBTC())
		ours := w.b.accept(offer.Ticket(), true)
		w.a.store.before = func(r Record) error {
			if r.State == StateAgreed {
				return errors.New("power cut")
			}
			return nil
		}
		_, err := w.a.service.Countersign(ctxOf(t), ours.Acceptance())
		wantReason(t, err, StoreUnavailable)
		w.a.store.before = nil
		if got := w.a.find(offer.ID()).State; got != StateBound {
			t.Fatalf("%s: %s", name, got)
		}
		want := StateAgreed
		if late {
			want = StateExpired
			w.pass(2 * DefaultValidFor)
		}
		w.a.restart()
		w.a.tick(w)
		if r := w.a.find(offer.ID()); r.State != want || !r.Settled {
			t.Errorf("%s: %s, settled %t", name, r.State, r.Settled)
		}
	}
}

// TestDurableBeforeVisible: where the store fails, a step says so and lets
// nothing out of its hand; the same step again succeeds.
func TestDurableBeforeVisible(t *testing.T) {
	w := newWorld(t)
	full := func(Record) error { return errors.New("disk full") }
	req := sendBTC()
	req.Request = "r"
	var offer, answer, bound Record
	steps := []struct {
		who *node
		run func() (Record, error)
		out *Record
	}{
		{w.a, func() (Record, error) { return w.a.service.Offer(ctxOf(t), req) }, &offer},
		{w.b, func() (Record, error) {
			a, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket(), ByHand: true})
			return a.Record, err
		}, &answer},
		{w.a, func() (Record, error) { return w.a.service.Countersign(ctxOf(t), answer.Acceptance()) }, &bound},
		{w.b, func() (Record, error) { return w.b.service.Complete(ctxOf(t), bound.Countersignature()) }, &Record{}},
	}
	for i, step := range steps {
		step.who.store.before = full
		opened := len(step.who.swaps.opened)
		_, err := step.run()
		wantReason(t, err, StoreUnavailable)
		if len(step.who.swaps.opened) != opened {
			t.Errorf("step %d opened a swap that is not stored", i)
		}
		step.who.store.before = nil
		if *step.out, err = step.run(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	wantAgreed(t, w, offer.ID())

	offer = w.a.offer(OfferRequest{
		Send: AssetAmount{btc, htlc.NewAmount(10_000)}, Receive: AssetAmount{token, htlc.NewAmount(10_000)},
	})
	w.b.store.before = full
	if _, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()}); err == nil || len(w.wire.sent) > 0 {
		t.Errorf("an acceptance that is not stored was sent: %v", err)
	}
}

// TestForgedCountersignature: without the initiator's own signature the
// participant has no swap.
func TestForgedCountersignature(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	r := w.b.accept(offer.Ticket(), true)
	for name, sig := range map[string]htlc.Signature{"none": {}, "the participant's": r.Signatures[1]} {
		c := htlc.Countersignature{Swap: r.Swap(), Signatures: [2]htlc.Signature{sig, r.Signatures[1]}}
		_, err := w.b.service.Complete(ctxOf(t), c.Text())
		wantReason(t, err, TicketAltered)
		if w.b.find(offer.ID()).State != StateAccepted || len(w.b.swaps.opened) != 0 {
			t.Errorf("%s: taken", name)
		}
	}
	unknown := htlc.Countersignature{Swap: htlc.SwapID{1}}
	_, err := w.b.service.Complete(ctxOf(t), unknown.Text())
	wantReason(t, err, SwapNotFound)
}

// TestOwnTicketAfterRestore: a node that has lost its store knows its own
// ticket by the key.
func TestOwnTicketAfterRestore(t *testing.T) {
	w := newWorld(t)
	ticket := w.a.offer(sendBTC()).Ticket()
	_, err := w.node(1).service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket, ByHand: true})
	wantReason(t, err, TicketOwn)
}
