//go:build e2e

package evm_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// devGeth is a geth process that mines a block each second.
type devGeth struct {
	url, ws string
	rpc     *rpc.Client
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func startGeth(ctx context.Context, t *testing.T) *devGeth {
	t.Helper()
	binary := os.Getenv("KOFO_GETH")
	if binary == "" {
		binary = filepath.Join("..", "..", "bin", "geth")
	}
	dir, http, ws := t.TempDir(), freePort(t), freePort(t)
	cmd := exec.CommandContext(ctx, binary, "--dev", "--dev.period", "1", "--datadir", dir, "--nodiscover", "--maxpeers", "0",
		"--http", "--http.port", http, "--http.api", "eth,net,web3,debug,txpool,dev,admin", "--rpc.allow-unprotected-txs",
		"--ws", "--ws.port", ws, "--ws.api", "eth,net,web3", "--authrpc.port", freePort(t), "--port", "0",
		"--ipcpath", filepath.Join(dir, "geth.ipc"))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatalf("start geth: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("geth:\n%s", output.String())
		}
	})
	g := &devGeth{url: "http://127.0.0.1:" + http, ws: "ws://127.0.0.1:" + ws}
	for g.rpc == nil {
		client, err := rpc.DialContext(ctx, g.url)
		if err == nil {
			var id string
			if err = client.CallContext(ctx, &id, "eth_chainId"); err == nil {
				g.rpc = client
			}
		}
		pause(ctx, t, 50*time.Millisecond)
	}
	t.Cleanup(g.rpc.Close)
	return g
}

