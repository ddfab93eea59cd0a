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
)

// testToken is an ERC-20 token with a mint for everybody.
type testToken struct {
	on      *gethd
	address common.Address
	abi     abi.ABI
}

func deployToken(ctx context.Context, t *testing.T, on *gethd, name string) testToken {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "adapters", "evm", "contracts", "testdata", "artifacts", name+".json"))
	must(t, err)
	artifact, err := contracts.ParseArtifact(raw)
	must(t, err)
	parsed, err := abi.JSON(strings.NewReader(string(artifact.ABI)))
	must(t, err)
	made, err := on.send(ctx, map[string]any{"data": artifact.Bytecode, "gas": hexutil.Uint64(3_000_000)})
	must(t, err)
	return testToken{on: on, address: *made.ContractAddress, abi: parsed}
}

func (k testToken) asset() string {
	return ethereumChain + "/erc20:" + strings.ToLower(k.address.Hex())
}

func (k testToken) mint(ctx context.Context, t *testing.T, to common.Address, amount *big.Int) {
	t.Helper()
	data, err := k.abi.Pack("mint", to, amount)
	must(t, err)
	_, err = k.on.send(ctx, map[string]any{"to": k.address, "data": hexutil.Bytes(data), "gas": hexutil.Uint64(200_000)})
	must(t, err)
}

// TestToken swaps bitcoin for ERC-20 tokens: a plain one, and one that
// returns nothing.
func TestToken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"PlainToken", "NoReturnToken"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			token := deployToken(ctx, t, nodes.chains.ethereum, name)
			p := newPairOn(ctx, t, production, nodes.chains, func(s *settings) {
				s.MoreEthereum = fmt.Sprintf(`, tokens: [{asset: %q, symbol: TEST, decimals: 6}]`, token.asset())
			})
			minted, price := big.NewInt(9_000_000_000), big.NewInt(2_500_000_000)
			token.mint(ctx, t, p.participant.account, minted)
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
