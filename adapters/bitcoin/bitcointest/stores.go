package bitcointest

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
)

// Stores are both ports of one chain and account.
type Stores interface {
	bitcoin.CoinStore
	bitcoin.HoldStore
}

// RunStores is the conformance suite. open gives an empty store for each
// subtest; where reopen is not nil it returns the same data as a new process
// would see it.
func RunStores(t *testing.T, open func(t *testing.T) Stores, reopen func(t *testing.T, s Stores) Stores) {
	t.Helper()
	if reopen == nil {
		reopen = func(_ *testing.T, s Stores) Stores { return s }
	}
	for name, test := range map[string]func(*suite){
		"empty": (*suite).empty, "blocks": (*suite).blocks, "undo": (*suite).undo, "forget": (*suite).forget,
		"again": (*suite).again, "holds": (*suite).exclusive, "adopt": (*suite).adopt,
		"cancelled": (*suite).cancelled, "undone": (*suite).undone, "forget undone": (*suite).forgetUndone,
	} {
		t.Run(name, func(t *testing.T) { test(&suite{T: t, s: open(t), reopen: reopen}) })
	}
}

type suite struct {
	*testing.T
	s      Stores
	reopen func(t *testing.T, s Stores) Stores
}

func point(n byte) wire.OutPoint {
	return wire.OutPoint{Hash: chainhash.Hash{n, 31: ^n}, Index: uint32(n)}
}

func block(height uint64) adapters.BlockRef {
	return adapters.BlockRef{
		Height: height, Hash: adapters.Hash{byte(height), 1}, Parent: adapters.Hash{byte(height - 1), 1},
		Time: 1_700_000_000 + int64(height), Clock: 1_700_000_000,
	}
}

func coin(n byte, height uint64) bitcoin.Coin {
	return bitcoin.Coin{
		Point: point(n), Amount: 1_000_000 * int64(n), Branch: bitcoin.Change, Index: uint32(n), Height: height, Coinbase: n%2 == 0,
	}
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) apply(change bitcoin.BlockChange) {
	s.Helper()
	s.must(s.s.ApplyBlock(s.Context(), change))
}

// want reads the store as a new process would.
func (s *suite) want(want bitcoin.Book) {
	s.Helper()
	s.s = s.reopen(s.T, s.s)
	got, err := s.s.LoadCoins(s.Context())
	s.must(err)
	slices.SortFunc(got.Coins, func(a, b bitcoin.Coin) int { return cmp.Compare(a.Point.Index, b.Point.Index) })
	slices.SortFunc(got.Holds, func(a, b bitcoin.Hold) int { return cmp.Compare(a.Point.Index, b.Point.Index) })
	if len(got.Coins) == 0 {
		got.Coins = nil
	}
	if len(got.Holds) == 0 {
		got.Holds = nil
	}
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("stored\n%+v\nwant\n%+v", got, want)
	}
}

func (s *suite) empty() { s.want(bitcoin.Book{}) }

func (s *suite) blocks() {
	spent := coin(3, 8)
	spent.SpentBy, spent.SpentAt = chainhash.Hash{9}, 8
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{coin(1, 7), coin(2, 7)}, Next: [2]uint32{4, 5}, Cursor: block(7)})
	s.apply(bitcoin.BlockChange{
		Created: []bitcoin.Coin{spent}, Spent: []bitcoin.Coin{{Point: point(1), SpentBy: chainhash.Hash{8}, SpentAt: 8}},
		Next: [2]uint32{4, 6}, Cursor: block(8),
	})
	first := coin(1, 7)
	first.SpentBy, first.SpentAt = chainhash.Hash{8}, 8
	s.want(bitcoin.Book{Cursor: block(8), Next: [2]uint32{4, 6}, Coins: []bitcoin.Coin{first, coin(2, 7), spent}})
}

