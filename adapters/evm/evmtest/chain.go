// Package evmtest runs an Ethereum chain inside a test process, with the rules that mainnet has today.
//
// The caller commits blocks itself; nothing is mined behind its back. Accounts are numbered and funded
// from genesis. A chain is closed with the test.
package evmtest

import (
	"context"
	"crypto/ecdsa"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/holiman/uint256"
)

// Accounts is the number of funded accounts.
const Accounts = 6

// GasLimit of calls whose cost does not matter to a test.
const GasLimit = 15_000_000

// Ether is 10^18 wei.
var Ether = big.NewInt(params.Ether)

// Account is a funded key.
type Account struct {
	Key     *ecdsa.PrivateKey
	Address common.Address
}

// Chain is a simulated chain.
type Chain struct {
	Backend  *simulated.Backend
	Client   simulated.Client
	ID       *big.Int
	Config   *params.ChainConfig
	Accounts [Accounts]Account
	// URL answers JSON-RPC over HTTP, WebSocket over WS.
	URL, WS string

	rpc *rpc.Client
	t   testing.TB
}

// Osaka is the rule set of mainnet: the development configuration also turns on forks that are not
// released, which change gas by a factor.
func Osaka() *params.ChainConfig {
	config := *params.AllDevChainProtocolChanges
	config.AmsterdamTime = nil
	config.BogotaTime = nil
	return &config
}

// Amsterdam is the announced rule set after Osaka.
func Amsterdam() *params.ChainConfig {
	config := Osaka()
	config.AmsterdamTime = new(uint64)
	return config
}

// NewChain starts a chain with the rules of config.
func NewChain(t testing.TB, config *params.ChainConfig) *Chain {
	t.Helper()
	return NewChainWith(t, config, nil)
}

// account makes a key from its number.
func account(t testing.TB, n byte) Account {
	t.Helper()
	seed := make([]byte, 32)
	seed[0], seed[31] = 0x11, n+1
	key, err := crypto.ToECDSA(seed)
	if err != nil {
		t.Fatalf("account %d: %v", n, err)
	}
	return Account{Key: key, Address: crypto.PubkeyToAddress(key.PublicKey)}
}

// Poor is an account without coins.
func (c *Chain) Poor() Account { return account(c.t, 200) }

