package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

func (a *app) chainCommands() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "Show every chain and its back end", Args: args(0, 0), Example: "  kofo chain list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				k, err := a.loadAssets(ctx, c)
				if err != nil {
					return err
				}
				if a.flags.json {
					list, err := encodeAll("chains", k.chains)
					if err != nil {
						return err
					}
					return a.printJSON(list)
				}
				rows := [][]string{{"NAME", "STATE", "TIP", "PROCESSED", "CLOCK", "BACK END"}}
				for _, ch := range k.chains {
					rows = append(rows, []string{ch.GetName(), chainState(ch), fmt.Sprint(ch.GetHeight()), fmt.Sprint(ch.GetProcessedHeight()), a.when(ch.GetClock()), ch.GetBackend()})
				}
				a.table(rows)
				return nil
			})
		},
	}
	show := &cobra.Command{
		Use: "show CHAIN", Short: "Show one chain, by name or CAIP-2 id", Args: args(1, 1), Example: "  kofo chain show ethereum\n  kofo chain show eip155:1337",
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onChain(cmd, given[0], func(ctx context.Context, c *sdk.Client, _ assets, id string) error {
				answer, err := c.Chains.GetChain(ctx, &sdk.GetChainRequest{Id: id})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.printChain(answer.GetChain()) })
			})
		},
	}
	return group("chain", "The chains that the node serves", list, show, a.chainStatusCommand(), a.chainResumeCommand())
}

func chainState(c *sdk.Chain) string {
	switch {
	case !c.GetReachable():
		return "not reachable"
	case c.GetSuspension() != nil:
		return "suspended"
	case !c.GetSynced():
		return "catching up"
	}
	return "good"
}

func (a *app) printChain(c *sdk.Chain) {
	rows := [][]string{
		{"Name", c.GetName()}, {"Id", c.GetId()}, {"State", chainState(c)}, {"Back end", c.GetBackend()},
		{"Tip", fmt.Sprintf("%d %s", c.GetHeight(), c.GetBlock())}, {"Clock", a.when(c.GetClock())},
		{"Processed", fmt.Sprint(c.GetProcessedHeight())}, {"Confirmations", fmt.Sprint(c.GetMinConfirmations())},
	}
	rows = append(rows, a.known.depthRows(c)...)
	if c.GetProblem() != "" {
		rows = append(rows, []string{"Problem", fmt.Sprintf("%s [%s]", c.GetProblem(), c.GetProblemReason())})
	}
	if s := c.GetSuspension(); s != nil {
		rows = append(rows, []string{"Suspended", a.suspensionText(s)})
	}
	for _, b := range c.GetBackEnds() {
		rows = append(rows, []string{"Back end " + b.GetName(), a.backEndText(b)})
	}
	if c.GetDeployment() != "" {
		rows = append(rows, []string{"Deployment", c.GetDeployment()})
	}
	for _, asset := range c.GetAssets() {
		rows = append(rows, []string{"Asset", fmt.Sprintf("%s, %d decimals, %s", asset.GetSymbol(), asset.GetDecimals(), asset.GetId())})
	}
	a.table(rows)
}
