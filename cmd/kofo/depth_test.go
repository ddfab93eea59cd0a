package main

import (
	"testing"

	"github.com/kofo-network/kofo/api/sdk"
)

func TestConfirmationsAreOfAChain(t *testing.T) {
	k := assets{[]*sdk.Chain{{Id: "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", Name: "bitcoin", MinConfirmations: 3, Depths: []*sdk.DepthStep{
		{Asset: "x", UpTo: "5", MinConfirmations: 2}, {Asset: "x", MinConfirmations: 6},
	}}}}
	got, err := k.depths([]string{"bitcoin=6"})
	if err != nil || len(got) != 1 || got[0].GetChain() != k.chains[0].GetId() || got[0].GetMinConfirmations() != 6 {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"6", "bitcoin", "bitcoin=", "bitcoin=0", "bitcoin=-1", "litecoin=6"} {
		if got, err := k.depths([]string{text}); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
	rows := k.depthRows(k.chains[0])
	if len(rows) != 2 || rows[0][1] != "3" || rows[1][1] != "6" {
		t.Errorf("the chain's own depth is the least: %v", rows)
	}
}
