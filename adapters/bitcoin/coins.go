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

// Coin is a confirmed output of the wallet's own.
type Coin struct {
	Point    wire.OutPoint
	Amount   int64 // satoshi
	Branch   Branch
	Index    uint32
	Height   uint64 // of its block
	Coinbase bool
	SpentBy  chainhash.Hash // zero: unspent
	SpentAt  uint64         // height; 0: unspent
}

// Unspent reports whether no block has spent the coin.
func (c Coin) Unspent() bool { return c.SpentAt == 0 }

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
	Coins  []Coin            // spent ones too, as far as they were not forgotten
	Holds  []Hold
}

// BlockChange is what one block, or several, did to the coins. It is applied as a
// whole, in the order of its fields, or not at all.
type BlockChange struct {
	// Undo, where not zero, is the height of a block that left the chain: coins
	// of that height are deleted, coins spent at that height are unspent again.
	Undo    uint64
	Created []Coin // one that is known already is overwritten
	Spent   []Coin // only Point, SpentBy and SpentAt are of interest
	// Forget, where not zero, deletes coins spent at or below this height, with
	// their holds.
	Forget uint64
	Next   [branches]uint32
	Cursor adapters.BlockRef
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
