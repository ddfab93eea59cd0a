//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/kofo-network/kofo/adapters/evm"
)

const (
	rpcUser     = "kofo"
	rpcPassword = "e2e"
)

// chains are one Bitcoin and one Ethereum chain, each with a block a second.
type chains struct {
	bitcoin  *bitcoind
	ethereum *gethd
	mining   context.CancelFunc
}

// startChains returns when both chains have coins to give, the contract is
// deployed, and their clocks are at most as late as one-second blocks make
// them.
func startChains(ctx context.Context, dir string) (*chains, error) {
	c := &chains{mining: func() {}}
	var err error
	if c.bitcoin, err = startBtcd(ctx, dir); err != nil {
		return c, fmt.Errorf("btcd: %w", err)
	}
	mining, stop := context.WithCancel(context.Background())
	c.mining = stop
	go c.bitcoin.tick(mining) //nolint:contextcheck // blocks come until stop, however long the start may take
	if c.ethereum, err = startGeth(ctx, dir); err != nil {
		return c, fmt.Errorf("geth: %w", err)
	}
	deployer, err := newAccount()
	if err != nil {
		return c, err
	}
	if err := c.ethereum.pay(ctx, deployer.Address(), big.NewInt(1e18)); err != nil {
		return c, err
	}
	if _, _, err := evm.Deploy(ctx, ethereumChain, c.ethereum.url, deployer); err != nil {
		return c, fmt.Errorf("deploy: %w", err)
	}
	return c, c.bitcoin.settle(ctx)
}

func (c *chains) stop() {
	c.mining()
	if c.ethereum != nil && c.ethereum.child != nil {
		c.ethereum.kill()
	}
	if c.bitcoin != nil && c.bitcoin.child != nil {
		c.bitcoin.kill()
	}
}

// bitcoind is a btcd process on regtest that mines a block each second.
type bitcoind struct {
	*child
	url   string
	key   *btcec.PrivateKey
	miner []byte // output script of the key

	mu   sync.Mutex // one who mines, undoes or takes a coinbase at a time
	next int        // height of the first coinbase that was not used yet
}

func startBtcd(ctx context.Context, dir string) (*bitcoind, error) {
	path, err := program("btcd")
	if err != nil {
		return nil, err
	}
	key, err := btcec.NewPrivateKey()
	if err != nil {
		return nil, err
	}
	output := txscript.ComputeTaprootKeyNoScript(key.PubKey())
	to, err := address.NewAddressTaproot(schnorr.SerializePubKey(output), &chaincfg.RegressionNetParams)
	if err != nil {
		return nil, err
	}
	script, err := txscript.PayToTaprootScript(output)
	if err != nil {
		return nil, err
	}
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	rpcPort, err := freePort()
	if err != nil {
		return nil, err
	}
	b := &bitcoind{url: fmt.Sprintf("http://127.0.0.1:%d", rpcPort), key: key, miner: script, next: 1}
	b.child, err = spawn("btcd", dir, nil, path, "--regtest", "--datadir="+filepath.Join(dir, "btcd"),
		"--logdir="+filepath.Join(dir, "btcd-logs"), "--configfile=/dev/null",
		fmt.Sprintf("--listen=127.0.0.1:%d", listen), fmt.Sprintf("--rpclisten=127.0.0.1:%d", rpcPort),
		"--rpcuser="+rpcUser, "--rpcpass="+rpcPassword, "--notls", "--txindex", "--nodnsseed",
		"--rejectnonstd", "--rpcmaxclients=200", "--miningaddr="+to.EncodeAddress())
	if err != nil {
		return nil, err
	}
	if err := eventually(ctx, "btcd answers", func() error { return b.call(ctx, nil, "getblockcount") }); err != nil {
		return nil, err
	}
	err = b.mine(ctx, 110)
	return b, err
}

func (b *bitcoind) call(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth(rpcUser, rpcPassword)
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
		Error  *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return fmt.Errorf("%s: %s: %w", method, raw, err)
	}
	if reply.Error != nil {
		return fmt.Errorf("%s: %d %s", method, reply.Error.Code, reply.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(reply.Result, result)
}

func (b *bitcoind) mine(ctx context.Context, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.call(ctx, nil, "generate", n)
}

// tick mines a block each second until ctx ends.
func (b *bitcoind) tick(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		_ = b.mine(ctx, 1)
	}
}

// settle waits until median time past, which many blocks at once push ahead,
// is behind real time again.
func (b *bitcoind) settle(ctx context.Context) error {
	return eventually(ctx, "median time past is in the past", func() error {
		var info struct{ MedianTime int64 }
		if err := b.call(ctx, &info, "getblockchaininfo"); err != nil {
			return err
		}
		if ahead := info.MedianTime - time.Now().Unix(); ahead > -3 {
			return fmt.Errorf("it is %d seconds ahead", ahead)
		}
		return nil
	})
}

