// Package payout decides where this node's coins may go and how much of them
// may leave, whoever asks for it and with whatever credential.
//
// The list of addresses is that of the configuration. A call can add to it
// where a delay is configured, and what it adds waits so long before it is
// paid; taking an address off works at once. So the thief of a full credential
// pays nobody before the delay is over, and the owner sees the addition in the
// log and can take it back. What leaves is counted in the store over any 24
// hours, so that a restart gives nothing free.
//
// The caller owes it: Allowed before every withdrawal, Take before everything
// that promises coins, and GiveBack where it came to nothing.
package payout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
)

// maxAdded bounds the list of added addresses.
const maxAdded = 256

// day is what a limit by day looks back on.
const day = 24 * time.Hour

// Limit is the most that leaves of one asset. Zero is no limit.
type Limit struct {
	Asset           htlc.AssetID
	PerCall, PerDay htlc.Amount
}

// Rules are what the configuration says.
type Rules struct {
	// Restricted: only listed addresses are paid, even where there is none.
	Restricted bool
	Accounts   []string // CAIP-10
	// Delay is how long an added address waits; with zero calls cannot add.
	Delay time.Duration
	// Parties are shown only: the agreement checks them.
	Parties []htlc.PartyID
	Limits  []Limit
}

// Book keeps what was added and what has left; see store.Store.
type Book interface {
	Payouts(ctx context.Context) ([]store.Payout, error)
	AddPayout(ctx context.Context, p store.Payout) (store.Payout, error)
	RemovePayout(ctx context.Context, account string) error
	Outflows
}

// Outflows counts what leaves.
type Outflows interface {
	TakeOutflow(ctx context.Context, asset htlc.AssetID, amount, perDay htlc.Amount, now time.Time, key string) error
	GiveBackOutflow(ctx context.Context, key string) error
	Outflow(ctx context.Context, asset htlc.AssetID, since time.Time) (htlc.Amount, error)
}

// Guard decides.
type Guard struct {
	rules Rules
	book  Book
	now   func() time.Time
	log   *slog.Logger
	// taking lets one call in at a time: two would not see each other.
	taking sync.Mutex
}

// New returns a guard.
func New(rules Rules, book Book, now func() time.Time, log *slog.Logger) *Guard {
	rules.Accounts = slices.Clone(rules.Accounts)
	for i, account := range rules.Accounts {
		rules.Accounts[i] = Canonical(account)
	}
	return &Guard{rules: rules, book: book, now: now, log: log}
}

// Error is a refusal with its reason code.
type Error struct {
	code reason.Reason
	text string
	meta map[string]string
}

func (e *Error) Error() string { return e.text }

// Reason is the stable code.
func (e *Error) Reason() string { return string(e.code) }

// Metadata says what it is about.
func (e *Error) Metadata() map[string]string { return e.meta }

func refuse(code reason.Reason, meta map[string]string, format string, args ...any) error {
	return &Error{code: code, text: fmt.Sprintf(format, args...), meta: meta}
}

// Canonical is the form in which accounts are compared: addresses of EVM chains
// have no case that counts.
func Canonical(account string) string {
	if strings.HasPrefix(account, "eip155:") {
		return strings.ToLower(account)
	}
	return account
}

// Allowed refuses an address that is not on the list, or waits there.
func (g *Guard) Allowed(ctx context.Context, chain htlc.ChainID, to string) error {
	account := Canonical(string(chain) + ":" + to)
	if !g.rules.Restricted || slices.Contains(g.rules.Accounts, account) {
		return nil
	}
	meta := map[string]string{reason.KeyChain: string(chain)}
	added, err := g.book.Payouts(ctx)
	if err != nil {
		return err
	}
	for _, p := range added {
		if p.Account != account {
			continue
		}
		if !g.now().Before(p.Usable) {
			return nil
		}
		meta[reason.KeyAt] = p.Usable.UTC().Format(time.RFC3339)
		return refuse(reason.PayoutNotAllowed, meta, "%s was added to this node's payout list and can be paid from %s on", to, meta[reason.KeyAt])
	}
	return refuse(reason.PayoutNotAllowed, meta, "%s is not on this node's payout list", to)
}

