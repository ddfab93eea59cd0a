package tower

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

// keepAfter is how long after its time lock a package is kept while sealed: a
// contract can be redeemed until it is refunded.
const keepAfter = 24 * 3600

// need is a spend of a swap that a tower can do in our place.
type need struct {
	leg    int
	kind   tower.Kind
	ref    string // the funding
	opener tower.Opener
	// seen: the funding is in a block, where a tower does not look again.
	seen bool
	// waiting says why nothing can be handed over yet; empty where it can.
	waiting string
}

func (n need) about(g Guarded) bool {
	return g.Leg == n.leg && g.Kind == n.kind && g.About == n.ref && g.Locator == n.opener.Locator()
}

// needs are the spends that may still be needed, the refund of our own leg first.
func (g *Guard) needs(ctx context.Context, s htlc.Swap) ([]need, error) {
	if s.Phase == htlc.PhaseClosed || s.Phase == htlc.PhaseNew {
		return nil, nil
	}
	var out []need
	if !s.Legs[s.Out()].Buried {
		n, err := g.refund(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	if !s.Legs[s.In()].Buried {
		out = append(out, redeem(s))
	}
	return out, nil
}

func (g *Guard) refund(ctx context.Context, s htlc.Swap) (need, error) {
	leg, state := s.Terms.Legs[s.Out()], s.Legs[s.Out()]
	n := need{leg: s.Out(), kind: tower.Refund, seen: state.Status.Locked()}
	maker, err := g.o.Makers(leg.Chain())
	if err != nil {
		return n, err
	}
	var funding adapters.Tx
	if len(leg.Deployment) == 0 {
		if funding, err = g.o.Funding(ctx, s); err != nil {
			return n, err
		}
	}
	switch {
	case len(leg.Deployment) > 0 || funding.ID != "":
		n.ref, err = maker.FundingRef(s.Terms, n.leg, funding)
	case state.FundRef != "":
		n.ref = state.FundRef // of a restored swap
	default:
		n.waiting = "the funding is not signed yet"
	}
	n.opener = tower.RefundOpener(n.ref)
	return n, err
}

func redeem(s htlc.Swap) need {
	n := need{leg: s.In(), kind: tower.Redeem, ref: s.Legs[s.In()].FundRef, opener: tower.RedeemOpener(s.Terms.SecretHash)}
	if len(s.Terms.Legs[n.leg].Deployment) > 0 {
		n.ref = ""
	} else if n.ref == "" {
		n.waiting = "the other party's funding is not seen yet"
	}
	return n
}

// seal makes the package. Its keys are those of the contract, its payouts our own.
func (g *Guard) seal(ctx context.Context, s htlc.Swap, n need) (tower.Offered, error) {
	leg := s.Terms.Legs[n.leg]
	maker, err := g.o.Makers(leg.Chain())
	if err != nil {
		return tower.Offered{}, err
	}
	sign := maker.EntrustRedeem
	if n.kind == tower.Refund {
		sign = maker.EntrustRefund
	}
	e, err := sign(ctx, s.Terms, n.leg, n.ref, g.o.Budget(leg))
	if err != nil {
		return tower.Offered{}, fmt.Errorf("sign the %s of leg %d for a tower: %w", n.kind, n.leg, err)
	}
	p := tower.Package{
		Kind: n.kind, Chain: leg.Chain(), Target: e.Target, Opens: leg.TimeLock, Confirmations: uint64(leg.MinConfirmations),
		Patience: int64(leg.Timing.Sighting), Call: e.Call,
	}
	for _, spend := range e.Spends {
		p.Ladder = append(p.Ladder, tower.Rung{FeeRate: spend.FeeRate, Raw: spend.Raw})
	}
	sealed, err := tower.Seal(p, n.opener)
	if err != nil {
		return tower.Offered{}, err
	}
	out := tower.Offered{Locator: n.opener.Locator(), Kind: n.kind, Bytes: sealed, Until: leg.TimeLock + keepAfter}
	if n.seen {
		out.Seen = n.opener.Seen()
	}
	return out, nil
}
