package adaptertest

import (
	"errors"
	"math/big"
	"regexp"
	"strings"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

func (k *kit) reserve(a *actor, owner string, salt htlc.Salt) (adapters.PayerPart, error) {
	return a.Reserve(k.ctx, k.reservation(owner, salt, 0))
}

// reserveApart: two owners share neither coins nor lane, also where nothing
// was broadcast in between, and after a restart.
func (k *kit) reserveApart() {
	salts := []htlc.Salt{k.salt(), k.salt()}
	var deals []deal
	var parts []adapters.PayerPart
	for _, salt := range salts {
		part, err := k.reserve(k.payer, "owner "+salt.String(), salt)
		k.must(err, "reserve")
		again, err := k.reserve(k.again(k.payer), "owner "+salt.String(), salt)
		k.must(err, "reserve the same again")
		if string(again.Key) != string(part.Key) || again.Lane != part.Lane || again.Sequence != part.Sequence {
			k.t.Fatalf("reserved again %+v, before %+v", again, part)
		}
		parts, deals = append(parts, part), append(deals, k.agree(salt, part))
	}
	if len(parts[0].Deployment) > 0 && parts[0].Lane == parts[1].Lane {
		k.t.Fatalf("two owners hold lane %d", parts[0].Lane)
	}
	r := k.reader(k.payee)
	spent := map[string]bool{}
	for i, d := range deals {
		k.watch(k.payee, d, "")
		f, err := k.payer.Fund(k.ctx, "owner "+salts[i].String(), d.terms, 0)
		k.must(err, "fund")
		for _, coin := range f.Txs[f.Lock].Spends {
			if spent[coin] {
				k.t.Fatalf("coin %s is spent for two owners", coin)
			}
			spent[coin] = true
		}
		k.send(k.payer, f.Txs...)
	}
	k.mine(1)
	if r.catchUp(); len(r.facts) != 2 {
		k.t.Fatalf("both locks should stand: %v", describe(r.facts))
	}
}

var number = regexp.MustCompile(`\b[1-9][0-9]*\b`)

// wantInsufficient wants an error that says how much is missing.
func (k *kit) wantInsufficient(err error, what string) {
	k.t.Helper()
	k.want(err, what, adapters.ErrInsufficientFunds)
	var e *adapters.Error
	if !errors.As(err, &e) || !number.MatchString(strings.TrimPrefix(err.Error(), e.Op)) {
		k.t.Fatalf("%s: %v names no amount", what, err)
	}
}

// reserveInsufficient: what others hold cannot be reserved, also after a
// restart.
func (k *kit) reserveInsufficient() {
	poor := k.actor(0)
	_, err := k.reserve(poor, "poor", k.salt())
	k.wantInsufficient(err, "reserve without coins")
	two := k.actor(2)
	for _, owner := range []string{"first", "second"} {
		_, err := k.reserve(two, owner, k.salt())
		k.must(err, "reserve for %s", owner)
	}
	for _, a := range []*actor{two, k.again(two)} {
		_, err = k.reserve(a, "third", k.salt())
		k.wantInsufficient(err, "reserve for a third")
		b := k.balance(a)
		if b.Reserved.Cmp(k.scaled(k.h.Profile.Amount, 2, 1)) < 0 || b.Spendable.Cmp(k.h.Profile.Amount) >= 0 {
			k.t.Fatalf("balance %+v with two reservations", b)
		}
	}
}

// reserveBounds: amounts outside the quote's bounds and unknown assets are
// refused.
func (k *kit) reserveBounds() {
	q, err := k.payer.Quote(k.ctx, k.h.Profile.Asset)
	k.must(err, "quote")
	r := k.reservation("bounds", k.salt(), 0)
	r.Amount = k.less(q.Min)
	_, err = k.payer.Reserve(k.ctx, r)
	k.want(err, "reserve less than the smallest amount", adapters.ErrDust)
	r.Amount = htlc.Amount{}
	_, err = k.payer.Reserve(k.ctx, r)
	k.want(err, "reserve nothing", adapters.ErrDust)
	if above, err := htlc.AmountFromBig(new(big.Int).Add(q.Max.Big(), big.NewInt(1))); err == nil {
		r.Amount = above
		_, err = k.payer.Reserve(k.ctx, r)
		k.want(err, "reserve more than the largest amount", adapters.ErrAmountTooLarge)
	}
	r = k.reservation("bounds", k.salt(), 0)
	r.Asset += "1"
	_, err = k.payer.Reserve(k.ctx, r)
	k.want(err, "reserve an unknown asset", adapters.ErrUnknownAsset)
	r = k.reservation("bounds", k.salt(), 0)
	r.Amount = q.Min
	_, err = k.payer.Reserve(k.ctx, r)
	k.must(err, "reserve the smallest amount")
	r.Amount = k.h.Profile.Amount
	_, err = k.payer.Reserve(k.ctx, r)
	k.want(err, "reserve another amount for the same owner", adapters.ErrReserved)
}

// release: what was released is free again; unknown owners are no error.
func (k *kit) release() {
	one := k.actor(1)
	before := k.balance(one)
	k.must(one.Release(k.ctx, "nobody"), "release an unknown owner")
	_, err := k.reserve(one, "first", k.salt())
	k.must(err, "reserve")
	_, err = k.reserve(one, "second", k.salt())
	k.wantInsufficient(err, "reserve twice")
	k.must(one.Release(k.ctx, "first"), "release")
	k.must(one.Release(k.ctx, "first"), "release again")
	if after := k.balance(one); after != before {
		k.t.Fatalf("balance %+v after the release, %+v before", after, before)
	}
	again := k.again(one)
	_, err = k.reserve(again, "second", k.salt())
	k.must(err, "reserve what was released")
}

// releasedFunding: a funding that was signed out of a released reservation is
// refused, because another may hold the coins by now; one that is on its way
// survives the release.
func (k *kit) releasedFunding() {
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	f := k.signFunding(d.owner(), d.terms)
	k.must(k.payer.Release(k.ctx, d.owner()), "release")
	if err := k.payer.Broadcast(k.ctx, f.Txs[f.Lock]); err == nil {
		k.t.Error("a funding was sent although its coins were released")
	}
	_, err := k.payer.Fund(k.ctx, d.owner(), d.terms, 0)
	k.want(err, "fund after the release", adapters.ErrReserved, adapters.ErrInsufficientFunds)
	k.mine(1)
	r.none()
	other := k.deal()
	k.watch(k.payee, other, "")
	kept := k.fund(other)
	k.must(k.payer.Release(k.ctx, other.owner()), "release what was sent")
	k.mine(1)
	if fact := r.only(adapters.Funded); fact.TxID != kept.Txs[kept.Lock].ID {
		k.t.Fatalf("funded by %s, want %s", fact.TxID, kept.Txs[kept.Lock].ID)
	}
}

// adopt: the new owner has all, the old one nothing.
func (k *kit) adopt() {
	salt := k.salt()
	part, err := k.reserve(k.payer, "offer", salt)
	k.must(err, "reserve")
	d := k.agree(salt, part)
	k.must(k.payer.Adopt(k.ctx, "offer", d.owner()), "adopt")
	k.must(k.payer.Adopt(k.ctx, "offer", d.owner()), "adopt again")
	_, err = k.payer.Fund(k.ctx, "offer", d.terms, 0)
	k.want(err, "fund under the old name", adapters.ErrReserved, adapters.ErrInsufficientFunds)
	k.must(k.payer.Release(k.ctx, "offer"), "release the old name")
	k.payer = k.again(k.payer)
	k.lock(d)
}

// reserveAgain: what came back from a refund pays for the next swap, and its
// lane serves again.
func (k *kit) reserveAgain() {
	k.payer = k.actor(1)
	for range 2 {
		d, lock := k.locked()
		r := k.readerAfterLock(d, lock)
		k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock+1)
		k.send(k.payer, k.refund(d, lock.Ref))
		k.mine(1)
		r.only(adapters.Refunded)
		k.must(k.payer.Release(k.ctx, d.owner()), "release")
		k.mine(6)
	}
	k.locked()
}
