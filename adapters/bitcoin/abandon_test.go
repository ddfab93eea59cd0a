package bitcoin_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

const buried = 3

func abandonment(terms htlc.Terms, txs ...adapters.Tx) adapters.Abandonment {
	return adapters.Abandonment{Owner: "swap", Terms: terms, Leg: leg, Fundings: txs, Confirmations: buried}
}

// abandon wants a transaction or none, and void or not.
func (k *kit) abandon(req adapters.Abandonment, tx, void bool) adapters.Tx {
	k.t.Helper()
	got, err := k.payer.Abandon(k.ctx(), req)
	if err != nil {
		k.t.Fatalf("abandon: %v", err)
	}
	if got.Void != void || (got.Tx != nil) != tx {
		k.t.Fatalf("void: %v, a transaction: %v; want %v, %v", got.Void, got.Tx != nil, void, tx)
	}
	if got.Tx == nil {
		return adapters.Tx{}
	}
	return *got.Tx
}

// restart is the payer in a new process.
func (k *kit) restart() {
	k.t.Helper()
	k.payer = k.open(k.payer.name, k.payer.book)
}

// The funding's bytes are worth nothing from the moment in which its
// abandonment is returned, in this process and the next, and so are those of an
// abandonment that was not stored when the process ended.
func TestAbandonBindsItsCoins(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	f, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	lock := f.Txs[0]
	req := abandonment(terms, lock)
	req.Fees = adapters.FeePolicy{Deadline: 100_000, Budget: htlc.NewAmount(lockOf / 2)}
	first := k.abandon(req, true, false)
	for range 2 {
		wantReason(t, k.payer.Broadcast(k.ctx(), lock), adapters.ErrReserved, "NOT_RESERVED")
		_, err = k.payer.Fund(k.ctx(), "swap", terms, leg)
		wantReason(t, err, adapters.ErrReserved, "COINS_RESERVED")
		k.restart()
	}
	// The process ends before it has stored the next one.
	late := req
	late.Replace, late.Fees.Now = &first, 100_000
	lost := k.abandon(late, true, false)
	if lost.ID == first.ID || lost.Replaces != first.ID {
		t.Fatalf("%s replaces %q, want %s", lost.ID, lost.Replaces, first.ID)
	}
	k.restart()
	wantReason(t, k.payer.Broadcast(k.ctx(), first), adapters.ErrReserved, "NOT_RESERVED")
	req.Replace = &first
	if kept := k.abandon(req, true, false); kept.ID != first.ID {
		t.Fatalf("%s replaces %s, which serves", kept.ID, first.ID)
	}
	wantReason(t, k.payer.Broadcast(k.ctx(), lost), adapters.ErrReserved, "NOT_RESERVED")
	// It was never sent, and a release does not free its coins all the same.
	if err := k.payer.Release(k.ctx(), "swap"); err != nil {
		t.Fatal(err)
	}
	k.restart()
	if free := k.spendable(k.payer); free != 20_000_000 {
		t.Fatalf("%d satoshi are free beside a coin that is on its way", free)
	}
	k.broadcast(k.payer, first)
	wantReason(t, k.payer.Broadcast(k.ctx(), lock), adapters.ErrReserved, "NOT_RESERVED")
	k.mine(1)
	fee, _ := first.Fee.Uint64()
	if free := k.spendable(k.payer); free != 30_000_000-fee {
		t.Fatalf("%d satoshi are free after a fee of %d", free, fee)
	}
}

// How a funding ended is known for as long as its owner has not released it,
// and afterwards from the blocks; then nothing of it is left in the store.
func TestAbandonForgottenCoins(t *testing.T) {
	for _, mined := range []bool{false, true} {
		k := newSlowKit(t)
		terms := k.terms("swap", 1, lockOf)
		lock := k.fund("swap", terms).Txs[0]
		req := abandonment(terms, lock)
		if !mined {
			k.broadcast(k.payer, k.abandon(req, true, false))
		}
		k.mine(slowKept + 14) // more than a spent coin is remembered for
		k.restart()
		k.abandon(req, false, !mined)
		if !slices.Contains(k.remembered(), lock.Spends[0]) {
			t.Fatal("the coin of a funding was forgotten although its owner may ask")
		}
		if err := k.payer.Release(k.ctx(), "swap"); err != nil {
			t.Fatal(err)
		}
		k.mine(1)
		k.pay(k.payer, 1_000_000) // a block with a coin of ours is stored at once
		k.mine(1)
		k.abandon(req, false, !mined)
		if slices.Contains(k.remembered(), lock.Spends[0]) {
			t.Fatal("the coin of a released funding was not forgotten")
		}
		k.restart()
		k.abandon(req, false, !mined)
	}
}

