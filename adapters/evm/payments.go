package evm

import (
	"bytes"
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// payment reports whether a transaction moves coins out of the wallet. It is known by its id alone, since two
// that look alike are two payments.
func (a *Adapter) payment(tx *types.Transaction) bool {
	return !a.idle(tx) && len(a.intents(tx)) == 0 && !bytes.HasPrefix(tx.Data(), tokenABI.Methods["approve"].ID)
}

// paying sums what announced payments will take that are in no block yet, by coin.
func (a *Adapter) paying(ctx context.Context, at common.Hash) (map[common.Address]*big.Int, error) {
	mined, err := a.node.eth.NonceAtHash(ctx, a.account.Address(), at)
	if err != nil {
		return nil, unreachable("read the account's nonce", err)
	}
	owned, err := a.journal.Announced(ctx, a.config.Chain, a.accountName(), mined)
	if err != nil {
		return nil, fmt.Errorf("read the nonce journal: %w", err)
	}
	sums := map[common.Address]*big.Int{}
	add := func(coin common.Address, amount *big.Int) {
		if sums[coin] == nil {
			sums[coin] = new(big.Int)
		}
		sums[coin].Add(sums[coin], amount)
	}
	for _, stored := range owned {
		tx, err := a.parse(stored)
		if err != nil {
			return nil, err
		}
		if !a.payment(tx) {
			continue
		}
		add(common.Address{}, tx.Cost())
		if amount := transferred(tx.Data()); amount != nil {
			add(*tx.To(), amount)
		}
	}
	return sums, nil
}

// transferred is the amount of a token's transfer, nil for other calls.
func transferred(data []byte) *big.Int {
	method := tokenABI.Methods["transfer"]
	if !bytes.HasPrefix(data, method.ID) {
		return nil
	}
	values, err := method.Inputs.Unpack(data[len(method.ID):])
	if err != nil {
		return nil
	}
	amount, _ := values[1].(*big.Int)
	return amount
}

// outcomeOfPayment is nil where the payment itself used up its nonce. That something else did counts only once
// it is buried: the payment was handed out, and a block that is undone lets it in again.
func (a *Adapter) outcomeOfPayment(ctx context.Context, head *types.Header, tx *types.Transaction, op string) error {
	user, err := a.userOf(ctx, head, tx.Nonce())
	if err != nil || user.Hash() == tx.Hash() {
		return err
	}
	height, above := head.Number.Uint64(), a.config.Bury-1
	if height < above {
		return paymentDisplaced(op, user.Hash().Hex())
	}
	deep, err := a.node.header(ctx, height-above)
	if err != nil || deep == nil {
		return unreachable("read the buried block", err)
	}
	nonce, err := a.node.eth.NonceAtHash(ctx, a.account.Address(), deep.Hash())
	if err != nil {
		return unreachable("read the buried nonce", err)
	}
	if nonce <= tx.Nonce() {
		return paymentDisplaced(op, user.Hash().Hex())
	}
	if user, err = a.userOf(ctx, deep, tx.Nonce()); err != nil || user.Hash() == tx.Hash() {
		return err
	}
	return nonceTaken(op)
}
