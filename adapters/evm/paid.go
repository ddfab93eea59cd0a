package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Paid is what a transaction has cost and how deep it is, false where the node shows it in no block. That is
// for people and accounts: what became of a contract is told by Facts.
func (a *Adapter) Paid(ctx context.Context, txid string) (adapters.Paid, bool, error) {
	if err := a.node.verify(ctx); err != nil {
		return adapters.Paid{}, false, err
	}
	op := "read what transaction " + txid + " has paid"
	receipt, err := a.node.receipt(ctx, common.HexToHash(txid))
	if unfound(err) {
		return adapters.Paid{}, false, nil
	}
	if err != nil {
		return adapters.Paid{}, false, unreachable(op, err)
	}
	if receipt.EffectiveGasPrice == nil || receipt.BlockNumber == nil {
		return adapters.Paid{}, false, unreachable(op, errors.New("the receipt has no price or no block"))
	}
	head, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return adapters.Paid{}, false, unreachable(op, err)
	}
	height := receipt.BlockNumber.Uint64()
	here, err := a.node.header(ctx, height)
	if err != nil {
		return adapters.Paid{}, false, unreachable(op, err)
	}
	if here == nil || here.Hash() != receipt.BlockHash || head.Number.Uint64() < height {
		return adapters.Paid{}, false, nil // the block left the chain, or the node is behind
	}
	fee, err := htlc.AmountFromBig(new(big.Int).Mul(new(big.Int).SetUint64(receipt.GasUsed), receipt.EffectiveGasPrice))
	if err != nil {
		return adapters.Paid{}, false, fmt.Errorf("%s: %w", op, err)
	}
	return adapters.Paid{
		Fee: fee, Height: height, Confirmations: head.Number.Uint64() - height + 1,
		Failed: receipt.Status != types.ReceiptStatusSuccessful,
	}, true, nil
}
