package htlc

import (
	"fmt"
	"strconv"
	"strings"
)

// BlockID names a block of a leg's chain.
type BlockID struct {
	Height uint64
	Hash   [32]byte
}

// MarshalText writes height:hash; a zero block is empty.
func (b BlockID) MarshalText() ([]byte, error) {
	if b == (BlockID{}) {
		return nil, nil
	}
	return fmt.Appendf(nil, "%d:%x", b.Height, b.Hash), nil
}

// UnmarshalText reads what MarshalText wrote.
func (b *BlockID) UnmarshalText(text []byte) error {
	*b = BlockID{}
	if len(text) == 0 {
		return nil
	}
	height, hash, _ := strings.Cut(string(text), ":")
	h, err := strconv.ParseUint(height, 10, 64)
	if err != nil {
		return fmt.Errorf("block height %q: %w", height, err)
	}
	parsed, err := parse32[SwapID](hash)
	if err != nil {
		return err
	}
	b.Height, b.Hash = h, parsed
	return nil
}

// Purpose says what one of our own transactions is for.
type Purpose uint8

// The purposes of a transaction.
const (
	PurposeFund Purpose = iota + 1
	PurposeRedeem
	PurposeRefund
	PurposeAbandon // of a funding that is in no block
	PurposeConsent // a spend with both parties' consent; the leg's intent says which
)

func (p Purpose) String() string {
	return [...]string{"unknown", "fund", "redeem", "refund", "abandon", "consent"}[min(p, PurposeConsent)]
}

// EventKind names an event in logs, diagrams and the store.
type EventKind string

// The kinds of Event.
const (
	KindTermsSigned        EventKind = "terms-signed"
	KindCancelRequested    EventKind = "cancel-requested"
	KindBudgetRaised       EventKind = "budget-raised"
	KindFundingPrepared    EventKind = "funding-prepared"
	KindFundingChecked     EventKind = "funding-checked"
	KindRedeemPrepared     EventKind = "redeem-prepared"
	KindRevealChecked      EventKind = "reveal-checked"
	KindSubmitted          EventKind = "submitted"
	KindWithheld           EventKind = "withheld"
	KindLegSeen            EventKind = "leg-seen"
	KindLegFunded          EventKind = "leg-funded"
	KindLegMismatched      EventKind = "leg-mismatched"
	KindSecretSeen         EventKind = "secret-seen"
	KindLegRedeemed        EventKind = "leg-redeemed"
	KindLegRefunded        EventKind = "leg-refunded"
	KindLegClosedByConsent EventKind = "leg-closed-by-consent"
	KindReorged            EventKind = "reorged"
	KindTipAdvanced        EventKind = "tip-advanced"
	KindConsentGiven       EventKind = "consent-given"
	KindConsentFailed      EventKind = "consent-failed"
	KindRestored           EventKind = "restored"
	KindLegSearched        EventKind = "leg-searched"
)

// Event is a fact, in the past tense. The set is sealed.
type Event interface {
	Kind() EventKind
	applyTo(s *Swap) ([]Effect, error)
}

