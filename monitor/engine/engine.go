package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/deadline"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// Errors of Apply.
var (
	// ErrGap: the step does not follow the cursor.
	ErrGap = errors.New("the step does not follow the chain's cursor")
	// ErrNoSwap: the swap is unknown or closed.
	ErrNoSwap = errors.New("no open swap with this id")
	// ErrNoCursor: the chain is not followed yet.
	ErrNoCursor = errors.New("the chain is not followed yet")
	// ErrMoved: the cursor is not where a scan was made; scan again.
	ErrMoved = errors.New("the cursor has moved since the scan")
	// ErrStopped: the engine no longer takes inputs.
	ErrStopped = errors.New("the engine has stopped")
)

// Bounds of the queue and of one transaction.
const (
	queueSize = 1024
	maxBatch  = 64
)

// Contracts computes a leg's contract from its Terms; see the adaptation
// standard.
type Contracts func(terms htlc.Terms, leg int) (adapters.Contract, error)

// Input is one thing to apply: an event of a swap, the result of an effect,
// a step along a chain, or a sighting in its mempool.
type Input struct {
	Swap  htlc.SwapID
	Event htlc.Event   // nil where only effects are done
	Done  []EffectID   // the effects whose result this is
	Chain htlc.ChainID // of Step and Sight
	Step  *adapters.Step
	Sight *adapters.Fact
	// Located is what a scan found of one of the swap's contracts.
	Located *Found
}

// Found is the result of a scan of a leg's contract, made when the watcher
// stood at block At.
type Found struct {
	Leg   int
	At    adapters.BlockRef
	Facts []adapters.Located
}

// Options of an Engine.
type Options struct {
	Store     Store
	Contracts Contracts
	// Dispatch takes effects that are durable. It must not block.
	Dispatch func([]StoredEffect)
	// Changed is told of swaps whose stored state changed. It must not block.
	Changed func([]htlc.Swap)
	Now     func() time.Time // stamps history for people; nothing decides by it
	Log     *slog.Logger
}

// Engine holds the open swaps.
type Engine struct {
	o       Options
	queue   chan request
	stopped chan struct{}

	// Written by the goroutine of Step alone, and under mu, so that it reads
	// without and others with the lock.
	mu        sync.RWMutex
	swaps     map[htlc.SwapID]htlc.Swap
	contracts map[contractKey]place
	cursors   map[htlc.ChainID]Cursor
	alarms    *deadline.Index
	stats     Stats
}

// Stats count what happened to inputs.
type Stats struct{ Applied, Stale, Rejected, Commits uint64 }

type contractKey struct {
	chain    htlc.ChainID
	contract string
}

type place struct {
	swap htlc.SwapID
	leg  int
}

type request struct {
	input Input
	done  chan error
}

// New returns an engine without swaps.
func New(o Options) *Engine {
	return &Engine{
		o: o, queue: make(chan request, queueSize), stopped: make(chan struct{}),
		swaps: map[htlc.SwapID]htlc.Swap{}, contracts: map[contractKey]place{},
		cursors: map[htlc.ChainID]Cursor{}, alarms: deadline.New(),
	}
}

// Start loads the open swaps and the cursors of the chains, and dispatches
// the effects that were pending.
func (e *Engine) Start(ctx context.Context, chains []htlc.ChainID) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range chains {
		cursor, err := e.o.Store.Cursor(ctx, c)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cursor of %s: %w", c, err)
		}
		e.cursors[c] = cursor
	}
	if err := e.o.Store.Active(ctx, e.adopt); err != nil {
		return fmt.Errorf("load open swaps: %w", err)
	}
	pending, err := e.o.Store.Pending(ctx)
	if err != nil {
		return fmt.Errorf("load pending effects: %w", err)
	}
	e.o.Log.Info("engine starts", "swaps", len(e.swaps), "pending_effects", len(pending))
	e.o.Dispatch(pending)
	return nil
}

// adopt takes a stored swap into memory.
func (e *Engine) adopt(s htlc.Swap) error {
	for _, leg := range []int{s.In(), s.Out()} {
		c, err := e.o.Contracts(s.Terms, leg)
		if err != nil {
			return fmt.Errorf("contract of swap %s leg %d: %w", s.ID, leg, err)
		}
		e.contracts[contractKey{c.Chain, c.ID}] = place{s.ID, leg}
	}
	e.swaps[s.ID] = s
	e.alarms.Set(s)
	return nil
}

// Swap returns an open swap as it is stored.
func (e *Engine) Swap(id htlc.SwapID) (htlc.Swap, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	s, ok := e.swaps[id]
	return s, ok
}

// Cursor returns the block up to which a chain's facts are stored.
func (e *Engine) Cursor(chain htlc.ChainID) (Cursor, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c, ok := e.cursors[chain]
	return c, ok
}

// Open lists the open swaps, in no order.
func (e *Engine) Open() []htlc.Swap {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.Collect(maps.Values(e.swaps))
}

func (e *Engine) forget(s htlc.Swap) {
	delete(e.swaps, s.ID)
	e.alarms.Set(s)
	for _, leg := range []int{s.In(), s.Out()} {
		if c, err := e.o.Contracts(s.Terms, leg); err == nil {
			delete(e.contracts, contractKey{c.Chain, c.ID})
		}
	}
}

// Run applies queued inputs until ctx ends. Inputs that wait while a
// transaction is written share the next one.
func (e *Engine) Run(ctx context.Context) error {
	defer close(e.stopped)
	for {
		var batch []request
		select {
		case <-ctx.Done():
			return nil
		case r := <-e.queue:
			batch = append(batch, r)
		}
	drain:
		for len(batch) < maxBatch {
			select {
			case r := <-e.queue:
				batch = append(batch, r)
			default:
				break drain
			}
		}
		inputs := make([]Input, len(batch))
		for i := range batch {
			inputs[i] = batch[i].input
		}
		for i, err := range e.Step(ctx, inputs) {
			batch[i].done <- err
		}
	}
}

// Apply queues one input and returns when its result is durable. The error is
// nil where the input was applied, htlc.ErrStale where it changed nothing.
func (e *Engine) Apply(ctx context.Context, in Input) error {
	r := request{input: in, done: make(chan error, 1)}
	select {
	case e.queue <- r:
	case <-e.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-e.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Step applies inputs in one transaction and returns an error per input. A
// failed transaction changes nothing and fails every input of it.
func (e *Engine) Step(ctx context.Context, inputs []Input) []error {
	t := newTransaction(e)
	errs := make([]error, len(inputs))
	for i, in := range inputs {
		errs[i] = t.apply(in)
		e.count(errs[i])
	}
	if t.empty() {
		return errs
	}
	killpoint.At(killpoint.EngineBeforeCommit)
	if err := e.o.Store.Commit(ctx, t.batch()); err != nil {
		t.undo()
		for i := range errs {
			if errs[i] == nil || errors.Is(errs[i], htlc.ErrStale) {
				errs[i] = fmt.Errorf("not stored: %w", err)
			}
		}
		return errs
	}
	killpoint.At(killpoint.EngineAfterCommit)
	e.stats.Commits++
	t.keep()
	return errs
}

func (e *Engine) count(err error) {
	switch {
	case err == nil:
		e.stats.Applied++
	case errors.Is(err, htlc.ErrStale):
		e.stats.Stale++
	default:
		e.stats.Rejected++
	}
}
