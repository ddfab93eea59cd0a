package htlc

import (
	"errors"
	"fmt"
)

// Outcomes of Transition other than applied. The swap is unchanged.
var (
	// ErrStale: the event is a duplicate, or came too late to matter.
	ErrStale = errors.New("duplicate or stale event")
	// ErrRejected: the event cannot be true of this swap.
	ErrRejected = errors.New("event rejected")
	// ErrNotCancellable: our leg may be on its way, only a refund helps.
	ErrNotCancellable = fmt.Errorf("%w: the swap can be cancelled only before its funding", ErrRejected)
	// ErrWrongSecret: the SHA-256 of the secret is not the Terms' hash.
	ErrWrongSecret = fmt.Errorf("%w: the secret does not open the hash", ErrRejected)
)

// Transition applies one event. It is pure, total and deterministic: the
// same swap and event always give the same swap, effects and error, and s is
// never changed in place. Errors wrap ErrStale or ErrRejected.
func Transition(s Swap, e Event) (Swap, []Effect, error) {
	if e == nil {
		return s, nil, fmt.Errorf("%w: no event", ErrRejected)
	}
	if _, opening := e.(TermsSigned); !opening && s.Phase == PhaseNew {
		return s, nil, fmt.Errorf("%w: %s before the terms", ErrRejected, e.Kind())
	}
	if s.Phase == PhaseClosed {
		return s.afterTheEnd(e)
	}
	next := s.clone()
	alarms, err := e.applyTo(&next)
	if err != nil {
		return s, nil, fmt.Errorf("%s in phase %s: %w", e.Kind(), s.Phase, err)
	}
	next.Version++
	next.settleDepths()
	next.settlePhase()
	next.settleOutcome()
	if next.Phase != s.Phase {
		next.Held = nil
	}
	if next.CutOffPassed && !s.CutOffPassed && next.Legs[next.Out()].Status.Locked() {
		alarms = append(alarms, Effect{Kind: EffectAlarm, Leg: next.In(), Detail: AlarmCutOff})
	}
	if next.wantsAbandon() && !s.wantsAbandon() {
		alarms = append(alarms, Effect{Kind: EffectAlarm, Leg: next.Out(), Detail: AlarmUnmined})
	}
	return next, append(alarms, next.effectsAfter(s, e)...), nil
}

// afterTheEnd: a closed swap changes no more, but its party may still consent
// to what closed long ago for itself.
func (s Swap) afterTheEnd(e Event) (Swap, []Effect, error) {
	given, ok := e.(ConsentGiven)
	if !ok {
		return s, nil, fmt.Errorf("%w: %s after the end", ErrStale, e.Kind())
	}
	next := s.clone()
	if err := next.consentGiven(given); err != nil {
		return s, nil, fmt.Errorf("%s after the end: %w", e.Kind(), err)
	}
	next.Version++
	return next, nil, nil
}

// effectsAfter lists what the swap wants now and did not want before. A tip
// asks again for everything on its chain, so that whatever was lost is tried
// with every block, and a raised budget for what it is for. (Watches are set anew from the swaps at every start.)
func (s Swap) effectsAfter(before Swap, e Event) []Effect {
	if s.Phase == PhaseClosed {
		out := []Effect{{Kind: EffectUnwatch, Leg: s.In()}, {Kind: EffectUnwatch, Leg: s.Out()}, {Kind: EffectRelease}}
		if s.Outcome == OutcomeLost {
			out = append(out, Effect{Kind: EffectAlarm, Leg: s.In(), Detail: AlarmLost})
		}
		return out
	}
	known := map[Effect]bool{}
	for _, w := range before.wants() {
		known[w] = true
	}
	var out []Effect
	for _, w := range s.wants() {
		if !known[w] || s.asksAgain(e, w) {
			out = append(out, w)
		}
	}
	return out
}

// asksAgain reports whether an event lets something be tried again that is
// wanted already.
func (s Swap) asksAgain(e Event, w Effect) bool {
	switch e := e.(type) {
	case TipAdvanced:
		return w.Kind != EffectWatch && s.sameChain(w.Leg, e.Leg)
	case BudgetRaised:
		return e.Purpose.concerns(w)
	}
	return false
}

