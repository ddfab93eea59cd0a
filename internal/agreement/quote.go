package agreement

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// AssetAmount is an amount of an asset in base units.
type AssetAmount struct {
	Asset  htlc.AssetID
	Amount htlc.Amount
}

// AssetPair is what the initiator gives and wants.
type AssetPair struct{ Gives, Wants AssetAmount }

// Quote is what a swap costs and takes, as this node sees it. Times are unix
// seconds; those of a leg are by its chain's clock.
type Quote struct {
	Initiator       bool
	Sends, Receives AssetAmount
	Legs            []LegQuote
	// TotalCost are our fees if the swap completes at today's fee rates.
	TotalCost []AssetAmount
	// WorstCase is the most that a failing swap costs us: to fund and refund
	// at stress rates. The amount itself comes back.
	WorstCase []AssetAmount
	// Reserved is held until the swap closes: the amount, and fees at stress
	// rates.
	Reserved []AssetAmount
	// Kept is the part of it that our own redeem can cost; nothing where the
	// redeemed coins pay for it themselves.
	Kept     []AssetAmount
	AcceptBy int64
	CutOff   int64
	// Expected is how long it takes if nobody dawdles, at stress fees.
	Expected time.Duration
	// TrustNotes say what is trusted besides the chains.
	TrustNotes []string
}

// LegQuote is what one leg costs and takes. Fees are in FeeCoin's base units.
type LegQuote struct {
	Leg                              int
	Payer                            bool // we pay the leg; else it pays us
	Asset, FeeCoin                   htlc.AssetID
	Amount, Min, Max                 htlc.Amount
	FundFee, RedeemFee, RefundFee    htlc.Amount
	StressFund, StressRedeem         htlc.Amount
	StressRefund                     htlc.Amount
	MinConfirmations                 uint32
	FundBy, RedeemBy, TimeLock       int64
	FundWithin, RedeemWithin, OpenIn time.Duration // the same, counted from now
}

// QuoteRequest asks what a swap would cost.
type QuoteRequest struct {
	Send, Receive AssetAmount
	Participant   bool // else we would be the initiator
	ValidFor      time.Duration
	Depths        Depths
}

// Quote shows what a swap would cost and take, and reserves nothing. It
// refuses what Offer would refuse, but for a lack of coins to send.
func (s *Service) Quote(ctx context.Context, req QuoteRequest) (Quote, error) {
	salt, err := s.salt()
	if err != nil {
		return Quote{}, err
	}
	now := s.opts.Now()
	self, gives, wants := 0, req.Send, req.Receive
	if req.Participant {
		self, gives, wants = 1, req.Receive, req.Send
	}
	o, err := s.sketch(ctx, salt, AssetPair{gives, wants}, req.Depths, s.validFor(req.ValidFor), now)
	if err != nil {
		return Quote{}, err
	}
	t, err := s.provisional(ctx, o, self)
	if err != nil {
		return Quote{}, err
	}
	q, against, err := s.assess(ctx, t, self, salt.String(), now)
	if err != nil {
		return Quote{}, err
	}
	for _, e := range against {
		// A lack of coins to send shows when they are asked for, and may be over
		// by then; without the redeem's fee there is nothing to quote.
		if !e.lacksCoins() || e.Meta["leg"] != fmt.Sprint(self) {
			return Quote{}, e
		}
	}
	return q, nil
}

func (s *Service) validFor(d time.Duration) time.Duration {
	if d == 0 {
		return s.opts.ValidFor
	}
	return d
}

// placeholder stands for the key of a party that is not known yet.
var placeholder = []byte{0}

