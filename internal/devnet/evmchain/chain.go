package evmchain

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/eth/tracers"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
)

// What the caller can tell apart by errors.Is.
var (
	ErrClosed     = errors.New("evmchain: closed")
	ErrBadRequest = errors.New("evmchain: bad request")
	// ErrFinalized refuses a reorganisation that a healthy chain never makes.
	ErrFinalized = errors.New("evmchain: block is finalized")
)

// Defaults of Options.
const (
	DefaultChainID       = 1337
	DefaultFinalityDepth = 4
	DefaultGasLimit      = 60_000_000
)

// faucetEther is the faucet's balance in the first block.
const faucetEther = 1_000_000_000

// Options of a chain. The zero value is usable: chain id 1337 on a free
// loopback port, blocks on command only.
//
// Block times are whole seconds and rise with every block, so blocks that come
// faster, by Interval or by Mine, push the chain's clock ahead of the wall clock.
type Options struct {
	ChainID       uint64             // 0: DefaultChainID
	Alloc         types.GenesisAlloc // accounts of the first block, beside faucet and system contracts
	Listen        string             // loopback host:port for HTTP and WebSocket; empty: 127.0.0.1:0
	GasLimit      uint64             // of a block; 0: DefaultGasLimit
	FinalityDepth uint64             // blocks on top that make one finalized; 0: DefaultFinalityDepth
	Interval      time.Duration      // a block each interval; 0: on command only
	Amsterdam     bool               // turns on the announced fork, for gas figures of the future
	Now           func() time.Time   // wall clock; nil: time.Now
	Logger        *slog.Logger       // nil: silent
}

