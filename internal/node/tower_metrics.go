package node

import (
	"context"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/kofo-network/kofo/internal/telemetry"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// serveTowerMetrics serves a tower's numbers until ctx ends, where the
// configuration asks for it.
func (c *core) serveTowerMetrics(ctx context.Context) error {
	if c.cfg.Metrics.Listen == "" {
		return nil
	}
	for _, s := range append(c.towerSources(), c.chainSources()...) {
		if err := c.seen.m.Add(s); err != nil {
			return fmt.Errorf("metric %s: %w", s.Name, err)
		}
	}
	c.seen.begin(c.chains.ids())
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.cfg.Metrics.Listen)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	c.log.Info("metrics are served", "address", l.Addr().String())
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		c.pollTower(ctx)
	}()
	err = c.seen.m.Serve(ctx, l)
	<-polled
	return err
}

func (c *core) towerSources() []telemetry.Source {
	packages := func(name, help string, state guarded.State) telemetry.Source {
		return telemetry.Source{Name: name, Help: help, Value: kept{c, state}.count}
	}
	return []telemetry.Source{
		{Name: "tower_owners", Help: "Parties whose agreement with this tower holds.", Value: c.owners},
		packages("tower_packages_sealed", "Packages that wait for what opens them.", guarded.Sealed),
		packages("tower_packages_open", "Packages whose spend is due or under way.", guarded.Opened),
		packages("tower_packages_done", "Packages whose contract is spent, deep enough.", guarded.Done),
		packages("tower_packages_failed", "Packages that were of no use when they opened.", guarded.Failed),
		{Name: "disk_free_bytes", Help: "Bytes that can be written in the data folder.", Value: func() float64 {
			return float64(min(c.disk.Look().Free, math.MaxInt64))
		}},
	}
}

// kept is what the tower keeps in a state.
type kept struct {
	c     *core
	state guarded.State
}

// count is unknown where the store does not answer, which is not none.
func (k kept) count() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	states, err := k.c.store.TowerStates(ctx)
	if err != nil {
		return math.NaN()
	}
	return float64(states[k.state])
}

func (c *core) owners() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	n, err := c.store.CountOwners(ctx, time.Now().Unix())
	if err != nil {
		return math.NaN()
	}
	return float64(n)
}

// pollTower asks the back ends, and how far the tower has read, until ctx ends.
func (c *core) pollTower(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		for _, on := range c.chains {
			c.pollTowerChain(ctx, on)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (c *core) pollTowerChain(ctx context.Context, on chain) {
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	id := string(on.id)
	status, err := on.adapter.Status(ctx)
	c.seen.s.Reachable.WithLabelValues(id).Set(float64(toInt(err == nil)))
	if err != nil {
		c.seen.s.Failures.WithLabelValues(id).Inc()
		return
	}
	c.seen.s.Synced.WithLabelValues(id).Set(float64(toInt(status.Synced)))
	c.seen.s.Tip.WithLabelValues(id).Set(float64(status.Tip.Height))
	c.seen.s.TipAge.WithLabelValues(id).Set(c.seen.tip(on.id, status.Tip.Hash, time.Now()).Seconds())
	cursor, known, err := c.store.TowerCursor(ctx, on.id)
	if err == nil && known {
		c.seen.s.Behind.WithLabelValues(id).Set(math.Max(0, float64(status.Tip.Height)-float64(cursor.Block.Height)))
	}
}
