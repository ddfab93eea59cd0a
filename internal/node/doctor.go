package node

import (
	"context"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/doctor"
	"github.com/kofo-network/kofo/internal/safety"
	"github.com/kofo-network/kofo/monitor/gate"
)

// doctor knows where this node keeps everything.
func (c *core) doctor() func(context.Context) doctor.Report {
	d := &doctor.Doctor{OpenRows: safety.OpenRows, Now: time.Now, Node: doctor.Node{
		Durability: c.store.Durability, Dialect: c.store.Dialect(),
		Embedded: c.nats != nil, Connected: c.bus.Healthy, Replicas: c.cfg.Bus.Replicas,
		Disk: c.disk.Look, Low: gate.MinDiskFree, DataDir: c.cfg.DataDir, Copies: c.copies.folders(),
		Keys: func() error {
			_, err := c.keys.EVM()
			return err
		},
		CertFile: c.cfg.CertPath(), Alarms: c.alarms.Load, Towers: len(c.cfg.Towers.List),
		Restricted: c.cfg.Payouts.Restricted(), Limited: len(c.cfg.Payouts.Limits) > 0,
	}}
	if c.askSigner != nil {
		d.Node.Signer = &doctor.Signer{Address: c.cfg.Signer.Address, Ask: c.askSigner, Timeout: c.cfg.Signer.Timeout}
	}
	for _, on := range c.chains {
		d.Chains = append(d.Chains, c.patient(on))
	}
	return d.Look
}

// patient is a chain as the doctor sees it.
func (c *core) patient(on chain) doctor.Chain {
	blocks := time.Duration(stuckAfter) * on.BlockTime()
	return doctor.Chain{
		ID: on.id, Name: on.Name, Local: on.Profile == config.ProfileDevnet,
		// A chain's newest block is older than its clock's lag where blocks are rare.
		Lead: on.Timing.ClockLead, Lag: on.Timing.ClockLag + blocks,
		Status: on.adapter.Status, Settings: on.adapter.Settings,
		Means: func(ctx context.Context) (have, need htlc.Amount, err error) {
			coin := c.chains.coin(on.id)
			quote, err := on.adapter.Quote(ctx, coin)
			if err != nil {
				return have, need, err
			}
			balances, err := on.adapter.Balances(ctx)
			for _, b := range balances {
				if b.Asset == coin {
					have = b.Spendable
				}
			}
			return have, quote.StressRedeem, err
		},
		Cursor:   func() (uint64, bool) { return c.followed(on.id) },
		BackEnds: on.adapter.BackEnds().Health, Split: on.adapter.BackEnds().Split, Suspended: on.breaker.Suspended,
		Coin: c.feeCoin(on.id),
	}
}

// feeCoin is the coin of a chain's fees as people write it.
func (c *core) feeCoin(id htlc.ChainID) doctor.Coin {
	for _, on := range c.served() {
		for _, asset := range on.Assets {
			if on.ID == id && asset.FeeCoin {
				return doctor.Coin{Symbol: asset.Symbol, Decimals: asset.Decimals}
			}
		}
	}
	return doctor.Coin{Symbol: "base units"}
}
