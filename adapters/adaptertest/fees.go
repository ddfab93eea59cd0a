package adaptertest

import (
	"bytes"
	"encoding/hex"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// far and near a deadline, in seconds; longer than any adapter's climb.
const (
	farAway  = 10 * 24 * 3600
	deadline = 2_000_000_000
)

func (k *kit) quoted() adapters.FeeQuote {
	k.t.Helper()
	q, err := k.payer.Quote(k.ctx, k.h.Profile.Asset)
	k.must(err, "quote")
	return q
}

// replace: the last spend is kept while it serves and raised as its deadline
// comes near; of all of them one confirms.
func (k *kit) replace() {
	d, lock := k.locked()
	r := k.reader(k.payer)
	spend := d.spend(0, lock.Ref)
	spend.Fees = adapters.FeePolicy{Now: deadline - farAway, Deadline: deadline, Budget: k.quoted().StressRedeem}
	first, err := k.payee.Redeem(k.ctx, spend)
	k.must(err, "redeem")
	spend.Replace = &first
	unsent, err := k.payee.Redeem(k.ctx, spend)
	k.must(err, "redeem again before it was sent")
	if unsent.ID != first.ID || !bytes.Equal(unsent.Raw, first.Raw) {
		k.t.Fatalf("%s replaces %s, which serves and was not sent", unsent.ID, first.ID)
	}
	k.send(k.payee, first)
	kept, err := k.again(k.payee).Redeem(k.ctx, spend)
	k.must(err, "redeem again far from the deadline")
	if kept.ID != first.ID || !bytes.Equal(kept.Raw, first.Raw) {
		k.t.Fatalf("%s replaces %s, which serves", kept.ID, first.ID)
	}
	spend.Fees.Now = deadline
	second, err := k.payee.Redeem(k.ctx, spend)
	k.must(err, "redeem at the deadline")
	if second.ID == first.ID || second.Fee.Cmp(first.Fee) <= 0 || second.FeeRate <= first.FeeRate || second.Replaces != first.ID {
		k.t.Fatalf("at the deadline %s with a fee of %s replaces %q, before %s with %s",
			second.ID, second.Fee, second.Replaces, first.ID, first.Fee)
	}
	if second.Fee.Cmp(spend.Fees.Budget) > 0 {
		k.t.Fatalf("a fee of %s, the budget is %s", second.Fee, spend.Fees.Budget)
	}
	k.exclusive(first, second)
	k.send(k.payee, second)
	spend.Replace = &second
	kept, err = k.payee.Redeem(k.ctx, spend)
	k.must(err, "redeem again at the deadline")
	if kept.ID != second.ID {
		k.t.Fatalf("%s replaces %s, which pays the budget", kept.ID, second.ID)
	}
	k.mine(1)
	if fact := r.only(adapters.Redeemed); fact.TxID != second.ID {
		k.t.Fatalf("redeemed by %s, want the replacement %s", fact.TxID, second.ID)
	}
	k.mine(2)
	r.none()
}

// budget: no fee exceeds it, and what cannot be paid out of it is refused.
func (k *kit) budget() {
	d, lock := k.locked()
	spend := d.spend(0, lock.Ref)
	full := k.quoted().StressRedeem
	var last htlc.Amount
	for _, part := range []int64{1, 2, 4} {
		for _, left := range []int64{farAway, 3600, 60, 0, -60} {
			spend.Fees = adapters.FeePolicy{Now: deadline - left, Deadline: deadline, Budget: k.scaled(full, part, 4)}
			tx, err := k.payee.Redeem(k.ctx, spend)
			k.must(err, "redeem %d seconds before the deadline", left)
			if tx.Fee.Cmp(spend.Fees.Budget) > 0 || left == 60 && tx.Fee.Cmp(last) < 0 {
				k.t.Fatalf("a fee of %s %d seconds before the deadline, budget %s, before %s", tx.Fee, left, spend.Fees.Budget, last)
			}
			last = tx.Fee
		}
	}
	spend.Fees = adapters.FeePolicy{Now: deadline, Deadline: deadline, Budget: htlc.NewAmount(1)}
	_, err := k.payee.Redeem(k.ctx, spend)
	k.want(err, "redeem with a budget of one", adapters.ErrBudget)
	if !adapters.Retryable(err) {
		k.t.Fatalf("fees fall, so trying again helps: %v", err)
	}
}

// simulate: the rehearsal passes for the real leg only.
func (k *kit) simulate() {
	d := k.deal()
	k.must(k.payee.SimulateRedeem(k.ctx, d.terms, 0, ""), "simulate before the funding")
	lock := k.lock(d)
	k.must(k.payee.SimulateRedeem(k.ctx, d.terms, 0, lock.Ref), "simulate after the funding")
	for _, a := range alterations {
		if err := k.payee.SimulateRedeem(k.ctx, k.alter(d, a), 0, lock.Ref); err == nil {
			k.t.Errorf("%s: the simulation of an altered leg succeeds", a.name)
		}
	}
}

// secretStays: nothing that is done before the broadcast of the redeem gives
// the secret to a node.
func (k *kit) secretStays() {
	d := k.deal()
	k.h.Endpoint.Sent()
	k.must(k.payee.SimulateRedeem(k.ctx, d.terms, 0, ""), "simulate before the funding")
	lock := k.lock(d)
	k.must(k.payee.SimulateRedeem(k.ctx, d.terms, 0, lock.Ref), "simulate")
	k.must(k.payee.CheckMeans(k.ctx, d.owner(), d.terms, 0, false), "means")
	spend := d.spend(0, lock.Ref)
	spend.Fees = adapters.FeePolicy{Now: deadline - farAway, Deadline: deadline, Budget: k.quoted().StressRedeem}
	tx, err := k.payee.Redeem(k.ctx, spend)
	k.must(err, "redeem")
	spend.Replace, spend.Fees.Now = &tx, deadline
	tx, err = k.payee.Redeem(k.ctx, spend)
	k.must(err, "redeem at the deadline")
	wrong := spend
	wrong.Ref, wrong.Replace = "", nil
	_, _ = k.payee.Redeem(k.ctx, wrong) // signed or refused: the secret stays
	if reveals(k.h.Endpoint.Sent(), d.secret) {
		k.t.Fatal("the secret left before the redeem was broadcast")
	}
	k.send(k.payee, tx)
	if !reveals(k.h.Endpoint.Sent(), d.secret) {
		k.t.Fatal("the harness does not see what is sent: the broadcast holds the secret")
	}
}

func reveals(sent []byte, secret htlc.Secret) bool {
	raw := secret.Reveal()
	return bytes.Contains(sent, raw[:]) ||
		bytes.Contains(bytes.ToLower(sent), []byte(hex.EncodeToString(raw[:])))
}

// means: who cannot pay is told before anybody is bound, with the amount. It
// may be asked before the other party has chosen its half of the leg.
func (k *kit) means() {
	d := k.deal()
	open := k.alter(d, alteration{apply: func(_ *kit, t *htlc.Terms, l *htlc.Leg) {
		l.PayerKey, l.PayeeKey, l.Deployment, l.TimeLock, t.SecretHash = nil, nil, nil, 0, htlc.SecretHash{}
	}})
	poor, one := k.actor(0), k.actor(1)
	for _, terms := range []htlc.Terms{d.terms, open} {
		k.must(k.payer.CheckMeans(k.ctx, d.owner(), terms, 0, true), "the payer has reserved")
		k.must(one.CheckMeans(k.ctx, "nobody", terms, 0, true), "a payer with free coins")
		k.must(k.payee.CheckMeans(k.ctx, d.owner(), terms, 0, false), "the payee has coins")
		k.wantInsufficient(poor.CheckMeans(k.ctx, d.owner(), terms, 0, true), "a payer without coins")
		err := poor.CheckMeans(k.ctx, d.owner(), terms, 0, false)
		if k.h.Profile.PayeeNeedsCoin {
			k.wantInsufficient(err, "a payee without coins")
		} else {
			k.must(err, "a payee whose redeem is paid by the contract")
		}
	}
	_, err := k.reserve(one, "another", k.salt())
	k.must(err, "reserve")
	k.wantInsufficient(one.CheckMeans(k.ctx, "nobody", d.terms, 0, true), "a payer whose coins another holds")
	for _, leg := range []int{-1, 2} {
		k.want(k.payer.CheckMeans(k.ctx, d.owner(), d.terms, leg, true), "means of no leg", adapters.ErrMismatch)
	}
	bad := k.alter(d, alteration{apply: func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.Asset += "1" }})
	for _, payer := range []bool{true, false} {
		k.want(k.payer.CheckMeans(k.ctx, d.owner(), bad, 0, payer), "means in an unknown asset", adapters.ErrUnknownAsset)
	}
}

