package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"

	"github.com/kofo-network/kofo/htlc"
)

// Of every world.
const (
	epoch      = int64(1_900_000_000)
	tick       = int64(10) // seconds between blocks
	day        = int64(24 * 3600)
	maxDepth   = 4         // no reorganisation undoes as many blocks
	staleTicks = 2         // by how much a back end may lag
	maxFloor   = int64(60) // of the fee market; budgets go as far
	maxFaults  = 5         // ticks for which something may be wrong with a node
	maxSpikes  = 2         // of the fee market, per chain
	coinAmount = 5_000
	legAmount  = 1_000
	confirms   = maxDepth // that a node wants
)

// world is two chains, two or three nodes, Eve, and the deals between them.
// Everything that happens follows from the seed.
type world struct {
	seed    uint64
	rng     *rand.Rand
	bug     bug
	now     int64
	chains  []*chain
	nodes   []*node
	deals   []*deal
	txs     map[string]*tx
	counter int
	delay   int64 // ticks after which what pays enough is in a block at the latest
	outage  int64 // seconds that a party may be away
	extra   int   // blocks that may still be found in the middle of something
	// What the nodes' profiles leave time for, and what then happens at most:
	// ticks of faults of a node, and spikes of a chain's fee market.
	sighting, spikes int64
	victim           int // of a scheme: everything is set against one node; -1 where there is none

	crashOdds, faultOdds int
	storm                int  // deaths that a node may die in one tick
	forgets              bool // back ends forget the blocks that they left
	calm                 bool // faults have stopped
	lured                bool // a node has accepted a depth that is too small

	dir     string // of the nodes' SQLite files; empty: stores in memory
	logs    *slog.Logger
	logged  *bytes.Buffer
	trace   bool
	lines   []string
	digest  uint64
	stats   stats
	failure string
}

// stats of a world.
type stats struct {
	swaps, crashes, faults, reorgs, ticks int
	outcomes                              [htlc.OutcomeLost + 1]int
	refused                               int
}

func (s *stats) add(o stats) {
	s.swaps += o.swaps
	s.crashes += o.crashes
	s.faults += o.faults
	s.reorgs += o.reorgs
	s.ticks += o.ticks
	s.refused += o.refused
	for i, n := range o.outcomes {
		s.outcomes[i] += n
	}
}

// log is a line of the world's story. All lines are part of the digest, by
// which two runs are compared; they are kept only where they are to be read.
func (w *world) log(format string, args ...any) {
	if w.trace {
		line := fmt.Sprintf("%6d  %s", w.now-epoch, fmt.Sprintf(format, args...))
		w.lines = append(w.lines, line)
	}
	w.mix(uint64(w.now))
	w.mixString(format)
	for _, a := range args {
		switch v := a.(type) {
		case string:
			w.mixString(v)
		case int:
			w.mix(uint64(v))
		case int64:
			w.mix(uint64(v))
		case uint64:
			w.mix(v)
		case kind:
			w.mix(uint64(v))
		case htlc.Phase:
			w.mix(uint64(v))
		case htlc.Outcome:
			w.mix(uint64(v))
		case htlc.LegStatus:
			w.mix(uint64(v))
		case htlc.EffectKind:
			w.mixString(string(v))
		}
	}
}

const fnvPrime = 1099511628211

func (w *world) mix(v uint64) { w.digest = (w.digest ^ v) * fnvPrime }

func (w *world) mixString(s string) {
	for i := range len(s) {
		w.digest = (w.digest ^ uint64(s[i])) * fnvPrime
	}
}

// fail keeps the first broken invariant.
func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, args...)
		w.log("BROKEN: %s", w.failure)
	}
}

// worldOptions are what does not follow from a seed.
type worldOptions struct {
	bug   bug
	trace bool
	dir   string // for SQLite files; empty: stores in memory
}

