package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// price of a unit of gas: what the sender pays at most, and the part of it for the block's maker.
type price struct{ tip, cap *big.Int }

// gas of one operation. Expected is what quotes use, limit what is signed where the node cannot
// estimate. Unused gas is not charged.
type gas struct{ expected, limit uint64 }

// costs are the operations on one kind of asset.
type costs struct{ fund, redeem, refund gas }

// Expected figures are those of the deployment's gas test, rounded up; tokens are given room for more
// than a plain one needs, and their funding for an approval.
var (
	nativeCosts = costs{fund: gas{48_000, 150_000}, redeem: gas{45_000, 150_000}, refund: gas{40_000, 150_000}}
	tokenCosts  = costs{fund: gas{130_000, 300_000}, redeem: gas{75_000, 300_000}, refund: gas{75_000, 300_000}}
)

const (
	approveGas = 100_000
	payGas     = 21_000
)

// A replacement has to pay a tenth more, and a bit because of rounding.
const (
	bumpNumerator   = 1125
	bumpDenominator = 1000
)

func costsOf(token common.Address) costs {
	if token == (common.Address{}) {
		return nativeCosts
	}
	return tokenCosts
}

// relayCap is the most that a transaction may offer, in wei: nodes refuse what is beyond a cap of their own,
// one coin by default, and a transaction that is refused redeems nothing.
var relayCap = new(big.Int).Div(new(big.Int).Mul(big.NewInt(9), big.NewInt(params.Ether)), big.NewInt(10))

// headroom is the part added to an estimate and to held-back fees.
func headroom(units uint64) uint64 { return units + units*3/10 }

func times(units uint64, perUnit *big.Int) *big.Int {
	return new(big.Int).Mul(new(big.Int).SetUint64(units), perUnit)
}

// market is the price that gets a transaction mined soon: twice the base fee stays enough over several
// full blocks. base is the present base fee.
func (a *Adapter) market(ctx context.Context) (p price, base *big.Int, err error) {
	head, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return price{}, nil, unreachable("read the base fee", err)
	}
	base = head.BaseFee
	if base == nil {
		base = new(big.Int)
	}
	tip, err := a.node.eth.SuggestGasTipCap(ctx)
	if err != nil {
		return price{}, nil, unreachable("ask for a tip", err)
	}
	return price{tip: tip, cap: new(big.Int).Add(new(big.Int).Lsh(base, 1), tip)}, base, nil
}

// limits of what a transaction may offer: what the account can pay, and what the leg is worth where it is
// the chain's own coin, else nil or zero.
type limits struct {
	units       uint64
	left, worth *big.Int
}

// climb raises the market's price as the deadline comes nearer, up to what the budget allows: it doubles at
// equal intervals of the window and is at the top an eighth of it before the deadline. The tip rises by as much
// as the cap. Above the budget goes only whoever must, and then no higher than the market.
func climb(p price, base *big.Int, policy adapters.FeePolicy, window int64, lim limits) (price, error) {
	units := new(big.Int).SetUint64(lim.units)
	hard := minOf(lim.left, relayCap)
	if lim.worth != nil && lim.worth.Sign() > 0 {
		hard = minOf(hard, lim.worth)
	}
	top := new(big.Int).Div(minOf(lim.left, relayCap), units)
	budgeted := !policy.Budget.IsZero()
	if budgeted {
		if most := new(big.Int).Div(policy.Budget.Big(), units); most.Cmp(top) < 0 {
			top = most
		}
	}
	out := price{tip: new(big.Int).Set(p.tip), cap: new(big.Int).Set(p.cap)}
	if policy.Window > 0 {
		window = policy.Window
	}
	if budgeted && policy.Deadline > 0 && window > 0 && top.Cmp(p.cap) > 0 {
		out.cap = doubling(p.cap, top, policy.Deadline-policy.Now, window)
		out.tip.Add(out.tip, new(big.Int).Sub(out.cap, p.cap))
	}
	if policy.Must {
		top = maxOf(top, new(big.Int).Div(hard, units))
	}
	if out.cap.Cmp(top) > 0 {
		out.cap = top
	}
	if out.cap.Cmp(base) <= 0 {
		return price{}, &adapters.Error{
			Reason: "BUDGET_TOO_SMALL", Op: fmt.Sprintf("price %d gas at a base fee of %s wei", lim.units, base), Retryable: true,
			Advice: fmt.Sprintf("budget and balance allow %s wei per gas", top), Err: adapters.ErrBudget,
		}
	}
	out.tip = minOf(out.tip, out.cap)
	return out, nil
}

