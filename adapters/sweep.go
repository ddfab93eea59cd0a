package adapters

import (
	"errors"

	"github.com/kofo-network/kofo/htlc"
)

var (
	// ErrNotInSweep: a member, which the error's metadata names, must be redeemed
	// alone; or there are too few members, or too many.
	ErrNotInSweep = errors.New("it cannot be a part of the sweep")
	// ErrSweepServes: the stored sweep is as good as a new one; broadcast it again.
	ErrSweepServes = errors.New("the stored sweep still serves")
)

// MetaMember is the key in an error's metadata for the index of the member of a
// sweep that it is about.
const MetaMember = "member"

// Sweep asks for one transaction that redeems the contracts of several legs, at
// the market's fee, so that each of them costs less than alone.
//
// The caller owes it that every secret in it is out already, or may come out
// now: whoever sees the sweep knows them all. It also owes every member a lone
// redeem that is signed and stored. A sweep is as slow as its slowest member and
// can be held up through any of them, so an adapter refuses a member once its
// deadline is near, and the caller then replaces the sweep by the lone redeems.
type Sweep struct {
	// Spends are the members. Fees.Deadline and Fees.Budget are the member's own:
	// within its budget its lone redeem can take the place of the whole sweep.
	Spends []Spend
	// Replace is the last stored sweep of these members or of others; the same
	// is returned where it still serves.
	Replace *Tx
}

// Swept is a signed sweep with what it saves.
type Swept struct {
	Tx Tx
	// Saved is what lone redeems of the members would have cost more at the same
	// price. A sweep that is returned again saves what it saved.
	Saved Saving
}

// Saving is in the units in which the chain prices a transaction (virtual bytes
// in the Bitcoin family, gas on EVM chains), and in the chain's own coin.
type Saving struct {
	Size uint64
	Fee  htlc.Amount
}

// CoSweep is a sweep by consent that waits for the other parties' answers. As a
// CoSpend it lives in memory only.
type CoSweep interface {
	// Messages are what the other parties need, one for each member in its order.
	Messages() [][]byte
	// Complete checks all answers and returns the signed sweep. It works once. A
	// wrong answer is named by its member in the error's metadata, and the sweep
	// is begun anew without it.
	Complete(answers [][]byte) (Swept, error)
}
