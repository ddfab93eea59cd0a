package agreement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// wantAgreed checks that both nodes hold one swap, handed over whole.
func wantAgreed(t *testing.T, w *world, id htlc.Salt) {
	t.Helper()
	a, b := w.a.find(id), w.b.find(id)
	if a.State != StateAgreed || b.State != StateAgreed || a.Swap() != b.Swap() || !a.Settled || !b.Settled {
		t.Fatalf("a is %s (%t), b is %s (%t)", a.State, a.Settled, b.State, b.Settled)
	}
	swap := a.Swap()
	for i, n := range []*node{w.a, w.b} {
		signed, ok := n.swaps.opened[swap]
		if !ok || signed.Self != i {
			t.Fatalf("node %d: swap not opened as party %d", i, signed.Self)
		}
		if who := uint64(i + 1); !slices.Equal(signed.Since, []uint64{100 + who, 200 + who}) {
			t.Errorf("node %d: since %v", i, signed.Since)
		}
		if holds := n.holds(); !slices.Equal(holds, []string{swap.String()}) {
			t.Errorf("node %d: reservations of %v, want those of the swap", i, holds)
		}
	}
	if s := keysOf(t, 1); s != nil {
		secret, err := s.Secret(id)
		if err != nil || secret.Hash() != a.Terms.SecretHash {
			t.Errorf("the secret hash is not that of the initiator's secret: %v", err)
		}
	}
}

func TestAgreementByHand(t *testing.T) {
	w := newWorld(t)
	req := sendBTC()
	req.ByHand = true
	offer := w.a.offer(req)
	if offer.Offer.ReplyTo != "" {
		t.Error("an offer by hand names an address")
	}
	in, err := w.b.service.Inspect(ctxOf(t), offer.Ticket())
	if err != nil || len(in.Against) > 0 || in.Quote.Initiator || in.Quote.Receives.Asset != btc {
		t.Fatalf("inspect: %v %v", err, in.Against)
	}
	accepted := w.b.accept(offer.Ticket(), false)
	if accepted.State != StateAccepted || len(w.wire.sent) != 0 {
		t.Fatalf("state %s, %d sent", accepted.State, len(w.wire.sent))
	}
	a, err := w.a.service.Countersign(ctxOf(t), accepted.Acceptance())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.service.Complete(ctxOf(t), a.Countersignature()); err != nil {
		t.Fatal(err)
	}
	wantAgreed(t, w, offer.ID())
}

func TestAgreementByPeer(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	if r := w.b.accept(offer.Ticket(), false); r.State != StateAgreed {
		t.Fatalf("state %s", r.State)
	}
	wantAgreed(t, w, offer.ID())
}

func TestEveryStepRepeats(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	first := w.b.accept(offer.Ticket(), true).Acceptance()
	w.b.restart()
	if again := w.b.accept(offer.Ticket(), true).Acceptance(); again != first {
		t.Error("the same ticket gives another acceptance")
	}
	var texts []string
	for range 2 {
		r, err := w.a.service.Countersign(ctxOf(t), first)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, r.Countersignature())
		w.pass(48 * time.Hour) // an answer to the bound acceptance has no end
		w.a.restart()
	}
	w.pass(-96 * time.Hour)
	if texts[0] != texts[1] {
		t.Error("the same acceptance gives another countersignature")
	}
	for range 2 {
		if _, err := w.b.service.Complete(ctxOf(t), texts[0]); err != nil {
			t.Fatal(err)
		}
	}
	wantAgreed(t, w, offer.ID())
}

func TestRequestIDMakesOneOffer(t *testing.T) {
	w := newWorld(t)
	req := sendBTC()
	req.Request = "r1"
	var wg sync.WaitGroup
	tickets := make([]string, 8)
	for i := range tickets {
		wg.Go(func() {
			if r, err := w.a.service.Offer(ctxOf(t), req); err == nil {
				tickets[i] = r.Ticket()
			}
		})
	}
	wg.Wait()
	if slices.Sort(tickets); tickets[0] == "" || tickets[0] != tickets[7] {
		t.Error("one request made several offers")
	}
	if n := len(w.a.holds()); n != 1 {
		t.Errorf("%d reservations", n)
	}
	req.Send.Amount = htlc.NewAmount(btcReward + 1)
	_, err := w.a.service.Offer(ctxOf(t), req)
	wantReason(t, err, RequestIDReused)
}

