package node

import (
	"context"
	"fmt"
	"net"

	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/telemetry"
)

// serveMetrics serves the node's numbers until ctx ends, where the
// configuration asks for it.
func (c *core) serveMetrics(ctx context.Context, version string, api *server.Server) error {
	if c.cfg.Metrics.Listen == "" {
		return nil
	}
	m := telemetry.New(version)
	for _, s := range append(c.sources(api), c.chainSources()...) {
		if err := m.Add(s); err != nil {
			return fmt.Errorf("metric %s: %w", s.Name, err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.cfg.Metrics.Listen)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	c.log.Info("metrics are served", "address", l.Addr().String())
	return m.Serve(ctx, l)
}

func (c *core) sources(api *server.Server) []telemetry.Source {
	counter := func(name, help string, value func() uint64) telemetry.Source {
		return telemetry.Source{Name: name, Help: help, Counter: true, Value: func() float64 { return float64(value()) }}
	}
	gauge := func(name, help string, value func() int) telemetry.Source {
		return telemetry.Source{Name: name, Help: help, Value: func() float64 { return float64(value()) }}
	}
	return []telemetry.Source{
		gauge("kofo_swaps_open", "Swaps that are not closed.", func() int { return len(c.engine.Open()) }),
		gauge("kofo_effects_waiting", "Effects that wait or run.", c.runner.Waiting),
		counter("kofo_engine_events_applied_total", "Events that changed a swap.", func() uint64 { return c.engine.Stats().Applied }),
		counter("kofo_engine_events_stale_total", "Events that were duplicates or came too late.", func() uint64 { return c.engine.Stats().Stale }),
		counter("kofo_engine_events_rejected_total", "Events that could not be true.", func() uint64 { return c.engine.Stats().Rejected }),
		counter("kofo_engine_commits_total", "Transactions written.", func() uint64 { return c.engine.Stats().Commits }),
		counter("kofo_alarms_total", "Alarms raised for people.", c.alarms.Load),
		counter("kofo_api_panics_total", "API calls that panicked.", api.Panics),
	}
}
