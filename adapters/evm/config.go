package evm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strconv"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
)

// Defaults of Config.
const (
	DefaultPollInterval  = time.Second
	DefaultCallTimeout   = 20 * time.Second
	DefaultClimbWindow   = int64(3600)
	DefaultLanes         = uint64(64)
	DefaultBury          = uint64(12)
	DefaultMinFeePercent = uint64(10)
)

// DefaultStressFee is the price of gas, in wei, that budgets are computed with.
var DefaultStressFee = big.NewInt(50 * params.GWei)

// ErrConfig is returned by Open for a configuration that cannot work.
var ErrConfig = errors.New("evm: bad configuration")

// Token is an ERC-20 token that the operator has judged: one that changes balances by itself (rebasing)
// cannot be recognised by the deployment and must not stand here.
type Token struct {
	Address  common.Address
	Min, Max htlc.Amount // of a leg; Max zero for no limit
}

// Config of an adapter. Chain and URL are required.
type Config struct {
	Chain htlc.ChainID // "eip155:1337"
	URL   string       // http, https, ws or wss
	// More are the addresses of further back ends, http or https like URL itself then.
	More []string
	// Health says when one of several back ends is set aside.
	Health backend.Limits
	// Genesis is the hash of block 0. Zero: the first answer is kept, for development chains only.
	Genesis common.Hash
	// Deployment; zero for the deterministic address.
	Deployment common.Address
	Tokens     []Token
	// Bury is the depth at which a lane's close or a consumed nonce counts as final.
	Bury uint64
	// Lanes is how many lanes are used at most: contracts of ours open at one time.
	Lanes uint64
	// StressFee is the price of gas, in wei, for quotes, budgets and the fees held back.
	StressFee *big.Int
	// MinFeePercent: the smallest native leg is that of which redeem and refund at StressFee are this part.
	MinFeePercent uint64
	// MaxAmount of a native leg; zero for no limit.
	MaxAmount htlc.Amount
	// PollInterval of Wait where the endpoint has no subscriptions.
	PollInterval time.Duration
	// CallTimeout of one request over HTTP.
	CallTimeout time.Duration
	// ClimbWindow is how many seconds before a deadline a spend's fee begins to rise to its budget.
	ClimbWindow int64
}

// Adapter serves one chain with one account. Its reading methods may be called concurrently; signing and
// reserving take turns.
type Adapter struct {
	config     Config
	chainID    *big.Int
	deployment common.Address
	domain     common.Hash
	codeHash   common.Hash
	tokens     map[common.Address]Token
	native     htlc.AssetID

	account Signer
	journal Journal
	lanes   Lanes
	log     *slog.Logger
	calls   calls

	node    *endpoint
	watched *registry
	pool    *sightings
	headers *headerCache

	// signing holds off a second choice of nonce, lane or coins while one is being made.
	signing sync.Mutex
	// refused are transactions that own their nonce and that the node will not take. Held by signing; what
	// a restart forgets is found again when something waits for that nonce.
	refused map[string]bool
	// taken are transactions that a node has said to have. Held by signing; what a restart forgets, the
	// node is asked for.
	taken map[string]bool
}

// Open connects, checks that the endpoint serves the right chain and that the deployment's code is the
// pinned one. Close ends what it started.
func Open(
	ctx context.Context, config Config, account Signer, journal Journal, lanes Lanes, log *slog.Logger,
) (*Adapter, error) {
	a, err := prepare(config, account, journal, lanes, log)
	if err != nil {
		return nil, err
	}
	if a.node, err = a.connect(ctx); err != nil {
		return nil, err
	}
	err = a.node.verify(ctx)
	if err == nil { // the code of another chain says nothing
		err = a.checkCode(ctx, nil)
	}
	if err != nil {
		a.node.close()
		return nil, err
	}
	return a, nil
}

func prepare(config Config, account Signer, journal Journal, lanes Lanes, log *slog.Logger) (*Adapter, error) {
	if err := config.Chain.Validate(); err != nil || config.Chain.Namespace() != "eip155" {
		return nil, fmt.Errorf("%w: chain %q is no eip155 chain", ErrConfig, config.Chain)
	}
	id, err := strconv.ParseUint(config.Chain.Reference(), 10, 63)
	if err != nil || id == 0 {
		return nil, fmt.Errorf("%w: chain %q has no number", ErrConfig, config.Chain)
	}
	if account == nil || journal == nil || lanes == nil || log == nil {
		return nil, fmt.Errorf("%w: account, journal, lanes and logger are required", ErrConfig)
	}
	config.fill()
	reader, err := parseCalls()
	if err != nil {
		return nil, fmt.Errorf("read the deployment's interface: %w", err)
	}
	a := &Adapter{
		config: config, calls: reader, chainID: new(big.Int).SetUint64(id), deployment: config.Deployment,
		tokens: map[common.Address]Token{}, native: htlc.AssetID(string(config.Chain) + "/slip44:60"),
		account: account, journal: journal, lanes: lanes, log: log,
		watched: newRegistry(), pool: newSightings(), headers: newHeaderCache(), refused: map[string]bool{}, taken: map[string]bool{},
	}
	a.domain = contracts.Domain(a.chainID, a.deployment)
	a.codeHash = contracts.RuntimeHash(a.chainID, a.deployment)
	for _, token := range config.Tokens {
		if token.Address == (common.Address{}) {
			return nil, fmt.Errorf("%w: a token without an address", ErrConfig)
		}
		a.tokens[token.Address] = token
	}
	return a, nil
}

func (c *Config) fill() {
	if c.Deployment == (common.Address{}) {
		c.Deployment = contracts.Address()
	}
	if c.Bury == 0 {
		c.Bury = DefaultBury
	}
	if c.Lanes == 0 {
		c.Lanes = DefaultLanes
	}
	if c.StressFee == nil {
		c.StressFee = DefaultStressFee
	}
	if c.MinFeePercent == 0 {
		c.MinFeePercent = DefaultMinFeePercent
	}
	if c.PollInterval == 0 {
		c.PollInterval = DefaultPollInterval
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = DefaultCallTimeout
	}
	if c.ClimbWindow == 0 {
		c.ClimbWindow = DefaultClimbWindow
	}
}

// Close ends the connection and its subscriptions.
func (a *Adapter) Close() {
	a.pool.close()
	a.node.close()
}

// Deployment is the address that legs of this chain name.
func (a *Adapter) Deployment() common.Address { return a.deployment }

// NativeAsset is the chain's own coin.
func (a *Adapter) NativeAsset() htlc.AssetID { return a.native }

// checkCode compares the deployment's code, at a block or at the tip, with the pinned hash.
func (a *Adapter) checkCode(ctx context.Context, at *common.Hash) error {
	code, err := a.node.code(ctx, a.deployment, at)
	if err != nil {
		return unreachable("read the deployment's code", err)
	}
	if got := codeHash(code); got != a.codeHash {
		return &adapters.Error{
			Reason: "WRONG_DEPLOYMENT", Op: fmt.Sprintf("check the code at %s, hash %s", a.deployment, got),
			Advice: fmt.Sprintf("the Htlc deployment of this release has %s", a.codeHash), Err: adapters.ErrMismatch,
		}
	}
	return nil
}
