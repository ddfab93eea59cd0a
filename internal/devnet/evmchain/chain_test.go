package evmchain

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/ethclient/gethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
)

// Runtime code that logs one topic (42) and stores the block time in slot 0.
// PUSH1 42 PUSH1 0 PUSH1 0 LOG1 TIMESTAMP PUSH1 0 SSTORE STOP
var loggerCode = common.FromHex("602a60006000a1426000" + "5500")

var loggerAddress = common.HexToAddress("0x00000000000000000000000000000000000106e2")

func startTest(t *testing.T, opts Options) (*Chain, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	opts.Alloc = types.GenesisAlloc{
		crypto.PubkeyToAddress(key.PublicKey): {Balance: big.NewInt(10 * params.Ether / 10)},
		loggerAddress:                         {Code: loggerCode, Balance: new(big.Int)},
	}
	chain, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Close(); err != nil {
			t.Error(err)
		}
	})
	return chain, key
}

func dial(t *testing.T, url string) *rpc.Client {
	t.Helper()
	client, err := rpc.DialContext(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func sign(t *testing.T, key *ecdsa.PrivateKey, nonce uint64, to common.Address, wei int64) *types.Transaction {
	t.Helper()
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(DefaultChainID)), &types.DynamicFeeTx{
		ChainID:   big.NewInt(DefaultChainID),
		Nonce:     nonce,
		GasTipCap: big.NewInt(params.GWei),
		GasFeeCap: big.NewInt(10 * params.GWei),
		Gas:       300_000,
		To:        &to,
		Value:     big.NewInt(wei),
	})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func send(t *testing.T, chain *Chain, tx *types.Transaction) {
	t.Helper()
	if err := chain.Client().SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
}

func mine(t *testing.T, chain *Chain, n int) []common.Hash {
	t.Helper()
	hashes, err := chain.Mine(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return hashes
}

func TestRulesAreOsaka(t *testing.T) {
	config := ChainConfig(5, false)
	if fork := config.LatestFork(uint64(time.Now().Unix())).String(); fork != "Osaka" {
		t.Fatal(fork)
	}
	if fork := ChainConfig(5, true).LatestFork(uint64(time.Now().Unix())).String(); fork != "Amsterdam" {
		t.Fatal(fork)
	}
	if params.AllDevChainProtocolChanges.BogotaTime == nil {
		t.Fatal("the library's configuration was changed in place")
	}
}

func TestAmsterdamMines(t *testing.T) {
	chain, key := startTest(t, Options{Amsterdam: true})
	tx := sign(t, key, 0, loggerAddress, 0)
	send(t, chain, tx)
	mine(t, chain, 1)
	receipt, err := chain.Client().TransactionReceipt(t.Context(), tx.Hash())
	if err != nil || receipt.Status != 1 {
		t.Fatal(receipt, err)
	}
}

func TestTransferOverHTTP(t *testing.T) {
	chain, key := startTest(t, Options{})
	client := ethclient.NewClient(dial(t, chain.HTTPURL()))
	id, err := client.ChainID(t.Context())
	if err != nil || id.Uint64() != DefaultChainID {
		t.Fatal(id, err)
	}
	to := common.HexToAddress("0xb0b")
	tx := sign(t, key, 0, to, 1_234)
	if err := client.SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if _, pending, err := client.TransactionByHash(t.Context(), tx.Hash()); err != nil || !pending {
		t.Fatal("not in the mempool", err)
	}
	block := mine(t, chain, 1)[0]
	receipt, err := client.TransactionReceipt(t.Context(), tx.Hash())
	if err != nil || receipt.Status != 1 || receipt.BlockHash != block {
		t.Fatal(receipt, err)
	}
	balance, err := client.BalanceAt(t.Context(), to, nil)
	if err != nil || balance.Int64() != 1_234 {
		t.Fatal(balance, err)
	}
}

func TestNamespacesOverHTTP(t *testing.T) {
	chain, _ := startTest(t, Options{})
	client := dial(t, chain.HTTPURL())
	var result any
	for _, method := range []string{"eth_syncing", "eth_gasPrice", "eth_maxPriorityFeePerGas", "net_version", "web3_clientVersion", "txpool_status", "eth_accounts"} {
		if err := client.CallContext(t.Context(), &result, method); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	if err := client.CallContext(t.Context(), &result, "eth_feeHistory", "0x1", "latest", []float64{50}); err != nil {
		t.Error(err)
	}
	if err := client.CallContext(t.Context(), &result, "debug_traceBlockByNumber", "latest"); err != nil {
		t.Error(err)
	}
	for _, closed := range []string{"admin_nodeInfo", "miner_start", "engine_exchangeCapabilities"} {
		if err := client.CallContext(t.Context(), &result, closed); err == nil {
			t.Errorf("%s is served", closed)
		}
	}
}

func TestFinalizedFollowsTheHead(t *testing.T) {
	chain, _ := startTest(t, Options{FinalityDepth: 3})
	client := ethclient.NewClient(dial(t, chain.HTTPURL()))
	var last uint64
	for range 6 {
		mine(t, chain, 1)
		header, err := client.HeaderByNumber(t.Context(), big.NewInt(int64(rpc.FinalizedBlockNumber)))
		if err != nil {
			t.Fatal(err)
		}
		if got := header.Number.Uint64(); got < last {
			t.Fatalf("finalized went back from %d to %d", last, got)
		}
		last = header.Number.Uint64()
	}
	if head := chain.Head(); last != head.Number-3 || head.Finalized != last {
		t.Fatalf("finalized %d, head %+v", last, head)
	}
}

func TestCallWithStateOverride(t *testing.T) {
	chain, _ := startTest(t, Options{})
	client := gethclient.New(dial(t, chain.HTTPURL()))
	target := common.HexToAddress("0xdead")
	overrides := map[common.Address]gethclient.OverrideAccount{target: {
		// SLOAD slot 7 and return it
		Code:      common.FromHex("60075460005260206000f3"),
		StateDiff: map[common.Hash]common.Hash{common.BigToHash(big.NewInt(7)): common.BigToHash(big.NewInt(99))},
	}}
	out, err := client.CallContract(t.Context(), ethereum.CallMsg{To: &target}, nil, &overrides)
	if err != nil || new(big.Int).SetBytes(out).Int64() != 99 {
		t.Fatalf("%x %v", out, err)
	}
}

func TestLogsByBlockHashAndSubscriptions(t *testing.T) {
	chain, key := startTest(t, Options{})
	client := ethclient.NewClient(dial(t, chain.WSURL()))
	heads, logs := make(chan *types.Header, 16), make(chan types.Log, 16)
	headSub, err := client.SubscribeNewHead(t.Context(), heads)
	if err != nil {
		t.Fatal(err)
	}
	defer headSub.Unsubscribe()
	logSub, err := client.SubscribeFilterLogs(t.Context(), ethereum.FilterQuery{Addresses: []common.Address{loggerAddress}}, logs)
	if err != nil {
		t.Fatal(err)
	}
	defer logSub.Unsubscribe()
	send(t, chain, sign(t, key, 0, loggerAddress, 0))
	block := mine(t, chain, 1)[0]
	if head := receive(t, heads); head.Hash() != block {
		t.Fatalf("head %v", head.Hash())
	}
	if log := receive(t, logs); log.BlockHash != block || log.Removed {
		t.Fatalf("log %+v", log)
	}
	found, err := client.FilterLogs(t.Context(), ethereum.FilterQuery{BlockHash: &block, Addresses: []common.Address{loggerAddress}})
	if err != nil || len(found) != 1 || found[0].Topics[0].Big().Int64() != 42 {
		t.Fatal(found, err)
	}
	result, err := chain.Reorg(t.Context(), Reorg{Depth: 1, Empty: true})
	if err != nil {
		t.Fatal(err)
	}
	if log := receive(t, logs); !log.Removed || log.BlockHash != block {
		t.Fatalf("log %+v", log)
	}
	for head := receive(t, heads); head.Hash() != result.NewHead; head = receive(t, heads) {
		t.Logf("head %d", head.Number)
	}
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestAdvanceTimeMovesTheClockForGood(t *testing.T) {
	chain, key := startTest(t, Options{})
	before := chain.Head().Time
	send(t, chain, sign(t, key, 0, common.HexToAddress("0xb0b"), 1)) // a waiting transaction is no obstacle
	if err := chain.AdvanceTime(t.Context(), 30*time.Hour); err != nil {
		t.Fatal(err)
	}
	mine(t, chain, 1)
	if moved := chain.Head().Time.Sub(before); moved < 30*time.Hour || moved > 30*time.Hour+time.Minute {
		t.Fatalf("moved by %v", moved)
	}
	tx := sign(t, key, 1, loggerAddress, 0)
	send(t, chain, tx)
	mine(t, chain, 1)
	stored, err := chain.Client().StorageAt(t.Context(), loggerAddress, common.Hash{}, nil)
	if err != nil || new(big.Int).SetBytes(stored).Int64() != chain.Head().Time.Unix() {
		t.Fatalf("contract saw %x, %v", stored, err)
	}
}

func TestReorgKeepsTransactions(t *testing.T) {
	chain, key := startTest(t, Options{})
	tx := sign(t, key, 0, loggerAddress, 0)
	send(t, chain, tx)
	mine(t, chain, 2)
	old := chain.Head()
	result, err := chain.Reorg(t.Context(), Reorg{Depth: 2})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := chain.Client().TransactionReceipt(t.Context(), tx.Hash())
	if err != nil {
		t.Fatal(err)
	}
	head := chain.Head()
	if receipt.BlockNumber.Uint64() != result.ForkNumber+1 || head.Number != old.Number+1 || head.Hash == old.Hash {
		t.Fatalf("receipt %d, head %+v, result %+v", receipt.BlockNumber, head, result)
	}
}

func TestReorgReturnsToTheMempool(t *testing.T) {
	for _, evict := range []bool{false, true} {
		chain, key := startTest(t, Options{})
		first, second := sign(t, key, 0, loggerAddress, 0), sign(t, key, 1, loggerAddress, 0)
		send(t, chain, first)
		mine(t, chain, 1)
		send(t, chain, second)
		mine(t, chain, 1)
		result, err := chain.Reorg(t.Context(), Reorg{Depth: 2, Without: []common.Hash{first.Hash()}, Evict: evict})
		if err != nil {
			t.Fatal(err)
		}
		if len(result.LeftOut) != 2 {
			t.Fatalf("left out %v", result.LeftOut)
		}
		if waits := chain.eth.TxPool().Has(first.Hash()); waits == evict {
			t.Fatalf("evict %v, in the mempool %v", evict, waits)
		}
		mine(t, chain, 1)
		_, err = chain.Client().TransactionReceipt(t.Context(), second.Hash())
		if mined := err == nil; mined == evict {
			t.Fatalf("evict %v, mined again %v: %v", evict, mined, err)
		}
	}
}

func TestReorgWithConflict(t *testing.T) {
	chain, key := startTest(t, Options{})
	original, conflict := sign(t, key, 0, loggerAddress, 0), sign(t, key, 0, common.HexToAddress("0xb0b"), 7)
	next := sign(t, key, 1, common.HexToAddress("0xb0b"), 1)
	send(t, chain, original)
	mine(t, chain, 2)
	if _, err := chain.Reorg(t.Context(), Reorg{Depth: 2, Insert: []*types.Transaction{conflict, next}}); err == nil {
		t.Fatal("a nonce out of order was mined")
	}
	if _, err := chain.Reorg(t.Context(), Reorg{Depth: 2, Insert: []*types.Transaction{conflict}}); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Client().TransactionReceipt(t.Context(), conflict.Hash()); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Client().TransactionReceipt(t.Context(), original.Hash()); !errors.Is(err, ethereum.NotFound) {
		t.Fatalf("the original has a receipt: %v", err)
	}
}

func TestReorgStopsAtFinality(t *testing.T) {
	chain, _ := startTest(t, Options{FinalityDepth: 2})
	mine(t, chain, 5)
	if _, err := chain.Reorg(t.Context(), Reorg{Depth: 3}); !errors.Is(err, ErrFinalized) {
		t.Fatal(err)
	}
	if _, err := chain.Reorg(t.Context(), Reorg{Depth: 3, BreakFinality: true}); err != nil {
		t.Fatal(err)
	}
	if head := chain.Head(); head.Finalized != head.Number-2 {
		t.Fatalf("head %+v", head)
	}
}

func TestFund(t *testing.T) {
	chain, _ := startTest(t, Options{})
	to := common.HexToAddress("0xb0b")
	for range 3 {
		if _, err := chain.Fund(t.Context(), to, big.NewInt(params.Ether)); err != nil {
			t.Fatal(err)
		}
	}
	mine(t, chain, 1)
	balance, err := chain.Client().BalanceAt(t.Context(), to, nil)
	if err != nil || balance.Cmp(big.NewInt(3*params.Ether)) != 0 {
		t.Fatal(balance, err)
	}
}

func TestBadRequests(t *testing.T) {
	chain, _ := startTest(t, Options{})
	ctx := t.Context()
	_, mineErr := chain.Mine(ctx, 0)
	_, deepErr := chain.Reorg(ctx, Reorg{Depth: 10})
	_, shortErr := chain.Reorg(ctx, Reorg{Depth: 1, Blocks: -1})
	_, fundErr := chain.Fund(ctx, common.Address{}, big.NewInt(0))
	_, listenErr := Start(ctx, Options{Listen: "0.0.0.0:0"})
	for i, err := range []error{mineErr, deepErr, shortErr, fundErr, listenErr, chain.AdvanceTime(ctx, 0)} {
		if !errors.Is(err, ErrBadRequest) {
			t.Errorf("case %d: %v", i, err)
		}
	}
}

func TestTickerMinesUnlessPaused(t *testing.T) {
	chain, _ := startTest(t, Options{Interval: time.Millisecond})
	client := ethclient.NewClient(dial(t, chain.WSURL()))
	heads := make(chan *types.Header, 16)
	sub, err := client.SubscribeNewHead(t.Context(), heads)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	receive(t, heads)
	chain.Pause()
	number := chain.Head().Number
	if err := chain.tick(t.Context()); err != nil || chain.Head().Number != number {
		t.Fatalf("mined while paused: %v", err)
	}
	chain.Resume()
	for head := receive(t, heads); head.Number.Uint64() <= number; head = receive(t, heads) {
		t.Logf("head %d", head.Number)
	}
}
