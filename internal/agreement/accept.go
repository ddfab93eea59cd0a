package agreement

import (
	"bytes"
	"context"
	"errors"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// Inspection is everything that Accept would do.
type Inspection struct {
	Offer htlc.Offer
	Quote Quote
	// Against lists what Accept would be refused for, the gravest first.
	Against []*Error
}

// Inspect reads a ticket and quotes it from our side. Its error says that the
// text cannot be read, or that the quote could not be made.
func (s *Service) Inspect(ctx context.Context, ticket string) (Inspection, error) {
	signed, err := htlc.ParseTicket(ticket)
	if err != nil {
		return Inspection{}, explain("the ticket", err)
	}
	in := Inspection{Offer: signed.Offer}
	if err := s.foreign(signed.Offer); err != nil {
		in.Against = append(in.Against, err)
		return in, nil
	}
	r, err := s.opts.Store.Find(ctx, Key{Offer: signed.Offer.Salt})
	switch {
	case err == nil:
		if e := s.taken(r, signed); e != nil {
			in.Against = append(in.Against, e)
		}
	case !errors.Is(err, ErrNotFound):
		return in, stored(err)
	}
	t, err := s.provisional(ctx, signed.Offer, 1)
	if err != nil {
		return in, err
	}
	quote, against, err := s.assess(ctx, t, 1, signed.Offer.Salt.String(), s.opts.Now())
	in.Quote, in.Against = quote, append(in.Against, against...)
	return in, err
}

// foreign refuses tickets that cannot even be quoted here: our own, those of
// parties that we do not swap with, and of chains that we do not serve.
func (s *Service) foreign(o htlc.Offer) *Error {
	if o.Initiator == s.opts.Identity.PartyID() {
		return refuse(TicketOwn, map[string]string{"offer_id": o.Salt.String()}, "this node has made the ticket itself")
	}
	if err := s.knownParty(o.Initiator); err != nil {
		return err
	}
	for _, asset := range []htlc.AssetID{o.Gives.Asset, o.Wants.Asset} {
		var e *Error
		if _, err := s.chain(asset); errors.As(err, &e) {
			return e
		}
	}
	return nil
}

// taken says why a ticket that we know cannot be accepted (again); nil where
// it can.
func (s *Service) taken(r Record, signed htlc.SignedOffer) *Error {
	meta := map[string]string{"offer_id": r.ID().String()}
	switch {
	case r.Initiator:
		return refuse(TicketOwn, meta, "the ticket has the salt of an offer of your own")
	case !bytes.Equal(r.Offer.Encode(), signed.Offer.Encode()):
		return refuse(TicketUsed, meta, "another ticket with the same salt was accepted before")
	case r.State == StateCancelled:
		return refuse(TicketUsed, meta, "the ticket was accepted and cancelled before")
	case r.State == StateExpired:
		return refuse(TicketExpired, meta, "the ticket expired before both had signed")
	case r.State == StateRefused:
		return refuse(r.Cause, meta, "the initiator's node has refused the answer to this ticket")
	}
	return nil
}

// AcceptRequest binds this node to a ticket's swap.
type AcceptRequest struct {
	Ticket string
	ByHand bool // do not contact the initiator's node
	Depths Depths
}

// Accepted is the outcome of Accept. The record is agreed where the
// countersignature came back. Undelivered says why it did not, where it was
// asked for: the acceptance is durable, Tick tries again, and its text can go
// by hand.
type Accepted struct {
	Record      Record
	Undelivered error
}

// Accept reserves what the swap needs of us, signs its Terms, and sends the
// acceptance where the ticket says. The same ticket again gives the same
// acceptance, and tries again to deliver it.
func (s *Service) Accept(ctx context.Context, req AcceptRequest) (Accepted, error) {
	signed, err := htlc.ParseTicket(req.Ticket)
	if err != nil {
		return Accepted{}, explain("the ticket", err)
	}
	if err := s.foreign(signed.Offer); err != nil {
		return Accepted{}, err
	}
	if err := foreignDepths(req.Depths, signed.Offer.Gives.Asset, signed.Offer.Wants.Asset); err != nil {
		return Accepted{}, err
	}
	if against := req.Depths.shallow([]htlc.Leg{signed.Offer.Gives, signed.Offer.Wants}); len(against) > 0 {
		return Accepted{}, against[0]
	}
	if err := s.know(ctx, signed, req.ByHand); err != nil {
		return Accepted{}, err
	}
	var undelivered error
	r, err := s.locked(ctx, signed.Offer.Salt, func(r Record) (Record, error) {
		if e := s.taken(r, signed); e != nil {
			return r, e
		}
		var err error
		if r.State == StateDraft {
			if r, err = s.sign(ctx, r); err != nil {
				return r, err
			}
		}
		if r.State != StateAccepted || req.ByHand || r.Offer.ReplyTo == "" {
			return r, nil
		}
		sent, err := s.deliver(ctx, r)
		var e *Error
		if err != nil && (sent.State != StateAccepted || !errors.As(err, &e)) {
			return sent, err // the other node has decided
		}
		undelivered = err
		return sent, nil
	})
	return Accepted{Record: r, Undelivered: undelivered}, err
}

// know makes a draft of a ticket that we do not know.
func (s *Service) know(ctx context.Context, signed htlc.SignedOffer, byHand bool) error {
	_, err := s.opts.Store.Find(ctx, Key{Offer: signed.Offer.Salt})
	if err == nil || !errors.Is(err, ErrNotFound) {
		return stored(err)
	}
	if err := s.room(); err != nil {
		return err
	}
	t, err := s.provisional(ctx, signed.Offer, 1)
	if err != nil {
		return err
	}
	_, against, err := s.assess(ctx, t, 1, signed.Offer.Salt.String(), s.opts.Now())
	if err != nil {
		return err
	}
	if len(against) > 0 {
		return against[0]
	}
	since, err := s.tips(ctx, signed.Offer)
	if err != nil {
		return err
	}
	_, err = s.insert(ctx, Record{
		State: StateDraft, Offer: signed.Offer, Signature: signed.Signature, Since: since, ByHand: byHand,
	})
	if errors.Is(err, ErrHashUsed) {
		if _, known := s.opts.Store.Find(ctx, Key{Offer: signed.Offer.Salt}); known == nil {
			return nil // by another call at the same time; taken looks at it
		}
		return &Error{
			Reason: TicketUsed, Text: "the secret hash of the ticket stands in another swap", Err: err,
			Meta: map[string]string{"offer_id": signed.Offer.Salt.String()},
		}
	}
	return stored(err)
}

// sign turns a participant's draft into an acceptance: reserve, complete,
// check what we would sign, sign, store.
func (s *Service) sign(ctx context.Context, r Record) (Record, error) {
	if s.late(r) {
		return s.expired(ctx, r)
	}
	if err := s.room(); err != nil {
		return r, err
	}
	t, err := s.terms(ctx, r)
	if err != nil {
		return s.giveUp(ctx, r, err)
	}
	_, against, err := s.assess(ctx, t, 1, r.owner(), s.opts.Now())
	if err == nil && len(against) > 0 {
		err = against[0]
	}
	if err == nil {
		err = s.contracts(t)
	}
	if err != nil {
		return s.giveUp(ctx, r, err)
	}
	r.Terms = t
	if r.Signatures[1], err = s.opts.Identity.SignTerms(ctx, t); err != nil {
		return s.giveUp(ctx, r, explain("the signature of the terms", err))
	}
	killpoint.At(killpoint.AgreementSigned)
	r.State = StateAccepted
	r, err = s.update(ctx, r, StateDraft)
	if err == nil {
		killpoint.At(killpoint.AgreementStored)
	}
	return r, err
}

// terms reserves what we need and joins our half to the offer.
func (s *Service) terms(ctx context.Context, r Record) (htlc.Terms, error) {
	_, in, err := s.sides(r)
	if err != nil {
		return htlc.Terms{}, err
	}
	payee, err := in.chain.Reserver.PayeeKey(ctx, in.terms.Asset, r.ID(), in.leg)
	if err != nil {
		return htlc.Terms{}, explain("a key to be paid on", err)
	}
	part, err := s.reserve(ctx, r)
	if err != nil {
		return htlc.Terms{}, err
	}
	t, err := r.Offer.Complete(htlc.ParticipantHalf{
		Participant: s.opts.Identity.PartyID(), PayeeKey: payee,
		PayerKey: part.Key, Deployment: part.Deployment, Lane: part.Lane, Sequence: part.Sequence,
	})
	return t, explain("the terms", err)
}

// contracts refuses Terms of which some contract cannot be computed: a key
// that is none, an unknown deployment.
func (s *Service) contracts(t htlc.Terms) error {
	for i, leg := range t.Legs {
		c, err := s.chain(leg.Asset)
		if err != nil {
			return err
		}
		if _, err := c.Prover.Contract(t, i); err != nil {
			return &Error{
				Reason: TermsInvalid, Text: "the contract cannot be computed from the terms", Err: err,
				Meta: map[string]string{"chain": string(c.ID)},
			}
		}
	}
	return nil
}

// deliver hands the acceptance to the initiator's node. An error with the
// record still accepted means that nothing is known: it may be bound.
func (s *Service) deliver(ctx context.Context, r Record) (Record, error) {
	sending, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	to := Address{HostPort: r.Offer.ReplyTo, Party: r.Offer.Initiator}
	text, err := s.opts.Peers.Answer(sending, to, r.ID(), r.Acceptance())
	var no *Refusal
	switch {
	case errors.As(err, &no) && no.known() != PeerRefused:
		// Nothing of ours was or will be funded without its signature, so
		// believing the other node costs nothing even if it lies.
		reason := no.known()
		r, err := s.end(ctx, r, StateRefused, reason)
		if err != nil {
			return r, err
		}
		return r, refuse(reason, map[string]string{"offer_id": r.ID().String()}, "%s", no.Error())
	case errors.As(err, &no):
		s.pauses.failed(r.ID(), s.opts.Now())
		return r, &Error{Reason: PeerRefused, Text: "the answer was not taken", Err: err}
	case err != nil:
		s.pauses.failed(r.ID(), s.opts.Now())
		return r, &Error{Reason: NodeUnreachable, Text: "the answer could not be delivered to " + to.HostPort, Err: err}
	}
	c, err := htlc.ParseCountersignature(text)
	if err == nil {
		err = c.Check(r.Terms)
	}
	if err != nil {
		s.pauses.failed(r.ID(), s.opts.Now())
		return r, &Error{Reason: PeerRefused, Text: "the other node's answer is no countersignature of these terms", Err: err}
	}
	return s.agree(ctx, r, c)
}
