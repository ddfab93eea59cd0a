package bitcoin_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
)

func (k *kit) reorg(r bitcoinchain.Reorg) {
	k.t.Helper()
	if _, err := k.Chain.Reorg(k.ctx(), r); err != nil {
		k.t.Fatal(err)
	}
}

// forget undoes blocks and every transaction in them.
func (k *kit) forget(depth int) {
	k.t.Helper()
	k.reorg(bitcoinchain.Reorg{Depth: depth, Empty: true, Evict: true})
}

// poor is a payer whose only coins are these.
func (k *kit) poor(coins ...int64) {
	k.t.Helper()
	k.payer = k.open("poor", bitcointest.NewBook())
	for _, satoshi := range coins {
		k.pay(k.payer, satoshi)
	}
	k.mine(1)
}

// chained is a funding for each owner, all but the first out of the change of
// the one before, which is one deep. The last one is in no block.
func (k *kit) chained(owners ...string) (terms []htlc.Terms, locks []adapters.Tx) {
	k.t.Helper()
	for i, owner := range owners {
		if i > 0 {
			k.mine(1)
		}
		terms = append(terms, k.terms(owner, byte(i+1), lockOf))
		locks = append(locks, k.fund(owner, terms[i]).Txs[0])
		if id := txOf(k.t, locks[i].Spends[0]); i > 0 && (len(locks[i].Spends) != 1 || id != locks[i-1].ID) {
			k.t.Fatalf("%v is spent, want change of %s", locks[i].Spends, locks[i-1].ID)
		}
	}
	return terms, locks
}

func txOf(t *testing.T, ref string) string {
	t.Helper()
	point, err := wire.NewOutPointFromString(ref)
	if err != nil {
		t.Fatal(err)
	}
	return point.Hash.String()
}

func asked(owner string, terms htlc.Terms, lock adapters.Tx) adapters.Abandonment {
	req := abandonment(terms, lock)
	req.Owner = owner
	return req
}

// away wants that nothing can be done about a funding, nor said of it.
func (k *kit) away(req adapters.Abandonment) {
	k.t.Helper()
	got, err := k.payer.Abandon(k.ctx(), req)
	if wantReason(k.t, err, adapters.ErrReserved, "COINS_AWAY"); got != (adapters.Abandoned{}) {
		k.t.Fatalf("%+v of a funding whose coin may come back", got)
	}
}

// total is all that the payer's balance shows.
func (k *kit) total() (sum uint64) {
	k.t.Helper()
	balances, err := k.payer.Balances(k.ctx())
	if err != nil || len(balances) != 1 {
		k.t.Fatal(balances, err)
	}
	for _, part := range []htlc.Amount{balances[0].Spendable, balances[0].Reserved, balances[0].Pending} {
		sum += mustUint(part)
	}
	return sum
}

// A funding can never be mined once another transaction is buried that has
// spent what one of its undone coins was made of, however many coins lie
// between; the coins that it held are free then.
func TestSafety_A8_CoinThatNeverComesBack(t *testing.T) {
	for levels, owners := range [][]string{{"a", "z"}, {"a", "b", "z"}} {
		k := newKit(t)
		k.poor(30_000_000)
		terms, locks := k.chained(owners...)
		k.forget(levels + 1)
		last := len(locks) - 1
		for i := range locks[1:] {
			k.away(asked(owners[i+1], terms[i+1], locks[i+1]))
		}
		if sum := k.total(); sum != 30_000_000 && sum != 0 {
			t.Fatalf("%d satoshi are shown of 30,000,000", sum)
		}
		k.mine(2 * buried) // absence proves nothing
		k.restart()
		k.away(asked(owners[last], terms[last], locks[last]))

		k.broadcast(k.payer, k.abandon(asked("a", terms[0], locks[0]), true, false))
		k.away(asked(owners[last], terms[last], locks[last]))
		for deep := range buried {
			for i := range locks {
				if deep > 0 {
					k.abandon(asked(owners[i], terms[i], locks[i]), false, false)
				}
			}
			k.restart()
			k.mine(1)
		}
		for i := range locks {
			k.abandon(asked(owners[i], terms[i], locks[i]), false, true)
			if err := k.payer.Release(k.ctx(), owners[i]); err != nil {
				t.Fatal(err)
			}
		}
		k.mine(final)
		if free := k.spendable(k.payer); free < 29_900_000 || free != k.total() {
			t.Fatalf("%d satoshi are free of %d", free, k.total())
		}
		if holds := k.holds(); len(holds) != 0 {
			t.Fatalf("held for ever: %v", holds)
		}
	}
}

// holds of coins that no block has spent.
func (k *kit) holds() (owners []string) {
	k.t.Helper()
	book, err := k.payer.book.LoadCoins(k.ctx())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, h := range book.Holds {
		for _, c := range book.Coins {
			if c.Point == h.Point && (c.Undone || c.Unspent()) {
				owners = append(owners, h.Owner)
			}
		}
	}
	return owners
}

