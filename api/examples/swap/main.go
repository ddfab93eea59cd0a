// Command swap settles one swap between two running nodes that the caller may
// use both: it offers on the one, accepts on the other, and follows the swap
// until both have closed it.
//
//	swap -initiator 127.0.0.1:9520 -initiator-ca a/cert.pem -initiator-token a/token \
//	     -participant 127.0.0.1:9620 -participant-ca b/cert.pem -participant-token b/token \
//	     -send 5000000 -send-asset bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0 \
//	     -receive 1000000000000000000 -receive-asset eip155:1337/slip44:60
//
// It depends on the SDK alone and can be copied into any module. The last line
// that it prints is "swapped SWAP-ID".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "swap: %s (%s)\n", sdk.Message(err), sdk.Reason(err))
		os.Exit(1)
	}
}

type settings struct {
	initiator, participant endpoint
	send, receive          sdk.AssetAmount
	byHand                 bool
	timeout                time.Duration
}

type endpoint struct{ target, caFile, tokenFile string }

func (e *endpoint) flags(f *flag.FlagSet, name string) {
	f.StringVar(&e.target, name, "", name+"'s API, host:port")
	f.StringVar(&e.caFile, name+"-ca", "", "PEM file of its certificate")
	f.StringVar(&e.tokenFile, name+"-token", "", "file with a token of scopes read, quote, trade")
}

func parse(args []string) (*settings, error) {
	s := new(settings)
	f := flag.NewFlagSet("swap", flag.ContinueOnError)
	s.initiator.flags(f, "initiator")
	s.participant.flags(f, "participant")
	f.StringVar(&s.send.Amount, "send", "", "what the initiator pays, in base units")
	f.StringVar(&s.send.Asset, "send-asset", "", "its CAIP-19 id")
	f.StringVar(&s.receive.Amount, "receive", "", "what the initiator is paid, in base units")
	f.StringVar(&s.receive.Asset, "receive-asset", "", "its CAIP-19 id")
	f.BoolVar(&s.byHand, "by-hand", false, "carry the answer ourselves, as two people would by mail")
	f.DurationVar(&s.timeout, "timeout", 10*time.Minute, "how long to follow the swap")
	return s, f.Parse(args)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	initiator, err := s.initiator.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = initiator.Close() }()
	participant, err := s.participant.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = participant.Close() }()

	id, err := agree(ctx, initiator, participant, s, out)
	if err != nil {
		return err
	}
	for name, client := range map[string]*sdk.Client{"initiator": initiator, "participant": participant} {
		if err := follow(ctx, name, client, id, out); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "swapped", id)
	return nil
}

func (e endpoint) dial(ctx context.Context) (*sdk.Client, error) {
	token, err := sdk.LoadToken(e.tokenFile)
	if err != nil {
		return nil, err
	}
	return sdk.Dial(ctx, sdk.Options{Target: e.target, CAFile: e.caFile, Token: token})
}

// agree takes the three steps: offer, acceptance, countersignature.
func agree(ctx context.Context, initiator, participant *sdk.Client, s *settings, out io.Writer) (string, error) {
	offer, err := initiator.Settlement.Offer(ctx, &sdk.OfferRequest{Send: &s.send, Receive: &s.receive, ByHand: s.byHand})
	if err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	fmt.Fprintln(out, "ticket", offer.GetTicket())

	shown, err := participant.Settlement.Inspect(ctx, &sdk.InspectRequest{Ticket: offer.GetTicket()})
	if err != nil {
		return "", fmt.Errorf("inspect: %w", err)
	}
	printQuote(out, shown.GetQuote())
	for _, refusal := range shown.GetRefusals() {
		fmt.Fprintln(out, "would be refused:", refusal.GetReason(), refusal.GetText())
	}

	accepted, err := participant.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: offer.GetTicket(), ByHand: s.byHand})
	if err != nil {
		return "", fmt.Errorf("accept: %w", err)
	}
	if accepted.GetAcceptance() == "" {
		return accepted.GetSwapId(), nil // the nodes have done the rest
	}
	fmt.Fprintln(out, "acceptance", accepted.GetAcceptance())
	signed, err := initiator.Settlement.Countersign(ctx, &sdk.CountersignRequest{Acceptance: accepted.GetAcceptance()})
	if err != nil {
		return "", fmt.Errorf("countersign: %w", err)
	}
	fmt.Fprintln(out, "countersignature", signed.GetCountersignature())
	if _, err := participant.Settlement.Complete(ctx, &sdk.CompleteRequest{Countersignature: signed.GetCountersignature()}); err != nil {
		return "", fmt.Errorf("complete: %w", err)
	}
	return accepted.GetSwapId(), nil
}

func printQuote(out io.Writer, q *sdk.Quote) {
	fmt.Fprintf(out, "pays %s, is paid %s\n", format(q.GetSends()), format(q.GetReceives()))
	for _, leg := range q.GetLegs() {
		fmt.Fprintf(out, "leg %d: fees fund %s, redeem %s, refund %s (%s); refund opens %s\n", leg.GetIndex(),
			leg.GetFundFee(), leg.GetRedeemFee(), leg.GetRefundFee(), leg.GetFeeAsset(), sdk.Time(leg.GetTimeLock()).Format(time.RFC3339))
	}
	for _, loss := range q.GetWorstCaseLoss() {
		fmt.Fprintln(out, "worst case loses", format(loss))
	}
}

// follow prints what happens until the swap closes. Anything but a swap is an
// error here, though the node may have done all right.
func follow(ctx context.Context, name string, client *sdk.Client, id string, out io.Writer) error {
	for update, err := range client.Watch(ctx, sdk.WatchOptions{IDs: []string{id}}) {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if entry := update.GetEntry(); entry != nil {
			fmt.Fprintf(out, "%s: %s %s %s\n", name, entry.GetKind(), entry.GetText(), entry.GetTxid())
		}
		swap := update.GetSwap()
		switch {
		case swap.GetPhase() != sdk.PhaseClosed:
		case swap.GetOutcome() == sdk.OutcomeSwapped:
			for _, fee := range swap.GetFeesTotal() {
				fmt.Fprintf(out, "%s: fees paid %s\n", name, format(fee))
			}
			return nil
		default:
			return reason.Error(reason.SwapState, fmt.Sprintf("%s: %s: %s", name, swap.GetOutcome(), swap.GetOutcomeCause()), nil)
		}
	}
	return errors.New("the watch ended without an error")
}

func format(a *sdk.AssetAmount) string { return a.GetAmount() + " " + a.GetAsset() }
