package node

import (
	"errors"

	"github.com/kofo-network/kofo/adapters"
)

// Reason is the stable code of why Run ended, such as WRONG_SEED; empty where
// none is known. Passing says that starting again can help without anything
// being changed.
func Reason(err error) (code string, passing bool) {
	var carrier *adapters.Error
	if errors.As(err, &carrier) {
		return carrier.Reason, carrier.Retryable
	}
	var reasoned interface {
		error
		Reason() string
	}
	if errors.As(err, &reasoned) {
		return reasoned.Reason(), false
	}
	return "", true
}