// Chain is a running chain. Its methods may be called concurrently.
type Chain struct {
	opts   Options
	log    *slog.Logger
	stack  *node.Node
	eth    *eth.Ethereum
	client *ethclient.Client
	faucet *ecdsa.PrivateKey

	// mu serialises everything that changes the chain's head.
	mu     sync.Mutex
	ahead  time.Duration // of the chain's clock against the wall clock
	built  uint64        // blocks so far, for their random numbers
	paused bool
	closed bool

	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// Start makes the first block and serves the chain.
func Start(ctx context.Context, opts Options) (*Chain, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	faucet, err := faucetKey()
	if err != nil {
		return nil, err
	}
	c := &Chain{opts: opts, log: opts.Logger, faucet: faucet}
	if err := c.open(); err != nil {
		return nil, err
	}
	// A head above the first block: some clients treat block zero as "no chain yet".
	if _, err := c.Mine(ctx, 1); err != nil {
		return nil, errors.Join(err, c.stack.Close())
	}
	loopCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	if opts.Interval > 0 {
		c.loops.Go(func() { c.mineEvery(loopCtx, opts.Interval) })
	}
	return c, nil
}

func (o *Options) fill() error {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.ChainID == 0 {
		o.ChainID = DefaultChainID
	}
	if o.GasLimit == 0 {
		o.GasLimit = DefaultGasLimit
	}
	if o.FinalityDepth == 0 {
		o.FinalityDepth = DefaultFinalityDepth
	}
	if o.Interval < 0 {
		return fmt.Errorf("%w: negative interval", ErrBadRequest)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func faucetKey() (*ecdsa.PrivateKey, error) {
	seed := sha256.Sum256([]byte("kofo devnet faucet key, never for real coins"))
	key, err := crypto.ToECDSA(seed[:])
	if err != nil {
		return nil, fmt.Errorf("evmchain: faucet key: %w", err)
	}
	return key, nil
}

// ChainConfig is the set of rules: everything that is active on the main network
// now, and with amsterdam the announced fork too.
func ChainConfig(chainID uint64, amsterdam bool) *params.ChainConfig {
	config := *params.AllDevChainProtocolChanges
	config.ChainID = new(big.Int).SetUint64(chainID)
	config.BogotaTime, config.AmsterdamTime = nil, nil
	if amsterdam {
		config.AmsterdamTime = new(uint64)
	}
	return &config
}

func (c *Chain) genesis() *core.Genesis {
	alloc := core.SystemContractAllocs()
	maps.Copy(alloc, c.opts.Alloc)
	alloc[c.FaucetAddress()] = types.Account{
		Balance: new(big.Int).Mul(big.NewInt(faucetEther), big.NewInt(params.Ether)),
	}
	return &core.Genesis{
		Config:   ChainConfig(c.opts.ChainID, c.opts.Amsterdam),
		GasLimit: c.opts.GasLimit,
		Alloc:    alloc,
	}
}

// open assembles a full node without peers, in memory.
func (c *Chain) open() error {
	nodeConf, err := c.nodeConfig()
	if err != nil {
		return err
	}
	stack, err := node.New(nodeConf)
	if err != nil {
		return fmt.Errorf("evmchain: node: %w", err)
	}
	conf := ethconfig.Defaults
	conf.Genesis = c.genesis()
	conf.NetworkId = c.opts.ChainID
	conf.SyncMode = ethconfig.FullSync
	conf.Miner.GasCeil = c.opts.GasLimit
	conf.TxPool.NoLocals = true // a journal of local transactions has no file here
	conf.LogNoHistory = true    // logs are searched in the blocks, without waiting for an index
	backend, err := eth.New(stack, &conf)
	if err != nil {
		return errors.Join(fmt.Errorf("evmchain: backend: %w", err), stack.Close())
	}
	stack.RegisterAPIs([]rpc.API{{
		Namespace: "eth",
		Service:   filters.NewFilterAPI(filters.NewFilterSystem(backend.APIBackend, filters.Config{})),
	}})
	stack.RegisterAPIs(tracers.APIs(backend.APIBackend))
	if err := stack.Start(); err != nil {
		return errors.Join(fmt.Errorf("evmchain: start: %w", err), stack.Close())
	}
	backend.SetSynced() // there is nobody to synchronise with
	c.stack, c.eth = stack, backend
	c.client = ethclient.NewClient(stack.Attach())
	return nil
}

func (c *Chain) nodeConfig() (*node.Config, error) {
	host, portText, err := net.SplitHostPort(c.opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w: listen address %q: %w", ErrBadRequest, c.opts.Listen, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%w: listen address %q is not loopback", ErrBadRequest, c.opts.Listen)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: port %q", ErrBadRequest, portText)
	}
	modules := []string{"eth", "net", "web3", "txpool", "debug"}
	conf := node.DefaultConfig
	conf.DataDir = ""
	conf.P2P = p2p.Config{NoDiscovery: true, NoDial: true}
	conf.HTTPHost, conf.HTTPPort, conf.HTTPModules = host, int(port), modules
	conf.WSHost, conf.WSPort, conf.WSModules = host, int(port), modules
	return &conf, nil
}

// Close stops the ticker and the node.
func (c *Chain) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.loops.Wait()
	c.client.Close()
	if err := c.stack.Close(); err != nil {
		return fmt.Errorf("evmchain: close: %w", err)
	}
	return nil
}

// Head is a snapshot of the newest block.
type Head struct {
	Number     uint64
	Hash       common.Hash
	Time       time.Time
	Finalized  uint64 // number of the newest finalized block
	ClockAhead time.Duration
}

// Head tells where the chain stands.
func (c *Chain) Head() Head {
	c.mu.Lock()
	defer c.mu.Unlock()
	header := c.eth.BlockChain().CurrentBlock()
	head := Head{
		Number:     header.Number.Uint64(),
		Hash:       header.Hash(),
		Time:       time.Unix(int64(header.Time), 0),
		ClockAhead: c.ahead,
	}
	if final := c.eth.BlockChain().CurrentFinalBlock(); final != nil {
		head.Finalized = final.Number.Uint64()
	}
	return head
}

// ChainID is the number that transactions are signed for.
func (c *Chain) ChainID() uint64 { return c.opts.ChainID }

// HTTPURL is the address of the JSON-RPC server.
func (c *Chain) HTTPURL() string { return c.stack.HTTPEndpoint() }

// WSURL is the address of the same server for subscriptions.
func (c *Chain) WSURL() string { return c.stack.WSEndpoint() }

// Client speaks to the node without a network between. It ends with the chain.
func (c *Chain) Client() *ethclient.Client { return c.client }

// FaucetAddress holds the coins that Fund pays out.
func (c *Chain) FaucetAddress() common.Address { return crypto.PubkeyToAddress(c.faucet.PublicKey) }
