package wallet

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"
	"sync"

	"github.com/kofo-network/kofo/htlc"
)

// Keys derives every key of the node. It prints redacted and may be used by
// many goroutines.
type Keys struct {
	redact
	root hidden[root]
}

type root struct {
	mu     sync.RWMutex
	closed bool
	seed   []byte // 64 bytes of BIP-39, for BIP-32
	prk    []byte // for HKDF
}

// newKeys takes ownership of the stretched seed.
func newKeys(stretched []byte) (*Keys, error) {
	prk, err := extract(stretched)
	if err != nil {
		return nil, err
	}
	return &Keys{root: hide(&root{seed: stretched, prk: prk})}, nil
}

func (k *Keys) derive(label string, fields []byte) ([]byte, error) {
	k.root().mu.RLock()
	defer k.root().mu.RUnlock()
	if k.root().closed {
		return nil, ErrClosed
	}
	return expand(k.root().prk, label, fields)
}

// Identity is the key that signs Terms and messages as this party.
func (k *Keys) Identity() (Identity, error) {
	seed, err := k.derive(labelIdentity, nil)
	if err != nil {
		return Identity{}, err
	}
	defer clear(seed)
	key := ed25519.NewKeyFromSeed(seed)
	return Identity{key: hide(&key)}, nil
}

// Secret is the initiator's Secret for Terms with this salt.
func (k *Keys) Secret(salt htlc.Salt) (htlc.Secret, error) {
	if salt == (htlc.Salt{}) {
		return htlc.Secret{}, ErrZeroSalt
	}
	raw, err := k.derive(labelSecret, salt[:])
	if err != nil {
		return htlc.Secret{}, err
	}
	defer clear(raw)
	return htlc.NewSecret(raw)
}

// Leg is the key of one role in leg number leg of Terms with this salt.
func (k *Keys) Leg(salt htlc.Salt, role Role, leg int) (PrivateKey, error) {
	fields, err := legFields(salt, role, leg)
	if err != nil {
		return PrivateKey{}, err
	}
	raw, err := k.derive(labelLeg, fields)
	if err != nil {
		return PrivateKey{}, err
	}
	defer clear(raw)
	return newPrivateKey(raw)
}

// Sealer encrypts what the node stores and nobody else may read.
func (k *Keys) Sealer() (*Sealer, error) {
	key, err := k.derive(labelSeal, nil)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return newSealer(key)
}

// Purpose is a key of the node that belongs to no swap.
func (k *Keys) Purpose(p Purpose) (Key, error) {
	if err := p.validate(); err != nil {
		return Key{}, err
	}
	raw, err := k.derive(labelPurpose, []byte(p))
	if err != nil {
		return Key{}, err
	}
	defer clear(raw)
	key := [derivedSize]byte(raw)
	return Key{b: hide(&key)}, nil
}

// Close wipes the roots as far as Go lets it; keys already derived live on.
// Derivation fails with ErrClosed afterwards. Closing twice does nothing.
func (k *Keys) Close() {
	k.root().mu.Lock()
	defer k.root().mu.Unlock()
	k.root().closed = true
	clear(k.root().seed)
	clear(k.root().prk)
}

// Key is 32 derived bytes. It prints redacted.
type Key struct {
	redact
	b hidden[[derivedSize]byte]
}

// Reveal returns the bytes.
func (k Key) Reveal() [derivedSize]byte { return *k.b() }

// Zero wipes the key in every copy of the value.
func (k Key) Zero() { clear(k.b()[:]) }

// Identity signs as a party. It is a crypto.Signer, so that a TLS certificate
// can carry the PartyID. It prints redacted.
type Identity struct {
	redact
	key hidden[ed25519.PrivateKey]
}

// PartyID is the public key.
func (i Identity) PartyID() htlc.PartyID {
	return htlc.PartyID((*i.key())[ed25519.SeedSize:])
}

// Public returns the ed25519.PublicKey, as crypto.Signer asks.
func (i Identity) Public() crypto.PublicKey { return i.key().Public() }

// Sign is that of crypto.Signer: opts must be crypto.Hash(0), the message is
// signed as it is.
func (i Identity) Sign(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := i.key().Sign(rand, message, opts)
	if err != nil {
		return nil, fmt.Errorf("sign as party: %w", err)
	}
	return signature, nil
}

// SignMessage signs the message as it is. The caller puts a domain into it.
func (i Identity) SignMessage(message []byte) [ed25519.SignatureSize]byte {
	return [ed25519.SignatureSize]byte(ed25519.Sign(*i.key(), message))
}
