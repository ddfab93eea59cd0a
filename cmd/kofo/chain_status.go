package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

// backEndNames are the states for people.
var backEndNames = map[sdk.BackEndState]string{
	sdk.BackEndGood: "good", sdk.BackEndUnreachable: "does not answer", sdk.BackEndSetAside: "set aside",
}

func (a *app) backEndText(b *sdk.BackEnd) string {
	state, ok := backEndNames[b.GetState()]
	if !ok {
		return "not asked yet"
	}
	text := state + " since " + a.when(b.GetSince())
	if b.GetReason() != "" {
		text += fmt.Sprintf(": %s [%s]", b.GetDetail(), b.GetReason())
	}
	return text
}

func (a *app) suspensionText(s *sdk.Suspension) string {
	return fmt.Sprintf("%s [%s], since %s. Nothing new is begun here; redeems with a known secret and refunds go on. "+
		"It ends by itself after %d calm blocks, of which %d have come, or by kofo chain resume",
		s.GetDetail(), s.GetCause(), a.when(s.GetSince()), s.GetCalmNeeded(), s.GetCalmBlocks())
}

func (a *app) chainStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show which back ends are believed, and which chains are suspended", Args: args(0, 0),
		Long: `status shows every back end of every chain: whether it is believed and, where it
is not, why and since when. With two or more back ends of a chain, two must agree
before the secret is shown or coins are locked for it.

A suspended chain gets nothing new: no offers, no acceptances, no funding that is
not announced, no first reveal of a secret.`,
		Example: "  kofo chain status\n  kofo chain status --json",
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
				a.printStatus(k.chains)
				return nil
			})
		},
	}
}

func (a *app) printStatus(chains []*sdk.Chain) {
	rows := [][]string{{"CHAIN", "BACK END", "STATE", "HEIGHT", "ANSWERS IN", "READ FROM"}}
	for _, ch := range chains {
		for _, b := range ch.GetBackEnds() {
			asked := ""
			if b.GetAsked() {
				asked = "yes"
			}
			state, ok := backEndNames[b.GetState()]
			if !ok {
				state = "not asked yet"
			}
			rows = append(rows, []string{
				ch.GetName(), b.GetName(), state, fmt.Sprint(b.GetHeight()),
				b.GetLatency().AsDuration().Round(time.Millisecond).String(), asked,
			})
		}
	}
	a.table(rows)
	for _, ch := range chains {
		for _, b := range ch.GetBackEnds() {
			if b.GetReason() != "" {
				a.say("\n")
				a.tell(2, "%s, back end %s: %s", ch.GetName(), b.GetName(), a.backEndText(b))
			}
		}
		if s := ch.GetSuspension(); s != nil {
			a.say("\n")
			a.tell(2, "%s is suspended: %s", ch.GetName(), a.suspensionText(s))
		}
	}
}

func (a *app) chainResumeCommand() *cobra.Command {
	var yes bool
	var request string
	cmd := &cobra.Command{
		Use: "resume CHAIN", Short: "End a chain's suspension by hand", Args: args(1, 1),
		Long: `resume lets new swaps begin on a suspended chain again, before it has been calm
for long enough. A cause that lasts suspends it anew within a second. The token
needs the scope admin.`,
		Example: "  kofo chain resume bitcoin\n  kofo chain resume eip155:1337 --yes",
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := a.confirm(yes, "Begin new swaps on "+given[0]+" again, although the chain is not calm?"); err != nil {
				return err
			}
			return a.onChain(cmd, given[0], func(ctx context.Context, c *sdk.Client, _ assets, id string) error {
				answer, err := c.Chains.Resume(ctx, &sdk.ResumeRequest{RequestId: request, Id: id})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					if !answer.GetWasSuspended() {
						a.say("%s was not suspended.\n", answer.GetChain().GetName())
						return
					}
					a.say("%s is not suspended any more.\n", answer.GetChain().GetName())
				})
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	requestFlag(cmd, &request)
	return cmd
}
