package agreement

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// side is one leg of an agreement, as our own.
type side struct {
	chain Chain
	leg   int
	terms htlc.Leg // without keys and times where there are none yet
}

// sides are the leg that this node pays and the one that pays it.
func (s *Service) sides(r Record) (out, in side, err error) {
	out.leg, out.terms, in.leg, in.terms = 0, r.Offer.Gives, 1, r.Offer.Wants
	if !r.Initiator {
		out, in = in, out
	}
	for _, x := range []*side{&out, &in} {
		if x.chain, err = s.chain(x.terms.Asset); err != nil {
			return out, in, err
		}
	}
	return out, in, nil
}

// reserve commits all that the swap needs of us: what the payer of our leg
// needs, and the fee of the redeem that pays us. What an earlier attempt has
// reserved is freed first, since it may have died before it was stored.
func (s *Service) reserve(ctx context.Context, r Record) (adapters.PayerPart, error) {
	out, in, err := s.sides(r)
	if err != nil {
		return adapters.PayerPart{}, err
	}
	if err := s.release(ctx, r); err != nil {
		return adapters.PayerPart{}, err
	}
	part, err := out.chain.Reserver.Reserve(ctx, adapters.Reservation{
		Owner: r.owner(), Asset: out.terms.Asset, Amount: out.terms.Amount, Salt: r.ID(), Leg: out.leg,
	})
	if err != nil {
		return part, s.lack(ctx, out, true, err)
	}
	if err := in.chain.Reserver.ReserveRedeem(ctx, r.owner(), in.terms.Asset, in.leg); err != nil {
		return part, s.lack(ctx, in, false, err)
	}
	return part, nil
}

// release frees what is reserved in the offer's name, on both chains.
func (s *Service) release(ctx context.Context, r Record) error {
	return s.onEach(r, func(c Chain) error { return c.Reserver.Release(ctx, r.owner()) })
}

// adopt hands what is reserved over to the swap's name, on both chains.
func (s *Service) adopt(ctx context.Context, r Record) error {
	return s.onEach(r, func(c Chain) error { return c.Reserver.Adopt(ctx, r.owner(), r.Swap().String()) })
}

// onEach does something once on each chain of an agreement. A chain that fails
// does not keep the other from it.
func (s *Service) onEach(r Record, do func(Chain) error) error {
	out, in, err := s.sides(r)
	if err != nil {
		return err
	}
	errs := []error{do(out.chain)}
	if in.chain.ID != out.chain.ID {
		errs = append(errs, do(in.chain))
	}
	return explain("the reservations", errors.Join(errs...))
}

// lack judges an adapter's word about the coins for a leg: what a payer needs
// to lock and refund it, or a payee to redeem it. Other errors than a lack of
// coins are explained and nothing else.
func (s *Service) lack(ctx context.Context, x side, payer bool, err error) error {
	held, short := errors.Is(err, adapters.ErrReserved), errors.Is(err, adapters.ErrInsufficientFunds)
	meta := map[string]string{"chain": string(x.chain.ID), "leg": fmt.Sprint(x.leg), "asset": string(x.terms.Asset)}
	s.addNeed(ctx, x, payer, meta)
	e := &Error{Err: err, Meta: meta}
	switch {
	// What is reserved is missing too, so this is asked first.
	case held && payer:
		e.Reason, e.Text = CoinsReserved, "what you would send, with its fees, is there, but other swaps hold it"
	case held:
		e.Reason, e.Text = CoinsReserved, "the fee of the redeem that pays you is there, but other swaps hold it"
	case short && payer:
		e.Reason, e.Text = InsufficientFunds, "what you would send, with its fees, is not there"
	case short:
		e.Reason, e.Text = RedeemFeeMissing, "the redeem of what you would be paid cannot be paid for"
	default:
		return explainAbout(meta, "the means for the swap", err)
	}
	return e
}

// addNeed says how much of what a leg needs, as far as the chain tells.
func (s *Service) addNeed(ctx context.Context, x side, payer bool, meta map[string]string) {
	fees, err := x.chain.Prover.Quote(ctx, x.terms.Asset)
	if err != nil {
		return
	}
	need, coin := fees.StressRedeem, fees.Coin.FeeCoin
	if payer {
		stress, err := scale(fees.Fund, fees.StressRefund, fees.Refund)
		if err != nil {
			return
		}
		all := []AssetAmount{{x.terms.Asset, x.terms.Amount}, {coin, stress}, {coin, fees.StressRefund}}
		coin, need = x.terms.Asset, sum(all...)[0].Amount
	}
	meta["asset"], meta["need"] = string(coin), need.String()
}
