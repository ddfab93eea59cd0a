package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/disk"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/telemetry"
	"github.com/kofo-network/kofo/internal/tower"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/breaker"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/gate"
	"github.com/kofo-network/kofo/monitor/runner"
	"github.com/kofo-network/kofo/monitor/watch"
)

// core is what settles swaps; the servers stand on it.
type core struct {
	cfg  config.Config
	log  *slog.Logger
	keys signer.Keys
	// askSigner makes the process answer that holds the keys; nil without one.
	askSigner func(ctx context.Context) error
	identity  signer.Identity
	storage   wallet.StorageKeys
	store     *store.Store
	nats      *natsserver.Server
	bus       *bus.Bus
	chains    chains
	engine    *engine.Engine
	runner    *runner.Runner
	disk      *disk.Keeper
	seen      *observer
	traces    *telemetry.Traces // nil where there are none
	version   string
	copies    *copyKeeper
	guard     *tower.Guard
	feed      *server.Feed
	environ   []string
	// fatal gets the failure after which the store must not be written.
	fatal  chan error
	alarms atomic.Uint64
	// paying is held while a withdrawal is signed or sent.
	paying sync.Mutex
	// closers run in reverse order.
	closers []func()
}

// openCore opens everything up to the engine; nothing runs yet.
func openCore(ctx context.Context, cfg config.Config, environ []string, seed *wallet.Seed, log *slog.Logger, version string) (_ *core, err error) {
	c := &core{
		cfg: cfg, environ: environ, log: log, feed: server.NewFeed(), fatal: make(chan error, 1),
		seen: newObserver(version), version: version,
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for _, step := range []func(context.Context, *wallet.Seed) error{
		c.openKeys, c.openTraces, c.openDisk, c.openStore, c.openBus, c.openChains, c.openEngine,
	} {
		if err := step(ctx, seed); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *core) onClose(f func()) { c.closers = append(c.closers, f) }

func (c *core) close() {
	for i := len(c.closers) - 1; i >= 0; i-- {
		c.closers[i]()
	}
	c.closers = nil
}

func (c *core) openStore(ctx context.Context, _ *wallet.Seed) error {
	sealer, err := c.storage.Sealer()
	if err != nil {
		return err
	}
	c.store, err = store.Open(ctx, store.Config{DSN: storeDSN(c.cfg), Party: c.identity.PartyID(), Sealer: sealer, Log: c.log})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	c.onClose(func() {
		if err := c.store.Close(); err != nil {
			c.log.Error("close the store", "error", err)
		}
	})
	return nil
}

func (c *core) openBus(ctx context.Context, _ *wallet.Seed) (err error) {
	o := bus.Options{
		URL: c.cfg.Bus.URL.Reveal(), Credentials: c.cfg.Path(c.cfg.Bus.Credentials),
		Prefix: c.cfg.Bus.Prefix, Replicas: c.cfg.Bus.Replicas, Log: c.log,
	}
	if o.URL == "" {
		dir := filepath.Join(c.cfg.DataDir, "nats")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("folder of the embedded broker: %w", err)
		}
		if c.nats, err = bus.Embedded(dir); err != nil {
			return err
		}
		c.onClose(func() {
			c.nats.Shutdown()
			c.nats.WaitForShutdown()
		})
		o.Conn = c.nats
	}
	if c.bus, err = bus.Open(ctx, o); err != nil {
		return fmt.Errorf("open the bus: %w", err)
	}
	c.onClose(c.bus.Close)
	return nil
}

func (c *core) openChains(ctx context.Context, _ *wallet.Seed) error {
	c.onClose(func() { c.chains.closeAll() })
	for _, settings := range c.cfg.Chains {
		opened, err := c.openChain(ctx, settings)
		if err != nil {
			return fmt.Errorf("chain %s: %w", settings.Name, err)
		}
		c.chains = append(c.chains, opened)
		last := &c.chains[len(c.chains)-1]
		if last.budgets, err = stressBudgets(ctx, *last); err != nil {
			return fmt.Errorf("chain %s: %w", settings.Name, err)
		}
		if err := c.newBreaker(last); err != nil {
			return fmt.Errorf("chain %s: %w", settings.Name, err)
		}
	}
	return nil
}

func (c *core) openEngine(context.Context, *wallet.Seed) error {
	story := newNarrator(c.log)
	c.engine = engine.New(engine.Options{
		Store: fencedStore{c.store, c.fatal, c.seen, c.traces}, Contracts: c.chains.contract, Dispatch: c.dispatch,
		Changed: func(swaps []htlc.Swap) {
			story.changed(swaps)
			c.seen.changed(swaps)
			c.feed.SwapsChanged(swaps)
			c.guard.Changed(swaps)
		},
		Now: time.Now, Log: c.log,
	})
	c.guard = c.newGuard()
	var err error
	if c.copies, err = c.openCopies(); err != nil {
		return err
	}
	keeper := &gate.Keeper{
		Chains: func(id htlc.ChainID) (gate.Chain, error) {
			on, err := c.chains.find(id)
			return on.adapter, err
		},
		Cursor: func(id htlc.ChainID) (adapters.BlockRef, bool) {
			cursor, ok := c.engine.Cursor(id)
			return cursor.Block, ok
		},
		BackEnds: func(id htlc.ChainID) gate.BackEnds {
			on, err := c.chains.find(id)
			if err != nil {
				return nil
			}
			return on.adapter.BackEnds()
		},
		Finality: func(id htlc.ChainID) bool {
			on, err := c.chains.find(id)
			return err == nil && on.Finality
		},
		Suspended: c.suspended,
		Copies:    guardedCopies{c.copies, c.guard},
		DiskFree:  func() (uint64, error) { return diskFree(c.cfg.DataDir) },
	}
	var lanes []runner.Chain
	for _, on := range c.chains {
		lanes = append(lanes, c.lane(on))
	}
	c.runner = runner.New(runner.Options{
		Chains: lanes, Engine: c.engine, Swaps: swapReader{c.store}, Journal: c.store, Gates: keeper,
		Watchers: c.bus, Secrets: c.keys.Secrets(), Budget: c.chains.budget, Alarm: c.alarm, Log: c.log,
		Consent: c.consent(), Observe: c.observed(),
	})
	return nil
}

// dispatch hands durable effects to the runner.
func (c *core) dispatch(effects []engine.StoredEffect) { c.runner.Dispatch(effects, nil) }

// alarm tells a person. What happened stands in the swap's history too.
func (c *core) alarm(s htlc.Swap, leg int, reason string) {
	c.alarms.Add(1)
	c.log.Warn("alarm", "swap", s.ID.String(), "leg", leg, "chain", string(s.Terms.Legs[leg].Chain()),
		"reason", reason, "phase", s.Phase.String())
}

// run settles swaps until ctx ends.
func (c *core) run(ctx context.Context) error {
	if err := c.engine.Start(ctx, c.chains.ids()); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.engine.Run(ctx) })
	g.Go(func() error { return c.disk.Run(ctx) })
	g.Go(func() error { return c.runner.Run(ctx) })
	g.Go(func() error { return payments{core: c}.lookAfter(ctx) })
	g.Go(func() error { return c.tickBreakers(ctx) })
	g.Go(func() error { return c.guard.Run(ctx) })
	g.Go(func() error {
		select {
		case err := <-c.fatal:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	for _, on := range c.chains {
		watcher := watch.New(on.id, on.adapter, on.adapter, tipTeller{c.bus, c.feed, on.breaker, c.seen}, c.log)
		feed := &engine.Feed{Engine: c.engine, Bus: c.bus, Chain: on.id, Log: c.log}
		g.Go(func() error { return watcher.Run(ctx) })
		g.Go(func() error { return c.bus.Serve(ctx, on.id, watcher.Answer) })
		g.Go(func() error { return feed.Run(ctx) })
		if on.background != nil {
			g.Go(func() error { return on.background(ctx) })
		}
	}
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// fencedStore ends the node when another process has taken over the store, or
// when it is unknown what the store has written: going on would be guessing.
type fencedStore struct {
	*store.Store
	fatal chan<- error
	seen  *observer
	// traces is nil where there are none.
	traces *telemetry.Traces
}

func (s fencedStore) Commit(ctx context.Context, b engine.Batch) error {
	ctx, end := s.begin(ctx, b)
	began := time.Now()
	err := s.Store.Commit(ctx, b)
	end(err)
	s.seen.s.Commit.Observe(time.Since(began).Seconds())
	if err == nil {
		s.seen.committed(b)
	} else {
		s.seen.s.CommitErrors.Inc()
	}
	if errors.Is(err, store.ErrTakenOver) || errors.Is(err, store.ErrOutcomeUnknown) {
		select {
		case s.fatal <- fmt.Errorf("the store must not be written any more: %w", err):
		default:
		}
	}
	return err
}

// tipTeller publishes for a watcher, and wakes those who follow swaps with
// every block, so that confirmations are seen to grow.
type tipTeller struct {
	bus     *bus.Bus
	feed    *server.Feed
	breaker *breaker.Breaker
	seen    *observer
}

func (t tipTeller) Publish(ctx context.Context, m bus.Message) error {
	err := t.bus.Publish(ctx, m)
	if err == nil && m.Step != nil {
		t.breaker.Stepped(*m.Step)
		t.feed.TipChanged(m.Chain)
		t.seen.stepped(m.Chain, *m.Step)
	}
	return err
}

// swapReader reads swaps that the engine has forgotten.
type swapReader struct{ store *store.Store }

func (r swapReader) Swap(ctx context.Context, id htlc.SwapID) (htlc.Swap, error) {
	record, err := r.store.Get(ctx, id)
	return record.Swap, err
}
