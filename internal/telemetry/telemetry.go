// Package telemetry makes the log and serves the metrics of a process.
//
// Secrets have types that print redacted; the log keeps attributes with telling
// names out as well, so that a plain text under such a name does not slip
// through. Metrics are read when they are asked for, from functions that the
// caller registers; those must be safe for concurrent calls and quick.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const redacted = "redacted"

// telling are names of attributes whose values are never written.
var telling = []string{"secret", "preimage", "passphrase", "password", "authorization", "mnemonic", "words", "private_key", "bearer"}

// Logger writes to w. Level is debug, info, warn or error, format text or
// json; the configuration has checked both.
func Logger(w io.Writer, level, format string) *slog.Logger {
	o := &slog.HandlerOptions{ReplaceAttr: hide}
	var least slog.Level // info, where the text is none
	_ = least.UnmarshalText([]byte(level))
	o.Level = least
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func hide(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains(telling, strings.ToLower(a.Key)) {
		return slog.String(a.Key, redacted)
	}
	return a
}

// Source is a number to be read.
type Source struct {
	Name, Help string
	// Counter: it only grows while the process lives.
	Counter bool
	Value   func() float64
}

// Metrics are the numbers of one process.
type Metrics struct{ registry *prometheus.Registry }

// New returns metrics with those of the Go runtime and of the process.
func New(version string) *Metrics {
	m := &Metrics{prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kofo_build_info", Help: "Always 1; the label says which version runs.", ConstLabels: prometheus.Labels{"version": version},
		}, func() float64 { return 1 }),
	)
	return m
}

// Add registers a number under kofo_ and its name. A name may be registered
// once.
func (m *Metrics) Add(s Source) error {
	var c prometheus.Collector
	if s.Counter {
		c = prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "kofo_" + s.Name, Help: s.Help}, s.Value)
	} else {
		c = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kofo_" + s.Name, Help: s.Help}, s.Value)
	}
	if err := m.registry.Register(c); err != nil {
		return fmt.Errorf("metric %s: %w", s.Name, err)
	}
	return nil
}

// Serve answers /metrics until ctx ends. It closes the listener.
func (m *Metrics) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
