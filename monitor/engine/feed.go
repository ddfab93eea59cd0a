package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

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
type Feed struct {
	Engine *Engine
	Bus    Bus
	Chain  htlc.ChainID
	Log    *slog.Logger
	// Quiet is how long nothing may come before the watcher is asked to
	// follow again; DefaultQuiet where zero.
	Quiet time.Duration

	heard atomic.Int64 // unix nanoseconds of the last applied step
	gap   chan struct{}
}

// DefaultQuiet bounds how long lost messages go unnoticed.
const DefaultQuiet = 3 * time.Second

// askTimeout bounds one request to a watcher.
const askTimeout = 30 * time.Second

// Run feeds the engine until ctx ends. Swaps that were open at the start are
// watched anew before the watcher follows.
func (f *Feed) Run(ctx context.Context) error {
	f.gap = make(chan struct{}, 1)
	consumed := make(chan error, 1)
	go func() { consumed <- f.Bus.Consume(ctx, f.Chain, f.handle) }()
	f.follow(ctx, true)
	quiet := f.Quiet
	if quiet <= 0 {
		quiet = DefaultQuiet
	}
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return <-consumed
		case err := <-consumed:
			return err
		case <-f.gap:
			f.follow(ctx, false)
		case <-tick.C:
			if time.Since(time.Unix(0, f.heard.Load())) >= quiet {
				f.follow(ctx, false)
			}
		}
	}
}

// handle applies one message. A gap wakes Run.
func (f *Feed) handle(ctx context.Context, m bus.Message) error {
	err := f.Engine.Apply(ctx, Input{Chain: f.Chain, Step: m.Step, Sight: m.Sight})
	switch {
	case err == nil:
		if m.Step != nil {
			f.heard.Store(time.Now().UnixNano())
		}
		return nil
	case errors.Is(err, htlc.ErrStale), errors.Is(err, ErrNoSwap):
		return nil
	}
	if m.Step != nil {
		select {
		case f.gap <- struct{}{}:
		default:
		}
	}
	return err
}

// follow asks the watcher to publish from the cursor on. first also restores
// the set of watched contracts, which the watcher may have lost.
func (f *Feed) follow(ctx context.Context, first bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request := bus.Request{Op: bus.OpFollow}
	if c, ok := f.Engine.Cursor(f.Chain); ok {
		request.Cursor = &c.Block
	}
	if first {
		f.watchOpen(ctx)
	}
	if _, err := f.Bus.Ask(ctx, f.Chain, request); err != nil && ctx.Err() == nil {
		f.Log.Warn("watcher does not follow", "chain", string(f.Chain), "error", err)
	}
}

func (f *Feed) watchOpen(ctx context.Context) {
	for _, s := range f.Engine.Open() {
		for _, leg := range []int{s.In(), s.Out()} {
			if s.Terms.Legs[leg].Chain() != f.Chain {
				continue
			}
			r := bus.Request{Op: bus.OpWatch, Terms: s.Terms, Leg: leg, Ref: s.Legs[leg].FundRef}
			if _, err := f.Bus.Ask(ctx, f.Chain, r); err != nil && ctx.Err() == nil {
				f.Log.Error("contract not watched", "swap", s.ID.String(), "leg", leg, "error", err)
			}
		}
	}
}
