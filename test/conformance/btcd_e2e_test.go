//go:build e2e

package conformance

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters/adaptertest"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
)

const (
	btcdUser     = "kofo"
	btcdPassword = "conformance"
)

// TestBtcd: the node is a btcd process that knows nothing of the suite. The
// chain in this process is its network: it mines what the node's mempool
// holds, and the node is handed every block.
func TestBtcd(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	chain, err := bitcoinchain.Start(t.Context(), bitcoinchain.Options{Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Close(); err != nil {
			t.Error(err)
		}
	})
	user, password := chain.Credentials()
	b := &btcdChain{
		bitcoinDevnet: bitcoinDevnet{chain: chain, clock: clock},
		network:       bitcoinRPC{chain.URL(), user, password}, node: startBtcd(t, "--regtest"),
	}
	b.handOver(t)
	e := newEndpoint(t, b.node.url, startBtcd(t, "--simnet").url)
	wallets := &bitcoinWallets{
		url: e.URL(), user: btcdUser, password: btcdPassword, mine: b.Mine,
		pay: func(t *testing.T, script []byte, satoshi int64) {
			if _, err := chain.Pay(t.Context(), script, satoshi); err != nil {
				t.Fatal(err)
			}
		},
	}
	adaptertest.Run(t, adaptertest.Harness{Profile: bitcoinProfile(), Parties: wallets, Chain: b, Endpoint: e})
}

func startBtcd(t *testing.T, network string) bitcoinRPC {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	spawn(t, program(t, "btcd", "KOFO_BTCD"), network, "--datadir="+dir, "--logdir="+filepath.Join(dir, "logs"),
		"--configfile=/dev/null", "--listen=127.0.0.1:"+freePort(t), "--rpclisten=127.0.0.1:"+port, "--rpcuser="+btcdUser,
		"--rpcpass="+btcdPassword, "--notls", "--txindex", "--nodnsseed", "--rejectnonstd", "--rpcmaxclients=100")
	node := bitcoinRPC{"http://127.0.0.1:" + port, btcdUser, btcdPassword}
	eventually(t, "btcd answers", func() error { return node.call(nil, "getblockcount") })
	return node
}

// bitcoinRPC is JSON-RPC in btcd's dialect.
type bitcoinRPC struct{ url, user, password string }

func (r bitcoinRPC) call(result any, method string, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth(r.user, r.password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var reply struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return fmt.Errorf("%s: %.200s: %w", method, raw, err)
	}
	if reply.Error != nil {
		return fmt.Errorf("%s: %s", method, reply.Error.Message)
	}
	if result == nil || len(reply.Result) == 0 {
		return nil
	}
	return json.Unmarshal(reply.Result, result)
}

// btcdChain is adaptertest.Chain.
type btcdChain struct {
	bitcoinDevnet
	network, node bitcoinRPC
	handed        []string // hashes of the blocks that the node has, by height
}

func (b *btcdChain) Mine(t *testing.T, n int) {
	t.Helper()
	b.collect(t)
	b.bitcoinDevnet.Mine(t, n)
	b.handOver(t)
}

func (b *btcdChain) Reorg(t *testing.T, depth int, keep bool) {
	t.Helper()
	b.bitcoinDevnet.Reorg(t, depth, keep)
	b.handOver(t)
}

func (b *btcdChain) AdvanceClock(t *testing.T, to int64) {
	t.Helper()
	b.collect(t)
	b.bitcoinDevnet.AdvanceClock(t, to)
	b.handOver(t)
}

// collect takes over what waits in the node's mempool, parents first.
func (b *btcdChain) collect(t *testing.T) {
	t.Helper()
	var waiting []string
	if err := b.node.call(&waiting, "getrawmempool"); err != nil {
		t.Fatal(err)
	}
	for range waiting {
		for _, txid := range waiting {
			var raw string
			if err := b.node.call(&raw, "getrawtransaction", txid, 0); err != nil {
				t.Fatal(err)
			}
			bin, err := hex.DecodeString(raw)
			if err != nil {
				t.Fatal(err)
			}
			tx := new(wire.MsgTx)
			if err := tx.Deserialize(bytes.NewReader(bin)); err != nil {
				t.Fatal(err)
			}
			// One that is known or whose parent is still missing is refused: the
			// next round tells.
			_, _ = b.chain.Submit(tx)
		}
	}
}

// handOver gives the node the blocks that it has not seen.
func (b *btcdChain) handOver(t *testing.T) {
	t.Helper()
	var missing []string
	for height := int(b.chain.Tip().Height); height > 0; height-- {
		var hash string
		if err := b.network.call(&hash, "getblockhash", height); err != nil {
			t.Fatal(err)
		}
		if height < len(b.handed) && b.handed[height] == hash {
			b.handed = b.handed[:height+1]
			break
		}
		missing = append(missing, hash)
	}
	if b.handed == nil {
		b.handed = []string{""}
	}
	b.handed = b.handed[:int(b.chain.Tip().Height)+1-len(missing)]
	for i := len(missing) - 1; i >= 0; i-- {
		var raw string
		if err := b.network.call(&raw, "getblock", missing[i], 0); err != nil {
			t.Fatal(err)
		}
		if err := b.node.call(nil, "submitblock", raw); err != nil {
			t.Fatal(err)
		}
		b.handed = append(b.handed, missing[i])
	}
	var best string
	if err := b.node.call(&best, "getbestblockhash"); err != nil || !strings.EqualFold(best, b.handed[len(b.handed)-1]) {
		t.Fatalf("the node's best block is %s, the network's %s: %v", best, b.handed[len(b.handed)-1], err)
	}
}