// TestRaceBindsOne lets many participants answer one ticket at once.
func TestRaceBindsOne(t *testing.T) {
	for round := range 10 {
		w := newWorld(t)
		offer := w.a.offer(sendBTC())
		var answers []string
		for who := byte(2); who < 8; who++ {
			answers = append(answers, w.node(who).accept(offer.Ticket(), true).Acceptance())
		}
		// A second process on the same store, which no lock in memory holds.
		rival, err := New(w.a.options)
		if err != nil {
			t.Fatal(err)
		}
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			bound = map[string]int{}
		)
		for i, text := range append(answers, answers...) {
			service := []*Service{w.a.service, rival}[(i+round)%2]
			wg.Go(func() {
				r, err := service.Countersign(ctxOf(t), text)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					bound[r.Countersignature()]++
				} else if got := ReasonOf(err); got != TicketUsed && got != StoreUnavailable {
					t.Errorf("refused as %v", err)
				}
			})
		}
		wg.Wait()
		if len(bound) != 1 || len(w.a.swaps.opened) != 1 {
			t.Fatalf("%d acceptances bound, %d swaps opened", len(bound), len(w.a.swaps.opened))
		}
	}
}

func TestLostAnswerIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	w.wire.lose = true
	got, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()})
	if err != nil || got.Record.State != StateAccepted {
		t.Fatalf("%v, state %s", err, got.Record.State)
	}
	wantReason(t, got.Undelivered, NodeUnreachable)
	if w.a.find(offer.ID()).State != StateAgreed {
		t.Fatal("the initiator should be bound")
	}
	w.b.tick(w)
	if len(w.wire.answer) != 0 || w.b.find(offer.ID()).State != StateAccepted {
		t.Error("asked again without a pause, or agreed without an answer")
	}
	w.wire.lose = false
	w.pass(2 * firstPause)
	w.b.tick(w)
	wantAgreed(t, w, offer.ID())
	if len(w.wire.sent) != 1 || len(w.wire.answer) != 1 {
		t.Errorf("%d acceptances and %d countersignatures were sent", len(w.wire.sent), len(w.wire.answer))
	}
}

func TestPeerDownThenByHand(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	w.wire.down = true
	r := w.b.accept(offer.Ticket(), false)
	a, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.service.Complete(ctxOf(t), a.Countersignature()); err != nil {
		t.Fatal(err)
	}
	wantAgreed(t, w, offer.ID())
}

func TestSecondParticipantIsTold(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	w.b.accept(offer.Ticket(), false)
	c := w.node(3)
	_, err := c.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()})
	wantReason(t, err, TicketUsed)
	r := c.find(offer.ID())
	if r.State != StateRefused || !r.Settled || len(c.holds()) != 0 || len(c.swaps.opened) != 0 {
		t.Errorf("state %s, settled %t, holds %v", r.State, r.Settled, c.holds())
	}
	_, err = c.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()})
	wantReason(t, err, TicketUsed)
}

// TestPeerMayLie: no answer but the countersignature of exactly these Terms
// makes a swap, and an unknown refusal decides nothing.
func TestPeerMayLie(t *testing.T) {
	w := newWorld(t)
	other := w.a.offer(sendBTC())
	x := w.node(3).accept(other.Ticket(), false)
	for name, answer := range map[string]func() (string, error){
		"another swap's": func() (string, error) { return x.Countersignature(), nil },
		"nonsense":       func() (string, error) { return "kofo1qqqq", nil },
		"its own half":   func() (string, error) { return x.Acceptance(), nil },
		"strange reason": func() (string, error) { return "", &Refusal{Reason: "BECAUSE", Text: "no"} },
		"passing reason": func() (string, error) { return "", &Refusal{Reason: StoreUnavailable, Text: "later"} },
	} {
		offer := w.a.offer(OfferRequest{
			Send: AssetAmount{btc, htlc.NewAmount(20_000)}, Receive: AssetAmount{token, htlc.NewAmount(20_000)},
		})
		w.b.options.Peers = peerFunc(answer)
		w.b.restart()
		got, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()})
		if err != nil || got.Record.State != StateAccepted {
			t.Errorf("%s: %v, state %s", name, err, got.Record.State)
		}
		wantReason(t, got.Undelivered, PeerRefused)
	}
	if len(w.b.swaps.opened) != 0 {
		t.Error("a lie opened a swap")
	}
}

func TestExpiry(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	r := w.b.accept(offer.Ticket(), true)

	w.pass(DefaultValidFor)
	w.a.tick(w)
	if w.a.find(offer.ID()).State != StateOffered {
		t.Error("expired at its last second")
	}
	w.pass(time.Second)
	_, err := w.node(3).service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()})
	wantReason(t, err, TicketExpired)
	_, err = w.a.service.Countersign(ctxOf(t), r.Acceptance())
	wantReason(t, err, TicketExpired)
	if a := w.a.find(offer.ID()); a.State != StateExpired || !a.Settled || a.Swap() != (htlc.SwapID{}) || len(w.a.holds()) != 0 {
		t.Errorf("initiator: %s, holds %v", a.State, w.a.holds())
	}

	w.b.tick(w)
	if len(w.b.holds()) != 1 {
		t.Error("the participant let go although it may be bound")
	}
	w.pass(DefaultGrace)
	w.b.tick(w)
	if b := w.b.find(offer.ID()); b.State != StateExpired || !b.Settled || len(w.b.holds()) != 0 {
		t.Errorf("participant: %s, holds %v", b.State, w.b.holds())
	}
	_, err = w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()})
	wantReason(t, err, TicketExpired)
}

