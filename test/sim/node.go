package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/gate"
	"github.com/kofo-network/kofo/monitor/runner"
	"github.com/kofo-network/kofo/monitor/watch"
)

// crash is thrown where a process dies: nothing after it runs.
type crash struct{ at string }

// backend is what is wrong with a node's view of one chain.
type backend struct {
	down     bool // does not answer
	stale    int  // blocks that it lags
	denies   bool // says that nothing is funded
	swallows bool // says yes to a broadcast and forgets it
}

// node is one party: the production engine, runner, gates, feeds and watchers
// over model chains, and over a disk that survives it.
type node struct {
	w    *world
	self int
	key  ed25519.PrivateKey
	rng  *rand.Rand
	mu   sync.Mutex

	disk *disk
	held map[htlc.ChainID]*holdings
	back map[htlc.ChainID]*backend
	// shown is the clock of each chain's tip when the node last looked.
	shown map[htlc.ChainID]int64

	// What is wrong with the process.
	full, sleepy, deaf bool
	calm               bool  // nothing goes wrong at the edges
	down               int64 // until then
	budget             int   // ticks for which something may still be wrong
	slept              bool
	crashes            int
	skew               int64 // of the wall clock, in seconds
	acting             bool  // in the middle of an effect

	// One life of the process; nil while it is dead.
	engine *engine.Engine
	runner *runner.Runner
	lines  []*line
	todo   []engine.StoredEffect
}

// line is what brings one chain's messages to the engine.
type line struct {
	c       *chain
	adapter *adapter
	watcher *watch.Watcher
	feed    *engine.Feed
	inbox   []bus.Message
	late    []bus.Message // come ticks later, some of them a second time
	gap     bool
}

// risky are the edges that worlds die at more often: between what is durable
// and what is out.
var risky = map[string]bool{
	"mark/after": true, "broadcast-fund/before": true, "broadcast-fund/after": true,
	"broadcast-redeem/before": true, "broadcast-redeem/after": true,
}

// edge is a moment at which the process may die.
func (n *node) edge(at string) {
	odds := n.w.crashOdds
	if risky[at] {
		odds = 1 + odds/8
	}
	if n.calm || n.rng.IntN(odds) != 0 {
		return
	}
	panic(crash{at})
}

// do runs something inside the process, and reports whether it lived.
func (n *node) do(f func()) (lived bool) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		c, ok := r.(crash)
		if !ok {
			panic(r)
		}
		lived = false
		n.dies(c.at)
	}()
	f()
	return true
}

func (n *node) dies(at string) {
	n.w.log("node %d dies at %s", n.self, at)
	n.w.stats.crashes++
	n.engine, n.runner, n.lines, n.todo, n.acting = nil, nil, nil, nil, false
	if n.crashes++; n.crashes >= n.w.storm {
		n.calm = true
	}
	if n.budget > 0 && n.rng.IntN(4) == 0 {
		length := 1 + n.rng.IntN(n.budget)
		n.budget -= length
		n.down = n.w.now + int64(length)*tick
	}
}

// apply is the runner's way to the engine, and the world's.
type direct struct{ n *node }

func (d direct) Apply(ctx context.Context, in engine.Input) error {
	return d.n.engine.Step(ctx, []engine.Input{in})[0]
}

func (d direct) Swap(id htlc.SwapID) (htlc.Swap, bool) { return d.n.engine.Swap(id) }

// wallClock is wrong by up to a day, and jumps with every restart.
func (n *node) wallClock() time.Time { return time.Unix(n.w.now+n.skew, 0) }

// start begins a life of the process.
func (n *node) start(ctx context.Context) {
	if t, ok := n.disk.storage.(*twin); ok {
		if err := t.reopen(ctx); err != nil {
			panic(err)
		}
	}
	log := n.w.logs
	e := engine.New(engine.Options{
		Store: n.disk, Contracts: contractOf, Now: n.wallClock, Log: log,
		Dispatch: n.dispatch, Changed: n.changed,
	})
	n.engine, n.todo, n.lines, n.skew = e, nil, nil, n.rng.Int64N(2*day)-day
	var chains []runner.Chain
	var ids []htlc.ChainID
	for _, c := range n.w.chains {
		a := newAdapter(n, c, n.held[c.id])
		l := &line{c: c, adapter: a, gap: true}
		l.watcher = watch.New(c.id, a, a, publisher{n, l}, log)
		l.feed = &engine.Feed{Engine: e, Bus: broker{n}, Chain: c.id, Log: log, Quiet: time.Hour}
		n.lines = append(n.lines, l)
		chains = append(chains, runner.Chain{ID: c.id, Signer: a, Ledger: a, Cosigner: a})
		ids = append(ids, c.id)
	}
	n.runner = runner.New(runner.Options{
		Chains: chains, Engine: direct{n}, Swaps: n.disk, Journal: n.w.bug.journal(n), Watchers: broker{n},
		Secrets: secrets{n.w}, Gates: n.w.bug.gates(n, n.keeper()), Log: log,
		// Patience runs by a real clock: it is over after the first question.
		Consent: runner.Consent{Peers: phone{n}, Patience: time.Nanosecond},
		Budget:  func(htlc.Leg) htlc.Amount { return htlc.NewAmount(uint64(maxFloor)) },
		Alarm: func(s htlc.Swap, leg int, reason string) {
			n.w.log("node %d alarm %s of %s leg %d", n.self, reason, n.w.name(s.ID), leg)
		},
	})
	if err := e.Start(ctx, ids); err != nil {
		panic(err)
	}
	n.w.log("node %d starts", n.self)
}

