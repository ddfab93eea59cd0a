package signer

import (
	"fmt"

	"github.com/kofo-network/kofo/adapters"
)

// The kinds of failure.
var (
	// ErrRefused: the signer has understood and does not sign.
	ErrRefused = adapters.ErrSignerRefused
	// ErrUnreachable: nobody knows whether it would.
	ErrUnreachable = adapters.ErrSignerUnreachable
)

// Reasons of refusals, and of a signer that is not there. They stand in
// api/sdk/reason.
const (
	ReasonRefused     = "SIGNER_REFUSED"
	ReasonUnreachable = "SIGNER_UNREACHABLE"
)

// refuse is retryable: limits pass, and its owner may change the rules while the
// swap waits.
func refuse(op, format string, args ...any) error {
	return &adapters.Error{
		Reason: ReasonRefused, Op: op, Retryable: true,
		Err: fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...)),
	}
}
