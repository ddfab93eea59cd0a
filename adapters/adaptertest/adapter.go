// Package adaptertest is the conformance suite of the adaptation standard.
// Every adapter passes it without a skip, against its in-process chain and
// against a real node.
//
// The interfaces here are the whole of what an adapter offers, grouped by who
// uses them: the watcher reads, the engine's runner signs, the gates simulate
// and count, the node's agreement reserves, the owner's wallet pays.
package adaptertest

import (
	"context"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Follower tells what happened on the chain after a cursor.
type Follower interface {
	// Tip is the best block that the node has.
	Tip(ctx context.Context) (adapters.BlockRef, error)
	// Next says what follows the cursor; see adapters.Step.
	Next(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error)
	// Mempool returns facts about watched contracts in unconfirmed
	// transactions, each at least once while it stays there.
	Mempool(ctx context.Context) ([]adapters.Fact, error)
	// Wait returns when the tip or the mempool may have changed, or when ctx
	// ends.
	Wait(ctx context.Context) error
	// Status checks chain id and genesis and describes the back end.
	Status(ctx context.Context) (adapters.Status, error)
}

// Ancestry is the way back from a block.
type Ancestry interface {
	// Parent is the block before b, also of one that left the chain. An error
	// that wraps adapters.ErrUnknownCursor says that the node does not know it.
	Parent(ctx context.Context, b adapters.BlockRef) (adapters.BlockRef, error)
}

// Registry is the set of watched contracts.
type Registry interface {
	// Watch adds the leg's contract; Next and Mempool report on it from now
	// on. ref is the funding's (Fact.Ref) where it is already known, as after
	// a restart, else empty. Watching twice is allowed.
	Watch(ctx context.Context, terms htlc.Terms, leg int, ref string) (adapters.Contract, error)
	Unwatch(contract string)
	// Scan finds facts of one watched contract in the blocks from..to, both
	// included, for contracts that were registered after the fact. It says which
	// block is the last that it read: the back end may have fewer. A zero block:
	// it read none.
	Scan(ctx context.Context, contract string, from, to uint64) ([]adapters.Located, adapters.BlockRef, error)
}

// Signer signs transactions, and broadcasts stored ones.
type Signer interface {
	// Fund signs the lock of a leg out of what was reserved for owner, and
	// the refund where the chain wants it in advance.
	Fund(ctx context.Context, owner string, terms htlc.Terms, leg int) (adapters.Funding, error)
	Redeem(ctx context.Context, spend adapters.Spend) (adapters.Tx, error)
	Refund(ctx context.Context, spend adapters.Spend) (adapters.Tx, error)
	// Abandon makes fundings of ours that left the process and are in no block
	// impossible; see adapters.Abandonment. It is asked again until they are void.
	Abandon(ctx context.Context, req adapters.Abandonment) (adapters.Abandoned, error)
	// Broadcast hands stored bytes to the node. Known bytes are a success.
	// ErrSpent says that a contract is spent, never that the transaction's own
	// coins or nonce are gone.
	Broadcast(ctx context.Context, tx adapters.Tx) error
}

// Prover gathers what the gates ask about a leg.
type Prover interface {
	// Contract computes the leg's contract from the Terms; it asks no node.
	Contract(terms htlc.Terms, leg int) (adapters.Contract, error)
	// SimulateRedeem runs the redeem of the leg with a dummy secret against
	// the chain's state (or the script engine). ref is the funding's, or
	// empty while the leg is not funded.
	SimulateRedeem(ctx context.Context, terms htlc.Terms, leg int, ref string) error
	// CheckMeans is nil where this wallet can pay, out of what owner has
	// reserved or else of what is free, for funding (payer) or
	// redeeming (payee) the leg at stress fees; else an error that wraps
	// ErrInsufficientFunds and names the amount missing.
	CheckMeans(ctx context.Context, owner string, terms htlc.Terms, leg int, payer bool) error
	Quote(ctx context.Context, asset htlc.AssetID) (adapters.FeeQuote, error)
	// Funded reads the chain's state, not its logs: whether exactly this
	// contract is locked and unspent at ref as of the given block.
	Funded(ctx context.Context, terms htlc.Terms, leg int, ref string, at adapters.BlockRef) (bool, error)
}

// Reserver commits coins, lanes and fees before anyone signs.
type Reserver interface {
	Reserve(ctx context.Context, r adapters.Reservation) (adapters.PayerPart, error)
	// ReserveRedeem commits the coins that the redeem of a leg costs at stress
	// fees; nothing where the contract pays for it. Asked again for the same owner
	// and leg it commits nothing more.
	ReserveRedeem(ctx context.Context, owner string, asset htlc.AssetID, leg int) error
	// PayeeKey is the key or address that a leg of this asset pays.
	PayeeKey(ctx context.Context, asset htlc.AssetID, salt htlc.Salt, leg int) ([]byte, error)
	// Release frees what owner holds; unknown owners are no error. What a
	// broadcast funding has used stays used.
	Release(ctx context.Context, owner string) error
	// Adopt renames the owner of a reservation, when an offer has become a
	// swap.
	Adopt(ctx context.Context, from, to string) error
}

// Wallet is the owner's own money on the chain.
type Wallet interface {
	Address(ctx context.Context, asset htlc.AssetID) (string, error)
	Balances(ctx context.Context) ([]adapters.Balance, error)
	// Withdraw signs a payment; the caller stores and broadcasts it.
	Withdraw(ctx context.Context, w adapters.Withdrawal) (adapters.Tx, error)
	// Paid tells what a transaction of this wallet has cost and how deep it is;
	// false where it is in no block or nothing tells.
	Paid(ctx context.Context, txid string) (adapters.Paid, bool, error)
}

// Cosigner spends with both parties' consent; adapters of the chains that
// Profile.Consents says it of are one.
type Cosigner interface {
	// Propose begins a spend. For an intent that the chain has no cooperative
	// spend for it is ErrNoConsent, as Consent is.
	Propose(ctx context.Context, p adapters.Proposal) (adapters.CoSpend, error)
	// Consent answers the other party's message. ErrBadConsent says that the
	// message is not one for p.
	Consent(ctx context.Context, p adapters.Proposal, message []byte) ([]byte, error)
}

// Adapter is everything.
type Adapter interface { //nolint:interfacebloat // the whole of the standard; users declare the part that they use
	Follower
	Ancestry
	Registry
	Signer
	Prover
	Reserver
	Wallet
}
