package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// A split makes several coins of few. Coins are reserved whole, so that a wallet
// with one coin funds one swap at a time; with as many coins as swaps they run
// at once. It is a withdrawal whose outputs are all the wallet's own: held,
// stored, sent and, after a loss, signed again like any other.

// The parts of a split. Each gets an address of its own, and no address lies
// beyond the gap, since the seed alone could not find it again.
const (
	minParts = 2
	maxParts = gap
)

func checkParts(wd adapters.Withdrawal) error {
	op := fmt.Sprintf("split into %d coins of %s satoshi", wd.Parts, wd.Amount)
	if wd.Parts < minParts || wd.Parts > maxParts {
		return mismatch("%s: a split has %d to %d parts", op, minParts, maxParts)
	}
	if wd.To != adapters.ToSelf {
		return &adapters.Error{
			Reason: "BAD_ADDRESS", Op: op, Advice: "withdraw, to pay somebody else",
			Err: fmt.Errorf("%w: a split pays nobody but the wallet", adapters.ErrBadAddress),
		}
	}
	return nil
}

// payParts gives each output an own script, no two the same.
func (w *wallet) payParts(owner string, outputs []*wire.TxOut) error {
	sum := sha256.Sum256([]byte("parts of " + owner))
	first := binary.BigEndian.Uint32(sum[:]) % gap
	for i, out := range outputs {
		var err error
		if out.PkScript, err = w.script(path{Change, w.next[Change] + (first+uint32(i))%gap}); err != nil {
			return err
		}
	}
	return nil
}
