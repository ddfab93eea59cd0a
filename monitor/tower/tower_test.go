package tower_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
	"github.com/kofo-network/kofo/monitor/tower/towertest"
)

const (
	btc htlc.ChainID = "bip122:model"
	eth htlc.ChainID = "eip155:7"
)

// chain is a chain of blocks that show signs, and one contract that somebody
// may spend. Its clock is a hundred times the height, and 50.
type chain struct {
	id     htlc.ChainID
	blocks []block // the best chain
	known  map[adapters.Hash]adapters.BlockRef
	forks  byte
	floor  uint64 // feerate below which the node refuses
	down   bool
	pushed []push
}

type block struct {
	ref    adapters.BlockRef
	signs  adapters.Signs
	spends bool // the contract
}

type push struct {
	rung   int
	secret htlc.Secret
}

func newChain(id htlc.ChainID) *chain {
	c := &chain{id: id, known: map[adapters.Hash]adapters.BlockRef{}}
	c.mine(block{})
	return c
}

func (c *chain) mine(b block) {
	var parent adapters.Hash
	if n := len(c.blocks); n > 0 {
		parent = c.blocks[n-1].ref.Hash
	}
	height := uint64(len(c.blocks))
	b.ref = adapters.BlockRef{
		Height: height, Hash: adapters.Hash{byte(height), byte(height >> 8), c.forks, 1}, Parent: parent, Clock: int64(height)*100 + 50,
	}
	c.blocks = append(c.blocks, b)
	c.known[b.ref.Hash] = b.ref
}

func (c *chain) undo(n int) {
	c.blocks = c.blocks[:len(c.blocks)-n]
	c.forks++
}

func (c *chain) tip() adapters.BlockRef { return c.blocks[len(c.blocks)-1].ref }

func (c *chain) Tip(context.Context) (adapters.BlockRef, error) { return c.tip(), nil }
func (c *chain) Wait(ctx context.Context) error                 { <-ctx.Done(); return nil }

func (c *chain) Next(_ context.Context, at adapters.BlockRef) (adapters.Step, error) {
	switch {
	case c.down:
		return adapters.Step{}, adapters.ErrUnreachable
	case at.Height >= uint64(len(c.blocks)) || c.blocks[at.Height].ref != at:
		return adapters.Step{Kind: adapters.Disconnect, Block: c.known[at.Parent]}, nil
	case at.Height+1 == uint64(len(c.blocks)):
		return adapters.Step{}, nil
	}
	return adapters.Step{Kind: adapters.Connect, Block: c.blocks[at.Height+1].ref}, nil
}

func (c *chain) Signs(_ context.Context, at adapters.BlockRef) (adapters.Signs, error) {
	return c.blocks[at.Height].signs, nil
}

func (c *chain) Locked(_ context.Context, target string) (bool, error) {
	if target != "contract" {
		return false, &adapters.Error{Reason: "MISMATCH", Op: "read " + target, Err: adapters.ErrMismatch}
	}
	for _, b := range c.blocks {
		if b.spends {
			return false, nil
		}
	}
	return true, nil
}

func (c *chain) Push(_ context.Context, p tower.Package, rung int, secret htlc.Secret) (string, error) {
	if len(p.Ladder) > 0 && p.Ladder[rung].FeeRate < c.floor {
		return "", &adapters.Error{Reason: "REJECTED", Op: "push", Err: adapters.ErrRejected}
	}
	c.pushed = append(c.pushed, push{rung, secret})
	return fmt.Sprintf("tx%d", rung), nil
}

// take forgets what was pushed and returns it.
func (c *chain) take() []push {
	out := c.pushed
	c.pushed = nil
	return out
}

type rig struct {
	t        *testing.T
	store    *towertest.Memory
	btc, eth *chain
	tower    *tower.Tower
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, store: towertest.NewMemory(), btc: newChain(btc), eth: newChain(eth)}
	r.restart()
	r.run()
	return r
}

