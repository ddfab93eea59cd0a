package bitcoin_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/devnet/liar"
)

// walk follows the chain to its tip and lists the facts' kinds.
func (k *kit) walk(p *party, cursor adapters.BlockRef) (adapters.BlockRef, []adapters.FactKind) {
	k.t.Helper()
	var kinds []adapters.FactKind
	for step := k.next(p, cursor); step.Kind != adapters.AtTip; step = k.next(p, cursor) {
		if step.Kind == adapters.Connect && (step.Block.Parent != cursor.Hash || step.Block.Height != cursor.Height+1) ||
			step.Kind == adapters.Disconnect && (step.Block.Hash != cursor.Parent || step.Block.Height != cursor.Height-1) {
			k.t.Fatalf("step %+v after %+v", step, cursor)
		}
		cursor = step.Block
		for _, f := range step.Facts {
			kinds = append(kinds, f.Kind)
		}
	}
	return cursor, kinds
}

// A block with funding and redeem of one contract tells both, in order.
func TestFundedAndRedeemedInOneBlock(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payee, terms)
	cursor := k.tip(k.payee)
	k.broadcast(k.payee, k.redeem(terms, refOf(k.fund("swap", terms)), 1))
	facts, err := k.payee.Mempool(k.ctx())
	if err != nil || len(facts) != 2 {
		t.Fatalf("sightings %+v: %v", facts, err)
	}
	k.mine(1)
	if _, kinds := k.walk(k.payee, cursor); !slices.Equal(kinds, []adapters.FactKind{adapters.Funded, adapters.Redeemed}) {
		t.Fatalf("facts %v", kinds)
	}
	if facts, err := k.payee.Mempool(k.ctx()); err != nil || len(facts) != 0 {
		t.Fatalf("sightings of mined transactions %+v: %v", facts, err)
	}
}

// A contract that is registered after its transactions wait in the mempool is
// seen there all the same, and one of which only the reference is known.
func TestMempoolRegisteredLate(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	if facts, err := k.payee.Mempool(k.ctx()); err != nil || len(facts) != 0 {
		t.Fatalf("sightings %+v: %v", facts, err)
	}
	k.watch(k.payee, terms)
	k.sighting(k.payee, adapters.Funded)
	k.sighting(k.payee, adapters.Funded) // as long as it waits
	k.mine(1)
	k.broadcast(k.payee, k.redeem(terms, ref, 1))
	restarted := k.open("payer", k.payer.book)
	if facts, err := restarted.Mempool(k.ctx()); err != nil || len(facts) != 0 {
		t.Fatalf("sightings %+v: %v", facts, err)
	}
	if _, err := restarted.Watch(k.ctx(), terms, leg, ref); err != nil {
		t.Fatal(err)
	}
	k.sighting(restarted, adapters.Redeemed)
	restarted.Unwatch(k.watch(restarted, terms).ID)
	if _, kinds := k.walk(restarted, k.tip(restarted)); len(kinds) != 0 {
		t.Fatalf("facts after unwatch: %v", kinds)
	}
}

