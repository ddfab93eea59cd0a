package store_test

import (
	"testing"

	"github.com/kofo-network/kofo/internal/store"
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
}
