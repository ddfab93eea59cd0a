// Package telemetrytest is a collector of traces for tests.
package telemetrytest

import (
	"context"
	"encoding/hex"
	"net"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Collector takes spans by OTLP over gRPC, without TLS.
type Collector struct {
	collectorpb.UnimplementedTraceServiceServer
	// Address is host:port.
	Address string

	mu    sync.Mutex
	spans []*tracepb.Span
	raw   []byte
	more  chan struct{}
}

// Start listens until the test ends.
func Start(t testing.TB) *Collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{Address: l.Addr().String(), more: make(chan struct{}, 1)}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

// Export is that of the protocol.
func (c *Collector) Export(_ context.Context, req *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	raw, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.raw = append(c.raw, raw...)
	for _, of := range req.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

// Spans are those that have come so far.
func (c *Collector) Spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*tracepb.Span(nil), c.spans...)
}

// Raw is everything that has come, as it was sent.
func (c *Collector) Raw() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.raw...)
}

// Await waits until what has come is enough, and reports whether it ever was.
func (c *Collector) Await(ctx context.Context, enough func([]*tracepb.Span) bool) bool {
	for !enough(c.Spans()) {
		select {
		case <-ctx.Done():
			return false
		case <-c.more:
		}
	}
	return true
}

// Trace are the names of the spans of one trace, in the order of their ends.
func Trace(spans []*tracepb.Span, id []byte) []string {
	var out []string
	for _, s := range spans {
		if hex.EncodeToString(s.GetTraceId()) == hex.EncodeToString(id) {
			out = append(out, s.GetName())
		}
	}
	return out
}

// Attributes of a span, as text.
func Attributes(s *tracepb.Span) map[string]string {
	out := map[string]string{}
	for _, a := range s.GetAttributes() {
		out[a.GetKey()] = text(a.GetValue())
	}
	return out
}

func text(v *commonpb.AnyValue) string {
	if s, ok := v.GetValue().(*commonpb.AnyValue_StringValue); ok {
		return s.StringValue
	}
	return v.String()
}
