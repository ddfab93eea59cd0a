package htlc_test

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/kofo-network/kofo/htlc"
)

// tick is the time between blocks, in seconds.
const tick = 10

// stuckFor is in how many blocks about one takes a transaction that is stuck.
const stuckFor = 60

type txKind uint8

const (
	txFund txKind = iota
	txMismatch
	txAbandon // takes what the funding of the same ref needs
	txRedeem
	txRefund
	txCoRedeem // by consent, to the payee
	txCoRefund // by consent, to the payer
)

// modelTx is a transaction of one leg. Fundings create a ref, spends use one.
type modelTx struct {
	id, ref string
	kind    txKind
	leg     int
	due     int64 // real time at which it is in a block at the latest; 0: no promise
	stuck   bool  // pays too little: in a block only now and then
}

type modelBlock struct {
	id    htlc.BlockID
	clock int64
	txs   []*modelTx
}

// modelChain is a chain with a mempool, a clock that leads and lags, and
// reorganisations. Which transactions a block takes is the adversary's choice,
// save for those that are due.
type modelChain struct {
	id        htlc.ChainID
	terms     *htlc.Terms
	lead, lag int64
	mode      clockMode
	trap      int64 // of clockTrap
	hostile   bool  // the adversary's own transactions go first, others when they must
	maxUndo   int
	blocks    []modelBlock
	mempool   []*modelTx
	branches  uint64
	rng       *rand.Rand
}

func (c *modelChain) tip() modelBlock { return c.blocks[len(c.blocks)-1] }

// utxo is a funded contract.
type utxo struct {
	tx     *modelTx
	height uint64
	spent  bool
}

// contracts are the funded contracts after the first n blocks.
func (c *modelChain) contracts(n int) map[string]*utxo {
	out := map[string]*utxo{}
	for _, b := range c.blocks[:n] {
		for _, tx := range b.txs {
			switch tx.kind {
			case txFund:
				out[tx.ref] = &utxo{tx: tx, height: b.id.Height}
			case txAbandon:
				out[tx.ref] = &utxo{tx: tx, height: b.id.Height, spent: true}
			case txRedeem, txRefund, txCoRedeem, txCoRefund:
				out[tx.ref].spent = true
			case txMismatch:
			}
		}
	}
	return out
}

// valid reports whether a transaction may follow the first n blocks, at their
// last clock.
func (c *modelChain) valid(tx *modelTx, state map[string]*utxo, clock int64) bool {
	u, funded := state[tx.ref]
	switch tx.kind {
	case txFund, txAbandon:
		return !funded
	case txMismatch:
		return true
	case txRedeem, txCoRedeem, txCoRefund:
		return funded && !u.spent
	case txRefund:
		return funded && !u.spent && clock > c.terms.Legs[tx.leg].TimeLock
	}
	return false
}

// broadcast adds a transaction to the mempool, where the node takes it.
func (c *modelChain) broadcast(tx *modelTx) bool {
	for _, b := range c.blocks {
		for _, known := range b.txs {
			if known.id == tx.id {
				return true
			}
		}
	}
	for _, known := range c.mempool {
		if known.id == tx.id {
			return true
		}
	}
	if !c.valid(tx, c.contracts(len(c.blocks)), c.tip().clock) {
		return false
	}
	c.mempool = append(c.mempool, tx)
	return true
}

// drop removes a transaction from the mempool: it was replaced.
func (c *modelChain) drop(id string) {
	c.mempool = slices.DeleteFunc(c.mempool, func(tx *modelTx) bool { return tx.id == id })
}

// mine appends a block at real time now.
func (c *modelChain) mine(now int64) {
	state, parent := c.contracts(len(c.blocks)), c.tip()
	b := modelBlock{clock: max(parent.clock, now+c.offset(now))}
	c.branches++
	b.id.Height = parent.id.Height + 1
	binary.BigEndian.PutUint64(b.id.Hash[:], c.branches)
	c.rng.Shuffle(len(c.mempool), func(i, j int) { c.mempool[i], c.mempool[j] = c.mempool[j], c.mempool[i] })
	slices.SortStableFunc(c.mempool, c.compare)
	var left []*modelTx
	for _, tx := range c.mempool {
		forced := tx.due > 0 && tx.due <= now
		switch {
		case !c.valid(tx, state, parent.clock):
			if tx.kind <= txAbandon || state[tx.ref] == nil || !state[tx.ref].spent {
				left = append(left, tx)
			}
			continue
		case tx.stuck && c.rng.IntN(stuckFor) != 0:
			left = append(left, tx)
			continue
		case !forced && (c.hostile && tx.due > 0 || !c.hostile && c.rng.IntN(3) == 0):
			left = append(left, tx)
			continue
		}
		b.txs = append(b.txs, tx)
		switch tx.kind {
		case txFund:
			state[tx.ref] = &utxo{tx: tx, height: b.id.Height}
		case txAbandon:
			state[tx.ref] = &utxo{tx: tx, height: b.id.Height, spent: true}
		case txRedeem, txRefund, txCoRedeem, txCoRefund:
			state[tx.ref].spent = true
		case txMismatch:
		}
	}
	c.mempool = left
	c.blocks = append(c.blocks, b)
}

