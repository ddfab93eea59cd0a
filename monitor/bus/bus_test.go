package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const chainID = htlc.ChainID("test:alpha")

// smallServer is an embedded server that takes messages of at most limit
// bytes, as an external one may.
func smallServer(t *testing.T, limit int32) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		DontListen: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: limit, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	return end(t, s)
}

func end(t *testing.T, s *server.Server) *server.Server {
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func open(t *testing.T, s *server.Server) *Bus {
	t.Helper()
	b, err := Open(t.Context(), Options{Conn: s, Prefix: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func embedded(t *testing.T) *Bus {
	t.Helper()
	s, err := Embedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return open(t, end(t, s))
}

// consume returns what is handed over, once the bus listens.
func consume(t *testing.T, b *Bus) <-chan Message {
	t.Helper()
	out := make(chan Message, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.Consume(ctx, chainID, func(_ context.Context, m Message) error { out <- m; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if m := next(t, out); m.Step != nil || m.Sight != nil {
		t.Fatalf("first message %+v", m)
	}
	return out
}

func next(t *testing.T, in <-chan Message) Message {
	t.Helper()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case m := <-in:
		return m
	case <-timer.C:
		t.Fatal("no message")
		return Message{}
	}
}

func stepAt(height uint64, facts int) Message {
	s := &adapters.Step{Kind: adapters.Connect, Block: adapters.BlockRef{Height: height, Hash: adapters.Hash{byte(height)}}}
	s.Facts = []adapters.Fact{}
	for i := range facts {
		s.Facts = append(s.Facts, adapters.Fact{Kind: adapters.Funded, Contract: fmt.Sprintf("%064x", i), TxID: strings.Repeat("t", 64), Ref: "r"})
	}
	return Message{Chain: chainID, Epoch: Epoch{Session: "s", N: 7}, Step: s}
}

func TestMessagesComeInOrder(t *testing.T) {
	b := embedded(t)
	in := consume(t, b)
	for i := range uint64(200) {
		if err := b.Publish(t.Context(), stepAt(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint64(200) {
		if m := next(t, in); !reflect.DeepEqual(m, stepAt(i, 1)) {
			t.Fatalf("message %d is %+v", i, m)
		}
	}
}

// A block with more facts than the server takes in one message.
func TestALargeBlockTravelsInParts(t *testing.T) {
	b := open(t, smallServer(t, 8<<10))
	in := consume(t, b)
	for i, facts := range []int{1, 5000, 2, 1000} {
		want := stepAt(uint64(i), facts)
		if err := b.Publish(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if m := next(t, in); !reflect.DeepEqual(m, want) {
			t.Fatalf("message %d has %d facts", i, len(m.Step.Facts))
		}
	}
}

func TestPartsOfALostMessageAreDropped(t *testing.T) {
	raw := []byte("0123456789")
	parts := cut("s", raw, 4, 1)
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	other := cut("s", raw, 4, 2)
	for name, c := range map[string]struct {
		order []int
		whole int
	}{
		"all": {[]int{0, 1, 2}, 1}, "first lost": {[]int{1, 2}, 0}, "middle lost": {[]int{0, 2}, 0},
		"twice": {[]int{0, 1, 2, 0, 1, 2}, 1 + 1}, "swapped": {[]int{0, 2, 1}, 0}, "restarted": {[]int{0, 1, 0, 1, 2}, 1},
		"mixed": {[]int{0, 10, 1, 2}, 0}, "last lost": {[]int{0, 1, 10, 11, 12}, 1},
	} {
		var j joiner
		whole := 0
		for _, i := range c.order {
			m := parts[i%10]
			if i >= 10 {
				m = other[i-10]
			}
			if got, ok := j.add(m.Header, m.Data); ok {
				whole++
				if string(got) != string(raw) {
					t.Errorf("%s: %q", name, got)
				}
			}
		}
		if whole != c.whole {
			t.Errorf("%s: %d whole messages, want %d", name, whole, c.whole)
		}
	}
}

// After the stream was deleted the consumer says that it has begun anew, and
// what is published from then on comes.
func TestTheStreamIsDeleted(t *testing.T) {
	b := embedded(t)
	in := consume(t, b)
	for range 3 {
		if err := b.DeleteStream(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m := next(t, in); m.Step != nil || m.Sight != nil {
			t.Fatalf("got %+v, want the sign of a new beginning", m)
		}
		if err := b.Publish(t.Context(), stepAt(1, 0)); err != nil {
			t.Fatal(err)
		}
		if m := next(t, in); m.Step == nil {
			t.Fatal("the message did not come")
		}
	}
}

func TestPublishMakesTheStreamAnew(t *testing.T) {
	b := embedded(t)
	if err := b.DeleteStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), stepAt(1, 0)); err != nil {
		t.Fatal(err)
	}
}

func serve(t *testing.T, b *Bus, answer func(context.Context, Request) (Reply, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, chainID, answer) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for {
		if _, err := b.Ask(t.Context(), chainID, Request{Op: "ready?"}); err == nil || errors.Is(err, ErrRefused) {
			return
		}
	}
}

// Every request arrives as it was asked, without terms too.
func TestRequestsArrive(t *testing.T) {
	b := embedded(t)
	got := make(chan Request, 1)
	serve(t, b, func(_ context.Context, r Request) (Reply, error) {
		if r.Op != "ready?" {
			got <- r
		}
		return Reply{Position: adapters.BlockRef{Height: 9}, Epoch: r.Epoch}, nil
	})
	cursor := adapters.BlockRef{Height: 5, Hash: adapters.Hash{5}}
	terms := htlc.Terms{Version: htlc.Version, Legs: []htlc.Leg{{}, {}}}
	for _, r := range []Request{
		{Op: OpFollow}, {Op: OpFollow, Cursor: &cursor, Recent: []adapters.BlockRef{cursor}, Watched: true, Epoch: Epoch{"s", 3}},
		{Op: OpWatch, Terms: &terms, Leg: 1, Ref: "r"}, {Op: OpUnwatch, Contract: "c"}, {Op: OpScan, Contract: "c", From: 7},
	} {
		reply, err := b.Ask(t.Context(), chainID, r)
		if err != nil {
			t.Fatalf("%s: %v", r.Op, err)
		}
		if reply.Position.Height != 9 || reply.Epoch != r.Epoch {
			t.Errorf("%s: reply %+v", r.Op, reply)
		}
		if in := <-got; !reflect.DeepEqual(in, r) {
			t.Errorf("%s arrived as %+v", r.Op, in)
		}
	}
}

func TestRepliesThatFail(t *testing.T) {
	b := open(t, smallServer(t, 64<<10))
	serve(t, b, func(_ context.Context, r Request) (Reply, error) {
		switch r.Op {
		case OpFollow:
			return Reply{}, errors.New("no such block")
		case OpScan:
			return Reply{Facts: make([]adapters.Located, 5000)}, nil
		case OpWatch, OpUnwatch:
		}
		return Reply{}, nil
	})
	for _, op := range []Op{OpFollow, OpScan} {
		if _, err := b.Ask(t.Context(), chainID, Request{Op: op}); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, err := b.Ask(t.Context(), "test:other", Request{Op: OpFollow}); err == nil {
		t.Error("nobody serves that chain")
	}
}

// A scan that takes long does not hold up other requests.
func TestRequestsAreServedSideBySide(t *testing.T) {
	b := embedded(t)
	release := make(chan struct{})
	var scanning atomic.Bool
	serve(t, b, func(ctx context.Context, r Request) (Reply, error) {
		if r.Op == OpScan {
			scanning.Store(true)
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return Reply{}, nil
	})
	scanned := make(chan error, 1)
	go func() { _, err := b.Ask(context.Background(), chainID, Request{Op: OpScan}); scanned <- err }()
	for !scanning.Load() {
		if _, err := b.Ask(t.Context(), chainID, Request{Op: OpFollow}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Ask(t.Context(), chainID, Request{Op: OpFollow}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-scanned; err != nil {
		t.Fatal(err)
	}
}

func TestPrefixIsOneWord(t *testing.T) {
	for _, p := range []string{"", "a.b", "a b", "*", ">"} {
		if _, err := Open(t.Context(), Options{Prefix: p}); err == nil {
			t.Errorf("prefix %q was taken", p)
		}
	}
}

// A stream that is deleted while it takes a message never answers. The message is
// sent again long before the time of whoever publishes is over.
func TestAMessageWithoutAnAnswerIsSentAgain(t *testing.T) {
	b := embedded(t)
	if err := b.DeleteStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Somebody hears it and says nothing: else the server would say that nobody does.
	deaf, err := b.nc.SubscribeSync(b.facts(chainID))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Unsubscribe() }()
	if err := b.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*ackWait)
	defer cancel()
	if err := b.Publish(ctx, stepAt(1, 1)); err != nil {
		t.Fatal(err)
	}
}
