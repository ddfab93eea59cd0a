package node

import (
	"context"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
)

// weiPerGwei is how the configuration's rates become the adapter's.
const weiPerGwei = 1_000_000_000

// leastProbe is the shortest pause between two questions for a back end's head.
const leastProbe = 500 * time.Millisecond

func (c *core) openChain(ctx context.Context, settings config.Chain) (chain, error) {
	switch settings.Kind {
	case config.KindBitcoin:
		return c.openBitcoin(ctx, settings)
	case config.KindEVM:
		return c.openEVM(ctx, settings)
	}
	return chain{}, fmt.Errorf("unknown kind %q", settings.Kind)
}

func (c *core) openEVM(ctx context.Context, settings config.Chain) (chain, error) {
	account, err := c.keys.EVM()
	if err != nil {
		return chain{}, err
	}
	id := htlc.ChainID(settings.ID)
	urls, err := c.evmURLs(settings)
	if err != nil {
		return chain{}, err
	}
	o := evm.Config{
		Chain: id, URL: urls[0], More: urls[1:], Health: limitsOf(settings),
		Genesis: common.HexToHash(settings.Genesis), Deployment: common.HexToAddress(settings.Deployment),
		Bury: settings.Bury, Lanes: settings.Lanes, MinFeePercent: settings.Fees.MaxShare,
		PollInterval: settings.Poll, ClimbWindow: climbWindow(settings),
		MaxAmount: c.maxAmount(htlc.AssetID(settings.ID + "/slip44:60")),
	}
	if settings.Fees.Stress > 0 {
		o.StressFee = new(big.Int).Mul(new(big.Int).SetUint64(settings.Fees.Stress), big.NewInt(weiPerGwei))
	}
	for _, t := range settings.Tokens {
		asset := htlc.AssetID(t.Asset)
		limit := c.maxAmount(asset)
		if limit.IsZero() || !t.Max.IsZero() && t.Max.Cmp(limit) < 0 {
			limit = t.Max
		}
		o.Tokens = append(o.Tokens, evm.Token{Address: common.HexToAddress(asset.Reference()), Min: t.Min, Max: limit})
	}
	a, err := evm.Open(ctx, o, account, c.store, c.store, c.log)
	if err != nil {
		return chain{}, err
	}
	return chain{Chain: settings, id: id, adapter: a, background: a.Background, close: a.Close}, nil
}

// evmURLs are the addresses of a chain's back ends, each with its user where it has one.
func (c *core) evmURLs(settings config.Chain) ([]string, error) {
	var out []string
	for _, b := range settings.BackEnds() {
		user, password, err := c.login(b)
		if err != nil {
			return nil, err
		}
		address := b.URL.Reveal()
		if user != "" {
			parsed, err := url.Parse(address)
			if err != nil {
				return nil, fmt.Errorf("address of back end %s: %w", b.Name(), err)
			}
			parsed.User = url.UserPassword(user, password.Reveal())
			address = parsed.String()
		}
		out = append(out, address)
	}
	return out, nil
}

// limitsOf are the chain's limits of what is tolerated of a back end.
func limitsOf(settings config.Chain) backend.Limits {
	return backend.Limits{
		MaxLag: settings.Health.MaxLag, LagTime: settings.Health.LagTime, Probation: settings.Health.Probation,
		Interval: max(settings.Poll, leastProbe),
	}
}

// maxAmount is the policy's limit of an asset, zero for none.
func (c *core) maxAmount(asset htlc.AssetID) htlc.Amount {
	for _, m := range c.cfg.Policy.MaxAmounts {
		if htlc.AssetID(m.Asset) == asset {
			return m.Amount
		}
	}
	return htlc.Amount{}
}
