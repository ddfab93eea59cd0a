// Package vault encrypts what leaves the node for safekeeping, so that the seed
// opens it and nothing else does: copies of Terms, and backups.
//
// The format is age with one X25519 recipient, whose key derives from the seed
// (purpose "recovery"). Whoever finds such a file sees its length and nothing
// else; the age tool opens it too, given that key.
//
// Nobody but the node knows the recipient, since it is never shown. So a file
// that opens was written with this seed, and its content is intact.
//
// The caller owes it a Close of what Encrypt returns, after which the last part
// is written, and a full read of what Decrypt returns: only the end of the
// input proves that nothing was cut off.
package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/btcsuite/btcd/address/v2/bech32"

	"github.com/kofo-network/kofo/internal/wallet"
)

// Errors of Open and Decrypt.
var (
	// ErrForeign: another seed can open it, this one cannot.
	ErrForeign = errors.New("encrypted to another seed")
	// ErrDamaged: it is no file of a vault, or was altered or cut off.
	ErrDamaged = errors.New("damaged, altered, or not written by this program")
)

// identityPrefix is how age writes X25519 keys.
const identityPrefix = "age-secret-key-"

// Vault encrypts and decrypts. It may be used by many goroutines.
type Vault struct {
	// Functions, so that nothing that prints by reflection shows a key.
	identity func() *age.X25519Identity
	nameKey  func() []byte
}

// New makes the vault of a node's keys.
func New(keys *wallet.Keys) (*Vault, error) {
	key, err := keys.Purpose(wallet.PurposeRecovery)
	if err != nil {
		return nil, fmt.Errorf("key of the vault: %w", err)
	}
	defer key.Zero()
	return FromKey(key)
}

// FromKey makes the vault of a key of that purpose, which is in another process
// than the seed.
func FromKey(key wallet.Key) (*Vault, error) {
	raw := key.Reveal()
	text, err := identityText(raw[:])
	if err != nil {
		return nil, err
	}
	names := sha256.Sum256(append([]byte("kofo vault names v1\x00"), raw[:]...))
	clear(raw[:])
	identity, err := age.ParseX25519Identity(text)
	if err != nil {
		return nil, errors.New("key of the vault: age does not take it") // its own words may show the key
	}
	return &Vault{
		identity: func() *age.X25519Identity { return identity },
		nameKey:  func() []byte { return names[:] },
	}, nil
}

func identityText(raw []byte) (string, error) {
	words, err := bech32.ConvertBits(raw, 8, 5, true)
	if err != nil {
		return "", fmt.Errorf("key of the vault: %w", err)
	}
	text, err := bech32.Encode(identityPrefix, words)
	if err != nil {
		return "", fmt.Errorf("key of the vault: %w", err)
	}
	return strings.ToUpper(text), nil
}

// Name is what a file about id is called: without the seed nobody can tell
// which one it is about.
func (v *Vault) Name(id [32]byte) string {
	sum := sha256.Sum256(append(slices.Clone(v.nameKey()), id[:]...))
	return hex.EncodeToString(sum[:16])
}

// Encrypt returns a writer of plaintext. Its Close writes the end.
func (v *Vault) Encrypt(to io.Writer) (io.WriteCloser, error) {
	w, err := age.Encrypt(to, v.identity().Recipient())
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return w, nil
}

// Decrypt returns a reader of plaintext.
func (v *Vault) Decrypt(from io.Reader) (io.Reader, error) {
	r, err := age.Decrypt(from, v.identity())
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, ErrForeign
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return damaged{r}, nil
}

// damaged names what a reader of age fails for.
type damaged struct{ r io.Reader }

func (d damaged) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, err
}

// Seal encrypts a short content.
func (v *Vault) Seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := v.Encrypt(&out)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return out.Bytes(), nil
}

// Open is the inverse of Seal.
func (v *Vault) Open(sealed []byte) ([]byte, error) {
	r, err := v.Decrypt(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