// pause between two looks at another process.
func pause(ctx context.Context, t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		t.Fatalf("waited too long: %v", ctx.Err())
	case <-timer.C:
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// endow sends 100 coins from the development account, which the node itself signs for.
func (g *devGeth) endow(ctx context.Context, t *testing.T, to common.Address) {
	t.Helper()
	var accounts []common.Address
	if err := g.rpc.CallContext(ctx, &accounts, "eth_accounts"); err != nil || len(accounts) == 0 {
		t.Fatalf("accounts: %v", err)
	}
	var hash common.Hash
	err := g.rpc.CallContext(ctx, &hash, "eth_sendTransaction", map[string]any{
		"from": accounts[0], "to": to, "value": (*hexutil.Big)(new(big.Int).Mul(big.NewInt(100), evmtest.Ether)),
	})
	if err != nil {
		t.Fatalf("endow: %v", err)
	}
	for {
		var balance hexutil.Big
		if err := g.rpc.CallContext(ctx, &balance, "eth_getBalance", to, "latest"); err != nil {
			t.Fatal(err)
		}
		if balance.ToInt().Sign() > 0 {
			return
		}
		pause(ctx, t, 100*time.Millisecond)
	}
}

// until follows the chain to the next fact of a kind.
func until(ctx context.Context, t *testing.T, p *party, cursor *adapters.BlockRef, kind adapters.FactKind) adapters.Fact {
	t.Helper()
	for {
		step, err := p.Next(ctx, *cursor)
		if err != nil {
			t.Fatalf("next: %v", err)
		}
		if step.Kind == adapters.AtTip {
			if err := p.Wait(ctx); err != nil {
				t.Fatalf("waiting for %s: %v", kind, err)
			}
			continue
		}
		*cursor = step.Block
		for _, f := range step.Facts {
			if step.Kind == adapters.Connect && f.Kind == kind {
				return f
			}
		}
	}
}

// One leg redeemed, one refunded, and a funding undone by a reorganisation of depth 1 and 2, on geth.
func TestGeth(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	g := startGeth(ctx, t)
	var parties [2]*party
	for i, url := range []string{g.url, g.ws} {
		key := newKey(t)
		account := evmtest.Account{Key: key, Address: crypto.PubkeyToAddress(key.PublicKey)}
		g.endow(ctx, t, account.Address)
		signer := evmtest.Signer{Account: account}
		if at, _, err := evm.Deploy(ctx, chainName, g.url, signer); err != nil {
			t.Fatalf("deploy to %s: %v", at, err)
		}
		book := evmtest.NewBook()
		config := evm.Config{Chain: chainName, URL: url, Bury: 2, PollInterval: 50 * time.Millisecond}
		a, err := evm.Open(ctx, config, signer, book, book, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		t.Cleanup(a.Close)
		parties[i] = &party{Adapter: a, book: book, account: account}
	}
	payer, payee := parties[0], parties[1]
	for name, run := range map[string]func(context.Context, *testing.T, *devGeth, *party, *party){
		"redeem": gethRedeem, "refund": gethRefund, "reorg": gethReorg,
	} {
		t.Run(name, func(t *testing.T) { run(ctx, t, g, payer, payee) })
	}
}

func gethTerms(ctx context.Context, t *testing.T, payer, payee *party, owner string, lock int64) htlc.Terms {
	t.Helper()
	part, err := payer.Reserve(ctx, reservation(owner, evmtest.Ether))
	if err != nil {
		t.Fatal(err)
	}
	tip, err := payer.Tip(ctx)
	if err != nil {
		t.Fatal(err)
	}
	amount, err := htlc.AmountFromBig(evmtest.Ether)
	if err != nil {
		t.Fatal(err)
	}
	terms := htlc.Terms{
		Hash: htlc.HashSHA256, SecretHash: secret(1).Hash(), Legs: []htlc.Leg{{}, {
			Asset: nativeAsset, Amount: amount, PayerKey: part.Key, PayeeKey: payee.account.Address.Bytes(),
			Deployment: part.Deployment, Lane: part.Lane, Sequence: part.Sequence, TimeLock: tip.Clock + lock,
		}},
	}
	for _, p := range []*party{payer, payee} {
		if _, err := p.Watch(ctx, terms, 1, ""); err != nil {
			t.Fatal(err)
		}
	}
	return terms
}

func gethFund(ctx context.Context, t *testing.T, payer *party, owner string, terms htlc.Terms) adapters.Tx {
	t.Helper()
	f, err := payer.Fund(ctx, owner, terms, 1)
	if err != nil {
		t.Fatalf("fund: %v", err)
	}
	if err := payer.Broadcast(ctx, f.Txs[f.Lock]); err != nil {
		t.Fatalf("broadcast: %v", err)
	}
	return f.Txs[f.Lock]
}

func gethTip(ctx context.Context, t *testing.T, p *party) adapters.BlockRef {
	t.Helper()
	tip, err := p.Tip(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return tip
}

func gethRedeem(ctx context.Context, t *testing.T, _ *devGeth, payer, payee *party) {
	terms := gethTerms(ctx, t, payer, payee, "redeemed", 3600)
	cursor := gethTip(ctx, t, payee)
	if err := payee.SimulateRedeem(ctx, terms, 1, ""); err != nil {
		t.Fatalf("simulate: %v", err)
	}
	gethFund(ctx, t, payer, "redeemed", terms)
	fact := until(ctx, t, payee, &cursor, adapters.Funded)
	if err := payee.SimulateRedeem(ctx, terms, 1, fact.Ref); err != nil {
		t.Fatalf("simulate: %v", err)
	}
	tx, err := payee.Redeem(ctx, adapters.Spend{Terms: terms, Leg: 1, Secret: secret(1)})
	if err != nil {
		t.Fatalf("redeem: %v", err)
	}
	if err := payee.Broadcast(ctx, tx); err != nil {
		t.Fatalf("broadcast: %v", err)
	}
	fact = until(ctx, t, payer, &cursor, adapters.Redeemed)
	if fact.TxID != tx.ID || !fact.Secret.Equal(secret(1)) {
		t.Fatalf("fact %+v", fact)
	}
}

func gethRefund(ctx context.Context, t *testing.T, _ *devGeth, payer, payee *party) {
	terms := gethTerms(ctx, t, payer, payee, "refunded", 4)
	cursor := gethTip(ctx, t, payer)
	gethFund(ctx, t, payer, "refunded", terms)
	until(ctx, t, payer, &cursor, adapters.Funded)
	for gethTip(ctx, t, payer).Clock < terms.Legs[1].TimeLock {
		if err := payer.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := payer.Refund(ctx, adapters.Spend{Terms: terms, Leg: 1})
	if err != nil {
		t.Fatalf("refund: %v", err)
	}
	if err := payer.Broadcast(ctx, tx); err != nil {
		t.Fatalf("broadcast: %v", err)
	}
	if fact := until(ctx, t, payee, &cursor, adapters.Refunded); fact.TxID != tx.ID {
		t.Fatalf("fact %+v", fact)
	}
}

func gethReorg(ctx context.Context, t *testing.T, g *devGeth, payer, payee *party) {
	for depth := uint64(1); depth <= 2; depth++ {
		owner := "reorg" + strconv.FormatUint(depth, 10)
		terms := gethTerms(ctx, t, payer, payee, owner, 3600)
		cursor := gethTip(ctx, t, payee)
		tx := gethFund(ctx, t, payer, owner, terms)
		until(ctx, t, payee, &cursor, adapters.Funded)
		for range depth - 1 {
			cursor = gethStep(ctx, t, payee, cursor).Block
		}
		err := g.rpc.CallContext(ctx, nil, "debug_setHead", hexutil.Uint64(cursor.Height-depth))
		if err != nil {
			t.Fatalf("setHead: %v", err)
		}
		// The node mines on by itself; the funding comes again from its pool or from us.
		for range depth {
			step := gethStep(ctx, t, payee, cursor)
			if step.Kind != adapters.Disconnect || step.Block.Hash != cursor.Parent {
				t.Fatalf("depth %d: step %+v after %+v", depth, step, cursor)
			}
			cursor = step.Block
		}
		if err := payer.Broadcast(ctx, tx); err != nil {
			t.Fatalf("broadcast again: %v", err)
		}
		until(ctx, t, payee, &cursor, adapters.Funded)
		ok, err := payee.Funded(ctx, terms, 1, "", cursor)
		if err != nil || !ok {
			t.Fatalf("funded again: %t, %v", ok, err)
		}
	}
}

// gethStep waits until something follows the cursor.
func gethStep(ctx context.Context, t *testing.T, p *party, cursor adapters.BlockRef) adapters.Step {
	t.Helper()
	for {
		step, err := p.Next(ctx, cursor)
		if err != nil {
			t.Fatalf("next: %v", err)
		}
		if step.Kind != adapters.AtTip {
			return step
		}
		if err := p.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