// A stranger's payment was undone and paid to somebody else.
func TestUndoneDeposit(t *testing.T) {
	k := newKit(t)
	k.payer = k.open("poor", bitcointest.NewBook())
	k.pay(k.payee, 9_000_000)
	k.mine(1)
	gift := k.withdrawal("gift", 8_000_000)
	gift.To = k.address(k.payer)
	deposit, err := k.payee.Withdraw(k.ctx(), gift)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payee, deposit)
	k.mine(1)
	terms := k.terms("swap", 1, lockOf)
	lock := k.fund("swap", terms).Txs[0]
	k.forget(1)
	req := abandonment(terms, lock)
	k.away(req)
	if sum := k.total(); sum != 0 {
		t.Fatalf("%d satoshi are shown of a payment that is gone", sum)
	}
	wantReason(t, k.reserve("other", lockOf), adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
	k.steal("payee", 7_000_000)
	k.away(req) // in no block yet
	k.restart()
	k.mine(1)
	k.abandon(req, false, false)
	k.restart()
	k.mine(buried - 1)
	k.abandon(req, false, true)
	if err := k.payer.Broadcast(k.ctx(), lock); err == nil || errors.Is(err, adapters.ErrSpent) {
		t.Fatalf("broadcast of a funding that can never be mined: %v", err)
	}
}

func (k *kit) address(p *party) string {
	k.t.Helper()
	text, err := p.Address(k.ctx(), k.params.Asset)
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

// A coin that is back in another block makes its funding what it was, also
// where a block had something else instead meanwhile.
func TestUndoneCoinComesBack(t *testing.T) {
	for _, taken := range []bool{false, true} {
		k := newKit(t)
		k.poor(30_000_000)
		terms, locks := k.chained("a", "z")
		k.forget(1)
		req := asked("z", terms[1], locks[1])
		k.away(req)
		if taken {
			k.broadcast(k.payer, k.abandon(asked("a", terms[0], locks[0]), true, false))
			k.mine(buried - 1)
			k.abandon(req, false, false)
			k.restart()
			k.reorg(bitcoinchain.Reorg{Depth: buried - 1, Insert: []*wire.MsgTx{decode(t, locks[0].Raw)}})
			k.abandon(asked("a", terms[0], locks[0]), false, false)
		} else {
			k.broadcast(k.payer, locks[0])
			k.mine(1)
		}
		for range 2 {
			last := k.abandon(req, true, false)
			if !slices.Equal(last.Spends, locks[1].Spends) {
				t.Fatalf("%v is spent, want %v", last.Spends, locks[1].Spends)
			}
			k.restart()
		}
		k.broadcast(k.payer, k.abandon(req, true, false))
		k.mine(buried)
		k.abandon(req, false, true)
	}
}

// A funding of a coin that is undone and one that is there is abandoned by the
// latter, and ended by whatever takes the former; then the latter is free.
func TestUndoneCoinBesideAnother(t *testing.T) {
	for _, paidBack := range []bool{false, true} {
		k := newKit(t)
		k.poor(10_000_000)
		first := k.terms("a", 1, 3_000_000)
		one := k.fund("a", first).Txs[0]
		k.pay(k.payer, 6_500_000)
		k.mine(1)
		k.pay(k.payer, 6_400_000)
		k.mine(1)
		terms := k.terms("swap", 2, 13_000_000) // the change and the first of the two
		lock := k.fund("swap", terms).Txs[0]
		if len(lock.Spends) != 2 {
			t.Fatal(lock.Spends)
		}
		id, err := chainhash.NewHashFromStr(one.ID)
		if err != nil {
			t.Fatal(err)
		}
		k.reorg(bitcoinchain.Reorg{Depth: 2, Without: []chainhash.Hash{*id}, Evict: true})
		req := abandonment(terms, lock)
		if paidBack {
			back := k.abandon(req, true, false)
			if len(back.Spends) != 1 || !slices.Contains(lock.Spends, back.Spends[0]) {
				t.Fatalf("%v is spent, want one of %v", back.Spends, lock.Spends)
			}
			k.broadcast(k.payer, back)
			k.mine(buried)
			k.abandon(req, false, true)
			continue
		}
		k.broadcast(k.payer, k.abandon(asked("a", first, one), true, false))
		k.mine(buried)
		k.abandon(req, false, true)
		for _, owner := range []string{"swap", "a"} {
			if err := k.payer.Release(k.ctx(), owner); err != nil {
				t.Fatal(err)
			}
		}
		if free := k.spendable(k.payer); free > 17_000_000 {
			t.Fatalf("%d satoshi are free before the final depth", free)
		}
		k.restart()
		k.mine(final)
		if free := k.spendable(k.payer); free < 22_800_000 {
			t.Fatalf("%d satoshi are free", free)
		}
	}
}

// A reserved coin that is undone is neither left out nor used.
func TestUndoneCoinIsNotUsed(t *testing.T) {
	k := newKit(t)
	k.payer = k.open("poor", bitcointest.NewBook())
	k.pay(k.payer, 9_000_000)
	k.mine(1)
	terms := k.terms("swap", 1, lockOf)
	k.forget(1)
	if sum := k.total(); sum != 0 {
		t.Fatalf("%d satoshi are shown", sum)
	}
	for range 2 {
		_, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
		wantReason(t, err, adapters.ErrReserved, "COINS_RESERVED")
		wantReason(t, k.reserve("other", lockOf), adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
		_, err = k.payer.Withdraw(k.ctx(), k.withdrawal("x", 1_000_000))
		wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
		k.restart()
	}
}

// A withdrawal with a coin that can never come back is signed again.
func TestWithdrawalOfAnUndoneCoinIsSignedAgain(t *testing.T) {
	k := newKit(t)
	k.poor(30_000_000)
	terms := k.terms("a", 1, lockOf)
	lock := k.fund("a", terms).Txs[0]
	k.mine(1)
	ask := k.withdrawal("one", 20_000_000)
	first, err := k.payer.Withdraw(k.ctx(), ask)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, first)
	k.forget(1)
	wantReason(t, k.payer.Broadcast(k.ctx(), first), adapters.ErrRejected, "COIN_IN_USE")
	k.broadcast(k.payer, k.abandon(asked("a", terms, lock), true, false))
	k.mine(final - 1)
	if err = k.payer.Broadcast(k.ctx(), first); !errors.Is(err, adapters.ErrRejected) || errors.Is(err, adapters.ErrNonceTaken) {
		t.Fatalf("before the final depth: %v", err)
	}
	_, err = k.payer.Withdraw(k.ctx(), ask)
	wantReason(t, err, adapters.ErrReserved, "COINS_RESERVED")
	k.mine(1)
	wantReason(t, k.payer.Broadcast(k.ctx(), first), adapters.ErrNonceTaken, "COIN_SPENT")
	again, err := k.payer.Withdraw(k.ctx(), ask)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, again)
}

