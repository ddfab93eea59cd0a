package monitor

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// mapStore is a store in memory. Swaps go through their encoding, so that a
// restart reads what a database would have kept.
type mapStore struct {
	// hook is told before and after what makes something durable.
	hook func(edge string) error

	mu       sync.Mutex
	swaps    map[htlc.SwapID][]byte
	versions map[htlc.SwapID]uint64
	history  map[htlc.SwapID][]engine.StoredEvent
	cursors  map[htlc.ChainID]engine.Cursor
	effects  []engine.StoredEffect
	done     map[engine.EffectID]bool
	txs      []engine.JournalTx
	commits  int
}

func newMapStore() *mapStore {
	return &mapStore{
		hook: func(string) error { return nil }, swaps: map[htlc.SwapID][]byte{}, versions: map[htlc.SwapID]uint64{},
		history: map[htlc.SwapID][]engine.StoredEvent{}, cursors: map[htlc.ChainID]engine.Cursor{}, done: map[engine.EffectID]bool{},
	}
}

func (s *mapStore) Active(_ context.Context, visit func(htlc.Swap) error) error {
	s.mu.Lock()
	raws := make([][]byte, 0, len(s.swaps))
	for _, raw := range s.swaps {
		raws = append(raws, raw)
	}
	s.mu.Unlock()
	slices.SortFunc(raws, bytes.Compare)
	for _, raw := range raws {
		swap, err := htlc.DecodeSwap(raw)
		if err != nil {
			return err
		}
		if swap.Phase == htlc.PhaseClosed {
			continue
		}
		if err := visit(swap); err != nil {
			return err
		}
	}
	return nil
}

func (s *mapStore) Pending(context.Context) ([]engine.StoredEffect, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []engine.StoredEffect
	for _, e := range s.effects {
		if !s.done[e.ID] {
			out = append(out, engine.StoredEffect{ID: e.ID, Effect: e.Effect})
		}
	}
	return out, nil
}

func (s *mapStore) Cursor(_ context.Context, chain htlc.ChainID) (engine.Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.cursors[chain]
	if !ok {
		return c, engine.ErrNotFound
	}
	return c, nil
}

func (s *mapStore) Commit(ctx context.Context, b engine.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.hook("commit/before"); err != nil {
		return err
	}
	if err := s.commit(b); err != nil {
		return err
	}
	return s.hook("commit/after")
}

func (s *mapStore) commit(b engine.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range b.Swaps {
		if s.versions[w.Swap.ID] != w.Expect {
			return engine.ErrConflict
		}
	}
	for _, c := range b.Cursors {
		if s.cursors[c.Chain].Seq != c.Expect {
			return engine.ErrConflict
		}
	}
	for _, w := range b.Swaps {
		raw, err := htlc.EncodeSwap(w.Swap)
		if err != nil {
			return err
		}
		s.swaps[w.Swap.ID], s.versions[w.Swap.ID] = raw, w.Swap.Version
		s.history[w.Swap.ID] = append(s.history[w.Swap.ID], w.Events...)
		s.effects = append(s.effects, w.Effects...)
	}
	for _, c := range b.Cursors {
		s.cursors[c.Chain] = c.Cursor
	}
	for _, id := range b.Done {
		s.done[id] = true
	}
	s.commits++
	return nil
}

func (s *mapStore) Swap(_ context.Context, id htlc.SwapID) (htlc.Swap, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, ok := s.swaps[id]
	if !ok {
		return htlc.Swap{}, engine.ErrNotFound
	}
	return htlc.DecodeSwap(raw)
}

func (s *mapStore) SaveTxs(_ context.Context, txs []engine.JournalTx) error {
	edge := "save-" + txs[0].Purpose.String()
	if err := s.hook(edge + "/before"); err != nil {
		return err
	}
	s.mu.Lock()
	for _, tx := range txs {
		if !slices.ContainsFunc(s.txs, func(old engine.JournalTx) bool { return old.ID == tx.ID }) {
			s.txs = append(s.txs, tx)
		}
	}
	s.mu.Unlock()
	return s.hook(edge + "/after")
}

func (s *mapStore) Txs(_ context.Context, swap htlc.SwapID, leg int, p htlc.Purpose) ([]engine.JournalTx, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []engine.JournalTx
	for _, tx := range s.txs {
		if tx.Swap == swap && tx.Leg == leg && tx.Purpose == p {
			out = append(out, tx)
		}
	}
	slices.SortStableFunc(out, func(a, b engine.JournalTx) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Attempt, b.Attempt))
	})
	return out, nil
}

func (s *mapStore) MarkReleased(_ context.Context, _ htlc.ChainID, txid string) error {
	if err := s.hook("mark/before"); err != nil {
		return err
	}
	s.mu.Lock()
	for i := range s.txs {
		if s.txs[i].ID == txid {
			s.txs[i].Released = true
		}
	}
	s.mu.Unlock()
	return s.hook("mark/after")
}

func (s *mapStore) NextNonce(context.Context, htlc.ChainID, string) (uint64, error) { return 0, nil }

func (s *mapStore) pendingCount() int {
	p, _ := s.Pending(context.Background())
	return len(p)
}
