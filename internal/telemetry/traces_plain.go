package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// allowed are the attributes that leave the process. Everything else that a
// library may think of one day stays inside: addresses of peers, texts of errors,
// which may quote what was sent.
var allowed = []string{
	attrSwap, attrSwaps, attrChain, attrEffect, attrLeg, attrEvents, attrTx, attrReason,
	"rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type",
}

// plain is the last station before the wire.
type plain struct {
	otlptrace.Client
	log *slog.Logger
	// failing: it was told that the collector takes nothing.
	failing atomic.Bool
}

// UploadTraces sends what may be known outside. A failure is logged once, and is
// nobody's concern but the log's.
func (p *plain) UploadTraces(ctx context.Context, all []*tracepb.ResourceSpans) error {
	for _, of := range all {
		for _, scope := range of.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				strip(span)
			}
		}
	}
	err := p.Client.UploadTraces(ctx, all)
	switch {
	case err != nil && !p.failing.Swap(true):
		p.log.Warn("traces are not taken and dropped", "error", err)
	case err == nil && p.failing.Swap(false):
		p.log.Info("traces are taken again")
	}
	return nil
}

func strip(span *tracepb.Span) {
	span.Attributes = slices.DeleteFunc(span.GetAttributes(), func(a *commonpb.KeyValue) bool {
		return !slices.Contains(allowed, a.GetKey())
	})
	span.Events, span.Links, span.TraceState = nil, nil, ""
	if span.GetStatus() != nil {
		span.Status.Message = ""
	}
}
