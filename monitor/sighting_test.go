package monitor

import (
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// The initiator's redeem waits in the mempool and is in no block. That is enough:
// the participant redeems before the reveal is mined.
func TestSafety_A7_RedeemOnMempoolSighting(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.chains[beta].hold(htlc.PurposeRedeem)
	var contracts [2]string
	for leg := range contracts {
		c, err := modelContract(terms, leg)
		if err != nil {
			t.Fatal(err)
		}
		contracts[leg] = c.ID
	}
	redeemed := w.drive(60, func() bool {
		mined, _ := w.chains[alpha].count(contracts[0], htlc.PurposeRedeem)
		return mined == 1
	})
	if !redeemed {
		t.Fatal("the participant waits for the reveal to be mined")
	}
	if mined, _ := w.chains[beta].count(contracts[1], htlc.PurposeRedeem); mined != 0 {
		t.Fatal("the reveal was mined: the test shows nothing")
	}
	w.chains[beta].hold()
	w.drive(60, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
}
