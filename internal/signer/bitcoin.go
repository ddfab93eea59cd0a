package signer

import (
	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/wallet"
)

// BitcoinKeys are the keys of one chain as the adapter names them. Each that it
// hands out is a copy, which the adapter zeroes when done.
type BitcoinKeys struct {
	keys    *wallet.Keys
	account wallet.BitcoinAccount
}

// BitcoinKeysOf derives from keys, which the caller closes.
func BitcoinKeysOf(keys *wallet.Keys, chain htlc.ChainID) (BitcoinKeys, error) {
	params, err := bitcoin.ParamsOf(chain)
	if err != nil {
		return BitcoinKeys{}, err
	}
	account, err := keys.BitcoinAccount(params.Net)
	return BitcoinKeys{keys, account}, err
}

// Account is a key of the wallet itself.
func (k BitcoinKeys) Account(branch bitcoin.Branch, index uint32) (*btcec.PrivateKey, error) {
	return reveal(k.account.Key(wallet.Branch(branch), index))
}

// Leg is a key of one role in one leg.
func (k BitcoinKeys) Leg(salt htlc.Salt, role bitcoin.Role, leg int) (*btcec.PrivateKey, error) {
	return reveal(k.keys.Leg(salt, wallet.Role(role), leg))
}

func reveal(key wallet.PrivateKey, err error) (*btcec.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	return key.Reveal(), nil
}
