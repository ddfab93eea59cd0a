package adaptertest

import (
	"math/big"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// finality is the depth at which the cases take a conflict for final.
const finality = 3

// released is a deal whose funding has left the process and is in no block.
type released struct {
	deal
	funding adapters.Funding
	r       *reader // of the payee, at the tip
}

func (d released) lock() adapters.Tx { return d.funding.Txs[d.funding.Lock] }

// stuck: the funding waits in the mempool.
func (k *kit) stuck() released {
	k.t.Helper()
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	return released{deal: d, funding: k.fund(d), r: r}
}

// dropped: the funding was in a block that left the chain.
func (k *kit) dropped() released {
	k.t.Helper()
	d, r, f, _ := k.followed()
	k.h.Chain.Reorg(k.t, 1, false)
	r.reorged(1)
	if len(r.facts) != 0 {
		k.t.Fatalf("after the reorganisation %v", describe(r.facts))
	}
	return released{deal: d, funding: f, r: r}
}

// unsent: the funding was stored as released and then the process ended.
func (k *kit) unsent() released {
	k.t.Helper()
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	f := k.signFunding(d.owner(), d.terms)
	k.payer = k.again(k.payer)
	return released{deal: d, funding: f, r: r}
}

func (d released) abandonment() adapters.Abandonment {
	return adapters.Abandonment{
		Owner: d.owner(), Terms: d.terms, Fundings: d.funding.Txs, Confirmations: finality,
	}
}

// abandon asks, and wants a transaction or none, and the fundings void or not.
// A transaction is kept for the next question.
func (k *kit) abandon(a *actor, req *adapters.Abandonment, tx, void bool) *adapters.Tx {
	k.t.Helper()
	got, err := a.Abandon(k.ctx, *req)
	k.must(err, "abandon")
	if got.Void != void || (got.Tx != nil) != tx {
		k.t.Fatalf("void: %v, a transaction: %v; want %v, %v", got.Void, got.Tx != nil, void, tx)
	}
	if got.Tx == nil {
		return nil
	}
	if !txOf(*got.Tx, k.h.Profile.Asset.Chain()) {
		k.t.Fatalf("abandonment %+v", *got.Tx)
	}
	for _, funding := range req.Fundings {
		k.exclusive(*got.Tx, funding)
		if got.Tx.FeeRate <= funding.FeeRate {
			k.t.Fatalf("a feerate of %d does not replace the funding's of %d", got.Tx.FeeRate, funding.FeeRate)
		}
	}
	req.Replace = got.Tx
	return got.Tx
}

// pay sends the abandonment, before and after which the old funding is handed
// out again, by this process and by a new one: none of it may lock anything.
func (k *kit) pay(d released, tx adapters.Tx) {
	k.t.Helper()
	for _, a := range []*actor{k.payer, k.again(k.payer)} {
		_ = a.Broadcast(k.ctx, d.lock()) // refused, or known and worth nothing
		k.send(a, tx)
		_ = a.Broadcast(k.ctx, d.lock())
	}
}

// abandonUnminedFunding: a funding that left the process and is in no block
// never will be, and what was reserved for it serves again.
func (k *kit) abandonUnminedFunding() {
	for name, made := range map[string]func(*kit) released{
		"Stuck": (*kit).stuck, "Dropped": (*kit).dropped, "Unsent": (*kit).unsent,
	} {
		k.t.Run(name, func(t *testing.T) {
			k := newKit(k.ctx, t, k.h)
			k.payer = k.actor(1)
			d := made(k)
			worth := k.h.Profile.Coin.Big()
			req := d.abandonment()
			tx := k.abandon(k.payer, &req, true, false)
			k.pay(d, *tx)
			for range finality - 1 {
				k.mine(1)
				k.abandon(k.payer, &req, false, false)
			}
			k.mine(1)
			for _, a := range []*actor{k.payer, k.again(k.payer)} {
				k.abandon(a, &req, false, true)
				if err := a.Broadcast(k.ctx, d.lock()); err == nil {
					t.Error("a funding that is void was sent")
				}
			}
			k.mine(2)
			d.r.none()
			if k.funded(k.payee, d.terms, "", k.tip(k.payee)) {
				t.Fatal("an abandoned leg is funded")
			}
			k.must(k.payer.Release(k.ctx, d.owner()), "release")
			k.abandon(k.payer, &req, false, true)
			k.wantWorth(k.payer, "the payer", worth, k.h.Chain.FeePaid(k.t, *tx).Big())
			k.payer = k.again(k.payer)
			if b := k.balance(k.payer); !b.Reserved.IsZero() {
				k.t.Fatalf("%s are still reserved", b.Reserved)
			}
			k.locked()
		})
	}
}

// abandonMinedFunding: what is in a block cannot be abandoned, neither at once
// nor when it is deep.
func (k *kit) abandonMinedFunding() {
	d, _, f, lock := k.followed()
	req := released{deal: d, funding: f}.abandonment()
	for range finality + 1 {
		for _, a := range []*actor{k.payer, k.again(k.payer)} {
			k.abandon(a, &req, false, false)
		}
		k.mine(1)
	}
	k.wantFunded(d, lock.Ref, true)
	k.send(k.payee, k.redeem(d, lock.Ref))
	k.mine(finality + 1)
	k.abandon(k.payer, &req, false, false)
}

// abandonReorged: an abandonment that is undone has made nothing void, and the
// stored bytes serve again.
func (k *kit) abandonReorged() {
	k.eachDepth(func(k *kit, depth int) {
		d := k.stuck()
		req := d.abandonment()
		tx := k.abandon(k.payer, &req, true, false)
		k.pay(d, *tx)
		k.mine(depth)
		k.abandon(k.payer, &req, false, false)
		k.h.Chain.Reorg(k.t, depth, false)
		k.payer = k.again(k.payer)
		if again := k.abandon(k.payer, &req, true, false); again.ID != tx.ID {
			k.t.Fatalf("%s replaces %s, which serves", again.ID, tx.ID)
		}
		k.pay(d, *tx)
		k.mine(finality)
		k.abandon(k.payer, &req, false, true)
		d.r.catchUp()
		if len(d.r.facts) != 0 {
			k.t.Fatalf("facts of an abandoned leg: %v", describe(d.r.facts))
		}
	})
}

// abandonKeepsAndBumps: the stored abandonment is kept while it serves and
// raised as its deadline comes near; of all of them one confirms.
func (k *kit) abandonKeepsAndBumps() {
	d := k.stuck()
	req := d.abandonment()
	req.Fees = adapters.FeePolicy{Now: deadline - farAway, Deadline: deadline, Budget: k.quoted().StressRefund}
	first := k.abandon(k.payer, &req, true, false)
	for _, sent := range []bool{false, true} {
		if sent {
			k.pay(d, *first)
		}
		for _, a := range []*actor{k.payer, k.again(k.payer)} {
			if kept := k.abandon(a, &req, true, false); kept.ID != first.ID {
				k.t.Fatalf("%s replaces %s, which serves (sent: %v)", kept.ID, first.ID, sent)
			}
		}
	}
	full := req.Fees.Budget
	req.Fees.Now, req.Fees.Budget = deadline, k.scaled(first.Fee, 101, 100)
	if kept := k.abandon(k.payer, &req, true, false); kept.ID != first.ID {
		k.t.Fatalf("%s replaces %s for less than a node wants for it", kept.ID, first.ID)
	}
	req.Fees.Budget = full
	second := k.abandon(k.payer, &req, true, false)
	if second.ID == first.ID || second.Fee.Cmp(first.Fee) <= 0 || second.FeeRate <= first.FeeRate || second.Replaces != first.ID {
		k.t.Fatalf("at the deadline %s with a fee of %s replaces %q, before %s with %s",
			second.ID, second.Fee, second.Replaces, first.ID, first.Fee)
	}
	if second.Fee.Cmp(req.Fees.Budget) > 0 {
		k.t.Fatalf("a fee of %s, the budget is %s", second.Fee, req.Fees.Budget)
	}
	k.exclusive(*first, *second)
	k.pay(d, *second)
	if kept := k.abandon(k.payer, &req, true, false); kept.ID != second.ID {
		k.t.Fatalf("%s replaces %s, which pays the budget", kept.ID, second.ID)
	}
	k.mine(finality)
	d.r.none()
	k.abandon(k.payer, &req, false, true)
	for tx, want := range map[string]bool{d.lock().ID: false, first.ID: false, second.ID: true} {
		if _, found := k.paid(k.payer, tx); found != want {
			k.t.Fatalf("%s is in a block: %v, want %v", tx, found, want)
		}
	}
}

func (k *kit) paid(a *actor, txid string) (adapters.Paid, bool) {
	k.t.Helper()
	p, found, err := a.Paid(k.ctx, txid)
	k.must(err, "what %s has cost", txid)
	return p, found
}

// reserveRedeemKept: what is reserved for a redeem serves nothing else, until
// it is released. Where the contract pays for its redeem nothing is needed.
func (k *kit) reserveRedeemKept() {
	asset := k.h.Profile.Asset
	k.want(k.payee.ReserveRedeem(k.ctx, "owner", asset+"1", 0), "reserve for an unknown asset", adapters.ErrUnknownAsset)
	poor := k.actor(0)
	if err := poor.ReserveRedeem(k.ctx, "owner", asset, 0); !k.h.Profile.PayeeNeedsCoin {
		k.must(err, "reserve for a redeem that the contract pays")
		before := k.balance(k.payee)
		k.must(k.payee.ReserveRedeem(k.ctx, "owner", asset, 0), "reserve")
		if after := k.balance(k.payee); after != before {
			k.t.Fatalf("balance %+v, before %+v", after, before)
		}
		return
	} else {
		k.wantInsufficient(err, "reserve for a redeem without coins")
	}
	one := k.actor(1)
	before := k.balance(one)
	k.must(one.ReserveRedeem(k.ctx, "offer", asset, 0), "reserve")
	held := k.balance(one)
	k.must(k.again(one).ReserveRedeem(k.ctx, "offer", asset, 0), "reserve the same again")
	if again := k.balance(one); again != held || held.Spendable.Cmp(before.Spendable) >= 0 || held.Reserved.Cmp(k.quoted().StressRedeem) < 0 {
		k.t.Fatalf("balance %+v, reserved again %+v, before %+v", held, again, before)
	}
	k.must(one.Adopt(k.ctx, "offer", "swap"), "adopt")
	k.must(one.Release(k.ctx, "offer"), "release the old name")
	to, err := k.payee.Address(k.ctx, asset)
	k.must(err, "address")
	above, err := htlc.AmountFromBig(new(big.Int).Add(held.Spendable.Big(), big.NewInt(1)))
	k.must(err, "one more than what is free")
	order := adapters.Withdrawal{RequestID: "above", Asset: asset, To: to, Amount: above}
	r := k.reservation("other", k.salt(), 0)
	r.Amount = above
	for _, a := range []*actor{one, k.again(one)} {
		_, err := a.Withdraw(k.ctx, order)
		k.wantInsufficient(err, "withdraw what a redeem needs")
		_, err = a.Reserve(k.ctx, r)
		k.wantInsufficient(err, "reserve what a redeem needs")
	}
	k.must(one.Release(k.ctx, "swap"), "release")
	if after := k.balance(k.again(one)); after != before {
		k.t.Fatalf("balance %+v after the release, %+v before", after, before)
	}
	tx, err := one.Withdraw(k.ctx, order)
	k.must(err, "withdraw what no redeem needs")
	k.send(one, tx)
	k.mine(1)
}

// mustPaysTheMarket: a spend that must not wait pays the market's feerate,
// also above its budget; one that may wait never does.
func (k *kit) mustPaysTheMarket() {
	d, lock := k.locked()
	r := k.readerAfterLock(d, lock)
	spend := d.spend(0, lock.Ref)
	market, err := k.payee.Redeem(k.ctx, spend)
	k.must(err, "redeem at the market's feerate")
	spend.Fees = adapters.FeePolicy{Now: deadline - farAway, Deadline: deadline, Budget: k.scaled(market.Fee, 3, 4)}
	if frugal, err := k.payee.Redeem(k.ctx, spend); err != nil {
		k.want(err, "redeem below the market's feerate", adapters.ErrBudget)
	} else if frugal.Fee.Cmp(spend.Fees.Budget) > 0 {
		k.t.Fatalf("a fee of %s, the budget is %s", frugal.Fee, spend.Fees.Budget)
	}
	spend.Fees.Must = true
	for _, now := range []int64{deadline - farAway, deadline, deadline + farAway} {
		spend.Fees.Now = now
		tx, err := k.payee.Redeem(k.ctx, spend)
		k.must(err, "redeem that must not wait")
		if tx.Fee.Cmp(spend.Fees.Budget) <= 0 || tx.FeeRate < market.FeeRate {
			k.t.Fatalf("a fee of %s at %d, the market's is %s at %d", tx.Fee, tx.FeeRate, market.Fee, market.FeeRate)
		}
		spend.Replace = &tx
	}
	k.send(k.payee, *spend.Replace)
	k.mine(1)
	if fact := r.only(adapters.Redeemed); fact.TxID != spend.Replace.ID {
		k.t.Fatalf("redeemed by %s, want %s", fact.TxID, spend.Replace.ID)
	}
}
