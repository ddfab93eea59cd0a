package store_test

import (
	"math"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/internal/store"
)

// durableCoins is one chain's wallet with the store that it is in.
type durableCoins struct {
	*store.Coins
	in  *store.Store
	dsn string
}

// testCoins runs the adapter's own suite, with a restart before every look.
func testCoins(t *testing.T, dsn func(testing.TB) string) {
	bitcointest.RunStores(t, func(t *testing.T) bitcointest.Stores {
		where := dsn(t)
		s := open(t, where)
		return durableCoins{Coins: s.Coins(chainA), in: s, dsn: where}
	}, func(t *testing.T, old bitcointest.Stores) bitcointest.Stores {
		d := old.(durableCoins)
		must(t, d.in.Close())
		s := open(t, d.dsn)
		return durableCoins{Coins: s.Coins(chainA), in: s, dsn: d.dsn}
	})
	t.Run("chains", func(t *testing.T) {
		s := open(t, dsn(t))
		coin := bitcoin.Coin{Point: wire.OutPoint{Index: 1}, Amount: 5, Height: 7}
		change := bitcoin.BlockChange{Created: []bitcoin.Coin{coin}, Cursor: adapters.BlockRef{Height: 7}}
		must(t, s.Coins(chainA).ApplyBlock(ctx, change))
		must(t, s.Coins(chainA).Hold(ctx, "a", []wire.OutPoint{coin.Point}))
		other, err := s.Coins("bip122:other").LoadCoins(ctx)
		must(t, err)
		if len(other.Coins) != 0 || len(other.Holds) != 0 || other.Cursor != (adapters.BlockRef{}) {
			t.Fatalf("another chain has %+v", other)
		}
		must(t, s.Coins("bip122:other").Hold(ctx, "b", []wire.OutPoint{coin.Point}))
		change.Undo = math.MaxUint64
		wantErr(t, s.Coins(chainA).ApplyBlock(ctx, change), store.ErrRange)
	})
}