// remembered are the coins and holds in the payer's store.
func (k *kit) remembered() (points []string) {
	k.t.Helper()
	book, err := k.payer.book.LoadCoins(k.ctx())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, c := range book.Coins {
		points = append(points, c.Point.String())
	}
	for _, h := range book.Holds {
		points = append(points, h.Point.String())
	}
	return points
}

// Whoever knows the secret can hang a spend on the unconfirmed funding, for any
// fee. The abandonment pays more than both where it must, and what it may where
// it need not.
func TestAbandonOverAChild(t *testing.T) { abandonOverAChild(t, newKit(t)) }

func abandonOverAChild(t *testing.T, k *kit) {
	const childFee = lockOf / 4
	terms := k.terms("swap", 1, lockOf)
	lock := k.fund("swap", terms).Txs[0]
	child, err := k.payee.Redeem(k.ctx(), adapters.Spend{
		Terms: terms, Leg: leg, Ref: lock.ID + ":0", Secret: secret(1),
		Fees: adapters.FeePolicy{Now: 2, Deadline: 1, Budget: htlc.NewAmount(childFee)},
	})
	if err != nil {
		t.Fatal(err)
	}
	req := abandonment(terms, lock)
	req.Fees = adapters.FeePolicy{Deadline: 100_000, Budget: htlc.NewAmount(childFee / 2)}
	first := k.abandon(req, true, false)
	if first.Fee.Cmp(htlc.NewAmount(10*mustUint(lock.Fee))) > 0 {
		t.Fatalf("a fee of %s for a funding of %s", first.Fee, lock.Fee)
	}
	k.broadcast(k.payee, child)
	wantReason(t, k.payer.Broadcast(k.ctx(), first), adapters.ErrRejected, "REPLACEMENT_UNDERPRICED")
	req.Replace = &first
	most := k.abandon(req, true, false)
	if most.ID == first.ID || most.Fee != req.Fees.Budget {
		t.Fatalf("a fee of %s after %s was refused, the budget is %s", most.Fee, first.Fee, req.Fees.Budget)
	}
	wantReason(t, k.payer.Broadcast(k.ctx(), most), adapters.ErrRejected, "REPLACEMENT_UNDERPRICED")
	req.Replace, req.Fees.Must = &most, true
	enough := k.abandon(req, true, false)
	if least := mustUint(lock.Fee) + mustUint(child.Fee); mustUint(enough.Fee) <= least || mustUint(enough.Fee) > least+1_000+childFee/10 {
		t.Fatalf("a fee of %s over %d", enough.Fee, least)
	}
	k.broadcast(k.payer, enough)
	req.Replace = &enough
	if kept := k.abandon(req, true, false); kept.ID != enough.ID {
		t.Fatalf("%s replaces %s, which the node has", kept.ID, enough.ID)
	}
	k.watch(k.payee, terms)
	cursor := k.tip(k.payee)
	k.mine(buried)
	k.abandon(req, false, true)
	for step := k.next(k.payee, cursor); step.Kind == adapters.Connect; step = k.next(k.payee, step.Block) {
		if len(step.Facts) != 0 {
			t.Fatalf("facts of an abandoned leg: %+v", step.Facts)
		}
	}
}

func mustUint(a htlc.Amount) uint64 { n, _ := a.Uint64(); return n }

