package bitcoin_test

import (
	"encoding/hex"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
)

// A node that has lost its store knows its own funding again by the coins that
// it spends. What others pay to the contract is not its own, and the other
// party's is not either.
func TestSafety_D2_OwnFundingIsKnownAgain(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	contract := k.watch(k.payer, terms)
	k.watch(k.payee, terms)
	from := k.tip(k.payer)
	k.fund("swap", terms)
	k.mine(1)
	raw, err := hex.DecodeString(contract.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Pay(k.ctx(), raw, lockOf); err != nil {
		t.Fatal(err)
	}
	k.mine(1)
	restored := k.open("payer", bitcointest.NewBook())
	k.watch(restored, terms)
	for name, p := range map[string]*party{"payer": k.payer, "restored": restored, "payee": k.payee} {
		found, _, err := p.Scan(k.ctx(), contract.ID, from.Height, k.tip(p).Height)
		if err != nil || len(found) != 2 {
			t.Fatalf("%s: %v, %v", name, found, err)
		}
		for i, f := range found {
			if want := i == 0 && p != k.payee; f.Kind != adapters.Funded || f.Own != want {
				t.Errorf("%s: funding %d own=%t, want %t", name, i, f.Own, want)
			}
		}
		if step := k.next(p, from); len(step.Facts) != 1 || step.Facts[0].Own != (p != k.payee) {
			t.Errorf("%s: the block's facts are %+v", name, step.Facts)
		}
	}
}
