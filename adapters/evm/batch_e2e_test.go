//go:build e2e

package evm_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

// send is a transaction of the development account, in a block when it returns.
func (g *devGeth) send(ctx context.Context, t *testing.T, to *common.Address, data []byte) *types.Receipt {
	t.Helper()
	var accounts []common.Address
	if err := g.rpc.CallContext(ctx, &accounts, "eth_accounts"); err != nil || len(accounts) == 0 {
		t.Fatalf("accounts: %v", err)
	}
	call := map[string]any{"from": accounts[0], "input": hexutil.Bytes(data)}
	if to != nil {
		call["to"] = *to
	}
	var hash common.Hash
	if err := g.rpc.CallContext(ctx, &hash, "eth_sendTransaction", call); err != nil {
		t.Fatalf("send: %v", err)
	}
	for {
		var receipt *types.Receipt
		if err := g.rpc.CallContext(ctx, &receipt, "eth_getTransactionReceipt", hash); err == nil && receipt != nil {
			if receipt.Status != types.ReceiptStatusSuccessful {
				t.Fatalf("transaction %s reverted", hash)
			}
			return receipt
		}
		pause(ctx, t, 100*time.Millisecond)
	}
}

// settled waits until what an account has in the pool is in a block.
func (g *devGeth) settled(ctx context.Context, t *testing.T, account common.Address) {
	t.Helper()
	for {
		var mined, pending hexutil.Uint64
		for tag, into := range map[string]*hexutil.Uint64{"latest": &mined, "pending": &pending} {
			if err := g.rpc.CallContext(ctx, into, "eth_getTransactionCount", account, tag); err != nil {
				t.Fatal(err)
			}
		}
		if mined == pending {
			return
		}
		pause(ctx, t, 100*time.Millisecond)
	}
}

// One bad member of twenty, of each kind, on geth. It has finalized nothing yet, and says so.
func TestSafety_C10_OneBadOfTwentyOnGeth(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	g := startGeth(ctx, t)
	var parties [2]*party
	for i := range parties {
		key := newKey(t)
		account := evmtest.Account{Key: key, Address: crypto.PubkeyToAddress(key.PublicKey)}
		g.endow(ctx, t, account.Address)
		signer := evmtest.Signer{Account: account}
		if at, _, err := evm.Deploy(ctx, chainName, g.url, signer); err != nil {
			t.Fatalf("deploy to %s: %v", at, err)
		}
		book := evmtest.NewBook()
		a, err := evm.Open(ctx, evm.Config{Chain: chainName, URL: g.url, Bury: 2}, signer, book, book, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		t.Cleanup(a.Close)
		parties[i] = &party{Adapter: a, book: book, account: account}
	}
	if height, ok, err := parties[0].Finalized(ctx); err != nil || ok != (height > 0) {
		t.Fatalf("finalized %d, %t: %v", height, ok, err)
	}
	w := world{
		t: t, ctx: ctx, payer: parties[0], payee: parties[1],
		deploy: func(name string) common.Address {
			return g.send(ctx, t, nil, evmtest.Artifact(t, name).Bytecode).ContractAddress
		},
		call: func(to common.Address, data []byte) { g.send(ctx, t, &to, data) },
		settle: func() {
			for _, p := range parties {
				g.settled(ctx, t, p.account.Address)
			}
		},
	}
	w.oneBadOfTwenty()
}
