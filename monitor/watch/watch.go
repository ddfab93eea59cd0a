// Package watch follows one chain through its adapter and publishes what it
// sees: each block connected or undone, with the facts about watched
// contracts, and sightings in the mempool.
//
// A Watcher remembers nothing that matters. The engine tells it from which
// block to follow, and tells it again when something got lost on the way.
//
// The caller owes it: Run and Serve for as long as the node runs, each in a
// goroutine of its own.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
)

// Chain is what a watcher reads; see the adaptation standard.
type Chain interface {
	Tip(ctx context.Context) (adapters.BlockRef, error)
	Next(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error)
	Mempool(ctx context.Context) ([]adapters.Fact, error)
	Wait(ctx context.Context) error
}

// Registry is the adapter's set of watched contracts.
type Registry interface {
	Watch(ctx context.Context, terms htlc.Terms, leg int, ref string) (adapters.Contract, error)
	Unwatch(contract string)
	Scan(ctx context.Context, contract string, from, to uint64) ([]adapters.Located, error)
}

// Publisher takes what the watcher sees.
type Publisher interface {
	Publish(ctx context.Context, m bus.Message) error
}

// retryPause is how long a watcher rests after its node or the bus failed.
const retryPause = time.Second

// keptBlocks bounds how deep a reorganisation may be whose blocks the node
// itself has forgotten.
const keptBlocks = 512

// Watcher follows one chain.
type Watcher struct {
	id       htlc.ChainID
	chain    Chain
	registry Registry
	out      Publisher
	log      *slog.Logger

	mu       sync.Mutex
	position *adapters.BlockRef
	// kept are the blocks published last, oldest first, the position among
	// them.
	kept    []adapters.BlockRef
	started chan struct{}
	epoch   uint64 // grows with every Follow
}

// New returns a watcher that waits for a Follow request.
func New(id htlc.ChainID, chain Chain, registry Registry, out Publisher, log *slog.Logger) *Watcher {
	return &Watcher{
		id: id, chain: chain, registry: registry, out: out,
		log: log.With("chain", string(id)), started: make(chan struct{}, 1),
	}
}

// Run follows the chain until ctx ends. Failures of the node or the bus are
// logged and tried again.
func (w *Watcher) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		position, epoch, ok := w.current()
		if !ok {
			select {
			case <-w.started:
			case <-ctx.Done():
			}
			continue
		}
		if err := w.advance(ctx, position, epoch); err != nil && ctx.Err() == nil {
			w.log.Warn("watcher tries again", "height", position.Height, "error", err)
			rest(ctx, retryPause)
		}
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (w *Watcher) current() (adapters.BlockRef, uint64, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.position == nil {
		return adapters.BlockRef{}, 0, false
	}
	return *w.position, w.epoch, true
}

// advance publishes one step, or, at the tip, the sightings, and then waits.
func (w *Watcher) advance(ctx context.Context, position adapters.BlockRef, epoch uint64) error {
	step, err := w.chain.Next(ctx, position)
	if errors.Is(err, adapters.ErrUnknownCursor) {
		step, err = w.stepBack(position, err)
	}
	if err != nil {
		return fmt.Errorf("next: %w", err)
	}
	if step.Kind != adapters.AtTip {
		if err := w.out.Publish(ctx, bus.Message{Chain: w.id, Step: &step}); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		w.move(step, epoch)
		return nil
	}
	facts, err := w.chain.Mempool(ctx)
	if err != nil {
		return fmt.Errorf("mempool: %w", err)
	}
	for i := range facts {
		if err := w.out.Publish(ctx, bus.Message{Chain: w.id, Sight: &facts[i]}); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return w.chain.Wait(ctx)
}

// stepBack undoes a position that the node has forgotten, as far as the
// watcher itself remembers the way back.
func (w *Watcher) stepBack(position adapters.BlockRef, cause error) (adapters.Step, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.kept) - 1; i > 0; i-- {
		if w.kept[i].Hash == position.Hash && w.kept[i-1].Hash == position.Parent {
			return adapters.Step{Kind: adapters.Disconnect, Block: w.kept[i-1]}, nil
		}
	}
	return adapters.Step{}, cause
}

// move takes the new position, unless a Follow request came in between.
func (w *Watcher) move(step adapters.Step, epoch uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.epoch != epoch {
		return
	}
	block := step.Block
	w.position = &block
	if step.Kind == adapters.Disconnect {
		if n := len(w.kept); n > 0 {
			w.kept = w.kept[:n-1]
		}
		return
	}
	w.kept = append(w.kept, block)
	if len(w.kept) > keptBlocks {
		w.kept = append(w.kept[:0], w.kept[len(w.kept)-keptBlocks:]...)
	}
}

// Answer carries out one request of the engine.
func (w *Watcher) Answer(ctx context.Context, r bus.Request) (bus.Reply, error) {
	switch r.Op {
	case bus.OpFollow:
		return w.follow(ctx, r.Cursor)
	case bus.OpWatch:
		contract, err := w.registry.Watch(ctx, r.Terms, r.Leg, r.Ref)
		return bus.Reply{Contract: contract}, err
	case bus.OpUnwatch:
		w.registry.Unwatch(r.Contract)
		return bus.Reply{}, nil
	case bus.OpScan:
		return w.scan(ctx, r)
	}
	return bus.Reply{}, fmt.Errorf("unknown request %q", r.Op)
}

// scan looks for past facts, up to the position: later ones will be published
// with their blocks.
func (w *Watcher) scan(ctx context.Context, r bus.Request) (bus.Reply, error) {
	position, _, ok := w.current()
	if !ok {
		return bus.Reply{}, errors.New("the watcher follows no block yet")
	}
	if r.From > position.Height {
		return bus.Reply{Position: position}, nil
	}
	facts, err := w.registry.Scan(ctx, r.Contract, r.From, position.Height)
	return bus.Reply{Facts: facts, Position: position}, err
}

// follow sets the position. Without a cursor the watcher begins at the tip,
// which it publishes as its first block.
func (w *Watcher) follow(ctx context.Context, cursor *adapters.BlockRef) (bus.Reply, error) {
	if cursor == nil {
		tip, err := w.chain.Tip(ctx)
		if err != nil {
			return bus.Reply{}, err
		}
		first := adapters.Step{Kind: adapters.Connect, Block: tip}
		if err := w.out.Publish(ctx, bus.Message{Chain: w.id, Step: &first}); err != nil {
			return bus.Reply{}, err
		}
		cursor = &tip
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position = cursor
	w.epoch++
	if !w.remembers(*cursor) {
		w.kept = []adapters.BlockRef{*cursor}
	}
	select {
	case w.started <- struct{}{}:
	default:
	}
	return bus.Reply{Position: *cursor}, nil
}

// remembers cuts what is kept down to the cursor, if it is there.
func (w *Watcher) remembers(cursor adapters.BlockRef) bool {
	for i := len(w.kept) - 1; i >= 0; i-- {
		if w.kept[i].Hash == cursor.Hash {
			w.kept = w.kept[:i+1]
			return true
		}
	}
	return false
}
