package htlc

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrStored is returned for stored bytes that are no swap, event or effect of
// this version, or that break an invariant.
var ErrStored = errors.New("stored state cannot be read")

// storedSecret writes a secret's bytes. Only secrets that are already out are
// ever part of a swap or an event.
type storedSecret [SecretSize]byte

func (s storedSecret) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

func (s *storedSecret) UnmarshalText(text []byte) error {
	v, err := parse32[storedSecret](string(text))
	*s = v
	return err
}

type storedSwap struct {
	Swap
	Secret *storedSecret `json:",omitempty"`
}

// EncodeSwap writes a swap for the store. The bytes hold the secret once it
// is out.
func EncodeSwap(s Swap) ([]byte, error) {
	w := storedSwap{Swap: s}
	if s.Secret != nil {
		raw := storedSecret(s.Secret.Reveal())
		w.Secret = &raw
	}
	return json.Marshal(w)
}

// DecodeSwap reads what EncodeSwap wrote, and checks the invariants.
func DecodeSwap(raw []byte) (Swap, error) {
	var w storedSwap
	if err := json.Unmarshal(raw, &w); err != nil {
		return Swap{}, fmt.Errorf("%w: %w", ErrStored, err)
	}
	s := w.Swap
	if w.Secret != nil {
		secret := secretOf(*w.Secret)
		s.Secret = &secret
	}
	if err := s.Check(); err != nil {
		return Swap{}, fmt.Errorf("%w: %w", ErrStored, err)
	}
	return s, nil
}

// Check tests the invariants that hold in every reachable swap.
func (s Swap) Check() error {
	if s.Phase == PhaseNew {
		return errors.New("a stored swap has terms")
	}
	if err := s.Terms.validateRing(); err != nil {
		return err
	}
	if s.Self < 0 || s.Self >= len(s.Terms.Parties) || len(s.Legs) != len(s.Terms.Legs) {
		return fmt.Errorf("party %d, %d legs for %d parties", s.Self, len(s.Legs), len(s.Terms.Parties))
	}
	for i, l := range s.Legs {
		if l.Status > LegSpentByConsent || l.Status.Locked() && l.FundBlock == (BlockID{}) || l.Buried && !l.Status.Spent() {
			return fmt.Errorf("leg %d: %s in block %d", i, l.Status, l.FundBlock.Height)
		}
		if l.Intent > IntentRefund || l.Intent != IntentNone && i != s.In() && i != s.Out() {
			return fmt.Errorf("leg %d: intent %d", i, l.Intent)
		}
	}
	open := s.Phase != PhaseClosed
	switch {
	case s.ID != s.Terms.ID():
		return errors.New("the id is not the hash of the terms")
	case !s.Signed:
		return errors.New("not all parties have signed")
	case s.Phase > PhaseClosed || s.Outcome > OutcomeLost || open != (s.Outcome == OutcomeNone):
		return fmt.Errorf("phase %d with outcome %d", s.Phase, s.Outcome)
	case s.Secret != nil && !s.Secret.Opens(s.Terms.SecretHash):
		return ErrWrongSecret
	case open && s.Secret != nil && s.Phase != PhaseRedeeming:
		return fmt.Errorf("the secret is out in phase %s", s.Phase)
	case s.Phase == PhaseRevealing && (!s.Initiator() || s.RedeemTx == ""):
		return errors.New("revealing without a stored redeem")
	case open && s.FundingAllowed && (s.FundingTx == "" || !s.Announced):
		return errors.New("funding without a stored funding")
	case s.Phase == PhaseRevealing && s.Forsworn():
		return errors.New("revealing a secret that was forfeited")
	case s.Legs[s.Out()].Intent == IntentRedeem && s.Secret == nil && !s.Released:
		return errors.New("consent to a redeem while the secret is not out")
	case s.Phase == PhaseFunding && !s.Announced:
		return errors.New("funding that was never announced")
	case s.Phase == PhaseAgreed && s.Announced:
		return errors.New("announced before the funding gate")
	}
	return nil
}

type storedEvent struct {
	Kind   EventKind
	Body   json.RawMessage
	Secret *storedSecret `json:",omitempty"`
}

// EncodeEvent writes an event for the store or the wire.
func EncodeEvent(e Event) ([]byte, error) {
	w := storedEvent{Kind: e.Kind()}
	var secret *Secret
	switch e := e.(type) {
	case SecretSeen:
		secret = &e.Secret
	case LegRedeemed:
		secret = &e.Secret
	}
	if secret != nil {
		raw := storedSecret(secret.Reveal())
		w.Secret = &raw
	}
	body, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	w.Body = body
	return json.Marshal(w)
}

// DecodeEvent reads what EncodeEvent wrote.
func DecodeEvent(raw []byte) (Event, error) {
	var w storedEvent
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStored, err)
	}
	decode, ok := eventDecoders[w.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: event kind %q", ErrStored, w.Kind)
	}
	e, err := decode(w)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrStored, w.Kind, err)
	}
	return e, nil
}

var eventDecoders = map[EventKind]func(storedEvent) (Event, error){
	KindTermsSigned:        decodeAs[TermsSigned],
	KindCancelRequested:    decodeAs[CancelRequested],
	KindBudgetRaised:       decodeAs[BudgetRaised],
	KindFundingPrepared:    decodeAs[FundingPrepared],
	KindFundingChecked:     decodeAs[FundingChecked],
	KindRedeemPrepared:     decodeAs[RedeemPrepared],
	KindRevealChecked:      decodeAs[RevealChecked],
	KindSubmitted:          decodeAs[Submitted],
	KindWithheld:           decodeAs[Withheld],
	KindLegSeen:            decodeAs[LegSeen],
	KindLegFunded:          decodeAs[LegFunded],
	KindLegMismatched:      decodeAs[LegMismatched],
	KindLegRefunded:        decodeAs[LegRefunded],
	KindLegClosedByConsent: decodeAs[LegClosedByConsent],
	KindReorged:            decodeAs[Reorged],
	KindTipAdvanced:        decodeAs[TipAdvanced],
	KindConsentGiven:       decodeAs[ConsentGiven],
	KindConsentFailed:      decodeAs[ConsentFailed],
	KindRestored:           decodeAs[Restored],
	KindLegSearched:        decodeAs[LegSearched],
	KindSecretSeen: func(w storedEvent) (Event, error) {
		var body struct {
			Leg  int
			TxID string
		}
		err := decodeBody(w, &body)
		if err != nil {
			return nil, err
		}
		return SecretSeen{Leg: body.Leg, TxID: body.TxID, Secret: secretOf(*w.Secret)}, nil
	},
	KindLegRedeemed: func(w storedEvent) (Event, error) {
		var body struct {
			Leg   int
			TxID  string
			Ref   string
			Block BlockID
		}
		err := decodeBody(w, &body)
		if err != nil {
			return nil, err
		}
		return LegRedeemed{Leg: body.Leg, TxID: body.TxID, Ref: body.Ref, Secret: secretOf(*w.Secret), Block: body.Block}, nil
	},
}

func decodeAs[E Event](w storedEvent) (Event, error) {
	var e E
	err := json.Unmarshal(w.Body, &e)
	return e, err
}

func decodeBody(w storedEvent, body any) error {
	if w.Secret == nil {
		return errors.New("the secret is missing")
	}
	return json.Unmarshal(w.Body, body)
}
