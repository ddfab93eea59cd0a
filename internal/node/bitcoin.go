package node

import (
	"context"
	"fmt"
	"os"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
)

// satPerKvB is how the configuration's rates (sat/vB) become the adapter's.
const satPerKvB = 1000

func (c *core) openBitcoin(ctx context.Context, settings config.Chain) (chain, error) {
	id := htlc.ChainID(settings.ID)
	params, err := bitcoin.ParamsOf(id)
	if err != nil {
		return chain{}, err
	}
	signs, err := c.keys.Bitcoin(id)
	if err != nil {
		return chain{}, err
	}
	nodes, err := c.bitcoinNodes(settings)
	if err != nil {
		return chain{}, err
	}
	o := bitcoin.Config{
		Chain: id, URL: nodes[0].URL, User: nodes[0].User, Password: nodes[0].Password, Certificate: nodes[0].Certificate,
		More: nodes[1:], Health: limitsOf(settings),
		Birth:     settings.Birth,
		StressFee: settings.Fees.Stress * satPerKvB, MinFeePercent: settings.Fees.MaxShare,
		ClimbWindow: climbWindow(settings), PollInterval: settings.Poll, LongestLock: c.cfg.Policy.MaxLock,
	}
	if limit, ok := c.maxAmount(params.Asset).Uint64(); ok {
		o.MaxAmount = limit
	}
	coins := c.store.Coins(id)
	a, err := bitcoin.Open(ctx, o, signs, coins, coins, c.log)
	if err != nil {
		return chain{}, err
	}
	if err := c.freeUnknownWithdrawals(ctx, a); err != nil {
		a.Close()
		return chain{}, err
	}
	return chain{Chain: settings, id: id, adapter: a, redeemsTogether: true, background: a.Background, close: a.Close}, nil
}

// bitcoinNodes are a chain's back ends with what is needed to log in.
func (c *core) bitcoinNodes(settings config.Chain) ([]bitcoin.BackEnd, error) {
	var out []bitcoin.BackEnd
	for _, b := range settings.BackEnds() {
		user, password, err := c.login(b)
		if err != nil {
			return nil, err
		}
		node := bitcoin.BackEnd{URL: b.URL.Reveal(), User: user, Password: bitcoin.Password(password.Reveal())}
		if b.TLSCert != "" {
			if node.Certificate, err = os.ReadFile(c.cfg.Path(b.TLSCert)); err != nil {
				return nil, fmt.Errorf("certificate of back end %s: %w", b.Name(), err)
			}
		}
		out = append(out, node)
	}
	return out, nil
}

// freeUnknownWithdrawals gives back what withdrawals hold that were signed and,
// for a crash, never stored.
func (c *core) freeUnknownWithdrawals(ctx context.Context, a *bitcoin.Adapter) error {
	open, err := c.store.OpenWithdrawals(ctx)
	if err != nil {
		return fmt.Errorf("open withdrawals: %w", err)
	}
	known := map[string]bool{}
	for _, w := range open {
		known[w.RequestID] = true
	}
	return a.ReleaseUnknownWithdrawals(ctx, func(request string) bool { return known[request] })
}
