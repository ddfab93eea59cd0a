package towertest

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Maker makes packages that say what they were made from.
type Maker struct{}

// FundingRef implements tower.Maker.
func (Maker) FundingRef(_ htlc.Terms, leg int, funding adapters.Tx) (string, error) {
	return fmt.Sprintf("%s/%d", funding.ID, leg), nil
}

// EntrustRefund implements tower.Maker.
func (Maker) EntrustRefund(_ context.Context, _ htlc.Terms, _ int, ref string, most htlc.Amount) (adapters.Entrusted, error) {
	return adapters.Entrusted{Target: "refund " + ref + " for " + most.String(), Funding: ref, Call: []byte{1}}, nil
}

// EntrustRedeem implements tower.Maker.
func (Maker) EntrustRedeem(_ context.Context, _ htlc.Terms, _ int, ref string, _ htlc.Amount) (adapters.Entrusted, error) {
	return adapters.Entrusted{Target: "redeem " + ref, Funding: ref, Spends: []adapters.EntrustedSpend{{FeeRate: 5, Raw: []byte{2}}}}, nil
}
