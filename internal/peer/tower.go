package peer

import (
	"context"

	"google.golang.org/grpc"

	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer/wire"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// TowerLimits are those of a watchtower's server: it is called by nodes with many
// swaps, and its messages are larger.
func TowerLimits() Limits {
	l := DefaultLimits()
	l.CallEvery, l.CallBurst, l.Message = l.CallEvery/10, 100, wire.MaxTowerMessage
	return l
}

// Towers calls watchtowers as the party that Client's Identity is.
type Towers struct{ Client Client }

func (t Towers) call(to tower.Place, f func(grpc.ClientConnInterface) error) error {
	c := t.Client
	c.message = wire.MaxTowerMessage
	return c.call(agreement.Address{HostPort: to.HostPort, Party: to.Party}, f)
}

// Offer implements tower.Caller.
func (t Towers) Offer(ctx context.Context, to tower.Place) (offer tower.Offer, err error) {
	err = t.call(to, func(conn grpc.ClientConnInterface) (err error) {
		offer, err = wire.TowerOffer(ctx, conn)
		return err
	})
	return offer, err
}

// Register implements tower.Caller.
func (t Towers) Register(ctx context.Context, to tower.Place) (until int64, err error) {
	err = t.call(to, func(conn grpc.ClientConnInterface) (err error) {
		until, err = wire.TowerRegister(ctx, conn, to.Price)
		return err
	})
	return until, err
}

// Put implements tower.Caller.
func (t Towers) Put(ctx context.Context, to tower.Place, p guarded.Offered) error {
	return t.call(to, func(conn grpc.ClientConnInterface) error { return wire.TowerPut(ctx, conn, p) })
}

// Drop implements tower.Caller.
func (t Towers) Drop(ctx context.Context, to tower.Place, l guarded.Locator) error {
	return t.call(to, func(conn grpc.ClientConnInterface) error { return wire.TowerDrop(ctx, conn, l) })
}

// Has implements tower.Caller.
func (t Towers) Has(ctx context.Context, to tower.Place) (has map[guarded.Locator]guarded.State, err error) {
	err = t.call(to, func(conn grpc.ClientConnInterface) (err error) {
		has, err = wire.TowerHas(ctx, conn)
		return err
	})
	return has, err
}
