package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

func (a *app) cancelCommand() *cobra.Command {
	var yes bool
	var request string
	cmd := &cobra.Command{
		Use: "cancel ID", Short: "End an offer or a swap before this node's lock", Args: args(1, 1),
		Long: `cancel ends an offer, or a swap as long as this node has locked nothing, and frees
what it reserved. The other party is not told: who answers the offer is refused; who
has agreed already waits for a lock that does not come. So an agreed swap is
cancelled only after a question, or with --yes.`,
		Example: "  kofo swap cancel 3f9a21\n  kofo swap cancel 3f9a21 --yes",
		RunE: func(cmd *cobra.Command, given []string) error {
			client, err := a.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			return a.cancel(cmd.Context(), client, given[0], request, yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	requestFlag(cmd, &request)
	return cmd
}

func (a *app) cancel(ctx context.Context, c *sdk.Client, text, request string, yes bool) error {
	// A person may take longer to answer than a call may.
	look, cancel := context.WithTimeout(ctx, a.flags.timeout)
	defer cancel()
	id, err := resolve(look, c, text)
	if err != nil {
		return err
	}
	got, err := c.Settlement.Get(look, &sdk.GetRequest{Id: id})
	if err != nil {
		return err
	}
	seen := theySee(got.GetSwap())
	if phase := got.GetSwap().GetPhase(); phase == sdk.PhaseAccepted || phase == sdk.PhaseAgreed {
		if !yes && !a.flags.json {
			a.tell(0, "%s", seen)
		}
		if err := a.confirm(yes, "Cancel this swap?"); err != nil {
			return err
		}
	}
	call, done := context.WithTimeout(ctx, a.flags.timeout)
	defer done()
	answer, err := c.Settlement.Cancel(call, &sdk.CancelRequest{RequestId: request, Id: id})
	if err != nil {
		if !a.flags.json {
			_, _ = a.loadAssets(call, c) // the error can be told without, in base units
		}
		return err
	}
	return a.show(answer, func() {
		a.say("Cancelled. What it reserved is free again.\n")
		if yes || seen == offerSeen {
			a.tell(0, "%s", seen)
		}
	})
}

const offerSeen = "Who answers the ticket now is told that it was cancelled."

// theySee is what the other party sees of a cancelled swap.
func theySee(s *sdk.Swap) string {
	switch {
	case s.GetPhase() == sdk.PhaseOffered:
		return offerSeen
	case s.GetPhase() == sdk.PhaseAccepted:
		return "The other party sees an accepted swap in which nothing is locked. If it locks first, it gets its coins back when its time lock opens."
	case s.GetRole() == sdk.RoleInitiator:
		return "Both have signed. The other party is not told: it sees that you lock nothing, locks nothing either, and its node closes the swap after your time to lock."
	}
	return "Both have signed. The other party is not told: if it has locked its coins, it waits for yours in vain and gets its own back when its time lock opens."
}
