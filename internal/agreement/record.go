package agreement

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// State is where an agreement stands.
type State string

// The states. Everything before StateAgreed can still be cancelled; what has
// ended is never taken up again.
//
//	initiator:    draft -> offered -> bound -> agreed
//	participant:  draft -> accepted ---------> agreed
//	each before agreed -> cancelled, expired; accepted -> refused
const (
	StateDraft     State = "draft"    // stored, so that what it reserves can be freed
	StateOffered   State = "offered"  // the ticket may be out
	StateAccepted  State = "accepted" // our acceptance may be out
	StateBound     State = "bound"    // to exactly one acceptance; not signed
	StateAgreed    State = "agreed"   // all have signed
	StateCancelled State = "cancelled"
	StateExpired   State = "expired"
	StateRefused   State = "refused" // the initiator's node said no
)

// States lists every state, for the store and for tests.
func States() []State {
	return []State{
		StateDraft, StateOffered, StateAccepted, StateBound,
		StateAgreed, StateCancelled, StateExpired, StateRefused,
	}
}

// Ended reports whether the agreement came to nothing.
func (s State) Ended() bool {
	return s == StateCancelled || s == StateExpired || s == StateRefused
}

// Record is all that a node keeps of one agreement.
type Record struct {
	State     State
	Initiator bool // the role of this node
	// Offer has no payer's part while the initiator's record is a draft.
	Offer     htlc.Offer
	Signature htlc.Signature // of the offer, by its initiator
	// Terms are zero until there is a participant's half. Signatures are in
	// the order of the parties; zero is outstanding.
	Terms      htlc.Terms
	Signatures [2]htlc.Signature
	// Since has, per leg, the height of the chain's tip before this node let
	// anything out of its hand.
	Since []uint64
	// ByHand: the acceptance is not to be sent by this node.
	ByHand bool
	// PeerAddress is where the participant of our offer listens, as it has told
	// us; empty where it has not.
	PeerAddress string
	// Request is the id of the call that made the record, or empty.
	Request string
	// Settled: nothing is left to do. An agreed swap is with the engine, an
	// ended one has released what it held.
	Settled bool
	// Cause says why it ended.
	Cause                Reason
	CreatedAt, UpdatedAt time.Time
}

// ID names the agreement: the salt of its Terms.
func (r Record) ID() htlc.Salt { return r.Offer.Salt }

// Swap is the id of the swap; zero until there are Terms.
func (r Record) Swap() htlc.SwapID {
	if len(r.Terms.Legs) == 0 {
		return htlc.SwapID{}
	}
	return r.Terms.ID()
}

// Self is the index of this node's party.
func (r Record) Self() int {
	if r.Initiator {
		return 0
	}
	return 1
}

// Ticket is the offer as it travels; empty while there is none.
func (r Record) Ticket() string {
	if r.Signature == (htlc.Signature{}) {
		return ""
	}
	return htlc.SignedOffer{Offer: r.Offer, Signature: r.Signature}.Text()
}

// Acceptance is the participant's answer as it travels; empty while there is
// none.
func (r Record) Acceptance() string {
	if r.Signatures[1] == (htlc.Signature{}) {
		return ""
	}
	return htlc.Acceptance{Terms: r.Terms, Signature: r.Signatures[1]}.Text()
}

// Countersignature is the last text; empty until all have signed.
func (r Record) Countersignature() string {
	if r.State != StateAgreed {
		return ""
	}
	return htlc.Countersignature{Swap: r.Swap(), Signatures: r.Signatures}.Text()
}

// Signed are the Terms with all signatures, of an agreed record.
func (r Record) Signed() htlc.SignedTerms {
	return htlc.SignedTerms{Terms: r.Terms, Signatures: r.Signatures[:], Since: r.Since}
}

func (r Record) opening() htlc.TermsSigned {
	return htlc.TermsSigned{Terms: r.Terms, Self: r.Self(), Signatures: r.Signatures[:], Since: r.Since}
}

// owner is the name of the reservations before there is a swap.
func (r Record) owner() string { return r.ID().String() }

// answerable is until when the initiator's countersignature is waited for.
func (r Record) answerable(grace time.Duration) time.Time {
	at := time.Unix(r.Offer.AcceptBy, 0)
	if r.State == StateAccepted {
		return at.Add(grace)
	}
	return at
}

// ErrStored is returned for stored bytes that are no record of this version.
var ErrStored = errors.New("the stored agreement cannot be read")

// recordBody is the stored form. Offer and Terms stand in it in the encoding
// that was signed.
type recordBody struct {
	State                State
	Initiator            bool
	Offer                []byte
	Signature            htlc.Signature
	Terms                *htlc.Terms `json:",omitempty"`
	Signatures           [2]htlc.Signature
	Since                []uint64 `json:",omitempty"`
	ByHand               bool     `json:",omitempty"`
	PeerAddress          string   `json:",omitempty"`
	Request              string   `json:",omitempty"`
	Settled              bool     `json:",omitempty"`
	Cause                Reason   `json:",omitempty"`
	CreatedAt, UpdatedAt time.Time
}

// EncodeRecord writes a record for the store.
func EncodeRecord(r Record) ([]byte, error) {
	body := recordBody{
		State: r.State, Initiator: r.Initiator, Offer: r.Offer.Encode(), Signature: r.Signature,
		Signatures: r.Signatures, Since: r.Since, ByHand: r.ByHand, PeerAddress: r.PeerAddress, Request: r.Request,
		Settled: r.Settled, Cause: r.Cause, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if len(r.Terms.Legs) > 0 {
		body.Terms = &r.Terms
	}
	return json.Marshal(body)
}

// DecodeRecord reads what EncodeRecord wrote, and checks what holds of every
// record.
func DecodeRecord(raw []byte) (Record, error) {
	var body recordBody
	if err := json.Unmarshal(raw, &body); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrStored, err)
	}
	offer, err := htlc.DecodeOffer(body.Offer)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrStored, err)
	}
	r := Record{
		State: body.State, Initiator: body.Initiator, Offer: offer, Signature: body.Signature,
		Signatures: body.Signatures, Since: body.Since, ByHand: body.ByHand, PeerAddress: body.PeerAddress, Request: body.Request,
		Settled: body.Settled, Cause: body.Cause, CreatedAt: body.CreatedAt, UpdatedAt: body.UpdatedAt,
	}
	if body.Terms != nil {
		r.Terms = *body.Terms
	}
	if err := r.check(); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrStored, err)
	}
	return r, nil
}

// check tests what holds of every record.
func (r Record) check() error {
	terms := len(r.Terms.Legs) > 0
	if terms && (len(r.Terms.Legs) != 2 || len(r.Terms.Parties) != 2 || r.Terms.Salt != r.Offer.Salt) {
		return errors.New("the terms are not those of the offer")
	}
	var ok bool
	switch r.State {
	case StateDraft:
		ok = !terms
	case StateOffered:
		ok = r.Initiator && !terms
	case StateAccepted, StateRefused:
		ok = !r.Initiator && terms
	case StateBound:
		ok = r.Initiator && terms
	case StateAgreed:
		if !terms {
			return errors.New("agreed without terms")
		}
		return htlc.VerifyAll(r.Terms, r.Signatures[:])
	case StateCancelled, StateExpired:
		ok = true
	default:
		return fmt.Errorf("unknown state %q", r.State)
	}
	if !ok {
		return fmt.Errorf("state %s of role initiator=%t with terms=%t", r.State, r.Initiator, terms)
	}
	return nil
}
