package server

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/payout"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/breaker"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Quoter shows what a swap would cost; see agreement.Service.
type Quoter interface {
	Quote(ctx context.Context, req agreement.QuoteRequest) (agreement.Quote, error)
	Inspect(ctx context.Context, ticket string) (agreement.Inspection, error)
}

// Agreer takes the steps of an agreement; see agreement.Service.
type Agreer interface {
	Offer(ctx context.Context, req agreement.OfferRequest) (agreement.Record, error)
	Accept(ctx context.Context, req agreement.AcceptRequest) (agreement.Accepted, error)
	Countersign(ctx context.Context, acceptance string) (agreement.Record, error)
	Complete(ctx context.Context, countersignature string) (agreement.Record, error)
	Cancel(ctx context.Context, id [32]byte) (agreement.Record, error)
}

// Records reads agreements. Every swap has one.
type Records interface {
	// Find returns the record of an offer or of a swap; its error has the
	// reason SWAP_NOT_FOUND where there is none.
	Find(ctx context.Context, id [32]byte) (agreement.Record, error)
	// Recent lists records, the newest first, of which (CreatedAt, ID) is less
	// than the given pair.
	Recent(ctx context.Context, before time.Time, id htlc.Salt, limit int) ([]agreement.Record, error)
}

// Swaps reads stored swaps. Both errors wrap store.ErrNotFound where the swap
// is unknown.
type Swaps interface {
	Get(ctx context.Context, id htlc.SwapID) (store.Record, error)
	History(ctx context.Context, id htlc.SwapID, after uint64, limit int) ([]engine.StoredEvent, error)
}

// Engine knows the open swaps.
type Engine interface {
	Apply(ctx context.Context, in engine.Input) error
	Open() []htlc.Swap
	Cursor(chain htlc.ChainID) (engine.Cursor, bool)
}

// Journal lists our own transactions of a swap.
type Journal interface {
	Txs(ctx context.Context, swap htlc.SwapID, leg int, purpose htlc.Purpose) ([]engine.JournalTx, error)
}

// Purse is the owner's money on one chain, and its back end.
type Purse interface {
	Address(ctx context.Context, asset htlc.AssetID) (string, error)
	Balances(ctx context.Context) ([]adapters.Balance, error)
	Quote(ctx context.Context, asset htlc.AssetID) (adapters.FeeQuote, error)
	Status(ctx context.Context) (adapters.Status, error)
	Contract(terms htlc.Terms, leg int) (adapters.Contract, error)
}

// Payments moves and lists the owner's money over all chains.
type Payments interface {
	// Withdraw signs, stores and broadcasts. The same request id again gives
	// the same transaction.
	Withdraw(ctx context.Context, w adapters.Withdrawal) (adapters.Tx, error)
	// Activity lists what went in and out, the newest first, from the place that
	// the token of an earlier answer names; chain is empty for all.
	Activity(ctx context.Context, chain htlc.ChainID, page string, limit int) ([]Movement, string, error)
	// FeeOf is what one of our transactions has cost, where the chain shows it
	// in a block; false where it does not, or does not tell now.
	FeeOf(ctx context.Context, chain htlc.ChainID, txid string) (htlc.Amount, bool)
}

// Movement is one transaction of the wallet.
type Movement struct {
	Chain         htlc.ChainID
	TxID          string
	Kind          MovementKind
	Asset         htlc.AssetID
	Amount        htlc.Amount
	FeeAsset      htlc.AssetID // empty for deposits
	Fee           htlc.Amount
	To            string      // of a withdrawal
	Parts         int         // of a split, each of the amount
	Swap          htlc.SwapID // zero for none
	Height        uint64
	Confirmations uint64
	Failed        bool
	Time          time.Time
}

// MovementKind says why a transaction was made.
type MovementKind uint8

// The kinds of Movement.
const (
	Deposit MovementKind = iota + 1
	Withdrawn
	Split
	Funded
	Redeemed
	Refunded
	Abandoned
	Consented
)

// Tokens keeps the credentials; see store.Store.
type Tokens interface {
	AddToken(ctx context.Context, t store.Token) error
	TokenByHash(ctx context.Context, hash [sha256.Size]byte) (store.Token, error)
	Tokens(ctx context.Context) ([]store.Token, error)
	RevokeToken(ctx context.Context, id string) error
	// TouchToken notes that a token was used.
	TouchToken(ctx context.Context, id string, now time.Time) error
}

// Requests keeps the answers of mutating calls, and counts what they move
// against the caps of a token; see store.Store.
type Requests interface {
	BeginRequest(ctx context.Context, key store.RequestKey, method string, digest [sha256.Size]byte) (store.RequestState, []byte, error)
	FinishRequest(ctx context.Context, key store.RequestKey, response []byte) error
	ForgetRequest(ctx context.Context, key store.RequestKey) error
	// Spend counts an amount once for a key, or fails with a *store.CapError;
	// Unspend takes it back.
	Spend(ctx context.Context, token string, asset htlc.AssetID, amount, perDay htlc.Amount, now time.Time, key string) error
	Unspend(ctx context.Context, token, key string) error
}

// Payouts says where coins may go and how many may leave, whoever asks; see
// payout.Guard.
type Payouts interface {
	Allowed(ctx context.Context, chain htlc.ChainID, to string) error
	// Take counts what a call is about to move, once for a key, or refuses it;
	// GiveBack takes it back where nothing was moved.
	Take(ctx context.Context, key string, asset htlc.AssetID, amount htlc.Amount) error
	GiveBack(ctx context.Context, key string, asset htlc.AssetID)
	PayoutList
}

// PayoutList shows and changes the list of addresses that may be paid.
type PayoutList interface {
	Rules() payout.Rules
	Added(ctx context.Context) ([]store.Payout, error)
	Moved(ctx context.Context, asset htlc.AssetID) (htlc.Amount, error)
	Add(ctx context.Context, account, by string) (store.Payout, error)
	Remove(ctx context.Context, account string) error
}

// Asset is something that is swapped on a chain.
type Asset struct {
	ID       htlc.AssetID
	Symbol   string
	Decimals uint32
	FeeCoin  bool
	Trust    string // what its holders trust besides the chain
}

// Chain is one chain of the node.
type Chain struct {
	ID               htlc.ChainID
	Name             string
	Purse            Purse
	Assets           []Asset
	MinConfirmations uint32
	Depths           []agreement.DepthStep
	BlockTime        time.Duration
	// BackEnds are the chain's nodes, Suspended says why nothing new is begun on
	// it, and Resume ends that. Each may be nil: there is nothing to tell.
	BackEnds   func() []backend.Health
	Suspended  func() *breaker.State
	Resume     func() bool
	Deployment string
}

// Info says which node this is.
type Info struct {
	Version, Commit string
	Party           htlc.PartyID
	PeerAddress     string
	Store           string
	DataVersion     uint32
	Started         time.Time
}
