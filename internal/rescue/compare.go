package rescue

import (
	"strconv"

	"github.com/kofo-network/kofo/htlc"
)

// Compare says whether what was typed in so far fits a leg's contract, so that
// a person can be asked again at once. Fields that are empty are not looked
// at. Redeem and Refund compare everything once more.
func (k *Kit) Compare(leg int, typed Typed, secret *htlc.Secret) error {
	l, err := k.leg(leg)
	if err != nil {
		return err
	}
	if secret != nil && !secret.Opens(k.Terms.SecretHash) {
		return mismatch("this secret does not open the hash of the terms, %s", k.Terms.SecretHash)
	}
	if b := l.Bitcoin; b != nil {
		switch {
		case typed.Satoshi != 0 && typed.Satoshi != b.Satoshi:
			return mismatch("%d satoshi were typed in, the terms say %d", typed.Satoshi, b.Satoshi)
		case typed.Address != "" && typed.Address != b.Address:
			return mismatch("the address %.100q was typed in, the terms give %s", typed.Address, b.Address)
		}
	}
	chain := k.Terms.Legs[leg].Chain()
	if e := l.EVM; e != nil && typed.ChainID != 0 && strconv.FormatUint(typed.ChainID, 10) != chain.Reference() {
		return mismatch("chain %d was typed in, the terms are for %s", typed.ChainID, chain)
	}
	return nil
}
