package bitcoin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/internal/devnet/liar"
)

// among opens a party whose first back end lies; the others, two if nothing else
// is said, tell the truth.
func (k *kit) among(honest ...int) (*party, *liar.Liar) {
	k.t.Helper()
	return k.amongAs("among", honest...)
}

func (k *kit) amongAs(name string, honest ...int) (*party, *liar.Liar) {
	k.t.Helper()
	config := k.config()
	var first *liar.Liar
	all := 3
	if len(honest) > 0 {
		all = honest[0] + 1
	}
	for i := range all {
		l, err := liar.Start(k.ctx(), k.url)
		if err != nil {
			k.t.Fatal(err)
		}
		k.t.Cleanup(func() {
			if err := l.Close(); err != nil {
				k.t.Error(err)
			}
		})
		if i == 0 {
			first, config.URL = l, l.URL
			continue
		}
		config.More = append(config.More, bitcoin.BackEnd{URL: l.URL, User: config.User, Password: config.Password})
	}
	config.Health = backend.Limits{MaxLag: 1, LagTime: 20 * time.Millisecond, Probation: 50 * time.Millisecond, Interval: 5 * time.Millisecond}
	return k.openWith(name, bitcointest.NewBook(), config), first
}

// becomes waits until the first back end is in a state, for a reason.
func becomes(t *testing.T, p *party, state backend.State, reason backend.Reason) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		first := p.BackEnds().Health()[0]
		if first.State == state && first.Reason == reason {
			return
		}
		select {
		case <-timeout:
			t.Fatalf("the liar is %s %s (%s), want %s %s", first.State, first.Reason, first.Detail, state, reason)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestSafety_D6_LyingEndpointOfBitcoin: a block without its transactions is
// found out by its own hash, a head that stands still or falls by the others;
// what is told is the truth, and the liar is named.
func TestSafety_D6_LyingEndpointOfBitcoin(t *testing.T) {
	k := newKit(t)
	p, l := k.among()
	terms := k.terms("swap", 1, lockOf)
	k.watch(p, terms)
	cursor := k.tip(p)
	hashAt := func(height uint64) string {
		tip := k.tip(k.payer)
		if tip.Height == height {
			return tip.Hash.String()
		}
		return tip.Parent.String()
	}

	l.Tell(liar.EmptyLogs, cursor.Height, hashAt)
	k.fund("swap", terms)
	k.mine(1)
	if _, err := p.Next(k.ctx(), cursor); !errors.Is(err, adapters.ErrUnreachable) || l.Told() == 0 {
		t.Errorf("a block without its transactions: %v, after %d lies", err, l.Told())
	}
	becomes(t, p, backend.SetAside, backend.Lied)
	var seen bool
	for _, f := range k.next(p, cursor).Facts { // asks another one
		seen = seen || f.Kind == adapters.Funded
	}
	if !seen {
		t.Error("the funding is not seen")
	}

	l.Tell(liar.None, 0, nil)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Background(ctx) }()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	becomes(t, p, backend.Good, "")
	l.Tell(liar.WentBack, k.tip(p).Height, hashAt)
	becomes(t, p, backend.SetAside, backend.WentBack)
	l.Tell(liar.None, 0, nil)
	becomes(t, p, backend.Good, "")
	l.Tell(liar.StaleHead, k.tip(p).Height, hashAt)
	k.mine(4)
	becomes(t, p, backend.SetAside, backend.Stale)
	if tip := k.tip(p); tip.Height < cursor.Height+4 {
		t.Errorf("the tip is %d", tip.Height)
	}
}

// Of two back ends one tells a height that it does not show: the other one is
// followed, and its broadcasts arrive although the liar takes them for itself.
func TestAnInventedHeightOfOneOfTwo(t *testing.T) {
	k := newKit(t)
	p, l := k.among(1)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Background(ctx) }()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	terms := k.terms("swap", 1, lockOf)
	k.watch(p, terms)
	cursor := k.tip(p)
	l.Tell(liar.Swallow, 0, nil)
	funding, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	for _, tx := range funding.Txs {
		k.broadcast(p, tx)
	}
	node, timeout := rpcOf(t, k), time.After(20*time.Second)
	for waiting := 0; waiting != len(funding.Txs); { // the honest one is told in the background
		all, err := node.GetRawMempool()
		if err != nil {
			t.Fatal(err)
		}
		waiting = len(all)
		select {
		case <-timeout:
			t.Fatalf("%d of %d transactions are at the node", waiting, len(funding.Txs))
		case <-time.After(5 * time.Millisecond):
		}
	}
	if l.Told() == 0 {
		t.Error("the liar was not told")
	}
	l.Tell(liar.Invented, 0, nil)
	becomes(t, p, backend.SetAside, backend.Ahead)
	k.mine(1)
	if step := k.next(p, cursor); step.Kind != adapters.Connect || len(step.Facts) != 1 {
		t.Errorf("step %+v", step)
	}
	if second := p.BackEnds().Health()[1]; second.State != backend.Good {
		t.Errorf("the honest one is %s %s: %s", second.State, second.Reason, second.Detail)
	}
}

// TestSafety_D6_FalseStateHoldsNobodyUp: the back end that is asked says that the
// contract is spent; two know better.
func TestSafety_D6_FalseStateHoldsNobodyUp(t *testing.T) {
	k := newKit(t)
	p, l := k.amongAs("payee")
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	l.Tell(liar.FalseState, 0, nil)
	if err := p.SimulateRedeem(k.ctx(), terms, leg, ref); err != nil || l.Told() == 0 {
		t.Errorf("%v after %d lies", err, l.Told())
	}
	k.broadcast(k.payee, k.redeem(terms, ref, 1))
	k.mine(1)
	if err := p.SimulateRedeem(k.ctx(), terms, leg, ref); !errors.Is(err, adapters.ErrSpent) {
		t.Errorf("spent for everybody: %v", err)
	}
}
