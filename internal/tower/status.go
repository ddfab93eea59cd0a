package tower

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

// Status is what is known of one configured tower.
type Status struct {
	Place
	Offer Offer
	// Err is why it takes nothing now: a *Refusal, or what failed on the way.
	Err  error
	Kept int64 // packages that it has acknowledged
}

// statusTime is how long a tower may take to tell its terms.
const statusTime = 5 * time.Second

// Required is how many towers must have acknowledged before anything is locked.
func (g *Guard) Required() int { return g.o.Required }

// Towers asks every tower for its terms.
func (g *Guard) Towers(ctx context.Context) ([]Status, error) {
	out := make([]Status, len(g.places))
	var all sync.WaitGroup
	for i, p := range g.places {
		out[i].Place = p.Place
		var err error
		if out[i].Kept, err = g.o.Guards.CountGuards(ctx, p.Party, g.o.Now().Unix()); err != nil {
			return nil, err
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, statusTime)
			defer cancel()
			out[i].Offer, out[i].Err = g.o.Caller.Offer(ctx, p.Place)
			if out[i].Err == nil {
				if why := refused(out[i].Offer, p.Place); why != nil {
					out[i].Err = why
				}
			}
		})
	}
	all.Wait()
	return out, nil
}

// Reason is the code of why a tower takes nothing, "" where it does or where the
// way to it has none.
func (s Status) Reason() string {
	var no *Refusal
	if errors.As(s.Err, &no) {
		return no.Reason
	}
	return ""
}

// Spend is one spend of a swap and who guards it.
type Spend struct {
	Leg     int
	Chain   htlc.ChainID
	Kind    tower.Kind
	By      []Guarded
	Waiting string // why nothing can be handed over yet
	Opens   int64  // the leg's time lock, by its chain's clock
	Opened  bool   // what the tower waits for is on the chain, but for the time lock
}

// Guarded shows what of a swap is guarded, and by whom.
func (g *Guard) Guarded(ctx context.Context, s htlc.Swap) ([]Spend, error) {
	needs, err := g.needs(ctx, s)
	if err != nil {
		return nil, err
	}
	rows, err := g.o.Guards.SwapGuards(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	var out []Spend
	for _, n := range needs {
		leg := s.Terms.Legs[n.leg]
		spend := Spend{
			Leg: n.leg, Chain: leg.Chain(), Kind: n.kind, Waiting: n.waiting, Opens: leg.TimeLock,
			Opened: n.kind == tower.Refund && n.seen || n.kind == tower.Redeem && s.Secret != nil,
		}
		for _, row := range rows {
			if n.waiting == "" && n.about(row) {
				spend.By = append(spend.By, row)
			}
		}
		slices.SortStableFunc(spend.By, func(a, b Guarded) int { return cmp.Compare(g.order(a.Tower), g.order(b.Tower)) })
		out = append(out, spend)
	}
	return out, nil
}

// order is that of the configuration; what is not in it comes last.
func (g *Guard) order(party htlc.PartyID) int {
	i := slices.IndexFunc(g.places, func(p *place) bool { return p.Party == party })
	if i < 0 {
		return len(g.places)
	}
	return i
}

// Name is what a tower is called here, "" where it is not configured any more.
func (g *Guard) Name(party htlc.PartyID) string {
	if p := g.place(party); p != nil {
		return p.Name
	}
	return ""
}
