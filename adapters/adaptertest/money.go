package adaptertest

import (
	"context"
	"errors"
	"math/big"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// withdraw: money arrives where it should; bad orders are refused.
func (k *kit) withdraw() {
	asset := k.h.Profile.Asset
	to := k.actor(0)
	address, err := to.Address(k.ctx, asset)
	k.must(err, "address")
	order := adapters.Withdrawal{RequestID: "one", Asset: asset, To: address, Amount: k.h.Profile.Amount}
	for _, nowhere := range append([]string{"", " ", address + "x", address[:len(address)-1]}, k.h.Profile.Nowhere...) {
		bad := order
		bad.To = nowhere
		_, err := k.payer.Withdraw(k.ctx, bad)
		k.want(err, "withdraw to "+nowhere, adapters.ErrBadAddress)
	}
	bad := order
	bad.Amount = k.scaled(k.h.Profile.Coin, 100, 1)
	_, err = k.payer.Withdraw(k.ctx, bad)
	k.wantInsufficient(err, "withdraw more than there is")
	bad = order
	bad.MaxFee = htlc.NewAmount(1)
	_, err = k.payer.Withdraw(k.ctx, bad)
	k.want(err, "withdraw for a fee of one", adapters.ErrBudget)
	bad = order
	bad.Asset += "1"
	_, err = k.payer.Withdraw(k.ctx, bad)
	k.want(err, "withdraw an unknown asset", adapters.ErrUnknownAsset)

	before := k.worth(k.payer)
	order.MaxFee = k.quoted().StressRefund
	tx, err := k.payer.Withdraw(k.ctx, order)
	k.must(err, "withdraw")
	if !txOf(tx, asset.Chain()) || tx.Fee.Cmp(order.MaxFee) > 0 {
		k.t.Fatalf("withdrawal %+v for at most %s", tx, order.MaxFee)
	}
	k.send(k.payer, tx)
	if p, found := k.paid(k.payer, tx.ID); found {
		k.t.Fatalf("an unconfirmed withdrawal has cost %+v", p)
	}
	k.mine(2)
	k.wantPaid(k.payer, tx, 2)
	k.wantWorth(to, "the receiver", order.Amount.Big())
	k.wantWorth(k.payer, "the sender", before, order.Amount.Big(), k.h.Chain.FeePaid(k.t, tx).Big())
}

// wantPaid compares what a transaction has cost, also after a restart.
func (k *kit) wantPaid(a *actor, tx adapters.Tx, depth uint64) {
	k.t.Helper()
	want := adapters.Paid{Fee: k.h.Chain.FeePaid(k.t, tx), Height: k.tip(a).Height - depth + 1, Confirmations: depth}
	for _, a := range []*actor{a, k.again(a)} {
		if got, found := k.paid(a, tx.ID); !found || got != want {
			k.t.Fatalf("%s has cost %+v (found: %v), want %+v", tx.ID, got, found, want)
		}
	}
}

// wantWorth compares what a party has with a sum less what it has spent.
func (k *kit) wantWorth(a *actor, who string, want *big.Int, less ...*big.Int) {
	k.t.Helper()
	want = new(big.Int).Set(want)
	for _, l := range less {
		want.Sub(want, l)
	}
	if got := k.worth(a); got.Cmp(want) != 0 {
		k.t.Fatalf("%s has %s, want %s (off by %s)", who, got, want, new(big.Int).Sub(got, want))
	}
}

// balancesRedeemed: over a whole life nothing is lost but what was paid and
// the fees, be they paid out of the contract or of the account.
func (k *kit) balancesRedeemed() {
	payer, payee := k.worth(k.payer), k.worth(k.payee)
	amount := k.h.Profile.Amount.Big()
	d := k.deal()
	k.wantWorth(k.payer, "the payer after reserving", payer)
	if k.balance(k.payer).Reserved.Cmp(k.h.Profile.Amount) < 0 {
		k.t.Fatal("the reservation does not show")
	}
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	f := k.fund(d)
	k.mine(1)
	ref := r.only(adapters.Funded).Ref
	fees := []*big.Int{amount}
	for _, tx := range f.Txs {
		paid := k.h.Chain.FeePaid(k.t, tx)
		if paid.IsZero() || paid.Cmp(tx.Fee) > 0 {
			k.t.Fatalf("the funding cost %s, at most %s was said", paid, tx.Fee)
		}
		fees = append(fees, paid.Big())
		k.wantPaid(k.payer, tx, 1)
	}
	k.wantWorth(k.payer, "the payer after funding", payer, fees...)
	tx := k.redeem(d, ref)
	k.send(k.payee, tx)
	k.mine(2)
	k.wantPaid(k.payee, tx, 2)
	k.must(k.payer.Release(k.ctx, d.owner()), "release")
	gained := new(big.Int).Add(payee, amount)
	k.wantWorth(k.payee, "the payee after redeeming", gained, k.h.Chain.FeePaid(k.t, tx).Big())
	k.wantWorth(k.payer, "the payer in the end", payer, fees...)
	k.mine(2)
	for _, a := range []*actor{k.payer, k.payee} {
		if b := k.balance(a); !b.Reserved.IsZero() || !b.Pending.IsZero() {
			k.t.Fatalf("balance %+v after everything is over", b)
		}
		if now, restarted := k.worth(a), k.worth(k.again(a)); now.Cmp(restarted) != 0 {
			k.t.Fatalf("%s after a restart, %s before", restarted, now)
		}
	}
}

// balancesRefunded: a refund costs two fees and nothing else.
func (k *kit) balancesRefunded() {
	payer, payee := k.worth(k.payer), k.worth(k.payee)
	d := k.deal()
	k.watch(k.payer, d, "")
	r := k.reader(k.payer)
	f := k.fund(d)
	k.mine(1)
	ref := r.only(adapters.Funded).Ref
	k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock+1)
	tx := k.refund(d, ref)
	k.send(k.payer, tx)
	k.mine(2)
	k.must(k.payer.Release(k.ctx, d.owner()), "release")
	fees := []*big.Int{k.h.Chain.FeePaid(k.t, tx).Big()}
	for _, tx := range f.Txs {
		fees = append(fees, k.h.Chain.FeePaid(k.t, tx).Big())
	}
	k.wantWorth(k.payer, "the payer after the refund", payer, fees...)
	k.wantWorth(k.payee, "the payee", payee)
}

