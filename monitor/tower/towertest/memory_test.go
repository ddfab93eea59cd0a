package towertest

import (
	"testing"

	"github.com/kofo-network/kofo/monitor/tower"
)

func TestMemory(t *testing.T) {
	m := NewMemory()
	RunStore(t, func(*testing.T) tower.Store { return m })
}