// Take counts what a call is about to move, or refuses it. The same key again
// counts once.
func (g *Guard) Take(ctx context.Context, key string, asset htlc.AssetID, amount htlc.Amount) error {
	limit, ok := g.limit(asset)
	if !ok {
		return nil
	}
	meta := map[string]string{reason.KeyAsset: string(asset), reason.KeyAmount: amount.String()}
	if !limit.PerCall.IsZero() && amount.Cmp(limit.PerCall) > 0 {
		meta[reason.KeyMax] = limit.PerCall.String()
		return refuse(reason.LimitExceeded, meta, "%s of %s is more than the %s that this node lets go at once", amount, asset, limit.PerCall)
	}
	if limit.PerDay.IsZero() {
		return nil
	}
	g.taking.Lock()
	defer g.taking.Unlock()
	err := g.book.TakeOutflow(ctx, asset, amount, limit.PerDay, g.now(), key)
	var over *store.CapError
	if !errors.As(err, &over) {
		return err
	}
	meta[reason.KeyMax], meta[reason.KeyRemaining] = over.PerDay.String(), over.Remaining.String()
	when := "which is more than all of it"
	if !over.Frees.IsZero() {
		meta[reason.KeyAt] = over.Frees.UTC().Format(time.RFC3339)
		when = "free again at " + meta[reason.KeyAt]
	}
	return refuse(reason.LimitExceeded, meta, "this node lets %s more go of its %s of %s in 24 hours, not %s, %s",
		over.Remaining, over.PerDay, asset, amount, when)
}

// GiveBack takes a Take back whose call has moved nothing.
func (g *Guard) GiveBack(ctx context.Context, key string, asset htlc.AssetID) {
	limit, ok := g.limit(asset)
	if !ok || limit.PerDay.IsZero() {
		return
	}
	g.taking.Lock()
	defer g.taking.Unlock()
	if err := g.book.GiveBackOutflow(ctx, key); err != nil {
		g.log.WarnContext(ctx, "what was counted against the node's limit is not given back", "asset", string(asset), "error", err)
	}
}

func (g *Guard) limit(asset htlc.AssetID) (Limit, bool) {
	for _, l := range g.rules.Limits {
		if l.Asset == asset {
			return l, true
		}
	}
	return Limit{}, false
}

// Rules are what the configuration says.
func (g *Guard) Rules() Rules { return g.rules }

// Added lists what calls have added.
func (g *Guard) Added(ctx context.Context) ([]store.Payout, error) { return g.book.Payouts(ctx) }

// Moved is what has left of an asset in the last 24 hours, or was promised, as
// far as it is counted.
func (g *Guard) Moved(ctx context.Context, asset htlc.AssetID) (htlc.Amount, error) {
	return g.book.Outflow(ctx, asset, g.now().Add(-day))
}

// Add puts an address on the list, where it waits. One that is there stays as
// it is.
func (g *Guard) Add(ctx context.Context, account, by string) (store.Payout, error) {
	account = Canonical(account)
	switch {
	case !g.rules.Restricted:
		return store.Payout{}, refuse(reason.PayoutsFixed, nil, "this node pays to any address: its configuration restricts nothing")
	case g.rules.Delay == 0:
		return store.Payout{}, refuse(reason.PayoutsFixed, nil, "this node's payout list changes by its configuration only")
	case slices.Contains(g.rules.Accounts, account):
		return store.Payout{Account: account}, nil
	}
	added, err := g.book.Payouts(ctx)
	if err != nil {
		return store.Payout{}, err
	}
	if len(added) >= maxAdded {
		return store.Payout{}, refuse(reason.PayoutsFixed, nil, "%d addresses were added already; remove one first", len(added))
	}
	now := g.now()
	p, err := g.book.AddPayout(ctx, store.Payout{Account: account, AddedBy: by, Added: now, Usable: now.Add(g.rules.Delay)})
	if err == nil {
		g.log.WarnContext(ctx, "an address is on the payout list; remove it where that was not you",
			"account", p.Account, "token", p.AddedBy, "usable_from", p.Usable.UTC().Format(time.RFC3339))
	}
	return p, err
}

// Remove takes an added address off the list.
func (g *Guard) Remove(ctx context.Context, account string) error {
	account = Canonical(account)
	if slices.Contains(g.rules.Accounts, account) {
		return refuse(reason.PayoutsFixed, nil, "%s stands in the node's configuration; take it out there and start the node again", account)
	}
	err := g.book.RemovePayout(ctx, account)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(reason.PayoutNotAllowed, nil, "%s is not on the payout list", account)
	}
	return err
}
