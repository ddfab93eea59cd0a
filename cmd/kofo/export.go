package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kofo-network/kofo/api/sdk"
)

// exportColumns are those of a swap's CSV: one row for each fee, and one for
// each sum. Amounts are whole coins.
var exportColumns = []string{
	"swap_id", "row", "leg", "purpose", "chain", "txid", "height", "time", "amount", "symbol", "asset", "final",
}

func (a *app) exportCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "export ID", Short: "Print a swap's whole history and everything that it has cost", Args: args(1, 1),
		Long: `export prints everything that is known of a swap. As JSON: the swap, what
happened to it, each fee with its transaction, and the sums. As CSV: one row for
each amount that moved, for each fee and for each sum, with times in UTC and
amounts in whole coins. The id may be its beginning.`,
		Example: "  kofo swap export 3fa8c1d2e4 --format csv > swap.csv\n  kofo swap export 3fa8c1d2e4 --format json",
		RunE: func(cmd *cobra.Command, given []string) error {
			if format != "json" && format != "csv" || format == "csv" && a.flags.json {
				return usage("--format is json or csv, and --json is json")
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				id, err := resolve(ctx, c, given[0])
				if err != nil {
					return err
				}
				answer, err := c.Settlement.Export(ctx, &sdk.ExportRequest{Id: id})
				if err != nil {
					return err
				}
				if format == "json" {
					raw, err := encode(answer)
					if err != nil {
						return err
					}
					return a.printJSON(raw)
				}
				k, err := a.loadAssets(ctx, c)
				if err != nil {
					return err
				}
				return writeExport(a.out, k, answer)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "json", "json or csv")
	return cmd
}

func writeExport(out io.Writer, k assets, e *sdk.ExportResponse) error {
	w := csv.NewWriter(out)
	id := idOf(e.GetSwap())
	row := func(kind, leg, purpose, chain, txid, height, at string, amount *sdk.AssetAmount, final string) {
		units, symbol := k.whole(amount)
		_ = w.Write([]string{id, kind, leg, purpose, chain, txid, height, at, units, symbol, amount.GetAsset(), final}) // told by Error
	}
	_ = w.Write(exportColumns)
	for _, leg := range e.GetSwap().GetLegs() {
		if !leg.GetPaid() {
			continue
		}
		kind := "received"
		if leg.GetRole() == sdk.LegRolePayer {
			kind = "gave"
		}
		row(kind, fmt.Sprint(leg.GetIndex()), "", leg.GetChain(), leg.GetSpendTxid(), fmt.Sprint(leg.GetSpendHeight()), "", leg.GetAmount(), "true")
	}
	for _, f := range e.GetFees() {
		p := f.GetPaid()
		row("fee", fmt.Sprint(p.GetLeg()), word(p.GetKind().String(), "FEE_KIND_"), f.GetChain(), p.GetTxid(),
			fmt.Sprint(f.GetHeight()), bookTime(f.GetTime()), p.GetFee(), strconv.FormatBool(p.GetFinal()))
	}
	for _, fee := range e.GetServiceFees() {
		row("service fee", "", "", "", "", "", "", fee, "true")
	}
	for _, sum := range e.GetTotalCost() {
		row("total cost", "", "", "", "", "", bookTime(e.GetExportedAt()), sum, strconv.FormatBool(feesFinal(e.GetSwap())))
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func (a *app) statsCommand() *cobra.Command {
	var last time.Duration
	cmd := &cobra.Command{
		Use: "stats", Short: "Count how swaps ended, how long they took and what they cost", Args: args(0, 0),
		Long: `stats counts the swaps that closed in a period, for each pair: how many succeeded,
the time from agreement to close and the fees of those that did. Half took at most
the time, or the fee, under p50, and 95 of 100 at most that under p95.`,
		Example: "  kofo stats\n  kofo stats --last 24h --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 0 {
				return usage("--last is a duration such as 24h")
			}
			req := &sdk.StatisticsRequest{}
			if last > 0 {
				req.From = timestamppb.New(a.now().Add(-last))
			}
			return a.onChain(cmd, "", func(ctx context.Context, c *sdk.Client, k assets, _ string) error {
				answer, err := c.Settlement.Statistics(ctx, req)
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.printStats(k, answer) })
			})
		},
	}
	cmd.Flags().DurationVar(&last, "last", 0, "only swaps that closed in this time; all where not given")
	return cmd
}

func (a *app) printStats(k assets, s *sdk.StatisticsResponse) {
	if len(s.GetPairs()) == 0 {
		a.say("No swap has closed in this time.\n")
		return
	}
	for _, p := range s.GetPairs() {
		name := func(asset string) string { return k.find(asset).GetSymbol() }
		a.say("%s for %s: %d closed, %d.%d %% swapped\n", name(p.GetSends()), name(p.GetReceives()), p.GetClosed(), p.GetSuccessPermille()/10, p.GetSuccessPermille()%10)
		var ends []string
		for _, end := range []struct {
			name  string
			count uint64
		}{
			{"swapped", p.GetSwapped()}, {"refunded", p.GetRefunded()}, {"cancelled", p.GetCancelled()},
			{"closed by consent", p.GetConsented()}, {"windfall", p.GetWindfall()}, {"lost", p.GetLost()},
		} {
			if end.count > 0 {
				ends = append(ends, fmt.Sprintf("%d %s", end.count, end.name))
			}
		}
		rows := [][]string{{"  how they ended", strings.Join(ends, ", ")}}
		if p.GetTimeP50() != nil {
			rows = append(rows, []string{"  time to settle", fmt.Sprintf("p50 %s, p95 %s", span(p.GetTimeP50().AsDuration()), span(p.GetTimeP95().AsDuration()))})
		}
		for _, c := range p.GetCosts() {
			of := func(amount string) string { return k.human(&sdk.AssetAmount{Asset: c.GetAsset(), Amount: amount}) }
			rows = append(rows, []string{"  fees in " + name(c.GetAsset()), fmt.Sprintf("p50 %s, p95 %s, all %s", of(c.GetP50()), of(c.GetP95()), of(c.GetTotal()))})
		}
		a.table(rows)
	}
}
