package agreement

import (
	"context"
	"errors"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// Countersign binds our offer to an acceptance, and to that one only. The
// bound acceptance again gives the same countersignature at any time; any
// other is refused as used.
func (s *Service) Countersign(ctx context.Context, text string) (Record, error) {
	a, err := htlc.ParseAcceptance(text)
	if err != nil {
		return Record{}, explain("the acceptance", err)
	}
	return s.locked(ctx, a.Terms.Salt, func(r Record) (Record, error) {
		if !r.Initiator {
			return r, refuse(TicketOwn, map[string]string{"offer_id": r.ID().String()},
				"this node has made the acceptance itself")
		}
		return s.bind(ctx, r, a)
	})
}

// Answer is Countersign for a peer: it returns the countersignature's text.
func (s *Service) Answer(ctx context.Context, offer htlc.Salt, acceptance string) (string, error) {
	a, err := htlc.ParseAcceptance(acceptance)
	if err != nil {
		return "", explain("the acceptance", err)
	}
	if a.Terms.Salt != offer {
		return "", refuse(TermsInvalid, map[string]string{"field": "offer_id"}, "the acceptance is of another offer")
	}
	r, err := s.Countersign(ctx, acceptance)
	if err != nil {
		return "", err
	}
	return r.Countersignature(), nil
}

// bind stores the acceptance by compare-and-set, and only then signs.
func (s *Service) bind(ctx context.Context, r Record, a htlc.Acceptance) (Record, error) {
	for range bindAttempts {
		if r.State != StateOffered {
			break
		}
		if s.late(r) {
			return s.expired(ctx, r)
		}
		if err := s.acceptable(ctx, r, a); err != nil {
			return r, err
		}
		bound := r
		bound.State, bound.Terms, bound.Signatures[1] = StateBound, a.Terms, a.Signature
		bound, err := s.update(ctx, bound, StateOffered)
		if err == nil {
			r = bound
			break
		}
		if !errors.Is(err, ErrConflict) {
			return r, err
		}
		if r, err = s.opts.Store.Find(ctx, Key{Offer: r.ID()}); err != nil {
			return r, stored(err)
		}
	}
	meta := map[string]string{"offer_id": r.ID().String()}
	switch r.State {
	case StateBound, StateAgreed:
		if r.Swap() != a.Terms.ID() {
			return r, refuse(TicketUsed, meta, "the offer is bound to another acceptance")
		}
		if err := r.Offer.CheckAcceptance(a); err != nil {
			return r, explain("the acceptance", err)
		}
		return s.countersign(ctx, r)
	case StateCancelled:
		return r, refuse(TicketCancelled, meta, "the offer was cancelled")
	case StateExpired:
		return r, refuse(TicketExpired, meta, "the offer has expired")
	case StateDraft, StateOffered, StateAccepted, StateRefused:
	}
	return r, refuse(SwapState, meta, "the offer is %s", r.State)
}

// acceptable judges an acceptance of our live offer.
func (s *Service) acceptable(ctx context.Context, r Record, a htlc.Acceptance) error {
	if err := r.Offer.CheckAcceptance(a); err != nil {
		return explain("the acceptance", err)
	}
	if err := s.knownParty(a.Terms.Parties[1]); err != nil {
		return err
	}
	if err := s.room(); err != nil {
		return err
	}
	if err := s.contracts(a.Terms); err != nil {
		return err
	}
	for _, leg := range a.Terms.Legs {
		on, err := s.chain(leg.Asset)
		if err != nil {
			return err
		}
		if against := on.suspended(); len(against) > 0 {
			return against[0]
		}
	}
	in := a.Terms.Incoming(0)
	c, err := s.chain(a.Terms.Legs[in].Asset)
	if err != nil {
		return err
	}
	if err := c.Prover.CheckMeans(ctx, r.owner(), a.Terms, in, false); err != nil {
		return s.lack(ctx, side{c, in, a.Terms.Legs[in]}, false, err)
	}
	return nil
}

// countersign signs what is bound, stores it, and hands the swap over. It
// repeats without harm: the signature is a function of the Terms.
func (s *Service) countersign(ctx context.Context, r Record) (Record, error) {
	if r.State == StateAgreed {
		return s.settled(ctx, r), nil
	}
	if s.late(r) {
		return s.expired(ctx, r)
	}
	var err error
	if r.Signatures[0], err = s.opts.Identity.SignTerms(ctx, r.Terms); err != nil {
		return r, explain("the signature of the terms", err) // it stays bound, and is asked again
	}
	r.State = StateAgreed
	r, err = s.update(ctx, r, StateBound)
	if err != nil {
		return r, err
	}
	killpoint.At(killpoint.AgreementCountersign)
	return s.settled(ctx, r), nil
}

// Complete finishes the participant's side with a countersignature that came
// by hand.
func (s *Service) Complete(ctx context.Context, text string) (Record, error) {
	c, err := htlc.ParseCountersignature(text)
	if err != nil {
		return Record{}, explain("the countersignature", err)
	}
	found, err := s.opts.Store.Find(ctx, Key{Swap: c.Swap})
	if err != nil {
		return Record{}, stored(err)
	}
	return s.locked(ctx, found.ID(), func(r Record) (Record, error) {
		meta := map[string]string{"swap_id": c.Swap.String()}
		if r.Initiator {
			return r, refuse(TicketOwn, meta, "the countersignature is your own; hand it to the participant")
		}
		if err := c.Check(r.Terms); err != nil {
			return r, explain("the countersignature", err)
		}
		switch r.State {
		case StateAgreed:
			return s.settled(ctx, r), nil
		case StateAccepted:
			return s.agree(ctx, r, c)
		case StateCancelled:
			return r, refuse(TicketCancelled, meta, "you cancelled before the countersignature came; nothing of yours will be funded")
		case StateExpired:
			return r, refuse(TicketExpired, meta, "the countersignature came too late; nothing of yours will be funded")
		case StateDraft, StateOffered, StateBound, StateRefused:
		}
		return r, refuse(SwapState, meta, "the acceptance is %s", r.State)
	})
}

// agree stores a countersignature that was checked, and hands the swap over.
func (s *Service) agree(ctx context.Context, r Record, c htlc.Countersignature) (Record, error) {
	if s.late(r) {
		return s.expired(ctx, r)
	}
	r.Signatures[0] = c.Signatures[0]
	r.State = StateAgreed
	r, err := s.update(ctx, r, StateAccepted)
	if err != nil {
		return r, err
	}
	return s.settled(ctx, r), nil
}

// expired ends a record whose time is over, and says so.
func (s *Service) expired(ctx context.Context, r Record) (Record, error) {
	r, err := s.end(ctx, r, StateExpired, TicketExpired)
	if err != nil {
		return r, err
	}
	return r, refuse(TicketExpired, map[string]string{"offer_id": r.ID().String()}, "the time to agree is over")
}
