package agreement

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// Cancel ends an agreement before all have signed and frees what it holds; of
// a signed swap it asks the engine, which refuses once our leg may be on its
// way. Cancelling what has ended does nothing.
func (s *Service) Cancel(ctx context.Context, id [32]byte) (Record, error) {
	found, err := s.Find(ctx, id)
	if err != nil {
		return Record{}, err
	}
	return s.locked(ctx, found.ID(), func(r Record) (Record, error) {
		switch {
		case r.State.Ended():
			return r, nil
		case r.State != StateAgreed:
			return s.end(ctx, r, StateCancelled, TicketCancelled)
		}
		// The engine must know the swap before it can cancel it.
		if r, err = s.settle(ctx, r); err != nil {
			return r, err
		}
		meta := map[string]string{"swap_id": r.Swap().String()}
		return r, explainAbout(meta, "the swap", s.opts.Swaps.Cancel(ctx, r.Swap()))
	})
}

// end moves a record to a state without return and then frees what it holds.
// In this order an acceptance can no longer be bound to freed coins; what
// cannot be freed now, Tick frees.
func (s *Service) end(ctx context.Context, r Record, to State, cause Reason) (Record, error) {
	from := r.State
	r.State, r.Cause = to, cause
	r, err := s.update(ctx, r, from)
	if err != nil {
		return r, err
	}
	return s.settled(ctx, r), nil
}

// settled does the rest of a step that is durable. Its failure is no failure
// of the step: Tick does it again.
func (s *Service) settled(ctx context.Context, r Record) Record {
	done, err := s.settle(ctx, r)
	if err != nil {
		s.opts.Log.WarnContext(ctx, "agreement not settled yet",
			"offer", r.ID().String(), "state", string(r.State), "error", err)
		return r
	}
	return done
}

// settle hands an agreed swap to the engine, with its reservations, or frees
// the reservations of what has ended.
func (s *Service) settle(ctx context.Context, r Record) (Record, error) {
	if r.Settled {
		return r, nil
	}
	switch {
	case r.State == StateAgreed:
		// The engine looks for the reservations under the swap's name as soon
		// as it has the swap.
		if err := s.adopt(ctx, r); err != nil {
			return r, err
		}
		if err := s.opts.Swaps.Open(ctx, r.opening()); err != nil {
			return r, explain("opening the swap", err)
		}
		s.opts.Log.InfoContext(ctx, "swap opened", "swap", r.Swap().String(), "offer", r.ID().String(), "initiator", r.Initiator,
			"gives", string(r.Offer.Gives.Asset), "gives_amount", r.Offer.Gives.Amount.String(),
			"wants", string(r.Offer.Wants.Asset), "wants_amount", r.Offer.Wants.Amount.String())
	case r.State.Ended():
		if err := s.release(ctx, r); err != nil {
			return r, err
		}
	default:
		return r, nil
	}
	s.pauses.forget(r.ID())
	r.Settled = true
	return s.update(ctx, r, r.State)
}

// Tick does what time and earlier failures ask for: it expires, asks peers
// again, signs what was bound before a crash, hands over and frees. Failures
// of one agreement are logged and hold up no other; the error is the store's.
func (s *Service) Tick(ctx context.Context, now time.Time) error {
	open, err := s.opts.Store.Unsettled(ctx)
	if err != nil {
		return stored(err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(tickWorkers)
	for _, r := range open {
		if !s.wants(r, now) {
			continue
		}
		group.Go(func() error {
			_, err := s.locked(ctx, r.ID(), func(r Record) (Record, error) { return s.advance(ctx, r, now) })
			var e *Error
			if err != nil && ctx.Err() == nil && !(errors.As(err, &e) && e.Decided()) {
				s.opts.Log.WarnContext(ctx, "agreement waits", "offer", r.ID().String(), "state", string(r.State), "error", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// wants reports whether there is something to do for a record now.
func (s *Service) wants(r Record, now time.Time) bool {
	switch {
	case r.State == StateAgreed || r.State == StateBound || r.State.Ended():
		return s.pauses.due(r.ID(), now)
	case now.After(r.answerable(s.opts.Grace)):
		return true
	}
	return s.asks(r) && s.pauses.due(r.ID(), now)
}

// asks reports whether a peer is to be asked for its countersignature.
func (s *Service) asks(r Record) bool {
	return r.State == StateAccepted && !r.ByHand && r.Offer.ReplyTo != ""
}

func (s *Service) advance(ctx context.Context, r Record, now time.Time) (Record, error) {
	var err error
	switch {
	case r.State == StateAgreed || r.State.Ended():
		r, err = s.settle(ctx, r)
	case now.After(r.answerable(s.opts.Grace)):
		r, err = s.end(ctx, r, StateExpired, TicketExpired)
	case r.State == StateBound:
		r, err = s.countersign(ctx, r)
	case s.asks(r):
		r, err = s.deliver(ctx, r)
	}
	if err != nil {
		s.pauses.failed(r.ID(), now)
	}
	return r, err
}