// status describes the back end.
func (k *kit) status() {
	s, err := k.payer.Status(k.ctx)
	k.must(err, "status")
	if s.Chain != k.h.Profile.Asset.Chain() || s.Backend == "" || !s.Synced || s.Tip != k.tip(k.payer) {
		k.t.Fatalf("status %+v", s)
	}
}

// tellingCalls are all that reach for the node: those that read and those
// that sign, reserve or send.
func (k *kit) tellingCalls(d, fresh deal, lock adapters.Fact, tx adapters.Tx, at adapters.BlockRef) []call {
	asset := k.h.Profile.Asset
	req := released{deal: fresh, funding: k.signFunding(fresh.owner(), fresh.terms)}.abandonment()
	order := adapters.Withdrawal{RequestID: "never", Asset: asset, Amount: k.h.Profile.Amount}
	var err error
	order.To, err = k.payee.Address(k.ctx, asset)
	k.must(err, "address")
	return append(k.readingCalls(d, lock.Ref, at), []call{
		{"Broadcast", func(ctx context.Context, _ Adapter) error { return k.payee.Broadcast(ctx, tx) }},
		{"Reserve", func(ctx context.Context, _ Adapter) error {
			_, err := k.payer.Reserve(ctx, k.reservation("never", htlc.Salt{1}, 0))
			return err
		}},
		{"CheckMeans", func(ctx context.Context, _ Adapter) error {
			return k.payer.CheckMeans(ctx, fresh.owner(), fresh.terms, 0, true)
		}},
		{"Fund", func(ctx context.Context, _ Adapter) error {
			_, err := k.payer.Fund(ctx, fresh.owner(), fresh.terms, 0)
			return err
		}},
		{"Redeem", func(ctx context.Context, _ Adapter) error {
			_, err := k.payee.Redeem(ctx, d.spend(0, lock.Ref))
			return err
		}},
		{"Refund", func(ctx context.Context, _ Adapter) error {
			_, err := k.payer.Refund(ctx, d.spend(0, lock.Ref))
			return err
		}},
		{"Abandon", func(ctx context.Context, _ Adapter) error { _, err := k.payer.Abandon(ctx, req); return err }},
		{"Paid", func(ctx context.Context, _ Adapter) error { _, _, err := k.payer.Paid(ctx, lock.TxID); return err }},
		{"Withdraw", func(ctx context.Context, _ Adapter) error { _, err := k.payer.Withdraw(ctx, order); return err }},
	}...)
}