// compare orders a block: what is due must not wait for what it spends, and a
// hostile miner puts its own first.
func (c *modelChain) compare(a, b *modelTx) int {
	if d := cmp.Compare(min(a.kind, txRedeem), min(b.kind, txRedeem)); d != 0 || !c.hostile {
		return d
	}
	return cmp.Compare(min(a.due, 1), min(b.due, 1))
}

// clockMode is how the adversary uses the bounds of a chain's clock.
type clockMode uint8

const (
	clockRandom clockMode = iota
	clockBehind
	clockAhead
	clockTrap // behind until it would read more than the trap, then ahead
	clockModes
)

// offset is how far the clock runs ahead of real time. Until the next block
// the clock stands still, which counts as lag.
func (c *modelChain) offset(now int64) int64 {
	slow := c.lag - tick
	switch {
	case c.mode == clockBehind, c.mode == clockTrap && now-slow <= c.trap:
		return -slow
	case c.mode == clockAhead, c.mode == clockTrap:
		return c.lead
	}
	return c.rng.Int64N(c.lead+slow+1) - slow
}

// advance mines the block of a tick, sometimes after undoing some. The new
// branch is never shorter than the old one.
func (c *modelChain) advance(now int64) {
	undo := 0
	if c.maxUndo > 0 && c.rng.IntN(8) == 0 {
		undo = min(1+c.rng.IntN(c.maxUndo), len(c.blocks)-1)
	}
	for range undo {
		c.mempool = append(c.mempool, c.tip().txs...)
		c.blocks = c.blocks[:len(c.blocks)-1]
	}
	for range undo + 1 {
		c.mine(now)
	}
}

// abandoned is the depth at which something else took what a funding needs.
func (c *modelChain) abandoned(ref string) uint64 {
	if u, ok := c.contracts(len(c.blocks))[ref]; ok && u.tx.kind == txAbandon {
		return c.tip().id.Height - u.height + 1
	}
	return 0
}

// funded is the depth at which a ref is locked, or 0.
func (c *modelChain) funded(ref string) uint64 {
	u, ok := c.contracts(len(c.blocks))[ref]
	if !ok || u.spent {
		return 0
	}
	return c.tip().id.Height - u.height + 1
}

// spentBy says how the contracts of a leg were spent.
func (c *modelChain) spentBy(leg int) map[txKind]bool {
	out := map[txKind]bool{}
	for _, b := range c.blocks {
		for _, tx := range b.txs {
			if tx.leg == leg {
				out[tx.kind] = true
			}
		}
	}
	return out
}

// fate says what became of one funding.
func (c *modelChain) fate(ref string) map[txKind]bool {
	out := map[txKind]bool{}
	for _, b := range c.blocks {
		for _, tx := range b.txs {
			if tx.ref == ref {
				out[tx.kind] = true
			}
		}
	}
	return out
}

// event is what a block's transaction tells a watching party.
func (tx *modelTx) event(b htlc.BlockID, secret htlc.Secret) htlc.Event {
	switch tx.kind {
	case txFund:
		return htlc.LegFunded{Leg: tx.leg, TxID: tx.id, Ref: tx.ref, Block: b}
	case txMismatch:
		return htlc.LegMismatched{Leg: tx.leg, TxID: tx.id, Detail: "another amount"}
	case txRedeem:
		return htlc.LegRedeemed{Leg: tx.leg, TxID: tx.id, Ref: tx.ref, Secret: secret, Block: b}
	case txRefund:
		return htlc.LegRefunded{Leg: tx.leg, TxID: tx.id, Ref: tx.ref, Block: b}
	case txCoRedeem, txCoRefund:
		return htlc.LegClosedByConsent{Leg: tx.leg, TxID: tx.id, Ref: tx.ref, Block: b}
	}
	return nil // nothing that a watcher of the leg would see
}
