package node

import (
	"context"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/peer"
	"github.com/kofo-network/kofo/internal/tower"
)

// newGuard makes what hands this node's packages to its towers.
func (c *core) newGuard() *tower.Guard {
	var places []tower.Place
	for _, t := range c.cfg.Towers.List {
		places = append(places, tower.Place{Name: t.Name, HostPort: t.Address, Party: config.PartyID(t.Party), Price: t.Price})
	}
	return tower.NewGuard(tower.Options{
		Places: places, Required: c.cfg.Towers.Required,
		Caller: peer.Towers{Client: peer.Client{Identity: c.identity.TLS(), Dial: c.traces.DialOptions()}}, Guards: c.store,
		Makers: func(id htlc.ChainID) (tower.Maker, error) {
			on, err := c.chains.find(id)
			return on.adapter, err
		},
		Funding: c.storedFunding, Budget: c.chains.budget, Open: c.engine.Open, Now: time.Now, Log: c.log,
	})
}

// storedFunding is the lock of the last attempt, zero where none is stored.
func (c *core) storedFunding(ctx context.Context, s htlc.Swap) (last adapters.Tx, err error) {
	txs, err := c.store.Txs(ctx, s.ID, s.Out(), htlc.PurposeFund)
	if err != nil {
		return last, fmt.Errorf("read the funding of swap %s: %w", s.ID, err)
	}
	attempt, step := -1, -1
	for _, tx := range txs {
		if tx.Attempt > attempt || tx.Attempt == attempt && tx.Step > step {
			attempt, step, last = tx.Attempt, tx.Step, tx.Tx
		}
	}
	return last, nil
}

// guardedCopies asks for the copy of the Terms, and for the towers that the
// configuration requires: both stand outside of this node before anything is
// locked.
type guardedCopies struct {
	*copyKeeper
	guard *tower.Guard
}

func (g guardedCopies) EnsureCopy(ctx context.Context, s htlc.Swap) error {
	if err := g.copyKeeper.EnsureCopy(ctx, s); err != nil {
		return err
	}
	return g.guard.Ensure(ctx, s)
}
