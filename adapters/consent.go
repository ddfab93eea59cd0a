package adapters

import (
	"errors"

	"github.com/kofo-network/kofo/htlc"
)

// The failures of a cooperative spend. Without one of these the fault is not
// the other party's: a node that does not answer, a fee over the budget.
var (
	// ErrBadConsent: the message or the answer is not what this spend needs. The
	// other party is to blame; the script path is as open as before.
	ErrBadConsent = errors.New("the other party's part of the cooperative spend is wrong")
	// ErrSessionOver: the session was completed or has failed. Begin another.
	ErrSessionOver = errors.New("the signing session is over")
)

// Proposal asks for a spend of a leg's contract with both parties' consent: by
// the payee where the intent is to redeem, by the payer where it is to refund.
type Proposal struct {
	Terms  htlc.Terms
	Leg    int
	Ref    string // Fact.Ref of the funding
	FundTx string
	Intent htlc.Intent
	Fees   FeePolicy
}

// CoSpend is a cooperative spend that waits for the other party's answer. It
// lives in memory only: what it holds must never be used twice, so a crash
// loses it, and a new one is begun.
type CoSpend interface {
	// Message is what the other party needs for its consent.
	Message() []byte
	// Complete checks the answer and returns the signed transaction. It works
	// once; the caller stores the transaction before it is broadcast.
	Complete(answer []byte) (Tx, error)
}
