package wallet

import (
	"errors"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// ErrUnusableKey is returned where a derived number is no key of the curve. It
// happens once in 2^128; the remedy for a leg is another salt.
var ErrUnusableKey = errors.New("wallet: the derived number is no secp256k1 key")

// PrivateKey is a secp256k1 key. It prints redacted.
type PrivateKey struct {
	redact
	key hidden[btcec.PrivateKey]
}

func newPrivateKey(raw []byte) (PrivateKey, error) {
	var scalar btcec.ModNScalar
	defer scalar.Zero()
	// A reduced number would be a valid key too, but a biased one.
	if overflow := scalar.SetByteSlice(raw); overflow || scalar.IsZero() {
		return PrivateKey{}, ErrUnusableKey
	}
	return PrivateKey{key: hide(btcec.PrivKeyFromScalar(&scalar))}, nil
}

// PublicKey is the compressed public key.
func (k PrivateKey) PublicKey() [btcec.PubKeyBytesLenCompressed]byte {
	return [btcec.PubKeyBytesLenCompressed]byte(k.key().PubKey().SerializeCompressed())
}

// XOnly is the public key as BIP-340 writes it.
func (k PrivateKey) XOnly() [schnorr.PubKeyBytesLen]byte {
	return [schnorr.PubKeyBytesLen]byte(schnorr.SerializePubKey(k.key().PubKey()))
}

// Reveal returns a copy for a signer, which calls its Zero when done.
func (k PrivateKey) Reveal() *btcec.PrivateKey {
	return btcec.PrivKeyFromScalar(&k.key().Key)
}

// Zero wipes the key in every copy of the value; it signs nothing afterwards.
func (k PrivateKey) Zero() { k.key().Zero() }
