package signer

import (
	"context"
	"crypto"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/wallet"
)

// Keys are the keys of one party.
type Keys interface {
	Identity() Identity
	Secrets() Secrets
	// Bitcoin is the wallet on a chain of the Bitcoin family.
	Bitcoin(chain htlc.ChainID) (bitcoin.Signer, error)
	// EVM is the account on every EVM chain.
	EVM() (evm.Signer, error)
	// Storage are the keys of what the node stores.
	Storage(ctx context.Context) (wallet.StorageKeys, error)
}

// Identity signs as the party.
type Identity interface {
	PartyID() htlc.PartyID
	SignOffer(ctx context.Context, o htlc.Offer) (htlc.Signature, error)
	SignTerms(ctx context.Context, t htlc.Terms) (htlc.Signature, error)
	// TLS signs handshakes with other nodes.
	TLS() crypto.Signer
}

// Secrets keeps the initiator's secrets.
type Secrets interface {
	// Hash is that of the secret of Terms with this salt.
	Hash(ctx context.Context, salt htlc.Salt) (htlc.SecretHash, error)
	// Secret is given for Terms that the party has begun.
	Secret(ctx context.Context, terms htlc.Terms) (htlc.Secret, error)
}
