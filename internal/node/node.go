package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/peer"
	"github.com/kofo-network/kofo/internal/peer/wire"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Options of a run.
type Options struct {
	Log *slog.Logger
	// Environ is the process's environment: passwords may stand there.
	Environ []string
	// AskPassphrase asks a person; nil where nobody can be asked.
	AskPassphrase func() (string, error)
	// Ready gets one line, "ready " and the address of the API, once it
	// serves. It may be nil.
	Ready           io.Writer
	Version, Commit string
}

// Intervals and bounds of a node.
const (
	agreementTick = time.Second
	cursorWait    = 30 * time.Second
	cursorPoll    = 20 * time.Millisecond
)

// Run runs a node until ctx ends. It returns nil where it was stopped.
func Run(ctx context.Context, cfg config.Config, o Options) error {
	if cfg.IsTower() {
		return runTower(ctx, cfg, o)
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	unlock, err := lock(cfg.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := mayRun(cfg.DataDir); err != nil {
		return err
	}
	var seed *wallet.Seed // none where the keys are in another process
	if !cfg.Signer.Elsewhere() {
		if seed, err = openSeed(cfg, o); err != nil {
			return err
		}
		defer seed.Close()
	}
	c, err := openCore(ctx, cfg, o.Environ, seed, o.Log, o.Version)
	if err != nil {
		return err
	}
	defer c.close()
	return c.serve(ctx, o)
}

func openSeed(cfg config.Config, o Options) (*wallet.Seed, error) {
	how, err := cfg.Lock(o.Environ, o.AskPassphrase)
	if err != nil {
		return nil, err
	}
	return wallet.SeedFile{Path: cfg.Path(cfg.Keys.SeedFile)}.Open(how)
}

// serve runs the core, and in front of it the servers, which end first.
func (c *core) serve(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	coreCtx, stopCore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCore()
	coreEnded := make(chan error, 1)
	go func() {
		err := c.run(coreCtx)
		if err != nil {
			cancel(err)
		}
		coreEnded <- err
	}()
	err := c.front(ctx, o, cancel)
	stopCore()
	return errors.Join(err, <-coreEnded)
}

// front serves owner and peers until ctx ends.
func (c *core) front(ctx context.Context, o Options, stop context.CancelCauseFunc) error {
	if err := c.waitForCursors(ctx); err != nil {
		return err
	}
	peers, err := c.listenPeers(ctx)
	if err != nil {
		return err
	}
	replyTo := c.cfg.Advertised()
	if peers != nil && c.cfg.Peer.Advertise == "" {
		replyTo = peers.Addr().String()
	}
	agreements, err := c.newAgreements(replyTo)
	if err != nil {
		return closing(err, peers)
	}
	api, listener, err := c.newAPI(ctx, o, agreements, replyTo, stop)
	if err != nil {
		return closing(err, peers)
	}
	g, ctx := errgroup.WithContext(ctx)
	if peers != nil {
		services := wire.Services{Answerer: agreements, Consenter: c.runner, Addresses: agreements}
		answers, err := peer.NewServer(c.identity.TLS(), services, peer.DefaultLimits(), c.log, c.traces.ServerOptions()...)
		if err != nil {
			return errors.Join(err, peers.Close(), listener.Close())
		}
		g.Go(func() error { return answers.Serve(ctx, peers) })
	}
	g.Go(func() error { return api.Serve(ctx, listener) })
	g.Go(func() error { return c.serveMetrics(ctx, c.measured(api)) })
	g.Go(func() error { return tick(ctx, agreements, c.log) })
	if o.Ready != nil {
		if _, err := fmt.Fprintf(o.Ready, "ready %s\n", listener.Addr()); err != nil {
			c.log.Warn("nobody reads the ready line", "error", err)
		}
	}
	return g.Wait()
}

func closing(err error, l net.Listener) error {
	if l == nil {
		return err
	}
	return errors.Join(err, l.Close())
}

// waitForCursors returns when the engine knows where each chain stands: a
// swap cannot be opened before.
func (c *core) waitForCursors(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cursorWait)
	defer cancel()
	ticker := time.NewTicker(cursorPoll)
	defer ticker.Stop()
	for _, id := range c.chains.ids() {
		for {
			if _, ok := c.engine.Cursor(id); ok {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("chain %s is not followed after %s: %w", id, cursorWait, context.Cause(ctx))
			case <-ticker.C:
			}
		}
	}
	return nil
}

func (c *core) listenPeers(ctx context.Context) (net.Listener, error) {
	if c.cfg.Peer.Listen == "" {
		return nil, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.cfg.Peer.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for peers: %w", err)
	}
	c.log.Info("peers are answered", "address", l.Addr().String(), "party", c.identity.PartyID().String())
	return l, nil
}

func (c *core) newAgreements(replyTo string) (*agreement.Service, error) {
	o := agreement.Options{
		Identity: c.identity, Secrets: c.keys.Secrets(), Store: c.store.Agreements(), Swaps: c.opener(),
		Peers: peer.Client{Identity: c.identity.TLS(), Address: replyTo, Dial: c.traces.DialOptions()},
		Now:   time.Now, Random: rand.Reader, Log: c.log, Changed: c.feed.RecordChanged, ReplyTo: replyTo,
		Outage:   uint32(c.cfg.Policy.Outage / time.Second),
		ValidFor: c.cfg.Policy.OfferValidity, MaxLock: c.cfg.Policy.MaxLock,
		Parties: c.cfg.Payouts.PartyIDs(), Room: c.disk.Room,
	}
	for _, on := range c.chains {
		o.Chains = append(o.Chains, agreement.Chain{
			ID: on.id, Reserver: on.adapter, Prover: on.adapter,
			Profile: on.Policy(), Suspended: func() string { return c.suspended(on.id) },
		})
	}
	return agreement.New(o)
}

// tick drives what agreements do by themselves: expiry, and asking again.
func tick(ctx context.Context, s *agreement.Service, log *slog.Logger) error {
	ticker := time.NewTicker(agreementTick)
	defer ticker.Stop()
	for {
		if err := s.Tick(ctx, time.Now()); err != nil && ctx.Err() == nil {
			log.Warn("agreements", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// opener hands agreed swaps to the engine.
type opener struct {
	engine *engine.Engine
	swaps  swapReader
	asking func(htlc.TermsSigned) htlc.TermsSigned
	copies *copyKeeper
	log    *slog.Logger
}

func (c *core) opener() opener {
	return opener{c.engine, swapReader{c.store}, c.asking, c.copies, c.log}
}

// Open is idempotent: a swap that the store knows, closed ones too, is not
// touched.
func (o opener) Open(ctx context.Context, signed htlc.TermsSigned) error {
	_, err := o.swaps.Swap(ctx, signed.Terms.ID())
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return err
	}
	err = o.engine.Apply(ctx, engine.Input{Swap: signed.Terms.ID(), Event: o.asking(signed)})
	if err != nil && !errors.Is(err, htlc.ErrStale) {
		return err
	}
	// The funding gate asks for the copy; made here it is there from the first
	// moment on.
	s, err := o.swaps.Swap(ctx, signed.Terms.ID())
	if err == nil {
		err = o.copies.EnsureCopy(ctx, s)
	}
	if err != nil {
		o.log.Warn("no copy of the terms yet; the lock waits for it", "swap", signed.Terms.ID().String(), "error", err)
	}
	return nil
}

// Cancel: a swap that the engine does not know any more is closed.
func (o opener) Cancel(ctx context.Context, swap htlc.SwapID) error {
	err := o.engine.Apply(ctx, engine.Input{Swap: swap, Event: htlc.CancelRequested{}})
	if errors.Is(err, engine.ErrNoSwap) || errors.Is(err, htlc.ErrStale) {
		return fmt.Errorf("%w: %w", htlc.ErrNotCancellable, err)
	}
	return err
}

func (c *core) newAPI(
	ctx context.Context, o Options, agreements *agreement.Service, replyTo string, stop context.CancelCauseFunc,
) (*server.Server, net.Listener, error) {
	certificate, err := c.certificate()
	if err != nil {
		return nil, nil, err
	}
	if err := server.EnsureAdminToken(ctx, c.store, filepath.Join(c.cfg.DataDir, config.AdminTokenFile), time.Now()); err != nil {
		return nil, nil, err
	}
	limits := c.cfg.API
	api, err := server.New(server.Options{
		Quoter: agreements, Agreer: agreements, Records: records{agreements, c.store.Agreements()},
		Swaps: c.store, Engine: c.engine, Journal: c.store, Payments: payments{core: c}, Tokens: c.store, Requests: c.store,
		Payouts: c.payoutGuard(), Guards: c.guard, Doctor: c.doctor(), Budget: c.chains.budget,
		Chains: c.served(), Feed: c.feed, Certificate: certificate, REST: limits.REST,
		Info: server.Info{
			Version: o.Version, Commit: o.Commit, Party: c.identity.PartyID(), PeerAddress: replyTo,
			Store: c.store.Dialect(), DataVersion: c.store.Version(), Started: time.Now(),
		},
		Limits: server.Limits{
			MaxMessage: limits.MaxMessage, MaxConns: limits.MaxConns, MaxStreams: limits.MaxStreams,
			MaxWatchers: limits.MaxWatchers, CallTimeout: limits.CallTimeout, Rate: limits.Rate,
		},
		Shutdown: func() { stop(nil) }, Fatal: func(err error) { stop(err) }, Log: c.log,
		GRPC: c.traces.ServerOptions(),
	})
	if err != nil {
		return nil, nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", limits.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the API: %w", err)
	}
	return api, listener, nil
}

func (c *core) certificate() (server.Certificate, error) {
	if c.cfg.API.TLSCert != "" {
		return server.LoadCertificate(c.cfg.Path(c.cfg.API.TLSCert), c.cfg.Path(c.cfg.API.TLSKey))
	}
	return server.EnsureCertificate(c.cfg.Path(config.CertFile), c.cfg.Path(config.KeyFile), c.cfg.API.TLSNames, time.Now())
}