func (s Swap) sameChain(a, b int) bool { return s.Terms.Legs[a].Chain() == s.Terms.Legs[b].Chain() }

// Wants reports whether the state still asks for an effect that it asked for
// before. Alarms, unwatch and release are asked for once and stay good.
func (s Swap) Wants(e Effect) bool {
	switch e.Kind {
	case EffectAlarm, EffectUnwatch, EffectRelease:
		return true
	case EffectWatch, EffectPrepareFunding, EffectCheckFunding, EffectFundLeg, EffectAbandonFunding,
		EffectPrepareRedeem, EffectCheckReveal, EffectRevealAndRedeem, EffectRedeem, EffectRefundLeg,
		EffectAskRedeem, EffectAskRefund:
	}
	for _, w := range s.wants() {
		if w == e {
			return true
		}
	}
	return false
}

// wants is everything that the state asks to be done, in order of urgency.
func (s Swap) wants() []Effect {
	if s.Phase == PhaseNew || s.Phase == PhaseClosed {
		return nil
	}
	in, out := s.Legs[s.In()], s.Legs[s.Out()]
	var w []Effect
	add := func(k EffectKind, leg int) { w = append(w, Effect{Kind: k, Leg: leg}) }
	switch {
	case s.Phase == PhaseRevealing:
		add(EffectRevealAndRedeem, s.In())
	case s.asksRedeem():
		add(EffectAskRedeem, s.In())
	case s.Phase == PhaseRedeeming && in.Status.Locked():
		add(EffectRedeem, s.In())
	case s.Phase == PhaseFunded && s.Initiator() && in.Status == LegConfirmed && !s.CutOffPassed && !s.Forsworn():
		if s.RedeemTx == "" {
			add(EffectPrepareRedeem, s.In())
		} else {
			add(EffectCheckReveal, s.In())
		}
	case s.Phase == PhaseAgreed && s.Restored:
		// What is not known yet, or may be out already, is not done twice.
	case s.Phase == PhaseAgreed && (s.Initiator() || in.Status == LegConfirmed):
		if s.FundingTx == "" {
			add(EffectPrepareFunding, s.Out())
		} else {
			add(EffectCheckFunding, s.Out())
		}
	}
	// A clock that was set back closes the time lock again: no refund then,
	// it would be refused with every block.
	if s.Refunding && out.Status.Locked() && out.Clock > s.Terms.Legs[s.Out()].TimeLock {
		add(EffectRefundLeg, s.Out())
	}
	if s.asksRefund() {
		add(EffectAskRefund, s.Out())
	}
	switch {
	case s.searching():
	case s.wantsAbandon():
		add(EffectAbandonFunding, s.Out())
	case s.wantsFunding():
		add(EffectFundLeg, s.Out())
	}
	add(EffectWatch, s.In())
	add(EffectWatch, s.Out())
	return w
}

// wantsFunding: the gate has opened and our funding is in no block. It is sent
// inside the fund-by time, while the incoming leg holds.
func (s Swap) wantsFunding() bool {
	in, out := s.Legs[s.In()], s.Legs[s.Out()]
	if !s.FundingAllowed || s.Refunding || out.Status >= LegInBlock || out.Clock > s.Terms.Legs[s.Out()].FundBy {
		return false
	}
	covered := in.Status == LegConfirmed || in.Redeemed()
	return covered || s.Initiator() && s.Phase < PhaseRevealing
}

// wantsAbandon: our funding may be out, is in no block, and shall never be in
// one: it is too late for it, or the incoming leg is gone. Mined later it could
// be redeemed by somebody who has taken that leg back. Where the secret is out
// and we are paid or can be, our leg is owed until its time lock opens. Once
// begun there is no way back.
func (s Swap) wantsAbandon() bool {
	if s.Phase == PhaseNew || s.Phase == PhaseClosed {
		return false
	}
	in, out, leg := s.Legs[s.In()], s.Legs[s.Out()], s.Terms.Legs[s.Out()]
	switch {
	case !s.outstanding():
		return false
	case s.AbandonTx != "", in.gone():
		return true
	case s.Phase >= PhaseRevealing && in.Status >= LegInBlock:
		return out.Clock > leg.TimeLock
	}
	return out.Clock > leg.FundBy
}