// An undone coin is remembered for as long as somebody holds it, and what it
// was made of too.
func TestUndoneCoinsAreForgotten(t *testing.T) {
	k := newSlowKit(t)
	k.poor(30_000_000)
	terms, locks := k.chained("a", "b", "z")
	k.forget(2)
	if err := k.payer.Release(k.ctx(), "b"); err != nil {
		t.Fatal(err)
	}
	k.mine(2 * slowKept) // an empty block is not stored by itself
	k.restart()
	k.away(asked("z", terms[2], locks[2]))
	k.broadcast(k.payer, k.abandon(asked("a", terms[0], locks[0]), true, false))
	k.mine(buried)
	for i, owner := range []string{"a", "b", "z"} {
		k.abandon(asked(owner, terms[i], locks[i]), false, true)
		if err := k.payer.Release(k.ctx(), owner); err != nil {
			t.Fatal(err)
		}
	}
	k.mine(slowKept + 14)
	k.pay(k.payer, 1_000_000) // a block with a coin of ours is stored at once
	k.mine(1)
	k.restart()
	_ = k.total()
	for _, lock := range locks {
		if slices.Contains(k.remembered(), lock.Spends[0]) {
			t.Fatalf("coin %s is remembered for nobody", lock.Spends[0])
		}
	}
}

// Of a coin that an earlier version has stored nothing is proved.
func TestUndoneCoinOfAnEarlierVersion(t *testing.T) {
	k := newKit(t)
	k.poor(30_000_000)
	terms, locks := k.chained("a", "z")
	stored, err := k.payer.book.LoadCoins(k.ctx())
	if err != nil {
		t.Fatal(err)
	}
	for i := range stored.Coins {
		stored.Coins[i].Parents = nil
	}
	book := bitcointest.NewBook()
	if err := book.ApplyBlock(k.ctx(), bitcoin.BlockChange{Created: stored.Coins, Next: stored.Next, Cursor: stored.Cursor}); err != nil {
		t.Fatal(err)
	}
	for _, h := range stored.Holds {
		if err := book.Hold(k.ctx(), h.Owner, []wire.OutPoint{h.Point}); err != nil {
			t.Fatal(err)
		}
	}
	k.payer = k.open("poor", book)
	k.forget(1)
	k.broadcast(k.payer, k.abandon(asked("a", terms[0], locks[0]), true, false))
	k.mine(buried)
	k.abandon(asked("a", terms[0], locks[0]), false, true)
	k.away(asked("z", terms[1], locks[1]))
}
