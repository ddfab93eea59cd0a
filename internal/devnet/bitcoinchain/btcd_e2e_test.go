//go:build e2e

package bitcoinchain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/rpcclient"
	"github.com/btcsuite/btcd/wire/v2"
)

// TestSameAsBtcd gives a btcd process the same blocks and transactions and
// compares its replies, word by word.
func TestSameAsBtcd(t *testing.T) {
	chain := startTest(t, Options{})
	ours, theirs := dialTest(t, chain), startBtcd(t)
	u := newUser(t, chain)
	giveBlocks(t, chain, theirs, 1)
	var points [2]wire.OutPoint
	for i := range points {
		hash, err := chain.Pay(t.Context(), u.script, paid)
		if err != nil {
			t.Fatal(err)
		}
		points[i] = wire.OutPoint{Hash: hash}
		mineOnBoth(t, chain, theirs)
	}
	spent, unspent := points[0], points[1]
	mined := submit(t, chain, u.spend(spent, 1_000, 0))
	mineOnBoth(t, chain, theirs)
	mineOnBoth(t, chain, theirs)
	old := chain.Tip().Hash
	result, err := chain.Reorg(t.Context(), Reorg{Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	giveBlocks(t, chain, theirs, result.ForkHeight+1)
	same := func(method string, params ...any) {
		t.Helper()
		compare(t, ours, theirs, method, params...)
	}
	tip := chain.Tip()
	for _, method := range []string{"getbestblock", "getbestblockhash", "getblockchaininfo", "getblockcount", "getchaintips",
		"getconnectioncount", "getcurrentnet", "getdifficulty", "getinfo", "getmempoolinfo", "getrawmempool", "ping",
		"version", "getnetworkinfo", "getbalance", "nothing", "generate", "getblockhash", "estimatefee", "submitblock"} {
		same(method)
	}
	for _, hash := range []string{tip.Hash.String(), old.String(), unknownHash.String(), "xyz", ""} {
		same("getblockheader", hash)
		same("getblockheader", hash, false)
		same("getblock", hash)
		same("getblock", hash, 0)
		same("getblock", hash, 1)
		same("getblock", hash, 2)
		same("invalidateblock", hash+"00")
	}
	for height := int64(-1); height <= int64(tip.Height)+1; height++ {
		same("getblockhash", height)
		if hash, err := ours.GetBlockHash(height); err == nil {
			same("getblock", hash.String(), 2)
		}
	}
	compareTransactions(t, same, u, mined, spent, unspent)
}

func compareTransactions(t *testing.T, same func(string, ...any), u *user, mined chainhash.Hash, spent, unspent wire.OutPoint) {
	t.Helper()
	fresh := u.spend(unspent, 1_000, 0)
	nonFinal := u.spend(unspent, 1_000, uint32(time.Now().Add(time.Hour).Unix()))
	forged := u.spend(unspent, 1_000, 0)
	forged.TxIn[0].Witness[0][5] ^= 1
	cheap := u.spend(unspent, 1, 0)
	orphan := u.spend(wire.OutPoint{Hash: unknownHash}, 1_000, 0)
	dust := u.spend(unspent, paid-100, 0)

	text := func(tx *wire.MsgTx) string { return hex.EncodeToString(serialize(t, tx)) }
	for _, tx := range []*wire.MsgTx{nonFinal, forged, cheap, orphan, dust, fresh, fresh, u.spend(unspent, 1_001, 0), u.spend(unspent, 5_000, 0)} {
		same("testmempoolaccept", []string{text(tx)}, 0)
		same("testmempoolaccept", []string{text(tx)}, 0.00001)
		same("testmempoolaccept", []string{text(tx)})
		same("decoderawtransaction", text(tx))
		same("sendrawtransaction", text(tx))
		same("getrawmempool")
		same("getmempoolinfo")
	}
	same("sendrawtransaction", "0")
	same("sendrawtransaction", "zz")
	for _, txid := range []string{mined.String(), fresh.TxHash().String(), unknownHash.String(), spent.Hash.String(), unspent.Hash.String(), "zz"} {
		same("getrawtransaction", txid)
		same("getrawtransaction", txid, 1)
		same("gettxout", txid, 0)
		same("gettxout", txid, 0, false)
		same("gettxout", txid, 7)
		same("gettxspendingprevout", []map[string]any{{"txid": txid, "vout": 0}})
	}
	for _, addr := range []string{u.addr.EncodeAddress(), "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "nonsense",
		"mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc"} {
		same("validateaddress", addr)
	}
	for n := -1; n < 30; n++ {
		same("estimatefee", n)
	}
}

func compare(t *testing.T, ours, theirs *rpcclient.Client, method string, params ...any) {
	t.Helper()
	raws := make([]json.RawMessage, len(params))
	for i, param := range params {
		encoded, err := json.Marshal(param)
		if err != nil {
			t.Fatal(err)
		}
		raws[i] = encoded
	}
	ask := func(client *rpcclient.Client) string {
		result, err := client.RawRequest(method, raws)
		if err != nil {
			return err.Error()
		}
		return string(result)
	}
	if got, want := ask(ours), ask(theirs); got != want {
		t.Errorf("%s %s\n ours %.700s\n btcd %.700s", method, raws, got, want)
	}
}

// mineOnBoth shows btcd the waiting transactions before the block, since its fee
// estimates come from how long it saw them wait.
func mineOnBoth(t *testing.T, chain *Chain, to *rpcclient.Client) {
	t.Helper()
	for _, desc := range chain.pool.TxDescs() {
		if _, err := to.SendRawTransaction(desc.Tx.MsgTx(), true); err != nil {
			t.Fatal(err)
		}
	}
	mine(t, chain, 1)
	giveBlocks(t, chain, to, chain.Tip().Height)
}

func giveBlocks(t *testing.T, chain *Chain, to *rpcclient.Client, from int32) {
	t.Helper()
	for height := from; height <= chain.Tip().Height; height++ {
		block, err := chain.chain.BlockByHeight(height)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.SubmitBlock(btcutil.NewBlock(block.MsgBlock()), nil); err != nil {
			t.Fatalf("block %d: %v", height, err)
		}
	}
}

func startBtcd(t *testing.T) *rpcclient.Client {
	t.Helper()
	path := os.Getenv("KOFO_BTCD")
	if path == "" {
		path = filepath.Join("..", "..", "..", "bin", "btcd")
	}
	dir, rpc, peers := t.TempDir(), freePort(t), freePort(t)
	cmd := exec.CommandContext(t.Context(), path, "--regtest", "--datadir="+dir, "--logdir="+dir, "--configfile=/dev/null",
		"--listen="+peers, "--rpclisten="+rpc, "--rpcuser=kofo", "--rpcpass=kofo", "--notls", "--txindex", "--nodnsseed", "--rejectnonstd",
		"--miningaddr=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	client, err := rpcclient.New(&rpcclient.ConnConfig{Host: rpc, User: "kofo", Pass: "kofo", HTTPPostMode: true, DisableTLS: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Shutdown(); client.WaitForShutdown() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		if err := client.Ping(); err == nil {
			return client
		}
		select {
		case <-ctx.Done():
			t.Fatal("btcd does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(fmt.Errorf("free port: %w", err))
	}
	return addr
}
