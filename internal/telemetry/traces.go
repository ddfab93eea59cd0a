package telemetry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Bounds of what waits for a collector. What is more is dropped: nothing that
// moves money ever waits for one.
const (
	spansWaiting = 4096
	exportTime   = 5 * time.Second
	closeTime    = 3 * time.Second
)

// Names of attributes. Spans leave the process with these, and with what
// describes a gRPC call, and with nothing else: see allowed.
const (
	attrSwap   = "kofo.swap"
	attrSwaps  = "kofo.swaps"
	attrChain  = "kofo.chain"
	attrEffect = "kofo.effect"
	attrLeg    = "kofo.leg"
	attrEvents = "kofo.events"
	attrTx     = "kofo.tx"
	attrReason = "kofo.reason"
)

// TraceOptions say where spans go.
type TraceOptions struct {
	// Endpoint is host:port of an OTLP collector. Empty: there are no traces.
	Endpoint string
	// Insecure: without TLS.
	Insecure bool
	// Permille of the traces are kept, whole ones: of a swap all spans or none.
	Permille int
	// Service and Version name the process, Instance which of several.
	Service, Version, Instance string
	Log                        *slog.Logger
}

// Traces makes spans. Nil makes none, and costs nothing.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// OpenTraces does not wait for the collector, which may come and go. It returns
// nil where no endpoint is given.
func OpenTraces(ctx context.Context, o TraceOptions) (*Traces, error) {
	if o.Endpoint == "" {
		return nil, nil
	}
	to := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(o.Endpoint), otlptracegrpc.WithTimeout(exportTime),
		// A batch that is not taken is gone: the next one is newer.
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}),
	}
	if o.Insecure {
		to = append(to, otlptracegrpc.WithInsecure())
	}
	exporter, err := otlptrace.New(ctx, &plain{Client: otlptracegrpc.NewClient(to...), log: o.Log})
	if err != nil {
		return nil, fmt.Errorf("traces to %s: %w", o.Endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(spansWaiting), sdktrace.WithExportTimeout(exportTime)),
		sdktrace.WithIDGenerator(ids{}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(o.Permille)/1000))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Instance),
		)),
	)
	return &Traces{provider: provider, tracer: provider.Tracer("github.com/kofo-network/kofo")}, nil
}

// Close sends what waits, for a short time.
func (t *Traces) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// ServerOptions make a span of every call of ours that a server answers.
func (t *Traces) ServerOptions() []grpc.ServerOption {
	if t == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(t.calls()...))}
}

// DialOptions make a span of every call to another process.
func (t *Traces) DialOptions() []grpc.DialOption {
	if t == nil {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler(t.calls()...))}
}

// calls: nothing of a trace crosses to the other side or comes from it. Who
// calls would decide else what is sampled here, and a peer would learn which of
// its calls belong together.
func (t *Traces) calls() []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(t.provider),
		otelgrpc.WithPropagators(propagation.NewCompositeTextMapPropagator()),
		otelgrpc.WithFilter(ours),
	}
}

// ours are the calls that this module has defined. Anybody may call what does
// not exist, by any name.
func ours(call *stats.RPCTagInfo) bool {
	name := strings.ReplaceAll(strings.TrimPrefix(call.FullMethodName, "/"), "/", ".")
	if !strings.HasPrefix(name, "kofo.") {
		return false
	}
	_, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	return err == nil
}

// About is what a span is about. Empty fields are left out.
type About struct {
	Chain  htlc.ChainID
	Effect htlc.EffectKind
	Leg    int // told with an effect only
	Events int
	Tx     string
}

func (a About) attributes() []attribute.KeyValue {
	var out []attribute.KeyValue
	if a.Chain != "" {
		out = append(out, attribute.String(attrChain, string(a.Chain)))
	}
	if a.Effect != "" {
		out = append(out, attribute.String(attrEffect, string(a.Effect)), attribute.Int(attrLeg, a.Leg))
	}
	if a.Events > 0 {
		out = append(out, attribute.Int(attrEvents, a.Events))
	}
	if a.Tx != "" {
		out = append(out, attribute.String(attrTx, a.Tx))
	}
	return out
}

// Start begins a span; the function that it returns ends it. Spans of one swap
// are one trace, whose id is the first half of the swap's: it is the same on
// every node and after a restart. Of several swaps the span names each.
func (t *Traces) Start(ctx context.Context, name string, a About, swaps ...htlc.SwapID) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	attributes := a.attributes()
	options := []trace.SpanStartOption{}
	switch len(swaps) {
	case 0:
	case 1:
		id := trace.TraceID(swaps[0][:len(trace.TraceID{})])
		if trace.SpanContextFromContext(ctx).TraceID() != id {
			ctx = context.WithValue(ctx, traceKey{}, id)
			options = append(options, trace.WithNewRoot())
		}
		attributes = append(attributes, attribute.String(attrSwap, swaps[0].String()))
	default:
		names := make([]string, len(swaps))
		for i, swap := range swaps {
			names[i] = swap.String()
		}
		attributes = append(attributes, attribute.StringSlice(attrSwaps, names))
	}
	ctx, span := t.tracer.Start(ctx, name, append(options, trace.WithAttributes(attributes...))...)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
			if coded := new(adapters.Error); errors.As(err, &coded) {
				span.SetAttributes(attribute.String(attrReason, coded.Reason))
			}
		}
		span.End()
	}
}

// traceKey is that of the id which the next root takes.
type traceKey struct{}

// ids gives the spans of a swap its trace.
type ids struct{}

func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := ctx.Value(traceKey{}).(trace.TraceID)
	for !ok || !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
		ok = true
	}
	return id, g.NewSpanID(ctx, id)
}

func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