// bothFunded are two fundings of one leg with different coins. The first is
// broadcast where sent is set.
func (k *kit) bothFunded(sent bool) (terms htlc.Terms, one, two adapters.Tx) {
	k.t.Helper()
	terms = k.terms("swap", 1, lockOf)
	f, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		k.t.Fatal(err)
	}
	one = f.Txs[0]
	if sent {
		k.broadcast(k.payer, one)
	}
	// An older store, in which the first coin serves another, funds it again.
	other := k.openWith("payer", bitcointest.NewBook(), k.config())
	for _, owner := range []string{"another", "swap"} {
		if _, err := other.Reserve(k.ctx(), adapters.Reservation{
			Owner: owner, Asset: k.params.Asset, Amount: htlc.NewAmount(lockOf), Salt: terms.Salt, Leg: leg,
		}); err != nil {
			k.t.Fatal(err)
		}
	}
	if f, err = other.Fund(k.ctx(), "swap", terms, leg); err != nil {
		k.t.Fatal(err)
	}
	return terms, one, f.Txs[0]
}

// One is void long before the other.
func TestAbandonOneAfterTheOther(t *testing.T) {
	k := newKit(t)
	terms, one, two := k.bothFunded(false)
	k.broadcast(k.payer, k.abandon(abandonment(terms, two), true, false))
	k.mine(buried)
	k.abandon(abandonment(terms, two), false, true)
	req := abandonment(terms, one, two)
	last := k.abandon(req, true, false)
	if !slices.Equal(last.Spends, one.Spends) {
		t.Fatalf("%v is spent, want %v", last.Spends, one.Spends)
	}
	k.broadcast(k.payer, last)
	k.mine(1)
	k.abandon(req, false, false)
	k.mine(buried - 1)
	k.abandon(req, false, true)
}

// Fundings of different coins are void only together.
func TestAbandonSeveralFundings(t *testing.T) {
	for _, mined := range []bool{false, true} {
		k := newKit(t)
		terms, one, two := k.bothFunded(true)
		req := abandonment(terms, one, two)
		both := k.abandon(req, true, false)
		if len(both.Spends) != 2 || !slices.Contains(both.Spends, one.Spends[0]) || !slices.Contains(both.Spends, two.Spends[0]) {
			t.Fatalf("%v is spent, want a coin of each funding", both.Spends)
		}
		if mined {
			k.mine(buried)
			k.abandon(req, false, false)
			req.Fundings, req.Replace = []adapters.Tx{two}, &both
			last := k.abandon(req, true, false)
			if !slices.Equal(last.Spends, two.Spends) {
				t.Fatalf("%v is spent, want %v", last.Spends, two.Spends)
			}
			k.broadcast(k.payer, last)
		} else {
			k.broadcast(k.payer, both)
		}
		k.mine(buried - 1)
		k.abandon(req, false, false)
		k.mine(1)
		k.abandon(req, false, true)
	}
}

