package tower

import (
	"context"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Reader follows a chain; see adapters.Step for Next.
type Reader interface {
	Tip(ctx context.Context) (adapters.BlockRef, error)
	Next(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error)
	// Wait returns when the tip may have changed, or when ctx ends.
	Wait(ctx context.Context) error
	// Signs reads what one block shows that may open packages.
	Signs(ctx context.Context, block adapters.BlockRef) (adapters.Signs, error)
}

// Spender reads and spends contracts that it was not told of before.
type Spender interface {
	// Locked reads from the chain's state whether the contract is unspent by any
	// block.
	Locked(ctx context.Context, target string) (bool, error)
	// Push hands one spend of the package to the node: on chains with a ladder
	// the rung's, else the call, whose sender is the tower. What the node knows
	// already is a success.
	Push(ctx context.Context, p Package, rung int, secret htlc.Secret) (txid string, err error)
}

// Chain is one chain that a tower follows.
type Chain struct {
	ID      htlc.ChainID
	Reader  Reader
	Spender Spender
}

// State is how far a stored package is.
type State string

// The states of a stored package.
const (
	Sealed State = "sealed"
	Opened State = "open"
	Done   State = "done"   // spent, and deep enough
	Failed State = "failed" // what was inside is no package
)

// Stored is a package as the tower keeps it.
type Stored struct {
	Owner   htlc.PartyID
	Locator Locator
	Kind    Kind
	Bytes   []byte // sealed
	Until   int64  // unix seconds, wall clock: kept no longer while sealed
	Task
}

// Task is what the tower does with a package that has opened.
type Task struct {
	State  State
	Chain  htlc.ChainID // where it spends
	Opener Opener
	Secret *htlc.Secret // of a redeem
	// Since and From are clock and height of the spend's chain when it was due
	// first, 0 before.
	Since int64
	From  uint64
	TxID  string // of the last push
	// GoneAt is the height at which the contract was first seen spent, 0 while
	// it is locked.
	GoneAt uint64
}

// Shelf keeps packages. Everything is durable when it returns.
type Shelf interface {
	// SavePackage stores a sealed package; one of the same owner and locator
	// takes the place of the one before while that is sealed, else ErrInUse.
	SavePackage(ctx context.Context, p Stored) error
	// Packages lists what stands under a locator.
	Packages(ctx context.Context, l Locator) ([]Stored, error)
	// OwnPackages lists what an owner has, without the bytes.
	OwnPackages(ctx context.Context, owner htlc.PartyID) ([]Stored, error)
	// Locators visits every locator that a package stands under.
	Locators(ctx context.Context, visit func(Locator)) error
	// DropPackages forgets packages that were kept until before now, but for
	// open ones, and returns how many.
	DropPackages(ctx context.Context, now int64) (int64, error)
}

// Store is a Shelf that keeps the progress too.
type Store interface {
	Shelf
	// OpenPackages lists the open packages that spend on a chain.
	OpenPackages(ctx context.Context, chain htlc.ChainID) ([]Stored, error)
	// SaveTasks stores what became of packages and, where it is given, how far
	// a chain was read, in one transaction.
	SaveTasks(ctx context.Context, tasks []Stored, cursor *Cursor) error
	// TowerCursor is how far a chain was read; false where it never was.
	TowerCursor(ctx context.Context, chain htlc.ChainID) (Cursor, bool, error)
}

// Cursor is the last block of a chain whose signs were looked at.
type Cursor struct {
	Chain htlc.ChainID
	Block adapters.BlockRef
}
