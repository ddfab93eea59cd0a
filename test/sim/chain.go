package main

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// firstBlock is the height at which a world begins.
const firstBlock = 100

// block of a model chain.
type block struct {
	ref   adapters.BlockRef
	txs   []mined
	undos []func()
}

func (b *block) undo(f func()) { b.undos = append(b.undos, f) }

// clockMode is how a chain's clock runs against real time.
type clockMode uint8

const (
	clockRandom clockMode = iota
	clockBehind
	clockAhead
	clockTrap // behind until it would read more than the trap, then ahead
	clockModes
)

// pooled is a transaction that waits for a block.
type pooled struct {
	tx  *tx
	due int64 // real time at which it is in a block at the latest; 0: it pays too little
}

// told is a transaction that the best chain holds.
type told struct {
	tx     *tx
	height uint64
}

// chain is a model chain: a tree of blocks with a mempool, fees, a clock that
// leads and lags, and miners who take what they like until they must.
type chain struct {
	w         *world
	id        htlc.ChainID
	name      string
	ledger    *ledger
	rng       *rand.Rand
	lead, lag int64 // of the clock; stale back ends lag more
	mode      clockMode
	trap      int64
	hostile   bool // Eve's transactions go first, others when they must
	maxUndo   int

	blocks []*block
	known  map[adapters.Hash]adapters.BlockRef
	pool   []pooled
	floor  int64 // rate below which nothing is mined
	spikes int64 // that may still come
	calm   int64 // when the present one ends
	made   uint64
	told   map[string][]told // what the best chain did to each contract, in order
	reorgs int
}

func (c *chain) tip() *block { return c.blocks[len(c.blocks)-1] }

func (c *chain) height() uint64 { return c.tip().ref.Height }

// offset is how far the clock of a block runs ahead of real time.
func (c *chain) offset() int64 {
	slow := c.lag - (1+staleTicks)*tick
	switch {
	case c.mode == clockBehind, c.mode == clockTrap && c.w.now-slow <= c.trap:
		return -slow
	case c.mode == clockAhead, c.mode == clockTrap:
		return c.lead
	}
	return c.rng.Int64N(c.lead+slow+1) - slow
}

// begin makes the first block.
func (c *chain) begin() {
	b := &block{ref: adapters.BlockRef{Height: firstBlock, Hash: c.hash(), Time: c.w.now - c.lag, Clock: c.w.now - c.lag}}
	c.told = map[string][]told{}
	c.blocks, c.known = []*block{b}, map[adapters.Hash]adapters.BlockRef{b.ref.Hash: b.ref}
}

func (c *chain) hash() (h adapters.Hash) {
	c.made++
	copy(h[:], c.name)
	binary.BigEndian.PutUint64(h[24:], c.made)
	return h
}

// at returns the block at a height of the best chain.
func (c *chain) at(height uint64) *block {
	first := c.blocks[0].ref.Height
	if height < first || height-first >= uint64(len(c.blocks)) {
		return nil
	}
	return c.blocks[height-first]
}

// mine adds a block. first go before all others.
func (c *chain) mine(first ...*tx) {
	parent := c.tip()
	b := &block{ref: adapters.BlockRef{Height: parent.ref.Height + 1, Parent: parent.ref.Hash, Hash: c.hash()}}
	b.ref.Clock = max(parent.ref.Clock, c.w.now+c.offset())
	b.ref.Time = b.ref.Clock
	if !c.ledger.account {
		// A time stamp may run ahead of the median that opens time locks.
		b.ref.Time = max(b.ref.Clock, min(c.w.now+c.lead, b.ref.Clock+c.rng.Int64N(2*tick)))
	}
	for _, t := range first {
		c.include(b, parent, t)
	}
	for progress := true; progress; {
		progress = c.fill(b, parent)
	}
	c.blocks = append(c.blocks, b)
	c.known[b.ref.Hash] = b.ref
	c.w.log("%s block %d of %d transactions, clock %+d", c.name, b.ref.Height, len(b.txs), b.ref.Clock-c.w.now)
}

// fill takes what can be mined, once through the mempool, and reports whether
// anything was.
func (c *chain) fill(b, parent *block) bool {
	before := len(b.txs)
	if c.hostile {
		slices.SortStableFunc(c.pool, func(a, b pooled) int { return rank(a.tx) - rank(b.tx) })
	}
	left := c.pool[:0]
	for _, p := range c.pool {
		if !c.takes(p) || !c.include(b, parent, p.tx) {
			left = append(left, p)
		}
	}
	clear(c.pool[len(left):])
	c.pool = left
	return len(b.txs) > before
}

