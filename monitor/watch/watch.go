// Package watch follows one chain through its adapter and publishes what it
// sees: each block connected or undone, with the facts about watched
// contracts, and sightings in the mempool.
//
// A Watcher remembers nothing that matters. The engine tells it what to watch
// and from which block to follow, and tells it again when something got lost
// on the way. Until the engine has done so it is silent.
//
// No fact falls between a scan and the blocks that follow it: a step is
// computed, published and counted under one lock, a scan takes its position
// under that lock after its contract was registered, and steps carry the epoch
// of the request that they follow, so that the engine can tell those which
// were computed before.
//
// The caller owes it: Run and Serve for as long as the node runs, each in a
// goroutine of its own.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
)

// Chain is what a watcher reads; see the adaptation standard.
type Chain interface {
	Tip(ctx context.Context) (adapters.BlockRef, error)
	// Parent is the block before b; ErrUnknownCursor where the node does not know it.
	Parent(ctx context.Context, b adapters.BlockRef) (adapters.BlockRef, error)
	Next(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error)
	Mempool(ctx context.Context) ([]adapters.Fact, error)
	Wait(ctx context.Context) error
}

// Registry is the adapter's set of watched contracts.
type Registry interface {
	Watch(ctx context.Context, terms htlc.Terms, leg int, ref string) (adapters.Contract, error)
	Unwatch(contract string)
	// Scan also says which block is the last that it read.
	Scan(ctx context.Context, contract string, from, to uint64) ([]adapters.Located, adapters.BlockRef, error)
}

// Publisher takes what the watcher sees.
type Publisher interface {
	Publish(ctx context.Context, m bus.Message) error
}

// retryPause is how long a watcher rests after its node or the bus failed.
const retryPause = time.Second

// stepTimeout bounds a step, so that a hanging node does not hold the lock for
// ever.
const stepTimeout = time.Minute

// keptBlocks bounds how deep a reorganisation may be whose blocks the node
// itself has forgotten.
const keptBlocks = 512

// wayBack is how many blocks before its first one a watcher asks for: that one
// may be undone as well, and forgotten by the node.
const wayBack = 16

// maxMismatches bounds the locks of something else that a scan reports of one
// contract: anybody can make them, and one is enough to tell.
const maxMismatches = 16

