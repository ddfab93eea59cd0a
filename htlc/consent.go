package htlc

import "fmt"

// A contract may also be spent with both parties' consent: the payee takes it
// without showing the secret, or the payer takes it back before the time lock.
// Who gives consent gives its leg away, so the rules of ConsentRule are as hard
// as those of the gates. There is one intent per contract, ever, whether we
// asked for it ourselves or consented to it: it is part of the state before
// anything is sent or answered, and nothing takes it back.

// The conditions of a consent.
const (
	CondOursToGive  Condition = "the consent is ours to give"
	CondOneIntent   Condition = "no other intent was asked for or consented to"
	CondSecretHeld  Condition = "the secret is in hand"
	CondPaid        Condition = "the incoming leg is redeemed, or its redeem is out in time"
	CondOutgoing    Condition = "the own leg was never let out and never will be, or is back and buried"
	CondSecretKept  Condition = "the secret is not out"
	CondNotForsworn Condition = "the incoming leg was not given up by consent"
)

// ErrConsentHeld: a condition of ConsentRule does not hold.
var ErrConsentHeld = fmt.Errorf("%w: consent is held back", ErrRejected)

// ConsentFacts are what the core cannot know of itself when it decides on a
// consent.
type ConsentFacts struct {
	// SecretHeld: the secret that opens the Terms' hash can be had at any time.
	SecretHeld Observed
}

// ConsentRule is the only place that decides whether we let the other party of
// one of our legs spend it with our consent.
//
// The payee's redeem costs us our leg, so we must be able to take the incoming
// one, and have begun to. The payer's refund costs us the incoming leg, so
// ours must be out of everybody's reach for good; what follows from it,
// that we neither fund nor reveal afterwards, is ConsentGiven's part. The rule
// also judges closed swaps: nothing of theirs can come alive again.
func ConsentRule(s Swap, leg int, intent Intent, f ConsentFacts) Verdict {
	if s.Phase == PhaseNew {
		return Verdict{{Condition: CondSignatures, State: CheckBlocked}}
	}
	ours := intent == IntentRedeem && leg == s.Out() || intent == IntentRefund && leg == s.In()
	v := Verdict{
		{Condition: CondSignatures, State: Checked(s.Signed)},
		{Condition: CondOursToGive, State: Checked(ours)},
	}
	if !ours {
		return v
	}
	if was := s.Legs[leg].Intent; was != IntentNone && was != intent {
		v = append(v, Finding{Condition: CondOneIntent, State: CheckBlocked, Detail: was.String()})
	} else {
		v = append(v, Finding{Condition: CondOneIntent, State: CheckPassed})
	}
	if intent == IntentRedeem {
		return append(v, s.heldFinding(f), s.paidFinding())
	}
	return append(v, s.outgoingFinding(),
		Finding{Condition: CondSecretKept, State: Checked(s.Secret == nil && !s.Released && s.Phase != PhaseRevealing)})
}

func (s Swap) heldFinding(f ConsentFacts) Finding {
	if s.Secret != nil {
		return Finding{Condition: CondSecretHeld, State: CheckPassed}
	}
	if !s.Initiator() {
		return Finding{Condition: CondSecretHeld, State: CheckBlocked, Detail: "it has not been seen"}
	}
	return f.SecretHeld.finding(CondSecretHeld)
}

// paidFinding: a redeem that is in no block counts while it can still be
// buried before the refund opens.
func (s Swap) paidFinding() Finding {
	in, leg := s.Legs[s.In()], s.Terms.Legs[s.In()]
	if in.Redeemed() {
		return Finding{Condition: CondPaid, State: CheckPassed}
	}
	if !s.Released || !in.Status.Locked() {
		return Finding{Condition: CondPaid, State: CheckBlocked, Detail: fmt.Sprintf("%s, redeem sent: %t", in.Status, s.Released)}
	}
	return timeFinding(CondPaid, in.Clock, leg.cutOff())
}

// outgoingFinding: what the gate never let out stays inside from now on. What
// it did let out must have come back to us.
func (s Swap) outgoingFinding() Finding {
	out := s.Legs[s.Out()]
	// A funding of which we never heard may have been anybody's.
	own := s.isOwnFunding(out.FundTx) && (out.FundTx != "" || len(s.Terms.Legs[s.Out()].Deployment) > 0)
	back := out.Buried && out.returned() && own
	inside := !s.Announced && !s.Restored // what is forgotten may have been let out
	if inside || back {
		return Finding{Condition: CondOutgoing, State: CheckPassed}
	}
	return Finding{
		Condition: CondOutgoing, State: CheckBlocked,
		Detail: fmt.Sprintf("announced, %s, %d confirmations", out.Status, out.SpendConfirmations()),
	}
}

