package server_test

import (
	"strings"
	"testing"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/payout"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

// A budget is raised, shown and told; what raises nothing or is more than what is
// at risk is refused.
func TestRaiseBudget(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	id := agreed(t, a, b)
	fund(t, id, one, two)
	got, err := b.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	redeem := budgetOf(got.GetSwap(), kofov1.BudgetPurpose_BUDGET_PURPOSE_REDEEM)
	atRisk, err := htlc.ParseAmount(got.GetSwap().GetReceives().GetAmount())
	if err != nil || redeem.GetRaised() || redeem.GetMost().GetAsset() != got.GetSwap().GetReceives().GetAsset() {
		t.Fatalf("budgets %v: %v", got.GetSwap().GetBudgets(), err)
	}
	above, err := atRisk.Add(htlc.NewAmount(1))
	if err != nil {
		t.Fatal(err)
	}
	raise := func(amount string) (*kofov1.RaiseBudgetResponse, error) {
		return b.Settlement.RaiseBudget(t.Context(), &kofov1.RaiseBudgetRequest{
			Id: id, Purpose: kofov1.BudgetPurpose_BUDGET_PURPOSE_REDEEM, Budget: amount,
		})
	}
	_, err = raise(above.String())
	wantReason(t, err, reason.BudgetAboveValue)
	_, err = raise(redeem.GetMost().GetAmount())
	wantReason(t, err, reason.BudgetNotHigher)
	_, err = raise("0")
	wantReason(t, err, reason.InvalidArgument)
	answer, err := raise(atRisk.String())
	if err != nil {
		t.Fatal(err)
	}
	if now := budgetOf(answer.GetSwap(), kofov1.BudgetPurpose_BUDGET_PURPOSE_REDEEM); !now.GetRaised() || now.GetMost().GetAmount() != atRisk.String() {
		t.Fatalf("the budget is %v", now)
	}
	if other := budgetOf(answer.GetSwap(), kofov1.BudgetPurpose_BUDGET_PURPOSE_REFUND); other.GetRaised() {
		t.Fatalf("the refund's budget is %v", other)
	}
	history, err := b.Settlement.History(t.Context(), &kofov1.HistoryRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	last := history.GetEntries()[len(history.GetEntries())-1]
	if last.GetKind() != string(htlc.KindBudgetRaised) || !strings.Contains(last.GetText(), atRisk.String()) {
		t.Fatalf("history %v", last)
	}
}

// TestSafety_D10_RaisedBudgetIsCounted: what a call allows for fees counts in the
// token's caps and the node's limits, in steps as at once, and what was refused
// does not count.
func TestSafety_D10_RaisedBudgetIsCounted(t *testing.T) {
	day := htlc.NewAmount(2_000_000)
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2, Payouts: payout.Rules{
		Limits: []payout.Limit{{Asset: servertest.BTC, PerDay: day}},
	}})
	a, b := dial(t, one, ""), dial(t, two, "")
	id := agreed(t, a, b)
	fund(t, id, one, two)
	capped := func(perCall, perDay string) *sdk.Client {
		c, _ := tokenWith(t, two, &kofov1.CreateTokenRequest{
			Scopes: tradeAndWithdraw, Caps: []*kofov1.Cap{{PerCall: btc(perCall), PerDay: perDay}},
		})
		return c
	}
	now := func() uint64 {
		t.Helper()
		got, err := b.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
		if err != nil {
			t.Fatal(err)
		}
		most, err := htlc.ParseAmount(budgetOf(got.GetSwap(), kofov1.BudgetPurpose_BUDGET_PURPOSE_REDEEM).GetMost().GetAmount())
		if err != nil {
			t.Fatal(err)
		}
		n, _ := most.Uint64()
		return n
	}
	raise := func(c *sdk.Client, to uint64) error {
		_, err := c.Settlement.RaiseBudget(t.Context(), &kofov1.RaiseBudgetRequest{
			Id: id, Purpose: kofov1.BudgetPurpose_BUDGET_PURPOSE_REDEEM, Budget: htlc.NewAmount(to).String(),
		})
		return err
	}
	start := now()
	byCall := capped(htlc.NewAmount(start+100).String(), "")
	if err := raise(byCall, start+90); err != nil {
		t.Fatal(err)
	}
	wantReason(t, raise(byCall, start+101), reason.CapExceeded) // though the step is a small one
	byDay := capped(htlc.NewAmount(start+10_000_000).String(), "500")
	if err := raise(byDay, start+90+400); err != nil {
		t.Fatal(err)
	}
	wantReason(t, raise(byDay, start+490+101), reason.CapExceeded)
	if err := raise(byDay, start+490+100); err != nil {
		t.Fatalf("what was refused counts: %v", err)
	}
	foreign, _ := tokenWith(t, two, &kofov1.CreateTokenRequest{Scopes: tradeAndWithdraw, Caps: []*kofov1.Cap{{PerCall: eth("1")}}})
	wantReason(t, raise(foreign, start+1_000), reason.CapExceeded)
	wantReason(t, raise(b, start+2_000_001), reason.LimitExceeded)
	if got := now(); got != start+590 {
		t.Fatalf("the budget is %d, raised from %d", got, start)
	}
	if err := raise(b, start+2_000_000); err != nil {
		t.Fatalf("within the day's limit: %v", err)
	}
}

func budgetOf(s *kofov1.Swap, p kofov1.BudgetPurpose) *kofov1.Budget {
	for _, b := range s.GetBudgets() {
		if b.GetPurpose() == p {
			return b
		}
	}
	return nil
}
