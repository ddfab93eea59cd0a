package telemetry_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/telemetry"
	"github.com/kofo-network/kofo/internal/telemetry/telemetrytest"
)

const canary = "canary-of-a-secret"

func options(endpoint string) telemetry.TraceOptions {
	return telemetry.TraceOptions{
		Endpoint: endpoint, Insecure: true, Permille: 1000, Service: "kofod", Version: "v1", Instance: "me",
		Log: slog.New(slog.DiscardHandler),
	}
}

func open(t *testing.T, o telemetry.TraceOptions) *telemetry.Traces {
	t.Helper()
	traces, err := telemetry.OpenTraces(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return traces
}

func closed(t *testing.T, traces *telemetry.Traces) {
	t.Helper()
	if err := traces.Close(); err != nil {
		t.Fatal(err)
	}
}

func swapID(n int) htlc.SwapID { return sha256.Sum256(fmt.Append(nil, n)) }

// TestTraceOfASwap: what is done for one swap is one trace, named by the swap,
// and what failed says by which code and not by which words.
func TestTraceOfASwap(t *testing.T) {
	to := telemetrytest.Start(t)
	traces := open(t, options(to.Address))
	swap := swapID(1)
	ctx, end := traces.Start(t.Context(), "effect", telemetry.About{Chain: "eip155:1", Effect: htlc.EffectRedeem, Leg: 1}, swap)
	_, sent := traces.Start(ctx, "broadcast", telemetry.About{Chain: "eip155:1", Tx: "0xab"})
	sent(nil)
	end(&adapters.Error{Reason: "CHAIN_AWAY", Op: canary, Err: errors.New(canary)})
	_, commit := traces.Start(t.Context(), "commit", telemetry.About{Events: 2}, swap)
	commit(errors.New(canary))
	_, both := traces.Start(t.Context(), "commit of two", telemetry.About{}, swap, swapID(2))
	both(nil)
	closed(t, traces)

	if got := telemetrytest.Trace(to.Spans(), swap[:16]); !slices.Equal(got, []string{"broadcast", "effect", "commit"}) {
		t.Errorf("of the swap: %q", got)
	}
	for _, s := range to.Spans() {
		got := telemetrytest.Attributes(s)
		switch s.GetName() {
		case "effect":
			if got["kofo.swap"] != swap.String() || got["kofo.chain"] != "eip155:1" || got["kofo.effect"] != "redeem" ||
				got["kofo.reason"] != "CHAIN_AWAY" || s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR {
				t.Errorf("%v", s)
			}
		case "broadcast":
			if got["kofo.tx"] != "0xab" || len(s.GetParentSpanId()) == 0 {
				t.Errorf("%v", s)
			}
		case "commit of two":
			if !strings.Contains(got["kofo.swaps"], swapID(2).String()) || got["kofo.swap"] != "" {
				t.Errorf("%v", s)
			}
		}
	}
	if raw := to.Raw(); bytes.Contains(raw, []byte(canary)) || !bytes.Contains(raw, []byte("service.name")) {
		t.Errorf("%q", raw)
	}
}

// refuse answers every call with an error that quotes what was given.
func refuse(_ any, stream grpc.ServerStream) error {
	req := &sdk.GetChainRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	return status.Error(codes.Unavailable, "no chain "+req.GetId())
}

// TestTracesOfCalls: both ends of a call make a span, in traces of their own;
// neither what was said nor who said it is in it, and a call that does not
// exist makes none.
func TestTracesOfCalls(t *testing.T) {
	to := telemetrytest.Start(t)
	traces := open(t, options(to.Address))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(traces.ServerOptions(), grpc.UnknownServiceHandler(refuse))...)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), append(traces.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GetChain", canary} {
		err := conn.Invoke(t.Context(), "/kofo.v1.ChainService/"+method, &sdk.GetChainRequest{Id: canary}, &sdk.GetChainResponse{})
		if status.Code(err) != codes.Unavailable {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	server.GracefulStop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	closed(t, traces)

	spans := to.Spans()
	if len(spans) != 2 || bytes.Equal(spans[0].GetTraceId(), spans[1].GetTraceId()) {
		t.Fatalf("%v", spans)
	}
	for _, s := range spans {
		got := telemetrytest.Attributes(s)
		if s.GetName() != "kofo.v1.ChainService/GetChain" || got["rpc.response.status_code"] != "UNAVAILABLE" || got["server.address"] != "" {
			t.Errorf("%v", s)
		}
	}
	if bytes.Contains(to.Raw(), []byte(canary)) {
		t.Errorf("%q", to.Raw())
	}
}

// TestSampledSwaps: two nodes keep the traces of the same swaps, whole.
func TestSampledSwaps(t *testing.T) {
	var kept [2][]string
	for node := range kept {
		to := telemetrytest.Start(t)
		o := options(to.Address)
		o.Permille = 300
		traces := open(t, o)
		for n := range 200 {
			ctx, end := traces.Start(t.Context(), fmt.Sprintf("effect %d", n), telemetry.About{}, swapID(n))
			_, below := traces.Start(ctx, fmt.Sprintf("below %d", n), telemetry.About{})
			below(nil)
			end(nil)
		}
		closed(t, traces)
		for _, s := range to.Spans() {
			kept[node] = append(kept[node], s.GetName())
		}
	}
	if n := len(kept[0]); n < 40 || n > 240 || n%2 != 0 {
		t.Errorf("%d of 400 spans are kept", n)
	}
	if !slices.Equal(kept[0], kept[1]) {
		t.Error("the nodes keep different swaps")
	}
}

// TestNobodyCollects: spans are dropped, whoever makes them goes on, it is told
// once, and the end does not wait long.
func TestNobodyCollects(t *testing.T) {
	for name, endpoint := range map[string]string{"nobody": gone(t), "mute": mute(t)} {
		said := &said{}
		o := options(endpoint)
		o.Log = slog.New(slog.NewTextHandler(said, nil))
		traces := open(t, o)
		for n := range 20_000 { // five times what may wait
			_, end := traces.Start(t.Context(), "effect", telemetry.About{}, swapID(n%7))
			end(nil)
		}
		began := time.Now()
		err := traces.Close()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: the end took %s: %v", name, took, err)
		}
		if n := strings.Count(said.text(), "dropped"); n > 1 {
			t.Errorf("%s: told %d times", name, n)
		}
	}
}

// said is a log, which a last try may still write when the test reads it.
type said struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// gone is an address where nobody listens any more.
func gone(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// mute is an address that connects and never says anything.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// TestNoTraces: without an endpoint nothing is made and nothing is in the way.
func TestNoTraces(t *testing.T) {
	traces := open(t, options(""))
	ctx, end := traces.Start(t.Context(), "effect", telemetry.About{}, swapID(1))
	end(errors.New("x"))
	if traces != nil || ctx != t.Context() || traces.ServerOptions() != nil || traces.DialOptions() != nil {
		t.Error("something is made")
	}
	closed(t, traces)
}
