package demo

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
)

var plays = map[string]func(context.Context, *demo) error{
	Happy:               playHappy,
	ParticipantVanishes: playParticipantVanishes,
	InitiatorVanishes:   playInitiatorVanishes,
	CrashAtReveal:       playCrashAtReveal,
}

// agree makes the offer and accepts it; the answer travels by the direct TLS
// connection named in the ticket.
func (d *demo) agree(ctx context.Context) (string, error) {
	d.print.step("The initiator offers 0.05 BTC for 1 ETH")
	offer, err := d.initiator.client.Settlement.Offer(ctx, &sdk.OfferRequest{
		Send:     &sdk.AssetAmount{Asset: d.btc(), Amount: sendBTC},
		Receive:  &sdk.AssetAmount{Asset: d.eth(), Amount: receiveETH},
		ValidFor: offerValidity,
	})
	if err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	d.print.quote(offer.GetQuote())
	d.print.line("  ticket %.40s... (%d characters)", offer.GetTicket(), len(offer.GetTicket()))
	d.print.step("The participant accepts the ticket")
	accepted, err := d.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: offer.GetTicket()})
	if err != nil {
		return "", fmt.Errorf("accept: %w", err)
	}
	if u := accepted.GetUndelivered(); u != nil {
		return "", fmt.Errorf("the acceptance was not delivered: %s", u.GetText())
	}
	d.print.line("  swap %s", accepted.GetSwapId())
	return accepted.GetSwapId(), nil
}

func playHappy(ctx context.Context, d *demo) error {
	id, err := d.agree(ctx)
	if err != nil {
		return err
	}
	return d.expect(ctx, id, sdk.OutcomeSwapped, d.initiator, d.participant)
}

// playParticipantVanishes: the participant's node dies before it has funded.
// The chain of its leg stands still meanwhile, so it cannot be too fast.
func playParticipantVanishes(ctx context.Context, d *demo) error {
	if err := d.control.SetMining(ctx, false, true); err != nil {
		return err
	}
	id, err := d.agree(ctx)
	if err != nil {
		return err
	}
	if err := d.until(ctx, d.initiator, id, func(s *sdk.Swap) bool { return s.GetPhase() >= sdk.PhaseFunding }); err != nil {
		return err
	}
	if err := d.vanish(d.participant); err != nil {
		return err
	}
	if err := d.control.SetMining(ctx, true, true); err != nil {
		return err
	}
	if err := d.until(ctx, d.initiator, id, funded); err != nil {
		return err
	}
	if err := d.passTimeLocks(ctx, d.initiator, id); err != nil {
		return err
	}
	if err := d.expect(ctx, id, sdk.OutcomeRefunded, d.initiator); err != nil {
		return err
	}
	if err := d.comeBack(ctx, d.participant); err != nil {
		return err
	}
	return d.expect(ctx, id, sdk.OutcomeCancelled, d.participant)
}

// playInitiatorVanishes: both legs are funded, and the one who holds the
// secret dies. The participant's funding is held in the mempool until then.
func playInitiatorVanishes(ctx context.Context, d *demo) error {
	if err := d.control.SetMining(ctx, true, false); err != nil {
		return err
	}
	id, err := d.agree(ctx)
	if err != nil {
		return err
	}
	submitted := func(s *sdk.Swap) bool { return ownLeg(s).GetStatus() >= sdk.LegStatusInMempool }
	if err := d.until(ctx, d.participant, id, submitted); err != nil {
		return err
	}
	if err := d.vanish(d.initiator); err != nil {
		return err
	}
	if err := d.control.SetMining(ctx, true, true); err != nil {
		return err
	}
	if err := d.until(ctx, d.participant, id, funded); err != nil {
		return err
	}
	if err := d.passTimeLocks(ctx, d.participant, id); err != nil {
		return err
	}
	if err := d.expect(ctx, id, sdk.OutcomeRefunded, d.participant); err != nil {
		return err
	}
	if err := d.comeBack(ctx, d.initiator); err != nil {
		return err
	}
	return d.expect(ctx, id, sdk.OutcomeRefunded, d.initiator)
}

