package tower

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

// ErrUnguarded: fewer towers than required have acknowledged.
var ErrUnguarded = errors.New("not enough towers guard the swap")

// Times of a Guard.
const (
	callTime   = 8 * time.Second        // for all calls to one tower about one swap
	othersTime = 250 * time.Millisecond // for the others, once enough have acknowledged
	retryEvery = 5 * time.Second        // to a tower that did not take something
	lookEvery  = 30 * time.Second       // at all swaps, where nothing changes
	askEvery   = 10 * time.Minute       // a tower whether it still has everything
)

// Options of a Guard.
type Options struct {
	Places []Place
	// Required is how many towers must have acknowledged before anything is
	// locked.
	Required int
	Caller   Caller
	Guards   Guards
	Makers   func(htlc.ChainID) (Maker, error)
	// Funding is the stored lock of the swap's own leg, zero where there is none.
	Funding func(ctx context.Context, s htlc.Swap) (adapters.Tx, error)
	// Budget is the most that a spend of a leg may cost.
	Budget func(htlc.Leg) htlc.Amount
	// Open lists the swaps that are not closed.
	Open func() []htlc.Swap
	Now  func() time.Time
	Log  *slog.Logger
}

// Guard hands out the packages of this node's swaps.
type Guard struct {
	o    Options
	wake chan struct{}
	// places has a lock for each tower, so that its packages are handed over once.
	places []*place
	mu     sync.Mutex
	closed []htlc.Swap // whose packages are to be taken back
}

// place is a tower and what is known of it.
type place struct {
	Place
	mu      sync.Mutex
	until   int64 // agreed
	chains  []htlc.ChainID
	longest time.Duration
	notTo   time.Time // no call before, but where a funding waits for it
	asked   time.Time // what it keeps
}

// NewGuard makes a Guard; it does nothing before Run.
func NewGuard(o Options) *Guard {
	g := &Guard{o: o, wake: make(chan struct{}, 1)}
	for _, p := range o.Places {
		g.places = append(g.places, &place{Place: p})
	}
	return g
}

// maxClosed bounds the swaps that wait to be cleaned up after; what is beyond
// expires at the towers.
const maxClosed = 10_000

// Changed wakes the Guard for swaps that have changed. It does not block.
func (g *Guard) Changed(swaps []htlc.Swap) {
	if len(g.places) == 0 {
		return
	}
	g.mu.Lock()
	for _, s := range swaps {
		if s.Phase == htlc.PhaseClosed && len(g.closed) < maxClosed {
			g.closed = append(g.closed, s)
		}
	}
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Run hands out packages until ctx ends.
func (g *Guard) Run(ctx context.Context) error {
	if len(g.places) == 0 {
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.wake:
		case <-timer.C:
		}
		wait := lookEvery
		if !g.pass(ctx) {
			wait = retryEvery
		}
		timer.Reset(wait)
	}
}

// pass looks at every open swap once. It is false where something is to be
// tried again.
func (g *Guard) pass(ctx context.Context) bool {
	good := true
	open := g.o.Open()
	for _, p := range g.places {
		if err := g.ask(ctx, p, open); err != nil && ctx.Err() == nil {
			g.o.Log.Warn("a tower does not tell what it keeps", "tower", p.Name, "error", err)
		}
	}
	for _, s := range open {
		needs, err := g.needs(ctx, s)
		if err != nil {
			g.o.Log.Warn("what of a swap can be guarded is not known", "swap", s.ID.String(), "error", err)
			good = false
			continue
		}
		for _, p := range g.places {
			if g.o.Now().Before(p.rest()) {
				good = false
			} else if err := g.handOut(ctx, p, s, needs); err != nil && ctx.Err() == nil {
				g.o.Log.Warn("a tower does not guard a swap", "tower", p.Name, "swap", s.ID.String(), "error", err)
				good = false
			}
		}
	}
	g.takeBack(ctx)
	return good
}

func (p *place) rest() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.notTo
}

// Ensure returns nil when as many towers as are required have acknowledged all
// that can be handed over now. It asks them again.
func (g *Guard) Ensure(ctx context.Context, s htlc.Swap) error {
	if g.o.Required == 0 {
		return nil // they get it by Run, and nothing waits for that
	}
	needs, err := g.needs(ctx, s)
	if err != nil {
		return err
	}
	answers := make(chan error, len(g.places))
	for _, p := range g.places {
		go func() {
			err := g.handOut(ctx, p, s, needs)
			if err != nil {
				err = fmt.Errorf("%s: %w", p.Name, err)
			}
			answers <- err
		}()
	}
	have := 0
	var why []error
	var enough <-chan time.Time
	for range g.places {
		select {
		case err := <-answers:
			if err != nil {
				why = append(why, err)
			} else if have++; have == g.o.Required {
				enough = time.After(othersTime)
			}
		case <-enough: // whoever asks may hold a chain's signing: the others get it by Run
			return nil
		}
	}
	if have >= g.o.Required {
		return nil
	}
	return fmt.Errorf("%w: %d of %d wanted: %w", ErrUnguarded, have, g.o.Required, errors.Join(why...))
}

