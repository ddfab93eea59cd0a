package evm

import (
	"context"
	"errors"
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
	l, err := a.line(ctx)
	if err != nil {
		return adapters.Funding{}, err
	}
	if err := a.mayFund(ctx, l, owner, leg, rec, terms.Legs[leg].FundBy); err != nil {
		return adapters.Funding{}, err
	}
	p, _, err := a.market(ctx)
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
	lock, err := a.sign(ctx, types.DynamicFeeTx{
		Nonce: nonce, GasTipCap: p.tip, GasFeeCap: p.cap, Gas: limit, To: &a.deployment, Value: rec.value(), Data: rec.fundData(),
	}, "")
	if err != nil {
		return adapters.Funding{}, err
	}
	return adapters.Funding{Txs: append(approvals, lock), Lock: len(approvals)}, nil
}

// mayFund checks that lane and coins are the owner's and that the chain would accept the lock, and writes
// down until when it may come.
func (a *Adapter) mayFund(ctx context.Context, l line, owner string, leg int, rec record, notAfter int64) error {
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
	if l.late(*reserved) {
		return &adapters.Error{
			Reason: "TOO_LATE_TO_FUND", Op: op, Err: adapters.ErrReserved,
			Advice: fmt.Sprintf("the chain's time is %d, the lane is kept for fundings until %d", l.head.Time, reserved.NotAfter),
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
	if reserved.NotAfter == 0 && notAfter != 0 {
		reserved.NotAfter = notAfter
		if err := a.lanes.PutLane(ctx, *reserved); err != nil {
			return fmt.Errorf("%s: write down until when: %w", op, err)
		}
	}
	return nil
}

// slotNow is the content of the record's lane at the tip. Of several back ends the one that is asked must
// not hold a spend back by its word alone.
func (a *Adapter) slotNow(ctx context.Context, rec record) (*big.Int, error) {
	if a.node.backs.Size() > 1 {
		ctx, _ = a.node.backs.Stay(ctx)
		head, err := a.node.eth.HeaderByNumber(ctx, nil)
		if err != nil {
			return nil, unreachable(fmt.Sprintf("read lane %d", rec.leg.Lane), err)
		}
		return a.node.wordAt(ctx, a.deployment, rec.slotKey(), head)
	}
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
	if err := a.mustBePayable(ctx, rec, spend); err != nil {
		return adapters.Tx{}, err
	}
	limit := a.estimateRedeem(ctx, rec)
	return a.spend(ctx, a.call(htlcCode.PackRedeem(rec.leg, spend.Secret.Reveal()), limit), spend, rec.value())
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
	if err := a.mustPay(ctx, data, fmt.Sprintf("refund leg %d", spend.Leg)); err != nil {
		return adapters.Tx{}, err
	}
	limit := a.estimate(ctx, ethereum.CallMsg{From: a.account.Address(), To: &a.deployment, Data: data}, costsOf(rec.leg.Token).refund.limit)
	return a.spend(ctx, a.call(data, limit), spend, rec.value())
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

// spend signs a redeem or refund, or returns the stored one where that still serves. Where the account's
// other transactions leave too little for it, those before it are looked at first: what the node refuses,
// or what must not come any more, then costs nothing.
func (a *Adapter) spend(ctx context.Context, inner types.DynamicFeeTx, spend adapters.Spend, worth *big.Int) (adapters.Tx, error) {
	a.signing.Lock()
	defer a.signing.Unlock()
	p, base, err := a.market(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	l, err := a.line(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	tx, err := a.spendAt(ctx, l, p, base, inner, spend, worth)
	if !errors.Is(err, adapters.ErrBudget) || len(l.owned) == 0 {
		return tx, err
	}
	a.clear(ctx, l, l.next, p)
	if l, err = a.line(ctx); err != nil {
		return adapters.Tx{}, err
	}
	return a.spendAt(ctx, l, p, base, inner, spend, worth)
}

func (a *Adapter) spendAt(
	ctx context.Context, l line, p price, base *big.Int, inner types.DynamicFeeTx, spend adapters.Spend, worth *big.Int,
) (adapters.Tx, error) {
	nonce, replaces := a.seat(l)
	var stored *standing
	if old := spend.Replace; old != nil {
		var err error
		if stored, err = a.standing(l, *old); err != nil {
			return adapters.Tx{}, err
		}
		if stored != nil {
			nonce, replaces = old.Nonce, stored.replaces
		} else if replaces == "" {
			replaces = old.ID
		}
	}
	left, err := a.reach(ctx, l, nonce, inner.Gas, p)
	if err != nil {
		return adapters.Tx{}, err
	}
	want, err := a.climb(p, base, spend.Fees, limits{units: inner.Gas, left: left, worth: worth})
	if err != nil {
		return adapters.Tx{}, err
	}
	if stored != nil {
		if stored.serves(want, base) {
			return stored.tx, nil
		}
	}
	if want, err = a.outbid(l.owner(nonce), want, inner.Gas, spend.Fees, left); err != nil {
		return adapters.Tx{}, err
	}
	inner.Nonce, inner.GasTipCap, inner.GasFeeCap = nonce, want.tip, want.cap
	return a.sign(ctx, inner, replaces)
}

// outbid raises a price over that of what owns the nonce, if anything does: a pool that has it takes nothing
// less, and where our node refuses it, others may have it. Where that is more than may be paid, the price
// stays what it is.
func (a *Adapter) outbid(owner *adapters.Tx, want price, units uint64, policy adapters.FeePolicy, left *big.Int) (price, error) {
	if owner == nil {
		return want, nil
	}
	held, err := a.parse(*owner)
	if err != nil {
		return price{}, err
	}
	most := minOf(left, relayCap)
	if !policy.Must && !policy.Budget.IsZero() {
		most = minOf(most, policy.Budget.Big())
	}
	if p := over(held, want, units); times(units, p.cap).Cmp(most) <= 0 {
		return p, nil
	}
	return want, nil
}

// call is a call of the deployment without coins.
func (a *Adapter) call(data []byte, limit uint64) types.DynamicFeeTx {
	return types.DynamicFeeTx{Gas: limit, To: &a.deployment, Value: new(big.Int), Data: data}
}

// standing is what became of a stored spend of a contract that is still open.
type standing struct {
	tx        adapters.Tx // what does the work now
	parsed    *types.Transaction
	replaces  string // what another at its nonce has to name
	announced bool
	refused   bool
}

// standing is nil where the stored spend can do nothing any more and another nonce is needed.
func (a *Adapter) standing(l line, old adapters.Tx) (*standing, error) {
	parsed, err := a.parse(old)
	if err != nil {
		return nil, err
	}
	s := &standing{tx: old, parsed: parsed, replaces: old.ID, refused: a.refused[old.ID]}
	owner := l.owner(old.Nonce)
	switch {
	case old.Nonce < l.mined:
		return nil, nil
	case owner == nil:
		// Never announced: good as long as its nonce is the next one.
		if old.Nonce != l.next {
			return nil, nil
		}
		return s, nil
	case owner.ID == old.ID:
		s.announced = true
		return s, nil
	}
	held, err := a.parse(*owner)
	if err != nil {
		return nil, err
	}
	s.replaces = owner.ID
	switch {
	case sameAct(held, parsed):
		s.announced = true
		if old.Replaces == owner.ID && worthBumping(held, priceOf(parsed)) {
			return s, nil // signed over the owner, and not announced yet
		}
		// Signed again for more, because something after it had to move.
		s.tx, s.parsed, s.refused = *owner, held, a.refused[owner.ID]
		s.tx.Replaces = old.ID
		return s, nil
	case old.Replaces == owner.ID && a.refused[owner.ID]:
		return s, nil
	}
	return nil, nil
}

// serves reports whether there is no need to sign another at the price wanted.
func (s *standing) serves(want price, base *big.Int) bool {
	if s.refused || worthBumping(s.parsed, want) {
		return false
	}
	return s.announced || s.parsed.GasFeeCap().Cmp(base) > 0
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
		tx, err := a.sign(ctx, types.DynamicFeeTx{
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