// settleDepths recomputes confirmations and burials from heights.
func (s *Swap) settleDepths() {
	for i := range s.Legs {
		l, need := &s.Legs[i], uint64(s.Terms.Legs[i].MinConfirmations)
		if l.Status.Locked() {
			l.Status = LegInBlock
			if l.Confirmations() >= need {
				l.Status = LegConfirmed
			}
		}
		l.Buried = l.Status.Spent() && l.SpendConfirmations() >= need
	}
}

// settlePhase derives the phase from what is known.
func (s *Swap) settlePhase() {
	out, leg := s.Legs[s.Out()], s.Terms.Legs[s.Out()]
	funded := out.Status >= LegInBlock
	switch {
	case s.Phase == PhaseAgreed && funded, s.Phase == PhaseFunding && funded:
		s.Phase = PhaseFunded
	case s.Phase == PhaseFunded && !funded && s.Announced:
		s.Phase = PhaseFunding
	case s.Phase == PhaseFunded && !funded:
		s.Phase = PhaseAgreed // somebody else's funding was undone
	}
	if out.Status.Locked() && out.Clock > leg.TimeLock {
		s.Refunding = true
	}
	if s.Refunding && s.Phase == PhaseFunded {
		s.Phase = PhaseRefunding
	}
	if s.Initiator() && s.Phase < PhaseRevealing && s.Legs[s.In()].Clock > s.Terms.CutOff() {
		s.CutOffPassed = true
	}
	s.settleForgotten()
	if s.Phase != PhaseClosed && (s.Secret != nil || s.Released) {
		s.Phase = PhaseRedeeming
	}
	s.bindIntents()
}

// settleOutcome closes the swap when nothing can happen to it any more.
func (s *Swap) settleOutcome() {
	out := s.Legs[s.Out()]
	outcome := OutcomeNone
	switch {
	case s.Phase == PhaseClosed, s.Phase == PhaseRevealing, s.outstanding():
		// A reveal or a funding may be on its way: its result comes first.
	case s.searching(), s.Phase == PhaseAgreed && s.mayHaveForgotten():
		// A restored swap comes to no end before the chains have told of it,
		// nor while a funding that it has forgotten may be on its way: its
		// owner, who can move the coins, decides on that.
	case s.Phase == PhaseAgreed && (s.Forsworn() || out.Clock > s.Terms.Legs[s.Out()].FundBy):
		outcome = OutcomeCancelled
	case s.Phase == PhaseRedeeming:
		outcome = s.outcomeAfterReveal()
	case out.Buried && out.Status == LegSpentRefunded:
		outcome = OutcomeRefunded
	case out.Buried && out.Status == LegSpentByConsent && !s.forgottenIntent():
		outcome = OutcomeConsented
	}
	if outcome != OutcomeNone {
		s.Phase, s.Outcome = PhaseClosed, outcome
	}
}

// outcomeAfterReveal judges a swap whose secret is out. An incoming leg that
// is not funded is waited for while our own was redeemed, and by a bystander
// until its payer could take it back.
func (s *Swap) outcomeAfterReveal() Outcome {
	in, out := s.Legs[s.In()], s.Legs[s.Out()]
	ownBack := out.Buried && !out.Redeemed()
	late := s.bystander() && in.Clock > s.Terms.Legs[s.In()].TimeLock
	inGone := in.Buried || in.Status < LegInBlock && (ownBack || late)
	outGone := out.Buried || !s.Announced && out.Status < LegInBlock
	if !inGone || !outGone {
		return OutcomeNone
	}
	paid, ours := in.Redeemed(), s.Announced
	switch {
	case ours && out.Redeemed() && paid:
		return OutcomeSwapped
	case paid && (!ours || out.returned()):
		return OutcomeWindfall
	case ours && out.Status == LegSpentByConsent && !out.Redeemed(), in.Status == LegSpentByConsent && !paid:
		return OutcomeConsented
	case paid:
		return OutcomeWindfall
	case ours && out.Redeemed():
		return OutcomeLost
	case ours && out.Status == LegSpentRefunded:
		return OutcomeRefunded
	}
	return OutcomeCancelled
}
