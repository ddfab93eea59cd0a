package devnet

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/internal/devnet/control"
)

func startTest(t *testing.T, opts Options) (*Network, *control.Client) {
	t.Helper()
	n, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, control.NewClient(n.Endpoints().Control)
}

const (
	// The outputs are paid to only, never spent.
	somebody    = "script:5120" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	somebodyEVM = "0x0000000000000000000000000000000000000b0b"
)

func status(t *testing.T, client *control.Client) control.Status {
	t.Helper()
	s, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStartBalances(t *testing.T) {
	n, _ := startTest(t, Options{
		PayBitcoin: []Payment{{Address: somebody, Amount: big.NewInt(5_000_000)}, {Address: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", Amount: big.NewInt(1_000_000)}},
		PayEVM:     []Payment{{Address: somebodyEVM, Amount: big.NewInt(7)}, {Address: somebodyEVM, Amount: big.NewInt(3)}},
	})
	balance, err := n.EVM().Client().BalanceAt(t.Context(), common.HexToAddress(somebodyEVM), nil)
	if err != nil || balance.Int64() != 10 {
		t.Fatal(balance, err)
	}
	if got := n.Bitcoin().Tip().Height; got != 116 {
		t.Fatalf("height %d", got)
	}
}

func TestControlMineAndPay(t *testing.T) {
	_, client := startTest(t, Options{})
	before := status(t, client)
	if _, err := client.PayBitcoin(t.Context(), somebody, 50_000, true); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PayEVM(t.Context(), somebodyEVM, big.NewInt(1), true); err != nil {
		t.Fatal(err)
	}
	btc, err := client.MineBitcoin(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	evm, err := client.MineEVM(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	after := status(t, client)
	if after.Bitcoin.Height != before.Bitcoin.Height+4 || after.Bitcoin.Hash != btc[2] {
		t.Fatalf("bitcoin %+v", after.Bitcoin)
	}
	if after.EVM.Number != before.EVM.Number+3 || after.EVM.Hash != evm[1] {
		t.Fatalf("evm %+v", after.EVM)
	}
}

func TestControlAdvance(t *testing.T) {
	_, client := startTest(t, Options{})
	before := status(t, client)
	after, err := client.Advance(t.Context(), 36*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	const seconds = 36 * 3600
	if after.Bitcoin.MedianTime < before.Bitcoin.MedianTime+seconds || after.EVM.Time < before.EVM.Time+seconds {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	again, err := client.AdvanceChains(t.Context(), control.AdvanceRequest{Seconds: 60, EVM: true})
	if err != nil {
		t.Fatal(err)
	}
	if again.Bitcoin != after.Bitcoin || again.EVM.ClockAheadSeconds != seconds+60 {
		t.Fatalf("after %+v, again %+v", after, again)
	}
}

func TestControlReorg(t *testing.T) {
	n, client := startTest(t, Options{})
	txid, err := client.PayBitcoin(t.Context(), somebody, 50_000, true)
	if err != nil {
		t.Fatal(err)
	}
	btc, err := client.ReorgBitcoin(t.Context(), control.ReorgRequest{Depth: 1, Without: []string{txid}, Evict: true})
	if err != nil || len(btc.LeftOut) != 1 || btc.LeftOut[0] != txid {
		t.Fatal(btc, err)
	}
	evmTx, err := client.PayEVM(t.Context(), somebodyEVM, big.NewInt(1), true)
	if err != nil {
		t.Fatal(err)
	}
	raw := encoded(t, n, evmTx)
	evm, err := client.ReorgEVM(t.Context(), control.ReorgRequest{Depth: 1, Insert: []string{raw}})
	if err != nil || len(evm.LeftOut) != 1 {
		t.Fatal(evm, err)
	}
	if s := status(t, client); s.Bitcoin.Hash != btc.NewTip || s.EVM.Hash != evm.NewTip {
		t.Fatalf("%+v", s)
	}
}

func encoded(t *testing.T, n *Network, hash string) string {
	t.Helper()
	tx, _, err := n.EVM().Client().TransactionByHash(t.Context(), common.HexToHash(hash))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(raw)
}

func TestControlRefusals(t *testing.T) {
	n, client := startTest(t, Options{})
	ctx := t.Context()
	_, blocks := client.MineBitcoin(ctx, 0)
	_, dust := client.PayBitcoin(ctx, somebody, 1, false)
	_, mainnet := client.PayBitcoin(ctx, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", 50_000, false)
	_, script := client.PayBitcoin(ctx, "script:zz", 50_000, false)
	_, evmAddr := client.PayEVM(ctx, "0x12", big.NewInt(1), false)
	_, hash := client.ReorgBitcoin(ctx, control.ReorgRequest{Depth: 1, Without: []string{"zz"}})
	_, insert := client.ReorgEVM(ctx, control.ReorgRequest{Depth: 1, Insert: []string{"00"}})
	_, noChain := client.AdvanceChains(ctx, control.AdvanceRequest{Seconds: 5})
	for i, err := range []error{blocks, dust, mainnet, script, evmAddr, hash, insert, noChain} {
		if !errors.Is(err, &control.Error{Reason: control.ReasonBadRequest}) {
			t.Errorf("case %d: %v", i, err)
		}
	}
	_, poor := client.PayBitcoin(ctx, somebody, 20_000*100_000_000, false)
	if !errors.Is(poor, &control.Error{Reason: control.ReasonInsufficientFunds}) {
		t.Error(poor)
	}
	if _, err := client.MineEVM(ctx, 6); err != nil {
		t.Fatal(err)
	}
	_, deep := client.ReorgEVM(ctx, control.ReorgRequest{Depth: 6})
	if !errors.Is(deep, &control.Error{Reason: control.ReasonFinalized}) {
		t.Error(deep)
	}
	endpoint := n.Endpoints().Control
	endpoint.Token = "guess"
	if _, err := control.NewClient(endpoint).Status(ctx); !errors.Is(err, &control.Error{Reason: control.ReasonUnauthorized}) {
		t.Error(err)
	}
}

func TestControlRefusesUnknownNames(t *testing.T) {
	n, _ := startTest(t, Options{})
	endpoint := n.Endpoints().Control
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint.URL+control.PathBitcoinMine, strings.NewReader(`{"block":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+endpoint.Token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Fatal(resp.Status, err)
	}
}

func TestSetMining(t *testing.T) {
	n, client := startTest(t, Options{})
	n.bitcoin.Pause()
	if err := client.SetMining(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	// Blocks on command come in any case.
	if _, err := client.MineEVM(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
}

func TestRunAnnouncesAndStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	file := filepath.Join(t.TempDir(), "endpoints.json")
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- errors.Join(Run(ctx, Options{EndpointsFile: file, Ready: writer}), writer.Close())
	}()
	announced, err := control.ReadEndpoints(reader)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := control.LoadEndpoints(file)
	if err != nil || saved != announced {
		t.Fatal(saved, announced, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if saved.Bitcoin.ChainID != "bip122:0f9188f13cb7b2c71f2a335e3a4fc328" || saved.EVM.ChainID != "eip155:1337" {
		t.Fatalf("%+v", saved)
	}
	if _, err := control.NewClient(saved.Control).Status(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := control.NewClient(saved.Control).Status(t.Context()); err == nil {
		t.Fatal("still served")
	}
}

func TestStartRefusesBadOptions(t *testing.T) {
	for name, opts := range map[string]Options{
		"listen on every interface": {Listen: "0.0.0.0:0"},
		"bitcoin address":           {PayBitcoin: []Payment{{Address: "x", Amount: big.NewInt(1)}}},
		"bitcoin amount":            {PayBitcoin: []Payment{{Address: somebody}}},
		"evm address":               {PayEVM: []Payment{{Address: "x", Amount: big.NewInt(1)}}},
		"evm amount":                {PayEVM: []Payment{{Address: somebodyEVM}}},
		"too many":                  {PayEVM: make([]Payment, maxFundings+1)},
	} {
		if _, err := Start(t.Context(), opts); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeReorg(f *testing.F) {
	f.Add([]byte(`{"depth":1,"without":["aa"],"insert":["bb"]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := decode[control.ReorgRequest](body)
		if err == nil && req == nil {
			t.Fatal("neither request nor error")
		}
		if err != nil && !errors.Is(err, ErrBadRequest) {
			t.Fatal(err)
		}
	})
}

func FuzzParseAmount(f *testing.F) {
	f.Add("1")
	f.Add("-1")
	f.Add("115792089237316195423570985008687907853269984665640564039457584007913129639935")
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := parseAmount(text)
		if err == nil && amount.Sign() <= 0 {
			t.Fatal(amount)
		}
	})
}

func FuzzHexScript(f *testing.F) {
	f.Add("script:00")
	f.Add("bcrt1q")
	f.Fuzz(func(t *testing.T, text string) {
		script, ok, err := hexScript(text)
		if ok && err == nil && !strings.EqualFold(text, "script:"+hex.EncodeToString(script)) {
			t.Fatal(text)
		}
		if !ok && !bytes.Equal(script, nil) {
			t.Fatal("a script without its mark")
		}
	})
}
