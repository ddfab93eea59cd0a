//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// TestSafety_C7_LookAlikeRefused: a contract that looks like the deployment is
// refused as one, by the node's start, by whoever is offered Terms that name
// it, and by whoever follows its events.
func TestSafety_C7_LookAlikeRefused(t *testing.T) {
	t.Parallel()
	t.Run("configured", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newParty(ctx, t, "node", embedded, nodes.chains)
		p.set.MoreEthereum = deployment(deployContract(ctx, t, nodes.chains.ethereum, "LookAlike").address)
		p.refuses(ctx, "BAD_CONFIG", exitRefused) // what the table of reasons has for WRONG_DEPLOYMENT
	})
	t.Run("terms", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, production)
		p.participant.set.MoreEthereum = deployment(deployElsewhere(ctx, t, nodes.chains.ethereum))
		p.participant.restart(ctx)
		must(t, nodes.chains.ethereum.pay(ctx, p.participant.account, participantStart[eth])) // for two offers at one time

		// The initiator of the swap names it.
		offer, err := p.participant.client.Settlement.Offer(ctx, &sdk.OfferRequest{
			Send:     &sdk.AssetAmount{Asset: eth, Amount: receiveETH.String()},
			Receive:  &sdk.AssetAmount{Asset: btc, Amount: sendBTC.String()},
			ValidFor: durationpb.New(swapTimeout),
		})
		must(t, err)
		_, err = p.initiator.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: offer.GetTicket()})
		if sdk.Reason(err) != reason.TermsInvalid {
			t.Errorf("accepting a ticket of another deployment: %v", err)
		}
		// The participant names it, in its answer.
		accepted, err := p.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: p.offer(ctx).GetTicket(), ByHand: true})
		must(t, err)
		_, err = p.initiator.client.Settlement.Countersign(ctx, &sdk.CountersignRequest{Acceptance: accepted.GetAcceptance()})
		if sdk.Reason(err) != reason.TermsInvalid {
			t.Errorf("countersigning an acceptance with another deployment: %v", err)
		}
	})
	t.Run("events", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, production)
		fake := deployContract(ctx, t, nodes.chains.ethereum, "LookAlike")
		id := p.agree(ctx)
		p.participantVanishes()
		claimed := common.HexToHash(p.swap(ctx, id).GetLegs()[1].GetContractId())
		fake.call(ctx, t, "emitFunded", claimed)
		must(t, fake.on.grow(ctx, 5))
		if seen := p.swap(ctx, id).GetLegs()[1]; seen.GetConfirmations() != 0 || seen.GetFundingTxid() != "" {
			t.Errorf("the event counts as funding: %v", seen)
		}
		p.participant.start(ctx)
		p.swapped(ctx, id)
	})
}

func deployment(at common.Address) string { return fmt.Sprintf(", deployment: %q", at.Hex()) }

// deployElsewhere puts the deployment's own code at another address than the
// one that all nodes know.
func deployElsewhere(ctx context.Context, t *testing.T, on *gethd) common.Address {
	t.Helper()
	made, err := on.send(ctx, map[string]any{"data": contracts.Htlc().Bytecode, "gas": hexutil.Uint64(5_000_000)})
	must(t, err)
	return *made.ContractAddress
}
