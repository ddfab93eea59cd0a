package agreement

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// OfferRequest asks for a ticket.
type OfferRequest struct {
	// Request makes the call safe to repeat where it is not empty: the same id
	// with the same content gives the same ticket.
	Request       string
	Send, Receive AssetAmount
	ValidFor      time.Duration
	ByHand        bool // leave our address out
	Depths        Depths
}

// Offer reserves what the swap needs of us and makes a ticket.
func (s *Service) Offer(ctx context.Context, req OfferRequest) (Record, error) {
	if d := s.validFor(req.ValidFor); d < MinValidFor || d > MaxValidFor {
		return Record{}, refuse(TermsInvalid, map[string]string{"field": "valid_for"},
			"a ticket is valid for at least 10s and at most 24h, not for %s", d)
	}
	id, err := s.draftOf(ctx, req)
	if err != nil {
		return Record{}, err
	}
	return s.locked(ctx, id, func(r Record) (Record, error) {
		if r.State != StateDraft {
			return r, nil // of an earlier call
		}
		if s.late(r) {
			return s.expired(ctx, r)
		}
		return s.issue(ctx, r)
	})
}

// draftOf returns the record that the request has made, or makes it.
func (s *Service) draftOf(ctx context.Context, req OfferRequest) (htlc.Salt, error) {
	if id, err := s.repeated(ctx, req); err != nil || id != (htlc.Salt{}) {
		return id, err
	}
	draft, err := s.draft(ctx, req)
	if err != nil {
		return htlc.Salt{}, err
	}
	_, err = s.insert(ctx, draft)
	if errors.Is(err, ErrConflict) { // the same request, at the same time
		return s.repeated(ctx, req)
	}
	return draft.ID(), stored(err)
}

// repeated is the id of what an earlier call of this request made; zero where
// there was none.
func (s *Service) repeated(ctx context.Context, req OfferRequest) (htlc.Salt, error) {
	if req.Request == "" {
		return htlc.Salt{}, nil
	}
	r, err := s.opts.Store.Find(ctx, Key{Request: req.Request})
	if errors.Is(err, ErrNotFound) {
		return htlc.Salt{}, nil
	}
	if err != nil {
		return htlc.Salt{}, stored(err)
	}
	same := r.Initiator && r.ByHand == req.ByHand &&
		req.Send == AssetAmount{r.Offer.Gives.Asset, r.Offer.Gives.Amount} &&
		req.Receive == AssetAmount{r.Offer.Wants.Asset, r.Offer.Wants.Amount}
	for _, leg := range []htlc.Leg{r.Offer.Gives, r.Offer.Wants} {
		wanted, asked := req.Depths[leg.Chain()]
		same = same && (!asked || wanted == leg.MinConfirmations)
	}
	if !same {
		return htlc.Salt{}, refuse(RequestIDReused, map[string]string{"request_id": req.Request},
			"the request id was used for another offer")
	}
	return r.ID(), nil
}

// draft checks the request and prepares everything that reserves nothing.
func (s *Service) draft(ctx context.Context, req OfferRequest) (Record, error) {
	if err := s.room(); err != nil {
		return Record{}, err
	}
	salt, err := s.salt()
	if err != nil {
		return Record{}, err
	}
	now := s.opts.Now()
	o, err := s.sketch(ctx, salt, AssetPair{req.Send, req.Receive}, req.Depths, s.validFor(req.ValidFor), now)
	if err != nil {
		return Record{}, err
	}
	t, err := s.provisional(ctx, o, 0)
	if err != nil {
		return Record{}, err
	}
	_, against, err := s.assess(ctx, t, 0, salt.String(), now)
	if err != nil {
		return Record{}, err
	}
	if len(against) > 0 {
		return Record{}, against[0]
	}
	o.Wants.PayeeKey = t.Legs[1].PayeeKey
	if !req.ByHand {
		o.ReplyTo = s.opts.ReplyTo
	}
	since, err := s.tips(ctx, o)
	if err != nil {
		return Record{}, err
	}
	return Record{
		State: StateDraft, Initiator: true, Offer: o, Since: since, ByHand: req.ByHand, Request: req.Request,
	}, nil
}

