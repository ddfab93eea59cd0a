package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Source is a number to be read.
type Source struct {
	Name, Help string
	// Counter: it only grows while the process lives.
	Counter bool
	Value   func() float64
}

// Metrics are the numbers of one process.
type Metrics struct {
	registry *prometheus.Registry
	// before is run in front of every answer, to bring gauges up to date.
	before func()
}

// New returns metrics with those of the Go runtime and of the process.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), before: func() {}}
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

// BeforeAnswer runs f in front of every answer; it must be quick.
func (m *Metrics) BeforeAnswer(f func()) { m.before = f }

// Serve answers /metrics until ctx ends. It closes the listener.
func (m *Metrics) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	answer := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		m.before()
		answer.ServeHTTP(w, r)
	})
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
