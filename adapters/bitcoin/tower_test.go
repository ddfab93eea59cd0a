package bitcoin_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
)

// Somebody who does not know the contract sees its funding and its secret, and
// reads from the chain whether it is spent.
func TestSignsForATower(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	tower := k.open("tower", bitcointest.NewBook())
	k.watch(k.payer, terms)
	k.watch(k.payee, terms)
	funding := k.fund("swap", terms)
	ref := refOf(funding)
	locked := func(want bool) {
		t.Helper()
		if got, err := tower.Locked(k.ctx(), ref); err != nil || got != want {
			t.Fatalf("locked %v, %v; want %v", got, err, want)
		}
	}
	signs := func() adapters.Signs {
		t.Helper()
		s, err := tower.Signs(k.ctx(), k.tip(tower))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	locked(false) // in no block
	k.mineFact(k.payee, adapters.Funded)
	locked(true)
	if s := signs(); !slices.Contains(s.Fundings, ref) || len(s.Secrets) != 0 {
		t.Fatalf("signs of the funding: %+v", s)
	}
	k.broadcast(k.payee, k.redeem(terms, ref, 1))
	locked(true) // the redeem is in no block
	k.mineFact(k.payee, adapters.Redeemed)
	locked(false)
	s := signs()
	found := false
	for _, got := range s.Secrets {
		found = found || got.Equal(secret(1))
	}
	if !found {
		t.Fatalf("signs of the redeem: %+v", s)
	}
	if _, err := tower.Locked(k.ctx(), "nowhere"); !errors.Is(err, adapters.ErrMismatch) {
		t.Errorf("a target that is none: %v", err)
	}
}