// provisional completes an offer for a look at it: with our own key as the
// payee, and placeholders for what is not known yet. Such Terms are never
// signed.
func (s *Service) provisional(ctx context.Context, o htlc.Offer, self int) (htlc.Terms, error) {
	half := htlc.ParticipantHalf{Participant: s.opts.Identity.PartyID(), PayeeKey: placeholder, PayerKey: placeholder}
	if half.Participant == o.Initiator {
		half.Participant[0] ^= 0xff
	}
	in := []htlc.AssetID{o.Wants.Asset, o.Gives.Asset}[self]
	if c, err := s.chain(in); err == nil {
		key, err := c.Reserver.PayeeKey(ctx, in, o.Salt, 1-self)
		if err != nil && !errors.Is(err, adapters.ErrUnknownAsset) {
			return htlc.Terms{}, explain("a key to be paid on", err)
		}
		switch {
		case err != nil: // assess says so
		case self == 0:
			o.Wants.PayeeKey = key
		default:
			half.PayeeKey = key
		}
	}
	if len(o.Gives.PayerKey) == 0 {
		o.Gives.PayerKey = placeholder
	}
	if len(o.Wants.PayeeKey) == 0 {
		o.Wants.PayeeKey = placeholder
	}
	t, err := o.Complete(half)
	return t, explain("the swap cannot be put into terms", err)
}

// assess quotes Terms as the party self and lists what stands against them,
// the gravest first. An error means that it could not be found out.
func (s *Service) assess(ctx context.Context, t htlc.Terms, self int, owner string, now time.Time) (Quote, []*Error, error) {
	in, out := t.Legs[t.Incoming(self)], t.Legs[t.Outgoing(self)]
	q := Quote{
		Initiator: self == 0, AcceptBy: t.AcceptBy, CutOff: t.CutOff(),
		Sends: AssetAmount{out.Asset, out.Amount}, Receives: AssetAmount{in.Asset, in.Amount},
	}
	against := s.checkPolicy(t, self, now)
	for i := range t.Legs {
		leg, refusals, err := s.assessLeg(ctx, t, i, self, now)
		if err != nil {
			return Quote{}, nil, err
		}
		q.Legs = append(q.Legs, leg)
		against = append(against, refusals...)
		q.Expected += seconds(t.Legs[i].Timing.BuryFund) + seconds(t.Legs[i].Timing.BuryRedeem)
		if t.Legs[i].Asset.Namespace() != "slip44" {
			q.TrustNotes = append(q.TrustNotes, fmt.Sprintf("the issuer of %s, who may be able to freeze it", t.Legs[i].Asset))
		}
	}
	q.total(self)
	if len(against) == 0 {
		means, err := s.checkMeans(ctx, t, self, owner)
		if err != nil {
			return Quote{}, nil, err
		}
		against = means
	}
	return q, against, nil
}

func (s *Service) assessLeg(ctx context.Context, t htlc.Terms, i, self int, now time.Time) (LegQuote, []*Error, error) {
	leg := t.Legs[i]
	q := LegQuote{
		Leg: i, Payer: i == t.Outgoing(self), Asset: leg.Asset, Amount: leg.Amount, MinConfirmations: leg.MinConfirmations,
		FundBy: leg.FundBy, RedeemBy: leg.RedeemDeadline(), TimeLock: leg.TimeLock,
		FundWithin: until(now, leg.FundBy), RedeemWithin: until(now, leg.RedeemDeadline()), OpenIn: until(now, leg.TimeLock),
	}
	var e *Error
	c, err := s.chain(leg.Asset)
	if errors.As(err, &e) {
		return q, []*Error{e}, nil
	}
	fees, err := c.Prover.Quote(ctx, leg.Asset)
	if errors.Is(err, adapters.ErrUnknownAsset) {
		return q, []*Error{{
			Reason: UnknownAsset, Text: fmt.Sprintf("asset %s", leg.Asset), Err: err,
			Meta: map[string]string{"asset": string(leg.Asset)},
		}}, nil
	}
	if err != nil {
		return q, nil, explain(fmt.Sprintf("the fees of %s", leg.Asset), err)
	}
	q.FeeCoin, q.Min, q.Max = fees.Coin.FeeCoin, fees.Min, fees.Max
	q.FundFee, q.RedeemFee, q.RefundFee = fees.Fund, fees.Redeem, fees.Refund
	q.StressRedeem, q.StressRefund = fees.StressRedeem, fees.StressRefund
	if q.StressFund, err = scale(fees.Fund, fees.StressRefund, fees.Refund); err != nil {
		return q, nil, explain("the fees under stress", err)
	}
	return q, amountAgainst(q), nil
}