// reorg undoes the last blocks and mines one more than that.
func (b *bitcoind) reorg(ctx context.Context, depth int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var height int
	if err := b.call(ctx, &height, "getblockcount"); err != nil {
		return err
	}
	var hash string
	if err := b.call(ctx, &hash, "getblockhash", height-depth+1); err != nil {
		return err
	}
	if err := b.call(ctx, nil, "invalidateblock", hash); err != nil {
		return err
	}
	return b.call(ctx, nil, "generate", depth+1)
}

// pay sends coins of a mature coinbase.
func (b *bitcoind) pay(ctx context.Context, to string, satoshi int64) error {
	decoded, err := address.DecodeAddress(to, &chaincfg.RegressionNetParams)
	if err != nil {
		return err
	}
	script, err := txscript.PayToAddrScript(decoded)
	if err != nil {
		return err
	}
	coin, value, err := b.coinbase(ctx)
	if err != nil {
		return err
	}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&coin, nil, nil))
	tx.AddTxOut(wire.NewTxOut(satoshi, script))
	tx.AddTxOut(wire.NewTxOut(value-satoshi-2000, b.miner))
	fetcher := txscript.NewCannedPrevOutputFetcher(b.miner, value)
	witness, err := txscript.TaprootWitnessSignature(tx, txscript.NewTxSigHashes(tx, fetcher), 0, value, b.miner,
		txscript.SigHashDefault, b.key)
	if err != nil {
		return err
	}
	tx.TxIn[0].Witness = witness
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return err
	}
	return b.call(ctx, nil, "sendrawtransaction", hex.EncodeToString(raw.Bytes()))
}

// coinbase takes the oldest coinbase that was not used yet.
func (b *bitcoind) coinbase(ctx context.Context) (wire.OutPoint, int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	height, err := b.height(ctx)
	if err != nil {
		return wire.OutPoint{}, 0, err
	}
	if b.next > height-100 {
		return wire.OutPoint{}, 0, fmt.Errorf("no mature coinbase is left at height %d", height)
	}
	block, err := b.block(ctx, b.next)
	if err != nil {
		return wire.OutPoint{}, 0, err
	}
	b.next++
	made := block.Transactions[0]
	return wire.OutPoint{Hash: made.TxHash()}, made.TxOut[0].Value, nil
}

func (b *bitcoind) height(ctx context.Context) (height int, err error) {
	err = b.call(ctx, &height, "getblockcount")
	return height, err
}

func (b *bitcoind) block(ctx context.Context, height int) (*wire.MsgBlock, error) {
	var hash, raw string
	if err := b.call(ctx, &hash, "getblockhash", height); err != nil {
		return nil, err
	}
	if err := b.call(ctx, &raw, "getblock", hash, 0); err != nil {
		return nil, err
	}
	bin, err := hex.DecodeString(raw)
	if err != nil {
		return nil, err
	}
	block := new(wire.MsgBlock)
	err = block.Deserialize(bytes.NewReader(bin))
	return block, err
}

// uses counts the outputs that pay an address, from a height on, and returns
// the inputs that spend one of them.
func (b *bitcoind) uses(ctx context.Context, from int, of string) (fundings int, spends []*wire.TxIn, err error) {
	decoded, err := address.DecodeAddress(of, &chaincfg.RegressionNetParams)
	if err != nil {
		return 0, nil, err
	}
	script, err := txscript.PayToAddrScript(decoded)
	if err != nil {
		return 0, nil, err
	}
	tip, err := b.height(ctx)
	if err != nil {
		return 0, nil, err
	}
	made := map[wire.OutPoint]bool{}
	for h := from; h <= tip; h++ {
		block, err := b.block(ctx, h)
		if err != nil {
			return 0, nil, err
		}
		for _, tx := range block.Transactions {
			for _, in := range tx.TxIn {
				if made[in.PreviousOutPoint] {
					spends = append(spends, in)
				}
			}
			for i, out := range tx.TxOut {
				if bytes.Equal(out.PkScript, script) {
					made[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = true
				}
			}
		}
	}
	return len(made), spends, nil
}

// gethd is a geth --dev process with a block each second.
type gethd struct {
	*child
	url     string
	rpc     *rpc.Client
	account common.Address
}

func startGeth(ctx context.Context, dir string) (*gethd, error) {
	path, err := program("geth")
	if err != nil {
		return nil, err
	}
	ports := make([]int, 4)
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "geth")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	g := &gethd{url: fmt.Sprintf("http://127.0.0.1:%d", ports[0])}
	g.child, err = spawn("geth", dir, nil, path, "--dev", "--dev.period", "1", "--datadir", data,
		"--http", "--http.port", fmt.Sprint(ports[0]), "--http.api", "eth,net,web3,debug,txpool,dev,admin",
		"--ws", "--ws.port", fmt.Sprint(ports[1]), "--authrpc.port", fmt.Sprint(ports[2]),
		"--nodiscover", "--maxpeers", "0", "--port", fmt.Sprint(ports[3]),
		"--ipcpath", filepath.Join(data, "geth.ipc"), "--rpc.allow-unprotected-txs", "--verbosity", "2")
	if err != nil {
		return nil, err
	}
	err = eventually(ctx, "geth answers", func() error {
		var err error
		if g.rpc == nil {
			if g.rpc, err = rpc.DialContext(ctx, g.url); err != nil {
				return err
			}
		}
		var accounts []common.Address
		if err := g.rpc.CallContext(ctx, &accounts, "eth_accounts"); err != nil || len(accounts) == 0 {
			return fmt.Errorf("no account yet: %w", err)
		}
		g.account = accounts[0]
		return nil
	})
	return g, err
}

