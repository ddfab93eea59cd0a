package agreement

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Errors of a Store.
var (
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("no such agreement in the store")
	// ErrConflict: the record was changed by somebody else.
	ErrConflict = errors.New("the agreement was changed meanwhile")
	// ErrHashUsed: salt or secret hash stand in another record.
	ErrHashUsed = errors.New("salt or secret hash were used before")
)

// Reason is a code that stays the same over versions. The codes are those of
// the API.
type Reason string

// The reasons that this package gives.
const (
	TicketExpired     Reason = "TICKET_EXPIRED"
	TicketAltered     Reason = "TICKET_ALTERED"
	TicketUsed        Reason = "TICKET_USED"
	TicketVersion     Reason = "TICKET_VERSION"
	TicketCancelled   Reason = "TICKET_CANCELLED"
	TicketKind        Reason = "TICKET_KIND"
	TicketOwn         Reason = "TICKET_OWN"
	ForeignChain      Reason = "FOREIGN_CHAIN"
	UnknownAsset      Reason = "UNKNOWN_ASSET"
	MainnetRefused    Reason = "MAINNET_REFUSED"
	AmountTooSmall    Reason = "AMOUNT_TOO_SMALL"
	AmountTooLarge    Reason = "AMOUNT_TOO_LARGE"
	TimeLockTooTight  Reason = "TIME_LOCK_TOO_TIGHT"
	TermsInvalid      Reason = "TERMS_INVALID"
	InsufficientFunds Reason = "INSUFFICIENT_FUNDS"
	RedeemFeeMissing  Reason = "REDEEM_FEE_MISSING"
	CoinsReserved     Reason = "COINS_RESERVED"
	SwapNotFound      Reason = "SWAP_NOT_FOUND"
	SwapState         Reason = "SWAP_STATE"
	NotCancellable    Reason = "NOT_CANCELLABLE"
	RequestIDReused   Reason = "REQUEST_ID_REUSED"
	NodeUnreachable   Reason = "NODE_UNREACHABLE"
	WrongChain        Reason = "WRONG_CHAIN"
	PeerRefused       Reason = "PEER_REFUSED"
	ChainSuspended    Reason = "CHAIN_SUSPENDED"
	StoreUnavailable  Reason = "STORE_UNAVAILABLE"
	DiskFull          Reason = "DISK_FULL"
	PartyNotAllowed   Reason = "PARTY_NOT_ALLOWED"
	SignerUnreachable Reason = "SIGNER_UNREACHABLE"
	SignerRefused     Reason = "SIGNER_REFUSED"
	DeadlineExceeded  Reason = "DEADLINE_EXCEEDED"
	Internal          Reason = "INTERNAL"
)

// Reasons lists them, for tables and tests.
func Reasons() []Reason {
	return []Reason{
		TicketExpired, TicketAltered, TicketUsed, TicketVersion, TicketCancelled, TicketKind, TicketOwn,
		ForeignChain, UnknownAsset, MainnetRefused, AmountTooSmall, AmountTooLarge, TimeLockTooTight, TermsInvalid,
		InsufficientFunds, RedeemFeeMissing, CoinsReserved,
		SwapNotFound, SwapState, NotCancellable, RequestIDReused,
		NodeUnreachable, WrongChain, PeerRefused, ChainSuspended, StoreUnavailable, DiskFull, PartyNotAllowed, SignerUnreachable, SignerRefused, DeadlineExceeded, Internal,
	}
}

