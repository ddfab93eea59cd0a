//go:build e2e

package bitcoin_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
)

// litecoin is a litecoind process on a regression-test chain of its own. It
// speaks Bitcoin Core's dialect and has its mempool: limits of size and of
// chains, replacement, prices.
type litecoin struct {
	t      *testing.T
	url    string
	now    time.Time // the process's clock
	reward string    // address of the miner
}

// Heights at which the miner has coins to spend, and from which time locks are
// enforced (BIP-65).
const (
	richLitecoin   = 150
	matureLitecoin = 1360
)

// litecoinProgram is the program itself: what stands on the path on Debian is a
// wrapper that writes into the home folder.
func litecoinProgram(t *testing.T) string {
	t.Helper()
	for _, path := range []string{os.Getenv("KOFO_LITECOIND"), "/usr/lib/litecoin/litecoind"} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath("litecoind")
	if err != nil {
		t.Fatal("litecoind is missing: install it, or name it in KOFO_LITECOIND")
	}
	return path
}

func startLitecoind(t *testing.T, height int, flags ...string) *litecoin {
	t.Helper()
	dir, addr, peers := t.TempDir(), freePort(t), freePort(t)
	port := addr[strings.LastIndex(addr, ":")+1:]
	n := &litecoin{t: t, url: "http://" + addr, now: time.Unix(time.Now().Unix(), 0)}
	args := append([]string{
		"-regtest", "-datadir=" + dir, "-server", "-bind=" + peers, "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-rpcport=" + port,
		"-rpcuser=kofo", "-rpcpassword=kofo", "-txindex", "-fallbackfee=0.0001", "-dnsseed=0", "-discover=0", "-upnp=0", "-listenonion=0",
		// Its own default takes no replacements.
		"-mempoolreplacement=1", "-vbparams=mweb:-2:0", fmt.Sprintf("-mocktime=%d", n.now.Unix()),
	}, flags...)
	cmd := exec.CommandContext(t.Context(), litecoinProgram(t), args...)
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = out.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	n.awaitRPC()
	n.call(nil, "createwallet", "miner")
	n.call(&n.reward, "getnewaddress", "", "bech32")
	n.call(nil, "generatetoaddress", height, n.reward)
	// Blocks of one moment are dated ahead of it: the clock overtakes them.
	n.tick(time.Hour)
	n.call(nil, "generatetoaddress", 11, n.reward)
	return n
}

func (n *litecoin) awaitRPC() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 60*time.Second)
	defer cancel()
	for n.try(nil, "getblockcount") != nil {
		select {
		case <-ctx.Done():
			n.t.Fatal("litecoind does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// call asks and wants an answer.
func (n *litecoin) call(out any, method string, params ...any) {
	n.t.Helper()
	if err := n.try(out, method, params...); err != nil {
		n.t.Fatalf("%s: %v", method, err)
	}
}

func (n *litecoin) try(out any, method string, params ...any) error {
	return n.tryFor(n.t.Context(), out, method, params...)
}

func (n *litecoin) tryFor(ctx context.Context, out any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"method": method, "params": params, "id": 1})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth("kofo", "kofo")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	if answer.Error != nil {
		return errors.New(answer.Error.Message)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, out)
}

// Mine makes blocks a second apart.
func (n *litecoin) Mine(ctx context.Context, blocks int) ([]chainhash.Hash, error) {
	for range blocks {
		if err := errors.Join(n.tickFor(ctx, time.Second), n.tryFor(ctx, nil, "generatetoaddress", 1, n.reward)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (n *litecoin) tick(d time.Duration) {
	n.t.Helper()
	if err := n.tickFor(n.t.Context(), d); err != nil {
		n.t.Fatal(err)
	}
}

func (n *litecoin) tickFor(ctx context.Context, d time.Duration) error {
	n.now = n.now.Add(d)
	return n.tryFor(ctx, nil, "setmocktime", n.now.Unix())
}

// MineAt makes one block with a time that is not before the last one's.
func (n *litecoin) MineAt(ctx context.Context, at time.Time) (chainhash.Hash, error) {
	if d := at.Sub(n.now); d > 0 {
		if err := n.tickFor(ctx, d); err != nil {
			return chainhash.Hash{}, err
		}
	}
	return chainhash.Hash{}, n.tryFor(ctx, nil, "generatetoaddress", 1, n.reward)
}

// AdvanceTime moves the clock and the median time past.
func (n *litecoin) AdvanceTime(ctx context.Context, d time.Duration) error {
	if err := n.tickFor(ctx, d); err != nil {
		return err
	}
	_, err := n.Mine(ctx, 7)
	return err
}

// Pay sends from the miner.
func (n *litecoin) Pay(ctx context.Context, script []byte, amount int64) (chainhash.Hash, error) {
	addr := bitcoin.AddressOf(bitcoin.LitecoinRegtest(), script)
	var txid string
	if err := n.tryFor(ctx, &txid, "sendtoaddress", addr, btcutil.Amount(amount).ToBTC()); err != nil {
		return chainhash.Hash{}, err
	}
	id, err := chainhash.NewHashFromStr(txid)
	if err != nil {
		return chainhash.Hash{}, err
	}
	return *id, nil
}

func (n *litecoin) Submit(tx *wire.MsgTx) (chainhash.Hash, error) {
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return chainhash.Hash{}, err
	}
	return tx.TxHash(), n.try(nil, "sendrawtransaction", hex.EncodeToString(raw.Bytes()), 0)
}

// waits reports whether a transaction is in the mempool.
func (n *litecoin) waits(txid string) bool {
	n.t.Helper()
	var list []string
	n.call(&list, "getrawmempool")
	for _, id := range list {
		if id == txid {
			return true
		}
	}
	return false
}

// poolFloor is the least feerate that the mempool takes, in litoshi for 1,000
// vbytes.
func (n *litecoin) poolFloor() int64 {
	n.t.Helper()
	var info struct {
		Min float64 `json:"mempoolminfee"`
	}
	n.call(&info, "getmempoolinfo")
	amount, err := btcutil.NewAmount(info.Min)
	if err != nil {
		n.t.Fatal(err)
	}
	return int64(amount)
}

// newLitecoindKit is a kit on a litecoind process.
func newLitecoindKit(t *testing.T, height int, flags ...string) (*kit, *litecoin) {
	t.Helper()
	n := startLitecoind(t, height, flags...)
	k := &kit{network: n, url: n.url, user: "kofo", password: "kofo", t: t, params: bitcoin.LitecoinRegtest(), birth: uint64(height)}
	k.payer, k.payee = k.open("payer", bitcointest.NewBook()), k.open("payee", bitcointest.NewBook())
	for range 3 {
		k.pay(k.payer, 10_000_000)
	}
	k.mine(1)
	return k, n
}
