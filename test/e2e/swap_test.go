//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/api/sdk"
)

// TestHappyPath swaps with the embedded and with the production storage, and
// then withdraws what was swapped.
func TestHappyPath(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]storage{"embedded": embedded, "production": production} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			p := newPair(ctx, t, where)
			p.swapped(ctx, p.agree(ctx))
			p.withdraws(ctx)
		})
	}
}

// withdraws: each party sends half of what it got to where the tests see it.
func (p pair) withdraws(ctx context.Context) {
	t := p.t
	t.Helper()
	var to common.Address
	_, err := rand.Read(to[:])
	must(t, err)
	half := new(big.Int).Div(receiveETH, big.NewInt(2))
	_, err = p.initiator.client.Wallet.Withdraw(ctx, &sdk.WithdrawRequest{
		Amount: &sdk.AssetAmount{Asset: eth, Amount: half.String()}, To: to.Hex(),
	})
	must(t, err)
	must(t, eventually(ctx, "the withdrawn ether arrives", func() error {
		have, err := p.initiator.chains.ethereum.balance(ctx, to)
		if err == nil && have.Cmp(half) != 0 {
			err = fmt.Errorf("%s has %s", to, have)
		}
		return err
	}))

	got, err := p.initiator.client.Wallet.Addresses(ctx, &sdk.AddressesRequest{Chain: bitcoinChain})
	must(t, err)
	before, err := p.initiator.spendable(ctx, btc)
	must(t, err)
	_, err = p.participant.client.Wallet.Withdraw(ctx, &sdk.WithdrawRequest{
		Amount: &sdk.AssetAmount{Asset: btc, Amount: "2500000"}, To: got.GetAddresses()[0].GetAddress(),
	})
	must(t, err)
	p.has(ctx, p.initiator, money{btc: before.Add(before, big.NewInt(2_500_000))}, nil)
	p.has(ctx, p.participant, money{btc: big.NewInt(2_500_000)}, mostFees)
}

// TestByHand carries acceptance and countersignature as text, as two people
// would who have no connection.
func TestByHand(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, embedded)
	accepted, err := p.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: p.offer(ctx).GetTicket(), ByHand: true})
	must(t, err)
	signed, err := p.initiator.client.Settlement.Countersign(ctx, &sdk.CountersignRequest{Acceptance: accepted.GetAcceptance()})
	must(t, err)
	done, err := p.participant.client.Settlement.Complete(ctx, &sdk.CompleteRequest{Countersignature: signed.GetCountersignature()})
	must(t, err)
	p.swapped(ctx, done.GetSwapId())
}

// TestParticipantVanishes: nobody funds the second leg; the first comes back
// by itself.
func TestParticipantVanishes(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, production)
	id := p.agree(ctx)
	p.participantVanishes()
	s := p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
	p.participant.start(ctx)
	p.participant.ends(ctx, id, sdk.OutcomeCancelled)
	p.broughtBack(ctx, s, 0)
}

// TestInitiatorVanishes: both legs are funded and the secret is never shown;
// both come back.
func TestInitiatorVanishes(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPairOn(ctx, t, production, nodes.chains, alone) // else the participant lets the initiator have it sooner
	id := p.agree(ctx)
	p.initiatorVanishes(ctx, id)
	p.participant.ends(ctx, id, sdk.OutcomeRefunded)
	p.initiator.start(ctx)
	s := p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
	p.broughtBack(ctx, s, 1)
}

// participantVanishes kills the participant. Called right after the agreement
// it comes before the participant funds: the first leg needs two blocks more.
func (p pair) participantVanishes() { p.participant.kill() }

// initiatorVanishes kills the initiator once its leg is in a block: too early
// for it to show the secret, too late to keep the participant from funding.
func (p pair) initiatorVanishes(ctx context.Context, id string) {
	p.t.Helper()
	p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	p.initiator.kill()
}

