//go:build e2e

package conformance

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/beacon/engine"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/adaptertest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

// TestGeth: the node is a geth process that follows a consensus client by the
// engine API, as on the main network. The chain in this process stands for the
// rest of that network: it makes blocks of what the node's mempool holds.
func TestGeth(t *testing.T) {
	t.Parallel()
	deployer := newAccount(t)
	clock := newManualClock()
	chain := startEVM(t, evmchain.Options{Now: clock.now, Alloc: types.GenesisAlloc{deployer.Address: {Balance: ether(1000)}}})
	deployOn(t, chain, deployer)
	g := &gethChain{evmDevnet: evmDevnet{chain: chain, clock: clock}, node: startGeth(t, genesisOf(t, chain, types.GenesisAlloc{
		deployer.Address: {Balance: ether(1000)},
	}))}
	g.handOver(t)
	other := startGeth(t, genesisOf(t, chain, nil))
	genesis, err := chain.Client().HeaderByNumber(t.Context(), new(big.Int))
	if err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, g.node.url, other.url)
	wallets := &evmWallets{
		url: e.URL(), genesis: genesis.Hash(), mine: g.Mine,
		pay: func(t *testing.T, to common.Address, wei *big.Int) {
			if _, err := chain.Fund(t.Context(), to, wei); err != nil {
				t.Fatal(err)
			}
		},
	}
	adaptertest.Run(t, adaptertest.Harness{Profile: evmProfile(), Parties: wallets, Chain: g, Endpoint: e})
}

// genesisOf writes down how the chain in this process begins.
func genesisOf(t *testing.T, chain *evmchain.Chain, accounts types.GenesisAlloc) *core.Genesis {
	t.Helper()
	alloc := core.SystemContractAllocs()
	for address, account := range accounts {
		alloc[address] = account
	}
	balance, err := chain.Client().BalanceAt(t.Context(), chain.FaucetAddress(), new(big.Int))
	if err != nil {
		t.Fatal(err)
	}
	alloc[chain.FaucetAddress()] = types.Account{Balance: balance}
	return &core.Genesis{
		Config: evmchain.ChainConfig(chain.ChainID(), false), GasLimit: evmchain.DefaultGasLimit, Alloc: alloc,
		Difficulty: new(big.Int),
	}
}

// gethNode is a process with its two doors.
type gethNode struct {
	url    string
	client *ethclient.Client
	engine *rpc.Client
}

func startGeth(t *testing.T, genesis *core.Genesis) gethNode {
	t.Helper()
	dir, http, auth := t.TempDir(), freePort(t), freePort(t)
	encoded := encodeGenesis(t, genesis)
	var secret [32]byte
	secret[0] = 1
	for name, content := range map[string][]byte{"genesis.json": encoded, "jwt": []byte(hex.EncodeToString(secret[:]))} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	geth := program(t, "geth", "KOFO_GETH")
	if out, err := exec.Command(geth, "init", "--datadir", dir, filepath.Join(dir, "genesis.json")).CombinedOutput(); err != nil {
		t.Fatalf("geth init: %v\n%s", err, out)
	}
	spawn(t, geth, "--datadir", dir, "--networkid", genesis.Config.ChainID.String(), "--syncmode", "full", "--nodiscover",
		"--maxpeers", "0", "--port", "0", "--http", "--http.port", http, "--http.api", "eth,net,web3,txpool,debug",
		"--authrpc.port", auth, "--authrpc.jwtsecret", filepath.Join(dir, "jwt"), "--ipcdisable", "--verbosity", "1")
	g := gethNode{url: "http://127.0.0.1:" + http}
	eventually(t, "geth answers", func() error {
		if g.client == nil {
			client, err := ethclient.DialContext(t.Context(), g.url)
			if err != nil {
				return err
			}
			g.client = client
			t.Cleanup(client.Close)
		}
		_, err := g.client.ChainID(t.Context())
		return err
	})
	var err error
	if g.engine, err = rpc.DialOptions(t.Context(), "http://127.0.0.1:"+auth, rpc.WithHTTPAuth(node.NewJWTAuth(secret))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.engine.Close)
	return g
}

