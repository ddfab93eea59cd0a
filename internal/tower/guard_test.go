package tower_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// A lock waits until as many towers as required have its refund on their disks.
func TestSafety_A7_LockWaitsForTowers(t *testing.T) {
	k := newKit(t, 2, nil)
	k.funding = adapters.Tx{ID: "lock"}
	k.sites["b:1"].down = true
	if err := k.ensure(); !errors.Is(err, tower.ErrUnguarded) || !strings.Contains(err.Error(), "1 of 2") {
		t.Fatalf("one of two: %v", err)
	}
	k.sites["b:1"].down = false
	if err := k.ensure(); err != nil {
		t.Fatal(err)
	}
	if got := k.states(); got != "refund on bip122:model by a b; redeem on eip155:7 by a b; " {
		t.Error(got)
	}
	opener := guarded.RefundOpener("lock/0")
	for _, at := range []string{"a:1", "b:1"} {
		found := k.inside(at, opener)
		if len(found) != 1 {
			t.Fatalf("%s keeps %d refunds", at, len(found))
		}
		p, err := guarded.Open(found[0].Bytes, opener)
		if err != nil || p.Target != "refund lock/0 for 77" || p.Chain != btc || p.Opens != k.swap.Terms.Legs[0].TimeLock || p.Confirmations != 2 {
			t.Errorf("%s: %+v, %v", at, p, err)
		}
	}
	before := k.sites["a:1"].puts
	if err := k.ensure(); err != nil || k.sites["a:1"].puts != before {
		t.Errorf("handed over again: %d puts, %v", k.sites["a:1"].puts-before, err)
	}
}

// A redeem of the Bitcoin family is handed over when the other party's funding is
// known, and again where another takes its place.
func TestRedeemFollowsItsFunding(t *testing.T) {
	k := newKit(t, 1, nil)
	k.swap.Self = 1 // paid by the first leg
	if err := k.ensure(); err != nil {
		t.Fatal(err)
	}
	if got := k.states(); got != "refund on eip155:7 by a b; redeem on bip122:model by waits; " {
		t.Fatal(got)
	}
	opener := guarded.RedeemOpener(k.swap.Terms.SecretHash)
	for _, ref := range []string{"theirs:0", "instead:1"} {
		k.swap.Legs[0].FundRef = ref
		if err := k.ensure(); err != nil {
			t.Fatal(err)
		}
		found := k.inside("b:1", opener)
		if len(found) != 1 {
			t.Fatalf("%d packages", len(found))
		}
		if p, err := guarded.Open(found[0].Bytes, opener); err != nil || p.Target != "redeem "+ref || len(p.Ladder) != 1 {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// What a tower gets after its funding was in a block says so.
func TestLateRefundIsOpened(t *testing.T) {
	k := newKit(t, 1, func(terms *tower.Terms) { terms.Chains = []htlc.ChainID{btc, eth} })
	k.swap.Legs[0] = htlc.LegState{Status: htlc.LegInBlock, FundRef: "ours:0"} // of a restored swap
	if err := k.ensure(); err != nil {
		t.Fatal(err)
	}
	found := k.inside("a:1", guarded.RefundOpener("ours:0"))
	if len(found) != 1 || found[0].State == guarded.Sealed {
		t.Errorf("%+v", found)
	}
}

// Nothing is handed to a tower on other terms than the owner has written down.
func TestTermsThatAreNotAgreed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*tower.Terms)
		reason string
	}{
		"price":    {func(o *tower.Terms) { o.Price = "two teas" }, "TOWER_PRICE"},
		"stranger": {func(o *tower.Terms) { o.Strangers.Packages = 0 }, "TOWER_NO_AGREEMENT"},
		"chain":    {func(o *tower.Terms) { o.Chains = []htlc.ChainID{eth} }, "TOWER_CHAIN"},
		"time":     {func(o *tower.Terms) { o.Strangers.Longest = time.Hour }, "TOWER_TOO_LONG"},
		"quota":    {func(o *tower.Terms) { o.Strangers.Packages = 1 }, "TOWER_QUOTA"},
	} {
		k := newKit(t, 1, c.change)
		k.funding = adapters.Tx{ID: "lock"}
		var no *tower.Refusal
		if err := k.ensure(); !errors.Is(err, tower.ErrUnguarded) || !errors.As(err, &no) || no.Reason != c.reason {
			t.Errorf("%s: %v", name, err)
		}
		known, err := k.guard.Towers(t.Context())
		if err != nil || len(known) != 2 || name == "price" && known[0].Reason() != c.reason {
			t.Errorf("%s: %+v, %v", name, known, err)
		}
	}
}

// A tower that has lost everything is found out, and gets it again.
func TestTowerThatHasForgotten(t *testing.T) {
	k := newKit(t, 0, nil)
	k.funding = adapters.Tx{ID: "lock"}
	both := "refund on bip122:model by a b; redeem on eip155:7 by a b; "
	if k.guard.Pass(t.Context()); k.states() != both {
		t.Fatal(k.states())
	}
	now := func() time.Time { return k.clock }
	k.sites["a:1"] = newSite(t, now, k.terms)
	k.sites["b:1"].down = true
	k.clock = k.clock.Add(11 * time.Minute)
	k.guard.Pass(t.Context()) // finds out, and that the agreement is gone
	k.clock = k.clock.Add(time.Minute)
	k.sites["b:1"].down = false
	if k.guard.Pass(t.Context()); k.states() != both || len(k.inside("a:1", guarded.RefundOpener("lock/0"))) != 1 {
		t.Error(k.states())
	}
}

// A closed swap leaves nothing at its towers.
func TestClosedSwapsFreeTheQuota(t *testing.T) {
	k := newKit(t, 0, nil)
	k.funding = adapters.Tx{ID: "lock"}
	k.guard.Pass(t.Context())
	k.swap.Phase = htlc.PhaseClosed
	k.guard.Changed([]htlc.Swap{k.swap})
	k.guard.Pass(t.Context())
	if got := k.states(); got != "" {
		t.Error(got)
	}
	for _, at := range []string{"a:1", "b:1"} {
		if own, err := k.sites[at].host.List(t.Context(), self); err != nil || len(own) != 0 {
			t.Errorf("%s keeps %+v, %v", at, own, err)
		}
	}
	if known, err := k.guard.Towers(t.Context()); err != nil || known[0].Kept != 0 || known[0].Offer.AgreedUntil == 0 {
		t.Errorf("%+v, %v", known, err)
	}
}
