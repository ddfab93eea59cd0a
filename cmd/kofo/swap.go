package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

func (a *app) swapCommands() *cobra.Command {
	return group("swap", "Agree on swaps and watch them settle",
		a.quoteCommand(), a.offerCommand(), a.inspectCommand(), a.acceptCommand(), a.countersignCommand(), a.completeCommand(),
		a.cancelCommand(), a.refundCommand(), a.raiseCommand(), a.listCommand(), a.showCommand(), a.historyCommand(), a.exportCommand(), a.watchCommand())
}

// pair are the two amounts of a swap.
type pair struct {
	send, receive string
	depths        []string
}

func (p *pair) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.send, "send", "", `what you pay: "0.05 BTC"`)
	cmd.Flags().StringVar(&p.receive, "receive", "", `what you are paid: "1 ETH"`)
	depthFlag(cmd, &p.depths, "wait for at least this many confirmations on a chain: bitcoin=6; the node's policy for the amount where not given")
}

func (p *pair) parse(k assets) (send, receive *sdk.AssetAmount, err error) {
	if p.send == "" || p.receive == "" {
		return nil, nil, usage("both --send and --receive are needed")
	}
	if send, err = k.parse(p.send); err != nil {
		return nil, nil, err
	}
	receive, err = k.parse(p.receive)
	return send, receive, err
}

func (a *app) quoteCommand() *cobra.Command {
	var p pair
	var as string
	cmd := &cobra.Command{
		Use: "quote", Short: "Show what a swap would cost and take; nothing is reserved", Args: args(0, 0),
		Example: `  kofo swap quote --send "0.05 BTC" --receive "1 ETH"` + "\n" + `  kofo swap quote --send "1 ETH" --receive "5000000 sat" --as participant`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			role := map[string]sdk.Role{"initiator": sdk.RoleInitiator, "participant": sdk.RoleParticipant}[as]
			if role == 0 {
				return usage("--as is initiator or participant, not %q", as)
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				k, err := a.loadAssets(ctx, c)
				if err != nil {
					return err
				}
				send, receive, err := p.parse(k)
				if err != nil {
					return err
				}
				depths, err := k.depths(p.depths)
				if err != nil {
					return err
				}
				answer, err := c.Settlement.Quote(ctx, &sdk.QuoteRequest{Send: send, Receive: receive, Role: role, Depths: depths})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.printQuote(k, answer.GetQuote()) })
			})
		},
	}
	p.add(cmd)
	cmd.Flags().StringVar(&as, "as", "initiator", "what you would be: initiator or participant")
	return cmd
}

func (a *app) offerCommand() *cobra.Command {
	var p pair
	var validFor time.Duration
	var byHand bool
	var request string
	cmd := &cobra.Command{
		Use: "offer", Short: "Reserve what a swap needs and print a ticket for the other party", Args: args(0, 0),
		Long: `offer prints a ticket: one line of text for the other party, signed and with a
checksum. Whoever answers it first, in time, swaps with you. The answer comes to
this node by itself where the ticket names it, else by hand (kofo swap countersign).`,
		Example: `  kofo swap offer --send "0.05 BTC" --receive "1 ETH"` + "\n" + `  kofo swap offer --send "0.05 BTC" --receive "1 ETH" --valid-for 10m --by-hand` + "\n" +
			`  kofo swap offer --send "2 BTC" --receive "40 ETH" --confirmations bitcoin=6`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				k, err := a.loadAssets(ctx, c)
				if err != nil {
					return err
				}
				send, receive, err := p.parse(k)
				if err != nil {
					return err
				}
				depths, err := k.depths(p.depths)
				if err != nil {
					return err
				}
				req := &sdk.OfferRequest{RequestId: request, Send: send, Receive: receive, ByHand: byHand, Depths: depths}
				if validFor != 0 {
					req.ValidFor = durationpb.New(validFor)
				}
				answer, err := c.Settlement.Offer(ctx, req)
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.printQuote(k, answer.GetQuote())
					a.say("\nOffer %s\nThe ticket for the other party, one line, valid %s:\n\n%s\n", answer.GetOfferId(), a.until(answer.GetSwap().GetAcceptBy()), answer.GetTicket())
				})
			})
		},
	}
	p.add(cmd)
	cmd.Flags().DurationVar(&validFor, "valid-for", 0, "how long the ticket can be accepted; the node's default where not given")
	cmd.Flags().BoolVar(&byHand, "by-hand", false, "leave this node's address out of the ticket")
	requestFlag(cmd, &request)
	return cmd
}

// requestFlag lets a script repeat a call safely.
func requestFlag(cmd *cobra.Command, request *string) {
	cmd.Flags().StringVar(request, "request-id", "", "UUID that makes the call safe to repeat; a random one where not given")
}

// textOf is an argument, or standard input where it is left out or "-".
func (a *app) textOf(given []string, what string) (string, error) {
	if len(given) == 1 && given[0] != "-" {
		return given[0], nil
	}
	if len(given) == 0 && a.prompt != nil {
		return a.prompt.Line(what + ": ")
	}
	return readLine(a.in)
}

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use: "inspect [TICKET]", Short: "Show everything that accepting a ticket would do", Args: args(0, 1),
		Example: "  kofo swap inspect kofo1...\n  kofo swap inspect - < ticket.txt",
		RunE: func(cmd *cobra.Command, given []string) error {
			ticket, err := a.textOf(given, "Ticket")
			if err != nil {
				return err
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				k, err := a.loadAssets(ctx, c)
				if err != nil {
					return err
				}
				answer, err := c.Settlement.Inspect(ctx, &sdk.InspectRequest{Ticket: ticket})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.printInspection(k, answer)
					a.printRefusals(k, answer.GetRefusals())
				})
			})
		},
	}
}

