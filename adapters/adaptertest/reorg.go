package adaptertest

import (
	"fmt"
	"testing"

	"github.com/kofo-network/kofo/adapters"
)

// depths of the reorganisations. What is undone stands in the lowest block
// that leaves the chain.
var depths = []int{1, 2}

// eachDepth runs a case with new parties for every depth.
func (k *kit) eachDepth(run func(k *kit, depth int)) {
	for _, depth := range depths {
		k.t.Run(fmt.Sprint(depth), func(t *testing.T) { run(newKit(k.ctx, t, k.h), depth) })
	}
}

// followed is a deal funded in the newest block, with the reader that saw it.
func (k *kit) followed() (deal, *reader, adapters.Funding, adapters.Fact) {
	k.t.Helper()
	d := k.deal()
	k.watch(k.payee, d, "")
	k.watch(k.payer, d, "")
	k.mine(1)
	r := k.reader(k.payee)
	f := k.fund(d)
	k.mine(1)
	lock := r.only(adapters.Funded)
	return d, r, f, lock
}

// bury mines until depth blocks would have to leave to undo the newest one.
func (k *kit) bury(r *reader, depth int) {
	k.t.Helper()
	if depth > 1 {
		k.mine(depth - 1)
		r.none()
	}
}

// notAtOrphan wants that a block which left the chain proves nothing.
func (k *kit) notAtOrphan(d deal, ref string, orphan adapters.BlockRef) {
	k.t.Helper()
	for _, a := range []*actor{k.payer, k.payee} {
		if ok, err := a.Funded(k.ctx, d.terms, 0, ref, orphan); ok {
			k.t.Fatalf("funded as of block %d, which left the chain (%v)", orphan.Height, err)
		}
	}
}

// reorgFundingBack: the funding is undone and stands in the new branch.
func (k *kit) reorgFundingBack() {
	k.eachDepth(func(k *kit, depth int) {
		d, r, _, lock := k.followed()
		orphan := r.cursor
		k.bury(r, depth)
		k.h.Chain.Reorg(k.t, depth, true)
		r.reorged(depth)
		if len(r.facts) != 1 || !sameFact(r.facts[0].Fact, lock) || r.facts[0].Block == orphan {
			k.t.Fatalf("after the reorganisation %v, before %+v", describe(r.facts), lock)
		}
		k.wantFunded(d, lock.Ref, true)
		k.notAtOrphan(d, lock.Ref, orphan)
		k.send(k.payee, k.redeem(d, lock.Ref))
		k.mine(1)
		r.only(adapters.Redeemed)
	})
}

// reorgFundingGone: the funding is undone and in no block, until the same
// bytes are handed out again.
func (k *kit) reorgFundingGone() {
	k.eachDepth(func(k *kit, depth int) {
		d, r, f, lock := k.followed()
		orphan := r.cursor
		k.bury(r, depth)
		k.h.Chain.Reorg(k.t, depth, false)
		r.reorged(depth)
		if len(r.facts) != 0 {
			k.t.Fatalf("after the reorganisation %v", describe(r.facts))
		}
		k.wantFunded(d, lock.Ref, false)
		k.notAtOrphan(d, lock.Ref, orphan)
		k.send(k.payer, f.Txs...)
		k.mine(1)
		if fact := r.only(adapters.Funded); !sameFact(fact, lock) {
			k.t.Fatalf("funded again %+v, before %+v", fact, lock)
		}
		k.wantFunded(d, lock.Ref, true)
		k.send(k.payee, k.redeem(d, lock.Ref))
		k.mine(1)
		r.only(adapters.Redeemed)
	})
}

// reorgRedeemBack: the redeem is undone and stands in the new branch.
func (k *kit) reorgRedeemBack() {
	k.eachDepth(func(k *kit, depth int) {
		d, r, _, lock := k.followed()
		k.send(k.payee, k.redeem(d, lock.Ref))
		k.mine(1)
		spend := r.only(adapters.Redeemed)
		k.bury(r, depth)
		k.h.Chain.Reorg(k.t, depth, true)
		r.reorged(depth)
		if len(r.facts) != 2 || !sameFact(r.facts[0].Fact, lock) || !sameFact(r.facts[1].Fact, spend) {
			k.t.Fatalf("after the reorganisation %v", describe(r.facts))
		}
		k.wantFunded(d, lock.Ref, false)
	})
}

// reorgRedeemGone: the redeem is undone, the contract open again, and the same
// bytes redeem it a second time.
func (k *kit) reorgRedeemGone() {
	k.eachDepth(func(k *kit, depth int) {
		d, r, _, lock := k.followed()
		tx := k.redeem(d, lock.Ref)
		k.send(k.payee, tx)
		k.mine(1)
		spend := r.only(adapters.Redeemed)
		k.bury(r, depth)
		k.h.Chain.Reorg(k.t, depth, false)
		r.reorged(depth)
		if len(r.facts) != 1 || !sameFact(r.facts[0].Fact, lock) {
			k.t.Fatalf("after the reorganisation %v", describe(r.facts))
		}
		k.wantFunded(d, lock.Ref, true)
		kept, err := k.payee.Redeem(k.ctx, d.replacing(lock.Ref, tx))
		k.must(err, "redeem again")
		if kept.ID != tx.ID {
			k.t.Fatalf("the stored redeem serves, but %s was signed", kept.ID)
		}
		k.send(k.payee, tx)
		k.mine(1)
		if fact := r.only(adapters.Redeemed); !sameFact(fact, spend) {
			k.t.Fatalf("redeemed again by %s, before by %s", fact.TxID, spend.TxID)
		}
		k.wantFunded(d, lock.Ref, false)
	})
}

// restartAcrossReorg: an instance that starts with a cursor on a branch that
// was left meanwhile finds its way back to the fork and on from there.
func (k *kit) restartAcrossReorg() {
	k.eachDepth(func(k *kit, depth int) {
		d, r, _, lock := k.followed()
		k.bury(r, depth)
		k.h.Chain.Reorg(k.t, depth, true)
		again := k.again(k.payee)
		k.watch(again, d, lock.Ref)
		late := k.readerAt(again, r.cursor)
		late.reorged(depth)
		if len(late.facts) != 1 || !sameFact(late.facts[0].Fact, lock) {
			k.t.Fatalf("after the restart %v", describe(late.facts))
		}
		k.send(k.payee, k.redeem(d, lock.Ref))
		k.mine(1)
		late.only(adapters.Redeemed)
	})
}

// unknownCursor: a cursor that no node knows is an error, and one beyond the
// tip is no reason to undo anything: the node may lag.
func (k *kit) unknownCursor() {
	tip := k.tip(k.payee)
	strange := tip
	strange.Hash[0] ^= 0xff
	strange.Parent[0] ^= 0xff
	_, err := k.payee.Next(k.ctx, strange)
	k.want(err, "what follows a block that nobody knows", adapters.ErrUnknownCursor)
	_, err = k.payee.Parent(k.ctx, strange)
	k.want(err, "what comes before a block that nobody knows", adapters.ErrUnknownCursor)
	strange.Height += 2
	step, err := k.payee.Next(k.ctx, strange)
	if err != nil {
		k.want(err, "what follows a block beyond the tip", adapters.ErrUnknownCursor)
	} else if step.Kind != adapters.AtTip {
		k.t.Fatalf("beyond the tip a step of kind %d", step.Kind)
	}
}
