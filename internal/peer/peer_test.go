package peer

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type answerFunc func(ctx context.Context, offer htlc.Salt, acceptance string) (string, error)

func (f answerFunc) Answer(ctx context.Context, offer htlc.Salt, acceptance string) (string, error) {
	return f(ctx, offer, acceptance)
}

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize)))
}

func party(k ed25519.PrivateKey) htlc.PartyID { return htlc.PartyID(k.Public().(ed25519.PublicKey)) }

// generous limits are for tests of something else.
func generous() Limits {
	l := DefaultLimits()
	l.CallBurst, l.CallEvery = 1000, time.Millisecond
	return l
}

// serve runs a server until the test ends, and returns its address.
func serve(t *testing.T, k ed25519.PrivateKey, a wire.Answerer, limits Limits) agreement.Address {
	t.Helper()
	s, err := NewServer(k, wire.Services{Answerer: a, Addresses: nobody{}}, limits, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return agreement.Address{HostPort: l.Addr().String(), Party: party(k)}
}

func ctxOf(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAnswer(t *testing.T) {
	long := strings.Repeat("q", htlc.MaxTextLen)
	to := serve(t, key(1), answerFunc(func(_ context.Context, offer htlc.Salt, acceptance string) (string, error) {
		if offer != (htlc.Salt{7}) || acceptance != long {
			return "", errors.New("something else arrived")
		}
		return "kofo1answer", nil
	}), generous())
	for range 2 {
		got, err := Client{}.Answer(ctxOf(t), to, htlc.Salt{7}, long)
		if err != nil || got != "kofo1answer" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestErrorsOnTheWay(t *testing.T) {
	cases := map[string]struct {
		err     error
		refusal agreement.Reason
		code    codes.Code
	}{
		"decided": {&agreement.Error{Reason: agreement.TicketUsed, Text: "used\x1b[31m", Err: errors.New("detail")}, agreement.TicketUsed, 0},
		"store":   {&agreement.Error{Reason: agreement.StoreUnavailable, Text: "/var/lib detail"}, "", codes.Unavailable},
		"unknown": {errors.New("detail"), "", codes.Internal},
	}
	for name, c := range cases {
		to := serve(t, key(1), answerFunc(func(context.Context, htlc.Salt, string) (string, error) { return "", c.err }), generous())
		_, err := Client{}.Answer(ctxOf(t), to, htlc.Salt{7}, "kofo1x")
		var no *agreement.Refusal
		if errors.As(err, &no) != (c.refusal != "") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), "detail") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s shows what it must not: %v", name, err)
		}
		if no != nil && no.Reason != c.refusal {
			t.Errorf("%s: %s", name, no.Reason)
		}
		if no == nil && status.Code(errors.Unwrap(errors.Unwrap(err))) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPinning: only the key of the ticket is talked to.
func TestPinning(t *testing.T) {
	var called atomic.Bool
	to := serve(t, key(1), answerFunc(func(context.Context, htlc.Salt, string) (string, error) {
		called.Store(true)
		return "", nil
	}), generous())
	to.Party = party(key(2))
	_, err := Client{}.Answer(ctxOf(t), to, htlc.Salt{7}, "kofo1x")
	if err == nil || !strings.Contains(err.Error(), ErrWrongParty.Error()) || called.Load() {
		t.Errorf("%v, called %t", err, called.Load())
	}
	var no *agreement.Refusal
	if errors.As(err, &no) {
		t.Error("a stranger's answer counts as a refusal")
	}
}

func TestServerSpeaksOnlyTLS13(t *testing.T) {
	to := serve(t, key(1), answerFunc(func(context.Context, htlc.Salt, string) (string, error) { return "x", nil }), generous())
	old, err := pinned(to.Party, nil)
	if err != nil {
		t.Fatal(err)
	}
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, creds := range map[string]credentials.TransportCredentials{
		"plain": insecure.NewCredentials(), "TLS 1.2": credentials.NewTLS(old),
	} {
		conn, err := grpc.NewClient("passthrough:///"+to.HostPort, grpc.WithTransportCredentials(creds))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.Answer(ctxOf(t), conn, htlc.Salt{7}, "kofo1x", ""); err == nil {
			t.Errorf("%s is served", name)
		}
		_ = conn.Close()
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := agreement.Address{HostPort: l.Addr().String(), Party: party(key(1))}
	_ = l.Close()
	if _, err := (Client{}).Answer(ctxOf(t), to, htlc.Salt{7}, "kofo1x"); status.Code(errors.Unwrap(errors.Unwrap(err))) != codes.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestCallRate(t *testing.T) {
	limits := DefaultLimits()
	limits.CallBurst, limits.CallEvery = 3, time.Hour
	var calls atomic.Int32
	to := serve(t, key(1), answerFunc(func(context.Context, htlc.Salt, string) (string, error) {
		calls.Add(1)
		return "x", nil
	}), limits)
	for i := range 5 {
		_, err := Client{}.Answer(ctxOf(t), to, htlc.Salt{7}, "kofo1x")
		got, _ := reason.Of(errors.Unwrap(errors.Unwrap(err)))
		if i < 3 && err != nil || i >= 3 && got != reason.RateLimited {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if calls.Load() != 3 {
		t.Errorf("%d calls got through", calls.Load())
	}
}

func TestRatesAreBoundedAndPerSource(t *testing.T) {
	now := time.Unix(1000, 0)
	limits := Limits{CallEvery: time.Second, CallBurst: 2, Sources: 3}
	r := newRates(limits, func() time.Time { return now })
	addr := func(s string) net.Addr { return net.TCPAddrFromAddrPort(mustAddr(s)) }
	one, two := source(addr("10.0.0.1:1")), source(addr("[2001:db8::1]:5"))
	if one == two || source(addr("10.0.0.1:2")) != one || source(addr("[2001:db8::ffff]:9")) != two ||
		source(addr("[::ffff:10.0.0.1]:3")) != one || source(&net.UnixAddr{Name: "x"}).IsValid() {
		t.Error("sources")
	}
	for i, want := range []bool{true, true, false} {
		if r.allow(one) != want {
			t.Errorf("call %d", i)
		}
	}
	if !r.allow(two) {
		t.Error("one source's calls count for another")
	}
	three, four := source(addr("10.0.0.3:1")), source(addr("10.0.0.4:1"))
	if !r.allow(three) || r.allow(four) || len(r.buckets) != 3 {
		t.Errorf("%d sources are counted", len(r.buckets))
	}
	now = now.Add(3 * time.Second)
	if !r.allow(four) || len(r.buckets) != 1 {
		t.Errorf("sources at rest are not forgotten: %d", len(r.buckets))
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	limits := generous()
	limits.Connections, limits.ConnectionsEach = 10, 2
	to := serve(t, key(1), answerFunc(func(context.Context, htlc.Salt, string) (string, error) { return "x", nil }), limits)
	var held []*tls.Conn
	for range 2 {
		config, err := pinned(to.Party, nil)
		if err != nil {
			t.Fatal(err)
		}
		config.NextProtos = []string{"h2"}
		conn, err := tls.Dial("tcp", to.HostPort, config)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	if _, err := (Client{}).Answer(ctxOf(t), to, htlc.Salt{7}, "kofo1x"); err == nil {
		t.Error("a third connection is served")
	}
	for _, c := range held {
		_ = c.Close()
	}
	for ctx := ctxOf(t); ; { // the server notices in its own time
		if _, err := (Client{}).Answer(ctx, to, htlc.Salt{7}, "kofo1x"); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("closed connections still count")
		}
	}
}

func TestListenerBounds(t *testing.T) {
	l := newListener(nil, Limits{Connections: 3, ConnectionsEach: 2})
	a, b, c := source(&net.TCPAddr{IP: net.IPv4(1, 1, 1, 1)}), source(&net.TCPAddr{IP: net.IPv4(2, 2, 2, 2)}), source(&net.TCPAddr{IP: net.IPv4(3, 3, 3, 3)})
	for i, step := range []struct {
		from netip.Prefix
		want bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {c, false}} {
		if l.enter(step.from) != step.want {
			t.Errorf("connection %d", i)
		}
	}
	l.leave(a)
	if !l.enter(c) || l.enter(b) || l.total != 3 {
		t.Error("after one has left")
	}
}

// TestFloodIsShed: many at once neither pass the bound on calls at work nor
// keep a later call out.
func TestFloodIsShed(t *testing.T) {
	limits := generous()
	limits.Calls, limits.CallTime, limits.Connections, limits.ConnectionsEach = 2, 300*time.Millisecond, 64, 64
	var atWork, most atomic.Int32
	to := serve(t, key(1), answerFunc(func(ctx context.Context, offer htlc.Salt, _ string) (string, error) {
		n := atWork.Add(1)
		defer atWork.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if offer == (htlc.Salt{7}) {
			return "x", nil
		}
		<-ctx.Done() // hangs until its deadline
		return "", &agreement.Error{Reason: agreement.DeadlineExceeded, Text: "slow", Err: ctx.Err()}
	}), limits)
	var wg sync.WaitGroup
	var shed atomic.Int32
	for i := range 30 {
		wg.Go(func() {
			if _, err := (Client{}).Answer(ctxOf(t), to, htlc.Salt{8}, fmt.Sprint("kofo1x", i)); err != nil {
				shed.Add(1)
			}
		})
	}
	wg.Wait()
	if most.Load() > 2 || shed.Load() != 30 {
		t.Errorf("%d at work, %d shed", most.Load(), shed.Load())
	}
	if _, err := (Client{}).Answer(ctxOf(t), to, htlc.Salt{7}, "kofo1x"); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

func TestOversizedMessages(t *testing.T) {
	to := serve(t, key(1), answerFunc(func(context.Context, htlc.Salt, string) (string, error) {
		return strings.Repeat("q", 2*maxMessage), nil
	}), generous())
	if _, err := (Client{}).Answer(ctxOf(t), to, htlc.Salt{7}, "kofo1x"); err == nil {
		t.Error("an oversized answer is sent")
	}
	config, err := pinned(to.Party, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+to.HostPort, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := wire.Answer(ctxOf(t), conn, htlc.Salt{7}, strings.Repeat("q", 2*maxMessage), ""); status.Code(errors.Unwrap(err)) != codes.ResourceExhausted {
		t.Errorf("oversized call: %v", err)
	}
	if _, err := wire.Answer(ctxOf(t), conn, htlc.Salt{7}, "", ""); status.Code(errors.Unwrap(err)) != codes.InvalidArgument {
		t.Errorf("empty call: %v", err)
	}
}

func TestStopsWithCallsAtWork(t *testing.T) {
	entered := make(chan struct{})
	s, err := NewServer(key(1), wire.Services{Answerer: answerFunc(func(ctx context.Context, _ htlc.Salt, _ string) (string, error) {
		close(entered)
		<-ctx.Done()
		return "", ctx.Err()
	})}, func() Limits { l := generous(); l.CallTime = 200 * time.Millisecond; return l }(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	called := make(chan struct{})
	go func() {
		defer close(called)
		_, _ = Client{}.Answer(ctxOf(t), agreement.Address{HostPort: l.Addr().String(), Party: party(key(1))}, htlc.Salt{7}, "kofo1x")
	}()
	<-entered
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-called
	if _, err := net.DialTimeout("tcp", l.Addr().String(), time.Second); err == nil {
		t.Error("still listening")
	}
}

func TestCertificateOfTheIdentityOnly(t *testing.T) {
	if _, err := Certificate(notEd25519{key(1)}); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("%v", err)
	}
}

func TestSlotsGiveUpWithTheCall(t *testing.T) {
	s := make(slots, 1)
	ctx, cancel := context.WithCancel(context.Background())
	if !s.take(ctx) {
		t.Fatal("no slot")
	}
	cancel()
	if s.take(ctx) {
		t.Error("two calls in one slot")
	}
	s.give()
}