// Error is what the methods of Service return: a reason, a text for people,
// and what it is about, under the keys of the API ("asset", "amount", "need",
// "min", "max", "chain", "leg", "offer_id", "swap_id", "field", "at"). Amounts
// are base units of the asset.
type Error struct {
	Reason Reason
	Text   string
	Meta   map[string]string
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return fmt.Sprintf("%s: %v", e.Text, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Decided reports whether the error is a judgement of the request, which
// trying again cannot change, and not a failure on the way to one.
func (e *Error) Decided() bool { return !slices.Contains(passing, e.Reason) }

// lacksCoins reports whether the judgement is about coins that are not there
// or not free.
func (e *Error) lacksCoins() bool {
	return e.Reason == InsufficientFunds || e.Reason == CoinsReserved || e.Reason == RedeemFeeMissing
}

var passing = []Reason{NodeUnreachable, WrongChain, StoreUnavailable, DiskFull, DeadlineExceeded, Internal, PeerRefused, ChainSuspended, SignerUnreachable, SignerRefused}

// Refusal is the decision of another node against an acceptance.
type Refusal struct {
	Reason Reason
	Text   string
}

func (r *Refusal) Error() string { return fmt.Sprintf("the other party's node refuses: %s", r.Text) }

// known maps a reason that came from another node to one of ours.
func (r *Refusal) known() Reason {
	for _, k := range Reasons() {
		if k == r.Reason && (&Error{Reason: k}).Decided() {
			return k
		}
	}
	return PeerRefused
}

func refuse(reason Reason, meta map[string]string, format string, args ...any) *Error {
	return &Error{Reason: reason, Text: fmt.Sprintf(format, args...), Meta: meta}
}

// causes maps sentinels to reasons; the first that fits counts, so what is
// narrower stands before what wraps it.
var causes = []struct {
	err    error
	reason Reason
}{
	{adapters.ErrSignerUnreachable, SignerUnreachable},
	{adapters.ErrSignerRefused, SignerRefused},
	{htlc.ErrTicketVersion, TicketVersion},
	{htlc.ErrVersion, TicketVersion},
	{htlc.ErrTicketKind, TicketKind},
	{htlc.ErrTicketAltered, TicketAltered},
	{htlc.ErrEncoding, TicketAltered},
	{htlc.ErrSignature, TicketAltered},
	{htlc.ErrCountersig, TicketAltered},
	{htlc.ErrTooTight, TimeLockTooTight},
	{htlc.ErrFundBy, TimeLockTooTight},
	{htlc.ErrNotCancellable, NotCancellable},
	{htlc.ErrOffer, TermsInvalid},
	{htlc.ErrAcceptance, TermsInvalid},
	{htlc.ErrAmountZero, AmountTooSmall},
	{htlc.ErrTimeRange, TermsInvalid},
	{htlc.ErrBadAssetID, UnknownAsset},
	{ErrHashUsed, TicketUsed},
	{ErrNotFound, SwapNotFound},
	{ErrConflict, StoreUnavailable},
	{adapters.ErrUnknownAsset, UnknownAsset},
	{adapters.ErrReserved, CoinsReserved},
	{adapters.ErrInsufficientFunds, InsufficientFunds},
	{adapters.ErrDust, AmountTooSmall},
	{adapters.ErrAmountTooLarge, AmountTooLarge},
	{adapters.ErrWrongChain, WrongChain},
	{adapters.ErrMismatch, TermsInvalid},
	{adapters.ErrBadAddress, TermsInvalid},
	{adapters.ErrUnreachable, NodeUnreachable},
	{context.DeadlineExceeded, DeadlineExceeded},
	{context.Canceled, DeadlineExceeded},
}

// explain gives an error its reason. Errors that have one keep it.
func explain(text string, err error) error { return explainAbout(nil, text, err) }

// explainAbout is explain with what the error is about.
func explainAbout(meta map[string]string, text string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	reason := Internal
	for _, c := range causes {
		if errors.Is(err, c.err) {
			reason = c.reason
			break
		}
	}
	return &Error{Reason: reason, Text: text, Err: err, Meta: meta}
}

// stored explains an error of the store: whatever is no sentinel is taken to
// be the database's.
func stored(err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) || errors.Is(err, ErrHashUsed) {
		return explain("agreement", err)
	}
	return &Error{Reason: StoreUnavailable, Text: "the store failed", Err: err}
}

// ReasonOf is the reason of an error of this package, or Internal.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return Internal
}
