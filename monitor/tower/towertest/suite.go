package towertest

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

const (
	here  htlc.ChainID = "bip122:here"
	there htlc.ChainID = "eip155:7"
)

// RunStore checks a store. open returns the same one each time, as after a
// restart.
func RunStore(t *testing.T, open func(t *testing.T) tower.Store) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) tower.Store){
		"packages":     packages,
		"replacement":  replacement,
		"tasks":        tasks,
		"cursors":      cursors,
		"unknown task": unknownTask,
		"drop":         drop,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func sealedPackage(owner byte, o tower.Opener) tower.Stored {
	return tower.Stored{
		Owner: htlc.PartyID{owner}, Locator: o.Locator(), Kind: o.Kind(), Bytes: []byte{owner, 1, 2}, Until: 1_900_000_000,
		Task: tower.Task{State: tower.Sealed},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func under(t *testing.T, s tower.Store, l tower.Locator) []tower.Stored {
	t.Helper()
	found, err := s.Packages(context.Background(), l)
	must(t, err)
	return found
}

// Two parties of one swap may each have a redeem under the same hash.
func packages(t *testing.T, open func(*testing.T) tower.Store) {
	ctx, s := context.Background(), open(t)
	o := tower.RedeemOpener(htlc.SecretHash{1})
	a, b, other := sealedPackage(1, o), sealedPackage(2, o), sealedPackage(1, tower.RefundOpener("packages"))
	for _, p := range []tower.Stored{a, b, other} {
		must(t, s.SavePackage(ctx, p))
	}
	s = open(t)
	if got := under(t, s, o.Locator()); !reflect.DeepEqual(got, []tower.Stored{a, b}) {
		t.Errorf("%+v", got)
	}
	if got := under(t, s, tower.RefundOpener("nobody's").Locator()); got != nil {
		t.Errorf("nobody's: %+v", got)
	}
	own, err := s.OwnPackages(ctx, a.Owner)
	must(t, err)
	a.Bytes, other.Bytes = nil, nil
	if !reflect.DeepEqual(own, []tower.Stored{a, other}) {
		t.Errorf("own %+v", own)
	}
	seen := map[tower.Locator]bool{}
	must(t, s.Locators(ctx, func(l tower.Locator) { seen[l] = true }))
	if !seen[o.Locator()] || !seen[other.Locator] {
		t.Errorf("locators %v", seen)
	}
}

// An owner may send a better one until the package has opened.
func replacement(t *testing.T, open func(*testing.T) tower.Store) {
	ctx, s := context.Background(), open(t)
	o := tower.RefundOpener("replacement")
	p := sealedPackage(3, o)
	must(t, s.SavePackage(ctx, p))
	p.Bytes, p.Until = []byte("better"), 1_900_000_001
	must(t, s.SavePackage(ctx, p))
	if got := under(t, s, o.Locator()); !reflect.DeepEqual(got, []tower.Stored{p}) {
		t.Errorf("%+v", got)
	}
	p.Task = tower.Task{State: tower.Opened, Chain: here, Opener: o}
	must(t, s.SaveTasks(ctx, []tower.Stored{p}, nil))
	late := p
	late.Bytes = []byte("late")
	if err := s.SavePackage(ctx, late); !errors.Is(err, tower.ErrInUse) {
		t.Errorf("replaced while in use: %v", err)
	}
	if got := under(t, s, o.Locator()); !reflect.DeepEqual(got, []tower.Stored{p}) {
		t.Errorf("%+v", got)
	}
}

func tasks(t *testing.T, open func(*testing.T) tower.Store) {
	ctx, s := context.Background(), open(t)
	secret, err := htlc.NewSecret(make([]byte, htlc.SecretSize))
	must(t, err)
	o := tower.RedeemOpener(secret.Hash())
	p, q := sealedPackage(4, o), sealedPackage(5, tower.RefundOpener("tasks"))
	must(t, s.SavePackage(ctx, p))
	must(t, s.SavePackage(ctx, q))
	p.Task = tower.Task{
		State: tower.Opened, Chain: there, Opener: o, Secret: &secret, Since: 1_800_000_000, From: 3, TxID: "0xab", GoneAt: 9,
	}
	q.Task = tower.Task{State: tower.Failed, Chain: there, Opener: tower.RefundOpener("tasks")}
	must(t, s.SaveTasks(ctx, []tower.Stored{p, q}, &tower.Cursor{Chain: there, Block: adapters.BlockRef{Height: 5}}))
	s = open(t)
	got, err := s.OpenPackages(ctx, there)
	must(t, err)
	if !reflect.DeepEqual(got, []tower.Stored{p}) {
		t.Errorf("open %+v, want %+v", got, p)
	}
	if elsewhere, err := s.OpenPackages(ctx, "eip155:8"); err != nil || elsewhere != nil {
		t.Errorf("elsewhere %+v, %v", elsewhere, err)
	}
	p.State = tower.Done
	must(t, s.SaveTasks(ctx, []tower.Stored{p}, nil))
	if got, err := s.OpenPackages(ctx, there); err != nil || got != nil {
		t.Errorf("done, but open: %+v, %v", got, err)
	}
	if got := under(t, s, q.Locator); !reflect.DeepEqual(got, []tower.Stored{q}) {
		t.Errorf("%+v", got)
	}
}

func cursors(t *testing.T, open func(*testing.T) tower.Store) {
	ctx, s := context.Background(), open(t)
	if _, known, err := s.TowerCursor(ctx, "eip155:9"); known || err != nil {
		t.Fatalf("a cursor out of nothing: %v", err)
	}
	block := adapters.BlockRef{Height: 7, Hash: adapters.Hash{1}, Parent: adapters.Hash{2}, Time: 11, Clock: 10}
	for range 2 {
		block.Height++
		must(t, s.SaveTasks(ctx, nil, &tower.Cursor{Chain: "eip155:9", Block: block}))
	}
	got, known, err := open(t).TowerCursor(ctx, "eip155:9")
	if err != nil || !known || got.Block != block {
		t.Errorf("%+v %v %v", got, known, err)
	}
}

// A package that expired meanwhile is not brought back by its task.
func unknownTask(t *testing.T, open func(*testing.T) tower.Store) {
	ctx, s := context.Background(), open(t)
	p := sealedPackage(6, tower.RefundOpener("gone"))
	p.State = tower.Opened
	must(t, s.SaveTasks(ctx, []tower.Stored{p}, nil))
	if got := under(t, s, p.Locator); got != nil {
		t.Errorf("%+v", got)
	}
}

// What is open is kept whatever was agreed: dropping it could cost its owner
// the leg.
func drop(t *testing.T, open func(*testing.T) tower.Store) {
	ctx, s := context.Background(), open(t)
	old, used, young := sealedPackage(7, tower.RefundOpener("old")), sealedPackage(7, tower.RefundOpener("used")),
		sealedPackage(7, tower.RefundOpener("young"))
	old.Until, used.Until, young.Until = 100, 100, 200
	for _, p := range []tower.Stored{old, used, young} {
		must(t, s.SavePackage(ctx, p))
	}
	used.Task = tower.Task{State: tower.Opened, Chain: here, Opener: tower.RefundOpener("used")}
	must(t, s.SaveTasks(ctx, []tower.Stored{used}, nil))
	n, err := s.DropPackages(ctx, 101)
	if err != nil || n != 1 {
		t.Fatalf("%d dropped, %v", n, err)
	}
	own, err := open(t).OwnPackages(ctx, htlc.PartyID{7})
	must(t, err)
	if len(own) != 2 || own[0].Locator == old.Locator || own[1].Locator == old.Locator {
		t.Errorf("left %+v", own)
	}
}
