package evm

import (
	"context"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// registry is the set of watched contracts by id. Looking one up costs the same however many there are.
type registry struct {
	mu   sync.RWMutex
	byID map[common.Hash]record
}

func newRegistry() *registry { return &registry{byID: map[common.Hash]record{}} }

func (r *registry) add(id common.Hash, rec record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[id] = rec
}

func (r *registry) remove(id common.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, id)
}

func (r *registry) get(id common.Hash) (record, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	rec, ok := r.byID[id]
	return rec, ok
}

// Watch adds the leg's contract to what Next and Mempool report on. The id says all, so a funding's ref adds
// nothing.
func (a *Adapter) Watch(_ context.Context, terms htlc.Terms, leg int, _ string) (adapters.Contract, error) {
	contract, err := a.Contract(terms, leg)
	if err != nil {
		return adapters.Contract{}, err
	}
	rec, err := a.record(terms, leg)
	if err != nil {
		return adapters.Contract{}, err
	}
	a.watched.add(common.HexToHash(contract.ID), rec)
	a.pool.rescan()
	return contract, nil
}

// Unwatch forgets a contract.
func (a *Adapter) Unwatch(contract string) {
	id := common.HexToHash(contract)
	a.watched.remove(id)
	a.pool.forget(contract)
}

func (a *Adapter) watchedID(contract string) (common.Hash, record, error) {
	id := common.HexToHash(contract)
	rec, ok := a.watched.get(id)
	if !ok {
		return id, record{}, &adapters.Error{
			Reason: "NOT_WATCHED", Op: fmt.Sprintf("scan for contract %s", contract),
			Advice: "watch it first", Err: adapters.ErrMismatch,
		}
	}
	return id, rec, nil
}
