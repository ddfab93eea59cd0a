package htlc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// SecretSize is the only length of a Secret that any contract accepts.
const SecretSize = 32

// ErrSecretSize is returned for a secret that is not exactly 32 bytes.
var ErrSecretSize = errors.New("a secret has exactly 32 bytes")

// Secret is the value whose SHA-256 locks every leg. It prints redacted in
// every format; Reveal is the only way to its bytes. Secrets compare with
// Equal, not ==.
type Secret struct{ box *secretBox }

// secretBox keeps the bytes two pointers away: inside an unexported field of
// somebody else's struct, fmt calls no methods and follows one pointer.
type secretBox struct{ b *[SecretSize]byte }

// NewSecret copies exactly 32 bytes.
func NewSecret(raw []byte) (Secret, error) {
	if len(raw) != SecretSize {
		return Secret{}, fmt.Errorf("%w, not %d", ErrSecretSize, len(raw))
	}
	return secretOf([SecretSize]byte(raw)), nil
}

func secretOf(b [SecretSize]byte) Secret { return Secret{box: &secretBox{b: &b}} }

// Reveal returns the bytes. Callers other than a spend's builder, the sealed
// store and the tests are a fault.
func (s Secret) Reveal() [SecretSize]byte {
	if s.box == nil {
		return [SecretSize]byte{}
	}
	return *s.box.b
}

// Equal compares in constant time.
func (s Secret) Equal(o Secret) bool {
	a, b := s.Reveal(), o.Reveal()
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Hash is the SHA-256 of the secret.
func (s Secret) Hash() SecretHash {
	b := s.Reveal()
	return sha256.Sum256(b[:])
}

// Opens reports whether the secret's SHA-256 is h.
func (s Secret) Opens(h SecretHash) bool {
	sum := s.Hash()
	return subtle.ConstantTimeCompare(sum[:], h[:]) == 1
}

const redacted = "secret(redacted)"

func (s Secret) String() string { return redacted }

// GoString keeps %#v from printing the bytes.
func (s Secret) GoString() string { return redacted }

// Format keeps every verb, %x included, from printing the bytes.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps encoders and log handlers from writing the bytes.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// SecretHash is the SHA-256 of a Secret.
type SecretHash [sha256.Size]byte

func (h SecretHash) String() string { return hex.EncodeToString(h[:]) }

// ParseSecretHash reads 64 hexadecimal digits.
func ParseSecretHash(s string) (SecretHash, error) { return parse32[SecretHash](s) }
