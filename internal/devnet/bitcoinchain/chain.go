package bitcoinchain

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/blockchain/indexers"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
	_ "github.com/btcsuite/btcd/database/ffldb" // the only database driver that btcd has
	"github.com/btcsuite/btcd/mempool"
	"github.com/btcsuite/btcd/mining"
	"github.com/btcsuite/btcd/txscript/v2"
)

// What the caller can tell apart by errors.Is.
var (
	ErrClosed            = errors.New("bitcoinchain: closed")
	ErrBadRequest        = errors.New("bitcoinchain: bad request")
	ErrInsufficientFunds = errors.New("bitcoinchain: miner has not enough mature coins")
)

// Defaults of Options.
const (
	DefaultInitialBlocks = 110
	DefaultBlockSpacing  = time.Second
	// DefaultMaxClients is btcd's own limit of requests served at once.
	DefaultMaxClients = 10
)

const (
	utxoCacheBytes = 32 << 20
	cacheEntries   = 20_000
	// btcd's defaults of the policies that decide what enters mempool and block.
	maxOrphans        = 100
	maxOrphanBytes    = 100_000
	freeTxRelayLimit  = 15.0
	maxTxVersion      = 2
	blockMaxBytes     = 750_000
	blockMaxWeight    = 3_000_000
	blockPriorityByte = mempool.DefaultBlockPrioritySize
)

// Options of a chain. The zero value is usable: a chain in a temporary folder,
// on a free loopback port, mined on command only.
type Options struct {
	DataDir       string           // empty: a temporary folder, removed by Close
	Listen        string           // loopback host:port; empty: 127.0.0.1:0
	User          string           // of the RPC server; empty: "kofo"
	Password      string           // of the RPC server; empty: random
	MaxClients    int              // requests served at once; 0: DefaultMaxClients
	PayTo         address.Address  // receives the block rewards of mined blocks; nil: the miner's key
	InitialBlocks int              // mined at start to the miner's key; 0: DefaultInitialBlocks
	BlockSpacing  time.Duration    // between the times of the initial blocks, the last one is now; 0: DefaultBlockSpacing
	Interval      time.Duration    // a block each interval; 0: on command only
	Now           func() time.Time // wall clock; nil: time.Now
	Logger        *slog.Logger     // nil: silent
}

// Chain is a running regression-test chain. Its methods may be called
// concurrently.
type Chain struct {
	opts   Options
	params *chaincfg.Params
	log    *slog.Logger
	clock  *chainClock
	tmpDir string

	db      database.DB
	chain   *blockchain.BlockChain
	pool    *mempool.TxPool
	txIndex *indexers.TxIndex
	fees    *mempool.FeeEstimator
	blocks  *mining.BlkTmplGenerator
	policy  *mining.Policy // of blocks; guarded by mu
	miner   *minerWallet
	started time.Time

	// mu serialises everything that changes the chain's tip.
	mu         sync.Mutex
	paused     bool
	closed     bool
	extraNonce int64

	rpc    *rpcServer
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// Start opens or creates the chain, mines the initial blocks and serves it.
func Start(ctx context.Context, opts Options) (*Chain, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	c := &Chain{
		opts:    opts,
		params:  regtest(),
		log:     opts.Logger,
		clock:   newChainClock(opts.Now),
		started: opts.Now(),
	}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.closeStorage())
	}
	if err := c.mineInitial(ctx); err != nil {
		return nil, errors.Join(err, c.closeStorage())
	}
	rpc, err := startRPC(c)
	if err != nil {
		return nil, errors.Join(err, c.closeStorage())
	}
	c.rpc = rpc
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
	if o.User == "" {
		o.User = "kofo"
	}
	if o.Password == "" {
		var raw [16]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return fmt.Errorf("bitcoinchain: password: %w", err)
		}
		o.Password = hex.EncodeToString(raw[:])
	}
	if o.MaxClients == 0 {
		o.MaxClients = DefaultMaxClients
	}
	if o.InitialBlocks == 0 {
		o.InitialBlocks = DefaultInitialBlocks
	}
	if o.BlockSpacing == 0 {
		o.BlockSpacing = DefaultBlockSpacing
	}
	if o.MaxClients < 0 || o.InitialBlocks < 0 || o.BlockSpacing < time.Second || o.Interval < 0 {
		return fmt.Errorf("%w: negative option or block spacing under a second", ErrBadRequest)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// open assembles the chain from btcd's parts in the way its server does.
func (c *Chain) open() error {
	if err := c.openDatabase(); err != nil {
		return err
	}
	sigs, hashes := txscript.NewSigCache(cacheEntries), txscript.NewHashCache(cacheEntries)
	c.txIndex = indexers.NewTxIndex(c.db)
	chain, err := blockchain.New(&blockchain.Config{
		DB:               c.db,
		UtxoCacheMaxSize: utxoCacheBytes,
		ChainParams:      c.params,
		TimeSource:       c.clock,
		SigCache:         sigs,
		HashCache:        hashes,
		IndexManager:     indexers.NewManager(c.db, []indexers.Indexer{c.txIndex}),
	})
	if err != nil {
		return fmt.Errorf("bitcoinchain: open chain: %w", err)
	}
	c.chain = chain
	c.fees = mempool.NewFeeEstimator(mempool.DefaultEstimateFeeMaxRollback, mempool.DefaultEstimateFeeMinRegisteredBlocks)
	c.pool = mempool.New(c.mempoolConfig(sigs, hashes))
	c.policy = &mining.Policy{
		BlockMaxSize:      blockMaxBytes,
		BlockMaxWeight:    blockMaxWeight,
		BlockPrioritySize: blockPriorityByte,
		TxMinFreeFee:      mempool.DefaultMinRelayTxFee,
	}
	c.blocks = mining.NewBlkTmplGenerator(c.policy, c.params, c.pool, chain, c.clock, sigs, hashes)
	if c.miner, err = newMinerWallet(c.params); err != nil {
		return err
	}
	if c.opts.PayTo == nil {
		c.opts.PayTo = c.miner.addr
	}
	if err := c.miner.rescan(chain); err != nil {
		return err
	}
	chain.Subscribe(c.onNotification)
	// A chain from disk may have been moved ahead of the wall clock.
	if ahead := chain.BestSnapshot().MedianTime.Sub(c.clock.AdjustedTime()); ahead > 0 {
		c.clock.advance(ahead)
	}
	return nil
}

func (c *Chain) openDatabase() error {
	dir := c.opts.DataDir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "kofo-devnet-bitcoin-")
		if err != nil {
			return fmt.Errorf("bitcoinchain: %w", err)
		}
		c.tmpDir, dir = tmp, tmp
	}
	path := filepath.Join(dir, "blocks_ffldb")
	db, err := database.Open("ffldb", path, c.params.Net)
	var dbErr database.Error
	if errors.As(err, &dbErr) && dbErr.ErrorCode == database.ErrDbDoesNotExist {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("bitcoinchain: %w", err)
		}
		db, err = database.Create("ffldb", path, c.params.Net)
	}
	if err != nil {
		return fmt.Errorf("bitcoinchain: open database: %w", err)
	}
	c.db = db
	return nil
}

