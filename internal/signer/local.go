package signer

import (
	"context"
	"crypto"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/wallet"
)

// Local are keys of this process.
type Local struct {
	keys     *wallet.Keys
	identity wallet.Identity
}

// NewLocal derives from keys, which the caller closes.
func NewLocal(keys *wallet.Keys) (*Local, error) {
	identity, err := keys.Identity()
	if err != nil {
		return nil, fmt.Errorf("derive the identity: %w", err)
	}
	return &Local{keys: keys, identity: identity}, nil
}

// Identity is that of Keys.
func (l *Local) Identity() Identity { return localIdentity{l.identity} }

// Secrets is that of Keys.
func (l *Local) Secrets() Secrets { return localSecrets{l.keys} }

// Storage is that of Keys.
func (l *Local) Storage(context.Context) (wallet.StorageKeys, error) { return l.keys.Storage() }

// Bitcoin is that of Keys. It takes part in cooperative spends.
func (l *Local) Bitcoin(chain htlc.ChainID) (bitcoin.Signer, error) {
	keys, err := BitcoinKeysOf(l.keys, chain)
	if err != nil {
		return nil, err
	}
	return bitcoin.NewLocalSigner(keys), nil
}

// XPub is the extended public key of the account on a chain.
func (l *Local) XPub(chain htlc.ChainID) (string, error) {
	keys, err := BitcoinKeysOf(l.keys, chain)
	if err != nil {
		return "", err
	}
	return keys.account.RevealXPub(), nil
}

// EVM is that of Keys.
func (l *Local) EVM() (evm.Signer, error) {
	account, err := l.keys.EVMAccount(0)
	if err != nil {
		return nil, err
	}
	return evm.NewLocalSigner(account), nil
}

type localIdentity struct{ key wallet.Identity }

func (i localIdentity) PartyID() htlc.PartyID { return i.key.PartyID() }

func (i localIdentity) SignOffer(_ context.Context, o htlc.Offer) (htlc.Signature, error) {
	return i.key.SignMessage(htlc.OfferMessage(o)), nil
}

func (i localIdentity) SignTerms(_ context.Context, t htlc.Terms) (htlc.Signature, error) {
	return i.key.SignMessage(htlc.TermsMessage(t)), nil
}

func (i localIdentity) TLS() crypto.Signer { return i.key }

type localSecrets struct{ keys *wallet.Keys }

func (s localSecrets) Hash(_ context.Context, salt htlc.Salt) (htlc.SecretHash, error) {
	secret, err := s.keys.Secret(salt)
	if err != nil {
		return htlc.SecretHash{}, err
	}
	return secret.Hash(), nil
}

func (s localSecrets) Secret(_ context.Context, terms htlc.Terms) (htlc.Secret, error) {
	return s.keys.Secret(terms.Salt)
}

// LegKey is the public key of one role in one leg, the same on every chain of
// the Bitcoin family.
func (l *Local) LegKey(salt htlc.Salt, role bitcoin.Role, leg int) (*btcec.PublicKey, error) {
	key, err := reveal(l.keys.Leg(salt, wallet.Role(role), leg))
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	return key.PubKey(), nil
}
