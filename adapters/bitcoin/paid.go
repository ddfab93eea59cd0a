package bitcoin

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// Paid tells what a transaction of ours has cost and how deep its block is. It
// is false where no block has the transaction, or where nothing tells the
// amounts that it spent: a zero fee is never a guess. The wallet knows the
// blocks of what touched its coins lately; the rest is known to nodes with an
// index of transactions.
func (a *Adapter) Paid(ctx context.Context, txid string) (adapters.Paid, bool, error) {
	id, err := chainhash.NewHashFromStr(txid)
	if err != nil || id.String() != txid {
		return adapters.Paid{}, false, mismatch("%.80q is no transaction's id", txid)
	}
	m, err := a.minedNear(ctx, *id)
	if err == nil && m == nil {
		m, err = a.minedIndexed(ctx, *id)
	}
	if err != nil || m == nil {
		return adapters.Paid{}, false, err
	}
	fee, known, err := a.feeOf(ctx, m.tx)
	if err != nil || !known {
		return adapters.Paid{}, false, err
	}
	return adapters.Paid{Fee: amountOf(fee), Height: m.height, Confirmations: m.depth}, true, nil
}

// mined is a transaction in a block.
type mined struct {
	tx            *wire.MsgTx
	height, depth uint64
}

// minedNear finds it by a coin that it made or spent.
func (a *Adapter) minedNear(ctx context.Context, id chainhash.Hash) (*mined, error) {
	var height uint64
	var tip adapters.BlockRef
	err := a.wallet.current(ctx, func() error {
		tip = a.wallet.cursor
		for point, c := range a.wallet.known {
			switch id {
			case point.Hash:
				height = c.Height
			case c.SpentBy:
				height = c.SpentAt
			}
		}
		return nil
	})
	if err != nil || height == 0 {
		return nil, err
	}
	hash, err := a.node.hashAt(ctx, height)
	if errors.Is(err, errNoBlock) {
		return nil, nil // undone meanwhile
	}
	if err != nil {
		return nil, err
	}
	block, err := a.node.block(ctx, hash)
	if errors.Is(err, errNoBlock) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, tx := range block.Transactions {
		if tx.TxHash() == id {
			return &mined{tx: tx, height: height, depth: tip.Height - height + 1}, nil
		}
	}
	return nil, nil
}

// minedIndexed asks the node.
func (a *Adapter) minedIndexed(ctx context.Context, id chainhash.Hash) (*mined, error) {
	var found struct {
		Hex   rawHex        `json:"hex"`
		Block adapters.Hash `json:"blockhash"`
	}
	var refused *rpcError
	// A transaction that waits has no block.
	err := a.node.call(ctx, "getrawtransaction", &found, id.String(), 1)
	if errors.As(err, &refused) || err == nil && found.Block == (adapters.Hash{}) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var at struct {
		Height        int64 `json:"height"`
		Confirmations int64 `json:"confirmations"`
	}
	err = a.node.call(ctx, "getblockheader", &at, found.Block.String(), true)
	if errors.As(err, &refused) || err == nil && at.Confirmations <= 0 {
		return nil, nil // undone meanwhile
	}
	if err != nil {
		return nil, err
	}
	tx, err := decodeTx(found.Hex)
	if err == nil && tx.TxHash() != id {
		err = fmt.Errorf("asked for %s, got %s", id, tx.TxHash())
	}
	if err != nil {
		return nil, unreachable("read a transaction", err)
	}
	return &mined{tx: tx, height: uint64(max(at.Height, 0)), depth: uint64(at.Confirmations)}, nil
}

// feeOf is what a transaction leaves to the miner; known is false where the
// amount of an input is not to be had.
func (a *Adapter) feeOf(ctx context.Context, tx *wire.MsgTx) (fee int64, known bool, err error) {
	for _, in := range tx.TxIn {
		amount, found, err := a.amountAt(ctx, in.PreviousOutPoint)
		if err != nil || !found {
			return 0, false, err
		}
		fee += amount
	}
	for _, out := range tx.TxOut {
		fee -= out.Value
	}
	return fee, fee >= 0, nil
}

// amountAt is the amount of an own coin, of a watched contract, or of whatever
// the node can show.
func (a *Adapter) amountAt(ctx context.Context, point wire.OutPoint) (amount int64, found bool, err error) {
	err = a.wallet.do(ctx, func() error {
		var c Coin
		c, found = a.wallet.known[point]
		amount = c.Amount
		return nil
	})
	if err != nil || found {
		return amount, found, err
	}
	if amount, found = a.watched.amountAt(point); found {
		return amount, true, nil
	}
	tx, found, err := a.node.rawTx(ctx, point.Hash)
	if err != nil || !found || int(point.Index) >= len(tx.TxOut) {
		return 0, false, err
	}
	return tx.TxOut[point.Index].Value, true, nil
}
