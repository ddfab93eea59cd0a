package store_test

import (
	"testing"

	"github.com/kofo-network/kofo/internal/store"
	guards "github.com/kofo-network/kofo/internal/tower/towertest"
	"github.com/kofo-network/kofo/monitor/tower"
	"github.com/kofo-network/kofo/monitor/tower/towertest"
)

// Every opening is a restart.
func testTower(t *testing.T, dsn string) {
	var last *store.Store
	towertest.RunStore(t, func(t *testing.T) tower.Store {
		if last != nil {
			must(t, last.Close())
		}
		last = open(t, dsn)
		return last
	})
	guards.Run(t, func(t *testing.T) guards.Keeper {
		must(t, last.Close())
		last = open(t, dsn)
		return last
	})
}
