package node

import (
	"context"
	"math"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/telemetry"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// towerMeasured are the numbers of a watchtower.
func (c *core) towerMeasured() measured {
	return measured{sources: c.towerSources(), cursor: c.towerFollowed}
}

// towerFollowed is how far the tower has read a chain.
func (c *core) towerFollowed(ctx context.Context, id htlc.ChainID) (uint64, bool) {
	cursor, known, err := c.store.TowerCursor(ctx, id)
	return cursor.Block.Height, known && err == nil
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
