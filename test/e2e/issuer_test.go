//go:build e2e

package e2e

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/api/sdk"
)

var errNoAlarm = errors.New("the log tells no alarm")

// TestSafety_C3_BlockedPayeeStopsReveal: once the initiator has paid, the
// token's issuer blocks its account, and after the second lock pauses the token
// for the deployment. The secret is not shown; the refund is tried with every
// block, an alarm tells of it, and it is paid when the pause ends.
func TestSafety_C3_BlockedPayeeStopsReveal(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	token := deployContract(ctx, t, nodes.chains.ethereum, "BlockingToken")
	p := newPairOn(ctx, t, production, nodes.chains, func(s *settings) { alone(s); s.MoreEthereum = token.listed() })
	minted := big.NewInt(9_000_000_000)
	token.call(ctx, t, "mint", p.participant.account, minted)
	p.has(ctx, p.participant, money{token.asset(): minted}, nil)
	id := agree(ctx, t, p.initiator, p.participant, &sdk.OfferRequest{
		Send:     &sdk.AssetAmount{Asset: btc, Amount: sendBTC.String()},
		Receive:  &sdk.AssetAmount{Asset: token.asset(), Amount: "2500000000"},
		ValidFor: durationpb.New(10 * time.Second),
	})
	p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	token.call(ctx, t, "setBlocked", p.initiator.account, true)
	p.participant.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	token.call(ctx, t, "setBlocked", contracts.Address(), true)

	must(t, eventually(ctx, "alarm about the refund", func() error {
		for line := range strings.Lines(p.participant.log()) {
			if strings.Contains(line, "alarm") && strings.Contains(line, "PAYOUT_BLOCKED") {
				return nil
			}
		}
		return errNoAlarm
	}))
	token.call(ctx, t, "setBlocked", contracts.Address(), false)
	p.participant.ends(ctx, id, sdk.OutcomeRefunded)
	s := p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
	p.broughtBack(ctx, s, 1)
	p.has(ctx, p.participant, money{token.asset(): minted}, nil)
}