func TestLateCountersignature(t *testing.T) {
	for _, c := range []struct {
		late  time.Duration
		fails bool
	}{{DefaultGrace, false}, {DefaultGrace + time.Second, true}} {
		w := newWorld(t)
		offer := w.a.offer(sendBTC())
		r := w.b.accept(offer.Ticket(), true)
		a, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
		if err != nil {
			t.Fatal(err)
		}
		w.pass(DefaultValidFor + c.late)
		_, err = w.b.service.Complete(ctxOf(t), a.Countersignature())
		if !c.fails {
			if err != nil {
				t.Error(err)
			}
			wantAgreed(t, w, offer.ID())
			continue
		}
		wantReason(t, err, TicketExpired)
		if len(w.b.swaps.opened) != 0 || len(w.b.holds()) != 0 {
			t.Error("a late countersignature opened a swap")
		}
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	cancel := func(n *node, id [32]byte) {
		t.Helper()
		for range 2 {
			if _, err := n.service.Cancel(ctxOf(t), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	offer := w.a.offer(sendBTC())
	r := w.b.accept(offer.Ticket(), true)
	cancel(w.a, offer.ID())
	if len(w.a.holds()) != 0 {
		t.Error("a cancelled offer holds coins")
	}
	_, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
	wantReason(t, err, TicketCancelled)

	cancel(w.b, r.Swap()) // accepted, not signed by all
	if len(w.b.holds()) != 0 {
		t.Error("a cancelled acceptance holds coins")
	}

	offer = w.a.offer(sendBTC())
	r = w.b.accept(offer.Ticket(), true)
	cancel(w.b, offer.ID())
	a, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.b.service.Complete(ctxOf(t), a.Countersignature())
	wantReason(t, err, TicketCancelled)
	_, err = w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket()})
	wantReason(t, err, TicketUsed)

	cancel(w.a, a.Swap()) // signed: the engine is asked
	if !w.a.swaps.cancelled[a.Swap()] || len(w.a.holds()) != 1 {
		t.Error("the engine was not asked, or its reservation was taken away")
	}
	w.a.swaps.fail = fmt.Errorf("cancel: %w", htlc.ErrNotCancellable)
	_, err = w.a.service.Cancel(ctxOf(t), a.Swap())
	wantReason(t, err, NotCancellable)
	if e := new(Error); !errors.As(err, &e) || e.Meta["swap_id"] != a.Swap().String() {
		t.Errorf("the swap is not named: %v", err)
	}
	_, err = w.a.service.Cancel(ctxOf(t), [32]byte{9})
	wantReason(t, err, SwapNotFound)
}

// TestEngineDown: what all have signed is handed over as soon as it can be.
func TestEngineDown(t *testing.T) {
	w := newWorld(t)
	w.a.swaps.fail, w.b.swaps.fail = errors.New("down"), errors.New("down")
	offer := w.a.offer(sendBTC())
	if r := w.b.accept(offer.Ticket(), false); r.State != StateAgreed || r.Settled {
		t.Fatalf("state %s, settled %t", r.State, r.Settled)
	}
	w.a.tick(w)
	w.a.swaps.fail, w.b.swaps.fail = nil, nil
	w.pass(maxPause)
	w.a.tick(w)
	w.b.tick(w)
	wantAgreed(t, w, offer.ID())
}

func TestWrongPaste(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	r := w.b.accept(offer.Ticket(), true)
	a, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{offer.Ticket(), r.Acceptance(), a.Countersignature(), a.Signed().Text()}
	steps := []func(string) error{
		func(s string) error { _, err := w.b.service.Inspect(ctxOf(t), s); return err },
		func(s string) error { _, err := w.a.service.Countersign(ctxOf(t), s); return err },
		func(s string) error { _, err := w.b.service.Complete(ctxOf(t), s); return err },
		func(s string) error {
			_, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: s, ByHand: true})
			return err
		},
	}
	for i, step := range steps {
		for j, text := range texts {
			if i%3 == j {
				continue
			}
			wantReason(t, step(text), TicketKind)
		}
		wantReason(t, step(texts[i%3][:50]), TicketAltered)
		wantReason(t, step(strings.Replace(texts[i%3], "kofo1", "kofo3", 1)), TicketVersion)
	}
	_, err = w.b.service.Countersign(ctxOf(t), r.Acceptance())
	wantReason(t, err, TicketOwn)
	_, err = w.a.service.Complete(ctxOf(t), a.Countersignature())
	wantReason(t, err, TicketOwn)
	_, err = w.node(3).service.Countersign(ctxOf(t), r.Acceptance())
	wantReason(t, err, SwapNotFound)
}