// Watcher follows one chain.
type Watcher struct {
	id       htlc.ChainID
	chain    Chain
	registry Registry
	out      Publisher
	log      *slog.Logger
	started  chan struct{}

	// unsent are sightings that the bus did not take. Owned by Run.
	unsent []adapters.Fact

	// stepping is held while a step is computed, published and counted, and
	// by whoever must not do so in between. It comes before mu.
	stepping sync.Mutex

	mu       sync.Mutex
	position *adapters.BlockRef
	epoch    bus.Epoch // of the Follow request that is obeyed
	// kept are the blocks up to the position, oldest first.
	kept []adapters.BlockRef
	// moved: a Follow request has set another position since Run last rested.
	moved     bool
	interrupt context.CancelFunc // of that rest
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
		if _, _, ok := w.current(); !ok {
			select {
			case <-w.started:
			case <-ctx.Done():
			}
			continue
		}
		if err := w.advance(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("watcher tries again", "error", err)
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

func (w *Watcher) current() (adapters.BlockRef, bus.Epoch, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.position == nil {
		return adapters.BlockRef{}, bus.Epoch{}, false
	}
	return *w.position, w.epoch, true
}

// advance publishes one step, or, at the tip, the sightings, and then waits.
func (w *Watcher) advance(ctx context.Context) error {
	moved, err := w.step(ctx)
	if err != nil || moved {
		return err
	}
	if err := w.tellSightings(ctx); err != nil {
		return err
	}
	return w.wait(ctx)
}

// tellSightings publishes what the mempool shows of watched contracts.
func (w *Watcher) tellSightings(ctx context.Context) error {
	facts, err := w.chain.Mempool(ctx)
	if err != nil {
		return fmt.Errorf("mempool: %w", err)
	}
	// An adapter may tell of a sighting only once, so one that the bus did
	// not take is kept.
	w.unsent = append(w.unsent, facts...)
	for len(w.unsent) > 0 {
		if err := w.out.Publish(ctx, bus.Message{Chain: w.id, Sight: &w.unsent[0]}); err != nil {
			return fmt.Errorf("publish a sighting: %w", err)
		}
		w.unsent = w.unsent[1:]
	}
	w.unsent = nil
	return nil
}

// wait rests until something may have changed, or until a Follow request sets
// another position.
func (w *Watcher) wait(ctx context.Context) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	moved := w.moved
	w.moved = false
	w.interrupt = cancel
	w.mu.Unlock()
	if moved {
		return nil
	}
	if err := w.chain.Wait(waiting); err != nil && waiting.Err() == nil {
		return fmt.Errorf("wait: %w", err)
	}
	return nil
}

// step publishes what follows the position, and reports whether anything did.
func (w *Watcher) step(ctx context.Context) (bool, error) {
	w.stepping.Lock()
	defer w.stepping.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	position, epoch, ok := w.current()
	if !ok {
		return false, nil
	}
	step, err := w.chain.Next(ctx, position)
	if errors.Is(err, adapters.ErrUnknownCursor) {
		step, err = w.stepBack(position, err)
	}
	if err != nil {
		return false, fmt.Errorf("after block %d: %w", position.Height, err)
	}
	if step.Kind == adapters.AtTip {
		return false, nil
	}
	if err := w.out.Publish(ctx, bus.Message{Chain: w.id, Epoch: epoch, Step: &step}); err != nil {
		return false, fmt.Errorf("publish block %d: %w", step.Block.Height, err)
	}
	w.move(step)
	return true, nil
}

// stepBack undoes a position that the node has forgotten, as far as the
// watcher itself remembers the way back.
func (w *Watcher) stepBack(position adapters.BlockRef, cause error) (adapters.Step, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.kept) - 1; i >= 0; i-- {
		if w.kept[i].Hash == position.Parent {
			return adapters.Step{Kind: adapters.Disconnect, Block: w.kept[i]}, nil
		}
	}
	return adapters.Step{}, cause
}

// move takes the new position.
func (w *Watcher) move(step adapters.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	block := step.Block
	w.position = &block
	n := len(w.kept)
	for n > 0 && w.kept[n-1].Height >= block.Height {
		n--
	}
	w.kept = append(w.kept[:n], block)
	if len(w.kept) > keptBlocks {
		w.kept = append(w.kept[:0], w.kept[len(w.kept)-keptBlocks:]...)
	}
}

