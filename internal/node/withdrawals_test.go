package node

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/devnet"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/wallet"
)

// A withdrawal that was stored and, for a crash, never sent, is sent by the
// node that starts again, and settled once it is deep enough.
func TestStoredWithdrawalIsSent(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, _, ether := paidCore(ctx, t)
	on := p.core.chains[1]
	w := adapters.Withdrawal{RequestID: "one", Asset: ether, To: "0x00000000000000000000000000000000000000aa", Amount: htlc.NewAmount(1000)}
	tx, err := on.adapter.Withdraw(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	stored := store.Withdrawal{RequestID: w.RequestID, Tx: tx, Asset: w.Asset, To: w.To, Amount: w.Amount}
	if _, err := p.core.store.SaveWithdrawal(ctx, stored); err != nil {
		t.Fatal(err)
	}
	settled := func() bool {
		open, err := p.core.store.OpenWithdrawals(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range open {
			if err := p.follow(ctx, w.RequestID); err != nil {
				t.Fatal(err)
			}
		}
		return len(open) == 0
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !settled() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("never settled")
		}
	}
	list, _, err := p.Activity(ctx, on.id, "", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v: %v", list, err)
	}
	if m := list[0]; m.TxID != tx.ID || m.Confirmations < uint64(on.Confirms) || m.Failed || m.Fee.IsZero() || m.Fee.Cmp(tx.Fee) >= 0 {
		t.Errorf("shown as %+v; at most %s were signed", m, tx.Fee)
	}
	if again, err := p.Withdraw(ctx, w); err != nil || again.ID != tx.ID {
		t.Errorf("asked for again: %s, %v", again.ID, err)
	}
}

// paidCore is a core with an ether, whose parts do not run.
func paidCore(ctx context.Context, t *testing.T) (payments, *devnet.Network, htlc.AssetID) {
	t.Helper()
	seed := newSeed(t)
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	account, err := keys.EVMAccount(0)
	if err != nil {
		t.Fatal(err)
	}
	n := paidNetwork(ctx, t, account)
	p := payments{core: opened(ctx, t, settings(t, n, ""), seed)}
	return p, n, htlc.AssetID(string(p.core.chains[1].id) + "/slip44:60")
}

// silent is a chain whose node takes nothing.
type silent struct{ adapter }

func (silent) Broadcast(context.Context, adapters.Tx) error {
	return &adapters.Error{Reason: "NODE_UNREACHABLE", Op: "broadcast", Retryable: true, Err: adapters.ErrUnreachable}
}

// What is stored is paid in the end, so the answer is the payment and no
// error, after which somebody would ask for a second one.
func TestWithdrawalThatWaitsIsAnswered(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, _, ether := paidCore(ctx, t)
	works := p.core.chains[1].adapter
	p.core.chains[1].adapter = silent{works}
	w := adapters.Withdrawal{RequestID: "one", Asset: ether, To: "0x00000000000000000000000000000000000000aa", Amount: htlc.NewAmount(1000)}
	tx, err := p.Withdraw(ctx, w)
	if err != nil {
		t.Fatalf("told %v, and it is paid later", err)
	}
	p.core.chains[1].adapter = works
	open, err := p.core.store.OpenWithdrawals(ctx)
	if err != nil || len(open) != 1 || open[0].Tx.ID != tx.ID {
		t.Fatalf("open %+v: %v", open, err)
	}
	// The same id for another payment is no answer to it.
	w.To, w.Amount = "0x00000000000000000000000000000000000000bb", htlc.NewAmount(7777)
	if two, err := p.Withdraw(ctx, w); !errors.Is(err, store.ErrRequestReused) {
		t.Errorf("answered with %s: %v", two.ID, err)
	}
}

// A withdrawal of coins that another one has taken is refused, stored nowhere,
// and not paid when coins come.
func TestRefusedWithdrawalIsNotStored(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, n, ether := paidCore(ctx, t)
	amount, err := htlc.AmountFromBig(big.NewInt(6e17))
	if err != nil {
		t.Fatal(err)
	}
	n.EVM().Pause() // between two blocks
	w := adapters.Withdrawal{RequestID: "one", Asset: ether, To: "0x00000000000000000000000000000000000000aa", Amount: amount}
	if _, err := p.Withdraw(ctx, w); err != nil {
		t.Fatal(err)
	}
	w.RequestID = "two"
	if _, err := p.Withdraw(ctx, w); !errors.Is(err, adapters.ErrInsufficientFunds) {
		t.Fatalf("not refused: %v", err)
	}
	open, err := p.core.store.OpenWithdrawals(ctx)
	if err != nil || len(open) != 1 || open[0].RequestID != "one" {
		t.Errorf("open %+v: %v", open, err)
	}
}

// opened is a core whose parts do not run.
func opened(ctx context.Context, t *testing.T, cfg config.Config, seed *wallet.Seed) *core {
	t.Helper()
	c, err := openCore(ctx, cfg, nil, seed, slog.New(slog.DiscardHandler), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// paidNetwork has the Solidity deployment on it, and pays an account.
func paidNetwork(ctx context.Context, t *testing.T, account wallet.EVMAccount) *devnet.Network {
	t.Helper()
	o := devnet.Options{PayEVM: []devnet.Payment{{Address: account.Address().Hex(), Amount: big.NewInt(1e18)}}}
	o.Bitcoin.Interval, o.EVM.Interval = time.Second, 200*time.Millisecond
	n, err := devnet.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Log("the chains did not close in time:", err)
		}
	})
	if _, _, err := evm.Deploy(ctx, htlc.ChainID(n.Endpoints().EVM.ChainID), n.Endpoints().EVM.HTTP, account); err != nil {
		t.Fatal(err)
	}
	return n
}
