package adapters

import (
	"errors"
	"fmt"
)

// The kinds of failure that callers tell apart. An adapter wraps one of them,
// usually in an Error that adds reason, place and advice.
var (
	ErrUnreachable       = errors.New("the chain's node does not answer")
	ErrWrongChain        = errors.New("the node serves another chain")
	ErrUnknownAsset      = errors.New("the asset is not known to this node")
	ErrInsufficientFunds = errors.New("not enough funds")
	ErrDust              = errors.New("the amount is too small to be worth its fees")
	ErrAmountTooLarge    = errors.New("the amount is too large for the chain")
	ErrMismatch          = errors.New("the contract is not the one that the terms define")
	ErrNotFunded         = errors.New("the contract is not funded")
	ErrSpent             = errors.New("the contract is already spent")
	ErrTooEarly          = errors.New("the time lock is not open yet")
	ErrRejected          = errors.New("the node refused the transaction")
	ErrReserved          = errors.New("the coins or the lane are reserved for another swap")
	ErrUnknownCursor     = errors.New("the cursor's block is unknown to the node")
	ErrBadAddress        = errors.New("not an address of this chain")
	// ErrNonceTaken: the stored transaction can never be mined, its account's
	// nonce or one of its coins went, for good, to another. Sign again.
	ErrNonceTaken = errors.New("its nonce or coin was used by another transaction")
	ErrBudget     = errors.New("the fee would exceed the budget")
	// ErrNoConsent: the chain has no cooperative spend for this intent.
	ErrNoConsent = errors.New("there is no cooperative spend for this")
	// ErrUnpayable: the contract cannot pay out now, whatever is signed: its issuer has
	// paused the asset or blocked an account, or the recipient refuses. The coins stay
	// where they are; ask again with every block.
	ErrUnpayable = errors.New("the contract cannot pay out now")
	// ErrSignerRefused: whoever holds the keys has understood and does not sign.
	ErrSignerRefused = errors.New("the signer does not sign this")
	// ErrSignerUnreachable: whoever holds the keys does not answer.
	ErrSignerUnreachable = errors.New("the signer does not answer")
	// ErrNotSent: Broadcast failed before anything left the process.
	ErrNotSent = errors.New("nothing was sent")
)

// Error is a failure with a reason code that stays the same over versions
// (UPPER_SNAKE_CASE), what to do about it, and whether trying the same call
// again can help.
type Error struct {
	Reason    string
	Op        string // what was being done, with the values that matter
	Advice    string
	Retryable bool
	// Meta are the values of the text by name, for programs: missing, need and
	// have in base units, asset as a CAIP-19 id.
	Meta map[string]string
	Err  error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %v", e.Op, e.Err)
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Metadata are the values of the text by name.
func (e *Error) Metadata() map[string]string { return e.Meta }

// Retryable reports whether trying again can help. Errors that are not an
// Error are taken as retryable: giving up is the dangerous default.
func Retryable(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Retryable
	}
	return true
}