// Answer carries out one request of the engine.
func (w *Watcher) Answer(ctx context.Context, r bus.Request) (bus.Reply, error) {
	switch r.Op {
	case bus.OpFollow:
		return w.follow(ctx, r)
	case bus.OpWatch:
		if r.Terms == nil {
			return bus.Reply{}, errors.New("a watch without terms")
		}
		contract, err := w.registry.Watch(ctx, *r.Terms, r.Leg, r.Ref)
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
// with their blocks. The contract is registered by now, so every step after
// the position that is taken here tells of it. A reply without a position says
// nothing: no block is followed yet, the chain changed meanwhile, or the back end
// that was asked is behind the position. What it has not read yet may hold the
// contract's funding, and no later block would tell of it.
func (w *Watcher) scan(ctx context.Context, r bus.Request) (bus.Reply, error) {
	w.stepping.Lock()
	position, epoch, ok := w.current()
	w.stepping.Unlock()
	if !ok {
		return bus.Reply{}, nil
	}
	reply := bus.Reply{Position: position, Epoch: epoch}
	if r.From > position.Height {
		return reply, nil
	}
	facts, last, err := w.registry.Scan(ctx, r.Contract, r.From, position.Height)
	if err != nil {
		return bus.Reply{}, err
	}
	if last.Hash != position.Hash {
		w.log.Warn("a scan read less than was followed and is made again", "contract", r.Contract,
			"read", last.Height, "followed", position.Height)
		return bus.Reply{}, nil
	}
	if !w.onBranch(facts) {
		return bus.Reply{}, nil
	}
	reply.Facts = bounded(facts)
	return reply, nil
}

// onBranch reports whether what was found lies in the blocks that were
// published, as far as they are kept.
func (w *Watcher) onBranch(facts []adapters.Located) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := map[uint64]adapters.Hash{}
	for _, b := range w.kept {
		known[b.Height] = b.Hash
	}
	for _, f := range facts {
		if hash, ok := known[f.Block.Height]; ok && hash != f.Block.Hash {
			return false
		}
	}
	return true
}

func bounded(facts []adapters.Located) []adapters.Located {
	mismatches := 0
	out := make([]adapters.Located, 0, len(facts))
	for _, f := range facts {
		if f.Kind == adapters.Mismatched {
			if mismatches++; mismatches > maxMismatches {
				continue
			}
		}
		out = append(out, f)
	}
	return out
}

// begin publishes the tip with the blocks that lead there: whoever follows
// needs a way back from the first block too. Facts are left out, since a scan
// up to the position, which is the tip, has them.
func (w *Watcher) begin(ctx context.Context, epoch bus.Epoch) (adapters.BlockRef, error) {
	tip, err := w.chain.Tip(ctx)
	if err != nil {
		return tip, err
	}
	lead := []adapters.BlockRef{tip}
	for at := tip; len(lead) <= wayBack && at.Height > 0; lead = append(lead, at) {
		if at, err = w.chain.Parent(ctx, at); errors.Is(err, adapters.ErrUnknownCursor) {
			break
		}
		if err != nil {
			return tip, err
		}
	}
	slices.Reverse(lead)
	step := adapters.Step{Kind: adapters.Connect, Block: tip}
	if err := w.out.Publish(ctx, bus.Message{Chain: w.id, Epoch: epoch, Step: &step, Recent: lead}); err != nil {
		return tip, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = slices.Clone(lead)
	return tip, nil
}

// follow sets the position. Without a cursor the watcher begins at the tip.
func (w *Watcher) follow(ctx context.Context, r bus.Request) (bus.Reply, error) {
	w.stepping.Lock()
	defer w.stepping.Unlock()
	if _, epoch, _ := w.current(); epoch.Session != r.Epoch.Session {
		if !r.Watched {
			return bus.Reply{Fresh: true}, nil
		}
	} else if r.Epoch.N <= epoch.N && epoch.N > 0 {
		return bus.Reply{}, fmt.Errorf("request %d came after request %d", r.Epoch.N, epoch.N)
	}
	cursor := r.Cursor
	if cursor == nil {
		tip, err := w.begin(ctx, r.Epoch)
		if err != nil {
			return bus.Reply{}, err
		}
		cursor = &tip
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.position == nil || w.position.Hash != cursor.Hash {
		w.moved = true
		if w.interrupt != nil {
			w.interrupt()
		}
	}
	w.position, w.epoch = cursor, r.Epoch
	if !w.remembers(*cursor) {
		w.kept = append(leadingTo(r.Recent, *cursor), *cursor)
	}
	select {
	case w.started <- struct{}{}:
	default:
	}
	return bus.Reply{Position: *cursor, Epoch: r.Epoch}, nil
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

// leadingTo returns the blocks of recent that form a chain up to the cursor,
// without the cursor.
func leadingTo(recent []adapters.BlockRef, cursor adapters.BlockRef) []adapters.BlockRef {
	from, parent := len(recent), cursor
	if from > 0 && recent[from-1].Hash == cursor.Hash {
		from--
	}
	to := from
	for from > 0 && recent[from-1].Hash == parent.Parent {
		from--
		parent = recent[from]
	}
	return append([]adapters.BlockRef(nil), recent[from:to]...)
}
