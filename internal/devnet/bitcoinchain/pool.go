package bitcoinchain

import (
	"fmt"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Submit offers a transaction to the mempool, under the rules that the RPC
// server applies.
func (c *Chain) Submit(tx *wire.MsgTx) (chainhash.Hash, error) {
	accepted, err := c.pool.ProcessTransaction(btcutil.NewTx(tx), false, false, 0)
	if err != nil {
		return chainhash.Hash{}, fmt.Errorf("bitcoinchain: submit: %w", err)
	}
	if len(accepted) == 0 {
		return chainhash.Hash{}, fmt.Errorf("%w: transaction not accepted", ErrBadRequest)
	}
	return tx.TxHash(), nil
}

// onNotification keeps mempool, fee estimator and miner in step with the chain.
// btcd calls it in the goroutine that changes the chain.
func (c *Chain) onNotification(n *blockchain.Notification) {
	block, ok := n.Data.(*btcutil.Block)
	if !ok {
		return
	}
	switch n.Type {
	case blockchain.NTBlockConnected:
		c.blockConnected(block)
	case blockchain.NTBlockDisconnected:
		c.blockDisconnected(block)
	case blockchain.NTBlockAccepted:
		// Says only that the block is stored; the two others say what it did.
	}
}

func (c *Chain) blockConnected(block *btcutil.Block) {
	for _, tx := range block.Transactions()[1:] {
		c.pool.RemoveTransaction(tx, false)
		c.pool.RemoveDoubleSpends(tx)
		c.pool.RemoveOrphan(tx)
		c.pool.ProcessOrphans(tx)
	}
	c.miner.noteBlock(block)
	if err := c.fees.RegisterBlock(block); err != nil {
		c.log.Warn("fee estimator refused a block", "block", block.Hash(), "err", err)
	}
}

func (c *Chain) blockDisconnected(block *btcutil.Block) {
	for _, tx := range block.Transactions()[1:] {
		if _, _, err := c.pool.MaybeAcceptTransaction(tx, false, false); err != nil {
			c.pool.RemoveTransaction(tx, true)
		}
	}
	if err := c.fees.Rollback(block.Hash()); err != nil {
		c.log.Warn("fee estimator did not roll back", "block", block.Hash(), "err", err)
	}
}

// dropNonFinal removes what a reorganisation made non-final again: btcd's block
// template fails as long as such a transaction is in the mempool.
func (c *Chain) dropNonFinal() {
	best := c.chain.BestSnapshot()
	for _, desc := range c.pool.TxDescs() {
		if !blockchain.IsFinalizedTransaction(desc.Tx, best.Height+1, best.MedianTime) {
			c.pool.RemoveTransaction(desc.Tx, true)
		}
	}
}
