package adaptertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// mempool: unconfirmed funding and redeem are seen, and prove nothing.
func (k *kit) mempool() {
	d := k.deal()
	contract := k.watch(k.payee, d, "")
	k.watch(k.payer, d, "")
	r := k.reader(k.payer)
	lock := k.fund(d)
	seen := k.sighting(k.payee, adapters.Funded)
	if seen.Contract != contract.ID || seen.TxID != lock.Txs[lock.Lock].ID || seen.Ref == "" {
		k.t.Fatalf("funding in the mempool %+v", seen)
	}
	r.none()
	k.wantFunded(d, seen.Ref, false)
	k.mine(1)
	mined := r.only(adapters.Funded)
	if mined.Ref != seen.Ref {
		k.t.Fatalf("funded at %q, the mempool said %q", mined.Ref, seen.Ref)
	}
	tx := k.redeem(d, mined.Ref)
	k.send(k.payee, tx)
	spend := k.sighting(k.payer, adapters.Redeemed)
	if spend.Contract != contract.ID || spend.TxID != tx.ID || spend.Secret == nil || !spend.Secret.Equal(d.secret) {
		k.t.Fatalf("redeem in the mempool by %s, secret known: %v", spend.TxID, spend.Secret != nil)
	}
	// One that starts only now and knows the funding sees it as well.
	late := k.again(k.payer)
	k.watch(late, d, mined.Ref)
	if fact := k.sighting(late, adapters.Redeemed); fact.TxID != tx.ID {
		k.t.Fatalf("after a restart the mempool shows %s", fact.TxID)
	}
	r.none()
	k.mine(1)
	r.only(adapters.Redeemed)
}

// confirmed: the state is read as of a block, not as of now.
func (k *kit) confirmed() {
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	k.mine(1)
	k.fund(d)
	k.mine(1)
	ref := r.only(adapters.Funded).Ref
	at, before := r.blocks[len(r.blocks)-1], r.blocks[len(r.blocks)-2]
	k.mine(3)
	r.none()
	for _, a := range []*actor{k.payer, k.payee, k.again(k.payee)} {
		for _, block := range []adapters.BlockRef{at, r.cursor} {
			if !k.funded(a, d.terms, ref, block) {
				k.t.Fatalf("not funded at block %d, the funding is in %d", block.Height, at.Height)
			}
		}
		if k.funded(a, d.terms, ref, before) {
			k.t.Fatal("funded in the block before the funding")
		}
		if parent, err := a.Parent(k.ctx, at); err != nil || parent != before {
			k.t.Fatalf("before block %d comes %+v, %v", at.Height, parent, err)
		}
	}
	k.send(k.payee, k.redeem(d, ref))
	k.mine(1)
	k.wantFunded(d, ref, false)
}

// story is a swap's two legs' worth of events with blocks between them, and
// what a reader saw who took every step at once.
func (k *kit) story() (deal, *reader, adapters.Fact) {
	k.t.Helper()
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	k.mine(1)
	r.none()
	k.fund(d)
	k.mine(1)
	lock := r.only(adapters.Funded)
	k.mine(2)
	r.none()
	k.send(k.payee, k.redeem(d, lock.Ref))
	k.mine(1)
	r.only(adapters.Redeemed)
	k.mine(1)
	r.none()
	return d, r, lock
}

// restart: another instance tells the same story from its beginning.
func (k *kit) restart() {
	d, first, _ := k.story()
	for _, who := range []*actor{k.payer, k.payee} {
		again := k.again(who)
		k.watch(again, d, "")
		r := k.readerAt(again, first.blocks[0])
		r.catchUp()
		if !sameFacts(r.facts, first.facts) || len(r.steps) != len(first.steps) {
			k.t.Fatalf("after a restart %v, before %v", describe(r.facts), describe(first.facts))
		}
	}
}

// restartWithRef: from any past cursor the rest of the story follows, where
// the funding is handed over as far as the cursor knows it.
func (k *kit) restartWithRef() {
	d, first, lock := k.story()
	for i, cursor := range first.blocks {
		var want []adapters.Located
		ref := ""
		for _, f := range first.facts {
			switch {
			case f.Block.Height > cursor.Height:
				want = append(want, f)
			case f.Kind == adapters.Funded:
				ref = lock.Ref
			}
		}
		again := k.again(k.payee)
		k.watch(again, d, ref)
		r := k.readerAt(again, cursor)
		r.catchUp()
		if !sameFacts(r.facts, want) {
			k.t.Fatalf("from cursor %d: %v, want %v", i, describe(r.facts), describe(want))
		}
	}
}