// issue reserves, signs and stores.
func (s *Service) issue(ctx context.Context, r Record) (Record, error) {
	part, err := s.reserve(ctx, r)
	if err != nil {
		return s.giveUp(ctx, r, err)
	}
	g := &r.Offer.Gives
	g.PayerKey, g.Deployment, g.Lane, g.Sequence = part.Key, part.Deployment, part.Lane, part.Sequence
	if err := r.Offer.Validate(); err != nil {
		return s.giveUp(ctx, r, explain("the offer", err))
	}
	if r.Signature, err = s.opts.Identity.SignOffer(ctx, r.Offer); err != nil {
		return s.giveUp(ctx, r, explain("the offer's signature", err))
	}
	r.State = StateOffered
	return s.update(ctx, r, StateDraft)
}

// giveUp frees what a failed step has reserved. A draft that can be taken up
// again, by its request id or its ticket, stays; any other ends here. The
// cause is returned, whatever else fails: Tick comes back to the rest.
func (s *Service) giveUp(ctx context.Context, r Record, cause error) (Record, error) {
	ctx = context.WithoutCancel(ctx) // what is reserved must be freed
	if r.Initiator && r.Request == "" {
		if _, err := s.end(ctx, r, StateCancelled, ReasonOf(cause)); err != nil {
			s.opts.Log.WarnContext(ctx, "draft not ended yet", "offer", r.ID().String(), "error", err)
		}
		return r, cause
	}
	if err := s.release(ctx, r); err != nil {
		s.opts.Log.WarnContext(ctx, "reservation not released yet", "offer", r.ID().String(), "error", err)
	}
	return r, cause
}

func (s *Service) salt() (htlc.Salt, error) {
	var salt htlc.Salt
	if _, err := io.ReadFull(s.opts.Random, salt[:]); err != nil {
		return salt, explain("randomness for a salt", err)
	}
	return salt, nil
}

// sketch is an offer without keys and lane.
func (s *Service) sketch(
	ctx context.Context, salt htlc.Salt, of AssetPair, asked Depths, valid time.Duration, now time.Time,
) (htlc.Offer, error) {
	if err := foreignDepths(asked, of.Gives.Asset, of.Wants.Asset); err != nil {
		return htlc.Offer{}, err
	}
	hash, err := s.opts.Secrets.Hash(ctx, salt)
	if err != nil {
		return htlc.Offer{}, explain("the hash of the secret", err)
	}
	o := htlc.NewOffer(s.opts.Identity.PartyID(), hash, salt)
	o.Outage, o.AcceptBy = s.opts.Outage, now.Add(valid).Unix()
	for _, l := range []struct {
		leg *htlc.Leg
		is  AssetAmount
	}{{&o.Gives, of.Gives}, {&o.Wants, of.Wants}} {
		if err := l.is.Asset.Validate(); err != nil {
			return htlc.Offer{}, explain("asset", err)
		}
		c, err := s.chain(l.is.Asset)
		if err != nil {
			return htlc.Offer{}, err
		}
		if l.is.Amount.IsZero() {
			return htlc.Offer{}, zero(ctx, c, l.is.Asset)
		}
		l.leg.Asset, l.leg.Amount = l.is.Asset, l.is.Amount
		if err := s.deepen(l.leg, c.Profile, asked); err != nil {
			return htlc.Offer{}, err
		}
	}
	return o, nil
}

// zero refuses an amount of nothing, and says what would do where the chain
// tells.
func zero(ctx context.Context, c Chain, asset htlc.AssetID) error {
	meta := map[string]string{"asset": string(asset), "amount": "0"}
	fees, err := c.Prover.Quote(ctx, asset)
	if err != nil {
		return refuse(AmountTooSmall, meta, "the amount of %s is zero", asset)
	}
	meta["min"], meta["max"] = fees.Min.String(), fees.Max.String()
	return refuse(AmountTooSmall, meta, "the amount of %s is zero; the smallest is %s", asset, fees.Min)
}

// tips are the heights that no funding of this agreement can be older than.
func (s *Service) tips(ctx context.Context, o htlc.Offer) ([]uint64, error) {
	var heights []uint64
	for _, asset := range []htlc.AssetID{o.Gives.Asset, o.Wants.Asset} {
		c, err := s.chain(asset)
		if err != nil {
			return nil, err
		}
		tip, err := c.Prover.Tip(ctx)
		if err != nil {
			return nil, explain(fmt.Sprintf("the tip of %s", c.ID), err)
		}
		heights = append(heights, tip.Height)
	}
	return heights, nil
}

// late reports whether the time to agree is over.
func (s *Service) late(r Record) bool { return s.opts.Now().After(r.answerable(s.opts.Grace)) }