// climb says so where a price goes above the budget.
func (a *Adapter) climb(p price, base *big.Int, policy adapters.FeePolicy, lim limits) (price, error) {
	out, err := climb(p, base, policy, a.config.ClimbWindow, lim)
	if budget := policy.Budget.Big(); err == nil && budget.Sign() > 0 && times(lim.units, out.cap).Cmp(budget) > 0 {
		a.log.Warn("a fee goes above its budget, because the leg may be lost otherwise",
			"budget", policy.Budget.String(), "most", times(lim.units, out.cap).String())
	}
	return out, err
}

func maxOf(a, b *big.Int) *big.Int {
	if a.Cmp(b) >= 0 {
		return a
	}
	return b
}

func minOf(a, b *big.Int) *big.Int {
	if a.Cmp(b) <= 0 {
		return a
	}
	return b
}

func bumped(v *big.Int) *big.Int {
	n := new(big.Int).Mul(v, big.NewInt(bumpNumerator))
	n.Add(n, big.NewInt(bumpDenominator-1))
	return n.Div(n, big.NewInt(bumpDenominator))
}

// Quote is what a leg of the asset costs.
func (a *Adapter) Quote(ctx context.Context, asset htlc.AssetID) (adapters.FeeQuote, error) {
	token, err := a.token(asset)
	if err != nil {
		return adapters.FeeQuote{}, err
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.FeeQuote{}, err
	}
	p, base, err := a.market(ctx)
	if err != nil {
		return adapters.FeeQuote{}, err
	}
	now := new(big.Int).Add(base, p.tip)
	c := costsOf(token)
	q := adapters.FeeQuote{Coin: adapters.AssetIDs{Asset: asset, FeeCoin: a.native}}
	stressRedeem, stressRefund := a.stressRedeem(token), times(headroom(c.refund.expected), a.config.StressFee)
	for _, field := range []struct {
		to   *htlc.Amount
		from *big.Int
	}{
		{&q.Fund, times(c.fund.expected, now)}, {&q.Redeem, times(c.redeem.expected, now)},
		{&q.Refund, times(c.refund.expected, now)}, {&q.StressRedeem, stressRedeem}, {&q.StressRefund, stressRefund},
	} {
		if *field.to, err = htlc.AmountFromBig(field.from); err != nil {
			return adapters.FeeQuote{}, fmt.Errorf("quote %s: %w", asset, err)
		}
	}
	q.Min, q.Max, err = a.bounds(token)
	return q, err
}

// bounds of a leg. A token's fees are paid in another coin, so its smallest amount is the operator's word.
func (a *Adapter) bounds(token common.Address) (lo, hi htlc.Amount, err error) {
	if token == (common.Address{}) {
		hi = a.config.MaxAmount
		c := costsOf(token)
		fees := times(headroom(c.redeem.expected+c.refund.expected), a.config.StressFee)
		smallest := new(big.Int).Mul(fees, big.NewInt(100))
		lo, err = htlc.AmountFromBig(smallest.Div(smallest, new(big.Int).SetUint64(a.config.MinFeePercent)))
	} else {
		lo, hi = a.tokens[token].Min, a.tokens[token].Max
	}
	if hi.IsZero() {
		for i := range hi {
			hi[i] = 0xff
		}
	}
	return lo, hi, err
}

// checkAmount refuses a leg that is outside the bounds.
func (a *Adapter) checkAmount(token common.Address, amount htlc.Amount) error {
	lo, hi, err := a.bounds(token)
	switch {
	case err != nil:
		return fmt.Errorf("compute the smallest amount: %w", err)
	case amount.IsZero() || amount.Cmp(lo) < 0:
		return &adapters.Error{
			Reason: "DUST_AMOUNT", Op: fmt.Sprintf("lock %s of %s", amount, a.assetOf(token)),
			Err: fmt.Errorf("%w: at least %s", adapters.ErrDust, lo),
		}
	case amount.Cmp(hi) > 0:
		return &adapters.Error{
			Reason: "AMOUNT_TOO_LARGE", Op: fmt.Sprintf("lock %s of %s", amount, a.assetOf(token)),
			Err: fmt.Errorf("%w: at most %s", adapters.ErrAmountTooLarge, hi),
		}
	}
	return nil
}
