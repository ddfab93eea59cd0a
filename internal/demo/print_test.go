package demo

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

func TestFold(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 30))
	for line := range strings.SplitSeq(fold(long), "\n") {
		if len(line) > lineLength || strings.HasSuffix(line, " ") {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
	if got := fold("short enough"); got != "short enough" {
		t.Errorf("%q", got)
	}
}

// screen is what was printed so far.
type screen struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	grew chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.grew <- struct{}{}:
	default:
	}
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// shows waits for a text.
func (s *screen) shows(t *testing.T, text string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.grew:
		case <-limit:
			t.Fatalf("no %q in\n%s", text, s.String())
		}
	}
}

// What a node did before it served again is printed too, and nothing twice.
func TestFollowTellsWhatHappenedMeanwhile(t *testing.T) {
	ctx := t.Context()
	one, other := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := connect(t, one), connect(t, other)
	offer, err := a.Settlement.Offer(ctx, &sdk.OfferRequest{
		Send:    &sdk.AssetAmount{Asset: string(servertest.Bitcoin) + "/slip44:0", Amount: sendBTC},
		Receive: &sdk.AssetAmount{Asset: string(servertest.Ethereum) + "/slip44:60", Amount: receiveETH},
	})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := b.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: offer.GetTicket(), ByHand: true})
	if err != nil {
		t.Fatal(err)
	}
	out := &screen{grew: make(chan struct{}, 1)}
	p := newPrinter(out, false)
	follow := func() (stop func()) {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() { p.follow(ctx, "initiator", a); close(ended) }()
		return func() { cancel(); <-ended }
	}
	if _, err := a.Settlement.Countersign(ctx, &sdk.CountersignRequest{Acceptance: accepted.GetAcceptance()}); err != nil {
		t.Fatal(err)
	}
	stop := follow()
	out.shows(t, "All parties have signed the terms.")
	stop()
	seen := htlc.LegSeen{Leg: 0, TxID: strings.Repeat("ab", 32)}
	if err := one.Happen(accepted.GetSwapId(), seen); err != nil {
		t.Fatal(err)
	}
	stop = follow()
	out.shows(t, "is seen, in no block yet.")
	stop()
	follow()()
	if got := out.String(); strings.Count(got, "is seen, in no block yet.") != 1 || strings.Count(got, "All parties have signed") != 1 {
		t.Errorf("told twice:\n%s", got)
	}
}

func connect(t *testing.T, n *servertest.Node) *sdk.Client {
	t.Helper()
	token, err := sdk.LoadToken(n.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sdk.Dial(t.Context(), sdk.Options{Target: n.Addr, CAFile: n.CertFile, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
