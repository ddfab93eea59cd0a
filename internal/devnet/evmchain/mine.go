package evmchain

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/beacon/engine"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/txpool"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/miner"
	"github.com/ethereum/go-ethereum/params"
)

// maxBlocksPerCall bounds one call of Mine.
const maxBlocksPerCall = 10_000

const transferGas = 21_000

// Mine makes n blocks of what is in the mempool and returns their hashes.
func (c *Chain) Mine(ctx context.Context, n int) ([]common.Hash, error) {
	if n < 1 || n > maxBlocksPerCall {
		return nil, fmt.Errorf("%w: %d blocks", ErrBadRequest, n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	hashes := make([]common.Hash, 0, n)
	for range n {
		hash, err := c.mineLocked(ctx)
		if err != nil {
			return hashes, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// AdvanceTime moves the chain's clock by d and makes a block, so that the next
// transaction sees the new time.
func (c *Chain) AdvanceTime(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%w: time goes forward only", ErrBadRequest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	_, err := c.mineLocked(ctx)
	return err
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
	_, err := c.mineLocked(ctx)
	return err
}

func (c *Chain) mineLocked(ctx context.Context) (common.Hash, error) {
	if err := c.checkOpen(ctx); err != nil {
		return common.Hash{}, err
	}
	// The mempool follows the head in its own goroutine; a block built before it
	// has caught up would miss transactions.
	if err := c.eth.TxPool().Sync(); err != nil {
		return common.Hash{}, fmt.Errorf("evmchain: mempool: %w", err)
	}
	block, err := c.build(ctx, c.eth.BlockChain().CurrentBlock(), nil, false)
	if err != nil {
		return common.Hash{}, err
	}
	return block.Hash(), c.setHead(block)
}

func (c *Chain) checkOpen(ctx context.Context) error {
	if c.closed {
		return ErrClosed
	}
	return ctx.Err()
}

// build makes a block on any parent and has the node execute, check and store
// it. With exact set it holds txs and nothing else, otherwise what the mempool
// offers.
func (c *Chain) build(ctx context.Context, parent *types.Header, txs []*types.Transaction, exact bool) (*types.Block, error) {
	args := &miner.BuildPayloadArgs{
		Parent:      parent.Hash(),
		Timestamp:   c.timeAfter(parent),
		Random:      c.random(parent),
		Withdrawals: types.Withdrawals{},
		BeaconRoot:  &common.Hash{},
		Version:     engine.PayloadV3,
	}
	if c.opts.Amsterdam {
		args.Version = engine.PayloadV4
		slot := parent.Number.Uint64() + 1
		args.SlotNum = &slot
	}
	block, _, err := c.eth.Miner().BuildTestingPayload(args, txs, exact && len(txs) == 0, nil)
	if err != nil {
		return nil, fmt.Errorf("evmchain: build block: %w", err)
	}
	if _, err := c.eth.BlockChain().InsertBlockWithoutSetHead(ctx, block, false); err != nil {
		return nil, fmt.Errorf("evmchain: insert block: %w", err)
	}
	return block, nil
}

func (c *Chain) timeAfter(parent *types.Header) uint64 {
	now := uint64(c.opts.Now().Add(c.ahead).Unix())
	return max(now, parent.Time+1)
}

// random differs from that of any other block on the same parent: two empty
// blocks made within a second would else be one.
func (c *Chain) random(parent *types.Header) common.Hash {
	c.built++
	return common.BigToHash(new(big.Int).Add(parent.Hash().Big(), new(big.Int).SetUint64(c.built)))
}

// setHead makes the block the newest one and moves finality.
func (c *Chain) setHead(block *types.Block) error {
	chain := c.eth.BlockChain()
	if _, err := chain.SetCanonical(block); err != nil {
		return fmt.Errorf("evmchain: set head: %w", err)
	}
	chain.SetSafe(block.Header())
	var final uint64
	if number := block.NumberU64(); number > c.opts.FinalityDepth {
		final = number - c.opts.FinalityDepth
	}
	// After a reorganisation below it the old finalized block is not on the chain.
	if current := chain.CurrentFinalBlock(); current != nil && current.Number.Uint64() > final &&
		chain.GetCanonicalHash(current.Number.Uint64()) == current.Hash() {
		return nil
	}
	chain.SetFinalized(chain.GetHeaderByNumber(final))
	return nil
}

// Fund sends an amount in wei from the faucet. The transaction is in the mempool
// when it returns; Mine confirms it.
func (c *Chain) Fund(ctx context.Context, to common.Address, wei *big.Int) (common.Hash, error) {
	if wei == nil || wei.Sign() <= 0 {
		return common.Hash{}, fmt.Errorf("%w: amount must be positive", ErrBadRequest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(ctx); err != nil {
		return common.Hash{}, err
	}
	for {
		tx, err := c.payment(ctx, to, wei)
		if err != nil {
			return common.Hash{}, err
		}
		err = c.client.SendTransaction(ctx, tx)
		if err == nil {
			return tx.Hash(), nil
		}
		// The pool counts what it took a moment later, so a second payment may
		// come at the nonce of the first.
		if !strings.Contains(err.Error(), txpool.ErrAlreadyKnown.Error()) && !strings.Contains(err.Error(), txpool.ErrReplaceUnderpriced.Error()) {
			return common.Hash{}, fmt.Errorf("evmchain: send: %w", err)
		}
		select {
		case <-ctx.Done():
			return common.Hash{}, fmt.Errorf("evmchain: send: %w", ctx.Err())
		case <-time.After(poolPause):
		}
	}
}

// poolPause is how long the pool is given to count a transaction.
const poolPause = 2 * time.Millisecond

// payment is signed at the nonce that the pool says is next.
func (c *Chain) payment(ctx context.Context, to common.Address, wei *big.Int) (*types.Transaction, error) {
	nonce, err := c.client.PendingNonceAt(ctx, c.FaucetAddress())
	if err != nil {
		return nil, fmt.Errorf("evmchain: faucet nonce: %w", err)
	}
	tip := big.NewInt(params.GWei)
	most := new(big.Int).Mul(c.eth.BlockChain().CurrentBlock().BaseFee, big.NewInt(2))
	id := new(big.Int).SetUint64(c.opts.ChainID)
	tx, err := types.SignNewTx(c.faucet, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Nonce: nonce, GasTipCap: tip, GasFeeCap: most.Add(most, tip), Gas: transferGas, To: &to, Value: wei,
	})
	if err != nil {
		return nil, fmt.Errorf("evmchain: sign: %w", err)
	}
	return tx, nil
}
