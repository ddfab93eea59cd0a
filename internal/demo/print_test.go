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

// What is printed to be pasted stands on one line each, however long the path
// of the program is: that of go run is.
func TestLinesToPasteStayWhole(t *testing.T) {
	out := &screen{grew: make(chan struct{}, 1)}
	program := "/root/.cache/go-build/" + strings.Repeat("0123456789abcdef", 8) + "-d/kofo"
	d := &demo{
		o: Options{Executable: program}, print: newPrinter(out, false),
		initiator: &party{name: "initiator", dir: "/tmp/" + strings.Repeat("deep/", 30)}, participant: &party{name: "participant", dir: "/tmp/p"},
	}
	d.explainKeep()
	want := []string{"alias kofo='" + program + "'", "alias initiator='kofo --data-dir " + d.initiator.dir + "'"}
	for _, line := range want {
		if !strings.Contains(out.String(), "\n  "+line+"\n") {
			t.Errorf("%q stands on no line of its own in\n%s", line, out.String())
		}
	}
}

// A node that comes back tells what is older than what was printed meanwhile.
func TestTimesRise(t *testing.T) {
	out := &screen{grew: make(chan struct{}, 1)}
	p := newPrinter(out, false)
	p.began = p.began.Add(-time.Minute)
	p.entry("initiator", "a", &sdk.HistoryEntry{Sequence: 1, Text: "late", Time: &sdk.Timestamp{Seconds: time.Now().Unix()}})
	p.entry("participant", "a", &sdk.HistoryEntry{Sequence: 1, Text: "early", Time: &sdk.Timestamp{Seconds: p.began.Unix()}})
	if text := out.String(); !strings.HasPrefix(text, " 60.") || !strings.Contains(text, "\n 60.") {
		t.Error(text)
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
