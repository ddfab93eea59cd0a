package bitcoin

import (
	"errors"
	"testing"

	"github.com/kofo-network/kofo/adapters"
)

// What btcd 0.26 and Bitcoin Core say, word by word.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		says, reason string
		kind         error
		final        bool
	}{
		{says: "TX rejected: already have transaction in mempool 00"},
		{says: "TX rejected: transaction already exists in blockchain 00"},
		{says: "txn-already-in-mempool"}, {says: "txn-already-known"},
		{says: "Transaction already in block chain"}, {says: "Transaction outputs already in utxo set"},
		{"TX rejected: transaction 00 is not standard: transaction is not finalized", "TOO_EARLY", adapters.ErrTooEarly, false},
		{"non-final", "TOO_EARLY", adapters.ErrTooEarly, false},
		{"mandatory-script-verify-flag-failed (Locktime requirement not satisfied)", "TOO_EARLY", adapters.ErrTooEarly, false},
		{"TX rejected: 00: replacement transaction has an insufficient fee rate: needs more than 2000, has 1000", "REPLACEMENT_UNDERPRICED", adapters.ErrRejected, false},
		{"TX rejected: 00: replacement transaction has an insufficient absolute fee: needs 20, has 10", "REPLACEMENT_UNDERPRICED", adapters.ErrRejected, false},
		{"insufficient fee, rejecting replacement 00", "REPLACEMENT_UNDERPRICED", adapters.ErrRejected, false},
		{"TX rejected: transaction 00 has 10 fees which is under the required amount of 143", "FEE_TOO_LOW", adapters.ErrRejected, false},
		{"min relay fee not met, 10 < 143", "FEE_TOO_LOW", adapters.ErrRejected, false},
		{"mempool min fee not met, 10 < 143", "FEE_TOO_LOW", adapters.ErrRejected, false},
		{"max-fee-exceeded", "FEE_TOO_HIGH", adapters.ErrRejected, true},
		{"TX rejected: output already spent in mempool: output=00:0, tx=00", "SPENT_IN_MEMPOOL", adapters.ErrSpent, false},
		{"txn-mempool-conflict", "SPENT_IN_MEMPOOL", adapters.ErrSpent, false},
		{"TX rejected: orphan transaction 00 references outputs of unknown or fully-spent transaction 01", "ALREADY_SPENT", adapters.ErrSpent, false},
		{"bad-txns-inputs-missingorspent", "ALREADY_SPENT", adapters.ErrSpent, false},
		{"missing-inputs", "ALREADY_SPENT", adapters.ErrSpent, false},
		{"TX rejected: transaction 00 is not standard: transaction output 0: payment is dust: 100", "DUST_AMOUNT", adapters.ErrDust, true},
		{"dust", "DUST_AMOUNT", adapters.ErrDust, true},
		{"TX rejected: failed to validate input 00:0 which references output 01:0 - signature is invalid", "SCRIPT_FAILED", adapters.ErrRejected, true},
		{"something that nobody has said before", "TX_REFUSED", adapters.ErrRejected, false},
	} {
		err := judge("test", c.says)
		if c.reason == "" {
			if err != nil {
				t.Errorf("%q: %v", c.says, err)
			}
			continue
		}
		var e *adapters.Error
		if !errors.As(err, &e) || e.Reason != c.reason || !errors.Is(err, c.kind) || adapters.Retryable(err) == c.final {
			t.Errorf("%q: %v", c.says, err)
		}
	}
}
