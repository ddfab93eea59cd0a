package evm

import "math/big"

// capShare: the last part of the climb's window that is spent at the top, so that the most which may be paid has
// some blocks to confirm in.
const capShare = 8

// doubling is the price with so much time left: from rate at the beginning of the window to limit when an eighth
// of it is left. A straight line would offer half of the budget in the middle of the window, whatever the market
// asks for. Between two doublings it is a straight line, so that it needs no fractions.
func doubling(rate, limit *big.Int, left, window int64) *big.Int {
	rate = maxOf(rate, big.NewInt(1))
	if rate.Cmp(limit) >= 0 {
		return new(big.Int).Set(limit)
	}
	climbing := max(window-window/capShare, 1)
	passed := min(max(window-left, 0), climbing)
	most := new(big.Int).Sub(limit, big.NewInt(1))
	doublings := int64(most.Div(most, rate).BitLen()) // the least with rate<<doublings >= limit
	step, rest := new(big.Int).QuoRem(
		new(big.Int).Mul(big.NewInt(doublings), big.NewInt(passed)), big.NewInt(climbing), new(big.Int))
	after := func(steps int64) *big.Int {
		return minOf(new(big.Int).Lsh(rate, uint(min(steps, doublings))), limit)
	}
	low, high := after(step.Int64()), after(step.Int64()+1)
	rise := new(big.Int).Sub(high, low)
	rise.Mul(rise, rest).Div(rise, big.NewInt(climbing))
	return rise.Add(rise, low)
}
