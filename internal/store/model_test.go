package store_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// modelSteps bounds one run, so that the suite takes seconds on a real disk.
const modelSteps = 12

// model is what the store should hold, in maps.
type model struct {
	swaps   map[htlc.SwapID]htlc.Swap
	order   []htlc.SwapID
	history map[htlc.SwapID][]engine.StoredEvent
	pending []engine.StoredEffect
	cursors map[htlc.ChainID]engine.Cursor
	next    uint64
}

// commit does to the model what a store must do to itself.
func (m *model) commit(b engine.Batch) error {
	for _, w := range b.Swaps {
		if m.swaps[w.Swap.ID].Version != w.Expect {
			return engine.ErrConflict
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
		m.history[w.Swap.ID] = append(m.history[w.Swap.ID], w.Events...)
		m.pending = append(m.pending, w.Effects...)
	}
	for _, c := range b.Cursors {
		m.cursors[c.Chain] = c.Cursor
	}
	done := map[engine.EffectID]bool{}
	for _, id := range b.Done {
		done[id] = true
	}
	var left []engine.StoredEffect
	for _, e := range m.pending {
		if !done[e.ID] {
			left = append(left, e)
		}
	}
	m.pending = left
	return nil
}

// batch draws one, now and then from a state that is no longer the store's.
func (m *model) batch(r *rapid.T, stale map[htlc.SwapID]htlc.Swap) engine.Batch {
	var b engine.Batch
	for range rapid.IntRange(0, 2).Draw(r, "fresh") {
		m.next++
		b.Swaps = append(b.Swaps, fresh(r, m.next))
	}
	for _, id := range m.order {
		if !rapid.Bool().Draw(r, "touched") {
			continue
		}
		s := m.swaps[id]
		if old, ok := stale[id]; ok && rapid.IntRange(0, 9).Draw(r, "stale") == 0 {
			s = old
		}
		if s.Phase == htlc.PhaseClosed {
			continue
		}
		events := []htlc.Event{tip(s.Legs[0].Height + 1)}
		if rapid.IntRange(0, 4).Draw(r, "cancel") == 0 {
			events = append(events, htlc.CancelRequested{})
		}
		b.Swaps = append(b.Swaps, step(r, s, events...))
		stale[id] = s
	}
	for _, e := range m.pending {
		if rapid.IntRange(0, 3).Draw(r, "done") == 0 {
			b.Done = append(b.Done, e.ID)
		}
	}
	if rapid.Bool().Draw(r, "cursor") {
		now := m.cursors[chainA]
		expect := now.Seq - min(now.Seq, uint64(rapid.IntRange(0, 5).Draw(r, "behind"))/5)
		recent := slices.Concat(now.Recent, []adapters.BlockRef{block(expect + 100)})
		b.Cursors = append(b.Cursors, engine.CursorWrite{
			Chain: chainA, Expect: expect, Cursor: engine.Cursor{Seq: expect + 1, Block: block(expect + 100), Recent: recent},
		})
	}
	return b
}

func (m *model) check(t rapid.TB, s *store.Store) {
	t.Helper()
	open := map[htlc.SwapID]htlc.Swap{}
	for id, swap := range m.swaps {
		if swap.Phase != htlc.PhaseClosed {
			open[id] = swap
		}
		events, err := s.History(ctx, id, 0, 0)
		must(t, err)
		if !reflect.DeepEqual(events, m.history[id]) {
			t.Fatalf("history of %s is %+v, want %+v", id, events, m.history[id])
		}
	}
	if got := active(t, s); !reflect.DeepEqual(got, open) {
		t.Fatalf("%d swaps are open, want %d", len(got), len(open))
	}
	pending, err := s.Pending(ctx)
	must(t, err)
	if len(pending) != len(m.pending) || len(pending) > 0 && !reflect.DeepEqual(pending, m.pending) {
		t.Fatalf("pending %+v, want %+v", pending, m.pending)
	}
	cursor, err := s.Cursor(ctx, chainA)
	if errors.Is(err, engine.ErrNotFound) {
		err = nil
	}
	must(t, err)
	if !reflect.DeepEqual(cursor, m.cursors[chainA]) {
		t.Fatalf("cursor %+v, want %+v", cursor, m.cursors[chainA])
	}
}

// testModel drives the store and the model with the same batches, with
// restarts between.
func testModel(t *testing.T, dsn func(testing.TB) string) {
	rapid.Check(t, func(r *rapid.T) {
		where := dsn(t)
		s, err := store.Open(ctx, config(r, where))
		must(r, err)
		defer func() { must(r, s.Close()) }()
		m := &model{
			swaps: map[htlc.SwapID]htlc.Swap{}, history: map[htlc.SwapID][]engine.StoredEvent{},
			cursors: map[htlc.ChainID]engine.Cursor{},
		}
		stale := map[htlc.SwapID]htlc.Swap{}
		for range rapid.IntRange(1, modelSteps).Draw(r, "steps") {
			if rapid.IntRange(0, 9).Draw(r, "restart") == 0 {
				must(r, s.Close())
				s, err = store.Open(ctx, config(r, where))
				must(r, err)
			}
			b := m.batch(r, stale)
			got, want := s.Commit(ctx, b), m.commit(b)
			if !errors.Is(got, want) {
				r.Fatalf("commit: %v, want %v", got, want)
			}
			m.check(r, s)
		}
	})
}
