package runner_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// The secret is out, and the process that keeps it does not answer, or refuses.
// The redeem that was sent is stored, and goes to the node with every block: the
// node may have lost it, and the time lock does not wait.
func TestSentRedeemIsSentAgainWithoutTheSigner(t *testing.T) {
	m, j, _ := revealing(t)
	j.txs[0].Released = true
	m.must(htlc.Submitted{Leg: 1, Purpose: htlc.PurposeRedeem, TxID: "redeem"})
	c := &chain{}
	r := run(t, m, c, j, gates{secret: func() error { return errors.New("the signer does not answer") }})
	ask(r, m, htlc.EffectRedeem, 1)
	if !until(3*time.Second, func() bool { return c.has("redeem") }) {
		t.Error("a stored redeem, whose secret is out, is not sent again")
	}
}
