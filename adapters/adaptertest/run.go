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
	for _, c := range cases() {
		runCase(t, h, c.name, c.run)
	}
}

// SameHash is that one case: adapters that pass it swap with each other.
func SameHash(t *testing.T, h Harness) { runCase(t, h, "SameHash", (*kit).sameHash) }

func runCase(t *testing.T, h Harness, name string, run func(*kit)) {
	t.Run(name, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
		defer cancel()
		h.Endpoint.Restore()
		defer h.Endpoint.Restore()
		run(newKit(ctx, t, h))
	})
}

type oneCase struct {
	name string
	run  func(*kit)
}

func cases() []oneCase {
	return []oneCase{
		{"Build", (*kit).build},
		{"Altered", (*kit).altered},
		{"AlteredOnChain", (*kit).alteredOnChain},
		{"Redeemed", (*kit).redeemed},
		{"Refunded", (*kit).refunded},
		{"RefundPrepared", (*kit).refundPrepared},
		{"RedeemAfterTimeLock", (*kit).redeemAfterTimeLock},
		{"OnlyOneSpend", (*kit).onlyOneSpend},
		{"WrongSecret", (*kit).wrongSecret},
		{"SameHash", (*kit).sameHash},
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
		{"ReserveRedeemKept", (*kit).reserveRedeemKept},
		{"FundTwice", (*kit).fundTwice},
		{"BroadcastTwice", (*kit).broadcastTwice},
		{"BroadcastForeign", (*kit).broadcastForeign},
		{"AbandonUnminedFunding", (*kit).abandonUnminedFunding},
		{"AbandonMinedFunding", (*kit).abandonMinedFunding},
		{"AbandonReorged", (*kit).abandonReorged},
		{"AbandonKeepsAndBumps", (*kit).abandonKeepsAndBumps},
		{"Replace", (*kit).replace},
		{"Budget", (*kit).budget},
		{"MustPaysTheMarket", (*kit).mustPaysTheMarket},
		{"Consent", (*kit).consent},
		{"ConsentNone", (*kit).consentNone},
		{"ConsentWrongKey", (*kit).consentWrongKey},
		{"ConsentAltered", (*kit).consentAltered},
		{"ConsentOtherContract", (*kit).consentOtherContract},
		{"ConsentOnce", (*kit).consentOnce},
		{"ConsentBegunAnew", (*kit).consentBegunAnew},
		{"ConsentBesideScript", (*kit).consentBesideScript},
		{"ConsentReorgBack", (*kit).consentReorgBack},
		{"ConsentReorgGone", (*kit).consentReorgGone},
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
	}
}
