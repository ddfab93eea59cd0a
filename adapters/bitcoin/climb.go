package bitcoin

import (
	"fmt"
	"math/bits"

	"github.com/kofo-network/kofo/adapters"
)

// capShare: the last part of the climb's window that is spent at the cap, so
// that the most which may be paid has some blocks to confirm in.
const capShare = 8

// climb is the feerate of a spend: the market's while the deadline is far, and
// from there up to what the budget buys, which is reached an eighth of the
// window before the deadline. It doubles at equal intervals: where a straight
// line would pay half of the budget in the middle of the window, whatever the
// market asks for, this pays the mean of market and cap by their ratio, and
// still comes past every feerate on its way. most is the most that the spend can pay at all. The fee
// stays within the budget, but for a spend that must not wait: it pays the
// market's all the same.
func climb(market, size uint64, policy adapters.FeePolicy, window, most int64) (uint64, error) {
	top, budgeted := most, !policy.Budget.IsZero()
	if budget, fits := policy.Budget.Uint64(); budgeted && fits && budget < uint64(max(top, 0)) {
		top = int64(budget)
	}
	limit, least := min(rateOf(top, size), maxFeeRate), uint64(0)
	if policy.Must {
		least = min(market, rateOf(most, size), maxFeeRate)
	}
	if max(limit, least) == 0 {
		return 0, overBudget(size, limit, market)
	}
	rate := min(market, limit)
	if policy.Window > 0 {
		window = policy.Window
	}
	if budgeted && policy.Deadline > 0 && window > 0 {
		rate = doubling(rate, limit, policy.Deadline-policy.Now, window)
	}
	return max(rate, least), nil
}

// doubling is the feerate with so much time left: from rate at the beginning of
// the window to limit when an eighth of it is left. Between two doublings it is
// a straight line, so that it needs no fractions.
func doubling(rate, limit uint64, left, window int64) uint64 {
	if rate == 0 || rate >= limit {
		return limit
	}
	climbing := max(window-window/capShare, 1)
	passed := uint64(min(max(window-left, 0), climbing))
	doublings := uint64(bits.Len64((limit - 1) / rate)) // the least with rate<<doublings >= limit
	step, rest := mulMod(doublings, passed, uint64(climbing))
	low, high := min(rate<<step, limit), min(rate<<min(step+1, doublings), limit)
	return low + mulDiv(high-low, rest, uint64(climbing))
}

// mulMod is a*b/c and its remainder.
func mulMod(a, b, c uint64) (quotient, remainder uint64) {
	high, low := bits.Mul64(a, b)
	return bits.Div64(high, low, c)
}

// mulDiv is a*b/c where c >= b, so that it cannot overflow.
func mulDiv(a, b, c uint64) uint64 {
	quotient, _ := mulMod(a, b, c)
	return quotient
}

// overBudget: what the budget buys is less than what the node wants.
func overBudget(size, limit, wants uint64) error {
	return &adapters.Error{
		Reason: "BUDGET_TOO_SMALL", Op: fmt.Sprintf("price a spend of %d vbytes", size), Retryable: true,
		Advice: fmt.Sprintf("budget and amount allow %d satoshi for 1,000 vbytes, the node wants %d; raise the budget or wait", limit, wants),
		Err:    adapters.ErrBudget,
	}
}

// relays is nil where the node takes a feerate now.
func (p prices) relays(rate, size uint64) error {
	if rate < p.relay {
		return overBudget(size, rate, p.relay)
	}
	return nil
}

// worthwhile is the least fee for which a spend is replaced: the replacement
// pays for its own relay (BIP-125), and noise of the market moves nothing. The
// last step up to the cap is always made.
func worthwhile(last, fee, top int64, step uint64, size uint64) int64 {
	least := last + feeFor(step, size)
	if fee >= top {
		return least
	}
	return max(least, last+last/noiseShare)
}

// noiseShare: a rise by less than this part of a fee is noise.
const noiseShare = 8