// What does not fund the leg is not abandoned.
func TestAbandonOnlyFundings(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	lock := k.fund("swap", terms).Txs[0]
	payment, err := k.payer.Withdraw(k.ctx(), adapters.Withdrawal{
		RequestID: "x", Asset: k.params.Asset, To: k.Chain.MinerAddress().EncodeAddress(), Amount: htlc.NewAmount(1_000_000),
	})
	if err != nil {
		t.Fatal(err)
	}
	foreign, short, strange := lock, lock, lock
	foreign.Chain, short.Raw, strange.ID = "eip155:1", lock.Raw[:50], payment.ID
	for name, req := range map[string]adapters.Abandonment{
		"none": abandonment(terms), "a payment": abandonment(terms, payment), "another chain's": abandonment(terms, lock, foreign),
		"half": abandonment(terms, short), "another id": abandonment(terms, strange),
		"another leg's": {Owner: "swap", Terms: terms, Fundings: []adapters.Tx{lock}},
	} {
		if got, err := k.payer.Abandon(k.ctx(), req); !errors.Is(err, adapters.ErrMismatch) && !errors.Is(err, adapters.ErrUnknownAsset) || got != (adapters.Abandoned{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// Another owner's coins are not taken.
	req := abandonment(terms, lock)
	req.Owner = "somebody"
	_, err = k.payer.Abandon(k.ctx(), req)
	wantReason(t, err, adapters.ErrReserved, "COINS_AWAY")
}

// A coin that another transaction of this seed takes in the mempool is told
// apart from one that is gone, and both from a contract that is spent.
func TestCoinInUse(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	f, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	thief := k.openWith("payer", bitcointest.NewBook(), k.config())
	tx, err := thief.Withdraw(k.ctx(), adapters.Withdrawal{
		RequestID: "all", Asset: k.params.Asset, To: k.Chain.MinerAddress().EncodeAddress(), Amount: htlc.NewAmount(29_000_000),
	})
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(thief, tx)
	err = k.payer.Broadcast(k.ctx(), f.Txs[0])
	wantReason(t, err, adapters.ErrRejected, "COIN_IN_USE")
	if errors.Is(err, adapters.ErrSpent) || !adapters.Retryable(err) {
		t.Fatalf("a coin that may come back: %v", err)
	}
	k.mine(buried)
	err = k.payer.Broadcast(k.ctx(), f.Txs[0])
	wantReason(t, err, adapters.ErrRejected, "COIN_SPENT")
	k.abandon(abandonment(terms, f.Txs[0]), false, true)
}

// A node without an index of transactions knows nothing of what is mined: the
// wallet does.
func TestPaidWithoutIndex(t *testing.T) {
	k := newKit(t)
	p := newProxy(t, k.url)
	config := k.config()
	config.URL = p.url
	k.payer = k.openWith("payer", k.payer.book, config)
	k.payee = k.openWith("payee", k.payee.book, config)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payee, terms)
	lock := k.fund("swap", terms).Txs[0]
	cursor := k.tip(k.payee)
	k.mine(1)
	k.next(k.payee, cursor) // the watcher learns where the contract is
	redeem := k.redeem(terms, lock.ID+":0", 1)
	k.broadcast(k.payee, redeem)
	if got, found, err := k.payee.Paid(k.ctx(), redeem.ID); err != nil || found || got != (adapters.Paid{}) {
		t.Fatalf("in the mempool: %+v, %v: %v", got, found, err)
	}
	k.mine(2)
	method := "getrawtransaction"
	p.without.Store(&method)
	at := k.tip(k.payer).Height
	for txid, want := range map[string]adapters.Paid{
		lock.ID:   {Fee: lock.Fee, Height: at - 2, Confirmations: 3},
		redeem.ID: {Fee: redeem.Fee, Height: at - 1, Confirmations: 2},
	} {
		a := k.payer
		if txid == redeem.ID {
			a = k.payee
		}
		if got, found, err := a.Paid(k.ctx(), txid); err != nil || !found || got != want {
			t.Errorf("%+v, %v: %v; want %+v", got, found, err, want)
		}
	}
	p.without.Store(nil)
	withdrawal, err := k.payer.Withdraw(k.ctx(), adapters.Withdrawal{ // of the change, too
		RequestID: "x", Asset: k.params.Asset, To: k.Chain.MinerAddress().EncodeAddress(), Amount: htlc.NewAmount(22_000_000),
	})
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, withdrawal)
	k.mine(1)
	// All outputs of the funding are spent, and the node knows nothing of it any
	// more: a success all the same.
	p.without.Store(&method)
	k.broadcast(k.payer, lock)
	p.without.Store(nil)
	// With an index every transaction is known; what is in no block is not.
	stranger := k.openWith("stranger", bitcointest.NewBook(), config)
	if got, found, err := stranger.Paid(k.ctx(), redeem.ID); err != nil || !found || got.Fee != redeem.Fee || got.Confirmations != 3 || got.Height != at-1 {
		t.Errorf("by the index %+v, %v: %v", got, found, err)
	}
	if _, found, err := k.payer.Paid(k.ctx(), terms.ID().String()); err != nil || found {
		t.Errorf("an unknown transaction: %v, %v", found, err)
	}
	_, _, err = k.payer.Paid(k.ctx(), "x")
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	if err := k.payer.ReserveRedeem(k.ctx(), "swap", "eip155:1/slip44:60", leg); !errors.Is(err, adapters.ErrUnknownAsset) {
		t.Errorf("reserve for a redeem of another chain: %v", err)
	}
}
