package evm

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Address receives every asset of the chain.
func (a *Adapter) Address(_ context.Context, asset htlc.AssetID) (string, error) {
	if _, err := a.token(asset); err != nil {
		return "", err
	}
	return a.account.Address().Hex(), nil
}

// Balances of the native coin and of every listed token.
func (a *Adapter) Balances(ctx context.Context) ([]adapters.Balance, error) {
	if err := a.node.verify(ctx); err != nil {
		return nil, err
	}
	v, err := a.look(ctx, 0)
	if err != nil {
		return nil, err
	}
	coins := []common.Address{{}}
	for token := range a.tokens {
		coins = append(coins, token)
	}
	slices.SortFunc(coins, common.Address.Cmp)
	var out []adapters.Balance
	for _, coin := range coins {
		b, err := a.balance(ctx, v, coin)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (a *Adapter) balance(ctx context.Context, v view, coin common.Address) (adapters.Balance, error) {
	total, err := a.balanceOf(ctx, coin)
	if err != nil {
		return adapters.Balance{}, err
	}
	b := adapters.Balance{Asset: a.assetOf(coin)}
	held := a.held(v, b.Asset, "")
	if held.Cmp(total) > 0 {
		held = total
	}
	if b.Reserved, err = htlc.AmountFromBig(held); err == nil {
		b.Spendable, err = htlc.AmountFromBig(new(big.Int).Sub(total, held))
	}
	if err != nil {
		return adapters.Balance{}, fmt.Errorf("balance of %s: %w", b.Asset, err)
	}
	return b, nil
}

// Withdraw signs a payment of what is not reserved.
func (a *Adapter) Withdraw(ctx context.Context, w adapters.Withdrawal) (adapters.Tx, error) {
	token, err := a.token(w.Asset)
	if err != nil {
		return adapters.Tx{}, err
	}
	op := fmt.Sprintf("withdraw %s of %s", w.Amount, w.Asset)
	if w.Parts != 0 {
		return adapters.Tx{}, &adapters.Error{
			Reason: "NOTHING_TO_SPLIT", Op: op, Advice: "any number of swaps can be paid out of one balance",
			Err: fmt.Errorf("%w: an account has a balance and no coins", adapters.ErrMismatch),
		}
	}
	if !strings.HasPrefix(w.To, "0x") || !common.IsHexAddress(w.To) {
		return adapters.Tx{}, badAddress(op, fmt.Sprintf("%q", w.To))
	}
	to := common.HexToAddress(w.To)
	if w.To != to.Hex() && !monocase(w.To) {
		return adapters.Tx{}, badAddress(op, fmt.Sprintf("%q has a wrong checksum", w.To))
	}
	if to == (common.Address{}) || to == a.deployment || to == token || w.Amount.IsZero() {
		return adapters.Tx{}, badAddress(op, "nobody could spend it there")
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.Tx{}, err
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	inner := types.DynamicFeeTx{To: &to, Value: w.Amount.Big()}
	fallback := uint64(payGas)
	if token != (common.Address{}) {
		inner.To, inner.Value = &token, new(big.Int)
		fallback = tokenCosts.fund.limit
		if inner.Data, err = tokenABI.Pack("transfer", to, w.Amount.Big()); err != nil {
			return adapters.Tx{}, fmt.Errorf("encode a transfer: %w", err)
		}
	}
	inner.Gas = a.estimate(ctx, ethereum.CallMsg{From: a.account.Address(), To: inner.To, Value: inner.Value, Data: inner.Data}, fallback)
	return a.pay(ctx, inner, token, w)
}

func (a *Adapter) pay(ctx context.Context, inner types.DynamicFeeTx, token common.Address, w adapters.Withdrawal) (adapters.Tx, error) {
	p, base, err := a.market(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	left, err := a.spendable(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	if p, err = a.climb(p, base, adapters.FeePolicy{Budget: w.MaxFee}, limits{units: inner.Gas, left: left}); err != nil {
		return adapters.Tx{}, err
	}
	v, err := a.look(ctx, 0)
	if err != nil {
		return adapters.Tx{}, err
	}
	if err := a.checkMeans(ctx, v, "", token, w.Amount.Big(), times(inner.Gas, p.cap)); err != nil {
		return adapters.Tx{}, err
	}
	l, err := a.line(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	inner.Nonce, inner.GasTipCap, inner.GasFeeCap = l.next, p.tip, p.cap
	return a.sign(ctx, inner, "")
}

// monocase reports whether an address is written without a checksum.
func monocase(text string) bool {
	lower, upper := false, false
	for _, r := range text[2:] {
		lower = lower || r >= 'a' && r <= 'f'
		upper = upper || r >= 'A' && r <= 'F'
	}
	return !lower || !upper
}
