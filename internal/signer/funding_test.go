package signer_test

import (
	"slices"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/signertest"
)

// A contract of the Bitcoin family is a script, which does not tell the amount:
// Terms that were signed for little let nothing more be locked under it, by Terms
// that nobody signed.
func TestFundingIsThatOfTheSignedTerms(t *testing.T) {
	rules := signertest.Rules()
	rules.Limits = []signer.Limit{{Asset: bitcoin.Regtest().Asset, PerCall: htlc.NewAmount(100_000)}}
	g := guarded(t, rules)
	a := openWallet(t, g)
	small := signertest.Began(t, g, htlc.Salt{1})
	large := small
	large.Legs = slices.Clone(small.Legs)
	small.Legs[0].Amount = htlc.NewAmount(100_000)
	large.Legs[0].Amount = htlc.NewAmount(15_000_000)
	if _, err := g.Identity().SignTerms(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	_, err := g.Identity().SignTerms(t.Context(), large)
	wantRefused(t, "terms over the limit", err)
	if _, err := a.Reserve(t.Context(), adapters.Reservation{
		Owner: "one", Asset: large.Legs[0].Asset, Amount: large.Legs[0].Amount, Salt: large.Salt,
	}); err != nil {
		t.Fatal(err)
	}
	_, err = a.Fund(t.Context(), "one", large, 0)
	wantRefused(t, "a funding of 150 times the limit, by terms that were not signed", err)
}
