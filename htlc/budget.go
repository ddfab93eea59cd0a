package htlc

import "fmt"

// Budgets are the most that our transactions of a purpose may cost where the
// owner has said so, in base units of the coin that the chain takes fees in. Zero
// is what the node computes by itself.
type Budgets struct {
	Redeem, Refund Amount `json:",omitzero"`
}

// Raised is the budget that the owner has set for a purpose, zero for none.
func (b Budgets) Raised(p Purpose) Amount {
	if of := b.of(p); of != nil {
		return *of
	}
	return Amount{}
}

// of is the place of a purpose's budget, nil where it has none of its own. To
// abandon a funding is to take it back, as a refund is.
func (b *Budgets) of(p Purpose) *Amount {
	switch p {
	case PurposeFund, PurposeConsent: // what was reserved for it; that of the spend that it saves
	case PurposeRedeem:
		return &b.Redeem
	case PurposeRefund, PurposeAbandon:
		return &b.Refund
	}
	return nil
}

// budgetRaised only ever raises: a lower budget than the one before would leave
// transactions behind that cost more than it.
func (s *Swap) budgetRaised(e BudgetRaised) error {
	of := s.Budgets.of(e.Purpose)
	if of == nil || e.Budget.IsZero() {
		return fmt.Errorf("%w: no budget of %s for a %s", ErrRejected, e.Budget, e.Purpose)
	}
	if e.Budget.Cmp(*of) <= 0 {
		return ErrStale
	}
	*of = e.Budget
	return nil
}

// concerns reports whether a raised budget of the purpose bears on an effect.
func (p Purpose) concerns(w Effect) bool {
	switch w.Kind {
	case EffectRevealAndRedeem, EffectRedeem, EffectPrepareRedeem:
		return p == PurposeRedeem
	case EffectRefundLeg, EffectAbandonFunding:
		return p == PurposeRefund || p == PurposeAbandon
	case EffectWatch, EffectUnwatch, EffectPrepareFunding, EffectCheckFunding, EffectFundLeg, EffectCheckReveal,
		EffectAskRedeem, EffectAskRefund, EffectAlarm, EffectRelease:
	}
	return false
}