func (s *suite) undo() {
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{coin(1, 7)}, Next: [2]uint32{1, 1}, Cursor: block(7)})
	s.must(s.s.Hold(s.Context(), "swap", []wire.OutPoint{point(1), point(2)}))
	s.apply(bitcoin.BlockChange{
		Created: []bitcoin.Coin{coin(2, 8)}, Spent: []bitcoin.Coin{{Point: point(1), SpentBy: chainhash.Hash{8}, SpentAt: 8}},
		Next: [2]uint32{1, 2}, Cursor: block(8),
	})
	s.apply(bitcoin.BlockChange{Undo: 8, Next: [2]uint32{1, 2}, Cursor: block(7)})
	gone := coin(2, 8)
	gone.Undone = true
	s.want(bitcoin.Book{
		Cursor: block(7), Next: [2]uint32{1, 2}, Coins: []bitcoin.Coin{coin(1, 7), gone},
		Holds: []bitcoin.Hold{{Owner: "swap", Point: point(1)}, {Owner: "swap", Point: point(2)}},
	})
}

// made is a coin with parents.
func made(n byte, height uint64) bitcoin.Coin {
	c := coin(n, height)
	c.Parents = []wire.OutPoint{point(n + 100), point(n + 101)}
	return c
}

// undone: what keeps a coin from coming back is known until its block is undone
// or the coin is back.
func (s *suite) undone() {
	apart := made(3, 6)
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{apart}, Cursor: block(6)})
	inside := made(2, 7)
	inside.SpentBy, inside.SpentAt = chainhash.Hash{7}, 7
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{made(1, 7), inside}, Cursor: block(7)})
	s.apply(bitcoin.BlockChange{Undo: 7, Cursor: block(6)})
	first, second := made(1, 7), made(2, 7)
	first.Undone, second.Undone = true, true
	s.want(bitcoin.Book{Cursor: block(6), Coins: []bitcoin.Coin{first, second, apart}})
	conflict := bitcoin.BlockChange{Spent: []bitcoin.Coin{{Point: point(1), SpentBy: chainhash.Hash{9}, SpentAt: 7}}, Cursor: block(7)}
	s.apply(conflict)
	first.SpentBy, first.SpentAt = chainhash.Hash{9}, 7
	s.want(bitcoin.Book{Cursor: block(7), Coins: []bitcoin.Coin{first, second, apart}})
	s.apply(bitcoin.BlockChange{Undo: 7, Cursor: block(6)})
	first.SpentBy, first.SpentAt = chainhash.Hash{}, 0
	s.want(bitcoin.Book{Cursor: block(6), Coins: []bitcoin.Coin{first, second, apart}})
	back := made(1, 8)
	s.apply(conflict)
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{back}, Cursor: block(8)})
	s.want(bitcoin.Book{Cursor: block(8), Coins: []bitcoin.Coin{back, second, apart}})
	// A block of the height that it once had is no news of an undone coin.
	s.apply(bitcoin.BlockChange{Spent: []bitcoin.Coin{{Point: point(2), SpentBy: chainhash.Hash{9}, SpentAt: 6}}, Cursor: block(8)})
	s.apply(bitcoin.BlockChange{Undo: 7, Cursor: block(6)})
	second.SpentBy, second.SpentAt = chainhash.Hash{9}, 6
	s.want(bitcoin.Book{Cursor: block(6), Coins: []bitcoin.Coin{back, second, apart}})
}

// forgetUndone: only what is undone, not gone, and old is forgotten, and no hold.
func (s *suite) forgetUndone() {
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{made(1, 2), made(2, 2)}, Cursor: block(2)})
	s.apply(bitcoin.BlockChange{Undo: 2, Cursor: block(1)})
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{made(3, 2), made(4, 3)}, Cursor: block(3)})
	s.apply(bitcoin.BlockChange{Undo: 3, Cursor: block(2)})
	s.must(s.s.Hold(s.Context(), "swap", []wire.OutPoint{point(1)}))
	s.apply(bitcoin.BlockChange{
		Spent: []bitcoin.Coin{{Point: point(2), SpentBy: chainhash.Hash{9}, SpentAt: 9}}, Forget: 2, ForgetUndone: 2, Cursor: block(9),
	})
	second, third, fourth := made(2, 2), made(3, 2), made(4, 3)
	second.Undone, second.SpentBy, second.SpentAt = true, chainhash.Hash{9}, 9
	fourth.Undone = true
	s.want(bitcoin.Book{
		Cursor: block(9), Coins: []bitcoin.Coin{second, third, fourth}, Holds: []bitcoin.Hold{{Owner: "swap", Point: point(1)}},
	})
	s.apply(bitcoin.BlockChange{Forget: 9, ForgetUndone: 9, Cursor: block(10)})
	s.want(bitcoin.Book{Cursor: block(10), Coins: []bitcoin.Coin{third}, Holds: []bitcoin.Hold{{Owner: "swap", Point: point(1)}}})
}