func (r *rig) restart() {
	var err error
	r.tower, err = tower.Load(context.Background(), tower.Options{
		Store: r.store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1000, 0) },
		Chains: []tower.Chain{{btc, r.btc, r.btc}, {eth, r.eth, r.eth}},
		Quota: func(owner htlc.PartyID) tower.Quota {
			if owner != (htlc.PartyID{1}) {
				return tower.Quota{}
			}
			return tower.Quota{Packages: 4, Longest: time.Hour}
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// run lets the tower look at all that there is.
func (r *rig) run() {
	r.t.Helper()
	for _, id := range []htlc.ChainID{btc, eth} {
		for more := true; more; {
			var err error
			if more, err = r.tower.Step(context.Background(), id); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

func (r *rig) keep(p tower.Package, o tower.Opener) {
	r.t.Helper()
	sealed, err := tower.Seal(p, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.keepBytes(sealed, o)
}

func (r *rig) keepBytes(sealed []byte, o tower.Opener) {
	r.t.Helper()
	if err := r.tower.Keep(context.Background(), htlc.PartyID{1}, tower.Offered{
		Locator: o.Locator(), Kind: o.Kind(), Bytes: sealed, Until: 2000,
	}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) state(o tower.Opener) tower.State {
	r.t.Helper()
	found, err := r.store.Packages(context.Background(), o.Locator())
	if err != nil || len(found) != 1 {
		r.t.Fatalf("%d packages, %v", len(found), err)
	}
	return found[0].State
}

func (r *rig) want(c *chain, rungs ...int) {
	r.t.Helper()
	var got []int
	for _, p := range c.take() {
		got = append(got, p.rung)
	}
	if fmt.Sprint(got) != fmt.Sprint(rungs) {
		r.t.Fatalf("rungs pushed at height %d: %v, want %v", c.tip().Height, got, rungs)
	}
}

func ladder(rates ...uint64) []tower.Rung {
	var out []tower.Rung
	for _, rate := range rates {
		out = append(out, tower.Rung{FeeRate: rate, Raw: []byte{1}})
	}
	return out
}

var (
	funding     = tower.RefundOpener("funding:0")
	fundingSign = block{signs: adapters.Signs{Fundings: []string{"somebody's:1", "funding:0"}}}
)

// refund opens after 350 by the clock, which is after height 3.
func refund() tower.Package {
	return tower.Package{
		Kind: tower.Refund, Chain: btc, Target: "contract", Opens: 350, Confirmations: 2, Ladder: ladder(1000, 2000, 4000),
	}
}

func TestRefundWaitsForItsTimeLock(t *testing.T) {
	r := newRig(t)
	r.keep(refund(), funding)
	r.btc.mine(fundingSign) // height 1
	r.run()
	if got := r.state(funding); got != tower.Opened {
		t.Fatalf("the funding has opened it: %s", got)
	}
	r.btc.mine(block{})
	r.btc.mine(block{}) // clock 350
	r.run()
	r.want(r.btc)
	for _, rung := range []int{0, 1, 2, 2} { // climbs with every block
		r.btc.mine(block{})
		r.run()
		r.want(r.btc, rung)
	}
	r.btc.mine(block{spends: true})
	r.run()
	r.want(r.btc)
	if got := r.state(funding); got != tower.Opened {
		t.Fatalf("one confirmation of two: %s", got)
	}
	r.btc.mine(block{})
	r.run()
	if got := r.state(funding); got != tower.Done {
		t.Fatalf("buried: %s", got)
	}
}

func TestRefundClimbsToWhatTheNodeTakes(t *testing.T) {
	r := newRig(t)
	r.keep(refund(), funding)
	r.btc.floor = 2000
	r.btc.mine(fundingSign)
	for range 3 {
		r.btc.mine(block{})
	}
	r.run()
	r.want(r.btc, 1)
	r.btc.floor = 5000 // more than the ladder has: tried again with every block
	r.btc.mine(block{})
	r.run()
	r.want(r.btc)
	r.btc.floor = 0
	r.btc.mine(block{})
	r.run()
	r.want(r.btc, 2)
}

func secretOf(t *testing.T, b byte) htlc.Secret {
	t.Helper()
	raw := make([]byte, htlc.SecretSize)
	raw[0] = b
	s, err := htlc.NewSecret(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A secret that one chain shows completes the redeem on another at once.
func TestRedeemWithTheSecretOfAnotherChain(t *testing.T) {
	r := newRig(t)
	secret := secretOf(t, 9)
	opener := tower.RedeemOpener(secret.Hash())
	r.keep(tower.Package{
		Kind: tower.Redeem, Chain: btc, Target: "contract", Opens: 2000, Confirmations: 1, Ladder: ladder(1, 2, 3, 4, 5),
	}, opener)
	r.eth.mine(block{signs: adapters.Signs{Secrets: []htlc.Secret{secretOf(t, 8), secret}}})
	r.run()
	pushed := r.btc.take()
	if len(pushed) != 1 || pushed[0].rung != 0 || !pushed[0].secret.Equal(secret) {
		t.Fatalf("pushed %+v", pushed)
	}
	// Half of the way to the time lock the top is reached: 20 blocks to go.
	for _, rung := range []int{0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4} {
		r.btc.mine(block{})
		r.run()
		r.want(r.btc, rung)
	}
	r.btc.mine(block{spends: true})
	r.run()
	if got := r.state(opener); got != tower.Done {
		t.Fatal(got)
	}
}

// A spend that is undone is begun again, also after it counted as done.
func TestReorgBeginsAgain(t *testing.T) {
	for _, depth := range []int{1, 2} {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			r := newRig(t)
			r.keep(refund(), funding)
			r.btc.mine(fundingSign)
			for range 3 {
				r.btc.mine(block{})
			}
			r.btc.mine(block{spends: true})
			r.run()
			if depth == 2 {
				r.btc.mine(block{})
				r.run()
			}
			r.btc.take()
			r.btc.undo(depth)
			for range depth + 1 {
				r.btc.mine(block{})
			}
			r.run()
			if got := r.btc.take(); (len(got) > 0) != (depth == 1) {
				t.Fatalf("pushed %v", got)
			}
			// Deeper than agreed: only the funding's own return opens it again.
			r.btc.undo(len(r.btc.blocks) - 1)
			for range 3 {
				r.btc.mine(block{})
			}
			r.btc.mine(fundingSign)
			r.btc.mine(block{})
			r.run()
			if got := r.btc.take(); len(got) == 0 || r.state(funding) != tower.Opened {
				t.Fatalf("pushed %v, %s", got, r.state(funding))
			}
		})
	}
}

// A restart at any block changes nothing of what the contract gets.
func TestRestartAtAnyBlock(t *testing.T) {
	r := newRig(t)
	r.keep(refund(), funding)
	rungs := map[uint64][]int{4: {0}, 5: {1}, 6: {2}}
	for height := uint64(1); height <= 8; height++ {
		b := block{spends: height == 7}
		if height == 1 {
			b = fundingSign
		}
		r.btc.mine(b)
		r.restart()
		r.run()
		r.want(r.btc, rungs[height]...)
	}
	if got := r.state(funding); got != tower.Done {
		t.Fatal(got)
	}
}

func TestSignsOfAnOutageAreNotMissed(t *testing.T) {
	r := newRig(t)
	r.keep(refund(), funding)
	r.btc.down = true
	if _, err := r.tower.Step(context.Background(), btc); !errors.Is(err, adapters.ErrUnreachable) {
		t.Fatal(err)
	}
	r.btc.mine(fundingSign)
	for range 5 {
		r.btc.mine(block{})
	}
	r.btc.down = false
	r.run()
	if got := r.btc.take(); len(got) == 0 {
		t.Fatal("the refund is not pushed")
	}
}

// What an owner sealed may be anything.
func TestBadPackagesHurtNobodyElse(t *testing.T) {
	r := newRig(t)
	elsewhere := refund()
	elsewhere.Chain = "eip155:404"
	r.keep(elsewhere, tower.RefundOpener("elsewhere:0"))
	r.keepBytes([]byte("junk"), tower.RefundOpener("junk:0"))
	unknown := refund()
	unknown.Target = "unknown"
	r.keep(unknown, tower.RefundOpener("unknown:0"))
	r.keep(refund(), funding)
	r.btc.mine(block{signs: adapters.Signs{Fundings: []string{"elsewhere:0", "junk:0", "unknown:0", "funding:0"}}})
	for range 3 {
		r.btc.mine(block{})
	}
	r.run()
	r.want(r.btc, 0)
	for name, want := range map[string]tower.State{"elsewhere:0": tower.Failed, "junk:0": tower.Failed, "unknown:0": tower.Opened} {
		if got := r.state(tower.RefundOpener(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestQuota(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	offer := func(o tower.Opener) tower.Offered {
		return tower.Offered{Locator: o.Locator(), Kind: o.Kind(), Bytes: []byte{1}, Until: 1000 + 3600}
	}
	good := offer(funding)
	for _, c := range []struct {
		name  string
		owner byte
		spoil func(*tower.Offered)
		want  error
	}{
		{"stranger", 2, func(*tower.Offered) {}, tower.ErrStranger},
		{"too long", 1, func(o *tower.Offered) { o.Until++ }, tower.ErrTooLong},
		{"over", 1, func(o *tower.Offered) { o.Until = 1000 }, tower.ErrTooLong},
		{"empty", 1, func(o *tower.Offered) { o.Bytes = nil }, tower.ErrPackage},
		{"large", 1, func(o *tower.Offered) { o.Bytes = make([]byte, tower.MaxPackage+1) }, tower.ErrPackage},
		{"kind", 1, func(o *tower.Offered) { o.Kind = "gift" }, tower.ErrPackage},
	} {
		o := good
		c.spoil(&o)
		if err := r.tower.Keep(ctx, htlc.PartyID{c.owner}, o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for i := range 4 {
		if err := r.tower.Keep(ctx, htlc.PartyID{1}, offer(tower.RefundOpener(fmt.Sprint(i)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.tower.Keep(ctx, htlc.PartyID{1}, good); !errors.Is(err, tower.ErrQuota) {
		t.Errorf("a fifth: %v", err)
	}
	if err := r.tower.Keep(ctx, htlc.PartyID{1}, offer(tower.RefundOpener("3"))); err != nil {
		t.Errorf("a better one for the same: %v", err)
	}
	kept, err := r.tower.Kept(ctx, htlc.PartyID{1})
	if err != nil || len(kept.Packages) != 4 || kept.Quota.Packages != 4 {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if err := r.tower.Drop(ctx); err != nil {
		t.Error(err)
	}
}