func (c *Chain) mempoolConfig(sigs *txscript.SigCache, hashes *txscript.HashCache) *mempool.Config {
	return &mempool.Config{
		Policy: mempool.Policy{
			AcceptNonStd:      false, // also what makes btcd refuse non-final transactions
			FreeTxRelayLimit:  freeTxRelayLimit,
			MaxOrphanTxs:      maxOrphans,
			MaxOrphanTxSize:   maxOrphanBytes,
			MaxSigOpCostPerTx: blockchain.MaxBlockSigOpsCost / 4,
			MinRelayTxFee:     mempool.DefaultMinRelayTxFee,
			MaxTxVersion:      maxTxVersion,
		},
		ChainParams:    c.params,
		FetchUtxoView:  c.chain.FetchUtxoView,
		BestHeight:     func() int32 { return c.chain.BestSnapshot().Height },
		MedianTimePast: func() time.Time { return c.chain.BestSnapshot().MedianTime },
		CalcSequenceLock: func(tx *btcutil.Tx, view *blockchain.UtxoViewpoint) (*blockchain.SequenceLock, error) {
			return c.chain.CalcSequenceLock(tx, view, true)
		},
		IsDeploymentActive: c.chain.IsDeploymentActive,
		SigCache:           sigs,
		HashCache:          hashes,
		FeeEstimator:       c.fees,
	}
}

// Close stops the ticker and the server and closes the database.
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
	return errors.Join(c.rpc.close(), c.closeStorage())
}

func (c *Chain) closeStorage() error {
	var errs []error
	if c.chain != nil {
		errs = append(errs, c.chain.FlushUtxoCache(blockchain.FlushRequired))
	}
	if c.db != nil {
		errs = append(errs, c.db.Close())
	}
	if c.tmpDir != "" {
		errs = append(errs, os.RemoveAll(c.tmpDir))
	}
	return errors.Join(errs...)
}

// Tip is a snapshot of the best block.
type Tip struct {
	Height     int32
	Hash       chainhash.Hash
	MedianTime time.Time // median time past: the clock of time locks
	ClockAhead time.Duration
}

// Tip tells where the chain stands.
func (c *Chain) Tip() Tip {
	best := c.chain.BestSnapshot()
	return Tip{Height: best.Height, Hash: best.Hash, MedianTime: best.MedianTime, ClockAhead: c.clock.Offset()}
}

// regtest are the rules with deployments of their own: a chain sets their clock,
// and there may be several chains in a process. None begins or ends at a time.
func regtest() *chaincfg.Params {
	params := chaincfg.RegressionNetParams
	for i := range params.Deployments {
		params.Deployments[i].DeploymentStarter = chaincfg.NewMedianTimeDeploymentStarter(time.Time{})
		params.Deployments[i].DeploymentEnder = chaincfg.NewMedianTimeDeploymentEnder(time.Time{})
	}
	return &params
}

// Params are the network parameters of the chain.
func (c *Chain) Params() *chaincfg.Params { return c.params }

// Addr is the host:port at which the RPC server listens.
func (c *Chain) Addr() string { return c.rpc.addr }

// URL is the address of the RPC server.
func (c *Chain) URL() string { return "http://" + c.rpc.addr }

// Credentials are the user and password of the RPC server.
func (c *Chain) Credentials() (user, password string) { return c.opts.User, c.opts.Password }
