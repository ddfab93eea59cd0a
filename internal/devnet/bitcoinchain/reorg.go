package bitcoinchain

import (
	"context"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/mining"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// maxReorgDepth bounds one reorganisation.
const maxReorgDepth = 200

// Reorg says how the newest blocks are to be replaced.
type Reorg struct {
	Depth int // blocks undone
	// Blocks of the replacing branch; 0: Depth+1, the least that wins.
	Blocks int
	// Empty leaves every transaction of the undone blocks out of the branch;
	// otherwise each stands at the height where it stood.
	Empty bool
	// Without names transactions to leave out, with everything that spends them.
	Without []chainhash.Hash
	// Insert are put into the first block of the branch. Transactions that
	// conflict with them are left out, with everything that spends those.
	Insert []*wire.MsgTx
	// Evict also removes what was left out from the mempool. Without it such
	// transactions wait there, as on a real node, unless they conflict.
	Evict bool
}

// ReorgResult tells what a reorganisation did.
type ReorgResult struct {
	OldTip, NewTip chainhash.Hash
	ForkHeight     int32 // of the newest block that both branches share
	LeftOut        []chainhash.Hash
}

// Reorg replaces the newest blocks by a longer branch. btcd learns of the branch
// as of one that a peer had all along and changes over with the last block. As in
// a btcd process, who asks in the moment of the change can see it half way.
func (c *Chain) Reorg(ctx context.Context, r Reorg) (ReorgResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(ctx); err != nil {
		return ReorgResult{}, err
	}
	best := c.chain.BestSnapshot()
	if r.Blocks == 0 {
		r.Blocks = r.Depth + 1
	}
	if r.Depth < 1 || r.Depth > maxReorgDepth || int32(r.Depth) > best.Height || r.Blocks <= r.Depth || r.Blocks > 2*maxReorgDepth {
		return ReorgResult{}, fmt.Errorf("%w: depth %d, %d blocks at height %d", ErrBadRequest, r.Depth, r.Blocks, best.Height)
	}
	fork := best.Height - int32(r.Depth)
	plan, err := c.planBranch(r, fork)
	if err != nil {
		return ReorgResult{}, err
	}
	newTip, err := c.buildBranch(ctx, fork, plan.blocks)
	if err != nil {
		return ReorgResult{}, err
	}
	if r.Evict {
		for _, tx := range plan.leftOut {
			c.pool.RemoveTransaction(tx, true)
		}
	}
	c.dropNonFinal()
	result := ReorgResult{OldTip: best.Hash, NewTip: newTip, ForkHeight: fork}
	for _, tx := range plan.leftOut {
		result.LeftOut = append(result.LeftOut, *tx.Hash())
	}
	return result, nil
}

// branchPlan lists the transactions of each block of the branch.
type branchPlan struct {
	blocks  [][]*btcutil.Tx
	leftOut []*btcutil.Tx
}

func (c *Chain) planBranch(r Reorg, fork int32) (branchPlan, error) {
	plan := branchPlan{blocks: make([][]*btcutil.Tx, r.Blocks)}
	taken := make(map[wire.OutPoint]bool) // spent by an inserted transaction
	gone := make(map[chainhash.Hash]bool) // not in the branch
	for _, tx := range r.Insert {
		plan.blocks[0] = append(plan.blocks[0], btcutil.NewTx(tx))
		for _, in := range tx.TxIn {
			taken[in.PreviousOutPoint] = true
		}
	}
	for _, hash := range r.Without {
		gone[hash] = true
	}
	for i := range r.Depth {
		block, err := c.chain.BlockByHeight(fork + 1 + int32(i))
		if err != nil {
			return plan, fmt.Errorf("bitcoinchain: undone block: %w", err)
		}
		// Its reward is gone with the block, and so is what spends it.
		gone[*block.Transactions()[0].Hash()] = true
		for _, tx := range block.Transactions()[1:] {
			if !r.Empty && !gone[*tx.Hash()] && !spendsAny(tx, taken, gone) {
				plan.blocks[i] = append(plan.blocks[i], tx)
				continue
			}
			gone[*tx.Hash()] = true
			plan.leftOut = append(plan.leftOut, tx)
		}
	}
	return plan, nil
}

func spendsAny(tx *btcutil.Tx, taken map[wire.OutPoint]bool, gone map[chainhash.Hash]bool) bool {
	for _, in := range tx.MsgTx().TxIn {
		if taken[in.PreviousOutPoint] || gone[in.PreviousOutPoint.Hash] {
			return true
		}
	}
	return false
}

// buildBranch hands the blocks to btcd, which keeps them aside until the last
// makes the branch the longer one.
func (c *Chain) buildBranch(ctx context.Context, fork int32, blocks [][]*btcutil.Tx) (chainhash.Hash, error) {
	parent, err := c.chain.BlockHashByHeight(fork)
	if err != nil {
		return chainhash.Hash{}, fmt.Errorf("bitcoinchain: fork point: %w", err)
	}
	tip := *parent
	for i, txs := range blocks {
		if err := ctx.Err(); err != nil {
			return chainhash.Hash{}, err
		}
		block, err := c.assemble(tip, fork+1+int32(i), txs)
		if err != nil {
			return chainhash.Hash{}, err
		}
		if tip, err = c.connect(block); err != nil {
			return chainhash.Hash{}, err
		}
	}
	if best := c.chain.BestSnapshot().Hash; best != tip {
		return chainhash.Hash{}, fmt.Errorf("bitcoinchain: branch %v did not win against %v", tip, best)
	}
	return tip, nil
}

// assemble makes a block on any parent; btcd's template generator knows the
// best tip only. It claims the subsidy and leaves the fees.
func (c *Chain) assemble(parent chainhash.Hash, height int32, txs []*btcutil.Tx) (*wire.MsgBlock, error) {
	coinbase, err := c.coinbase(height)
	if err != nil {
		return nil, err
	}
	all := append([]*btcutil.Tx{coinbase}, txs...)
	mining.AddWitnessCommitment(coinbase, all)
	version, err := c.chain.CalcNextBlockVersion()
	if err != nil {
		return nil, fmt.Errorf("bitcoinchain: block version: %w", err)
	}
	stamp, err := c.timeAfter(parent)
	if err != nil {
		return nil, err
	}
	block := &wire.MsgBlock{Header: wire.BlockHeader{
		Version:    version,
		PrevBlock:  parent,
		MerkleRoot: blockchain.CalcMerkleRoot(all, false),
		Timestamp:  stamp,
		Bits:       c.params.PowLimitBits, // the regression-test network never retargets
	}}
	for _, tx := range all {
		if err := block.AddTransaction(tx.MsgTx()); err != nil {
			return nil, fmt.Errorf("bitcoinchain: assemble: %w", err)
		}
	}
	return block, nil
}

func (c *Chain) timeAfter(parent chainhash.Hash) (time.Time, error) {
	header, err := c.chain.HeaderByHash(&parent)
	if err != nil {
		return time.Time{}, fmt.Errorf("bitcoinchain: parent: %w", err)
	}
	median, err := c.chain.PastMedianTime(&header)
	if err != nil {
		return time.Time{}, fmt.Errorf("bitcoinchain: median time: %w", err)
	}
	if now := c.clock.AdjustedTime(); now.After(median) {
		return now, nil
	}
	return median.Add(time.Second), nil
}

// coinbase carries a number of its own, so that the reward of a replaced block
// never has the id of the reward that it replaces.
func (c *Chain) coinbase(height int32) (*btcutil.Tx, error) {
	c.extraNonce++
	script, err := txscript.NewScriptBuilder().
		AddInt64(int64(height)).AddInt64(c.extraNonce).AddData([]byte("/kofo devnet/")).Script()
	if err != nil {
		return nil, fmt.Errorf("bitcoinchain: coinbase: %w", err)
	}
	payTo, err := txscript.PayToAddrScript(c.opts.PayTo)
	if err != nil {
		return nil, fmt.Errorf("bitcoinchain: coinbase: %w", err)
	}
	tx := wire.NewMsgTx(wire.TxVersion)
	tx.AddTxIn(&wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
		SignatureScript:  script,
		Sequence:         wire.MaxTxInSequenceNum,
	})
	tx.AddTxOut(wire.NewTxOut(blockchain.CalcBlockSubsidy(height, c.params), payTo))
	return btcutil.NewTx(tx), nil
}
