package evm_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/internal/devnet/liar"
)

// among is a party whose first back end lies; the others tell the truth.
type among struct {
	*party
	liar *liar.Liar
}

// among has two honest back ends where nothing else is said.
func (k *kit) among(honest ...int) among {
	k.t.Helper()
	var all []*liar.Liar
	size := 3
	if len(honest) > 0 {
		size = honest[0] + 1
	}
	for range size {
		l, err := liar.Start(k.Context(), k.url)
		if err != nil {
			k.t.Fatal(err)
		}
		k.t.Cleanup(func() {
			if err := l.Close(); err != nil {
				k.t.Error(err)
			}
		})
		all = append(all, l)
	}
	config := k.config()
	config.URL = all[0].URL
	for _, other := range all[1:] {
		config.More = append(config.More, other.URL)
	}
	config.Health = backend.Limits{MaxLag: 1, LagTime: 20 * time.Millisecond, Probation: 50 * time.Millisecond, Interval: 5 * time.Millisecond}
	book := evmtest.NewBook()
	a, err := evm.Open(k.Context(), config, evmtest.Signer{Account: k.Accounts[2]}, book, book, slog.New(slog.DiscardHandler))
	if err != nil {
		k.t.Fatalf("open: %v", err)
	}
	k.t.Cleanup(a.Close)
	return among{&party{Adapter: a, book: book, account: k.Accounts[2]}, all[0]}
}

// guard looks after the back ends until the test ends.
func (m among) guard(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Background(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// becomes waits until the liar is in a state, for a reason.
func (m among) becomes(t *testing.T, state backend.State, reason backend.Reason) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		all := m.BackEnds().Health()
		if all[0].State == state && all[0].Reason == reason {
			return
		}
		select {
		case <-timeout:
			t.Fatalf("the liar is %s %s (%s), want %s %s", all[0].State, all[0].Reason, all[0].Detail, state, reason)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestSafety_D6_LyingEndpointOfEVM: logs that are left out and receipts that
// are changed are found out by the block's own hash, heads that stand still or
// fall by the others; what is told is the truth, and the liar is named.
func TestSafety_D6_LyingEndpointOfEVM(t *testing.T) {
	k := newKit(t)
	m := k.among()
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(m.party, terms)
	cursor := k.tip(m.party)

	m.liar.Tell(liar.EmptyLogs, cursor.Height, nil)
	funding := k.fund("swap", terms)
	k.Commit()
	var seen bool
	for step := k.next(m.party, cursor); step.Kind == adapters.Connect; step = k.next(m.party, step.Block) {
		for _, f := range step.Facts {
			seen = seen || f.Kind == adapters.Funded
		}
	}
	if !seen || m.liar.Told() == 0 {
		t.Errorf("the funding is seen: %v, after %d lies", seen, m.liar.Told())
	}
	m.becomes(t, backend.SetAside, backend.Lied)

	m.liar.Tell(liar.FalseReceipt, 0, nil)
	asked := m.BackEnds().Pin(k.Context(), m.BackEnds().Health()[0].Name)
	paid, found, err := m.Paid(asked, funding.Txs[funding.Lock].ID)
	if err != nil || !found || paid.Failed || m.liar.Told() == 0 {
		t.Errorf("paid %+v %v %v, after %d lies", paid, found, err, m.liar.Told())
	}

	m.BackEnds().Accuse(m.BackEnds().Health()[0].Name, backend.Ahead, "so that the next lie is seen")
	m.liar.Tell(liar.FalseState, 0, nil)
	if open, err := m.Funded(asked, terms, 1, "", k.tip(k.payee)); err != nil || !open || m.liar.Told() == 0 {
		t.Errorf("funded: %v %v, after %d lies", open, err, m.liar.Told())
	}
	m.becomes(t, backend.SetAside, backend.Lied)

	m.liar.Tell(liar.None, 0, nil)
	m.guard(t)
	m.becomes(t, backend.Good, "")
	m.liar.Tell(liar.WentBack, k.tip(m.party).Height, nil)
	m.becomes(t, backend.SetAside, backend.WentBack)
	m.liar.Tell(liar.None, 0, nil)
	m.becomes(t, backend.Good, "")
	m.liar.Tell(liar.StaleHead, k.tip(m.party).Height, nil)
	for range 4 {
		k.Commit()
	}
	m.becomes(t, backend.SetAside, backend.Stale)
	if tip := k.tip(m.party); tip.Height < cursor.Height+4 {
		t.Errorf("the tip is %d", tip.Height)
	}
}

// Of two back ends one tells a height that it does not show: the other one is followed.
func TestAnInventedHeightOfOneOfTwo(t *testing.T) {
	k := newKit(t)
	m := k.among(1)
	m.guard(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(m.party, terms)
	cursor := k.tip(m.party)
	m.liar.Tell(liar.Invented, 0, nil)
	m.becomes(t, backend.SetAside, backend.Ahead)
	k.fund("swap", terms)
	k.Commit()
	var seen bool
	for step := k.next(m.party, cursor); step.Kind == adapters.Connect; step = k.next(m.party, step.Block) {
		seen = seen || len(step.Facts) == 1
	}
	if second := m.BackEnds().Health()[1]; !seen || second.State != backend.Good {
		t.Errorf("the funding is seen: %v; the honest one is %s %s: %s", seen, second.State, second.Reason, second.Detail)
	}
}

// TestSafety_D6_FalseStateHoldsNobodyUp: the back end that is asked says that nothing is locked; the state's
// root says otherwise.
func TestSafety_D6_FalseStateHoldsNobodyUp(t *testing.T) {
	k := newKit(t)
	m := k.among()
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.fund("swap", terms)
	k.Commit()
	m.liar.Tell(liar.FalseState, 0, nil)
	if err := m.SimulateRedeem(k.Context(), terms, 1, "funded"); err != nil || m.liar.Told() == 0 {
		t.Errorf("%v after %d lies", err, m.liar.Told())
	}
	m.becomes(t, backend.SetAside, backend.Lied)
}
