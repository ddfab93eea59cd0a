package node

import (
	"context"
	"fmt"
	"math/big"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
)

// permille is a share of an amount in thousandths, rounded down.
func permille(a htlc.Amount, share int) htlc.Amount {
	v := new(big.Int).Mul(a.Big(), big.NewInt(int64(share)))
	out, err := htlc.AmountFromBig(v.Div(v, big.NewInt(1000)))
	if err != nil {
		return a // a share of an amount is never larger than the type
	}
	return out
}

// stressBudgets asks for the budgets of legs whose asset is not the coin that
// fees are paid in: redeem and refund at the stress rate.
func stressBudgets(ctx context.Context, c chain) (map[htlc.AssetID]htlc.Amount, error) {
	out := map[htlc.AssetID]htlc.Amount{}
	for _, token := range c.Tokens {
		asset := htlc.AssetID(token.Asset)
		if !c.Fees.BudgetMinimum.IsZero() {
			out[asset] = c.Fees.BudgetMinimum
			continue
		}
		quote, err := c.adapter.Quote(ctx, asset)
		if err != nil {
			return nil, fmt.Errorf("quote %s: %w", asset, err)
		}
		budget, err := quote.StressRedeem.Add(quote.StressRefund)
		if err != nil {
			return nil, fmt.Errorf("quote %s: %w", asset, err)
		}
		out[asset] = budget
	}
	return out, nil
}

// climbWindow is how many seconds before its deadline a redeem's fee begins
// to climb towards the budget: where nothing is said, as long as a redeem may
// take to be buried.
func climbWindow(c config.Chain) int64 {
	if c.Fees.ClimbWindow > 0 {
		return int64(c.Fees.ClimbWindow.Seconds())
	}
	return int64(c.Timing.BuryRedeem.Seconds())
}