// registeredLate: a scan finds what happened before the contract was
// watched, and the follower knows the rest from then on.
func (k *kit) registeredLate() {
	d := k.deal()
	contract, err := k.payee.Contract(d.terms, 0)
	k.must(err, "contract")
	begin := k.tip(k.payee)
	k.mine(1)
	k.fund(d)
	k.mine(2)
	late := k.again(k.payee)
	if _, _, err := late.Scan(k.ctx, contract.ID, begin.Height, begin.Height+3); err == nil {
		k.t.Fatal("a contract that is not watched was scanned for")
	}
	k.watch(late, d, "")
	tip := k.tip(late)
	found, last, err := late.Scan(k.ctx, contract.ID, begin.Height, tip.Height+100)
	k.must(err, "scan")
	if last != tip {
		k.t.Fatalf("read up to block %d %s, the tip is %d %s", last.Height, last.Hash, tip.Height, tip.Hash)
	}
	_, last, err = late.Scan(k.ctx, contract.ID, begin.Height, tip.Height-1)
	k.must(err, "scan to below the tip")
	if last.Height != tip.Height-1 || last.Hash != tip.Parent {
		k.t.Fatalf("read up to block %d %s, asked for %d", last.Height, last.Hash, tip.Height-1)
	}
	if len(found) != 1 || found[0].Kind != adapters.Funded || found[0].Block.Height != begin.Height+2 || found[0].Ref == "" {
		k.t.Fatalf("found %v", describe(found))
	}
	if !k.funded(late, d.terms, found[0].Ref, found[0].Block) {
		k.t.Fatal("what the scan found is not in the state")
	}
	r := k.readerAt(late, tip)
	k.send(k.payee, k.redeem(d, found[0].Ref))
	k.mine(1)
	r.only(adapters.Redeemed)
	for from, kinds := range map[uint64][]adapters.FactKind{
		begin.Height:     {adapters.Funded, adapters.Redeemed},
		begin.Height + 2: {adapters.Funded, adapters.Redeemed},
		begin.Height + 3: {adapters.Redeemed},
		tip.Height + 5:   nil,
	} {
		found, last, err := late.Scan(k.ctx, contract.ID, from, tip.Height+5)
		k.must(err, "scan from %d", from)
		if read := last != (adapters.BlockRef{}); read != (from <= tip.Height+1) {
			k.t.Fatalf("from block %d it read up to %d", from, last.Height)
		}
		if len(found) != len(kinds) {
			k.t.Fatalf("from block %d: %v, want %v", from, describe(found), kinds)
		}
		for i, kind := range kinds {
			if found[i].Kind != kind {
				k.t.Fatalf("from block %d: %v, want %v", from, describe(found), kinds)
			}
		}
	}
}

// lazyReader: who calls Next only after thirty blocks learns the same.
func (k *kit) lazyReader() {
	lazy := k.again(k.payee)
	d := k.deal()
	k.watch(lazy, d, "")
	k.watch(k.payee, d, "")
	late := k.reader(lazy)
	keen := k.reader(k.payee)
	k.fund(d)
	k.mine(1)
	ref := keen.only(adapters.Funded).Ref
	for range 14 {
		k.mine(1)
		keen.none()
	}
	k.send(k.payee, k.redeem(d, ref))
	k.mine(1)
	keen.only(adapters.Redeemed)
	k.mine(14)
	keen.none()
	if _, connected := late.catchUp(); connected < 30 {
		k.t.Fatalf("%d blocks, want 30", connected)
	}
	if !sameFacts(late.facts, keen.facts) {
		k.t.Fatalf("the lazy reader saw %v, the keen one %v", describe(late.facts), describe(keen.facts))
	}
}

// watchTwice: facts come once however often a contract is watched.
func (k *kit) watchTwice() {
	d := k.deal()
	first := k.watch(k.payee, d, "")
	if again := k.watch(k.payee, d, ""); again != first {
		k.t.Fatalf("watched again: %+v, was %+v", again, first)
	}
	r := k.reader(k.payee)
	k.fund(d)
	k.mine(1)
	ref := r.only(adapters.Funded).Ref
	k.watch(k.payee, d, ref)
	k.watch(k.payee, d, "")
	k.send(k.payee, k.redeem(d, ref))
	k.mine(1)
	r.only(adapters.Redeemed)
}