// newWorld draws a world.
func newWorld(seed uint64, o worldOptions) *world {
	w := &world{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), bug: o.bug, now: epoch, trace: o.trace, dir: o.dir, txs: map[string]*tx{},
		digest: fnv.New64a().Sum64(), logs: slog.New(slog.DiscardHandler), extra: 6,
	}
	if o.trace || seed%16 == 0 {
		w.logged = &bytes.Buffer{}
		w.logs = slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w.delay, w.sighting, w.spikes = 1+w.rng.Int64N(3), w.rng.Int64N(maxFaults+1), w.rng.Int64N(maxSpikes+1)
	w.victim = -1
	scheme := w.rng.IntN(3) == 0
	if scheme {
		w.victim, w.spikes, w.sighting = 0, 0, w.rng.Int64N(2)
	}
	w.outage = w.rng.Int64N(12) * tick
	w.crashOdds = []int{15, 60, 300, 100_000}[w.rng.IntN(4)]
	w.storm, w.forgets = 1+w.rng.IntN(6), w.rng.IntN(3) == 0
	w.faultOdds = []int{2, 6, 20}[w.rng.IntN(3)]
	w.addChain("btc", "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", false)
	w.addChain("evm", "eip155:31337", true)
	count := 2
	switch {
	case scheme:
		count = 1
	case w.rng.IntN(6) == 0:
		count = 3
	}
	for i := range count {
		w.addNode(i)
	}
	deals := 2 + w.rng.IntN(4)
	if scheme {
		deals = 1 // clocks are set against one
	}
	for range deals {
		w.propose()
	}
	return w
}

func (w *world) addChain(name, id string, account bool) {
	c := &chain{
		w: w, id: htlc.ChainID(id), name: name, ledger: newLedger(account), rng: rand.New(rand.NewPCG(w.seed, uint64(len(w.chains)+2))),
		lead: w.rng.Int64N(6) * tick, mode: clockMode(w.rng.IntN(int(clockModes))), hostile: w.rng.IntN(2) == 0,
		maxUndo: w.rng.IntN(maxDepth), floor: 1 + w.rng.Int64N(5), spikes: w.spikes,
	}
	c.lag = (2 + staleTicks + w.rng.Int64N(6)) * tick
	c.ledger.loose = w.bug == bugA1 && account
	c.begin()
	w.chains = append(w.chains, c)
}

func (w *world) addNode(self int) {
	seed := sha256.Sum256(fmt.Appendf(nil, "node %d", self))
	n := &node{
		w: w, self: self, key: ed25519.NewKeyFromSeed(seed[:]), rng: rand.New(rand.NewPCG(w.seed, uint64(self+16))),
		held: map[htlc.ChainID]*holdings{}, back: map[htlc.ChainID]*backend{}, shown: map[htlc.ChainID]int64{}, budget: int(w.sighting),
	}
	n.disk = &disk{storage: newMemory(), n: n}
	if w.dir != "" {
		n.disk.storage = newTwin(n)
	}
	for _, c := range w.chains {
		h := &holdings{owner: map[string]string{}}
		for i := range 8 {
			coin := fmt.Sprintf("%s/coin%d/%d:0", c.name, self, i)
			c.ledger.endow(self, coin, coinAmount)
			h.coins = append(h.coins, coin)
		}
		n.held[c.id], n.back[c.id] = h, &backend{}
	}
	w.nodes = append(w.nodes, n)
}

// run lets the world go on until everything is settled, or must be.
func (w *world) run() {
	ctx := context.Background()
	for !w.done() && w.failure == "" {
		w.now += tick
		w.stats.ticks++
		w.calm = w.now > w.end()
		for _, c := range w.chains {
			w.advance(c)
		}
		w.acts()
		for _, i := range w.rng.Perm(len(w.nodes)) {
			w.nodes[i].nap()
			w.nodes[i].tick(ctx)
			w.check()
			if w.failure != "" {
				return
			}
		}
		w.open(ctx)
		w.acts()
		w.check()
		if w.now > w.end()+80*tick {
			w.checkEnd()
			return
		}
	}
	w.checkEnd()
}

