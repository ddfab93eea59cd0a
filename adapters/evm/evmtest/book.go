package evmtest

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
)

// Book is a journal and a lane store in memory. It outlives adapters, as a database does.
type Book struct {
	mu    sync.Mutex
	txs   map[string]adapters.Tx // owner of a nonce
	lanes map[string]evm.LaneReservation
	fees  map[string]evm.RedeemReservation
}

// NewBook is empty.
func NewBook() *Book {
	return &Book{txs: map[string]adapters.Tx{}, lanes: map[string]evm.LaneReservation{}, fees: map[string]evm.RedeemReservation{}}
}

func place(chain htlc.ChainID, account string, n uint64) string {
	return string(chain) + "/" + account + "/" + htlc.NewAmount(n).String()
}

// Announce makes tx the owner of its nonce.
func (b *Book) Announce(_ context.Context, tx adapters.Tx) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := place(tx.Chain, tx.Account, tx.Nonce)
	if owner, ok := b.txs[key]; ok && owner.ID != tx.ID && owner.ID != tx.Replaces {
		return evm.ErrNonceTaken
	}
	b.txs[key] = tx
	return nil
}

// Announced lists the owners of nonces.
func (b *Book) Announced(_ context.Context, chain htlc.ChainID, account string, from uint64) ([]adapters.Tx, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []adapters.Tx
	for _, tx := range b.txs {
		if tx.Chain == chain && tx.Account == account && tx.Nonce >= from {
			out = append(out, tx)
		}
	}
	slices.SortFunc(out, func(x, y adapters.Tx) int { return int(x.Nonce) - int(y.Nonce) })
	return out, nil
}

// Lanes lists reservations.
func (b *Book) Lanes(_ context.Context, chain htlc.ChainID, account string) ([]evm.LaneReservation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []evm.LaneReservation
	for _, r := range b.lanes {
		if r.Chain == chain && r.Account == account {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y evm.LaneReservation) int { return int(x.Lane) - int(y.Lane) })
	return out, nil
}

// PutLane stores a reservation.
func (b *Book) PutLane(_ context.Context, r evm.LaneReservation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lanes[place(r.Chain, r.Account, r.Lane)] = r
	return nil
}

// DeleteLane removes a reservation.
func (b *Book) DeleteLane(_ context.Context, chain htlc.ChainID, account string, lane uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lanes, place(chain, account, lane))
	return nil
}

// RedeemFees lists what is kept for redeems.
func (b *Book) RedeemFees(_ context.Context, chain htlc.ChainID, account string) ([]evm.RedeemReservation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []evm.RedeemReservation
	for _, r := range b.fees {
		if r.Chain == chain && r.Account == account {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y evm.RedeemReservation) int {
		return cmp.Or(cmp.Compare(x.Owner, y.Owner), cmp.Compare(x.Leg, y.Leg))
	})
	return out, nil
}

// SetRedeemFee stores what is kept for a redeem, or removes it where the fee is zero.
func (b *Book) SetRedeemFee(_ context.Context, r evm.RedeemReservation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := place(r.Chain, r.Account+"/"+r.Owner, uint64(r.Leg))
	if r.Fee.IsZero() {
		delete(b.fees, key)
	} else {
		b.fees[key] = r
	}
	return nil
}

// Signer signs with an account's key.
type Signer struct{ Account Account }

// Address of the account.
func (s Signer) Address() common.Address { return s.Account.Address }

// SignHash signs a digest.
func (s Signer) SignHash(digest common.Hash) ([]byte, error) {
	return crypto.Sign(digest[:], s.Account.Key)
}

// SignTransaction is that of evm.Signer.
func (s Signer) SignTransaction(ctx context.Context, payload []byte) ([]byte, error) {
	return evm.NewLocalSigner(s).SignTransaction(ctx, payload)
}

// SignConsent is that of evm.Signer.
func (s Signer) SignConsent(ctx context.Context, terms htlc.Terms, leg int) ([]byte, error) {
	return evm.NewLocalSigner(s).SignConsent(ctx, terms, leg)
}
