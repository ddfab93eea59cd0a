package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
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
	// ErrContractTaken: another open swap has the same contract.
	ErrContractTaken = errors.New("the contract belongs to another swap")
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
	Event htlc.Event // nil where only effects are done
	Done  []EffectID // the effects whose result this is
	// Closed is the swap as the store has it, for an event of one that is
	// closed. Where it has changed meanwhile, the error is ErrConflict.
	Closed *htlc.Swap
	Chain  htlc.ChainID // of Step and Sight
	// Epoch of a step that came over the bus. Steps of an older epoch than one
	// that was seen are stale.
	Epoch bus.Epoch
	Step  *adapters.Step
	// Recent are the blocks up to the step's, oldest first, where the chain
	// begins with it.
	Recent []adapters.BlockRef
	Sight  *adapters.Fact
	// Located is what a scan found of one of the swap's contracts.
	Located *Found
}

// Found is the result of a scan of a leg's contract, made when the watcher
// stood at block At and obeyed the request Epoch. Steps of older epochs may
// have been computed before the contract was watched, so they are refused from
// then on.
type Found struct {
	Leg   int
	At    adapters.BlockRef
	Epoch bus.Epoch
	Facts []adapters.Located
}

// Options of an Engine.
type Options struct {
	Store     Store
	Contracts Contracts
	// Dispatch takes effects that are durable. An effect that is asked for
	// again takes the place of the one before. It must not block.
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
	epochs    map[htlc.ChainID]uint64 // newest seen of this session
	pending   map[htlc.SwapID][]StoredEffect
	alarms    *deadline.Index
	stats     Stats
	// fault is why the engine must stop: its state is not the store's.
	fault error

	session string // names this life of the engine to the watchers
	asked   atomic.Uint64
}

// Stats count what happened to inputs, and the transactions written.
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
		cursors: map[htlc.ChainID]Cursor{}, epochs: map[htlc.ChainID]uint64{},
		pending: map[htlc.SwapID][]StoredEffect{}, alarms: deadline.New(),
		session: rand.Text(),
	}
}

// Start loads the open swaps and the cursors of the chains, and dispatches
// the effects that were pending.
func (e *Engine) Start(ctx context.Context, chains []htlc.ChainID) error {
	pending, err := e.load(ctx, chains)
	if err != nil {
		return err
	}
	e.o.Dispatch(pending)
	return nil
}

func (e *Engine) load(ctx context.Context, chains []htlc.ChainID) ([]StoredEffect, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range chains {
		cursor, err := e.o.Store.Cursor(ctx, c)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cursor of %s: %w", c, err)
		}
		e.cursors[c] = cursor
	}
	if err := e.o.Store.Active(ctx, e.adopt); err != nil {
		return nil, fmt.Errorf("load open swaps: %w", err)
	}
	pending, err := e.o.Store.Pending(ctx)
	if err != nil {
		return nil, fmt.Errorf("load pending effects: %w", err)
	}
	for i, p := range pending {
		if s, ok := e.swaps[p.ID.Swap]; ok {
			pending[i].Chain = s.Terms.Legs[p.Effect.Leg].Chain()
		}
		e.pending[p.ID.Swap] = append(e.pending[p.ID.Swap], pending[i])
	}
	e.o.Log.Info("engine starts", "swaps", len(e.swaps), "pending_effects", len(pending))
	return pending, nil
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

// Stats returns the counts since the start.
func (e *Engine) Stats() Stats {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.stats
}

// nextEpoch names a new Follow request. Those of one engine grow.
func (e *Engine) nextEpoch() bus.Epoch {
	return bus.Epoch{Session: e.session, N: e.asked.Add(1)}
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
// transaction is written share the next one. An error means that the engine's
// state is not the store's any more; a restart mends that.
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
		if e.fault != nil {
			return fmt.Errorf("engine stops: %w", e.fault)
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
// failed transaction changes nothing; then each input gets a transaction of
// its own, so that one that the store refuses does not hold up the others.
func (e *Engine) Step(ctx context.Context, inputs []Input) []error {
	errs, err := e.commit(ctx, inputs)
	if err != nil && len(inputs) > 1 {
		errs = e.singly(ctx, inputs, errs)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, err := range errs {
		e.count(err)
	}
	return errs
}

// singly stops at the second failure in a row that is not about the input:
// then the store itself does not work.
func (e *Engine) singly(ctx context.Context, inputs []Input, errs []error) []error {
	failed := 0
	for i := range inputs {
		if ctx.Err() != nil || failed == 2 {
			return errs
		}
		one, err := e.commit(ctx, inputs[i:i+1])
		errs[i] = one[0]
		switch {
		case err == nil || errors.Is(err, ErrConflict):
			failed = 0
		default:
			failed++
		}
	}
	return errs
}

// commit applies inputs in one transaction. The second result is that of the
// transaction.
func (e *Engine) commit(ctx context.Context, inputs []Input) ([]error, error) {
	t := newTransaction(e)
	errs := make([]error, len(inputs))
	for i, in := range inputs {
		errs[i] = t.apply(in)
	}
	if t.empty() {
		t.keepEpochs()
		return errs, nil
	}
	killpoint.At(killpoint.EngineBeforeCommit)
	if err := e.o.Store.Commit(ctx, t.batch()); err != nil {
		t.undo()
		for i := range errs {
			errs[i] = fmt.Errorf("not stored: %w", err)
		}
		if len(inputs) == 1 && errors.Is(err, ErrConflict) && !opens(inputs[0]) && inputs[0].Closed == nil {
			// Nobody else writes here: what is in memory is not what is stored.
			e.fault = err
		}
		return errs, err
	}
	killpoint.At(killpoint.EngineAfterCommit)
	t.keep()
	return errs, nil
}

// opens: the id of a new swap may be that of one that has closed, which the
// store alone knows.
func opens(in Input) bool {
	_, ok := in.Event.(htlc.TermsSigned)
	return ok
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
