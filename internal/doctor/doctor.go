// Package doctor looks at everything that a swap relies on, and says what to do.
//
// A check that cannot be made is unknown, never passed. Nothing is changed by a
// look but a file of a few bytes in the data folder and in the copies' folder,
// which is taken away again.
//
// The caller owes it ports that answer within the context.
package doctor

import (
	"context"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/disk"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/breaker"
)

// State is what a check has found.
type State uint8

// The states, the worse the greater.
const (
	OK State = iota
	Warn
	Unknown
	Fail
)

// Check is one thing that was looked at.
type Check struct {
	ID, Subject string
	State       State
	Found       string
	Advice      string // empty where nothing is to be done
}

// Report is everything that was looked at, in a fixed order.
type Report struct {
	Checks   []Check
	OpenRows []string // of the safety catalogue
	At       time.Time
}

// Worst is the state of the worst check.
func (r Report) Worst() State {
	worst := OK
	for _, c := range r.Checks {
		worst = max(worst, c.State)
	}
	return worst
}

// Chain is one chain of the node.
type Chain struct {
	ID   htlc.ChainID
	Name string
	// Local: of one's own, such as regtest, where no peers are expected.
	Local bool
	// Indexed: the adapter needs the back end's index of transactions.
	Indexed bool
	// Lead and Lag are how far its clock may stand from this machine's.
	Lead, Lag time.Duration
	Status    func(ctx context.Context) (adapters.Status, error)
	Settings  func(ctx context.Context) (adapters.Settings, error)
	// Means is what is spendable of the coin for fees, and what a redeem takes
	// at the stress rate.
	Means func(ctx context.Context) (have, need htlc.Amount, err error)
	// Cursor is the height up to which facts are stored.
	Cursor func() (uint64, bool)
	// BackEnds is what is known of each, and Split whether no two agree.
	BackEnds func() []backend.Health
	Split    func() bool
	// Suspended is the state of the chain's breaker, nil while it is closed.
	Suspended func() *breaker.State
	// Coin is that of the fees.
	Coin Coin
}

// Coin is how people write an amount.
type Coin struct {
	Symbol   string
	Decimals uint32
}

// Signer is the process that holds the keys.
type Signer struct {
	Address string
	// Ask makes it answer and compares the answer with what it said at the start.
	Ask func(ctx context.Context) error
	// Timeout is how long a signature is waited for.
	Timeout time.Duration
}

// Node is what the doctor looks at beside the chains.
type Node struct {
	Durability func(ctx context.Context) ([]store.Setting, error)
	Dialect    string
	// Broker is embedded, or the connection of a cluster stands.
	Embedded  bool
	Connected func() bool
	Replicas  int
	Disk      func() disk.State
	Low       uint64
	DataDir   string
	Copies    []Folder
	Keys      func() error
	// Signer is nil where the keys are in this process.
	Signer   *Signer
	CertFile string
	Alarms   func() uint64
	Towers   int
	// Restricted and Limited: payouts go to listed addresses, and what leaves
	// is limited.
	Restricted, Limited bool
}

// Folder is one for copies of Terms.
type Folder struct {
	Dir      string
	Required bool
	// Inside runs a look into the folder where no call into it hangs, and gives up
	// after a while.
	Inside func(ctx context.Context, look func() error) error
	// Hangs is since when it does not answer, and what waits to be written there;
	// zero where it answers.
	Hangs func() (since time.Time, waiting int)
}

// Doctor looks.
type Doctor struct {
	Chains   []Chain
	Node     Node
	OpenRows []string
	Now      func() time.Time
}

// Look makes every check.
func (d *Doctor) Look(ctx context.Context) Report {
	r := Report{At: d.Now(), OpenRows: d.OpenRows}
	for _, c := range d.Chains {
		r.Checks = append(r.Checks, d.chain(ctx, c)...)
	}
	r.Checks = append(r.Checks, d.database(ctx)...)
	r.Checks = append(r.Checks, d.broker(), d.room(), d.fsync())
	for _, f := range d.Node.Copies {
		r.Checks = append(r.Checks, d.copies(ctx, f))
	}
	r.Checks = append(r.Checks, d.keys(ctx), d.certificate(), d.alarms(), d.towers(), d.payouts(), d.mainnet())
	return r
}