func (s *suite) forget() {
	s.apply(bitcoin.BlockChange{Created: []bitcoin.Coin{coin(1, 1), coin(2, 1), coin(3, 1)}, Cursor: block(1)})
	s.must(s.s.Hold(s.Context(), "swap", []wire.OutPoint{point(1), point(2), point(3)}))
	s.apply(bitcoin.BlockChange{Spent: []bitcoin.Coin{{Point: point(1), SpentAt: 2}}, Cursor: block(2)})
	s.apply(bitcoin.BlockChange{Spent: []bitcoin.Coin{{Point: point(2), SpentAt: 3}}, Cursor: block(3)})
	s.apply(bitcoin.BlockChange{Forget: 2, Cursor: block(4)})
	second := coin(2, 1)
	second.SpentAt = 3
	s.want(bitcoin.Book{
		Cursor: block(4), Coins: []bitcoin.Coin{second, coin(3, 1)},
		Holds: []bitcoin.Hold{{Owner: "swap", Point: point(2)}, {Owner: "swap", Point: point(3)}},
	})
}

// again: a block that was stored is read a second time.
func (s *suite) again() {
	change := bitcoin.BlockChange{Created: []bitcoin.Coin{coin(1, 7)}, Next: [2]uint32{1, 1}, Cursor: block(7)}
	s.apply(change)
	s.apply(change)
	s.want(bitcoin.Book{Cursor: block(7), Next: [2]uint32{1, 1}, Coins: []bitcoin.Coin{coin(1, 7)}})
}

// exclusive: two owners never share a coin, and a hold is taken whole.
func (s *suite) exclusive() {
	s.must(s.s.Hold(s.Context(), "a", []wire.OutPoint{point(1), point(2)}))
	for _, owner := range []string{"b", "a"} {
		err := s.s.Hold(s.Context(), owner, []wire.OutPoint{point(3), point(2)})
		if !errors.Is(err, adapters.ErrReserved) {
			s.Fatalf("held twice: %v", err)
		}
	}
	s.want(bitcoin.Book{Holds: []bitcoin.Hold{{Owner: "a", Point: point(1)}, {Owner: "a", Point: point(2)}}})
	s.must(s.s.Release(s.Context(), "unknown"))
	s.must(s.s.Release(s.Context(), "a"))
	s.must(s.s.Hold(s.Context(), "b", []wire.OutPoint{point(3), point(2)}))
	s.want(bitcoin.Book{Holds: []bitcoin.Hold{{Owner: "b", Point: point(2)}, {Owner: "b", Point: point(3)}}})
}

func (s *suite) adopt() {
	s.must(s.s.Hold(s.Context(), "offer", []wire.OutPoint{point(1), point(2)}))
	s.must(s.s.Hold(s.Context(), "other", []wire.OutPoint{point(3)}))
	s.must(s.s.Adopt(s.Context(), "offer", "swap"))
	s.must(s.s.Adopt(s.Context(), "offer", "swap"))
	s.want(bitcoin.Book{Holds: []bitcoin.Hold{
		{Owner: "swap", Point: point(1)}, {Owner: "swap", Point: point(2)}, {Owner: "other", Point: point(3)},
	}})
}

// cancelled: a context that has ended changes nothing.
func (s *suite) cancelled() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	for name, err := range map[string]error{
		"hold":  s.s.Hold(ctx, "a", []wire.OutPoint{point(1)}),
		"apply": s.s.ApplyBlock(ctx, bitcoin.BlockChange{Created: []bitcoin.Coin{coin(1, 1)}, Cursor: block(1)}),
	} {
		if err == nil {
			s.Errorf("%s after the context ended", name)
		}
	}
	s.want(bitcoin.Book{})
}
