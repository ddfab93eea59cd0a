package wallet

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Errors of the Sealer.
var (
	// ErrSealBroken is returned where the sealed bytes were altered, belong to
	// other associated data, or were sealed under another seed. The three
	// cannot be told apart.
	ErrSealBroken = errors.New("wallet: sealed bytes do not open")
	// ErrSealSize is returned for more than MaxSealed bytes.
	ErrSealSize = errors.New("wallet: too much to seal")
)

const (
	// MaxSealed bounds what one call seals; a standard transaction has 400 kB
	// at most.
	MaxSealed = 4 << 20

	// sealVersion leads every sealed text: AES-256-GCM, a random nonce of 96
	// bits in front, the tag of 128 bits behind.
	sealVersion  = 1
	sealOverhead = 1 + 12 + 16
)

// Sealer encrypts bytes that are stored before their time, such as a signed
// redeem, which shows the Secret. It prints redacted and may be used by many
// goroutines. Its nonces are random: 2^32 calls under one seed are safe, some
// hundred million swaps.
type Sealer struct {
	redact
	aead hidden[cipher.AEAD]
}

func newSealer(key []byte) (*Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make sealer: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make sealer: %w", err)
	}
	return &Sealer{aead: hide(&aead)}, nil
}

// Seal encrypts plaintext. The associated data says what it is and to whom it
// belongs (swap, effect); Open must be given the same.
func (s *Sealer) Seal(plaintext, associated []byte) ([]byte, error) {
	if len(plaintext) > MaxSealed {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrSealSize, len(plaintext), MaxSealed)
	}
	out := make([]byte, 1, len(plaintext)+sealOverhead)
	out[0] = sealVersion
	return (*s.aead()).Seal(out, nil, plaintext, bindVersion(associated)), nil
}

// Open is the inverse of Seal.
func (s *Sealer) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) < sealOverhead || len(sealed) > MaxSealed+sealOverhead || sealed[0] != sealVersion {
		return nil, ErrSealBroken
	}
	plaintext, err := (*s.aead()).Open(nil, nil, sealed[1:], bindVersion(associated))
	if err != nil {
		return nil, ErrSealBroken
	}
	return plaintext, nil
}

// bindVersion makes the version part of what is authenticated, so that a later
// version cannot be passed off as this one.
func bindVersion(associated []byte) []byte {
	return append([]byte{sealVersion}, associated...)
}
