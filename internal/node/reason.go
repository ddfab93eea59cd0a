package node

import (
	"errors"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// Reason is the stable code of why Run ended, such as WRONG_SEED, as the table
// of reasons has it; empty where none is known. Passing says that starting
// again can help without anything being changed.
func Reason(err error) (code string, passing bool) {
	var carrier *adapters.Error
	if errors.As(err, &carrier) {
		if told, ok := reason.Told(carrier.Reason); ok {
			return string(told), carrier.Retryable
		}
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