// playCrashAtReveal: the initiator's node is killed at the moment at which it
// hands over the transaction that shows the secret; nothing reached the
// chain. Started again, it sends the stored bytes.
func playCrashAtReveal(ctx context.Context, d *demo) error {
	died := make(chan error, 1)
	d.proxy.arm(func() {
		signal, err := d.initiator.process.kill()
		if err == nil && signal != syscall.SIGKILL {
			err = fmt.Errorf("the node died of %s, not of SIGKILL", signal)
		}
		died <- err
	})
	id, err := d.agree(ctx)
	if err != nil {
		return err
	}
	select {
	case err := <-died:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return fmt.Errorf("the initiator did not get to reveal: %w", ctx.Err())
	}
	d.killed = "SIGKILL"
	d.print.step("The initiator's node was killed (SIGKILL) while it handed over the secret")
	d.initiator.vanished()
	if err := d.comeBack(ctx, d.initiator); err != nil {
		return err
	}
	return d.expect(ctx, id, sdk.OutcomeSwapped, d.initiator, d.participant)
}

func funded(s *sdk.Swap) bool {
	status := ownLeg(s).GetStatus()
	return status == sdk.LegStatusInBlock || status == sdk.LegStatusConfirmed
}

func ownLeg(s *sdk.Swap) *sdk.Leg {
	for _, leg := range s.GetLegs() {
		if leg.GetRole() == sdk.LegRolePayer {
			return leg
		}
	}
	return nil
}

// until follows a swap until the condition holds.
func (d *demo) until(ctx context.Context, p *party, id string, done func(*sdk.Swap) bool) error {
	_, err := p.client.WaitFor(ctx, id, done)
	if err != nil {
		return fmt.Errorf("wait for the %s: %w", p.name, err)
	}
	return nil
}

// vanish kills a party's node.
func (d *demo) vanish(p *party) error {
	signal, err := p.process.kill()
	if err != nil {
		return err
	}
	d.killed = signalName(signal)
	p.vanished()
	d.print.step("The %s's node was killed (SIGKILL)", p.name)
	return nil
}

// comeBack starts a party's node again, on the data that it left.
func (d *demo) comeBack(ctx context.Context, p *party) error {
	d.print.step("The %s's node starts again", p.name)
	return d.startNode(ctx, p)
}

// passTimeLocks moves both chains' clocks over the later time lock; waiting
// would take a minute and a half.
func (d *demo) passTimeLocks(ctx context.Context, p *party, id string) error {
	got, err := p.client.Settlement.Get(ctx, &sdk.GetRequest{Id: id})
	if err != nil {
		return err
	}
	var ahead time.Duration
	for _, leg := range got.GetSwap().GetLegs() {
		ahead = max(ahead, sdk.Time(leg.GetTimeLock()).Sub(sdk.Time(leg.GetChainClock())))
	}
	ahead += 10 * time.Second
	d.print.step("Nobody answers; the clocks of both chains are moved %s ahead, over the time locks", ahead.Round(time.Second))
	_, err = d.control.Advance(ctx, ahead)
	return err
}

// expect waits until the parties have closed the swap with the outcome.
func (d *demo) expect(ctx context.Context, id string, want sdk.Outcome, parties ...*party) error {
	var errs []error
	for _, p := range parties {
		s, err := p.client.WaitClosed(ctx, id)
		if err != nil {
			errs = append(errs, fmt.Errorf("wait for the %s: %w", p.name, err))
			continue
		}
		p.outcome = s.GetOutcome()
		p.fees = s.GetFeesTotal()
		if s.GetOutcome() != want {
			errs = append(errs, fmt.Errorf("%w: the %s ended %s, not %s", ErrOutcome, p.name, s.GetOutcome(), want))
		}
	}
	return errors.Join(errs...)
}
