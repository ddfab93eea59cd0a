package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// Coins is the part of the store for one chain of the Bitcoin family.
type Coins struct {
	store *Store
	chain htlc.ChainID
}

var (
	_ bitcoin.CoinStore = (*Coins)(nil)
	_ bitcoin.HoldStore = (*Coins)(nil)
)

// Coins returns the wallet of a chain.
func (s *Store) Coins(chain htlc.ChainID) *Coins { return &Coins{store: s, chain: chain} }

// LoadCoins implements bitcoin.CoinStore.
func (c *Coins) LoadCoins(ctx context.Context) (bitcoin.Book, error) {
	var (
		wallet sqlcgen.Wallet
		coins  []sqlcgen.Coin
		holds  []sqlcgen.HoldsRow
	)
	op := "load the wallet of " + string(c.chain)
	err := c.store.read(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		if wallet, err = q.Wallet(ctx, string(c.chain)); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if coins, err = q.Coins(ctx, string(c.chain)); err != nil {
			return err
		}
		holds, err = q.Holds(ctx, string(c.chain))
		return err
	})
	if err != nil {
		return bitcoin.Book{}, err
	}
	book := bitcoin.Book{
		Cursor: adapters.BlockRef{Height: uint64(wallet.Height), Time: wallet.Time, Clock: wallet.Clock},
		Next:   [2]uint32{uint32(wallet.NextReceive), uint32(wallet.NextChange)},
		Coins:  make([]bitcoin.Coin, len(coins)), Holds: make([]bitcoin.Hold, len(holds)),
	}
	copy(book.Cursor.Hash[:], wallet.Hash)
	copy(book.Cursor.Parent[:], wallet.Parent)
	for i, row := range coins {
		if book.Coins[i], err = coinOf(row); err != nil {
			return book, fmt.Errorf("%s: coin %s: %w: %w", op, row.Point, ErrCorrupt, err)
		}
	}
	for i, row := range holds {
		point, err := wire.NewOutPointFromString(row.Point)
		if err != nil {
			return book, fmt.Errorf("%s: hold on %q: %w: %w", op, row.Point, ErrCorrupt, err)
		}
		book.Holds[i] = bitcoin.Hold{Owner: row.Owner, Point: *point, Used: row.Used}
	}
	return book, nil
}

func coinOf(row sqlcgen.Coin) (bitcoin.Coin, error) {
	c := bitcoin.Coin{
		Amount: row.Amount, Branch: bitcoin.Branch(row.Branch), Index: uint32(row.Idx), Height: uint64(row.Height),
		Coinbase: row.Coinbase, Undone: row.Undone, SpentAt: uint64(row.SpentAt),
	}
	point, err := wire.NewOutPointFromString(row.Point)
	if err != nil {
		return c, err
	}
	c.Point = *point
	if c.Parents, err = readPoints(row.Parents); err != nil {
		return c, err
	}
	if row.SpentBy != "" {
		err = chainhash.Decode(&c.SpentBy, row.SpentBy)
	}
	return c, err
}

// pointsText is how several outputs stand in a column.
func pointsText(points []wire.OutPoint) string {
	texts := make([]string, len(points))
	for i, point := range points {
		texts[i] = point.String()
	}
	return strings.Join(texts, " ")
}

func readPoints(text string) ([]wire.OutPoint, error) {
	if text == "" {
		return nil, nil
	}
	var points []wire.OutPoint
	for part := range strings.SplitSeq(text, " ") {
		point, err := wire.NewOutPointFromString(part)
		if err != nil {
			return nil, fmt.Errorf("parent %q: %w", part, err)
		}
		points = append(points, *point)
	}
	return points, nil
}

// hashText is empty for no hash.
func hashText(h chainhash.Hash) string {
	if h == (chainhash.Hash{}) {
		return ""
	}
	return h.String()
}

