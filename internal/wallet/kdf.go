package wallet

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/kofo-network/kofo/htlc"
)

// Inputs of the derivation; doc.go has the table. They never change: coins of
// running swaps hang on them.
const (
	extractSalt   = "kofo/kdf/v1"
	labelIdentity = "identity/ed25519"
	labelSecret   = "swap/secret"
	labelLeg      = "leg/secp256k1"
	labelSeal     = "seal/aes-256-gcm"
	labelPurpose  = "purpose"

	derivedSize = 32
)

// Faults of the calling code.
var (
	ErrZeroSalt = errors.New("wallet: the salt of the Terms is zero")
	ErrBadRole  = errors.New("wallet: the role is neither payer nor payee")
	ErrBadLeg   = errors.New("wallet: leg index out of range")
	ErrPurpose  = errors.New("wallet: a purpose has 1 to 32 characters from a-z, 0-9 and -")
)

// Role is the side of a leg that a key signs for.
type Role uint8

// The roles of a leg. Their numbers are part of the derivation.
const (
	Payer Role = 1
	Payee Role = 2
)

// Purpose names a key of the node that belongs to no swap.
type Purpose string

// PurposeAPITLS is the seed of the Ed25519 key behind the API's own generated
// certificate, so that its fingerprint survives a lost data folder.
const PurposeAPITLS Purpose = "api-tls"

// PurposeRecovery is the key that copies of Terms and backups are encrypted to.
const PurposeRecovery Purpose = "recovery"

func (p Purpose) validate() error {
	if len(p) < 1 || len(p) > 32 {
		return fmt.Errorf("%w: %q", ErrPurpose, string(p))
	}
	for _, r := range p {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return fmt.Errorf("%w: %q", ErrPurpose, string(p))
		}
	}
	return nil
}

func extract(seed []byte) ([]byte, error) {
	prk, err := hkdf.Extract(sha256.New, seed, []byte(extractSalt))
	if err != nil {
		return nil, fmt.Errorf("extract from the seed: %w", err)
	}
	return prk, nil
}

func expand(prk []byte, label string, fields []byte) ([]byte, error) {
	out, err := hkdf.Expand(sha256.New, prk, label+"\x00"+string(fields), derivedSize)
	if err != nil {
		return nil, fmt.Errorf("derive %s: %w", label, err)
	}
	return out, nil
}

func legFields(salt htlc.Salt, role Role, leg int) ([]byte, error) {
	switch {
	case salt == htlc.Salt{}:
		return nil, ErrZeroSalt
	case role != Payer && role != Payee:
		return nil, fmt.Errorf("%w: %d", ErrBadRole, role)
	case leg < 0 || leg > math.MaxUint16:
		return nil, fmt.Errorf("%w: %d", ErrBadLeg, leg)
	}
	fields := append(slices.Clone(salt[:]), byte(role))
	return binary.BigEndian.AppendUint32(fields, uint32(leg)), nil
}