func (a *app) acceptCommand() *cobra.Command {
	var yes, byHand bool
	var request string
	var depths []string
	cmd := &cobra.Command{
		Use: "accept [TICKET]", Short: "Accept a ticket, after a look at what it costs", Args: args(0, 1),
		Long: `accept shows amounts, fees, the worst case and both time locks, and asks. From
then on everything happens by itself; kofo swap watch shows it. Where the other
node can't be reached, it prints the answer for you to hand over.`,
		Example: "  kofo swap accept kofo1...\n  kofo swap accept kofo1... --yes\n  kofo swap accept kofo1... --by-hand",
		RunE: func(cmd *cobra.Command, given []string) error {
			ticket, err := a.textOf(given, "Ticket")
			if err != nil {
				return err
			}
			return a.accept(cmd, &sdk.AcceptRequest{RequestId: request, Ticket: ticket, ByHand: byHand}, depths, yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	depthFlag(cmd, &depths, "refuse a ticket that waits for fewer confirmations on a chain: bitcoin=6")
	cmd.Flags().BoolVar(&byHand, "by-hand", false, "don't contact the other node; print the answer")
	requestFlag(cmd, &request)
	return cmd
}

func (a *app) accept(cmd *cobra.Command, req *sdk.AcceptRequest, depths []string, yes bool) error {
	client, err := a.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	// A person may take longer to answer than a call may.
	look, cancel := context.WithTimeout(cmd.Context(), a.flags.timeout)
	defer cancel()
	k, err := a.loadAssets(look, client)
	if err != nil {
		return err
	}
	if req.Depths, err = k.depths(depths); err != nil {
		return err
	}
	inspected, err := client.Settlement.Inspect(look, &sdk.InspectRequest{Ticket: req.GetTicket()})
	if err != nil {
		return err
	}
	if refusals := inspected.GetRefusals(); len(refusals) > 0 {
		// The first is the error that the command ends with.
		first := refusals[0]
		if !a.flags.json {
			a.printInspection(k, inspected)
			a.printRefusals(k, refusals[1:])
		}
		return reason.Error(reason.Reason(first.GetReason()), first.GetText(), first.GetMetadata())
	}
	if !a.flags.json {
		a.printInspection(k, inspected)
		a.say("\n")
	}
	if err := a.confirm(yes, "Accept this swap?"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), a.flags.timeout)
	defer cancel()
	answer, err := client.Settlement.Accept(ctx, req)
	if err != nil {
		return err
	}
	return a.show(answer, func() {
		a.say("Accepted: swap %s\n", answer.GetSwapId())
		if why := answer.GetUndelivered(); why != nil {
			a.tell(0, "The answer did not reach the other node: %s\nIt is tried again until the ticket's end.", why.GetText())
		}
		if text := answer.GetAcceptance(); text != "" {
			a.say("By hand, give this line to the other party, for kofo swap countersign:\n\n%s\n", text)
			return
		}
		a.say("Both have signed. See kofo swap watch %s\n", brief(answer.GetSwapId()))
	})
}

func (a *app) countersignCommand() *cobra.Command {
	var request string
	cmd := &cobra.Command{
		Use: "countersign [ACCEPTANCE]", Short: "Bind an offer to the answer that came by hand", Args: args(0, 1),
		Example: "  kofo swap countersign kofo1...",
		RunE: func(cmd *cobra.Command, given []string) error {
			text, err := a.textOf(given, "Acceptance")
			if err != nil {
				return err
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				answer, err := c.Settlement.Countersign(ctx, &sdk.CountersignRequest{RequestId: request, Acceptance: text})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.say("Bound: swap %s\nGive this line back, for kofo swap complete:\n\n%s\n", answer.GetSwapId(), answer.GetCountersignature())
				})
			})
		},
	}
	requestFlag(cmd, &request)
	return cmd
}

func (a *app) completeCommand() *cobra.Command {
	var request string
	cmd := &cobra.Command{
		Use: "complete [COUNTERSIGNATURE]", Short: "Finish an agreement whose last text came by hand", Args: args(0, 1),
		Example: "  kofo swap complete kofo1...",
		RunE: func(cmd *cobra.Command, given []string) error {
			text, err := a.textOf(given, "Countersignature")
			if err != nil {
				return err
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				answer, err := c.Settlement.Complete(ctx, &sdk.CompleteRequest{RequestId: request, Countersignature: text})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.say("Both have signed: swap %s\n", answer.GetSwapId()) })
			})
		},
	}
	requestFlag(cmd, &request)
	return cmd
}

func (a *app) refundCommand() *cobra.Command {
	var request string
	cmd := &cobra.Command{
		Use: "refund ID", Short: "Ask for the refund now (nodes refund by themselves)", Args: args(1, 1),
		Example: "  kofo swap refund 3f9a21",
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				id, err := resolve(ctx, c, given[0])
				if err != nil {
					return err
				}
				answer, err := c.Settlement.Refund(ctx, &sdk.RefundRequest{RequestId: request, Id: id})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.tell(0, "%s", answer.GetSwap().GetNextAction().GetText())
					if answer.GetTxid() != "" {
						a.say("Transaction %s\n", answer.GetTxid())
					}
				})
			})
		},
	}
	requestFlag(cmd, &request)
	return cmd
}
