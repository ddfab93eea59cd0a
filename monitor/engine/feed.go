package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
)

// Bus is what a Feed needs of the bus.
type Bus interface {
	Consume(ctx context.Context, chain htlc.ChainID, handle func(context.Context, bus.Message) error) error
	Ask(ctx context.Context, chain htlc.ChainID, r bus.Request) (bus.Reply, error)
}

// Feed brings one chain's messages from the bus to the engine, and has the
// watcher follow again from the cursor where messages got lost.
//
// The caller owes it: Engine.Start before Run, and Engine.Run beside it.
type Feed struct {
	Engine *Engine
	Bus    Bus
	Chain  htlc.ChainID
	Log    *slog.Logger
	// Quiet is how long nothing may come before the watcher is asked to
	// follow again; DefaultQuiet where zero.
	Quiet time.Duration

	applied atomic.Uint64 // steps
	obeyed  atomic.Uint64 // the newest request that the watcher has answered
	gap     chan struct{}
}

// DefaultQuiet bounds how long lost messages go unnoticed.
const DefaultQuiet = 3 * time.Second

// Bounds of asking a watcher. Between two requests that help nothing the
// pause doubles, up to Quiet.
const (
	watchTimeout = 30 * time.Second
	followQuiets = 3 // how many times Quiet a watcher may take to follow
	askPause     = 20 * time.Millisecond
	watchAtOnce  = 4
	maxDoublings = 16
)

// Run feeds the engine until ctx ends. A watcher that does not know this
// engine is told to watch what is open before it follows.
func (f *Feed) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.gap = make(chan struct{}, 1)
	consumed := make(chan error, 1)
	go func() { consumed <- f.Bus.Consume(ctx, f.Chain, f.handle) }()
	quiet := f.quiet()
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	var last uint64 // steps applied when the watcher was asked last
	vain, failed := 0, 0
	for {
		var err error
		select {
		case <-ctx.Done():
			return <-consumed
		case err := <-consumed:
			return err
		case <-f.gap:
			if f.applied.Load() != last {
				vain = 0
			}
			err = f.follow(ctx)
			pause(ctx, doubled(vain, quiet))
			vain++
		case <-timer.C:
			if f.applied.Load() == last || failed > 0 {
				err = f.follow(ctx)
			}
		}
		last = f.applied.Load()
		if err == nil || ctx.Err() != nil {
			failed = 0
			timer.Reset(quiet)
			continue
		}
		f.Log.Warn("watcher does not follow", "chain", string(f.Chain), "error", err)
		timer.Reset(doubled(failed, quiet))
		failed++
	}
}

// doubled grows from askPause to limit.
func doubled(times int, limit time.Duration) time.Duration {
	return min(askPause<<min(times, maxDoublings), limit)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// handle applies one message. A gap wakes Run, and so does the bus where it
// begins to listen.
func (f *Feed) handle(ctx context.Context, m bus.Message) error {
	if m.Step == nil && m.Sight == nil {
		f.signal()
		return nil
	}
	if m.Step != nil && m.Epoch.N < f.obeyed.Load() {
		return nil // it comes again for the newer request
	}
	gap, err := f.judge(m, f.Engine.Apply(ctx, f.input(m)))
	if gap {
		f.signal()
	}
	return err
}

func (f *Feed) input(m bus.Message) Input {
	return Input{Chain: f.Chain, Epoch: m.Epoch, Step: m.Step, Recent: m.Recent, Sight: m.Sight}
}

// judge reads the engine's answer to a message: a step that was neither
// applied nor stale leaves a gap.
func (f *Feed) judge(m bus.Message, err error) (bool, error) {
	switch {
	case err == nil:
		if m.Step != nil {
			f.applied.Add(1)
		}
		return false, nil
	case errors.Is(err, htlc.ErrStale), errors.Is(err, ErrNoSwap):
		return false, nil
	}
	return m.Step != nil, err
}

func (f *Feed) signal() {
	select {
	case f.gap <- struct{}{}:
	default:
	}
}

// follow asks the watcher to publish from the cursor on.
func (f *Feed) follow(ctx context.Context) error {
	request := f.request(false)
	reply, err := f.ask(ctx, request)
	if err != nil {
		return err
	}
	if !reply.Fresh {
		f.obeyed.Store(request.Epoch.N)
		return nil
	}
	// The watcher has begun anew and is silent, so the cursor stays where it
	// is until everything is watched again.
	if err := f.watchOpen(ctx); err != nil {
		return err
	}
	request = f.request(true)
	if _, err = f.ask(ctx, request); err == nil {
		f.obeyed.Store(request.Epoch.N)
	}
	return err
}

func (f *Feed) request(watched bool) bus.Request {
	r := bus.Request{Op: bus.OpFollow, Epoch: f.Engine.nextEpoch(), Watched: watched}
	if c, ok := f.Engine.Cursor(f.Chain); ok {
		r.Cursor, r.Recent = &c.Block, c.Recent
	}
	return r
}

func (f *Feed) quiet() time.Duration {
	if f.Quiet <= 0 {
		return DefaultQuiet
	}
	return f.Quiet
}

// ask gives up soon enough on a request that nobody heard. One that is heard
// late is refused in favour of its successor.
func (f *Feed) ask(ctx context.Context, r bus.Request) (bus.Reply, error) {
	timeout := watchTimeout
	if r.Op == bus.OpFollow {
		timeout = followQuiets * f.quiet()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f.Bus.Ask(ctx, f.Chain, r)
}

// watchOpen has every open contract watched. One failure fails all: a
// watcher that followed without a contract would lose its facts.
func (f *Feed) watchOpen(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(watchAtOnce)
	for _, s := range f.Engine.Open() {
		for _, leg := range []int{s.In(), s.Out()} {
			if s.Terms.Legs[leg].Chain() != f.Chain {
				continue
			}
			g.Go(func() error {
				r := bus.Request{Op: bus.OpWatch, Terms: &s.Terms, Leg: leg, Ref: s.Legs[leg].FundRef}
				if _, err := f.ask(ctx, r); err != nil {
					return fmt.Errorf("watch swap %s leg %d: %w", s.ID, leg, err)
				}
				return nil
			})
		}
	}
	return g.Wait()
}
