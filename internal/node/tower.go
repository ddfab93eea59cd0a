package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/peer"
	"github.com/kofo-network/kofo/internal/peer/wire"
	"github.com/kofo-network/kofo/internal/tower"
	"github.com/kofo-network/kofo/internal/wallet"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// guardedChain is what a watchtower wants of a chain.
type guardedChain interface {
	Signs(ctx context.Context, block adapters.BlockRef) (adapters.Signs, error)
	Locked(ctx context.Context, target string) (bool, error)
}

// Files of a tower's own identity, in its data folder. It is made when the tower
// starts for the first time, and has nothing to do with any owner's seed.
const (
	towerSeed = "tower.age"
	towerKey  = "tower.key"
)

// dropEvery is how often a tower forgets what nobody needs any more.
const dropEvery = 10 * time.Minute

// runTower is Run of a watchtower.
func runTower(ctx context.Context, cfg config.Config, o Options) error {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	unlock, err := lock(cfg.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	seed, err := towerIdentity(cfg.DataDir)
	if err != nil {
		return err
	}
	defer seed.Close()
	c := &core{cfg: cfg, environ: o.Environ, log: o.Log, fatal: make(chan error, 1), seen: newObserver(o.Version), version: o.Version}
	defer c.close()
	for _, step := range []func(context.Context, *wallet.Seed) error{c.openKeys, c.openTraces, c.openDisk, c.openStore, c.openChains} {
		if err := step(ctx, seed); err != nil {
			return err
		}
	}
	return c.serveTower(ctx, o)
}

// towerIdentity opens the tower's identity, or makes it.
func towerIdentity(dir string) (*wallet.Seed, error) {
	file, key := wallet.SeedFile{Path: filepath.Join(dir, towerSeed)}, filepath.Join(dir, towerKey)
	_, err := os.Stat(file.Path)
	if !errors.Is(err, fs.ErrNotExist) {
		return file.Open(wallet.KeyFile(key))
	}
	if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) { // else a crash came between the two
		if err := wallet.CreateKeyFile(key); err != nil {
			return nil, err
		}
	}
	seed, err := wallet.NewSeed(24)
	if err != nil {
		return nil, err
	}
	if err := file.Create(seed, wallet.KeyFile(key)); err != nil {
		seed.Close()
		return nil, err
	}
	return seed, nil
}

// serveTower keeps and uses packages until ctx ends.
func (c *core) serveTower(ctx context.Context, o Options) error {
	terms := c.towerTerms()
	watching, err := c.loadTower(ctx, terms)
	if err != nil {
		return err
	}
	l, err := c.listenPeers(ctx)
	if err != nil {
		return err
	}
	host := &tower.Host{Terms: terms, Tower: watching, Register: c.store, Now: time.Now}
	server, err := peer.NewServer(c.identity.TLS(), wire.Services{Tower: host}, peer.TowerLimits(), c.log, c.traces.ServerOptions()...)
	if err != nil {
		return closing(err, l)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return watching.Run(ctx) })
	g.Go(func() error { return server.Serve(ctx, l) })
	g.Go(func() error { return c.disk.Run(ctx) })
	g.Go(func() error { return c.dropPackages(ctx, watching) })
	g.Go(func() error { return c.serveMetrics(ctx, c.towerMeasured()) })
	for _, on := range c.chains {
		if on.background != nil {
			g.Go(func() error { return on.background(ctx) })
		}
	}
	if o.Ready != nil {
		if _, err := fmt.Fprintf(o.Ready, "ready %s party %s\n", l.Addr(), c.identity.PartyID()); err != nil {
			c.log.Warn("nobody reads the ready line", "error", err)
		}
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (c *core) towerTerms() tower.Terms {
	t := c.cfg.Tower
	out := tower.Terms{
		Listed: map[htlc.PartyID]guarded.Quota{}, Strangers: guarded.Quota{Packages: t.Packages, Longest: t.Longest},
		Price: t.Price, Chains: c.chains.ids(),
	}
	for _, owner := range t.Owners {
		out.Listed[config.PartyID(owner.Party)] = guarded.Quota{Packages: owner.Packages, Longest: t.Longest}
	}
	return out
}

func (c *core) loadTower(ctx context.Context, terms tower.Terms) (*guarded.Tower, error) {
	o := guarded.Options{Store: c.store, Quota: terms.Quota, Now: time.Now, Log: c.log}
	for _, on := range c.chains {
		spender, err := c.spender(ctx, on)
		if err != nil {
			return nil, fmt.Errorf("chain %s: %w", on.Name, err)
		}
		o.Chains = append(o.Chains, guarded.Chain{ID: on.id, Reader: on.adapter, Spender: spender})
	}
	return guarded.Load(ctx, o)
}

// spender is how a chain's packages are used.
func (c *core) spender(ctx context.Context, on chain) (guarded.Spender, error) {
	switch a := on.adapter.(type) {
	case *bitcoin.Adapter:
		return ladderSpender{a}, nil
	case *evm.Adapter:
		budget := c.cfg.Tower.GasBudget
		if budget.IsZero() {
			quote, err := a.Quote(ctx, a.NativeAsset())
			if err != nil {
				return nil, err
			}
			if budget, err = quote.StressRedeem.Add(quote.StressRefund); err != nil {
				return nil, err
			}
		}
		c.log.Info("the tower's account pays gas", "chain", string(on.id), "account", c.gasAccount())
		return callSpender{a, budget}, nil
	}
	return nil, fmt.Errorf("no tower for chains of kind %s", on.Kind)
}

func (c *core) gasAccount() string {
	account, err := c.keys.EVM()
	if err != nil {
		return err.Error()
	}
	return account.Address().Hex()
}

// ladderSpender sends what the owner has signed.
type ladderSpender struct{ *bitcoin.Adapter }

func (s ladderSpender) Push(ctx context.Context, p guarded.Package, rung int, secret htlc.Secret) (string, error) {
	if rung >= len(p.Ladder) {
		return "", fmt.Errorf("%w: no rung %d", guarded.ErrPackage, rung)
	}
	tx, err := bitcoin.Complete(p.Target, p.Ladder[rung].Raw, secret)
	if err != nil {
		return "", err
	}
	return tx.ID, s.Broadcast(ctx, tx)
}

// callSpender sends the owner's call, signed and paid by the tower. The journal of
// nonces has it before a node does, so a restart sends the same.
type callSpender struct {
	*evm.Adapter
	budget htlc.Amount
}

func (s callSpender) Push(ctx context.Context, p guarded.Package, _ int, secret htlc.Secret) (string, error) {
	tip, err := s.Tip(ctx)
	if err != nil {
		return "", err
	}
	fees := adapters.FeePolicy{Now: tip.Clock, Budget: s.budget}
	if p.Kind == guarded.Redeem {
		fees.Deadline = p.Opens
	}
	tx, err := s.Relay(ctx, evm.Errand{Target: p.Target, Call: p.Call}, secret, fees, nil)
	if err != nil {
		return "", err
	}
	return tx.ID, s.Broadcast(ctx, tx)
}

// dropPackages forgets what has expired.
func (c *core) dropPackages(ctx context.Context, t *guarded.Tower) error {
	ticker := time.NewTicker(dropEvery)
	defer ticker.Stop()
	for {
		if err := t.Drop(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("expired packages stay", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
