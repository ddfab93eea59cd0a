package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Fund signs the lock of a leg, and an approval before it where the token needs one. The refund is not
// signed in advance: it needs no key but the account's, and its fee is known only then.
func (a *Adapter) Fund(ctx context.Context, owner string, terms htlc.Terms, leg int) (adapters.Funding, error) {
	rec, err := a.record(terms, leg)
	if err != nil {
		return adapters.Funding{}, err
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.Funding{}, err
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	if err := a.mayFund(ctx, owner, leg, rec); err != nil {
		return adapters.Funding{}, err
	}
	p, _, err := a.market(ctx)
	if err != nil {
		return adapters.Funding{}, err
	}
	l, err := a.line(ctx)
	if err != nil {
		return adapters.Funding{}, err
	}
	nonce := l.next
	approvals, err := a.approvals(ctx, rec, p, &nonce)
	if err != nil {
		return adapters.Funding{}, err
	}
	limit := costsOf(rec.leg.Token).fund.limit
	if len(approvals) == 0 {
		limit = a.estimate(ctx, ethereum.CallMsg{
			From: rec.leg.Funder, To: &a.deployment, Value: rec.value(), Data: rec.fundData(),
		}, limit)
	}
	lock, err := a.sign(types.DynamicFeeTx{
		Nonce: nonce, GasTipCap: p.tip, GasFeeCap: p.cap, Gas: limit, To: &a.deployment, Value: rec.value(), Data: rec.fundData(),
	}, "")
	if err != nil {
		return adapters.Funding{}, err
	}
	return adapters.Funding{Txs: append(approvals, lock), Lock: len(approvals)}, nil
}

// mayFund checks that lane and coins are the owner's and that the chain would accept the lock.
func (a *Adapter) mayFund(ctx context.Context, owner string, leg int, rec record) error {
	op := fmt.Sprintf("fund leg %d of %s", leg, owner)
	if rec.leg.Funder != a.account.Address() {
		return mismatch(op, "the payer %s is not our account", rec.leg.Funder)
	}
	reserved, err := a.reservation(ctx, owner, leg)
	if err != nil {
		return err
	}
	if reserved == nil || reserved.Lane != rec.leg.Lane || reserved.Sequence != rec.leg.Sequence ||
		reserved.Asset != a.assetOf(rec.leg.Token) || reserved.Amount.Big().Cmp(rec.leg.Amount) < 0 {
		return &adapters.Error{
			Reason: "NOT_RESERVED", Op: op, Err: adapters.ErrReserved,
			Advice: fmt.Sprintf("lane %d at sequence %d is not reserved for it", rec.leg.Lane, rec.leg.Sequence),
		}
	}
	held, err := a.slotNow(ctx, rec)
	if err != nil {
		return err
	}
	switch {
	case held.Cmp(rec.id(a.domain).Big()) == 0:
		return &adapters.Error{Reason: "ALREADY_FUNDED", Op: op, Err: fmt.Errorf("%w: the contract is open", adapters.ErrReserved)}
	case held.Cmp(new(big.Int).SetUint64(rec.leg.Sequence)) != 0:
		return &adapters.Error{Reason: "LANE_NOT_FREE", Op: op, Err: fmt.Errorf("%w: lane %d holds %x", adapters.ErrReserved, rec.leg.Lane, held)}
	}
	return nil
}

// slotNow is the content of the record's lane at the tip.
func (a *Adapter) slotNow(ctx context.Context, rec record) (*big.Int, error) {
	raw, err := a.node.eth.StorageAt(ctx, a.deployment, rec.slotKey(), nil)
	if err != nil {
		return nil, unreachable(fmt.Sprintf("read lane %d", rec.leg.Lane), err)
	}
	return new(big.Int).SetBytes(raw), nil
}

// Redeem signs the payment to the payee. The secret goes into the bytes that are returned and nowhere
// else: checks and estimates are made with a dummy.
func (a *Adapter) Redeem(ctx context.Context, spend adapters.Spend) (adapters.Tx, error) {
	rec, err := a.record(spend.Terms, spend.Leg)
	if err != nil {
		return adapters.Tx{}, err
	}
	if !spend.Secret.Opens(rec.hash) {
		return adapters.Tx{}, mismatch(fmt.Sprintf("redeem leg %d", spend.Leg), "the secret does not open it")
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.Tx{}, err
	}
	if err := a.mustBeOpen(ctx, rec, "redeem"); err != nil {
		return adapters.Tx{}, err
	}
	limit := a.estimateRedeem(ctx, rec)
	return a.spend(ctx, htlcCode.PackRedeem(rec.leg, spend.Secret.Reveal()), limit, spend)
}

// Refund signs the payment back, once the chain's clock has reached the time lock.
func (a *Adapter) Refund(ctx context.Context, spend adapters.Spend) (adapters.Tx, error) {
	rec, err := a.record(spend.Terms, spend.Leg)
	if err != nil {
		return adapters.Tx{}, err
	}
	tip, err := a.Tip(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	if tip.Clock < int64(rec.leg.TimeLock) {
		return adapters.Tx{}, &adapters.Error{
			Reason: "TOO_EARLY", Op: fmt.Sprintf("refund leg %d at chain time %d", spend.Leg, tip.Clock), Retryable: true,
			Advice: fmt.Sprintf("the time lock opens at %d", rec.leg.TimeLock), Err: adapters.ErrTooEarly,
		}
	}
	if err := a.mustBeOpen(ctx, rec, "refund"); err != nil {
		return adapters.Tx{}, err
	}
	data := htlcCode.PackRefund(rec.leg, rec.hash)
	limit := a.estimate(ctx, ethereum.CallMsg{From: a.account.Address(), To: &a.deployment, Data: data}, costsOf(rec.leg.Token).refund.limit)
	return a.spend(ctx, data, limit, spend)
}

func (a *Adapter) mustBeOpen(ctx context.Context, rec record, verb string) error {
	held, err := a.slotNow(ctx, rec)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("%s the contract on lane %d", verb, rec.leg.Lane)
	sequence := new(big.Int).SetUint64(rec.leg.Sequence)
	switch {
	case held.Cmp(rec.id(a.domain).Big()) == 0:
		return nil
	case held.Bit(openBit) == 1 || held.Cmp(sequence) <= 0:
		return &adapters.Error{Reason: "NOT_FUNDED", Op: op, Retryable: true, Err: adapters.ErrNotFunded}
	}
	// Retryable: a reorganisation may open it again.
	return &adapters.Error{Reason: "ALREADY_SPENT", Op: op, Retryable: true, Err: adapters.ErrSpent}
}

// spend signs a redeem or refund, or returns the stored one where that still serves.
func (a *Adapter) spend(ctx context.Context, data []byte, limit uint64, spend adapters.Spend) (adapters.Tx, error) {
	a.signing.Lock()
	defer a.signing.Unlock()
	p, base, err := a.market(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	left, err := a.spendable(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	l, err := a.line(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	want, err := climb(p, base, spend.Fees, a.config.ClimbWindow, limit, left)
	if err != nil {
		return adapters.Tx{}, err
	}
	nonce, replaces := l.next, ""
	if old := spend.Replace; old != nil {
		serves, bump, err := a.stillServes(*old, l, want, base)
		if err != nil {
			return adapters.Tx{}, err
		}
		if serves {
			return *old, nil
		}
		replaces = old.ID
		if bump != nil {
			nonce, want = old.Nonce, *bump
		}
	}
	return a.sign(types.DynamicFeeTx{
		Nonce: nonce, GasTipCap: want.tip, GasFeeCap: want.cap, Gas: limit, To: &a.deployment, Value: new(big.Int), Data: data,
	}, replaces)
}

// stillServes decides on a stored spend of a contract that is still open: keep it, replace it at its
// nonce by the price returned, or sign anew at another nonce.
func (a *Adapter) stillServes(old adapters.Tx, l line, want price, base *big.Int) (bool, *price, error) {
	parsed, err := a.parse(old)
	if err != nil {
		return false, nil, err
	}
	if owner := l.owner(old.Nonce); owner == nil || owner.ID != old.ID {
		// Never announced: good as long as its nonce is the next one and its fee is of today.
		fits := owner == nil && old.Nonce == l.next && parsed.GasFeeCap().Cmp(base) > 0 && !worthBumping(parsed, want)
		return fits, nil, nil
	}
	if old.Nonce < l.mined {
		return false, nil, nil
	}
	if !worthBumping(parsed, want) {
		return true, nil, nil
	}
	// The node asks a tenth more of both. The tip still fits under the cap, as the old one did under the
	// old cap, and the cap is within the budget.
	return false, &price{tip: maxOf(want.tip, bumped(parsed.GasTipCap())), cap: want.cap}, nil
}

func worthBumping(old *types.Transaction, want price) bool {
	return want.cap.Cmp(bumped(old.GasFeeCap())) >= 0
}

// approvals are the transactions that let the deployment take the tokens. Some tokens refuse to change
// an allowance that is not zero.
func (a *Adapter) approvals(ctx context.Context, rec record, p price, nonce *uint64) ([]adapters.Tx, error) {
	if rec.native() {
		return nil, nil
	}
	allowed, err := a.tokenView(ctx, rec.leg.Token, "allowance", a.account.Address(), a.deployment)
	if err != nil {
		return nil, err
	}
	if allowed.Cmp(rec.leg.Amount) >= 0 {
		return nil, nil
	}
	amounts := []*big.Int{maxUint256()}
	if allowed.Sign() > 0 {
		amounts = []*big.Int{new(big.Int), maxUint256()}
	}
	var out []adapters.Tx
	for _, amount := range amounts {
		data, err := tokenABI.Pack("approve", a.deployment, amount)
		if err != nil {
			return nil, fmt.Errorf("encode an approval: %w", err)
		}
		tx, err := a.sign(types.DynamicFeeTx{
			Nonce: *nonce, GasTipCap: p.tip, GasFeeCap: p.cap, Gas: approveGas, To: ptr(rec.leg.Token), Value: new(big.Int), Data: data,
		}, "")
		if err != nil {
			return nil, err
		}
		out = append(out, tx)
		*nonce++
	}
	return out, nil
}

// estimate is the gas of a call with headroom, or the given limit where the node cannot say.
func (a *Adapter) estimate(ctx context.Context, msg ethereum.CallMsg, limit uint64) uint64 {
	units, err := a.node.eth.EstimateGas(ctx, msg)
	if err != nil {
		a.log.Debug("gas is not estimated", "error", err)
		return limit
	}
	return headroom(units)
}

func ptr(a common.Address) *common.Address { return &a }
