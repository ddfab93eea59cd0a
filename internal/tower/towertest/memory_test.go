package towertest

import "testing"

func TestMemory(t *testing.T) {
	m := NewMemory()
	Run(t, func(*testing.T) Keeper { return m })
}
