package agreement

import (
	"sync"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/wallet"
)

// Pair makes an initiator and a participant that reaches it by peers at
// replyTo. Check fails the test unless both hold the one swap of an offer.
func Pair(t *testing.T, peers Peers, replyTo string) (a, b *Service, identity wallet.Identity, check func(htlc.Salt)) {
	t.Helper()
	w := newWorld(t)
	w.a.options.ReplyTo = replyTo
	w.b.options.Peers = peers
	w.a.restart()
	w.b.restart()
	identity, err := keysOf(t, 1).Identity()
	if err != nil {
		t.Fatal(err)
	}
	return w.a.service, w.b.service, identity, func(id htlc.Salt) { wantAgreed(t, w, id) }
}

// Participant is the identity of the participant of Pair.
func Participant(t *testing.T) (wallet.Identity, error) { return keysOf(t, 2).Identity() }

// Scenarios runs the scenarios that lean on the store, on another store than
// that of the other tests.
func Scenarios(t *testing.T, open func(*testing.T, htlc.PartyID) Store) {
	for name, run := range map[string]func(*testing.T, *world){
		"peer": func(t *testing.T, w *world) {
			offerAndAccept(t, w)
			wantAgreed(t, w, latest(t, w.a))
		},
		"hand": func(t *testing.T, w *world) {
			offerAndAcceptByHand(t, w)
			offerAndAcceptByHand(t, w) // every call of it again
			wantAgreed(t, w, latest(t, w.a))
		},
		"race":        raceOn,
		"same hash":   sameHashOn,
		"cancel":      cancelOn,
		"lost answer": lostAnswerOn,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, n := range []*node{w.a, w.b} {
				n.options.Store = open(t, n.options.Identity.PartyID())
				n.restart()
			}
			run(t, w)
		})
	}
}

// latest is the offer of the request of the scripts.
func latest(t *testing.T, n *node) htlc.Salt {
	t.Helper()
	r, err := n.options.Store.Find(ctxOf(t), Key{Request: "r"})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID()
}

func raceOn(t *testing.T, w *world) {
	offer := w.a.offer(sendBTC())
	rival, err := New(w.a.options)
	if err != nil {
		t.Fatal(err)
	}
	answers := []string{w.b.accept(offer.Ticket(), true).Acceptance(), w.node(3).accept(offer.Ticket(), true).Acceptance()}
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = []*Service{w.a.service, rival}[i%2].Countersign(ctxOf(t), answers[i/2%2])
		})
	}
	wg.Wait()
	for _, err := range errs {
		if got := ReasonOf(err); err != nil && got != TicketUsed && got != StoreUnavailable {
			t.Errorf("refused as %v", err)
		}
	}
	if len(w.a.swaps.opened) != 1 {
		t.Errorf("%d swaps opened", len(w.a.swaps.opened))
	}
}

func sameHashOn(t *testing.T, w *world) {
	w.a.options.Random = zeros{}
	w.a.restart()
	first := w.a.offer(sendBTC())
	if _, err := w.a.service.Cancel(ctxOf(t), first.ID()); err != nil {
		t.Fatal(err)
	}
	_, err := w.a.service.Offer(ctxOf(t), sendBTC())
	wantReason(t, err, TicketUsed)
}

func cancelOn(t *testing.T, w *world) {
	offer := w.a.offer(sendBTC())
	r := w.b.accept(offer.Ticket(), true)
	for id, n := range map[[32]byte]*node{offer.ID(): w.a, r.Swap(): w.b} {
		if got, err := n.service.Cancel(ctxOf(t), id); err != nil || !got.Settled || len(n.holds()) != 0 {
			t.Errorf("%v, settled %t, holds %v", err, got.Settled, n.holds())
		}
	}
	if open, err := w.a.options.Store.Unsettled(ctxOf(t)); err != nil || len(open) != 0 {
		t.Errorf("%d unsettled, %v", len(open), err)
	}
	_, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
	wantReason(t, err, TicketCancelled)
	_, err = w.a.service.Find(ctxOf(t), [32]byte{9})
	wantReason(t, err, SwapNotFound)
}

func lostAnswerOn(t *testing.T, w *world) {
	offer := w.a.offer(sendBTC())
	w.wire.lose = true
	w.b.accept(offer.Ticket(), false)
	w.wire.lose = false
	w.pass(2 * firstPause)
	w.b.restart()
	w.b.tick(w)
	wantAgreed(t, w, offer.ID())
}

// SendBTC is the request of the tests.
func SendBTC() OfferRequest { return sendBTC() }