func (n *node) keeper() *gate.Keeper {
	return &gate.Keeper{
		Chains: func(id htlc.ChainID) (gate.Chain, error) { return n.line(id).adapter, nil },
		Copies: n,
		Cursor: func(id htlc.ChainID) (adapters.BlockRef, bool) {
			c, ok := n.engine.Cursor(id)
			return c.Block, ok
		},
		DiskFree: func() (uint64, error) {
			if n.full {
				return 0, nil
			}
			return 1 << 40, nil
		},
	}
}

// EnsureCopy always finds the copy.
func (n *node) EnsureCopy(context.Context, htlc.Swap) error { return nil }

// NoteReveal always succeeds.
func (n *node) NoteReveal(context.Context, htlc.Swap, htlc.RevealNote) error { return nil }

func (n *node) line(id htlc.ChainID) *line {
	for _, l := range n.lines {
		if l.c.id == id {
			return l
		}
	}
	panic("no chain " + string(id))
}

// dispatch queues effects as the runner's queue does: one that is asked for
// again takes the place of the one before.
func (n *node) dispatch(effects []engine.StoredEffect) {
	effects = slices.Clone(effects)
	slices.SortStableFunc(effects, func(a, b engine.StoredEffect) int { return slices.Compare(a.ID.Swap[:], b.ID.Swap[:]) })
	for _, e := range effects {
		same := func(o engine.StoredEffect) bool { return o.ID.Swap == e.ID.Swap && o.Effect == e.Effect }
		if i := slices.IndexFunc(n.todo, same); i >= 0 {
			n.todo[i] = e
			continue
		}
		n.todo = append(n.todo, e)
	}
}

func (n *node) changed(swaps []htlc.Swap) {
	swaps = slices.Clone(swaps)
	slices.SortFunc(swaps, func(a, b htlc.Swap) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for _, s := range swaps {
		n.w.log("node %d %s v%d is %s %s: in %s, out %s", n.self, n.w.name(s.ID), s.Version, s.Phase, s.Outcome,
			s.Legs[s.In()].Status, s.Legs[s.Out()].Status)
	}
}

// execute carries out one effect, as a lane of the runner does.
func (n *node) execute(ctx context.Context, i int) {
	e := n.todo[i]
	n.todo = slices.Delete(n.todo, i, i+1)
	n.acting = true
	in, err := n.runner.Once(ctx, e)
	n.acting = false
	if err == nil {
		if err = (direct{n}).Apply(ctx, in); err == nil && n.runner.OnlyOpen(e) {
			n.again(e)
			return
		}
		if err == nil || errors.Is(err, htlc.ErrStale) || errors.Is(err, htlc.ErrRejected) || errors.Is(err, engine.ErrNoSwap) {
			return
		}
	}
	n.w.log("node %d %s of %s fails: %v", n.self, e.Effect.Kind, n.w.name(e.ID.Swap), err)
	if !runner.Settled(err) || (direct{n}).Apply(ctx, engine.Input{Swap: e.ID.Swap, Done: []engine.EffectID{e.ID}}) != nil {
		n.again(e)
	}
}

// again puts an effect back, unless it was asked for again meanwhile.
func (n *node) again(e engine.StoredEffect) {
	if !slices.ContainsFunc(n.todo, func(o engine.StoredEffect) bool { return o.ID.Swap == e.ID.Swap && o.Effect == e.Effect }) {
		n.todo = append(n.todo, e)
	}
}

// secrets derives the Initiator's secret from the salt.
type secrets struct{ w *world }

func (s secrets) Secret(_ context.Context, terms htlc.Terms) (htlc.Secret, error) {
	for _, d := range s.w.deals {
		if d.terms.Salt == terms.Salt {
			return htlc.NewSecret(d.secret)
		}
	}
	return htlc.Secret{}, engine.ErrNotFound
}
