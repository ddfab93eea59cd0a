package bitcoin

import (
	"context"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Role is the side of a leg that a key signs for.
type Role uint8

// The roles of a leg.
const (
	Payer Role = 1
	Payee Role = 2
)

// Branch is the fourth level of an account's path.
type Branch uint32

// The branches of an account.
const (
	Receive Branch = 0
	Change  Branch = 1

	branches = 2
)

// Keys derives the wallet's keys. The adapter calls Zero on each when done.
type Keys interface {
	// Account is the key branch/index of the BIP-86 account: the internal key,
	// before the tweak.
	Account(branch Branch, index uint32) (*btcec.PrivateKey, error)
	// Leg is the key of one role in leg number leg of Terms with this salt.
	Leg(salt htlc.Salt, role Role, leg int) (*btcec.PrivateKey, error)
}

// Coin is an output of the wallet's own that a block has, or had.
type Coin struct {
	Point    wire.OutPoint
	Amount   int64 // satoshi
	Branch   Branch
	Index    uint32
	Height   uint64 // of the last block that had it
	Coinbase bool
	// Parents are what the transaction that created the coin spends: none of a
	// coinbase, nor where an earlier version has stored the coin.
	Parents []wire.OutPoint
	// Undone: that block has left the chain, and no other has the coin. It is no
	// money then, and kept only to tell whether it can come back.
	Undone bool
	// SpentBy is the transaction in a block, and SpentAt its height, that has
	// spent the coin; of an Undone one, the first that has spent what the coin's
	// own transaction needs to be mined again. Zero: there is none.
	SpentBy chainhash.Hash
	SpentAt uint64
}

// Unspent reports whether the coin is there: a block has it and none has spent it.
func (c Coin) Unspent() bool { return !c.Undone && !c.Gone() }

// Gone reports whether a block has spent the coin, or, of an Undone one, has
// something in it that keeps the coin from coming back.
func (c Coin) Gone() bool { return c.SpentAt != 0 }

// Hold commits a coin to an owner.
type Hold struct {
	// Owner is a name that the adapter composes, and no business of a store's.
	Owner string
	Point wire.OutPoint
	// Used: an earlier version has marked it. Release leaves such a hold alone.
	Used bool
}

// Book is all that the stores know.
type Book struct {
	Cursor adapters.BlockRef // zero before the first block
	Next   [branches]uint32  // lowest index of each branch that no block has paid
	Coins  []Coin            // spent and undone ones too, as far as they were not forgotten
	Holds  []Hold
}

// BlockChange is what one block, or several, did to the coins. It is applied as a
// whole, in the order of its fields, or not at all.
type BlockChange struct {
	// Undo, where not zero, is the height of a block that left the chain: coins
	// of that height are Undone, those with this SpentAt are not Gone any more.
	Undo    uint64
	Created []Coin // one that is known already is overwritten; none is Undone
	Spent   []Coin // only Point, SpentBy and SpentAt are of interest
	// Forget, where not zero, deletes coins with a SpentAt at or below this
	// height, with their holds.
	Forget uint64
	// ForgetUndone, where not zero, deletes Undone coins of this height or below
	// that are not Gone. Nobody holds them.
	ForgetUndone uint64
	Next         [branches]uint32
	Cursor       adapters.BlockRef
}

// CoinStore keeps the wallet's coins and the block up to which they hold, for
// one chain and one account. What it has returned nil for is durable.
type CoinStore interface {
	LoadCoins(ctx context.Context) (Book, error)
	ApplyBlock(ctx context.Context, change BlockChange) error
}

// HoldStore keeps which coins are committed to whom. What it has returned nil
// for is durable.
type HoldStore interface {
	// Hold commits all of the coins to owner, or none: an error that wraps
	// adapters.ErrReserved where one is held already, by whomever.
	Hold(ctx context.Context, owner string, points []wire.OutPoint) error
	// Release drops the owner's holds.
	Release(ctx context.Context, owner string) error
	// Adopt renames the owner of all its holds.
	Adopt(ctx context.Context, from, to string) error
}
