package evmchain

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// maxReorgDepth bounds one reorganisation. go-ethereum keeps the states of 128
// blocks, and its mempool takes transactions back over 64.
const maxReorgDepth = 64

// Reorg says how the newest blocks are to be replaced.
type Reorg struct {
	Depth int // blocks undone
	// Blocks of the replacing branch; 0: Depth+1.
	Blocks int
	// Empty leaves every transaction of the undone blocks out of the branch;
	// otherwise each stands at the height where it stood.
	Empty bool
	// Without names transactions to leave out, with every later one of the same
	// sender, whose nonce would not fit.
	Without []common.Hash
	// Insert takes the place of the transaction with the same sender and nonce,
	// or stands first in the branch when there is none.
	Insert []*types.Transaction
	// Evict also removes what was left out from the mempool. Without it such
	// transactions wait there, as on a real node.
	Evict bool
	// BreakFinality permits to undo finalized blocks.
	BreakFinality bool
}

// ReorgResult tells what a reorganisation did.
type ReorgResult struct {
	OldHead, NewHead common.Hash
	ForkNumber       uint64 // of the newest block that both branches share
	LeftOut          []common.Hash
}

// Reorg replaces the newest blocks by another branch in one step: who asks the
// node sees the old branch or the new one.
func (c *Chain) Reorg(ctx context.Context, r Reorg) (ReorgResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(ctx); err != nil {
		return ReorgResult{}, err
	}
	chain := c.eth.BlockChain()
	old := chain.CurrentBlock()
	if r.Blocks == 0 {
		r.Blocks = r.Depth + 1
	}
	if r.Depth < 1 || r.Depth > maxReorgDepth || uint64(r.Depth) > old.Number.Uint64() || r.Blocks < r.Depth || r.Blocks > 2*maxReorgDepth {
		return ReorgResult{}, fmt.Errorf("%w: depth %d, %d blocks at number %d", ErrBadRequest, r.Depth, r.Blocks, old.Number)
	}
	fork := old.Number.Uint64() - uint64(r.Depth)
	if final := chain.CurrentFinalBlock(); !r.BreakFinality && final != nil && fork < final.Number.Uint64() {
		return ReorgResult{}, fmt.Errorf("%w: number %d", ErrFinalized, final.Number)
	}
	plan, err := c.planBranch(r, fork)
	if err != nil {
		return ReorgResult{}, err
	}
	parent := chain.GetHeaderByNumber(fork)
	var head *types.Block
	for _, txs := range plan.blocks {
		if head, err = c.build(ctx, parent, txs, true); err != nil {
			return ReorgResult{}, err
		}
		parent = head.Header()
	}
	if err := c.setHead(head); err != nil {
		return ReorgResult{}, err
	}
	if err := c.settleMempool(r.Evict, plan.leftOut); err != nil {
		return ReorgResult{}, err
	}
	return ReorgResult{OldHead: old.Hash(), NewHead: head.Hash(), ForkNumber: fork, LeftOut: plan.leftOut}, nil
}

// branchPlan lists the transactions of each block of the branch.
type branchPlan struct {
	blocks  [][]*types.Transaction
	leftOut []common.Hash
}

// slot is a sender's nonce: one transaction fills it.
type slot struct {
	sender common.Address
	nonce  uint64
}

func (c *Chain) planBranch(r Reorg, fork uint64) (branchPlan, error) {
	plan := branchPlan{blocks: make([][]*types.Transaction, r.Blocks)}
	signer := types.LatestSigner(c.eth.BlockChain().Config())
	inserts := make(map[slot]*types.Transaction, len(r.Insert))
	for _, tx := range r.Insert {
		sender, err := types.Sender(signer, tx)
		if err != nil {
			return plan, fmt.Errorf("%w: inserted transaction: %w", ErrBadRequest, err)
		}
		inserts[slot{sender, tx.Nonce()}] = tx
	}
	without := make(map[common.Hash]bool, len(r.Without))
	for _, hash := range r.Without {
		without[hash] = true
	}
	stopped := make(map[common.Address]bool) // senders with a gap
	for i := range r.Depth {
		for _, tx := range c.eth.BlockChain().GetBlockByNumber(fork + 1 + uint64(i)).Transactions() {
			sender, err := types.Sender(signer, tx)
			if err != nil {
				return plan, fmt.Errorf("evmchain: sender: %w", err)
			}
			at := slot{sender, tx.Nonce()}
			if insert, ok := inserts[at]; ok {
				plan.blocks[i] = append(plan.blocks[i], insert)
				plan.leftOut = append(plan.leftOut, tx.Hash())
				delete(inserts, at)
				continue
			}
			if r.Empty || without[tx.Hash()] || stopped[sender] {
				stopped[sender] = true
				plan.leftOut = append(plan.leftOut, tx.Hash())
				continue
			}
			plan.blocks[i] = append(plan.blocks[i], tx)
		}
	}
	plan.putFirst(r.Insert, inserts, signer)
	return plan, nil
}

// putFirst places what replaces nothing at the start, in the order given.
func (p *branchPlan) putFirst(order []*types.Transaction, left map[slot]*types.Transaction, signer types.Signer) {
	var first []*types.Transaction
	for _, tx := range order {
		// The sender was recovered before; here it cannot fail.
		sender, err := types.Sender(signer, tx)
		if err == nil && left[slot{sender, tx.Nonce()}] == tx {
			first = append(first, tx)
		}
	}
	p.blocks[0] = append(first, p.blocks[0]...)
}

// settleMempool waits until the mempool has taken back what the branch left out
// and, on demand, removes that again.
func (c *Chain) settleMempool(evict bool, leftOut []common.Hash) error {
	pool := c.eth.TxPool()
	if err := pool.Sync(); err != nil {
		return fmt.Errorf("evmchain: mempool: %w", err)
	}
	if !evict || len(leftOut) == 0 {
		return nil
	}
	unwanted := make(map[common.Hash]bool, len(leftOut))
	for _, hash := range leftOut {
		unwanted[hash] = true
	}
	var keep []*types.Transaction
	pending, queued := pool.Content()
	for _, byAccount := range []map[common.Address][]*types.Transaction{pending, queued} {
		for _, txs := range byAccount {
			for _, tx := range txs {
				if !unwanted[tx.Hash()] {
					keep = append(keep, tx)
				}
			}
		}
	}
	pool.Clear() // there is no way to remove a single one
	for i, err := range pool.Add(keep, true) {
		if err != nil {
			c.log.Warn("transaction not kept in the mempool", "tx", keep[i].Hash(), "err", err)
		}
	}
	return nil
}