// end is when faults stop: long after every time lock.
func (w *world) end() int64 {
	end := int64(0)
	for _, d := range w.deals {
		end = max(end, d.terms.Legs[0].OpenMax()+20*tick)
	}
	return end
}

// advance is what a chain does in one tick.
func (w *world) advance(c *chain) {
	w.market(c)
	undo, odds := 0, 8
	if w.lured {
		odds = 2
	}
	if !w.calm && c.maxUndo > 0 && w.rng.IntN(odds) == 0 {
		undo = min(1+w.rng.IntN(c.maxUndo), len(c.blocks)-1)
	}
	switch {
	case undo > 0:
		c.reorg(undo, w.conflicts(c, undo)...)
	default:
		c.mine()
	}
	if !w.calm && w.rng.IntN(60) == 0 && len(c.pool) > 0 && w.spend(int(w.delay)+1) {
		i := w.rng.IntN(len(c.pool))
		w.log("%s evicts %s", c.name, c.pool[i].tx.id)
		c.pool = append(c.pool[:i:i], c.pool[i+1:]...)
	}
	if sum := c.ledger.sum(); sum != c.ledger.supply {
		w.fail("conservation: %d of %s exist, %d were made", sum, c.name, c.ledger.supply)
	}
}

// spend takes ticks from what the Terms leave every node for faults, and
// reports whether there were as many. A node whose transaction was evicted
// sends it again with the next block, and waits anew.
func (w *world) spend(ticks int) bool {
	for _, n := range w.nodes {
		if n.budget < ticks {
			return false
		}
	}
	for _, n := range w.nodes {
		n.budget -= ticks
	}
	return true
}

// market moves the fee floor: up for a while, and back.
func (w *world) market(c *chain) {
	switch {
	case c.floor > 5 && (w.now >= c.calm || w.calm):
		c.setFloor(1 + w.rng.Int64N(5))
	case !w.calm && c.spikes > 0 && c.floor <= 5 && w.rng.IntN(30) == 0:
		c.spikes--
		c.calm = w.now + tick*w.rng.Int64N(80)
		c.setFloor(6 + w.rng.Int64N(maxFloor-5))
	}
}

// open brings agreed Terms to the nodes that have not stored them yet.
func (w *world) open(ctx context.Context) {
	for _, d := range w.deals {
		for i, p := range d.parties {
			if p == eve || d.opened[i] || w.now < d.opens[i] || w.nodes[p].engine == nil || w.now < w.nodes[p].down {
				continue
			}
			d.open(ctx, i)
		}
		if !w.calm && w.rng.IntN(400) == 0 {
			d.cancel(ctx, w.rng.IntN(len(d.parties)))
		}
	}
}

// done reports whether every node is through with every deal.
func (w *world) done() bool {
	for _, d := range w.deals {
		for i, p := range d.parties {
			if p != eve && !d.settled(i) {
				return false
			}
		}
	}
	return true
}

func (w *world) name(id htlc.SwapID) string {
	for i, d := range w.deals {
		if d.id == id {
			return fmt.Sprintf("swap%d", i)
		}
	}
	return "?"
}

func (w *world) deal(id htlc.SwapID) *deal {
	for _, d := range w.deals {
		if d.id == id {
			return d
		}
	}
	panic("no deal " + id.String())
}

func (w *world) dealOf(contract string) (*deal, int) {
	for _, d := range w.deals {
		for leg, id := range d.contracts {
			if id == contract {
				return d, leg
			}
		}
	}
	return nil, 0
}

func (w *world) chain(id htlc.ChainID) *chain {
	for _, c := range w.chains {
		if c.id == id {
			return c
		}
	}
	panic("no chain " + string(id))
}

// close ends what outlives a process.
func (w *world) close() error {
	var errs []error
	for _, n := range w.nodes {
		if t, ok := n.disk.storage.(*twin); ok {
			errs = append(errs, t.close())
		}
	}
	return errors.Join(errs...)
}