// unwatch: nothing is told of a contract any more, and of others still.
func (k *kit) unwatch() {
	gone, stays := k.deal(), k.deal()
	r := k.reader(k.payee)
	contract := k.watch(k.payee, gone, "")
	k.watch(k.payee, stays, "")
	k.fund(gone)
	k.mine(1)
	lock := r.only(adapters.Funded)
	k.payee.Unwatch(contract.ID)
	k.payee.Unwatch(contract.ID)
	k.send(k.payee, k.redeem(gone, lock.Ref))
	k.fund(stays)
	k.mine(1)
	if fact := r.only(adapters.Funded); fact.Contract == contract.ID {
		k.t.Fatal("an unwatched contract was reported")
	}
	facts, err := k.payee.Mempool(k.ctx)
	k.must(err, "mempool")
	for _, f := range facts {
		if f.Contract == contract.ID {
			k.t.Fatalf("an unwatched contract in the mempool: %s", f.Kind)
		}
	}
}

// wait: a new block wakes, and the end of the context does.
func (k *kit) wait() {
	ctx, cancel := context.WithTimeout(k.ctx, 500*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		if err := k.payee.Wait(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			k.t.Fatalf("wait on a quiet chain: %v", err)
		}
	}
	woken := make(chan error, 1)
	before := k.tip(k.payee)
	go func() {
		for {
			err := k.payee.Wait(k.ctx)
			if err == nil {
				var tip adapters.BlockRef
				if tip, err = k.payee.Tip(k.ctx); err == nil && tip.Hash == before.Hash {
					continue
				}
			}
			woken <- err
			return
		}
	}()
	k.mine(1)
	k.must(<-woken, "wait for a block")
}

// concurrent: reading calls may come from several goroutines.
func (k *kit) concurrent() {
	d, lock := k.locked()
	tip := k.tip(k.payee)
	var all sync.WaitGroup
	errs := make(chan error, 64)
	for range 4 {
		for _, call := range k.readingCalls(d, lock.Ref, tip) {
			all.Go(func() {
				if err := call.run(k.ctx, k.payee); err != nil {
					errs <- err
				}
			})
		}
	}
	all.Wait()
	close(errs)
	for err := range errs {
		k.t.Errorf("several calls at a time: %v", err)
	}
}

// call is one method of an adapter.
type call struct {
	name string
	run  func(ctx context.Context, a Adapter) error
}

// readingCalls ask a node and change nothing.
func (k *kit) readingCalls(d deal, ref string, at adapters.BlockRef) []call {
	contract, err := k.payee.Contract(d.terms, 0)
	k.must(err, "contract")
	return []call{
		{"Status", func(ctx context.Context, a Adapter) error { _, err := a.Status(ctx); return err }},
		{"Tip", func(ctx context.Context, a Adapter) error { _, err := a.Tip(ctx); return err }},
		{"Parent", func(ctx context.Context, a Adapter) error { _, err := a.Parent(ctx, at); return err }},
		{"Next", func(ctx context.Context, a Adapter) error { _, err := a.Next(ctx, at); return err }},
		{"Mempool", func(ctx context.Context, a Adapter) error { _, err := a.Mempool(ctx); return err }},
		{"Scan", func(ctx context.Context, a Adapter) error {
			_, _, err := a.Scan(ctx, contract.ID, at.Height, at.Height)
			return err
		}},
		{"Funded", func(ctx context.Context, a Adapter) error { _, err := a.Funded(ctx, d.terms, 0, ref, at); return err }},
		{"SimulateRedeem", func(ctx context.Context, a Adapter) error { return a.SimulateRedeem(ctx, d.terms, 0, ref) }},
		{"Quote", func(ctx context.Context, a Adapter) error { _, err := a.Quote(ctx, k.h.Profile.Asset); return err }},
		{"Balances", func(ctx context.Context, a Adapter) error { _, err := a.Balances(ctx); return err }},
	}
}

// txOf reports whether a signed transaction is complete.
func txOf(tx adapters.Tx, chain htlc.ChainID) bool {
	return tx.Chain == chain && tx.ID != "" && len(tx.Raw) > 0 && !tx.Fee.IsZero() && tx.FeeRate > 0 &&
		(tx.Account != "" || len(tx.Spends) > 0)
}
