//go:build e2e

package e2e

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// killCase says who dies at an edge, and in which swap.
type killCase struct {
	initiator bool // the victim; else the participant
	refund    bool // the other party vanishes, so that the edge is reached
	abandon   bool // the participant's funding never arrives at its chain's node
	alone     bool // nobody consents to anything
	back      bool // the participant cancels, and the initiator takes its leg back by consent
	// begun: the edge is passed with every block, so the victim is armed in
	// the middle of the swap, for the count-th passing.
	begun bool
	count string
}

// killCases has one case for each edge between durable and visible.
var killCases = map[string]killCase{
	killpoint.EngineBeforeCommit:   {initiator: true, begun: true, count: "5"},
	killpoint.EngineAfterCommit:    {initiator: false, begun: true, count: "5"},
	killpoint.FundSigned:           {initiator: true},
	killpoint.FundStored:           {initiator: false},
	killpoint.FundReleased:         {initiator: false},
	killpoint.FundBroadcast:        {initiator: true},
	killpoint.AbandonSigned:        {abandon: true},
	killpoint.AbandonStored:        {abandon: true},
	killpoint.AbandonBroadcast:     {abandon: true},
	killpoint.RedeemSigned:         {initiator: true},
	killpoint.RedeemStored:         {initiator: false},
	killpoint.RedeemReleased:       {initiator: true},
	killpoint.RedeemBroadcast:      {initiator: false, alone: true},
	killpoint.RefundSigned:         {initiator: false, refund: true, alone: true},
	killpoint.RefundStored:         {initiator: false, refund: true, alone: true},
	killpoint.RefundReleased:       {initiator: true, refund: true, alone: true},
	killpoint.RefundBroadcast:      {initiator: true, refund: true, alone: true},
	killpoint.ConsentProposed:      {initiator: false},
	killpoint.ConsentGiven:         {initiator: true},
	killpoint.ConsentAnswered:      {initiator: false, back: true},
	killpoint.ConsentSigned:        {initiator: true, back: true},
	killpoint.ConsentStored:        {initiator: false},
	killpoint.ConsentBroadcast:     {initiator: true, back: true},
	killpoint.TermsBeforeCopy:      {initiator: true},
	killpoint.TermsAfterCopy:       {initiator: false},
	killpoint.AgreementSigned:      {initiator: false},
	killpoint.AgreementStored:      {initiator: false},
	killpoint.AgreementCountersign: {initiator: true},
}

// TestSafety_D1_KillAtEveryEdge kills a node with SIGKILL at each edge once,
// starts it again, and expects the end that the swap would have had, with
// exactly one funding and one spend of each contract.
func TestSafety_D1_KillAtEveryEdge(t *testing.T) {
	t.Parallel()
	for _, point := range killpoint.Points() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			c, ok := killCases[point]
			if !ok {
				t.Fatalf("no case for the edge %s", point)
			}
			ctx := swapContext(t)
			change := func(*settings) {}
			switch {
			case c.alone, c.abandon:
				change = alone
			case c.back:
				change = patient
			}
			p := newPairOn(ctx, t, production, nodes.chains, change)
			victim := p.participant
			if c.initiator {
				victim = p.initiator
			}
			if c.abandon {
				victim.behindRelay(ctx, ethereumChain).lose(hex.EncodeToString(contracts.Address().Bytes()))
			}
			p.endsAfter(ctx, p.killAt(ctx, victim, point, c), victim, c)
		})
	}
}

// endsAfter waits for the end that the swap would have had without the kill.
func (p pair) endsAfter(ctx context.Context, id string, victim *party, c killCase) {
	p.t.Helper()
	switch {
	case c.abandon:
		victim.ends(ctx, id, sdk.OutcomeCancelled)
		p.broughtBack(ctx, p.initiator.ends(ctx, id, sdk.OutcomeRefunded), 0)
		p.nonces(ctx, victim, 1)
	case c.back:
		p.consented(ctx, id, bitcoinChain)
	case !c.refund:
		p.swapped(ctx, id)
	case victim == p.initiator:
		victim.ends(ctx, id, sdk.OutcomeRefunded)
		p.participant.start(ctx)
		p.participant.ends(ctx, id, sdk.OutcomeCancelled)
		p.broughtBack(ctx, p.swap(ctx, id), 0)
	default:
		victim.ends(ctx, id, sdk.OutcomeRefunded)
		p.initiator.start(ctx)
		p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
		p.broughtBack(ctx, p.swap(ctx, id), 1)
	}
}

// swap is the initiator's view.
func (p pair) swap(ctx context.Context, id string) *sdk.Swap {
	p.t.Helper()
	got, err := p.initiator.client.Settlement.Get(ctx, &sdk.GetRequest{Id: id})
	must(p.t, err)
	return got.GetSwap()
}

// killAt swaps until the victim dies at the edge, and starts it again.
func (p pair) killAt(ctx context.Context, victim *party, point string, c killCase) (id string) {
	p.t.Helper()
	armed := []string{"KOFO_KILL_AT=" + point, "KOFO_KILL_COUNT=" + c.count}
	if c.begun {
		id = p.agree(ctx)
		victim.restart(ctx, armed...)
	} else {
		victim.restart(ctx, armed...)
		var died bool
		if id, died = p.agreeWith(ctx, victim); died {
			return id
		}
	}
	if c.back {
		p.participantCancels(ctx, id)
	}
	if c.refund && victim == p.initiator {
		p.participantVanishes()
	}
	if c.refund && victim == p.participant {
		p.initiatorVanishes(ctx, id)
	}
	must(p.t, victim.process.killed(ctx))
	victim.forget()
	victim.start(ctx)
	return id
}

// agreeWith makes a swap although the victim may die on the way: whoever lost
// the answer asks again.
func (p pair) agreeWith(ctx context.Context, victim *party) (id string, died bool) {
	p.t.Helper()
	request := offerBTC()
	request.ValidFor = durationpb.New(20 * time.Second)
	offer, err := p.initiator.client.Settlement.Offer(ctx, request)
	must(p.t, err)
	for range 3 {
		accepted, err := p.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: offer.GetTicket()})
		if err == nil && accepted.GetUndelivered() == nil {
			return accepted.GetSwapId(), died
		}
		must(p.t, victim.process.killed(ctx))
		victim.forget()
		victim.start(ctx)
		died = true
	}
	p.t.Fatal("no agreement in three tries")
	return "", false
}
