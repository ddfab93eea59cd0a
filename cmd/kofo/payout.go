package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

func (a *app) payoutCommands() *cobra.Command {
	return group("payout", "Where coins may go, and how many may leave", a.listPayoutsCommand(), a.addPayoutCommand(), a.removePayoutCommand())
}

func (a *app) listPayoutsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show the addresses, parties and limits", Args: args(0, 0), Example: "  kofo payout list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onChain(cmd, "", func(ctx context.Context, c *sdk.Client, k assets, _ string) error {
				answer, err := c.Wallet.ListPayouts(ctx, &sdk.ListPayoutsRequest{})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.printPayouts(k, answer) })
			})
		},
	}
}

func (a *app) printPayouts(k assets, p *sdk.ListPayoutsResponse) {
	switch {
	case !p.GetRestricted():
		a.tell(noteIndent, "Withdrawals go to any address. List your own in payouts.accounts of the node's configuration, so that a stolen credential can pay nobody else.")
	case len(p.GetPayouts()) == 0:
		a.say("Nobody can be paid: the list is empty.\n")
	default:
		a.say("Withdrawals go to these addresses only:\n")
	}
	for _, entry := range p.GetPayouts() {
		state := "of the configuration"
		if !entry.GetConfigured() {
			state = "added by token " + entry.GetAddedBy()
		}
		if entry.GetUsableFrom() != nil {
			state += ", can be paid " + a.when(entry.GetUsableFrom())
		}
		a.say("  %s\n    %s\n", entry.GetAccount(), state)
	}
	if p.GetRestricted() && p.GetDelay() != nil {
		a.say("An address that is added by a call waits %s.\n", span(p.GetDelay().AsDuration()))
	}
	for _, party := range p.GetParties() {
		a.say("Swaps with %s\n", party)
	}
	for _, l := range p.GetLimits() {
		of := func(amount string) string { return k.human(&sdk.AssetAmount{Asset: l.GetAsset(), Amount: amount}) }
		text := "At most"
		if l.GetPerCall() != "" {
			text += " " + of(l.GetPerCall()) + " at once"
		}
		if l.GetPerDay() != "" {
			if l.GetPerCall() != "" {
				text += " and"
			}
			text += fmt.Sprintf(" %s in 24 hours, of which %s are gone", of(l.GetPerDay()), of(l.GetMoved()))
		}
		a.tell(noteIndent, "%s", text)
	}
}

type payoutFlags struct{ chain, address, request string }

func (f *payoutFlags) add(cmd *cobra.Command) {
	chainFlag(cmd, &f.chain)
	cmd.Flags().StringVar(&f.address, "address", "", "an address in the chain's own form")
	requestFlag(cmd, &f.request)
}

// account is the CAIP-10 id of what the flags name.
func (f *payoutFlags) account(id string) (string, error) {
	if f.chain == "" || f.address == "" {
		return "", usage("both --chain and --address are needed")
	}
	return id + ":" + f.address, nil
}

func (a *app) addPayoutCommand() *cobra.Command {
	var f payoutFlags
	var yes bool
	cmd := &cobra.Command{
		Use: "add", Short: "Put an address on the list; it can be paid after the node's delay", Args: args(0, 0),
		Example: "  kofo payout add --chain ethereum --address 0x7099...",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.confirm(yes, fmt.Sprintf("Let this node pay to %s?", f.address)); err != nil {
				return err
			}
			return a.onChain(cmd, f.chain, func(ctx context.Context, c *sdk.Client, _ assets, id string) error {
				account, err := f.account(id)
				if err != nil {
					return err
				}
				answer, err := c.Wallet.AddPayout(ctx, &sdk.AddPayoutRequest{RequestId: f.request, Account: account})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.say("%s is on the list.\n", answer.GetPayout().GetAccount())
					if from := answer.GetPayout().GetUsableFrom(); from != nil {
						a.say("It can be paid %s.\n", a.when(from))
					}
				})
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

func (a *app) removePayoutCommand() *cobra.Command {
	var f payoutFlags
	cmd := &cobra.Command{
		Use: "remove", Short: "Take an address off the list, at once", Args: args(0, 0),
		Example: "  kofo payout remove --chain ethereum --address 0x7099...",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onChain(cmd, f.chain, func(ctx context.Context, c *sdk.Client, _ assets, id string) error {
				account, err := f.account(id)
				if err != nil {
					return err
				}
				answer, err := c.Wallet.RemovePayout(ctx, &sdk.RemovePayoutRequest{RequestId: f.request, Account: account})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.say("%s is not paid any more.\n", account) })
			})
		},
	}
	f.add(cmd)
	return cmd
}