// pay sends wei from geth's development account and waits for the block.
func (g *gethd) pay(ctx context.Context, to common.Address, wei *big.Int) error {
	_, err := g.send(ctx, map[string]any{"to": to, "value": (*hexutil.Big)(wei)})
	return err
}

// receipt is what the tests read of one.
type receipt struct {
	BlockNumber     *hexutil.Big
	Status          hexutil.Uint64
	ContractAddress *common.Address
}

// send sends a transaction of geth's development account and waits for the
// block.
func (g *gethd) send(ctx context.Context, tx map[string]any) (*receipt, error) {
	var hash common.Hash
	tx["from"] = g.account
	if err := g.rpc.CallContext(ctx, &hash, "eth_sendTransaction", tx); err != nil {
		return nil, err
	}
	var mined *receipt
	err := eventually(ctx, "transaction is mined", func() error {
		if err := g.rpc.CallContext(ctx, &mined, "eth_getTransactionReceipt", hash); err != nil {
			return err
		}
		if mined == nil || mined.BlockNumber == nil {
			return fmt.Errorf("%s is not in a block", hash)
		}
		return nil
	})
	if err == nil && mined.Status != 1 {
		err = fmt.Errorf("transaction %s failed", hash)
	}
	return mined, err
}

// Events of the deployment.
var (
	eventFunded   = crypto.Keccak256Hash([]byte("Funded(bytes32)"))
	eventRedeemed = crypto.Keccak256Hash([]byte("Redeemed(bytes32,bytes32)"))
	eventRefunded = crypto.Keccak256Hash([]byte("Refunded(bytes32)"))
	eventClosed   = crypto.Keccak256Hash([]byte("ClosedByConsent(bytes32)"))
)

// event is what the tests read of a log.
type event struct {
	Topics []common.Hash
	Data   hexutil.Bytes
}

// uses counts the fundings and returns the spends of a contract.
func (g *gethd) uses(ctx context.Context, deployment common.Address, id common.Hash) (fundings int, spends []event, err error) {
	var logs []event
	err = g.rpc.CallContext(ctx, &logs, "eth_getLogs", map[string]any{
		"address": deployment, "fromBlock": "0x0", "toBlock": "latest", "topics": []any{nil, id},
	})
	for _, l := range logs {
		switch l.Topics[0] {
		case eventFunded:
			fundings++
		case eventRedeemed, eventRefunded, eventClosed:
			spends = append(spends, l)
		}
	}
	return fundings, spends, err
}

// balance is an account's ether.
func (g *gethd) balance(ctx context.Context, of common.Address) (*big.Int, error) {
	var have hexutil.Big
	err := g.rpc.CallContext(ctx, &have, "eth_getBalance", of, "latest")
	return have.ToInt(), err
}

// grow waits until the chain has n more blocks.
func (g *gethd) grow(ctx context.Context, n uint64) error {
	var from hexutil.Uint64
	if err := g.rpc.CallContext(ctx, &from, "eth_blockNumber"); err != nil {
		return err
	}
	return eventually(ctx, "ethereum grows", func() error {
		var now hexutil.Uint64
		if err := g.rpc.CallContext(ctx, &now, "eth_blockNumber"); err != nil {
			return err
		}
		if uint64(now) < uint64(from)+n {
			return fmt.Errorf("block %d, wants %d", now, uint64(from)+n)
		}
		return nil
	})
}

// reorg takes the last blocks back; their transactions are gone with them.
func (g *gethd) reorg(ctx context.Context, depth uint64) error {
	var head hexutil.Uint64
	if err := g.rpc.CallContext(ctx, &head, "eth_blockNumber"); err != nil {
		return err
	}
	return g.rpc.CallContext(ctx, nil, "debug_setHead", hexutil.Uint64(uint64(head)-depth))
}