// amountAgainst refuses amounts that their fees would eat, or that the chain
// cannot carry.
func amountAgainst(q LegQuote) []*Error {
	meta := map[string]string{
		"asset": string(q.Asset), "amount": q.Amount.String(), "min": q.Min.String(), "max": q.Max.String(), "leg": fmt.Sprint(q.Leg),
	}
	switch {
	case q.Amount.Cmp(q.Min) < 0:
		return []*Error{refuse(AmountTooSmall, meta, "%s of %s is less than the smallest amount, %s", q.Amount, q.Asset, q.Min)}
	case q.Amount.Cmp(q.Max) > 0:
		return []*Error{refuse(AmountTooLarge, meta, "%s of %s is more than the largest amount, %s", q.Amount, q.Asset, q.Max)}
	}
	return nil
}

// checkMeans asks whether we can pay for our own redeem and for our leg.
func (s *Service) checkMeans(ctx context.Context, t htlc.Terms, self int, owner string) ([]*Error, error) {
	var against []*Error
	for _, q := range []struct {
		leg   int
		payer bool
	}{{t.Incoming(self), false}, {t.Outgoing(self), true}} {
		c, err := s.chain(t.Legs[q.leg].Asset)
		if err != nil {
			return nil, err
		}
		if err = c.Prover.CheckMeans(ctx, owner, t, q.leg, q.payer); err == nil {
			continue
		}
		err = s.lack(ctx, side{c, q.leg, t.Legs[q.leg]}, q.payer, err)
		var e *Error
		if !errors.As(err, &e) || !e.lacksCoins() {
			return nil, err
		}
		against = append(against, e)
	}
	return against, nil
}

// total sums what concerns us over both legs.
func (q *Quote) total(self int) {
	in, out := q.Legs[1-self], q.Legs[self]
	q.TotalCost = sum(AssetAmount{out.FeeCoin, out.FundFee}, AssetAmount{in.FeeCoin, in.RedeemFee})
	q.WorstCase = sum(AssetAmount{out.FeeCoin, out.StressFund}, AssetAmount{out.FeeCoin, out.StressRefund})
	if !paysForItself(in.Asset) {
		q.Kept = sum(AssetAmount{in.FeeCoin, in.StressRedeem})
	}
	q.Reserved = sum(append([]AssetAmount{
		{out.Asset, out.Amount}, {out.FeeCoin, out.StressFund}, {out.FeeCoin, out.StressRefund},
	}, q.Kept...)...)
}

// paysForItself: where outputs are spent, a redeem's fee is taken out of what
// it redeems. Accounts need coins for it beforehand.
func paysForItself(asset htlc.AssetID) bool { return asset.Chain().Namespace() == "bip122" }

// sum adds up amounts of one asset. A sum above 2^256 stays out: no chain has
// such an amount.
func sum(parts ...AssetAmount) []AssetAmount {
	var out []AssetAmount
next:
	for _, p := range parts {
		if p.Asset == "" || p.Amount.IsZero() {
			continue
		}
		for i := range out {
			if out[i].Asset == p.Asset {
				if total, err := out[i].Amount.Add(p.Amount); err == nil {
					out[i].Amount = total
				}
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

// scale is v * num / den, rounded up and at least v.
func scale(v, num, den htlc.Amount) (htlc.Amount, error) {
	if den.IsZero() || num.Cmp(den) < 0 {
		return v, nil
	}
	product := new(big.Int).Mul(v.Big(), num.Big())
	quotient, rest := new(big.Int).QuoRem(product, den.Big(), new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	return htlc.AmountFromBig(quotient)
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

func until(now time.Time, at int64) time.Duration { return time.Unix(at, 0).Sub(now) }
