package bitcoin

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/btcsuite/btcd/btcutil/v2"

	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/htlc"
)

// Defaults of Config.
const (
	DefaultFeeFloor      = 2_000   // satoshi for 1,000 virtual bytes
	DefaultStressFee     = 100_000 // satoshi for 1,000 virtual bytes
	DefaultMinFeePercent = 10
	DefaultClimbWindow   = int64(6 * 3600)
	DefaultCoinDepth     = 1
	DefaultFinalDepth    = 6
	DefaultTarget        = 3
)

// Config of an adapter. Chain and URL are required.
type Config struct {
	Chain       htlc.ChainID
	URL         string // http://host:port or https://host:port
	User        string
	Password    Password
	Certificate []byte // PEM of the node's own certificate; empty: the system's
	// More are further back ends beside that of URL.
	More []BackEnd
	// Health says when one of several back ends is set aside.
	Health backend.Limits
	// Birth is the height at which the wallet's account began to exist; older
	// blocks are not searched for coins.
	Birth uint64
	// FeeFloor is the feerate where the node knows none, and the least ever
	// used. Feerates are in satoshi for 1,000 virtual bytes.
	FeeFloor uint64
	// StressFee is the feerate of budgets, reservations and smallest amounts,
	// unless the market's is higher.
	StressFee uint64
	// MinFeePercent: the smallest leg is that of which redeem and refund at
	// StressFee are this part.
	MinFeePercent uint64
	// MaxAmount of a leg in satoshi; zero: the chain's limit.
	MaxAmount uint64
	// ClimbWindow is how many seconds before its deadline a spend's fee begins
	// to rise towards its budget.
	ClimbWindow int64
	// CoinDepth is how many confirmations a coin needs to fund anything.
	CoinDepth uint64
	// FinalDepth is the depth at which what a block did with an own coin is taken
	// to be for ever: a transaction that needs the coin otherwise is then signed
	// again, and its other coins are free.
	FinalDepth uint64
	// LongestLock is for how long own coins may be locked, so that they are
	// remembered until a lock is over.
	LongestLock time.Duration
	// Target is within how many blocks a transaction shall confirm.
	Target uint64
	// PollInterval is how often Wait asks the node.
	PollInterval time.Duration
}

func (c *Config) fill() error {
	for _, d := range []struct {
		field *uint64
		value uint64
	}{
		{&c.FeeFloor, DefaultFeeFloor}, {&c.StressFee, DefaultStressFee}, {&c.MinFeePercent, DefaultMinFeePercent},
		{&c.MaxAmount, btcutil.MaxSatoshi}, {&c.CoinDepth, DefaultCoinDepth}, {&c.FinalDepth, DefaultFinalDepth}, {&c.Target, DefaultTarget},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.ClimbWindow == 0 {
		c.ClimbWindow = DefaultClimbWindow
	}
	if c.PollInterval == 0 {
		c.PollInterval = defaultPoll
	}
	switch {
	case c.StressFee > maxFeeRate || c.FeeFloor > c.StressFee:
		return fmt.Errorf("%w: fee floor %d, stress fee %d, at most %d", ErrConfig, c.FeeFloor, c.StressFee, uint64(maxFeeRate))
	case c.MinFeePercent > 100:
		return fmt.Errorf("%w: fees of %d %% of an amount", ErrConfig, c.MinFeePercent)
	case c.MaxAmount > btcutil.MaxSatoshi || c.ClimbWindow < 0 || c.PollInterval < 0:
		return fmt.Errorf("%w: negative time or an amount over %d satoshi", ErrConfig, uint64(btcutil.MaxSatoshi))
	}
	return nil
}

// Adapter is one chain of the Bitcoin family with a wallet of its own on it.
type Adapter struct {
	config  Config
	params  Params
	node    *node
	signer  Signer
	watched *watchSet
	pool    *pool
	waiter  waiter
	fees    feeMarket
	wallet  *wallet
	log     *slog.Logger
}

// Open checks the node's chain and reads the wallet's coins from the store. The
// caller owes Close.
func Open(ctx context.Context, config Config, signer Signer, coins CoinStore, holds HoldStore, log *slog.Logger) (*Adapter, error) {
	if err := config.fill(); err != nil {
		return nil, err
	}
	params, err := ParamsOf(config.Chain)
	if err != nil {
		return nil, err
	}
	log = log.With("chain", string(params.Chain))
	n, err := nodeOf(ctx, config, params, log)
	if err != nil {
		return nil, err
	}
	a := &Adapter{
		config: config, params: params, node: n, signer: signer,
		watched: newWatchSet(), pool: newPool(), log: log,
	}
	a.wallet = newWallet(a, coins, holds)
	if err := a.node.verify(ctx); err != nil {
		return nil, err
	}
	return a, a.wallet.do(ctx, func() error { return a.wallet.load(ctx) })
}
