package tower

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

// Place is a tower that this node wants to be guarded by.
type Place struct {
	Name     string
	HostPort string
	Party    htlc.PartyID
	// Price is what the owner has agreed to, in the tower's words.
	Price string
}

// Refusal is what a tower answers instead. It is not an outage.
type Refusal struct{ Reason, Text string }

func (r *Refusal) Error() string { return fmt.Sprintf("the tower refuses (%s): %s", r.Reason, r.Text) }

// Caller calls towers, as this node's party. What a tower refuses is a *Refusal.
type Caller interface {
	Offer(ctx context.Context, to Place) (Offer, error)
	// Register agrees to the place's price and returns until when.
	Register(ctx context.Context, to Place) (int64, error)
	Put(ctx context.Context, to Place, p tower.Offered) error
	Drop(ctx context.Context, to Place, l tower.Locator) error
	// Has tells what the tower keeps for us.
	Has(ctx context.Context, to Place) (map[tower.Locator]tower.State, error)
}

// Maker makes what a tower needs on one chain; adapters are ones.
type Maker interface {
	// FundingRef names our own funding of a leg, once it is signed. On chains with
	// deployments the Terms alone tell, and no funding is given.
	FundingRef(terms htlc.Terms, leg int, funding adapters.Tx) (string, error)
	// EntrustRefund and EntrustRedeem make the spends of a leg. No fee but the
	// smallest is above most.
	EntrustRefund(ctx context.Context, terms htlc.Terms, leg int, ref string, most htlc.Amount) (adapters.Entrusted, error)
	EntrustRedeem(ctx context.Context, terms htlc.Terms, leg int, ref string, most htlc.Amount) (adapters.Entrusted, error)
}

// Guarded is a package of a swap that a tower has acknowledged.
type Guarded struct {
	Swap    htlc.SwapID
	Leg     int
	Kind    tower.Kind
	Tower   htlc.PartyID
	Locator tower.Locator
	About   string // the funding that it spends
	Until   int64  // unix seconds: kept at least so long
	KeptAt  int64  // unix seconds
}

// Guards keeps what was acknowledged. Everything is durable when it returns.
type Guards interface {
	// SaveGuard takes the place of what stood there for the same swap, leg, kind
	// and tower.
	SaveGuard(ctx context.Context, g Guarded) error
	DropGuard(ctx context.Context, g Guarded) error
	SwapGuards(ctx context.Context, swap htlc.SwapID) ([]Guarded, error)
	// CountGuards counts what a tower keeps until after now.
	CountGuards(ctx context.Context, tower htlc.PartyID, now int64) (int64, error)
}
