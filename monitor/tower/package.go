package tower

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/htlc"
)

// Errors of packages.
var (
	// ErrPackage: the bytes are no package of a version that is known here.
	ErrPackage = errors.New("not a package of a watchtower")
	// ErrSealed: what was offered does not open the package.
	ErrSealed = errors.New("this does not open the package")
	// ErrInUse: the package has opened, so its owner cannot replace it.
	ErrInUse = errors.New("the package is in use")
)

// Kind says which spend a package holds.
type Kind string

// The kinds of a package.
const (
	Refund Kind = "refund"
	Redeem Kind = "redeem"
)

// Bounds of a package.
const (
	MaxPackage = 64 << 10 // bytes, sealed
	MaxRungs   = 24       // of the ladder of feerates
	version    = 1
	keySize    = 32

	maxPatience = 7 * 24 * 3600 // seconds
)

// LocatorSize is the length of a Locator.
const LocatorSize = 16

// Locator is by what a tower finds a package.
type Locator [LocatorSize]byte

func (l Locator) String() string { return hex.EncodeToString(l[:]) }

// RefundOpener is what opens a refund: the id under which the chain shows the
// funding, in its adapter's own form.
func RefundOpener(funding string) Opener { return Opener{Refund, funding} }

// RedeemOpener is what opens a redeem: the hash of the secret that completes it.
func RedeemOpener(hash htlc.SecretHash) Opener { return Opener{Redeem, string(hash[:])} }

// Opener is what the chains show when a package is needed. Nobody can guess it
// before: a funding's id and a secret's hash have 256 bits that the tower does
// not know.
type Opener struct {
	kind Kind
	seen string
}

// OpenerOf is the opener that a store has kept.
func OpenerOf(kind Kind, seen string) Opener { return Opener{kind, seen} }

// Kind is that of the packages that it opens.
func (o Opener) Kind() Kind { return o.kind }

// Seen is what the chains showed, for a store; it need not be text.
func (o Opener) Seen() string { return o.seen }

// Locator finds the package.
func (o Opener) Locator() Locator {
	sum := sha256.Sum256([]byte("kofo tower locator 1 " + string(o.kind) + " " + o.seen))
	return Locator(sum[:LocatorSize])
}

func (o Opener) aead() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(o.seen), nil, "kofo tower package 1 "+string(o.kind), keySize)
	if err != nil {
		return nil, fmt.Errorf("key of a package: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cipher of a package: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Rung is one signed spend of the ladder: the same spend at a feerate.
type Rung struct {
	FeeRate uint64 `json:"rate"` // sat per 1,000 vbytes, rising from rung to rung
	Raw     []byte `json:"raw"`  // a redeem's waits for the secret
}

// Package is everything that one spend of one contract needs.
type Package struct {
	Kind  Kind         `json:"kind"`
	Chain htlc.ChainID `json:"chain"`
	// Target names the contract in its adapter's own form.
	Target string `json:"target"`
	// Opens is the contract's time lock, by the chain's clock: a refund is
	// pushed after it, a redeem at the top of the ladder before it.
	Opens int64 `json:"opens"`
	// Confirmations is the depth at which a spend counts as final.
	Confirmations uint64 `json:"confirmations"`
	// Patience is how many seconds, by the chain's clock, a spend that is due is
	// left to its owner, who pays less where no tower outbids it.
	Patience int64 `json:"patience,omitempty"`
	// Ladder has the signed spends of chains whose spends are signed by the
	// owner; on others Call is what anybody may send.
	Ladder []Rung `json:"ladder,omitempty"`
	Call   []byte `json:"call,omitempty"`
}

type envelope struct {
	Version int `json:"version"`
	Package
}

// Validate checks everything that the package alone can show.
func (p Package) Validate() error {
	switch {
	case p.Kind != Refund && p.Kind != Redeem:
		return fmt.Errorf("%w: kind %.20q", ErrPackage, string(p.Kind))
	case p.Chain == "" || p.Target == "":
		return fmt.Errorf("%w: it names no contract", ErrPackage)
	case p.Opens <= 0:
		return fmt.Errorf("%w: time lock %d", ErrPackage, p.Opens)
	case p.Confirmations == 0 || p.Confirmations > 10_000:
		return fmt.Errorf("%w: depth %d", ErrPackage, p.Confirmations)
	case p.Patience < 0 || p.Patience > maxPatience:
		return fmt.Errorf("%w: patience of %d s", ErrPackage, p.Patience)
	case (len(p.Ladder) == 0) == (len(p.Call) == 0):
		return fmt.Errorf("%w: it needs signed spends or a call, not both", ErrPackage)
	case len(p.Ladder) > MaxRungs:
		return fmt.Errorf("%w: %d feerates, at most %d", ErrPackage, len(p.Ladder), MaxRungs)
	}
	for i, r := range p.Ladder {
		if len(r.Raw) == 0 || i > 0 && r.FeeRate <= p.Ladder[i-1].FeeRate {
			return fmt.Errorf("%w: rung %d of the ladder", ErrPackage, i)
		}
	}
	return nil
}

// Seal seals a package, to be opened by what the chains will show.
func Seal(p Package, o Opener) ([]byte, error) {
	if p.Kind != o.kind {
		return nil, fmt.Errorf("%w: a %s that would be opened as a %s", ErrPackage, p.Kind, o.kind)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(envelope{version, p})
	if err != nil {
		return nil, fmt.Errorf("encode a package: %w", err)
	}
	aead, err := o.aead()
	if err != nil {
		return nil, err
	}
	where := o.Locator()
	sealed := aead.Seal(nil, nil, plain, where[:])
	if len(sealed) > MaxPackage {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrPackage, len(sealed), MaxPackage)
	}
	return sealed, nil
}

// Open opens a sealed package. The owner's word counts for nothing: what is in
// it is checked, and what it spends is checked by the chain.
func Open(sealed []byte, o Opener) (Package, error) {
	if len(sealed) > MaxPackage {
		return Package{}, fmt.Errorf("%w: %d bytes, at most %d", ErrPackage, len(sealed), MaxPackage)
	}
	aead, err := o.aead()
	if err != nil {
		return Package{}, err
	}
	where := o.Locator()
	plain, err := aead.Open(nil, nil, sealed, where[:])
	if err != nil {
		return Package{}, ErrSealed
	}
	return decode(plain, o.kind)
}

func decode(plain []byte, kind Kind) (Package, error) {
	var e envelope
	in := json.NewDecoder(bytes.NewReader(plain))
	in.DisallowUnknownFields()
	if err := in.Decode(&e); err != nil {
		return Package{}, fmt.Errorf("%w: %w", ErrPackage, err)
	}
	if in.More() {
		return Package{}, fmt.Errorf("%w: more than one", ErrPackage)
	}
	if e.Version != version {
		return Package{}, fmt.Errorf("%w: version %d", ErrPackage, e.Version)
	}
	if e.Kind != kind {
		return Package{}, fmt.Errorf("%w: a %s under the locator of a %s", ErrPackage, e.Kind, kind)
	}
	return e.Package, e.Validate()
}
