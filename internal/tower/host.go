package tower

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

// Errors of a Host, beside those of monitor/tower.
var (
	// ErrNoAgreement: the owner has not agreed to the terms, or the time is over.
	ErrNoAgreement = errors.New("register first: no agreement with this party holds")
	// ErrPrice: the price that was agreed to is not the tower's.
	ErrPrice = errors.New("another price is asked")
)

// Owner is a party that has agreed to a tower's terms.
type Owner struct {
	Party        htlc.PartyID
	Price        string
	Since, Until int64 // unix seconds
}

// Register keeps the owners of a tower. Everything is durable when it returns.
type Register interface {
	SaveOwner(ctx context.Context, o Owner) error
	FindOwner(ctx context.Context, party htlc.PartyID) (Owner, bool, error)
	CountOwners(ctx context.Context, now int64) (int64, error)
	// ForgetPackage forgets one that is not open, and tells whether there was one.
	ForgetPackage(ctx context.Context, owner htlc.PartyID, l tower.Locator) (bool, error)
}

// Terms are what a tower offers.
type Terms struct {
	// Listed owners have quotas of their own, Strangers is everybody else's.
	Listed    map[htlc.PartyID]tower.Quota
	Strangers tower.Quota
	Price     string
	Chains    []htlc.ChainID
}

// Quota is what a party may keep here.
func (t Terms) Quota(party htlc.PartyID) tower.Quota {
	q, listed := t.Listed[party]
	if !listed {
		q = t.Strangers
	}
	q.Price = t.Price
	return q
}

// Offer is what a tower tells a party.
type Offer struct {
	tower.Quota
	Chains      []htlc.ChainID
	AgreedUntil int64 // unix seconds, 0 where the party has not agreed
}

// Host answers the owners of packages.
type Host struct {
	Terms    Terms
	Tower    *tower.Tower
	Register Register
	Now      func() time.Time
}

// Offer tells a party the terms.
func (h *Host) Offer(ctx context.Context, from htlc.PartyID) (Offer, error) {
	out := Offer{Quota: h.Terms.Quota(from), Chains: h.Terms.Chains}
	owner, known, err := h.Register.FindOwner(ctx, from)
	if err == nil && known && h.holds(owner) {
		out.AgreedUntil = owner.Until
	}
	return out, err
}

// holds: an agreement ends with its time, and when the price changes.
func (h *Host) holds(o Owner) bool { return o.Until > h.Now().Unix() && o.Price == h.Terms.Price }

// Accept agrees with a party, for as long as a package may be kept.
func (h *Host) Accept(ctx context.Context, from htlc.PartyID, price string) (until int64, err error) {
	quota, now := h.Terms.Quota(from), h.Now()
	switch {
	case quota.Packages == 0:
		return 0, tower.ErrStranger
	case price != quota.Price:
		return 0, fmt.Errorf("%w: %q, not %q", ErrPrice, quota.Price, price)
	}
	if _, listed := h.Terms.Listed[from]; !listed {
		if err := h.room(ctx, from); err != nil {
			return 0, err
		}
	}
	o := Owner{Party: from, Price: price, Since: now.Unix(), Until: now.Add(quota.Longest).Unix()}
	return o.Until, h.Register.SaveOwner(ctx, o)
}

// maxOwners bounds with how many a tower agrees beside those that are listed: keys
// cost nothing, so a quota for each bounds nothing.
const maxOwners = 1000

// room refuses a stranger who has not agreed before, where there are too many.
func (h *Host) room(ctx context.Context, from htlc.PartyID) error {
	owner, known, err := h.Register.FindOwner(ctx, from)
	if err != nil || known && h.holds(owner) {
		return err
	}
	n, err := h.Register.CountOwners(ctx, h.Now().Unix())
	if err == nil && n >= maxOwners {
		err = fmt.Errorf("%w: it takes no more parties now", tower.ErrQuota)
	}
	return err
}

// Put keeps a package of a party that has agreed.
func (h *Host) Put(ctx context.Context, from htlc.PartyID, p tower.Offered) error {
	owner, known, err := h.Register.FindOwner(ctx, from)
	switch {
	case err != nil:
		return err
	case !known || !h.holds(owner):
		return ErrNoAgreement
	}
	return h.Tower.Keep(ctx, from, p)
}

// List shows what a party keeps here, by locator.
func (h *Host) List(ctx context.Context, from htlc.PartyID) ([]tower.Stored, error) {
	kept, err := h.Tower.Kept(ctx, from)
	slices.SortFunc(kept.Packages, func(a, b tower.Stored) int { return slices.Compare(a.Locator[:], b.Locator[:]) })
	return kept.Packages, err
}

// Drop forgets a package that is not open.
func (h *Host) Drop(ctx context.Context, from htlc.PartyID, l tower.Locator) (bool, error) {
	return h.Register.ForgetPackage(ctx, from, l)
}
