package wallet

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// ErrClosed is returned by what has been closed.
var ErrClosed = errors.New("wallet: closed")

// Seed is the root of all keys. It prints redacted; RevealWords is the only
// way to what it holds. A Seed is used by one goroutine at a time.
type Seed struct {
	redact
	entropy hidden[[]byte]
}

// NewSeed draws a seed of 12 or 24 words from the system's randomness.
func NewSeed(words int) (*Seed, error) {
	if words != 12 && words != 24 {
		return nil, fmt.Errorf("%w; a new one is made with 12 or 24, not %d", ErrWordCount, words)
	}
	entropy := make([]byte, words/3*4)
	if _, err := rand.Read(entropy); err != nil {
		return nil, fmt.Errorf("draw a seed: %w", err)
	}
	return &Seed{entropy: hide(&entropy)}, nil
}

// ParseMnemonic reads the words of a seed. Errors say which word is wrong and
// never repeat another one.
func ParseMnemonic(text string) (*Seed, error) {
	entropy, err := decodeMnemonic(text)
	if err != nil {
		return nil, err
	}
	return &Seed{entropy: hide(&entropy)}, nil
}

// RevealWords returns the words for a person to write down. A closed seed has
// none.
func (s *Seed) RevealWords() []string {
	if len(*s.entropy()) == 0 {
		return nil
	}
	return encodeMnemonic(*s.entropy())
}

// Equal compares in constant time. Closed seeds equal nothing.
func (s *Seed) Equal(other *Seed) bool {
	return len(*s.entropy()) > 0 && subtle.ConstantTimeCompare(*s.entropy(), *other.entropy()) == 1
}

// Keys opens the seed. The Keys live on when the seed is closed.
func (s *Seed) Keys() (*Keys, error) {
	if len(*s.entropy()) == 0 {
		return nil, ErrClosed
	}
	stretched, err := stretch(encodeMnemonic(*s.entropy()), "")
	if err != nil {
		return nil, err
	}
	return newKeys(stretched)
}

// Close wipes the seed as far as Go lets it.
func (s *Seed) Close() {
	clear(*s.entropy())
	*s.entropy() = nil
}

// stretch is BIP-39's way from words to 64 bytes. Words and passphrase must be
// ASCII already: the normal form that the standard asks for changes nothing
// then. The node uses no passphrase; the standard's own vectors do.
func stretch(words []string, passphrase string) ([]byte, error) {
	out, err := pbkdf2.Key(sha512.New, strings.Join(words, " "), []byte("mnemonic"+passphrase), 2048, 64)
	if err != nil {
		return nil, fmt.Errorf("stretch the seed: %w", err)
	}
	return out, nil
}
