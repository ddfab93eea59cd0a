// Package towertest has the suite that every store of a watchtower passes, and
// a store in memory for tests of the tower itself, which passes it too.
package towertest

import (
	"context"
	"slices"
	"sync"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

// Memory is a tower.Store that lives as long as its process.
type Memory struct {
	mu       sync.Mutex
	packages []tower.Stored
	cursors  map[htlc.ChainID]tower.Cursor
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{cursors: map[htlc.ChainID]tower.Cursor{}} }

func (m *Memory) find(p tower.Stored) int {
	return slices.IndexFunc(m.packages, func(q tower.Stored) bool {
		return q.Owner == p.Owner && q.Locator == p.Locator
	})
}

// SavePackage implements tower.Store.
func (m *Memory) SavePackage(_ context.Context, p tower.Stored) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Task = tower.Task{State: tower.Sealed}
	switch i := m.find(p); {
	case i < 0:
		m.packages = append(m.packages, p)
	case m.packages[i].State == tower.Sealed:
		m.packages[i] = p
	default:
		return tower.ErrInUse
	}
	return nil
}

// Packages implements tower.Store.
func (m *Memory) Packages(_ context.Context, l tower.Locator) ([]tower.Stored, error) {
	return m.list(func(p tower.Stored) bool { return p.Locator == l }), nil
}

// OwnPackages implements tower.Store.
func (m *Memory) OwnPackages(_ context.Context, owner htlc.PartyID) ([]tower.Stored, error) {
	own := m.list(func(p tower.Stored) bool { return p.Owner == owner })
	for i := range own {
		own[i].Bytes = nil
	}
	return own, nil
}

// Locators implements tower.Store.
func (m *Memory) Locators(_ context.Context, visit func(tower.Locator)) error {
	for _, p := range m.list(func(tower.Stored) bool { return true }) {
		visit(p.Locator)
	}
	return nil
}

// DropPackages implements tower.Store.
func (m *Memory) DropPackages(_ context.Context, now int64) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.packages)
	m.packages = slices.DeleteFunc(m.packages, func(p tower.Stored) bool { return p.State != tower.Opened && p.Until < now })
	return int64(before - len(m.packages)), nil
}

// OpenPackages implements tower.Store.
func (m *Memory) OpenPackages(_ context.Context, chain htlc.ChainID) ([]tower.Stored, error) {
	return m.list(func(p tower.Stored) bool { return p.State == tower.Opened && p.Chain == chain }), nil
}

func (m *Memory) list(take func(tower.Stored) bool) []tower.Stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []tower.Stored
	for _, p := range m.packages {
		if take(p) {
			out = append(out, p)
		}
	}
	return out
}

// SaveTasks implements tower.Store.
func (m *Memory) SaveTasks(_ context.Context, tasks []tower.Stored, cursor *tower.Cursor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range tasks {
		if i := m.find(p); i >= 0 {
			m.packages[i].Task = p.Task
		}
	}
	if cursor != nil {
		m.cursors[cursor.Chain] = *cursor
	}
	return nil
}

// TowerCursor implements tower.Store.
func (m *Memory) TowerCursor(_ context.Context, chain htlc.ChainID) (tower.Cursor, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.cursors[chain]
	return c, ok, nil
}

// Forget takes a package away that is not open, and tells whether there was one.
func (m *Memory) Forget(owner htlc.PartyID, l tower.Locator) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.packages)
	m.packages = slices.DeleteFunc(m.packages, func(p tower.Stored) bool {
		return p.Owner == owner && p.Locator == l && p.State != tower.Opened
	})
	return len(m.packages) < before
}