// prepared is everything that the calls above need, made while the chain is
// there.
func (k *kit) prepared() (calls []call, d deal, tx adapters.Tx, r *reader) {
	k.t.Helper()
	d, lock := k.locked()
	fresh := k.deal()
	tx = k.redeem(d, lock.Ref)
	r = k.reader(k.payer)
	return k.tellingCalls(d, fresh, lock, tx, r.cursor), d, tx, r
}

// wrongChain: another chain behind the endpoint is noticed by every call, and
// the secret does not go there.
func (k *kit) wrongChain() {
	calls, d, tx, r := k.prepared()
	for _, c := range calls {
		k.h.Endpoint.Mislead()
		k.h.Endpoint.Sent()
		k.want(k.settled(k.ctx, c), c.name+" on another chain", adapters.ErrWrongChain)
		if reveals(k.h.Endpoint.Sent(), d.secret) {
			k.t.Fatalf("%s gave the secret to another chain", c.name)
		}
		k.h.Endpoint.Restore()
		k.must(k.settled(k.ctx, reach), "after the endpoint came back")
	}
	k.recovered(tx, r)
}

// reach asks for as little as possible.
var reach = call{"Status", func(ctx context.Context, a Adapter) error { _, err := a.Status(ctx); return err }}

// maxTries bounds how often a connection may turn out to be gone.
const maxTries = 10

// settled runs a call until it is not merely told that its connection is
// gone: an endpoint that leads elsewhere ends those that it had.
func (k *kit) settled(ctx context.Context, c call) (err error) {
	for range maxTries {
		if err = c.run(ctx, k.payee); !errors.Is(err, adapters.ErrUnreachable) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// recovered goes on where the follower stood.
func (k *kit) recovered(tx adapters.Tx, r *reader) {
	k.t.Helper()
	for _, a := range []*actor{k.payee, k.payer} {
		k.must(k.settled(k.ctx, call{reach.name, func(ctx context.Context, _ Adapter) error { return reach.run(ctx, a) }}),
			"after the endpoint came back")
	}
	r.none()
	k.send(k.payee, tx)
	k.mine(1)
	r.only(adapters.Redeemed)
}

// unreachable: a node that is away is an error of its own kind, and trying
// again helps.
func (k *kit) unreachable() {
	calls, _, tx, r := k.prepared()
	k.h.Endpoint.Cut()
	for _, c := range calls {
		err := c.run(k.ctx, k.payee)
		k.want(err, c.name+" without a node", adapters.ErrUnreachable)
		if !adapters.Retryable(err) {
			k.t.Errorf("%s: a node that is away may come back: %v", c.name, err)
		}
	}
	k.must(k.payer.Release(k.ctx, "never"), "release without a node")
	k.h.Endpoint.Restore()
	k.recovered(tx, r)
}

// prompt is how long a call may take after its context ended, on a busy machine;
// well below the time that adapters give a node.
const prompt = 8 * time.Second

// cancelled: a call ends with its context, also while a node is silent.
func (k *kit) cancelled() {
	calls, _, tx, r := k.prepared()
	calls = append(calls, call{"Wait", func(ctx context.Context, a Adapter) error {
		for {
			if err := a.Wait(ctx); err != nil {
				return err
			}
		}
	}})
	dead, cancel := context.WithCancel(k.ctx)
	cancel()
	for _, c := range calls {
		k.ends(c, dead)
	}
	for _, c := range calls {
		k.h.Endpoint.Stall()
		ctx, cancel := context.WithTimeout(k.ctx, 30*time.Millisecond)
		k.ends(c, ctx)
		cancel()
	}
	k.h.Endpoint.Restore()
	k.recovered(tx, r)
}

// ends wants that the call ends soon, with an error that wraps the context's.
func (k *kit) ends(c call, ctx context.Context) {
	k.t.Helper()
	begin := time.Now()
	err := k.settled(ctx, c)
	if took := time.Since(begin); took > prompt {
		k.t.Errorf("%s took %s after its context ended", c.name, took)
	}
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		k.t.Errorf("%s: %v does not say that the context ended", c.name, err)
	}
}
