//go:build e2e

package e2e

import (
	"math/big"
	"testing"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// TestSplit: a wallet with one coin makes one offer at a time; after a split it
// settles two swaps at once, and the split has cost nothing but its fee.
func TestSplit(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, embedded)
	first := p.offer(ctx)
	_, err := p.initiator.client.Settlement.Offer(ctx, offerBTC())
	if code, _ := reason.Of(err); code != reason.CoinsReserved {
		t.Fatalf("two offers of one coin: %v", err)
	}
	_, err = p.initiator.client.Settlement.Cancel(ctx, &sdk.CancelRequest{Id: first.GetOfferId()})
	must(t, err)

	split, err := p.initiator.client.Wallet.Split(ctx, &sdk.SplitRequest{
		Amount: &sdk.AssetAmount{Asset: btc, Amount: "6000000"}, Parts: 2,
	})
	must(t, err)
	fee, ok := new(big.Int).SetString(split.GetFee().GetAmount(), 10)
	if !ok || fee.Sign() <= 0 {
		t.Fatalf("%v", split)
	}
	p.has(ctx, p.initiator, money{btc: new(big.Int).Sub(initiatorStart[btc], fee)}, money{})
	for tx, err := range p.initiator.client.AllTransactions(ctx, bitcoinChain) {
		must(t, err)
		if tx.GetTxid() != split.GetTxid() || tx.GetKind() != sdk.WalletTxKindSplit || tx.GetParts() != 2 || tx.GetFailed() {
			t.Errorf("%v", tx)
		}
	}

	ids := []string{
		agree(ctx, t, p.initiator, p.participant, offerBTC()),
		agree(ctx, t, p.initiator, p.participant, &sdk.OfferRequest{
			Send: offerBTC().GetSend(), Receive: &sdk.AssetAmount{Asset: eth, Amount: "500000000000000000"}, ValidFor: offerBTC().GetValidFor(),
		}),
	}
	for _, id := range ids {
		p.participant.ends(ctx, id, sdk.OutcomeSwapped)
		p.initiator.ends(ctx, id, sdk.OutcomeSwapped)
	}
}
