package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

// budgetFor are the words for what a budget is for.
var budgetFor = map[string]sdk.BudgetPurpose{"redeem": sdk.BudgetRedeem, "refund": sdk.BudgetRefund}

func (a *app) raiseCommand() *cobra.Command {
	var budget, purpose, request string
	cmd := &cobra.Command{
		Use: "raise-fee ID", Short: "Let a swap's redeem or refund cost more while it runs", Args: args(1, 1),
		Long: `raise-fee sets the most that one transaction of a swap may cost, in the coin that its
chain takes fees in. Usually a node pays up to a share of the value at risk
(fees.budget_permille); this goes above it, at most to that value. The node prices its
next transaction with it, at once or with the next block, and keeps it over restarts.
A budget is never lowered.`,
		Example: `  kofo swap raise-fee 3f9a21 --budget "0.001 BTC"` + "\n" + `  kofo swap raise-fee 3f9a21 --budget "40000 sat" --for refund`,
		RunE: func(cmd *cobra.Command, given []string) error {
			if budget == "" {
				return usage("--budget is needed: the most that the transaction may cost")
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				return a.raise(ctx, c, given[0], budget, purpose, request)
			})
		},
	}
	cmd.Flags().StringVar(&budget, "budget", "", `the most that it may cost: "0.001 BTC"`)
	cmd.Flags().StringVar(&purpose, "for", "", "redeem or refund; where not given, what the swap does now")
	requestFlag(cmd, &request)
	return cmd
}

func (a *app) raise(ctx context.Context, c *sdk.Client, text, budget, word, request string) error {
	k, err := a.loadAssets(ctx, c)
	if err != nil {
		return err
	}
	amount, err := k.parse(budget)
	if err != nil {
		return err
	}
	id, err := resolve(ctx, c, text)
	if err != nil {
		return err
	}
	got, err := c.Settlement.Get(ctx, &sdk.GetRequest{Id: id})
	if err != nil {
		return err
	}
	purpose, err := budgetPurpose(got.GetSwap(), word)
	if err != nil {
		return err
	}
	for _, b := range got.GetSwap().GetBudgets() {
		if b.GetPurpose() == purpose && b.GetMost().GetAsset() != amount.GetAsset() {
			return usage("its fees are paid in %s, not in what --budget says", k.both(b.GetMost()))
		}
	}
	answer, err := c.Settlement.RaiseBudget(ctx, &sdk.RaiseBudgetRequest{
		RequestId: request, Id: id, Purpose: purpose, Budget: amount.GetAmount(),
	})
	if err != nil {
		return err
	}
	return a.show(answer, func() {
		a.say("The %s may cost up to %s now. The node prices it anew at once, and with every block.\n", budgetWord(purpose), k.both(amount))
	})
}

// budgetPurpose is what was said, or what the swap does now.
func budgetPurpose(s *sdk.Swap, word string) (sdk.BudgetPurpose, error) {
	if word != "" {
		purpose, ok := budgetFor[word]
		if !ok {
			return 0, usage("--for is redeem or refund, not %q", word)
		}
		return purpose, nil
	}
	now := map[sdk.Phase]sdk.BudgetPurpose{
		sdk.PhaseRevealing: sdk.BudgetRedeem, sdk.PhaseRedeeming: sdk.BudgetRedeem,
		sdk.PhaseRefunding: sdk.BudgetRefund,
	}
	if purpose, ok := now[s.GetPhase()]; ok {
		return purpose, nil
	}
	return 0, usage("the swap pays no fee just now: say which one with --for redeem or --for refund")
}

func budgetWord(p sdk.BudgetPurpose) string {
	for word, purpose := range budgetFor {
		if purpose == p {
			return word
		}
	}
	return "transaction"
}