// Redeemed reports whether the payee took the leg: with the secret, or with
// the payer's consent.
func (l LegState) Redeemed() bool {
	return l.Status == LegSpentRedeemed || l.Status == LegSpentByConsent && l.Intent == IntentRedeem
}

// returned reports whether the payer took the leg back.
func (l LegState) returned() bool {
	return l.Status == LegSpentRefunded || l.Status == LegSpentByConsent && l.Intent == IntentRefund
}

// gone reports whether the leg was spent, and not by its payee. A spend by
// consent of which we know no intent counts: we did not take it.
func (l LegState) gone() bool { return l.Status.Spent() && !l.Redeemed() }

// Forsworn: we consented to the refund of the incoming leg. We fund nothing
// and, as the Initiator, never reveal: the secret is forfeited.
func (s Swap) Forsworn() bool { return s.Phase != PhaseNew && s.Legs[s.In()].Intent == IntentRefund }

func (s Swap) forswornFinding() Finding {
	return Finding{Condition: CondNotForsworn, State: Checked(!s.Forsworn() && !s.mayBeForsworn())}
}

// consentGiven binds the leg to its intent. It is stored before the answer
// leaves the process.
func (s *Swap) consentGiven(e ConsentGiven) error {
	if v := ConsentRule(*s, e.Leg, e.Intent, e.Facts); !v.Allows() {
		return fmt.Errorf("%w: %v", ErrConsentHeld, v.Holding())
	}
	if s.Legs[e.Leg].Intent == e.Intent {
		return ErrStale
	}
	s.Legs[e.Leg].Intent = e.Intent
	return nil
}

// consentFailed: from now on the incoming leg is redeemed by script.
func (s *Swap) consentFailed(e ConsentFailed) error {
	if e.Leg != s.In() || s.Legs[e.Leg].Intent != IntentRedeem {
		return fmt.Errorf("%w: nobody asked for consent to redeem leg %d", ErrRejected, e.Leg)
	}
	if s.ScriptOnly {
		return ErrStale
	}
	s.ScriptOnly = true
	return nil
}

// asksRedeem: the secret is out, nothing of our redeem is, and there is time
// to try it with the payer's consent first. The time that Terms leave for an
// outage and for a sighting stays untouched.
func (s Swap) asksRedeem() bool {
	in, leg := s.Legs[s.In()], s.Terms.Legs[s.In()]
	return s.AskRedeem && s.Phase == PhaseRedeeming && in.Status.Locked() && in.Intent != IntentRefund &&
		!s.Released && !s.ScriptOnly && in.Clock <= leg.cutOff()-int64(s.Terms.Outage)-int64(leg.Timing.Sighting)
}

// asksRefund: our leg is locked, nothing will come of the swap, and its time
// lock is still to come.
func (s Swap) asksRefund() bool {
	out := s.Legs[s.Out()]
	return s.AskRefund && !s.Restored && s.Phase == PhaseFunded && !s.Refunding && out.Status.Locked() && !s.outstanding() && s.Announced &&
		out.Intent != IntentRedeem && out.Clock <= s.Terms.Legs[s.Out()].TimeLock && s.hopeless()
}

// hopeless: the swap will not go through, as far as we can know. Asking does
// no harm where that is wrong: who still has something at stake does not
// consent.
func (s Swap) hopeless() bool {
	switch {
	case s.Legs[s.In()].gone(), s.Initiator() && s.CutOffPassed:
		return true
	}
	return s.mayBeForgotten() && s.Legs[s.Out()].Clock > s.Terms.CutOff()
}

// mayBeForgotten: between the first and the last party nobody sees the leg on
// which the secret comes out, so the time tells. The Initiator consents only
// once its own leg is dead, which no time tells.
func (s Swap) mayBeForgotten() bool {
	return !s.Initiator() && s.Terms.Legs[s.Out()].Payee != 0
}

// bindIntents makes what we ask for the legs' intent before it is asked.
func (s *Swap) bindIntents() {
	if s.asksRedeem() {
		s.Legs[s.In()].Intent = IntentRedeem
	}
	if s.asksRefund() {
		s.Legs[s.Out()].Intent = IntentRefund
	}
}