// ApplyBlock implements bitcoin.CoinStore.
func (c *Coins) ApplyBlock(ctx context.Context, change bitcoin.BlockChange) error {
	op := fmt.Sprintf("apply block %d to the wallet of %s", change.Cursor.Height, c.chain)
	heights := []uint64{change.Undo, change.Forget, change.ForgetUndone, change.Cursor.Height}
	for _, coin := range slices.Concat(change.Created, change.Spent) {
		heights = append(heights, coin.Height, coin.SpentAt)
	}
	if top := slices.Max(heights); top > math.MaxInt64 {
		return fmt.Errorf("%s: %w: height %d", op, ErrRange, top)
	}
	return c.store.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		chain := string(c.chain)
		if undo := int64(change.Undo); undo != 0 {
			if err := q.UndoCreated(ctx, sqlcgen.UndoCreatedParams{Chain: chain, Height: undo}); err != nil {
				return err
			}
			if err := q.UndoSpent(ctx, sqlcgen.UndoSpentParams{Chain: chain, SpentAt: undo}); err != nil {
				return err
			}
		}
		if err := c.putCoins(ctx, q, change); err != nil {
			return err
		}
		if err := c.forget(ctx, q, change); err != nil {
			return err
		}
		at := change.Cursor
		return q.PutWallet(ctx, sqlcgen.PutWalletParams{
			Chain: chain, NextReceive: int64(change.Next[bitcoin.Receive]), NextChange: int64(change.Next[bitcoin.Change]),
			Height: int64(at.Height), Hash: at.Hash[:], Parent: at.Parent[:], Time: at.Time, Clock: at.Clock,
		})
	})
}

func (c *Coins) putCoins(ctx context.Context, q *sqlcgen.Queries, change bitcoin.BlockChange) error {
	for _, coin := range change.Created {
		err := q.PutCoin(ctx, sqlcgen.PutCoinParams{
			Chain: string(c.chain), Point: coin.Point.String(), Amount: coin.Amount, Branch: int64(coin.Branch),
			Idx: int64(coin.Index), Height: int64(coin.Height), Coinbase: coin.Coinbase,
			SpentBy: hashText(coin.SpentBy), SpentAt: int64(coin.SpentAt), Parents: pointsText(coin.Parents),
		})
		if err != nil {
			return fmt.Errorf("coin %s: %w", coin.Point, err)
		}
	}
	for _, coin := range change.Spent {
		err := q.SpendCoin(ctx, sqlcgen.SpendCoinParams{
			Chain: string(c.chain), Point: coin.Point.String(), SpentBy: hashText(coin.SpentBy), SpentAt: int64(coin.SpentAt),
		})
		if err != nil {
			return fmt.Errorf("spent coin %s: %w", coin.Point, err)
		}
	}
	return nil
}

func (c *Coins) forget(ctx context.Context, q *sqlcgen.Queries, change bitcoin.BlockChange) error {
	chain := string(c.chain)
	if upTo := int64(change.Forget); upTo != 0 {
		if err := q.ForgetHolds(ctx, sqlcgen.ForgetHoldsParams{Chain: chain, SpentAt: upTo}); err != nil {
			return err
		}
		if err := q.ForgetCoins(ctx, sqlcgen.ForgetCoinsParams{Chain: chain, SpentAt: upTo}); err != nil {
			return err
		}
	}
	if upTo := int64(change.ForgetUndone); upTo != 0 {
		return q.ForgetUndone(ctx, sqlcgen.ForgetUndoneParams{Chain: chain, Height: upTo})
	}
	return nil
}

// Hold implements bitcoin.HoldStore.
func (c *Coins) Hold(ctx context.Context, owner string, points []wire.OutPoint) error {
	return c.store.write(ctx, "hold coins for "+owner, func(ctx context.Context, q *sqlcgen.Queries) error {
		for _, point := range points {
			n, err := q.AddHold(ctx, sqlcgen.AddHoldParams{Chain: string(c.chain), Point: point.String(), Owner: owner})
			if err != nil {
				return err
			}
			if n == 0 {
				return fmt.Errorf("coin %s: %w", point, adapters.ErrReserved)
			}
		}
		return nil
	})
}

// Release implements bitcoin.HoldStore.
func (c *Coins) Release(ctx context.Context, owner string) error {
	return c.store.write(ctx, "release the coins of "+owner, func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.ReleaseHolds(ctx, sqlcgen.ReleaseHoldsParams{Chain: string(c.chain), Owner: owner})
	})
}

// Adopt implements bitcoin.HoldStore.
func (c *Coins) Adopt(ctx context.Context, from, to string) error {
	return c.store.write(ctx, "rename the owner of coins", func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.AdoptHolds(ctx, sqlcgen.AdoptHoldsParams{Chain: string(c.chain), Owner: from, Next: to})
	})
}