// encodeGenesis writes genesis.json. Releases of geth before 1.17 insist on an
// entry for Osaka among the blob schedules, which later ones do not know.
func encodeGenesis(t *testing.T, genesis *core.Genesis) []byte {
	t.Helper()
	encoded, err := json.Marshal(genesis)
	if err != nil {
		t.Fatal(err)
	}
	var loose map[string]any
	if err := json.Unmarshal(encoded, &loose); err != nil {
		t.Fatal(err)
	}
	config, ok := loose["config"].(map[string]any)
	if !ok {
		t.Fatalf("genesis %s", encoded)
	}
	blobs, ok := config["blobSchedule"].(map[string]any)
	if !ok {
		t.Fatalf("genesis %s", encoded)
	}
	blobs["osaka"] = blobs["prague"]
	if encoded, err = json.Marshal(loose); err != nil {
		t.Fatal(err)
	}
	return encoded
}

// gethChain is adaptertest.Chain.
type gethChain struct {
	evmDevnet
	node   gethNode
	handed map[common.Hash]bool
}

func (g *gethChain) Mine(t *testing.T, n int) {
	t.Helper()
	g.collect(t)
	g.evmDevnet.Mine(t, n)
	g.handOver(t)
}

func (g *gethChain) Reorg(t *testing.T, depth int, keep bool) {
	t.Helper()
	g.evmDevnet.Reorg(t, depth, keep)
	g.handOver(t)
}

func (g *gethChain) AdvanceClock(t *testing.T, to int64) {
	t.Helper()
	g.collect(t)
	g.evmDevnet.AdvanceClock(t, to)
	g.handOver(t)
}

func (g *gethChain) FeePaid(t *testing.T, tx adapters.Tx) htlc.Amount {
	t.Helper()
	return feeOf(t, g.node.client, tx)
}

// collect takes over what waits in the node's mempool. The mempool follows
// blocks and transactions with a delay, so it has to say the same twice.
func (g *gethChain) collect(t *testing.T) {
	t.Helper()
	var last []byte
	var content struct {
		Pending, Queued map[common.Address]map[string]*types.Transaction
	}
	eventually(t, "the mempool settles", func() error {
		var raw json.RawMessage
		if err := g.node.client.Client().CallContext(t.Context(), &raw, "txpool_content"); err != nil {
			return err
		}
		if settled := bytes.Equal(raw, last); !settled {
			last = raw
			return fmt.Errorf("%.200s", raw)
		}
		return json.Unmarshal(raw, &content)
	})
	for _, txs := range content.Pending {
		for range txs {
			for _, tx := range txs {
				// One that is known or comes too soon is refused: the next round tells.
				_ = g.chain.Client().SendTransaction(t.Context(), tx)
			}
		}
	}
}

// handOver gives the node the blocks that it has not seen, and names the head.
func (g *gethChain) handOver(t *testing.T) {
	t.Helper()
	if g.handed == nil {
		g.handed = map[common.Hash]bool{}
	}
	head := g.chain.Head()
	var missing []*types.Block
	for hash, number := head.Hash, head.Number; number > 0 && !g.handed[hash]; number-- {
		block, err := g.chain.Client().BlockByHash(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		missing = append(missing, block)
		hash = block.ParentHash()
	}
	for i := len(missing) - 1; i >= 0; i-- {
		payload := engine.BlockToExecutableData(missing[i], new(big.Int), nil, nil).ExecutionPayload
		var status engine.PayloadStatusV1
		err := g.node.engine.CallContext(t.Context(), &status, "engine_newPayloadV4", payload, []common.Hash{},
			missing[i].BeaconRoot(), []hexutil.Bytes{})
		if err != nil || status.Status != engine.VALID {
			t.Fatalf("block %d: %+v %v", missing[i].Number(), status, err)
		}
		g.handed[missing[i].Hash()] = true
	}
	var answer engine.ForkChoiceResponse
	err := g.node.engine.CallContext(t.Context(), &answer, "engine_forkchoiceUpdatedV3",
		engine.ForkchoiceStateV1{HeadBlockHash: head.Hash}, nil)
	if err != nil || answer.PayloadStatus.Status != engine.VALID {
		t.Fatalf("head %d: %+v %v", head.Number, answer, err)
	}
}
