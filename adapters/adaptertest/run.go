package adaptertest

import (
	"context"
	"testing"
	"time"
)

// caseTimeout bounds a case, so that an adapter that waits for ever fails by
// name.
const caseTimeout = 2 * time.Minute

// Run is the conformance suite. Every adapter passes all of it; there is no
// way to leave a case out.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		run  func(*kit)
	}{
		{"Build", (*kit).build},
		{"Altered", (*kit).altered},
		{"AlteredOnChain", (*kit).alteredOnChain},
		{"Redeemed", (*kit).redeemed},
		{"Refunded", (*kit).refunded},
		{"RefundPrepared", (*kit).refundPrepared},
		{"RedeemAfterTimeLock", (*kit).redeemAfterTimeLock},
		{"OnlyOneSpend", (*kit).onlyOneSpend},
		{"WrongSecret", (*kit).wrongSecret},
		{"SpentAndUnfunded", (*kit).spentAndUnfunded},
		{"Mempool", (*kit).mempool},
		{"Confirmed", (*kit).confirmed},
		{"ReorgFundingBack", (*kit).reorgFundingBack},
		{"ReorgFundingGone", (*kit).reorgFundingGone},
		{"ReorgRedeemBack", (*kit).reorgRedeemBack},
		{"ReorgRedeemGone", (*kit).reorgRedeemGone},
		{"RestartAcrossReorg", (*kit).restartAcrossReorg},
		{"UnknownCursor", (*kit).unknownCursor},
		{"Restart", (*kit).restart},
		{"RestartWithRef", (*kit).restartWithRef},
		{"RegisteredLate", (*kit).registeredLate},
		{"LazyReader", (*kit).lazyReader},
		{"WatchTwice", (*kit).watchTwice},
		{"Unwatch", (*kit).unwatch},
		{"Wait", (*kit).wait},
		{"Concurrent", (*kit).concurrent},
		{"ReserveApart", (*kit).reserveApart},
		{"ReserveInsufficient", (*kit).reserveInsufficient},
		{"ReserveBounds", (*kit).reserveBounds},
		{"ReserveAgain", (*kit).reserveAgain},
		{"Release", (*kit).release},
		{"ReleasedFunding", (*kit).releasedFunding},
		{"Adopt", (*kit).adopt},
		{"FundTwice", (*kit).fundTwice},
		{"BroadcastTwice", (*kit).broadcastTwice},
		{"BroadcastForeign", (*kit).broadcastForeign},
		{"Replace", (*kit).replace},
		{"Budget", (*kit).budget},
		{"Simulate", (*kit).simulate},
		{"SecretStays", (*kit).secretStays},
		{"Means", (*kit).means},
		{"Quote", (*kit).quote},
		{"Withdraw", (*kit).withdraw},
		{"BalancesRedeemed", (*kit).balancesRedeemed},
		{"BalancesRefunded", (*kit).balancesRefunded},
		{"Status", (*kit).status},
		{"WrongChain", (*kit).wrongChain},
		{"Unreachable", (*kit).unreachable},
		{"Cancelled", (*kit).cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
			defer cancel()
			h.Endpoint.Restore()
			defer h.Endpoint.Restore()
			c.run(newKit(ctx, t, h))
		})
	}
}
