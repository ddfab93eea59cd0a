package tower_test

import (
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// A tower gets a refund when its own chain already has the funding, and the node
// has not read that block yet. The tower looked at the block before it had the
// package, so nothing ever opens it: it has to be told once the node knows.
func TestRefundThatCameAfterItsBlockIsOpened(t *testing.T) {
	k := newKit(t, 0, nil)
	k.funding = adapters.Tx{ID: "lock"}
	k.guard.Pass(t.Context())
	k.swap.Legs[0] = htlc.LegState{Status: htlc.LegInBlock, FundTx: "lock", FundRef: "lock/0"}
	for range 3 {
		k.clock = k.clock.Add(11 * time.Minute)
		k.guard.Pass(t.Context())
	}
	if found := k.inside("a:1", guarded.RefundOpener("lock/0")); len(found) != 1 || found[0].State == guarded.Sealed {
		t.Errorf("half an hour after the funding's block the tower waits for that block: %+v", found)
	}
}