type (
	// TermsSigned opens a swap: every party has signed the Terms.
	TermsSigned struct {
		Terms      Terms
		Self       int // the index of the party whose view this is
		Signatures []Signature
		// Since has, per leg, the height of the chain's tip before this
		// party let anything out of its hand: no funding can be older.
		Since []uint64
		// AskRedeem and AskRefund: this node asks for the other party's
		// consent where it helps, on the chain of the leg that pays it, and of
		// the leg that it pays.
		AskRedeem, AskRefund bool `json:",omitempty"`
		// Restored: the swap is opened anew from a copy of its Terms, and what
		// became of it is forgotten.
		Restored bool `json:",omitempty"`
		// RevealOut: what the swap is restored from says that the reveal gate
		// had opened, so that the secret may be out.
		RevealOut bool `json:",omitempty"`
	}

	// CancelRequested is the owner's wish to stop before funding.
	CancelRequested struct{}

	// BudgetRaised is the owner's wish to let our transactions of a purpose cost
	// more, each at most Budget, in base units of the coin that the chain takes
	// fees in. What an abandonment may cost follows the refund.
	BudgetRaised struct {
		Purpose Purpose
		Budget  Amount
	}

	// FundingPrepared: the funding of our leg, and its refund where the chain
	// wants one in advance, are signed and stored. After the gate has opened it
	// names the one that takes the place of a funding that cannot be mined.
	FundingPrepared struct{ TxID string }

	// FundingChecked carries what was observed for the funding gate.
	FundingChecked struct{ Facts FundingFacts }

	// RedeemPrepared: the redeem of our incoming leg, funded at Ref, is signed
	// and stored, sealed; nobody has seen it.
	RedeemPrepared struct{ TxID, Ref string }

	// RevealChecked carries what was observed for the reveal gate.
	RevealChecked struct{ Facts RevealFacts }

	// Submitted: one of our transactions was handed to a node.
	Submitted struct {
		Leg     int
		Purpose Purpose
		TxID    string
	}

	// Withheld: a gate had opened, but before anything was handed out it had
	// closed again; the transaction has provably not left the process. Of a
	// funding it may also say that it can never be in a block any more: a coin
	// or the nonce that it needs is spent otherwise, and that is buried.
	Withheld struct{ Purpose Purpose }

	// LegSeen: a leg's funding is in the mempool.
	LegSeen struct {
		Leg  int
		TxID string
	}

	// LegFunded: a leg's funding is in a block. Own: it spends our own coins,
	// so it is ours, whether or not we remember it.
	LegFunded struct {
		Leg   int
		TxID  string
		Ref   string
		Block BlockID
		Own   bool `json:",omitempty"`
	}

	// LegMismatched: something that is not the contract was locked in its
	// place.
	LegMismatched struct {
		Leg    int
		TxID   string
		Detail string
	}

	// SecretSeen: the secret was seen outside a block: in a mempool, or in a
	// message.
	SecretSeen struct {
		Leg    int
		TxID   string
		Secret Secret
	}

	// LegRedeemed: a leg was spent with the secret, in a block.
	//
	// Ref, here and below, is that of the funding that was spent; it may be
	// empty where a contract can be funded only once.
	LegRedeemed struct {
		Leg    int
		TxID   string
		Ref    string `json:",omitempty"`
		Secret Secret
		Block  BlockID
	}

	// LegRefunded: a leg was spent after its time lock, in a block.
	LegRefunded struct {
		Leg   int
		TxID  string
		Ref   string `json:",omitempty"`
		Block BlockID
	}

	// LegClosedByConsent: a leg was spent with both parties' consent, in a
	// block.
	LegClosedByConsent struct {
		Leg   int
		TxID  string
		Ref   string `json:",omitempty"`
		Block BlockID
	}

	// Reorged: a block left the chain, and what it held of a leg is undone.
	Reorged struct {
		Leg   int
		Block BlockID
	}

	// ConsentGiven: this party lets the other one of a leg spend it, for the
	// intent and no other, ever. Applied before the answer is sent, also to
	// swaps that are closed.
	ConsentGiven struct {
		Leg    int
		Intent Intent
		Facts  ConsentFacts
	}

	// ConsentFailed: we asked for consent to redeem the incoming leg, and it
	// did not come in time, or cannot come.
	ConsentFailed struct{ Leg int }

	// TipAdvanced is the state of a leg's chain: height and clock of its tip.
	TipAdvanced struct {
		Leg    int
		Height uint64
		Clock  int64
	}
)

// Kind names the event.
func (TermsSigned) Kind() EventKind        { return KindTermsSigned }
func (CancelRequested) Kind() EventKind    { return KindCancelRequested }
func (BudgetRaised) Kind() EventKind       { return KindBudgetRaised }
func (FundingPrepared) Kind() EventKind    { return KindFundingPrepared }
func (FundingChecked) Kind() EventKind     { return KindFundingChecked }
func (RedeemPrepared) Kind() EventKind     { return KindRedeemPrepared }
func (RevealChecked) Kind() EventKind      { return KindRevealChecked }
func (Submitted) Kind() EventKind          { return KindSubmitted }
func (Withheld) Kind() EventKind           { return KindWithheld }
func (LegSeen) Kind() EventKind            { return KindLegSeen }
func (LegFunded) Kind() EventKind          { return KindLegFunded }
func (LegMismatched) Kind() EventKind      { return KindLegMismatched }
func (SecretSeen) Kind() EventKind         { return KindSecretSeen }
func (LegRedeemed) Kind() EventKind        { return KindLegRedeemed }
func (LegRefunded) Kind() EventKind        { return KindLegRefunded }
func (LegClosedByConsent) Kind() EventKind { return KindLegClosedByConsent }
func (Reorged) Kind() EventKind            { return KindReorged }
func (TipAdvanced) Kind() EventKind        { return KindTipAdvanced }
func (ConsentGiven) Kind() EventKind       { return KindConsentGiven }
func (ConsentFailed) Kind() EventKind      { return KindConsentFailed }

// EventKinds lists every kind, for tables and tests.
func EventKinds() []EventKind {
	return []EventKind{
		KindTermsSigned, KindCancelRequested, KindBudgetRaised, KindFundingPrepared, KindFundingChecked,
		KindRedeemPrepared, KindRevealChecked, KindSubmitted, KindWithheld, KindLegSeen,
		KindLegFunded, KindLegMismatched, KindSecretSeen, KindLegRedeemed, KindLegRefunded,
		KindLegClosedByConsent, KindReorged, KindTipAdvanced, KindConsentGiven, KindConsentFailed,
		KindRestored, KindLegSearched,
	}
}
