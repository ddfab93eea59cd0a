package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
)

// bookColumns are the columns of the books. Amounts are in whole coins, and of
// what moved: a swap that was refunded gave nothing, and has fees all the same.
var bookColumns = []string{
	"swap_id", "offer_id", "role", "state", "outcome", "created_at", "closed_at",
	"gave_amount", "gave_symbol", "gave_asset", "received_amount", "received_symbol", "received_asset",
	"gave_chain_fees", "gave_chain_fee_coin", "received_chain_fees", "received_chain_fee_coin", "fees_final",
}

// writeBooks writes one row for each swap.
func writeBooks(out io.Writer, k assets, swaps []*sdk.Swap) error {
	w := csv.NewWriter(out)
	_ = w.Write(bookColumns) // told by Error
	for _, s := range swaps {
		row, err := k.bookRow(s)
		if err != nil {
			return fmt.Errorf("swap %s: %w", idOf(s), err)
		}
		_ = w.Write(row)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func (k assets) bookRow(s *sdk.Swap) ([]string, error) {
	outcome := ""
	if s.GetPhase() == sdk.PhaseClosed {
		outcome = word(s.GetOutcome().String(), "OUTCOME_")
	}
	row := []string{
		s.GetId(), s.GetOfferId(), word(s.GetRole().String(), "ROLE_"), word(s.GetPhase().String(), "PHASE_"), outcome,
		bookTime(s.GetCreatedAt()), bookTime(s.GetClosedAt()),
	}
	var fees []string
	for _, side := range []struct {
		role   sdk.LegRole
		amount *sdk.AssetAmount
	}{{sdk.LegRolePayer, s.GetSends()}, {sdk.LegRolePayee, s.GetReceives()}} {
		moved := &sdk.AssetAmount{Asset: side.amount.GetAsset(), Amount: "0"}
		leg := legOf(s, side.role)
		if leg.GetPaid() {
			moved.Amount = side.amount.GetAmount()
		}
		units, symbol := k.whole(moved)
		row = append(row, units, symbol, moved.GetAsset())
		paid, err := feesOf(s, leg)
		if err != nil {
			return nil, err
		}
		units, symbol = "0", k.feeCoin(chainOf(side.amount))
		if paid != nil {
			units, symbol = k.whole(paid)
		}
		fees = append(fees, units, symbol)
	}
	return append(append(row, fees...), strconv.FormatBool(feesFinal(s))), nil
}

func bookTime(t *sdk.Timestamp) string {
	if at := sdk.Time(t); !at.IsZero() {
		return at.UTC().Format(time.RFC3339)
	}
	return ""
}

func legOf(s *sdk.Swap, role sdk.LegRole) *sdk.Leg {
	for _, leg := range s.GetLegs() {
		if leg.GetRole() == role {
			return leg
		}
	}
	return nil
}

// feesOf sums what a leg has cost; nil where nothing was paid.
func feesOf(s *sdk.Swap, leg *sdk.Leg) (*sdk.AssetAmount, error) {
	if leg == nil {
		return nil, nil
	}
	var sum *sdk.AssetAmount
	total := new(big.Int)
	for _, f := range s.GetFeesPaid() {
		if f.GetLeg() != leg.GetIndex() {
			continue
		}
		fee, ok := new(big.Int).SetString(f.GetFee().GetAmount(), 10)
		if !ok || sum != nil && sum.GetAsset() != f.GetFee().GetAsset() {
			return nil, fmt.Errorf("the node tells a fee of %q", f.GetFee())
		}
		sum = &sdk.AssetAmount{Asset: f.GetFee().GetAsset(), Amount: total.Add(total, fee).String()}
	}
	return sum, nil
}

// whole writes an amount in whole coins, or in base units where the node does
// not list the asset any more.
func (k assets) whole(a *sdk.AssetAmount) (units, symbol string) {
	asset := k.find(a.GetAsset())
	text, err := sdk.FormatUnits(a.GetAmount(), asset.GetDecimals())
	if err != nil || asset.GetSymbol() == "" {
		return a.GetAmount(), "base units"
	}
	return text, asset.GetSymbol()
}

// feeCoin is the symbol of the coin that a chain takes fees in.
func (k assets) feeCoin(chain string) string {
	for _, c := range k.chains {
		for _, asset := range c.GetAssets() {
			if c.GetId() == chain && asset.GetFeeCoin() {
				return asset.GetSymbol()
			}
		}
	}
	return ""
}
