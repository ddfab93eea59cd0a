package monitor

import (
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// The initiator's redeem is seen in a mempool, thrown out of it with every block
// and never mined. The participant has seen the secret, and redeems with it.
func TestSafety_B2_SecretOfAnEvictedRedeem(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.chains[beta].hold(htlc.PurposeRedeem)
	contract, err := modelContract(terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	redeemed := w.drive(60, func() bool {
		if s, ok := w.nodes[1].engine.Swap(id); ok && s.Secret != nil {
			w.chains[beta].evict()
		}
		mined, _ := w.chains[alpha].count(contract.ID, htlc.PurposeRedeem)
		return mined == 1
	})
	if !redeemed {
		t.Fatal("the participant does not redeem with a secret that it has seen")
	}
	w.chains[beta].hold()
	w.drive(60, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
}