// NewChainWith starts a chain whose first block also holds these balances, so that it has another hash.
func NewChainWith(t testing.TB, config *params.ChainConfig, balances map[common.Address]*big.Int) *Chain {
	t.Helper()
	c := &Chain{ID: config.ChainID, Config: config, t: t}
	alloc := types.GenesisAlloc{}
	for of, balance := range balances {
		alloc[of] = types.Account{Balance: balance}
	}
	for i := range c.Accounts {
		c.Accounts[i] = account(t, byte(i))
		alloc[c.Accounts[i].Address] = types.Account{Balance: new(big.Int).Mul(big.NewInt(1000), Ether)}
	}
	port := freePort(t)
	c.Backend = simulated.NewBackend(alloc, func(n *node.Config, e *ethconfig.Config) {
		e.Genesis.Config = config
		n.AllowUnprotectedTxs = true
		n.HTTPHost, n.HTTPPort = "127.0.0.1", port
		n.HTTPModules = []string{"eth", "net", "web3", "txpool", "debug"}
		n.WSHost, n.WSPort = "127.0.0.1", port
		n.WSModules = n.HTTPModules
	})
	t.Cleanup(func() {
		if err := c.Backend.Close(); err != nil {
			t.Errorf("close chain: %v", err)
		}
	})
	c.Client = c.Backend.Client()
	c.URL = (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String()
	c.URL, c.WS = "http://"+c.URL, "ws://"+c.URL
	var err error
	if c.rpc, err = rpc.DialContext(t.Context(), c.URL); err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(c.rpc.Close)
	return c
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// Context ends with the test, after a minute at most.
func (c *Chain) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	c.t.Cleanup(cancel)
	return ctx
}

// Call is a transaction to send.
type Call struct {
	From  Account
	To    *common.Address
	Data  []byte
	Value *big.Int
	Gas   uint64
	// Tip in wei; one gwei if nil.
	Tip *big.Int
	// Nonce, if not the account's next.
	Nonce *uint64
	// Delegations make the transaction one of EIP-7702.
	Delegations []types.SetCodeAuthorization
}

// Sign makes the transaction without sending it.
func (c *Chain) Sign(call Call) *types.Transaction {
	c.t.Helper()
	ctx := c.Context()
	nonce := uint64(0)
	if call.Nonce != nil {
		nonce = *call.Nonce
	} else {
		var err error
		if nonce, err = c.Client.PendingNonceAt(ctx, call.From.Address); err != nil {
			c.t.Fatalf("nonce: %v", err)
		}
	}
	if call.Gas == 0 {
		call.Gas = GasLimit
	}
	if call.Value == nil {
		call.Value = new(big.Int)
	}
	if call.Tip == nil {
		call.Tip = big.NewInt(params.GWei)
	}
	cap := new(big.Int).Add(call.Tip, big.NewInt(20*params.GWei))
	tx, err := types.SignNewTx(call.From.Key, types.LatestSigner(c.Config), txData(c, call, nonce, cap))
	if err != nil {
		c.t.Fatalf("sign: %v", err)
	}
	return tx
}

func txData(c *Chain, call Call, nonce uint64, feeCap *big.Int) types.TxData {
	if len(call.Delegations) > 0 {
		return &types.SetCodeTx{
			ChainID: uint256.MustFromBig(c.ID), Nonce: nonce, GasTipCap: uint256.MustFromBig(call.Tip),
			GasFeeCap: uint256.MustFromBig(feeCap), Gas: call.Gas, To: *call.To,
			Value: uint256.MustFromBig(call.Value), Data: call.Data, AuthList: call.Delegations,
		}
	}
	return &types.DynamicFeeTx{
		ChainID: c.ID, Nonce: nonce, GasTipCap: call.Tip, GasFeeCap: feeCap,
		Gas: call.Gas, To: call.To, Value: call.Value, Data: call.Data,
	}
}

// Submit hands a signed transaction to the node without mining it.
func (c *Chain) Submit(tx *types.Transaction) {
	c.t.Helper()
	if err := c.Client.SendTransaction(c.Context(), tx); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// Commit mines a block of all that can be mined, and returns when the node's pool has seen it.
func (c *Chain) Commit() {
	c.t.Helper()
	c.settle()
	c.Backend.Commit()
	// Forking at a block that does not exist changes nothing but waits for the pool. At the head it would have
	// the pool begin anew behind the test's back.
	_ = c.Backend.Fork(common.Hash{})
}

// settle waits until the pool has sorted what was sent to it: it does so a moment after it has taken a
// transaction, and when a block comes in that moment, it leaves the second one of an account behind. What
// waits for another nonce stays, so the waiting is short.
func (c *Chain) settle() {
	c.t.Helper()
	patience := time.After(200 * time.Millisecond)
	for {
		var pool struct {
			Queued hexutil.Uint64 `json:"queued"`
		}
		if err := c.rpc.CallContext(c.Context(), &pool, "txpool_status"); err != nil {
			c.t.Fatalf("pool: %v", err)
		}
		if pool.Queued == 0 {
			return
		}
		select {
		case <-patience:
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Receipt of a mined transaction.
func (c *Chain) Receipt(tx *types.Transaction) *types.Receipt {
	c.t.Helper()
	r, err := c.Client.TransactionReceipt(c.Context(), tx.Hash())
	if err != nil {
		c.t.Fatalf("receipt of %s: %v", tx.Hash(), err)
	}
	return r
}

// Send signs, submits and mines a transaction, whatever its outcome.
func (c *Chain) Send(call Call) *types.Receipt {
	c.t.Helper()
	tx := c.Sign(call)
	c.Submit(tx)
	c.Commit()
	return c.Receipt(tx)
}

// Must is Send for a transaction that has to succeed.
func (c *Chain) Must(call Call) *types.Receipt {
	c.t.Helper()
	r := c.Send(call)
	if r.Status != types.ReceiptStatusSuccessful {
		c.t.Fatalf("transaction %s reverted", r.TxHash)
	}
	return r
}

// Balance in wei.
func (c *Chain) Balance(of common.Address) *big.Int {
	c.t.Helper()
	b, err := c.Client.BalanceAt(c.Context(), of, nil)
	if err != nil {
		c.t.Fatalf("balance: %v", err)
	}
	return b
}

// Now is the time of the head block.
func (c *Chain) Now() uint64 {
	c.t.Helper()
	h, err := c.Client.HeaderByNumber(c.Context(), nil)
	if err != nil {
		c.t.Fatalf("head: %v", err)
	}
	return h.Time
}

// NextBlockAt makes the next mined block carry exactly this time. The simulated chain gives each block
// the wall clock or its parent's time plus one, so the block before is moved.
func (c *Chain) NextBlockAt(at uint64) {
	c.t.Helper()
	ahead := at - 1 - c.Now()
	if err := c.Backend.AdjustTime(time.Duration(ahead) * time.Second); err != nil {
		c.t.Fatalf("adjust time: %v", err)
	}
}