// handOut gives a tower what it does not have. It returns nil when the tower has
// acknowledged all that can be given.
func (g *Guard) handOut(ctx context.Context, p *place, s htlc.Swap, needs []need) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	have, err := g.o.Guards.SwapGuards(ctx, s.ID)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for _, n := range needs {
		kept := slices.ContainsFunc(have, func(k Guarded) bool { return k.Tower == p.Party && n.about(k) })
		if kept || n.waiting != "" {
			continue
		}
		if err := g.give(ctx, p, s, n); err != nil {
			p.notTo = g.o.Now().Add(retryEvery)
			return err
		}
	}
	return nil
}

// give agrees with the tower where that is needed, and hands one package over.
func (g *Guard) give(ctx context.Context, p *place, s htlc.Swap, n need) error {
	leg, now := s.Terms.Legs[n.leg], g.o.Now()
	if err := g.agree(ctx, p); err != nil {
		return err
	}
	if !slices.Contains(p.chains, leg.Chain()) {
		return &Refusal{Reason: "TOWER_CHAIN", Text: "it does not follow " + string(leg.Chain())}
	}
	offered, err := g.seal(ctx, s, n)
	if err != nil {
		return err
	}
	latest := now.Add(p.longest - time.Minute).Unix()
	if latest <= leg.TimeLock {
		return &Refusal{Reason: "TOWER_TOO_LONG", Text: fmt.Sprintf("it keeps packages for %s, and the time lock opens later", p.longest)}
	}
	offered.Until = min(offered.Until, latest)
	err = g.o.Caller.Put(ctx, p.Place, offered)
	var no *Refusal
	if errors.As(err, &no) && no.Reason == "TOWER_NO_AGREEMENT" {
		p.until = 0 // it has forgotten us
	}
	if err != nil && (no == nil || no.Reason != "TOWER_IN_USE") { // it works with the one that it has
		return err
	}
	return g.o.Guards.SaveGuard(ctx, Guarded{
		Swap: s.ID, Leg: n.leg, Kind: n.kind, Tower: p.Party, Locator: offered.Locator, About: n.ref, Until: offered.Until, KeptAt: now.Unix(),
	})
}

// agree registers with a tower, and again when half of the time is over. The
// price that it asks must be the one that the owner has written down.
func (g *Guard) agree(ctx context.Context, p *place) error {
	now := g.o.Now()
	if p.until > now.Add(p.longest/2).Unix() {
		return nil
	}
	offer, err := g.o.Caller.Offer(ctx, p.Place)
	if err != nil {
		return err
	}
	if why := refused(offer, p.Place); why != nil {
		return why
	}
	p.chains, p.longest = offer.Chains, offer.Longest
	p.until, err = g.o.Caller.Register(ctx, p.Place)
	if err == nil {
		g.o.Log.Info("registered with a tower", "tower", p.Name, "until", time.Unix(p.until, 0).UTC())
	}
	return err
}

// refused is why an offer is not taken.
func refused(offer Offer, p Place) *Refusal {
	switch {
	case offer.Packages == 0:
		return &Refusal{Reason: "TOWER_NO_AGREEMENT", Text: "it keeps nothing for this party"}
	case offer.Price != p.Price:
		return &Refusal{Reason: "TOWER_PRICE", Text: fmt.Sprintf("it asks %q; the configuration agrees to %q", offer.Price, p.Price)}
	}
	return nil
}

// ask forgets acknowledgements of a tower that has lost what they stand for, or
// got it too late to see what opens it.
func (g *Guard) ask(ctx context.Context, p *place, open []htlc.Swap) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := g.o.Now()
	if now.Before(p.notTo) || now.Sub(p.asked) < askEvery || len(open) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	has, err := g.o.Caller.Has(ctx, p.Place)
	if err != nil {
		p.notTo = now.Add(retryEvery)
		return err
	}
	p.asked = now
	for _, s := range open {
		rows, err := g.o.Guards.SwapGuards(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			state, kept := has[row.Locator]
			// Its funding came before the package: the tower waits for a block that it
			// has behind it, and has to be told.
			passed := kept && state == tower.Sealed && row.Kind == tower.Refund && s.Legs[row.Leg].Status.Locked()
			if row.Tower != p.Party || kept && state != tower.Failed && !passed {
				continue
			}
			g.o.Log.Warn("a tower has lost a package, or did not see its funding", "tower", p.Name, "swap", s.ID.String(), "leg", row.Leg, "kind", string(row.Kind))
			if err := g.o.Guards.DropGuard(ctx, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeBack frees the quota that closed swaps use, once; what is not reached now
// expires there.
func (g *Guard) takeBack(ctx context.Context) {
	g.mu.Lock()
	closed := g.closed
	g.closed = nil
	g.mu.Unlock()
	for _, s := range closed {
		rows, err := g.o.Guards.SwapGuards(ctx, s.ID)
		if err != nil {
			g.o.Log.Warn("the packages of a closed swap stay at their towers", "swap", s.ID.String(), "error", err)
		}
		for _, row := range rows {
			if p := g.place(row.Tower); p != nil {
				g.takeBackOne(ctx, p, row)
			}
		}
	}
}

func (g *Guard) takeBackOne(ctx context.Context, p *place, row Guarded) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := g.o.Caller.Drop(ctx, p.Place, row.Locator)
	if err == nil {
		err = g.o.Guards.DropGuard(ctx, row)
	}
	if err != nil {
		g.o.Log.Info("a package stays at its tower until it expires", "tower", p.Name, "swap", row.Swap.String(), "error", err)
	}
}

func (g *Guard) place(party htlc.PartyID) *place {
	for _, p := range g.places {
		if p.Party == party {
			return p
		}
	}
	return nil
}
