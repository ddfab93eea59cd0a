package tower_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	"github.com/kofo-network/kofo/internal/tower/towertest"
)

// hanging is a caller for whom one tower takes the connection and answers nothing.
type hanging struct {
	sites
	at string
}

func (h hanging) Offer(ctx context.Context, to tower.Place) (tower.Offer, error) {
	if to.HostPort == h.at {
		<-ctx.Done()
		return tower.Offer{}, ctx.Err()
	}
	return h.sites.Offer(ctx, to)
}

// Whoever asks holds the chain's signing: once as many towers as are required have
// acknowledged, one that hangs is not waited for.
func TestATowerThatHangsIsNotWaitedFor(t *testing.T) {
	k := newKit(t, 1, nil)
	k.funding = adapters.Tx{ID: "lock"}
	g := tower.NewGuard(tower.Options{
		Places: []tower.Place{
			{Name: "a", HostPort: "a:1", Party: htlc.PartyID{11}, Price: "tea"}, {Name: "b", HostPort: "b:1", Party: htlc.PartyID{12}, Price: "tea"},
		},
		Required: 1, Caller: hanging{k.sites, "b:1"}, Guards: k.kept, Makers: func(htlc.ChainID) (tower.Maker, error) { return towertest.Maker{}, nil },
		Funding: func(context.Context, htlc.Swap) (adapters.Tx, error) { return k.funding, nil },
		Budget:  func(htlc.Leg) htlc.Amount { return htlc.NewAmount(77) },
		Open:    func() []htlc.Swap { return nil }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	began := time.Now()
	k.clock = began
	k.swap.Terms.Legs[0].TimeLock, k.swap.Terms.Legs[1].TimeLock = began.Unix()+4200, began.Unix()+3600
	if err := g.Ensure(t.Context(), k.swap); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("one of one required has acknowledged, and it took %s", took)
	}
}
