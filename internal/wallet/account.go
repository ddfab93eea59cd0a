package wallet

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// ErrBadPath is returned for a branch or index outside of the standard.
var ErrBadPath = errors.New("wallet: key path out of range")

// Branch is the fourth level of an account's path.
type Branch uint32

// The branches of an account.
const (
	Receive Branch = 0
	Change  Branch = 1
)

const (
	purposeBIP44 = 44
	purposeBIP86 = 86
	coinEther    = 60
)

// BitcoinAccount is account m/86'/coin'/0' of a chain of the Bitcoin family.
// It prints redacted and may be used by many goroutines.
type BitcoinAccount struct {
	redact
	state hidden[bitcoinState]
}

type bitcoinState struct {
	mu       sync.Mutex // extended keys memoize, so even reading writes
	branches [2]*hdkeychain.ExtendedKey
	xpub     string
}

// BitcoinAccount opens the account under net's coin type. A net of the caller's
// own must be registered with chaincfg.
func (k *Keys) BitcoinAccount(net *chaincfg.Params) (BitcoinAccount, error) {
	account, err := k.extended(net, purposeBIP86+hdkeychain.HardenedKeyStart,
		net.HDCoinType+hdkeychain.HardenedKeyStart, hdkeychain.HardenedKeyStart)
	if err != nil {
		return BitcoinAccount{}, fmt.Errorf("open account of %s: %w", net.Name, err)
	}
	defer account.Zero()
	public, err := account.Neuter()
	if err != nil {
		return BitcoinAccount{}, fmt.Errorf("open account of %s: %w", net.Name, err)
	}
	state := &bitcoinState{xpub: public.String()}
	for branch := range state.branches {
		state.branches[branch], err = account.Derive(uint32(branch))
		if err != nil {
			return BitcoinAccount{}, fmt.Errorf("open account of %s: %w", net.Name, err)
		}
	}
	return BitcoinAccount{state: hide(state)}, nil
}

// RevealXPub returns the account's extended public key, for a watching wallet.
// It spends nothing but links all addresses, and together with one private key
// of a branch it gives the others away.
func (a BitcoinAccount) RevealXPub() string { return a.state().xpub }

// Key is the key at branch/index: for BIP-86 the internal key before the tweak.
func (a BitcoinAccount) Key(branch Branch, index uint32) (PrivateKey, error) {
	if branch > Change || index >= hdkeychain.HardenedKeyStart {
		return PrivateKey{}, fmt.Errorf("%w: %d/%d", ErrBadPath, branch, index)
	}
	a.state().mu.Lock()
	child, err := a.state().branches[branch].Derive(index)
	a.state().mu.Unlock()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("derive key %d/%d: %w", branch, index, err)
	}
	defer child.Zero()
	key, err := child.ECPrivKey()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("derive key %d/%d: %w", branch, index, err)
	}
	return PrivateKey{key: hide(key)}, nil
}

// EVMAccount is account m/44'/60'/0'/0/index, one for all EVM chains. It prints
// redacted.
type EVMAccount struct {
	redact
	key     hidden[ecdsa.PrivateKey]
	address common.Address
}

// EVMAccount opens the account with this index.
func (k *Keys) EVMAccount(index uint32) (EVMAccount, error) {
	if index >= hdkeychain.HardenedKeyStart {
		return EVMAccount{}, fmt.Errorf("%w: %d", ErrBadPath, index)
	}
	// The network only names the text form of the key, which is not used.
	child, err := k.extended(&chaincfg.MainNetParams, purposeBIP44+hdkeychain.HardenedKeyStart,
		coinEther+hdkeychain.HardenedKeyStart, hdkeychain.HardenedKeyStart, 0, index)
	if err != nil {
		return EVMAccount{}, fmt.Errorf("open EVM account %d: %w", index, err)
	}
	defer child.Zero()
	scalar, err := child.ECPrivKey()
	if err != nil {
		return EVMAccount{}, fmt.Errorf("open EVM account %d: %w", index, err)
	}
	defer scalar.Zero()
	raw := scalar.Serialize()
	defer clear(raw)
	// go-ethereum signs with its own curve value only, so btcec's
	// conversion to crypto/ecdsa would not do.
	key, err := crypto.ToECDSA(raw)
	if err != nil {
		return EVMAccount{}, fmt.Errorf("open EVM account %d: %w", index, err)
	}
	return EVMAccount{key: hide(key), address: crypto.PubkeyToAddress(key.PublicKey)}, nil
}

// Address is the account's address.
func (a EVMAccount) Address() common.Address { return a.address }

// SignHash signs a digest and returns r, s and the recovery id (0 or 1), the
// form that go-ethereum's transactions take.
func (a EVMAccount) SignHash(digest common.Hash) ([]byte, error) {
	signature, err := crypto.Sign(digest[:], a.key())
	if err != nil {
		return nil, fmt.Errorf("sign for %s: %w", a.address, err)
	}
	return signature, nil
}

// extended walks a BIP-32 path from the seed.
func (k *Keys) extended(net *chaincfg.Params, path ...uint32) (*hdkeychain.ExtendedKey, error) {
	k.root().mu.RLock()
	defer k.root().mu.RUnlock()
	if k.root().closed {
		return nil, ErrClosed
	}
	key, err := hdkeychain.NewMaster(k.root().seed, net)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	for _, index := range path {
		child, err := key.Derive(index)
		key.Zero()
		if err != nil {
			return nil, fmt.Errorf("child key: %w", err)
		}
		key = child
	}
	return key, nil
}