// quote: all of its numbers make sense together.
func (k *kit) quote() {
	q := k.quoted()
	for name, a := range map[string]htlc.Amount{
		"fund": q.Fund, "redeem": q.Redeem, "refund": q.Refund, "stress redeem": q.StressRedeem,
		"stress refund": q.StressRefund, "min": q.Min, "max": q.Max,
	} {
		if a.IsZero() {
			k.t.Errorf("%s is zero", name)
		}
	}
	asset := k.h.Profile.Asset
	if q.Coin != (adapters.AssetIDs{Asset: asset, FeeCoin: asset}) {
		k.t.Errorf("coins %+v, want %s", q.Coin, asset)
	}
	if q.Min.Cmp(q.Max) > 0 || q.StressRedeem.Cmp(q.Redeem) < 0 || q.StressRefund.Cmp(q.Refund) < 0 {
		k.t.Errorf("quote %+v", q)
	}
	both, err := q.StressRedeem.Add(q.StressRefund)
	k.must(err, "add")
	if q.Min.Cmp(both) <= 0 {
		k.t.Errorf("the smallest leg, %s, is eaten by fees of %s", q.Min, both)
	}
	_, err = k.payer.Quote(k.ctx, asset+"1")
	k.want(err, "quote an unknown asset", adapters.ErrUnknownAsset)
}
