package evm_test

import (
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// An account has one balance: there is nothing to split, and nothing is paid.
func TestNothingToSplit(t *testing.T) {
	k := newKit(t)
	_, err := k.payer.Withdraw(k.Context(), adapters.Withdrawal{
		RequestID: "split", Asset: nativeAsset, To: adapters.ToSelf, Amount: htlc.NewAmount(1), Parts: 2,
	})
	wantReason(t, err, adapters.ErrMismatch, "NOTHING_TO_SPLIT")
}
