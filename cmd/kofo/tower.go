package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

func (a *app) towerCommands() *cobra.Command {
	return group("tower", "Watchtowers, and which of them guards what", a.listTowersCommand(), a.showGuardsCommand())
}

func (a *app) listTowersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Ask every tower and show what was agreed with it", Args: args(0, 0),
		Long: `list asks the towers of the configuration (towers.list) for their terms, which takes
some seconds where one does not answer. A tower that has nothing of this node yet is
registered with when the first swap is agreed.`,
		Example: "  kofo tower list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onChain(cmd, "", func(ctx context.Context, c *sdk.Client, k assets, _ string) error {
				answer, err := c.Towers.ListTowers(ctx, &sdk.ListTowersRequest{})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.printTowers(k, answer) })
			})
		},
	}
}

func (a *app) printTowers(k assets, answer *sdk.ListTowersResponse) {
	if len(answer.GetTowers()) == 0 {
		a.tell(noteIndent, "No tower is configured: while this node is down, nobody redeems or refunds for it. List towers in towers.list of its configuration.")
		return
	}
	for _, t := range answer.GetTowers() {
		a.say("%s   %s\n", t.GetName(), t.GetAddress())
		a.say("  party   %s\n", t.GetParty())
		if t.GetProblem() != "" {
			a.tell(margin, "  problem %s", t.GetProblem())
		}
		if t.GetPackages() > 0 {
			price := "nothing"
			if t.GetPrice() != "" {
				price = t.GetPrice()
			}
			a.say("  price   %s\n", price)
			a.tell(margin, "  terms   at most %d packages, each for %s at most; %s", t.GetPackages(), span(t.GetLongest().AsDuration()), a.agreed(t))
			a.tell(margin, "  chains  %s", strings.Join(k.names(t.GetChains()), ", "))
		}
		a.say("  keeps   %d packages of this node\n", t.GetKept())
	}
	switch n := answer.GetRequired(); n {
	case 0:
		a.tell(0, "No tower is required: this node locks coins without waiting for one.")
	default:
		a.tell(0, "This node locks coins only after %d of %d towers have acknowledged.", n, len(answer.GetTowers()))
	}
}

func (a *app) agreed(t *sdk.Tower) string {
	if t.GetAgreedUntil() == nil {
		return "not agreed yet"
	}
	return "agreed " + a.until(t.GetAgreedUntil())
}

// names are those of chains, as the node calls them.
func (k assets) names(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, k.chainName(id))
	}
	return out
}

func (a *app) showGuardsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show SWAP", Short: "Show who guards what of a swap, until when, and what comes next", Args: args(1, 1),
		Example: "  kofo tower show 3f2a",
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onChain(cmd, "", func(ctx context.Context, c *sdk.Client, k assets, _ string) error {
				id, err := resolve(ctx, c, given[0])
				if err != nil {
					return err
				}
				got, err := c.Settlement.Get(ctx, &sdk.GetRequest{Id: id})
				if err != nil {
					return err
				}
				s := got.GetSwap()
				if s.GetId() == "" {
					return reason.Error(reason.SwapNotFound, "the offer is no swap yet: nothing is locked in it", nil)
				}
				answer, err := c.Towers.ShowGuards(ctx, &sdk.ShowGuardsRequest{SwapId: s.GetId()})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.printGuards(k, s, answer) })
			})
		},
	}
}

func (a *app) printGuards(k assets, s *sdk.Swap, answer *sdk.ShowGuardsResponse) {
	a.say("Swap %s   %s\n", idOf(s), strings.ToUpper(phaseWord(s)))
	if len(answer.GetGuards()) == 0 {
		a.say("Nothing is left to guard.\n")
	}
	for _, g := range answer.GetGuards() {
		what := "Refund of your lock on " + k.chainName(g.GetChain())
		if g.GetSpend() == "redeem" {
			what = "Redeem of their lock on " + k.chainName(g.GetChain())
		}
		state := fmt.Sprintf("guarded by %d", len(g.GetTowers()))
		if len(g.GetTowers()) == 0 {
			state = "NOT GUARDED"
		}
		a.say("%s: %s\n", what, state)
		for _, t := range g.GetTowers() {
			name := t.GetName()
			if name == "" {
				name = t.GetParty() + ", not configured any more"
			}
			a.tell(noteIndent, "  %s keeps it %s", name, a.until(t.GetUntil()))
		}
		if g.GetWaiting() != "" {
			a.tell(noteIndent, "  waits: %s", g.GetWaiting())
		}
		a.tell(noteIndent, "  next: %s; time lock %s", g.GetNext(), a.when(g.GetAt()))
	}
	if n := answer.GetRequired(); n > 0 {
		a.say("Towers required before your lock: %d\n", n)
	}
}
