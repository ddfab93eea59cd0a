package evm_test

import (
	"log/slog"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/internal/devnet/liar"
)

// A node that catches up knows headers before it has their blocks: it is behind, what others have shown
// stands, and a scan says how far it read.
func TestANodeThatKnowsHeadersIsBehind(t *testing.T) {
	k := newKit(t)
	l, err := liar.Start(k.Context(), k.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	config, book := k.config(), evmtest.NewBook()
	config.URL = l.URL
	a, err := evm.Open(k.Context(), config, evmtest.Signer{Account: k.Accounts[2]}, book, book, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	p := &party{Adapter: a, book: book, account: k.Accounts[2]}
	contract := k.watch(p, k.terms("swap", 1, nativeAsset, evmtest.Ether))
	for range 4 {
		k.Commit()
	}
	cursor := k.tip(k.payee) // as another back end showed it
	l.Tell(liar.StaleHead, cursor.Height-2, nil)
	if step := k.next(p, cursor); step.Kind != adapters.AtTip || l.Told() == 0 {
		t.Fatalf("step %+v after %d lies", step, l.Told())
	}
	_, last, err := p.Scan(k.Context(), contract.ID, 0, cursor.Height)
	if err != nil || last.Height != cursor.Height-2 {
		t.Fatalf("a scan to block %d read up to %d: %v", cursor.Height, last.Height, err)
	}
}

// A node whose chain ends below the cursor, on another branch, has left the cursor's.
func TestAShorterBranchUndoesTheCursor(t *testing.T) {
	k := newKit(t)
	k.Commit()
	fork := k.tip(k.payee)
	for range 3 {
		k.Commit()
	}
	cursor := k.tip(k.payee)
	if err := k.Backend.Fork(common.Hash(fork.Hash)); err != nil {
		t.Fatal(err)
	}
	if step := k.next(k.payee, cursor); step.Kind != adapters.AtTip {
		t.Fatalf("nothing stands in its place yet: %+v", step)
	}
	if err := k.Backend.AdjustTime(1e9); err != nil { // another block than before
		t.Fatal(err)
	}
	k.Commit()
	for cursor.Height > fork.Height {
		step := k.next(k.payee, cursor)
		if step.Kind != adapters.Disconnect || step.Block.Hash != cursor.Parent {
			t.Fatalf("step %+v after %d", step, cursor.Height)
		}
		cursor = step.Block
	}
}
