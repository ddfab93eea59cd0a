// Package towertest has the suite that what keeps owners and guards passes, and
// one in memory for tests of Host and Guard, which passes it too.
package towertest

import (
	"context"
	"slices"
	"sync"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
	"github.com/kofo-network/kofo/monitor/tower/towertest"
)

// Memory lives as long as its process. It keeps a tower's packages too.
type Memory struct {
	*towertest.Memory
	mu     sync.Mutex
	owners map[htlc.PartyID]tower.Owner
	guards []tower.Guarded
}

// NewMemory returns an empty one.
func NewMemory() *Memory {
	return &Memory{Memory: towertest.NewMemory(), owners: map[htlc.PartyID]tower.Owner{}}
}

// SaveOwner implements tower.Register.
func (m *Memory) SaveOwner(_ context.Context, o tower.Owner) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owners[o.Party] = o
	return nil
}

// FindOwner implements tower.Register.
func (m *Memory) FindOwner(_ context.Context, party htlc.PartyID) (tower.Owner, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.owners[party]
	if !ok {
		o.Party = party
	}
	return o, ok, nil
}

// CountOwners implements tower.Register.
func (m *Memory) CountOwners(_ context.Context, now int64) (n int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.owners {
		if o.Until > now {
			n++
		}
	}
	return n, nil
}

// ForgetPackage implements tower.Register.
func (m *Memory) ForgetPackage(_ context.Context, owner htlc.PartyID, l guarded.Locator) (bool, error) {
	return m.Forget(owner, l), nil
}

func (m *Memory) find(g tower.Guarded) int {
	return slices.IndexFunc(m.guards, func(o tower.Guarded) bool {
		return o.Swap == g.Swap && o.Leg == g.Leg && o.Kind == g.Kind && o.Tower == g.Tower
	})
}

// SaveGuard implements tower.Guards.
func (m *Memory) SaveGuard(_ context.Context, g tower.Guarded) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.find(g); i >= 0 {
		m.guards[i] = g
	} else {
		m.guards = append(m.guards, g)
	}
	return nil
}

// DropGuard implements tower.Guards.
func (m *Memory) DropGuard(_ context.Context, g tower.Guarded) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.find(g); i >= 0 {
		m.guards = slices.Delete(m.guards, i, i+1)
	}
	return nil
}

// SwapGuards implements tower.Guards.
func (m *Memory) SwapGuards(_ context.Context, swap htlc.SwapID) ([]tower.Guarded, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []tower.Guarded
	for _, g := range m.guards {
		if g.Swap == swap {
			out = append(out, g)
		}
	}
	return out, nil
}

// CountGuards implements tower.Guards.
func (m *Memory) CountGuards(_ context.Context, of htlc.PartyID, now int64) (n int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.guards {
		if g.Tower == of && g.Until > now {
			n++
		}
	}
	return n, nil
}