// TestTwoAtOnce settles three swaps at one time between the same two nodes
// and their wallets: one each way of asking, and one in which the initiator
// pays ether.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, production)
	for range 2 {
		p.participant.payBitcoin(ctx, initiatorStart[btc].Int64())
	}
	must(t, p.initiator.chains.ethereum.pay(ctx, p.initiator.account, participantStart[eth]))
	begin := []money{
		{btc: big.NewInt(20_000_000), eth: big.NewInt(2.1e18)},
		{btc: big.NewInt(40_000_000), eth: big.NewInt(2e18)},
	}
	p.has(ctx, p.initiator, begin[0], nil)
	p.has(ctx, p.participant, begin[1], nil)
	ids := []string{
		agree(ctx, t, p.initiator, p.participant, offerBTC()),
		agree(ctx, t, p.participant, p.initiator, offerBTC()),
		agree(ctx, t, p.initiator, p.participant, &sdk.OfferRequest{
			Send:     &sdk.AssetAmount{Asset: eth, Amount: "500000000000000000"},
			Receive:  &sdk.AssetAmount{Asset: btc, Amount: "3000000"},
			ValidFor: durationpb.New(10 * time.Second),
		}),
	}
	for _, id := range ids {
		p.participant.ends(ctx, id, sdk.OutcomeSwapped)
		s := p.initiator.ends(ctx, id, sdk.OutcomeSwapped)
		p.usedOnce(ctx, s, 0, 1)
		p.usedOnce(ctx, s, 1, 1)
	}
	fees := money{btc: big.NewInt(300_000), eth: big.NewInt(15e15)}
	p.has(ctx, p.initiator, money{btc: big.NewInt(23_000_000), eth: big.NewInt(1.6e18)}, fees)
	p.has(ctx, p.participant, money{btc: big.NewInt(37_000_000), eth: big.NewInt(2.5e18)}, fees)
}

// TestRestart stops a node gently in every phase that it passes, and starts it
// again at once: nobody notices.
func TestRestart(t *testing.T) {
	t.Parallel()
	at := func(phase sdk.Phase) func(*sdk.Swap) bool {
		return func(s *sdk.Swap) bool { return s.GetPhase() >= phase }
	}
	victims := map[string]func(pair) *party{
		"initiator":   func(p pair) *party { return p.initiator },
		"participant": func(p pair) *party { return p.participant },
	}
	phases := map[string][]sdk.Phase{
		"initiator":   {sdk.PhaseAgreed, sdk.PhaseFunding, sdk.PhaseFunded, sdk.PhaseRevealing},
		"participant": {sdk.PhaseAgreed, sdk.PhaseFunding, sdk.PhaseFunded, sdk.PhaseRedeeming},
	}
	for who, victim := range victims {
		for _, phase := range phases[who] {
			t.Run(who+"/"+phase.String(), func(t *testing.T) {
				t.Parallel()
				ctx := swapContext(t)
				p := newPair(ctx, t, production)
				id := p.agree(ctx)
				victim(p).reaches(ctx, id, at(phase))
				victim(p).restart(ctx)
				p.swapped(ctx, id)
			})
		}
	}
	t.Run("initiator/"+sdk.PhaseOffered.String(), func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, production)
		offer := p.offer(ctx)
		p.initiator.restart(ctx)
		accepted, err := p.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: offer.GetTicket()})
		must(t, err)
		p.swapped(ctx, accepted.GetSwapId())
	})
	t.Run("participant/"+sdk.PhaseAccepted.String(), func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, production)
		offer := p.offer(ctx)
		accepted, err := p.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: offer.GetTicket(), ByHand: true})
		must(t, err)
		p.participant.restart(ctx)
		signed, err := p.initiator.client.Settlement.Countersign(ctx, &sdk.CountersignRequest{Acceptance: accepted.GetAcceptance()})
		must(t, err)
		_, err = p.participant.client.Settlement.Complete(ctx, &sdk.CompleteRequest{Countersignature: signed.GetCountersignature()})
		must(t, err)
		p.swapped(ctx, accepted.GetSwapId())
	})
	t.Run("initiator/"+sdk.PhaseRefunding.String(), func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, production)
		id := p.agree(ctx)
		p.participantVanishes()
		p.initiator.reaches(ctx, id, at(sdk.PhaseRefunding))
		p.initiator.restart(ctx)
		s := p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
		p.participant.start(ctx)
		p.participant.ends(ctx, id, sdk.OutcomeCancelled)
		p.broughtBack(ctx, s, 0)
	})
}
