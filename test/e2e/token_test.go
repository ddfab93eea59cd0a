//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// testContract is one of those that were compiled for tests.
type testContract struct {
	on      *gethd
	address common.Address
	abi     abi.ABI
}

func deployContract(ctx context.Context, t *testing.T, on *gethd, name string) testContract {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "adapters", "evm", "contracts", "testdata", "artifacts", name+".json"))
	must(t, err)
	artifact, err := contracts.ParseArtifact(raw)
	must(t, err)
	parsed, err := abi.JSON(strings.NewReader(string(artifact.ABI)))
	must(t, err)
	made, err := on.send(ctx, map[string]any{"data": artifact.Bytecode, "gas": hexutil.Uint64(3_000_000)})
	must(t, err)
	return testContract{on: on, address: *made.ContractAddress, abi: parsed}
}

// call sends a call and waits for its block.
func (c testContract) call(ctx context.Context, t *testing.T, method string, args ...any) {
	t.Helper()
	data, err := c.abi.Pack(method, args...)
	must(t, err)
	_, err = c.on.send(ctx, map[string]any{"to": c.address, "data": hexutil.Bytes(data), "gas": hexutil.Uint64(200_000)})
	must(t, err)
}

// asset is the id of a token, which lets everybody mint.
func (c testContract) asset() string {
	return ethereumChain + "/erc20:" + strings.ToLower(c.address.Hex())
}

// listed are the settings of a node that lists the token.
func (c testContract) listed() string {
	return fmt.Sprintf(`, tokens: [{asset: %q, symbol: TEST, decimals: 6}]`, c.asset())
}

// TestToken swaps bitcoin for ERC-20 tokens: a plain one, and one that
// returns nothing.
func TestToken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"PlainToken", "NoReturnToken"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			token := deployContract(ctx, t, nodes.chains.ethereum, name)
			p := newPairOn(ctx, t, production, nodes.chains, func(s *settings) {
				s.MoreEthereum = token.listed()
			})
			minted, price := big.NewInt(9_000_000_000), big.NewInt(2_500_000_000)
			token.call(ctx, t, "mint", p.participant.account, minted)
			p.has(ctx, p.participant, money{token.asset(): minted}, nil)

			id := agree(ctx, t, p.initiator, p.participant, &sdk.OfferRequest{
				Send:     &sdk.AssetAmount{Asset: btc, Amount: sendBTC.String()},
				Receive:  &sdk.AssetAmount{Asset: token.asset(), Amount: price.String()},
				ValidFor: durationpb.New(10 * time.Second),
			})
			s := p.initiator.ends(ctx, id, sdk.OutcomeSwapped)
			p.participant.ends(ctx, id, sdk.OutcomeSwapped)
			p.usedOnce(ctx, s, 0, 1)
			p.usedOnce(ctx, s, 1, 1)
			// What changes hands arrives whole: fees are paid in the chain's coin.
			p.has(ctx, p.initiator, money{token.asset(): price}, nil)
			p.has(ctx, p.participant, money{token.asset(): new(big.Int).Sub(minted, price)}, nil)
			p.has(ctx, p.participant, money{btc: sendBTC, eth: participantStart[eth]}, mostFees)
		})
	}
}

// TestSafety_C2_RebasingTokenNotListed: nobody can see at the lock that a
// token changes balances by itself. It is kept out by not being listed: a node
// that does not list it makes no offer of it, and neither side of one is
// accepted.
func TestSafety_C2_RebasingTokenNotListed(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	token := deployContract(ctx, t, nodes.chains.ethereum, "RebasingToken")
	p := newPair(ctx, t, production)
	price := &sdk.AssetAmount{Asset: token.asset(), Amount: "2500000000"}
	for _, side := range []*party{p.initiator, p.participant} {
		token.call(ctx, t, "mint", side.account, big.NewInt(9_000_000_000))
	}
	offers := map[string]*sdk.OfferRequest{
		"to pay it":          {Send: price, Receive: &sdk.AssetAmount{Asset: btc, Amount: sendBTC.String()}},
		"to be paid with it": {Send: &sdk.AssetAmount{Asset: btc, Amount: sendBTC.String()}, Receive: price},
	}
	refused := func(doing string, err error) {
		t.Helper()
		if sdk.Reason(err) != reason.UnknownAsset {
			t.Errorf("%s: %v, wanted is %s", doing, err, reason.UnknownAsset)
		}
	}
	for what, offer := range offers {
		_, err := p.initiator.client.Settlement.Offer(ctx, offer)
		refused("an offer "+what, err)
	}

	// The initiator is careless; the participant is not.
	p.initiator.set.MoreEthereum = token.listed()
	p.initiator.restart(ctx)
	for what, offer := range offers {
		made, err := p.initiator.client.Settlement.Offer(ctx, offer)
		must(t, err)
		seen, err := p.participant.client.Settlement.Inspect(ctx, &sdk.InspectRequest{Ticket: made.GetTicket()})
		if err != nil {
			refused("inspecting an offer "+what, err)
		} else if against := seen.GetRefusals(); len(against) == 0 || against[0].GetReason() != string(reason.UnknownAsset) {
			t.Errorf("inspecting an offer %s: nothing against it but %v", what, against)
		}
		_, err = p.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: made.GetTicket()})
		refused("accepting an offer "+what, err)
	}
	kept, err := p.participant.client.Settlement.List(ctx, &sdk.ListRequest{})
	must(t, err)
	if n := len(kept.GetSwaps()); n != 0 {
		t.Errorf("the participant keeps %d swaps", n)
	}
}
