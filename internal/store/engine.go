package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
	"github.com/kofo-network/kofo/monitor/engine"
)

// pageSize bounds what one read holds in memory.
const pageSize = 256

// Active implements engine.Store, in the order of the ids.
func (s *Store) Active(ctx context.Context, visit func(htlc.Swap) error) error {
	after := []byte{}
	for {
		var rows []sqlcgen.OpenSwapsRow
		err := s.read(ctx, "read open swaps", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
			rows, err = q.OpenSwaps(ctx, sqlcgen.OpenSwapsParams{ID: after, Limit: pageSize})
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range rows {
			swap, err := decodeSwap(r.ID, r.Version, r.Phase, r.Outcome, r.Snapshot)
			if err != nil {
				return err
			}
			if err := visit(swap); err != nil {
				return err
			}
		}
		if len(rows) < pageSize {
			return nil
		}
		after = rows[len(rows)-1].ID
	}
}

// decodeSwap reads a snapshot and compares it with the columns beside it.
func decodeSwap(id []byte, version int64, phase, outcome string, snapshot []byte) (htlc.Swap, error) {
	swap, err := htlc.DecodeSwap(snapshot)
	if err != nil {
		return htlc.Swap{}, fmt.Errorf("swap %x: %w: %w", id, ErrCorrupt, err)
	}
	if string(swap.ID[:]) != string(id) || swap.Version != uint64(version) ||
		swap.Phase.String() != phase || swap.Outcome.String() != outcome {
		return htlc.Swap{}, fmt.Errorf("swap %x: %w: the snapshot is of swap %s, version %d, %s, %s",
			id, ErrCorrupt, swap.ID, swap.Version, swap.Phase, swap.Outcome)
	}
	return swap, nil
}

// Pending implements engine.Store.
func (s *Store) Pending(ctx context.Context) ([]engine.StoredEffect, error) {
	var out []engine.StoredEffect
	after := int64(0)
	for {
		var rows []sqlcgen.PendingEffectsRow
		err := s.read(ctx, "read pending effects", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
			rows, err = q.PendingEffects(ctx, sqlcgen.PendingEffectsParams{Ord: after, Limit: pageSize})
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			id, err := swapID(r.Swap)
			if err != nil {
				return nil, err
			}
			out = append(out, engine.StoredEffect{
				ID:     engine.EffectID{Swap: id, Seq: uint64(r.Seq), Index: int(r.Idx)},
				Effect: htlc.Effect{Kind: htlc.EffectKind(r.Kind), Leg: int(r.Leg), Detail: r.Detail},
			})
			after = r.Ord
		}
		if len(rows) < pageSize {
			return out, nil
		}
	}
}

// Commit implements engine.Store.
func (s *Store) Commit(ctx context.Context, b engine.Batch) error {
	rows, err := s.encode(b)
	if err != nil {
		return fmt.Errorf("commit a batch: %w", err)
	}
	return s.writeTx(ctx, "commit a batch", func(ctx context.Context, tx *sql.Tx, q *sqlcgen.Queries) error {
		err := rows.insert(ctx, s.dialect, tx, q)
		if duplicate(err) {
			return fmt.Errorf("%w: %w", ErrConflict, err)
		}
		return err
	})
}

// batchRows is a batch in the form of the tables.
type batchRows struct {
	fresh   []sqlcgen.AddSwapParams
	moved   [][]any // as moveSwaps wants them
	events  [][]any
	effects [][]any
	done    [][]any
	started []sqlcgen.AddCursorParams
	cursors []sqlcgen.MoveCursorParams
}

func (s *Store) encode(b engine.Batch) (*batchRows, error) {
	rows := &batchRows{}
	seen := make(map[htlc.SwapID]bool, len(b.Swaps))
	for _, w := range b.Swaps {
		if seen[w.Swap.ID] {
			return nil, fmt.Errorf("%w: swap %s stands twice in it", ErrBadBatch, w.Swap.ID)
		}
		seen[w.Swap.ID] = true
		if err := rows.addSwap(w); err != nil {
			return nil, fmt.Errorf("swap %s: %w", w.Swap.ID, err)
		}
		for _, e := range w.Effects {
			if e.ID.Swap != w.Swap.ID || e.ID.Seq <= w.Expect || e.ID.Seq > w.Swap.Version || e.ID.Index < 0 {
				return nil, fmt.Errorf("%w: effect %+v belongs to no event of it", ErrBadBatch, e.ID)
			}
			rows.effects = append(rows.effects, []any{
				bytesOf(e.ID.Swap), int64(e.ID.Seq), int64(e.ID.Index), s.ord.Add(1),
				string(e.Effect.Kind), int64(e.Effect.Leg), e.Effect.Detail, effectPending,
			})
		}
	}
	for _, id := range b.Done {
		rows.done = append(rows.done, []any{bytesOf(id.Swap), int64(id.Seq), int64(id.Index)})
	}
	for _, c := range b.Cursors {
		if err := rows.addCursor(c); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// addSwap checks that the events lead from the expected version to the new
// one without a gap.
func (r *batchRows) addSwap(w engine.SwapWrite) error {
	id := bytesOf(w.Swap.ID)
	if len(w.Events) == 0 || w.Swap.Version > math.MaxInt64 || w.Expect+uint64(len(w.Events)) != w.Swap.Version {
		return fmt.Errorf("%w: %d events from version %d to %d", ErrBadBatch, len(w.Events), w.Expect, w.Swap.Version)
	}
	for i, e := range w.Events {
		if e.Seq != w.Expect+uint64(i)+1 {
			return fmt.Errorf("%w: event %d where %d follows", ErrBadBatch, e.Seq, w.Expect+uint64(i)+1)
		}
		body, err := htlc.EncodeEvent(e.Event)
		if err != nil {
			return fmt.Errorf("encode event %d: %w", e.Seq, err)
		}
		r.events = append(r.events, []any{id, int64(e.Seq), string(e.Event.Kind()), body, e.At.UnixMicro()})
	}
	snapshot, err := htlc.EncodeSwap(w.Swap)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	phase, outcome := w.Swap.Phase.String(), w.Swap.Outcome.String()
	at := w.Events[len(w.Events)-1].At.UnixMicro()
	if w.Expect == 0 {
		r.fresh = append(r.fresh, sqlcgen.AddSwapParams{
			ID: id, Version: int64(w.Swap.Version), Phase: phase, Outcome: outcome, Snapshot: snapshot, CreatedAt: at,
		})
		return nil
	}
	r.moved = append(r.moved, []any{id, int64(w.Expect), int64(w.Swap.Version), phase, outcome, snapshot, at})
	return nil
}

func (r *batchRows) insert(ctx context.Context, d dialect, tx *sql.Tx, q *sqlcgen.Queries) error {
	for _, p := range r.fresh {
		if err := expectOne(q.AddSwap(ctx, p)); err != nil {
			return fmt.Errorf("swap %x: %w", p.ID, err)
		}
	}
	n, err := moveSwaps.exec(ctx, d, tx, r.moved)
	if err != nil {
		return fmt.Errorf("move swaps: %w", err)
	}
	if n != int64(len(r.moved)) {
		return fmt.Errorf("%w: %d of %d swaps are at their expected versions", ErrConflict, n, len(r.moved))
	}
	if _, err := addEvents.exec(ctx, d, tx, r.events); err != nil {
		return fmt.Errorf("add events: %w", err)
	}
	if _, err := addEffects.exec(ctx, d, tx, r.effects); err != nil {
		return fmt.Errorf("add effects: %w", err)
	}
	if _, err := finishEffects.exec(ctx, d, tx, r.done); err != nil {
		return fmt.Errorf("finish effects: %w", err)
	}
	for _, p := range r.started {
		if err := expectOne(q.AddCursor(ctx, p)); err != nil {
			return fmt.Errorf("cursor of %s: %w", p.Chain, err)
		}
	}
	for _, p := range r.cursors {
		if err := expectOne(q.MoveCursor(ctx, p)); err != nil {
			return fmt.Errorf("cursor of %s, expected at %d: %w", p.Chain, p.Expected, err)
		}
	}
	return nil
}

// expectOne turns a write that found no row in the expected state into
// ErrConflict.
func expectOne(n int64, err error) error {
	if err == nil && n != 1 {
		return ErrConflict
	}
	return err
}

func bytesOf[T ~[32]byte](id T) []byte { return append([]byte(nil), id[:]...) }

func swapID(raw []byte) (id htlc.SwapID, err error) {
	if len(raw) != len(id) {
		return id, fmt.Errorf("%w: a swap id of %d bytes", ErrCorrupt, len(raw))
	}
	copy(id[:], raw)
	return id, nil
}