// Blocks are taken back one by one; the funding comes back in the new branch,
// or another transaction has taken its coins.
func TestSafety_A8_Reorg(t *testing.T) {
	for depth := 1; depth <= 3; depth++ {
		k := newKit(t)
		terms := k.terms("swap", 1, lockOf)
		k.watch(k.payee, terms)
		start := k.tip(k.payee)
		funding := k.fund("swap", terms)
		k.mine(depth)
		cursor, kinds := k.walk(k.payee, start)
		if !slices.Equal(kinds, []adapters.FactKind{adapters.Funded}) || !k.funded(k.payee, terms, refOf(funding)) {
			t.Fatalf("facts %v", kinds)
		}
		if _, err := k.Chain.Reorg(k.ctx(), bitcoinchain.Reorg{Depth: depth, Empty: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := k.payee.Funded(k.ctx(), terms, leg, refOf(funding), cursor); !errors.Is(err, adapters.ErrUnknownCursor) {
			t.Fatalf("state at a block that left the chain: %v", err)
		}
		cursor, kinds = k.walk(k.payee, cursor)
		if len(kinds) != 0 || k.funded(k.payee, terms, refOf(funding)) {
			t.Fatalf("depth %d: the funding was not undone: %v", depth, kinds)
		}
		if err := k.payer.Broadcast(k.ctx(), funding.Txs[0]); err != nil {
			t.Fatalf("same bytes again: %v", err)
		}
		k.mine(1)
		if _, kinds = k.walk(k.payee, cursor); !slices.Equal(kinds, []adapters.FactKind{adapters.Funded}) {
			t.Fatalf("facts %v", kinds)
		}
		if !k.funded(k.payee, terms, refOf(funding)) {
			t.Fatal("not funded again")
		}
	}
}

// The chain ends below the cursor for a while. As long as it ends on the cursor's
// own branch nothing stands in a block's place; what comes then decides.
func TestAChainThatEndsBelowTheCursor(t *testing.T) {
	k := newKit(t)
	k.mine(2)
	cursor := k.tip(k.payee)
	invalidate(t, k, cursor.Parent)
	if step := k.next(k.payee, cursor); step.Kind != adapters.AtTip {
		t.Fatalf("step %+v", step)
	}
	k.mine(1) // another one in the place of the cursor's parent
	for range 2 {
		step := k.next(k.payee, cursor)
		if step.Kind != adapters.Disconnect || step.Block.Hash != cursor.Parent || step.Block.Clock == 0 {
			t.Fatalf("step %+v", step)
		}
		cursor = step.Block
	}
	if step := k.next(k.payee, cursor); step.Kind != adapters.Connect {
		t.Fatalf("step %+v", step)
	}
}

// A node that catches up knows headers before it has their blocks: it is behind,
// and what others have shown stands.
func TestANodeThatKnowsHeadersIsBehind(t *testing.T) {
	k := newKit(t)
	l, err := liar.Start(k.ctx(), k.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	k.mine(3)
	cursor := k.tip(k.payee)
	config := k.config()
	config.URL = l.URL
	p := k.openWith("behind", bitcointest.NewBook(), config)
	terms := k.terms("swap", 1, lockOf)
	contract := k.watch(p, terms)
	l.Tell(liar.StaleHead, cursor.Height-2, func(height uint64) string {
		h, err := rpcOf(t, k).GetBlockHash(int64(height))
		if err != nil {
			t.Fatal(err)
		}
		return h.String()
	})
	if step := k.next(p, cursor); step.Kind != adapters.AtTip || l.Told() == 0 {
		t.Fatalf("step %+v after %d lies", step, l.Told())
	}
	_, last, err := p.Scan(k.ctx(), contract.ID, 0, cursor.Height)
	if err != nil || last.Height != cursor.Height-2 {
		t.Fatalf("a scan to block %d read up to %d: %v", cursor.Height, last.Height, err)
	}
}

func invalidate(t *testing.T, k *kit, hash adapters.Hash) {
	t.Helper()
	h, err := chainhash.NewHashFromStr(hash.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := rpcOf(t, k).InvalidateBlock(h); err != nil {
		t.Fatal(err)
	}
}

// A node that lags behind does not make blocks look undone.
func TestLaggingNode(t *testing.T) {
	k := newKit(t)
	cursor := k.tip(k.payee)
	cursor.Height += 5
	cursor.Hash[3] ^= 1
	if step := k.next(k.payee, cursor); step.Kind != adapters.AtTip {
		t.Fatalf("step %+v", step)
	}
	_, err := k.payee.Next(k.ctx(), adapters.BlockRef{})
	wantReason(t, err, adapters.ErrUnknownCursor, "UNKNOWN_CURSOR")
	if _, _, err := k.payee.Scan(k.ctx(), "51", 0, 1); !errors.Is(err, adapters.ErrMismatch) {
		t.Fatalf("scan for an unknown contract: %v", err)
	}
}

// Two payments of the right amount are two fundings; each is told apart by its
// reference.
func TestFundedTwice(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	contract := k.watch(k.payee, terms)
	k.watch(k.payer, terms)
	first := refOf(k.fund("swap", terms))
	second, err := k.payer.Withdraw(k.ctx(), adapters.Withdrawal{
		RequestID: "again", Asset: k.params.Asset, To: contract.Address, Amount: htlc.NewAmount(lockOf),
	})
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, second)
	cursor := k.tip(k.payer)
	k.mine(1)
	if _, kinds := k.walk(k.payer, cursor); !slices.Equal(kinds, []adapters.FactKind{adapters.Funded, adapters.Funded}) {
		t.Fatalf("facts %v", kinds)
	}
	k.broadcast(k.payee, k.redeem(terms, first, 1))
	if fact := k.mineFact(k.payer, adapters.Redeemed); fact.Ref != first {
		t.Fatalf("fact %+v", fact)
	}
	if k.funded(k.payee, terms, first) || !k.funded(k.payee, terms, second.ID+":0") {
		t.Fatal("the fundings are mixed up")
	}
}

// Wait returns with a block, with a transaction, and with the context.
func TestWait(t *testing.T) {
	k := newKit(t)
	wait := func() error {
		ctx, cancel := context.WithTimeout(k.ctx(), 5*time.Second)
		defer cancel()
		return k.payee.Wait(ctx)
	}
	for _, change := range []func(){func() {}, func() { k.mine(1) }, func() { k.pay(k.payee, 100_000) }} {
		change()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(k.ctx(), 30*time.Millisecond)
	defer cancel()
	if err := k.payee.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("nothing changed: %v", err)
	}
}

// The clock is the median of the last eleven timestamps, also near genesis.
func TestClock(t *testing.T) {
	k := newKit(t)
	var cursor adapters.BlockRef
	cursor.Hash = adapters.Hash(reversed(*k.params.Net.GenesisHash))
	times := []int64{k.params.Net.GenesisBlock.Header.Timestamp.Unix()}
	for step := k.next(k.payee, cursor); step.Kind == adapters.Connect; step = k.next(k.payee, cursor) {
		cursor = step.Block
		times = append(times, cursor.Time)
		last := slices.Sorted(slices.Values(times[max(0, len(times)-11):]))
		if want := last[len(last)/2]; cursor.Clock != want {
			t.Fatalf("block %d: clock %d, want %d", cursor.Height, cursor.Clock, want)
		}
	}
	if want := k.Chain.Tip().MedianTime.Unix(); cursor.Clock != want || cursor.Height != uint64(k.Chain.Tip().Height) {
		t.Fatalf("at the tip: %+v, the node says %d", cursor, want)
	}
}

func reversed(h chainhash.Hash) chainhash.Hash {
	slices.Reverse(h[:])
	return h
}

// A wallet goes back with the chain, and a restart in the middle of it too.
func TestWalletReorg(t *testing.T) {
	k := newKit(t)
	before := k.spendable(k.payee)
	k.pay(k.payee, 1_000_000)
	k.mine(2)
	if got := k.spendable(k.payee); got != before+1_000_000 {
		t.Fatalf("spendable %d", got)
	}
	result, err := k.Chain.Reorg(k.ctx(), bitcoinchain.Reorg{Depth: 2, Empty: true, Evict: true})
	if err != nil || len(result.LeftOut) != 1 {
		t.Fatalf("reorg %+v: %v", result, err)
	}
	for _, p := range []*party{k.payee, k.open("payee", k.payee.book), k.open("payee", bitcointest.NewBook())} {
		if got := k.spendable(p); got != before {
			t.Fatalf("spendable %d after the payment was undone", got)
		}
	}
	// A spent coin comes back.
	k.pay(k.payee, 2_000_000)
	k.mine(1)
	tx, err := k.payee.Withdraw(k.ctx(), adapters.Withdrawal{
		RequestID: "w", Asset: k.params.Asset, To: k.Chain.MinerAddress().EncodeAddress(), Amount: htlc.NewAmount(1_000_000),
	})
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payee, tx)
	k.mine(1)
	after := k.spendable(k.payee)
	if after >= 1_000_000 || after == 0 {
		t.Fatalf("spendable %d", after)
	}
	hash, err := chainhash.NewHashFromStr(tx.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Chain.Reorg(k.ctx(), bitcoinchain.Reorg{Depth: 1, Without: []chainhash.Hash{*hash}, Evict: true}); err != nil {
		t.Fatal(err)
	}
	// Its owner's payment may still come, so it stays held; a fresh wallet has it.
	if got := k.spendable(k.payee); got != 0 {
		t.Fatalf("spendable %d while the payment may come", got)
	}
	if got := k.spendable(k.open("payee", bitcointest.NewBook())); got != 2_000_000 {
		t.Fatalf("spendable %d", got)
	}
	k.broadcast(k.payee, tx)
	k.mine(1)
	if got := k.spendable(k.payee); got != after {
		t.Fatalf("spendable %d, not %d", got, after)
	}
}

func (k *kit) spendable(p *party) uint64 {
	k.t.Helper()
	balances, err := p.Balances(k.ctx())
	if err != nil || len(balances) != 1 {
		k.t.Fatalf("balances %+v: %v", balances, err)
	}
	v, _ := balances[0].Spendable.Uint64()
	return v
}
