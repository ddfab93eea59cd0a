package agreement

import (
	"context"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Store keeps records durably. All of its errors but the three sentinels are
// taken to be passing.
type Store interface {
	// Insert stores a record whose salt, secret hash and request id (where it
	// is not empty) stand in no record of the past, whatever became of it;
	// else ErrHashUsed, for the request id ErrConflict. Nothing is ever
	// deleted.
	Insert(ctx context.Context, r Record) error
	// Update replaces the record of r.ID() if its state in the store still is
	// from, and its swap there is zero or that of r; else ErrConflict. It is
	// the compare-and-set by which exactly one acceptance is bound.
	Update(ctx context.Context, r Record, from State) error
	// Find returns the record that the key's one set field names, or
	// ErrNotFound.
	Find(ctx context.Context, key Key) (Record, error)
	// Unsettled lists the records with work left: Settled is false.
	Unsettled(ctx context.Context) ([]Record, error)
}

// Key names a record in one of three ways.
type Key struct {
	Offer   htlc.Salt
	Swap    htlc.SwapID
	Request string
}

// Identity signs as this node's party.
type Identity interface {
	PartyID() htlc.PartyID
	// SignOffer and SignTerms may ask another process, and be refused or late.
	SignOffer(ctx context.Context, o htlc.Offer) (htlc.Signature, error)
	SignTerms(ctx context.Context, t htlc.Terms) (htlc.Signature, error)
}

// Secrets knows the secret of Terms with a salt, of which only the hash is of
// interest here.
type Secrets interface {
	Hash(ctx context.Context, salt htlc.Salt) (htlc.SecretHash, error)
}

// Reserver commits a payer's coins, lane and fees, and the fee of a payee's
// redeem; see the adaptation standard. Owner is the offer's id until all have
// signed, then the swap's. Reserving, releasing and adopting twice must do no
// harm.
type Reserver interface {
	Reserve(ctx context.Context, r adapters.Reservation) (adapters.PayerPart, error)
	// ReserveRedeem keeps back what the redeem of a leg that pays us can cost,
	// from everything else, until Release. Nothing is kept where the redeemed
	// coins pay for it themselves.
	ReserveRedeem(ctx context.Context, owner string, asset htlc.AssetID, leg int) error
	PayeeKey(ctx context.Context, asset htlc.AssetID, salt htlc.Salt, leg int) ([]byte, error)
	Release(ctx context.Context, owner string) error
	Adopt(ctx context.Context, from, to string) error
}

// Prover says what a leg costs and whether it can be computed and paid for.
// CheckMeans is also asked before the other party's half is known: the keys of
// that half are then no keys, and asset and amount are all that counts.
type Prover interface {
	Contract(terms htlc.Terms, leg int) (adapters.Contract, error)
	CheckMeans(ctx context.Context, owner string, terms htlc.Terms, leg int, payer bool) error
	Quote(ctx context.Context, asset htlc.AssetID) (adapters.FeeQuote, error)
	Tip(ctx context.Context) (adapters.BlockRef, error)
}

// Swaps is the engine, as far as agreements go.
type Swaps interface {
	// Open hands over a swap that all have signed. Opening it again does
	// nothing.
	Open(ctx context.Context, signed htlc.TermsSigned) error
	// Cancel asks to stop before our funding; htlc.ErrNotCancellable where
	// that is too late, and where the swap is closed already.
	Cancel(ctx context.Context, swap htlc.SwapID) error
}

// Peers carries an acceptance to the node of a party and brings back its
// countersignature.
type Peers interface {
	// Answer returns a *Refusal where the other node decided against the
	// acceptance; every other error means that nothing is known.
	Answer(ctx context.Context, to Address, offer htlc.Salt, acceptance string) (countersignature string, err error)
}

// Address is where a party's node listens, and by which key it is known.
type Address struct {
	HostPort string
	Party    htlc.PartyID
}
