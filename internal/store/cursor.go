package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Cursor implements engine.Store.
func (s *Store) Cursor(ctx context.Context, chain htlc.ChainID) (engine.Cursor, error) {
	op := "read the cursor of " + string(chain)
	var row sqlcgen.CursorRow
	err := s.read(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		row, err = q.Cursor(ctx, string(chain))
		return err
	})
	if err != nil {
		return engine.Cursor{}, err
	}
	out := engine.Cursor{Seq: uint64(row.Seq), Block: adapters.BlockRef{
		Height: uint64(row.Height), Time: row.Time, Clock: row.Clock,
	}}
	if copy(out.Block.Hash[:], row.Hash) != len(out.Block.Hash) || copy(out.Block.Parent[:], row.Parent) != len(out.Block.Parent) {
		return engine.Cursor{}, fmt.Errorf("%s: %w: hashes of %d and %d bytes", op, ErrCorrupt, len(row.Hash), len(row.Parent))
	}
	if out.Recent, err = decodeBlocks(row.Recent); err != nil {
		return engine.Cursor{}, fmt.Errorf("%s: %w", op, err)
	}
	return out, nil
}

func (r *batchRows) addCursor(c engine.CursorWrite) error {
	b := c.Cursor.Block
	if c.Cursor.Seq <= c.Expect {
		return fmt.Errorf("%w: cursor of %s from %d to %d", ErrBadBatch, c.Chain, c.Expect, c.Cursor.Seq)
	}
	if b.Height > math.MaxInt64 || c.Cursor.Seq > math.MaxInt64 {
		return fmt.Errorf("cursor of %s: %w: height %d", c.Chain, ErrRange, b.Height)
	}
	recent := encodeBlocks(c.Cursor.Recent)
	if c.Expect == 0 {
		r.started = append(r.started, sqlcgen.AddCursorParams{
			Chain: string(c.Chain), Seq: int64(c.Cursor.Seq), Height: int64(b.Height),
			Hash: b.Hash[:], Parent: b.Parent[:], Time: b.Time, Clock: b.Clock, Recent: recent,
		})
		return nil
	}
	r.cursors = append(r.cursors, sqlcgen.MoveCursorParams{
		Chain: string(c.Chain), Seq: int64(c.Cursor.Seq), Height: int64(b.Height),
		Hash: b.Hash[:], Parent: b.Parent[:], Time: b.Time, Clock: b.Clock, Recent: recent, Expected: int64(c.Expect),
	})
	return nil
}

// blockSize is the size of a block in a list: height, hash, parent, time and
// clock.
const blockSize = 8 + 32 + 32 + 8 + 8

// encodeBlocks writes a list in a few kilobytes; it is written with every
// block of a chain.
func encodeBlocks(blocks []adapters.BlockRef) []byte {
	out := make([]byte, 0, len(blocks)*blockSize)
	for _, b := range blocks {
		out = binary.BigEndian.AppendUint64(out, b.Height)
		out = append(out, b.Hash[:]...)
		out = append(out, b.Parent[:]...)
		out = binary.BigEndian.AppendUint64(out, uint64(b.Time))
		out = binary.BigEndian.AppendUint64(out, uint64(b.Clock))
	}
	return out
}

func decodeBlocks(raw []byte) ([]adapters.BlockRef, error) {
	if len(raw)%blockSize != 0 {
		return nil, fmt.Errorf("%w: a list of blocks of %d bytes", ErrCorrupt, len(raw))
	}
	var out []adapters.BlockRef
	for ; len(raw) > 0; raw = raw[blockSize:] {
		b := adapters.BlockRef{
			Height: binary.BigEndian.Uint64(raw),
			Time:   int64(binary.BigEndian.Uint64(raw[72:])),
			Clock:  int64(binary.BigEndian.Uint64(raw[80:])),
		}
		copy(b.Hash[:], raw[8:])
		copy(b.Parent[:], raw[40:])
		out = append(out, b)
	}
	return out, nil
}
