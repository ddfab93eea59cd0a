package monitor

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// modelTx is a transaction of a model chain.
type modelTx struct {
	Kind     htlc.Purpose
	ID       string
	Contract string
	Hash     htlc.SecretHash
	TimeLock int64
	Secret   string `json:",omitempty"`
	// Takes are the fundings that an abandonment makes impossible.
	Takes []string `json:",omitempty"`
}

type contractState struct{ fund, spend string }

type modelBlock struct {
	ref  adapters.BlockRef
	txs  []*modelTx
	undo map[string]contractState
}

// modelChain is a chain of blocks in memory, with a mempool and
// reorganisations. Two fundings of one contract can both be mined, as two
// outputs to one script can: the tests count them.
type modelChain struct {
	id      htlc.ChainID
	spacing int64

	mu      sync.Mutex
	best    []*modelBlock
	known   map[adapters.Hash]*modelBlock
	state   map[string]contractState
	pool    []*modelTx
	changed chan struct{}
	clock   int64
	counter uint64
	// forgets: blocks that left the chain are unknown to the node, as after
	// a rewind of its database.
	forgets bool
	// stuck are the purposes of which nothing is mined: it pays too little.
	stuck map[htlc.Purpose]bool
	// handed are the ids of transactions that reached the node, by contract
	// and purpose.
	handed map[string]map[string]bool
	// mined counts the transactions in the best chain, by contract and purpose.
	mined map[string]int
}

func newModelChain(id htlc.ChainID, clock, spacing int64) *modelChain {
	c := &modelChain{
		id: id, spacing: spacing, clock: clock, known: map[adapters.Hash]*modelBlock{}, state: map[string]contractState{},
		changed: make(chan struct{}), handed: map[string]map[string]bool{}, mined: map[string]int{},
	}
	c.mine(100)
	return c
}

func (c *modelChain) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *modelChain) version() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *modelChain) tip() adapters.BlockRef {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.best[len(c.best)-1].ref
}

// mine adds n blocks, each a spacing later, with what the mempool has.
func (c *modelChain) mine(n int) {
	for range n {
		c.mineAt(c.now() + c.spacing)
	}
}

func (c *modelChain) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

// mineAt adds one block whose clock is the given one.
func (c *modelChain) mineAt(clock int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mineLocked(clock, true)
	c.notify()
}

func (c *modelChain) mineLocked(clock int64, withTxs bool) {
	c.clock = clock
	c.counter++
	var seed [16]byte
	binary.BigEndian.PutUint64(seed[:], c.counter)
	b := &modelBlock{ref: adapters.BlockRef{
		Height: uint64(len(c.best)), Time: clock, Clock: clock,
		Hash: sha256.Sum256(append(seed[:], c.id...)),
	}, undo: map[string]contractState{}}
	if len(c.best) > 0 {
		b.ref.Parent = c.best[len(c.best)-1].ref.Hash
	}
	if withTxs {
		var left []*modelTx
		for _, tx := range c.pool {
			if c.include(b, tx) {
				continue
			}
			left = append(left, tx)
		}
		c.pool = left
	}
	c.best = append(c.best, b)
	c.known[b.ref.Hash] = b
}

func key(contract string, p htlc.Purpose) string { return contract + "/" + p.String() }

// hold says of which purposes nothing is mined from now on.
func (c *modelChain) hold(purposes ...htlc.Purpose) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stuck = map[htlc.Purpose]bool{}
	for _, p := range purposes {
		c.stuck[p] = true
	}
}

func (c *modelChain) include(b *modelBlock, tx *modelTx) bool {
	s := c.state[tx.Contract]
	if c.stuck[tx.Kind] {
		return false
	}
	switch tx.Kind {
	case htlc.PurposeAbandon:
		if slices.Contains(tx.Takes, s.fund) {
			return false
		}
	case htlc.PurposeFund:
		if c.takenAt(tx.ID, b) > 0 {
			return false
		}
		if s.fund == "" {
			s.fund = tx.ID
		}
	case htlc.PurposeRedeem, htlc.PurposeConsent:
		if s.fund == "" || s.spend != "" {
			return false
		}
		s.spend = tx.ID
	case htlc.PurposeRefund:
		if s.fund == "" || s.spend != "" || c.clock <= tx.TimeLock {
			return false
		}
		s.spend = tx.ID
	}
	if _, saved := b.undo[tx.Contract]; !saved {
		b.undo[tx.Contract] = c.state[tx.Contract]
	}
	c.state[tx.Contract] = s
	c.mined[key(tx.Contract, tx.Kind)]++
	b.txs = append(b.txs, tx)
	return true
}

// takenAt is the height at which an abandonment took what a funding needs, 0
// if none. building is the block that is being made, if any.
func (c *modelChain) takenAt(funding string, building *modelBlock) uint64 {
	blocks := c.best
	if building != nil {
		blocks = append(slices.Clone(blocks), building)
	}
	for _, b := range blocks {
		for _, tx := range b.txs {
			if tx.Kind == htlc.PurposeAbandon && slices.Contains(tx.Takes, funding) {
				return b.ref.Height
			}
		}
	}
	return 0
}

// reorg replaces the last depth blocks by depth+1 others. Their transactions
// go back to the mempool, to be mined in the first block after the fork
// where mine is set.
func (c *modelChain) reorg(depth int, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range depth {
		last := c.best[len(c.best)-1]
		c.best = c.best[:len(c.best)-1]
		for contract, s := range last.undo {
			c.state[contract] = s
		}
		for _, tx := range last.txs {
			c.mined[key(tx.Contract, tx.Kind)]--
			c.pool = append(c.pool, tx)
		}
		if c.forgets {
			delete(c.known, last.ref.Hash)
		}
	}
	clock := c.best[len(c.best)-1].ref.Clock
	for i := range depth + 1 {
		clock += c.spacing
		c.mineLocked(clock, mine && i == 0)
	}
	c.notify()
}

// submit takes a transaction into the mempool.
func (c *modelChain) submit(tx *modelTx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := c.handed[key(tx.Contract, tx.Kind)]
	if ids == nil {
		ids = map[string]bool{}
		c.handed[key(tx.Contract, tx.Kind)] = ids
	}
	ids[tx.ID] = true
	for _, p := range c.pool {
		if p.ID == tx.ID {
			return nil
		}
	}
	s := c.state[tx.Contract]
	switch {
	case s.fund == tx.ID || s.spend == tx.ID:
		return nil
	case tx.Kind == htlc.PurposeAbandon:
	case tx.Kind != htlc.PurposeFund && s.spend != "":
		return &adapters.Error{Reason: "SPENT", Op: "broadcast", Err: adapters.ErrSpent, Retryable: true}
	case tx.Kind != htlc.PurposeFund && s.fund == "":
		return &adapters.Error{Reason: "NOT_FUNDED", Op: "broadcast", Err: adapters.ErrNotFunded, Retryable: true}
	case tx.Kind == htlc.PurposeRefund && c.clock <= tx.TimeLock:
		return &adapters.Error{Reason: "TOO_EARLY", Op: "broadcast", Err: adapters.ErrTooEarly, Retryable: true}
	}
	c.pool = append(c.pool, tx)
	c.notify()
	return nil
}

// evict empties the mempool.
func (c *modelChain) evict() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pool = nil
}

func (c *modelChain) count(contract string, p htlc.Purpose) (mined, handed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mined[key(contract, p)], len(c.handed[key(contract, p)])
}
