package node

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/tower"
	"github.com/kofo-network/kofo/monitor/breaker"
	"github.com/kofo-network/kofo/monitor/gate"
	"github.com/kofo-network/kofo/monitor/runner"
	"github.com/kofo-network/kofo/monitor/watch"
)

// adapter is the whole of an adapter, put together from what its users want
// of it.
//
//nolint:interfacebloat // each part is declared, at most five methods long, by the package that uses it
type adapter interface {
	watch.Chain
	watch.Registry
	runner.Signer
	runner.Ledger
	runner.Cosigner
	gate.Chain
	agreement.Reserver
	agreement.Prover
	purse
	tower.Maker
	guardedChain
	BackEnds() *backend.Pool
	setUp
}

// purse is what the owner's calls want of a chain.
type purse interface {
	Address(ctx context.Context, asset htlc.AssetID) (string, error)
	Balances(ctx context.Context) ([]adapters.Balance, error)
	Withdraw(ctx context.Context, w adapters.Withdrawal) (adapters.Tx, error)
	Paid(ctx context.Context, txid string) (adapters.Paid, bool, error)
	Status(ctx context.Context) (adapters.Status, error)
}

// setUp tells how a back end was set up.
type setUp interface {
	Settings(ctx context.Context) (adapters.Settings, error)
}

// chain is one configured chain with its adapter.
type chain struct {
	config.Chain
	id      htlc.ChainID
	adapter adapter
	// background is what the adapter does by itself, nil where nothing.
	background func(context.Context) error
	close      func()
	breaker    *breaker.Breaker
	// redeemsTogether: contracts can be redeemed with the payer's consent.
	redeemsTogether bool
	// budgets of the assets that fees are not paid in.
	budgets map[htlc.AssetID]htlc.Amount
}

// chains are all of a node's chains, in the order of the configuration.
type chains []chain

func (c chains) ids() []htlc.ChainID {
	out := make([]htlc.ChainID, len(c))
	for i := range c {
		out[i] = c[i].id
	}
	return out
}

func (c chains) find(id htlc.ChainID) (chain, error) {
	for i := range c {
		if c[i].id == id {
			return c[i], nil
		}
	}
	return chain{}, fmt.Errorf("%w: chain %s is not configured", adapters.ErrUnknownAsset, id)
}

// contract computes a leg's contract by the adapter of its chain.
func (c chains) contract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	on, err := c.find(terms.Legs[leg].Chain())
	if err != nil {
		return adapters.Contract{}, err
	}
	return on.adapter.Contract(terms, leg)
}

// budget is the most that a redeem or refund of a leg may cost: a share of
// the value where the leg is the chain's own coin.
func (c chains) budget(leg htlc.Leg) htlc.Amount {
	on, err := c.find(leg.Chain())
	if err != nil {
		return htlc.Amount{}
	}
	if budget, ok := on.budgets[leg.Asset]; ok {
		return budget
	}
	return permille(leg.Amount, on.Fees.BudgetShare)
}

func (c chains) closeAll() {
	for i := len(c) - 1; i >= 0; i-- {
		c[i].close()
	}
}
