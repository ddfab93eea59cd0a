package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/runner"
)

// storage is what a node keeps: the engine's store and the journal.
type storage interface {
	engine.Store
	engine.Journal
	runner.Swaps
}

// memory is a storage in memory that keeps the contract of engine.Store and
// engine.Journal. What a restart reads has gone through its encoding.
type memory struct {
	swaps   map[htlc.SwapID]htlc.Swap
	order   []htlc.SwapID
	cursors map[htlc.ChainID]engine.Cursor
	pending []engine.StoredEffect
	txs     map[htlc.SwapID][]engine.JournalTx
	ids     map[string]htlc.SwapID
	events  int
}

func newMemory() *memory {
	return &memory{
		swaps: map[htlc.SwapID]htlc.Swap{}, cursors: map[htlc.ChainID]engine.Cursor{},
		txs: map[htlc.SwapID][]engine.JournalTx{}, ids: map[string]htlc.SwapID{},
	}
}

func (m *memory) Active(_ context.Context, visit func(htlc.Swap) error) error {
	ids := slices.Clone(m.order)
	slices.SortFunc(ids, func(a, b htlc.SwapID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		if m.swaps[id].Phase == htlc.PhaseClosed {
			continue
		}
		s, err := reread(m.swaps[id])
		if err != nil {
			return err
		}
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}

func reread(s htlc.Swap) (htlc.Swap, error) {
	raw, err := htlc.EncodeSwap(s)
	if err != nil {
		return s, err
	}
	return htlc.DecodeSwap(raw)
}

func (m *memory) Pending(context.Context) ([]engine.StoredEffect, error) {
	out := slices.Clone(m.pending)
	for i := range out {
		out[i].Chain = ""
	}
	return out, nil
}

func (m *memory) Cursor(_ context.Context, chain htlc.ChainID) (engine.Cursor, error) {
	c, ok := m.cursors[chain]
	if !ok {
		return c, engine.ErrNotFound
	}
	return c, nil
}

// errGap: a history with a hole; no store takes it.
var errGap = errors.New("the events of a batch do not follow the stored version")

func (m *memory) Commit(_ context.Context, b engine.Batch) error {
	for _, w := range b.Swaps {
		if m.swaps[w.Swap.ID].Version != w.Expect {
			return engine.ErrConflict
		}
		for i, e := range w.Events {
			if e.Seq != w.Expect+uint64(i)+1 {
				return errGap
			}
		}
	}
	for _, c := range b.Cursors {
		if m.cursors[c.Chain].Seq != c.Expect {
			return engine.ErrConflict
		}
	}
	for _, w := range b.Swaps {
		if w.Expect == 0 {
			m.order = append(m.order, w.Swap.ID)
		}
		m.swaps[w.Swap.ID] = w.Swap
		m.pending = append(m.pending, w.Effects...)
		m.events += len(w.Events)
	}
	for _, c := range b.Cursors {
		m.cursors[c.Chain] = c.Cursor
	}
	if len(b.Done) > 0 {
		m.pending = slices.DeleteFunc(m.pending, func(e engine.StoredEffect) bool { return slices.Contains(b.Done, e.ID) })
	}
	return nil
}

func (m *memory) Swap(_ context.Context, id htlc.SwapID) (htlc.Swap, error) {
	s, ok := m.swaps[id]
	if !ok {
		return s, engine.ErrNotFound
	}
	return reread(s)
}

func (m *memory) SaveTxs(_ context.Context, txs []engine.JournalTx) error {
	for _, t := range txs {
		if _, known := m.ids[t.ID]; known {
			continue
		}
		m.ids[t.ID] = t.Swap
		m.txs[t.Swap] = append(m.txs[t.Swap], t)
	}
	return nil
}

func (m *memory) Txs(_ context.Context, swap htlc.SwapID, leg int, p htlc.Purpose) ([]engine.JournalTx, error) {
	var out []engine.JournalTx
	for _, t := range m.txs[swap] {
		if t.Leg == leg && t.Purpose == p {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b engine.JournalTx) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Attempt, b.Attempt))
	})
	return out, nil
}

func (m *memory) MarkReleased(_ context.Context, _ htlc.ChainID, txid string) error {
	swap, ok := m.ids[txid]
	if !ok {
		return engine.ErrNotFound
	}
	for i := range m.txs[swap] {
		if m.txs[swap][i].ID == txid {
			m.txs[swap][i].Released = true
		}
	}
	return nil
}

func (m *memory) NextNonce(context.Context, htlc.ChainID, string) (uint64, error) { return 0, nil }

// disk is a node's storage with the faults of a disk and of a process: every
// write may fail, and the process may die just before and just after it.
type disk struct {
	storage
	n *node
}

var (
	errDiskFull = errors.New("no space left on device")
	errBusy     = errors.New("the database is busy")
)

func (d *disk) write(name string, do func() error) error {
	d.n.edge(name + "/before")
	if d.n.full {
		return errDiskFull
	}
	if !d.n.calm && d.n.rng.IntN(100) == 0 {
		return errBusy
	}
	if err := do(); err != nil {
		return err
	}
	d.n.edge(name + "/after") // also: the answer is lost, and the process ends over it
	return nil
}

func (d *disk) Commit(ctx context.Context, b engine.Batch) error {
	return d.write("commit", func() error { return d.storage.Commit(ctx, b) })
}

func (d *disk) SaveTxs(ctx context.Context, txs []engine.JournalTx) error {
	return d.write("save-"+txs[0].Purpose.String(), func() error { return d.storage.SaveTxs(ctx, txs) })
}

func (d *disk) MarkReleased(ctx context.Context, chain htlc.ChainID, txid string) error {
	d.n.w.marked(d.n, txid)
	return d.write("mark", func() error { return d.storage.MarkReleased(ctx, chain, txid) })
}
