package towertest

import (
	"context"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// Keeper is all that is checked.
type Keeper interface {
	tower.Register
	tower.Guards
	guarded.Store
}

// Run checks a keeper. open returns the same one each time, as after a restart.
func Run(t *testing.T, open func(t *testing.T) Keeper) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) Keeper){
		"owners": owners, "guards": guards, "forgotten packages": forgotten,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func owners(t *testing.T, open func(*testing.T) Keeper) {
	ctx, k := context.Background(), open(t)
	o := tower.Owner{Party: htlc.PartyID{1, 2}, Price: "10 EUR", Since: 100, Until: 200}
	if got, known, err := k.FindOwner(ctx, o.Party); err != nil || known || got.Party != o.Party {
		t.Fatalf("%+v, %t, %v", got, known, err)
	}
	must(t, k.SaveOwner(ctx, o))
	o.Price, o.Until = "", 300
	must(t, k.SaveOwner(ctx, o))
	must(t, k.SaveOwner(ctx, tower.Owner{Party: htlc.PartyID{3}, Since: 1, Until: 2}))
	k = open(t)
	if got, known, err := k.FindOwner(ctx, o.Party); err != nil || !known || got != o {
		t.Errorf("%+v, %t, %v", got, known, err)
	}
	if n, err := k.CountOwners(ctx, 299); err != nil || n != 1 {
		t.Errorf("%d owners, %v", n, err)
	}
}

func guards(t *testing.T, open func(*testing.T) Keeper) {
	ctx, k := context.Background(), open(t)
	g := tower.Guarded{
		Swap: htlc.SwapID{1}, Leg: 0, Kind: guarded.Redeem, Tower: htlc.PartyID{9}, Locator: guarded.Locator{4}, About: "tx:0", Until: 500, KeptAt: 400,
	}
	other := g
	other.Leg, other.Kind, other.About = 1, guarded.Refund, ""
	must(t, k.SaveGuard(ctx, g))
	must(t, k.SaveGuard(ctx, other))
	g.About, g.Until, g.Locator = "tx:1", 600, guarded.Locator{5}
	must(t, k.SaveGuard(ctx, g))
	k = open(t)
	if got, err := k.SwapGuards(ctx, g.Swap); err != nil || !reflect.DeepEqual(got, []tower.Guarded{g, other}) {
		t.Errorf("%+v, %v", got, err)
	}
	if n, err := k.CountGuards(ctx, g.Tower, 550); err != nil || n != 1 {
		t.Errorf("%d kept, %v", n, err)
	}
	must(t, k.DropGuard(ctx, g))
	must(t, k.DropGuard(ctx, g))
	if got, err := k.SwapGuards(ctx, g.Swap); err != nil || !reflect.DeepEqual(got, []tower.Guarded{other}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := k.SwapGuards(ctx, htlc.SwapID{2}); err != nil || got != nil {
		t.Errorf("of another swap: %+v, %v", got, err)
	}
}

// What is open is not forgotten: it may be the owner's last chance.
func forgotten(t *testing.T, open func(*testing.T) Keeper) {
	ctx, k := context.Background(), open(t)
	owner := htlc.PartyID{5}
	o := guarded.RefundOpener("forgotten")
	p := guarded.Stored{Owner: owner, Locator: o.Locator(), Kind: guarded.Refund, Bytes: []byte{1}, Until: 1_900_000_000, Task: guarded.Task{State: guarded.Sealed}}
	must(t, k.SavePackage(ctx, p))
	for i, c := range []struct {
		owner htlc.PartyID
		want  bool
	}{{htlc.PartyID{6}, false}, {owner, true}, {owner, false}} {
		if got, err := k.ForgetPackage(ctx, c.owner, o.Locator()); err != nil || got != c.want {
			t.Errorf("%d: %t, %v", i, got, err)
		}
	}
	must(t, k.SavePackage(ctx, p))
	p.Task = guarded.Task{State: guarded.Opened, Chain: "eip155:7", Opener: o}
	must(t, k.SaveTasks(ctx, []guarded.Stored{p}, nil))
	if got, err := k.ForgetPackage(ctx, owner, o.Locator()); err != nil || got {
		t.Errorf("an open package is forgotten: %t, %v", got, err)
	}
}
