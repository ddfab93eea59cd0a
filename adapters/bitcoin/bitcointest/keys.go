package bitcointest

import (
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
)

// Keys derives every key from a name that anybody may know.
type Keys string

// Account is that of bitcoin.Keys.
func (k Keys) Account(branch bitcoin.Branch, index uint32) (*btcec.PrivateKey, error) {
	return k.key("account %d/%d", branch, index), nil
}

// Leg is that of bitcoin.Keys.
func (k Keys) Leg(salt htlc.Salt, role bitcoin.Role, leg int) (*btcec.PrivateKey, error) {
	return k.key("leg %x %d %d", salt, role, leg), nil
}

func (k Keys) key(format string, args ...any) *btcec.PrivateKey {
	raw := sha256.Sum256(fmt.Appendf([]byte(k+"/"), format, args...))
	key, _ := btcec.PrivKeyFromBytes(raw[:])
	return key
}

// Signer signs with the keys of a name.
func Signer(name string) bitcoin.Signer { return bitcoin.NewLocalSigner(Keys(name)) }