// rank puts Eve's transactions before all others.
func rank(t *tx) int {
	if t.by == eve {
		return 0
	}
	return 1
}

// takes is the miners' choice.
func (c *chain) takes(p pooled) bool {
	switch {
	case p.due == 0:
		return false
	case c.w.now >= p.due:
		return true
	case c.hostile:
		return p.tx.by == eve && c.rng.IntN(8) != 0
	}
	return c.rng.IntN(3) != 0
}

func (c *chain) include(b, parent *block, t *tx) bool {
	included, ok := c.ledger.apply(t, b, parent.ref.Clock)
	if included {
		b.txs = append(b.txs, mined{t, ok})
		if ok && t.contract != "" {
			c.told[t.contract] = append(c.told[t.contract], told{t, b.ref.Height})
			b.undo(func() { c.told[t.contract] = c.told[t.contract][:len(c.told[t.contract])-1] })
		}
		if t.kind != kindVoid || t.by != eve {
			c.w.log("%s mines %s %s of %s in block %d, done %v", c.name, t.kind, t.id, t.contract, b.ref.Height, ok)
		}
	}
	return included
}

// undo takes the last block back; its transactions wait again, due as before.
func (c *chain) undo() {
	b := c.tip()
	c.blocks = c.blocks[:len(c.blocks)-1]
	if c.w.forgets {
		delete(c.known, b.ref.Hash)
	}
	for i := len(b.undos) - 1; i >= 0; i-- {
		b.undos[i]()
	}
	back := make([]pooled, 0, len(b.txs)+len(c.pool))
	for _, m := range b.txs {
		back = append(back, pooled{m.tx, c.dueAt(m.tx, 0)})
	}
	c.pool = append(back, c.pool...)
}

// dueAt is when a transaction is mined at the latest: those that pay enough
// are, delay after they did.
func (c *chain) dueAt(t *tx, delay int64) int64 {
	if t.rate < c.floor {
		return 0
	}
	return c.w.now + delay
}

// reorg replaces the last blocks by one more. first are transactions of the
// other branch, which may conflict with what is undone.
func (c *chain) reorg(depth int, first ...*tx) {
	c.reorgs++
	c.w.stats.reorgs++
	c.w.log("%s undoes %d blocks, down to %d", c.name, depth, c.height()-uint64(depth))
	for range depth {
		c.undo()
	}
	if c.w.rng.IntN(3) == 0 && c.w.spend(int(c.w.delay)+1) {
		c.w.log("%s forgets %d transactions that wait", c.name, len(c.pool))
		c.pool = nil
	}
	c.mine(first...)
	for range depth {
		c.mine()
	}
}

// submit takes a transaction into the mempool.
func (c *chain) submit(t *tx) {
	for i, p := range c.pool {
		if p.tx == t {
			if p.due == 0 {
				c.pool[i].due = c.dueAt(t, c.w.delay*tick)
			}
			return
		}
	}
	c.pool = append(c.pool, pooled{t, c.dueAt(t, c.w.delay*tick)})
}

// setFloor moves the market. What waits and pays too little loses its place.
func (c *chain) setFloor(floor int64) {
	c.floor = floor
	for i, p := range c.pool {
		switch {
		case p.tx.rate < floor:
			c.pool[i].due = 0
		case p.due == 0:
			c.pool[i].due = c.dueAt(p.tx, c.w.delay*tick)
		}
	}
	c.w.log("%s fee floor is %d", c.name, floor)
}

// mined finds a transaction in the best chain.
func (c *chain) find(t *tx) (height uint64, ok bool) {
	for i := len(c.blocks) - 1; i >= 0; i-- {
		for _, m := range c.blocks[i].txs {
			if m.tx == t {
				return c.blocks[i].ref.Height, m.ok
			}
		}
	}
	return 0, false
}

func (c *chain) waits(t *tx) bool {
	return slices.ContainsFunc(c.pool, func(p pooled) bool { return p.tx == t })
}

// offers is the best price among what waits with a nonce; 0 for none.
func (c *chain) offers(account string, nonce uint64) int64 {
	best := int64(0)
	for _, p := range c.pool {
		if p.tx.account == account && p.tx.nonce == nonce {
			best = max(best, p.tx.rate)
		}
	}
	return best
}

// depth of a height, 1 for the tip.
func (c *chain) depth(height uint64) uint64 { return c.height() - height + 1 }
