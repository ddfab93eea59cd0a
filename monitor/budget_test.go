package monitor

import (
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// redeemBudget is what the last redeem was allowed to cost.
func (n *node) redeemBudget(chain htlc.ChainID) htlc.Amount {
	a := n.adapters[chain]
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.budget
}

// paid is the fee of the redeem that was stored last.
func (n *node) paid(s htlc.SwapID, leg int) htlc.Amount {
	n.w.t.Helper()
	txs, err := n.store.Txs(n.w.t.Context(), s, leg, htlc.PurposeRedeem)
	if err != nil {
		n.w.t.Fatal(err)
	}
	if len(txs) == 0 {
		return htlc.Amount{}
	}
	return txs[len(txs)-1].Fee
}

// The budget of a redeem that does not confirm is raised while the swap runs:
// the next block pays more. The process ends and begins again: it still may, and
// it can be raised again.
func TestSafety_B1_CapRaisedWhileRunning(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.chains[beta].hold(htlc.PurposeRedeem)
	n := w.nodes[0]
	usual := htlc.NewAmount(1000)
	w.drive(60, func() bool {
		s, ok := n.engine.Swap(id)
		return ok && s.Released
	})
	if got := n.paid(id, 1); got != usual {
		t.Fatalf("the redeem costs %s before its budget was raised", got)
	}
	for _, budget := range []htlc.Amount{htlc.NewAmount(5000), htlc.NewAmount(9000)} {
		raise := htlc.BudgetRaised{Purpose: htlc.PurposeRedeem, Budget: budget}
		if err := n.engine.Apply(t.Context(), engine.Input{Swap: id, Event: raise}); err != nil {
			t.Fatal(err)
		}
		if !w.drive(3, func() bool { return n.paid(id, 1) == budget }) {
			t.Fatalf("the redeem costs %s with a budget of %s", n.paid(id, 1), budget)
		}
		n.stop()
		n.start()
		if !w.drive(10, func() bool { return n.redeemBudget(beta) == budget }) {
			t.Fatalf("after a restart the budget is %s, not %s", n.redeemBudget(beta), budget)
		}
	}
	w.chains[beta].hold()
	if !w.drive(60, w.closed(id)) {
		t.Fatal("the swap does not end")
	}
	contract, err := modelContract(terms, 1)
	if err != nil {
		t.Fatal(err)
	}
	if mined, handed := w.chains[beta].count(contract.ID, htlc.PurposeRedeem); mined != 1 || handed != 3 {
		t.Fatalf("%d redeems were mined, %d sent", mined, handed)
	}
}
