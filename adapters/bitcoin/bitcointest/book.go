// Package bitcointest has what tests of the Bitcoin family's adapter share: a
// store in memory, the conformance suite that every store passes, and keys
// that derive from a name. Its users are tests only; nothing here is durable
// or secret.
package bitcointest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
)

// Book is a bitcoin.CoinStore and a bitcoin.HoldStore in memory.
type Book struct {
	mu     sync.Mutex
	cursor adapters.BlockRef
	next   [2]uint32
	coins  map[wire.OutPoint]bitcoin.Coin
	holds  map[wire.OutPoint]bitcoin.Hold
}

// NewBook is empty.
func NewBook() *Book {
	return &Book{coins: make(map[wire.OutPoint]bitcoin.Coin), holds: make(map[wire.OutPoint]bitcoin.Hold)}
}

// LoadCoins is that of bitcoin.CoinStore.
func (b *Book) LoadCoins(ctx context.Context) (bitcoin.Book, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bitcoin.Book{
		Cursor: b.cursor, Next: b.next,
		Coins: slices.Collect(maps.Values(b.coins)), Holds: slices.Collect(maps.Values(b.holds)),
	}, ctx.Err()
}

// ApplyBlock is that of bitcoin.CoinStore.
func (b *Book) ApplyBlock(ctx context.Context, change bitcoin.BlockChange) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for point, c := range b.coins {
		if change.Undo != 0 && c.SpentAt == change.Undo {
			c.SpentBy, c.SpentAt = chainhash.Hash{}, 0
		}
		c.Undone = c.Undone || change.Undo != 0 && c.Height == change.Undo
		b.coins[point] = c
	}
	for _, c := range change.Created {
		b.coins[c.Point] = c
	}
	for _, s := range change.Spent {
		if c, ok := b.coins[s.Point]; ok {
			c.SpentBy, c.SpentAt = s.SpentBy, s.SpentAt
			b.coins[s.Point] = c
		}
	}
	for point, c := range b.coins {
		switch {
		case c.Gone() && c.SpentAt <= change.Forget:
			delete(b.coins, point)
			delete(b.holds, point)
		case c.Undone && !c.Gone() && c.Height <= change.ForgetUndone:
			delete(b.coins, point)
		}
	}
	b.next, b.cursor = change.Next, change.Cursor
	return nil
}

// Hold is that of bitcoin.HoldStore.
func (b *Book) Hold(ctx context.Context, owner string, points []wire.OutPoint) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, point := range points {
		if h, taken := b.holds[point]; taken {
			return fmt.Errorf("%w: %s belongs to %s", adapters.ErrReserved, point, h.Owner)
		}
	}
	for _, point := range points {
		b.holds[point] = bitcoin.Hold{Owner: owner, Point: point}
	}
	return nil
}

// Release is that of bitcoin.HoldStore.
func (b *Book) Release(ctx context.Context, owner string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for point, h := range b.holds {
		if h.Owner == owner && ctx.Err() == nil {
			delete(b.holds, point)
		}
	}
	return ctx.Err()
}

// Adopt is that of bitcoin.HoldStore.
func (b *Book) Adopt(ctx context.Context, from, to string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for point, h := range b.holds {
		if h.Owner == from && ctx.Err() == nil {
			h.Owner = to
			b.holds[point] = h
		}
	}
	return ctx.Err()
}
