package bitcoinchain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// medianBlocks are needed for the median time of the last eleven blocks to
// reach the time of the newest.
const medianBlocks = 6

// maxBlocksPerCall bounds one call of Mine.
const maxBlocksPerCall = 10_000

var errNoNonce = errors.New("bitcoinchain: no nonce solves the block")

// Mine makes n blocks of what is in the mempool and returns their hashes.
func (c *Chain) Mine(ctx context.Context, n int) ([]chainhash.Hash, error) {
	if n < 1 || n > maxBlocksPerCall {
		return nil, fmt.Errorf("%w: %d blocks", ErrBadRequest, n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mineLocked(ctx, n, c.opts.PayTo)
}

// MineAt makes one block with the given time. btcd refuses times at or before
// the median of the last eleven blocks and more than two hours ahead of the
// chain's clock, so this is for skewed clocks, AdvanceTime for long waits.
func (c *Chain) MineAt(ctx context.Context, t time.Time) (chainhash.Hash, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(ctx); err != nil {
		return chainhash.Hash{}, err
	}
	block, err := c.nextBlock(c.opts.PayTo)
	if err != nil {
		return chainhash.Hash{}, err
	}
	block.Header.Timestamp = time.Unix(t.Unix(), 0)
	return c.connect(block)
}

// AdvanceTime moves the chain's clock by d and mines until the median time past
// has moved by at least d too.
func (c *Chain) AdvanceTime(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%w: time goes forward only", ErrBadRequest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(ctx); err != nil {
		return err
	}
	target := c.chain.BestSnapshot().MedianTime.Add(d)
	c.clock.advance(d)
	for range 2 * medianBlocks {
		if !c.chain.BestSnapshot().MedianTime.Before(target) {
			return nil
		}
		if _, err := c.mineLocked(ctx, 1, c.opts.PayTo); err != nil {
			return err
		}
	}
	return nil
}

// SetFeeFloor keeps out of blocks what pays less than a feerate, in satoshi for
// 1,000 virtual bytes, as if they were full of what pays more.
func (c *Chain) SetFeeFloor(rate int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policy.TxMinFreeFee, c.policy.BlockPrioritySize = btcutil.Amount(rate), 0
}

// Pause stops the ticker's blocks, Resume lets them come again; blocks on
// command are not affected.
func (c *Chain) Pause() { c.setPaused(true) }

// Resume undoes Pause.
func (c *Chain) Resume() { c.setPaused(false) }

func (c *Chain) setPaused(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
}

// mineInitial gives the miner mature coins. The blocks are dated back so that
// the newest is from now: the chain looks as if it had been running.
func (c *Chain) mineInitial(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := c.opts.InitialBlocks - int(c.chain.BestSnapshot().Height)
	now := c.clock.AdjustedTime()
	for i := missing - 1; i >= 0; i-- {
		release := c.clock.pin(now.Add(-time.Duration(i) * c.opts.BlockSpacing))
		_, err := c.mineLocked(ctx, 1, c.miner.addr)
		release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Chain) mineEvery(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := c.tick(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("mining failed", "err", err)
			}
		}
	}
}

func (c *Chain) tick(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused {
		return nil
	}
	_, err := c.mineLocked(ctx, 1, c.opts.PayTo)
	return err
}

func (c *Chain) mineLocked(ctx context.Context, n int, payTo address.Address) ([]chainhash.Hash, error) {
	hashes := make([]chainhash.Hash, 0, n)
	for range n {
		if err := c.checkOpen(ctx); err != nil {
			return hashes, err
		}
		block, err := c.nextBlock(payTo)
		if err != nil {
			return hashes, err
		}
		hash, err := c.connect(block)
		if err != nil {
			return hashes, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// nextBlock is btcd's template for the best tip. The number in its coinbase keeps
// two blocks of one second on one parent apart, as after an invalidated one.
func (c *Chain) nextBlock(payTo address.Address) (*wire.MsgBlock, error) {
	template, err := c.blocks.NewBlockTemplate(payTo)
	if err != nil {
		return nil, fmt.Errorf("bitcoinchain: template: %w", err)
	}
	c.extraNonce++
	if err := c.blocks.UpdateExtraNonce(template.Block, template.Height, uint64(c.extraNonce)); err != nil {
		return nil, fmt.Errorf("bitcoinchain: extra nonce: %w", err)
	}
	return template.Block, nil
}

func (c *Chain) checkOpen(ctx context.Context) error {
	if c.closed {
		return ErrClosed
	}
	return ctx.Err()
}

// connect solves the block and hands it to btcd's block processing.
func (c *Chain) connect(block *wire.MsgBlock) (chainhash.Hash, error) {
	if err := solve(&block.Header); err != nil {
		return chainhash.Hash{}, err
	}
	b := btcutil.NewBlock(block)
	_, orphan, err := c.chain.ProcessBlock(b, blockchain.BFNone)
	if err != nil {
		return chainhash.Hash{}, fmt.Errorf("bitcoinchain: process block: %w", err)
	}
	if orphan {
		return chainhash.Hash{}, fmt.Errorf("%w: block without parent", ErrBadRequest)
	}
	return *b.Hash(), nil
}

// solve finds a nonce; on the regression-test network every other one does.
func solve(header *wire.BlockHeader) error {
	target := blockchain.CompactToBig(header.Bits)
	for nonce := range uint32(math.MaxUint32) {
		header.Nonce = nonce
		hash := header.BlockHash()
		if blockchain.HashToBig(&hash).Cmp(target) <= 0 {
			return nil
		}
	}
	return errNoNonce
}
