package server

import (
	"context"
	"errors"
	"fmt"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/monitor/engine"
)

// budgetPurposes are those that have a budget, in the order of a swap.
var budgetPurposes = []struct {
	purpose htlc.Purpose
	shown   kofov1.BudgetPurpose
	noun    string
}{
	{htlc.PurposeRedeem, kofov1.BudgetPurpose_BUDGET_PURPOSE_REDEEM, "the redeem"},
	{htlc.PurposeRefund, kofov1.BudgetPurpose_BUDGET_PURPOSE_REFUND, "the refund"},
}

// RaiseBudget notes what the owner allows. It is an event of the swap, so it is
// stored with everything else, survives a restart, and lets what is wanted be
// tried again at once.
func (h settlement) RaiseBudget(ctx context.Context, req *kofov1.RaiseBudgetRequest) (*kofov1.RaiseBudgetResponse, error) {
	r, swap, err := h.find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	budget, err := htlc.ParseAmount(req.GetBudget())
	if err != nil {
		return nil, refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "budget"}, "the budget is no amount: %v", err)
	}
	purpose := htlc.PurposeRedeem
	for _, b := range budgetPurposes {
		if b.shown == req.GetPurpose() {
			purpose = b.purpose
		}
	}
	if err := h.mayRaise(swap, purpose, budget); err != nil {
		return nil, err
	}
	if err := h.raise(ctx, swap, purpose, budget); err != nil {
		return nil, err
	}
	view, err := h.s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	return &kofov1.RaiseBudgetResponse{Swap: view}, nil
}

// raise counts what may be spent more like any other coins that leave by a call:
// fees go to others as payments do, and whoever makes blocks is paid by them. The
// cap by call is held against the whole budget, or many small steps would pass it.
func (h settlement) raise(ctx context.Context, swap htlc.Swap, purpose htlc.Purpose, budget htlc.Amount) error {
	coin := h.s.feeCoin(swap.Terms.Legs[budgetLeg(swap, purpose)].Chain())
	if err := capped(callerOf(ctx), agreement.AssetAmount{Asset: coin, Amount: budget}); err != nil {
		return err
	}
	more, err := budget.Sub(h.s.budget(swap, purpose))
	if err != nil {
		return fmt.Errorf("raise the budget to %s: %w", budget, err)
	}
	changed := false
	key := fmt.Sprintf("budget/%s/%s/%s", swap.ID, purpose, budget)
	return h.s.counted(ctx, key, agreement.AssetAmount{Asset: coin, Amount: more}, func() error {
		err := h.s.o.Engine.Apply(ctx, engine.Input{Swap: swap.ID, Event: htlc.BudgetRaised{Purpose: purpose, Budget: budget}})
		if errors.Is(err, engine.ErrNoSwap) || errors.Is(err, htlc.ErrStale) {
			// Another call was faster, or the swap has just closed.
			changed = true
			return refuse(reason.SwapState, map[string]string{reason.KeySwapID: swap.ID.String()}, "the swap has changed meanwhile; look at it again")
		}
		return err
	}, func(error) bool { return !changed })
}

// mayRaise refuses what would not raise the budget, and what would lose more
// than is at risk. Where the leg is another asset than its fees are paid in, the
// account's coins are the only limit that can be known.
func (h settlement) mayRaise(swap htlc.Swap, purpose htlc.Purpose, budget htlc.Amount) error {
	meta := map[string]string{reason.KeySwapID: swap.ID.String()}
	if swap.Phase == htlc.PhaseClosed {
		return refuse(reason.SwapState, meta, "the swap is closed, nothing is paid for any more")
	}
	leg := swap.Terms.Legs[budgetLeg(swap, purpose)]
	coin := h.s.feeCoin(leg.Chain())
	meta[reason.KeyAsset] = string(coin)
	if leg.Asset == coin && budget.Cmp(leg.Amount) > 0 {
		meta["most"] = leg.Amount.String()
		return refuse(reason.BudgetAboveValue, meta, "a fee of %s is more than the %s that are at risk", budget, leg.Amount)
	}
	if now := h.s.budget(swap, purpose); budget.Cmp(now) <= 0 {
		meta["budget"] = now.String()
		return refuse(reason.BudgetNotHigher, meta, "the budget is %s already", now)
	}
	return nil
}

func budgetLeg(swap htlc.Swap, purpose htlc.Purpose) int {
	if purpose == htlc.PurposeRedeem {
		return swap.In()
	}
	return swap.Out()
}

// budget is what holds now.
func (s *Server) budget(swap htlc.Swap, purpose htlc.Purpose) htlc.Amount {
	usual, raised := s.o.Budget(swap.Terms.Legs[budgetLeg(swap, purpose)]), swap.Budgets.Raised(purpose)
	if raised.Cmp(usual) > 0 {
		return raised
	}
	return usual
}

func (s *Server) putBudgets(view *kofov1.Swap, swap htlc.Swap) {
	if swap.Phase == htlc.PhaseClosed {
		return
	}
	for _, b := range budgetPurposes {
		coin := s.feeCoin(swap.Terms.Legs[budgetLeg(swap, b.purpose)].Chain())
		most := s.budget(swap, b.purpose)
		view.Budgets = append(view.Budgets, &kofov1.Budget{
			Purpose: b.shown, Most: amount(coin, most), Raised: swap.Budgets.Raised(b.purpose) == most,
		})
	}
}

// budget tells of a raised one.
func (d describer) budget(entry *kofov1.HistoryEntry, e htlc.BudgetRaised) {
	leg := d.terms.Outgoing(d.self)
	if e.Purpose == htlc.PurposeRedeem {
		leg = d.terms.Incoming(d.self)
	}
	noun := e.Purpose.String()
	for _, b := range budgetPurposes {
		if b.purpose == e.Purpose {
			noun = b.noun
		}
	}
	coin := d.s.feeCoin(d.terms.Legs[leg].Chain())
	entry.Text = fmt.Sprintf("This node's owner allows %s of %s for %s on %s.", e.Budget, coin, noun, d.leg(entry, leg))
}
