package engine

import (
	"context"
	"errors"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Errors of a Store.
var (
	// ErrNotFound: no such swap, transaction or cursor.
	ErrNotFound = errors.New("not found in the store")
	// ErrConflict: another writer was faster; the version or cursor in the
	// store is not the expected one. Nothing of the batch was written.
	ErrConflict = errors.New("the stored version is not the expected one")
)

// EffectID names an effect: the Index-th that the event Seq of a swap asked
// for.
type EffectID struct {
	Swap  htlc.SwapID
	Seq   uint64
	Index int
}

// StoredEffect is an effect with its name.
type StoredEffect struct {
	ID     EffectID
	Effect htlc.Effect
	// Chain is that of the effect's leg. It is not stored, and empty for the
	// effects of closed swaps that were pending at the start.
	Chain htlc.ChainID
}

// StoredEvent is an event of a swap's history. Seq counts from 1 without
// gaps; it equals the version of the swap after the event.
type StoredEvent struct {
	Seq   uint64
	At    time.Time // when it was handled; for people, nothing decides by it
	Event htlc.Event
}

// SwapWrite is what a batch writes of one swap.
type SwapWrite struct {
	Swap    htlc.Swap // after the events
	Expect  uint64    // version in the store before; 0 for a new swap
	Events  []StoredEvent
	Effects []StoredEffect
}

// CursorWrite moves the position up to which a chain's facts are stored. Seq
// counts the steps ever applied.
type CursorWrite struct {
	Chain  htlc.ChainID
	Expect uint64 // Seq in the store before; 0 for a new cursor
	Cursor Cursor
}

// Cursor is the last block whose facts are stored.
type Cursor struct {
	Seq   uint64
	Block adapters.BlockRef
	// Recent are the blocks up to this one, oldest first, at most
	// RecentBlocks: the way back for a node that has forgotten the blocks
	// that it left. A store that has lost them loses only that.
	Recent []adapters.BlockRef
}

// RecentBlocks is how many blocks a Cursor remembers.
const RecentBlocks = 64

// next is the cursor after a step.
func (c Cursor) next(s adapters.Step) Cursor {
	keep := len(c.Recent)
	for keep > 0 && c.Recent[keep-1].Height >= s.Block.Height {
		keep--
	}
	from := max(0, keep-RecentBlocks+1)
	recent := make([]adapters.BlockRef, 0, keep-from+1)
	recent = append(recent, c.Recent[from:keep]...)
	return Cursor{Seq: c.Seq + 1, Block: s.Block, Recent: append(recent, s.Block)}
}

// passed reports whether a block lies on the way to the cursor.
func (c Cursor) passed(b adapters.BlockRef) bool {
	for i := len(c.Recent) - 1; i >= 0 && c.Recent[i].Height >= b.Height; i-- {
		if c.Recent[i].Hash == b.Hash {
			return true
		}
	}
	return false
}

// Batch is written in one transaction, all or nothing.
type Batch struct {
	Swaps   []SwapWrite
	Cursors []CursorWrite
	// Done are effects whose result is part of this batch, and effects that
	// were asked for again, by one of this batch, before they were done.
	Done []EffectID
}

// Store is what the engine needs of a database.
type Store interface {
	// Active visits every swap that is not closed.
	Active(ctx context.Context, visit func(htlc.Swap) error) error
	// Pending lists the effects that are not done, in the order in which they
	// were asked for.
	Pending(ctx context.Context) ([]StoredEffect, error)
	// Cursor returns a chain's cursor, or ErrNotFound.
	Cursor(ctx context.Context, chain htlc.ChainID) (Cursor, error)
	// Commit writes a batch durably. After an error that leaves the result
	// unknown it finds out, so a nil error means written and any other not.
	Commit(ctx context.Context, b Batch) error
}

// JournalTx is one of our own transactions as stored before its broadcast.
type JournalTx struct {
	adapters.Tx
	Swap    htlc.SwapID
	Leg     int
	Purpose htlc.Purpose
	// Step orders the transactions of one purpose that belong together (an
	// approval before a lock); Attempt counts replacements.
	Step, Attempt int
	// Ref is the funding that a redeem or refund spends.
	Ref string
	// Released: it may have left the process. Durable before the broadcast.
	Released bool
}

// Journal keeps our own transactions. Raw bytes are sealed at rest.
type Journal interface {
	// SaveTxs stores all or none. Saving the same txid again changes nothing.
	SaveTxs(ctx context.Context, txs []JournalTx) error
	// Txs lists the transactions of one purpose, by Step and Attempt.
	Txs(ctx context.Context, swap htlc.SwapID, leg int, purpose htlc.Purpose) ([]JournalTx, error)
	// MarkReleased is durable when it returns.
	MarkReleased(ctx context.Context, chain htlc.ChainID, txid string) error
	// NextNonce is one more than the highest nonce stored for an account, or
	// 0 where none is.
	NextNonce(ctx context.Context, chain htlc.ChainID, account string) (uint64, error)
}
