// Package timeline says of a swap, for people, what happens next by itself and
// when, what happens otherwise, and whether funds are at risk. It is a pure
// function of the swap and of the tips of its chains.
//
//	phase      waits for                          otherwise
//	offered    the other party's acceptance       the offer lapses
//	accepted   the initiator's countersignature   the acceptance lapses
//	agreed     their funding, or funds itself     the swap lapses, nothing is lost
//	           restored: a lock that it forgot    its owner cancels
//	funding    its funding in a block             the refund
//	funded     their funding, depth, their redeem the refund
//	revealing  its own redeem                     -
//	redeeming  the redeem's burial, theirs        the refund, where theirs stays out
//	refunding  the refund's burial                -
//
// The caller owes it the swap as it is stored and tips that are not older.
package timeline

import (
	"fmt"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// Kind says what a swap does or waits for next.
type Kind uint8

// The kinds of Action, in the order of a swap.
const (
	None Kind = iota
	WaitAcceptance
	WaitCountersignature
	Fund
	WaitFunding
	WaitConfirmations
	Reveal
	Redeem
	WaitRedeem
	Refund
	Bury
	Expire
	Abandon
)

// Action is what happens next by itself.
type Action struct {
	Kind  Kind
	Leg   int // -1 where it is about none
	Chain htlc.ChainID
	// At is unix seconds by the chain's clock: a time lock, an expiry, or an
	// estimate. 0 where it depends on the other party alone.
	At       int64
	Height   uint64 // 0 where time decides
	Deadline int64  // latest moment at which it can still happen; 0 for none
	Text     string
}

// Risk says whether funds can be lost as things stand.
type Risk struct {
	AtRisk bool
	Why    string
	Locked []int // the legs in which something of ours is locked
}

// View is the whole answer. Otherwise is nil where there is no other way.
type View struct {
	Next      Action
	Otherwise *Action
	Risk      Risk
}

// Tip is what is known of a leg's chain beside the swap.
type Tip struct {
	Height    uint64
	Clock     int64
	BlockTime time.Duration // for estimates
}

// Look is how a swap is looked at. Nil functions are allowed.
type Look struct {
	// Tip is asked for each leg's chain.
	Tip func(htlc.ChainID) (Tip, bool)
	// Name of a chain for people; the id where it is empty.
	Name func(htlc.ChainID) string
}

// Of looks at a swap whose Terms all have signed.
func Of(s htlc.Swap, look Look) View {
	v := viewer{Swap: s, look: look}
	next, otherwise := v.next()
	return View{Next: next, Otherwise: otherwise, Risk: v.risk()}
}

// viewer answers for one swap.
type viewer struct {
	htlc.Swap
	look Look
}

func (v viewer) next() (Action, *Action) {
	switch v.Phase {
	case htlc.PhaseNew:
		return action(None, -1, "Nothing is agreed yet."), nil
	case htlc.PhaseAgreed:
		return v.agreed()
	case htlc.PhaseFunding:
		return v.funding()
	case htlc.PhaseFunded:
		if v.Initiator() {
			return v.fundedInitiator()
		}
		return v.fundedParticipant()
	case htlc.PhaseRevealing:
		a := v.on(Reveal, v.In(), "This node redeems on %s and thereby shows the secret.", v.name(v.In()))
		a.Deadline = v.Terms.CutOff()
		return v.soon(a), nil
	case htlc.PhaseRedeeming:
		return v.redeeming()
	case htlc.PhaseRefunding:
		return v.refunding()
	case htlc.PhaseClosed:
		return action(None, -1, "Nothing: the swap is closed."), nil
	}
	return action(None, -1, ""), nil
}

func (v viewer) agreed() (Action, *Action) {
	if v.Restored {
		return v.restored()
	}
	in, out := v.Legs[v.In()], v.Terms.Legs[v.Out()]
	lapse := v.on(Expire, v.Out(), "If it is not funded by then, the swap lapses and nothing is lost.")
	lapse.At = out.FundBy
	if v.Initiator() || in.Status == htlc.LegConfirmed {
		a := v.on(Fund, v.Out(), "This node locks its coins on %s%s.", v.name(v.Out()), v.held())
		a.Deadline = out.FundBy
		return v.soon(a), &lapse
	}
	if in.Status == htlc.LegUnfunded {
		a := v.on(WaitFunding, v.In(), "The initiator locks its coins on %s first.", v.name(v.In()))
		a.Deadline = v.Terms.Legs[v.In()].FundBy
		return a, &lapse
	}
	a := v.depth(v.In(), "The initiator's lock on %s gets its confirmations; then this node locks its own coins.", v.name(v.In()))
	return a, &lapse
}

// abandoning is shown while our funding, which is in no block, is made
// impossible; false where it is not.
func (v viewer) abandoning() (Action, bool) {
	if !v.Wants(htlc.Effect{Kind: htlc.EffectAbandonFunding, Leg: v.Out()}) {
		return Action{}, false
	}
	text := "This node's lock on %s is in no block and would come too late: this node spends otherwise what it needs, so that it never can be."
	if v.AbandonTx != "" {
		text = "This node's lock on %s would come too late; what makes it impossible is sent and gets its confirmations."
	}
	return v.soon(v.on(Abandon, v.Out(), text, v.name(v.Out()))), true
}

func (v viewer) funding() (Action, *Action) {
	if a, ok := v.abandoning(); ok {
		return a, nil
	}
	refund := v.refundAt("If the swap then does not go on, they come back.")
	if v.Legs[v.Out()].Status == htlc.LegUnfunded {
		a := v.on(Fund, v.Out(), "This node's lock on %s is handed to the chain.", v.name(v.Out()))
		a.Deadline = v.Terms.Legs[v.Out()].FundBy
		return v.soon(a), &refund
	}
	a := v.on(WaitConfirmations, v.Out(), "This node's lock on %s waits for a block.", v.name(v.Out()))
	return v.soon(a), &refund
}

func (v viewer) fundedInitiator() (Action, *Action) {
	in := v.Legs[v.In()]
	refund := v.refundAt("If the other party does not lock, or it comes too late, they come back.")
	if a, ok := v.askingBack(); ok {
		return a, &refund
	}
	if v.CutOffPassed {
		refund.Text = fmt.Sprintf("The cut-off is past, so the secret stays secret. This node takes its coins on %s back once the time lock is open.", v.name(v.Out()))
		return refund, nil
	}
	switch in.Status {
	case htlc.LegConfirmed:
		a := v.on(Reveal, v.In(), "This node redeems on %s and thereby shows the secret%s.", v.name(v.In()), v.held())
		a.Deadline = v.Terms.CutOff()
		return v.soon(a), &refund
	case htlc.LegInMempool, htlc.LegInBlock:
		a := v.depth(v.In(), "The other party's lock on %s gets its confirmations; then this node redeems it.", v.name(v.In()))
		a.Deadline = v.Terms.CutOff()
		return a, &refund
	case htlc.LegUnfunded:
		if !v.deep(v.Out()) {
			return v.depth(v.Out(), "This node's lock on %s gets its confirmations, for which the other party waits.", v.name(v.Out())), &refund
		}
		a := v.on(WaitFunding, v.In(), "The other party locks its coins on %s.", v.name(v.In()))
		a.Deadline = v.Terms.Legs[v.In()].FundBy
		return a, &refund
	case htlc.LegSpentRedeemed, htlc.LegSpentRefunded, htlc.LegSpentByConsent:
	}
	refund.Text = fmt.Sprintf("The other party took its coins back. This node takes its own on %s back once the time lock is open.", v.name(v.Out()))
	return refund, nil
}

func (v viewer) fundedParticipant() (Action, *Action) {
	refund := v.refundAt("If the initiator does not redeem, they come back.")
	if a, ok := v.askingBack(); ok {
		return a, &refund
	}
	if !v.deep(v.Out()) {
		return v.depth(v.Out(), "This node's lock on %s gets its confirmations, for which the initiator waits.", v.name(v.Out())), &refund
	}
	a := v.on(WaitRedeem, v.Out(), "The initiator redeems on %s and thereby shows the secret; this node then redeems on %s at once.", v.name(v.Out()), v.name(v.In()))
	a.Deadline = v.Terms.Legs[v.Out()].RedeemDeadline()
	return a, &refund
}

func (v viewer) redeeming() (Action, *Action) {
	in, out := v.Legs[v.In()], v.Legs[v.Out()]
	switch {
	case v.Wants(htlc.Effect{Kind: htlc.EffectAskRedeem, Leg: v.In()}):
		return v.askingRedeem(), nil
	case in.Status.Locked():
		a := v.on(Redeem, v.In(), "This node redeems on %s until it is buried.", v.name(v.In()))
		a.Deadline = v.Terms.Legs[v.In()].OpenMin()
		return v.soon(a), nil
	case !in.Status.Spent() && !(out.Buried && !out.Redeemed()):
		return v.on(WaitFunding, v.In(), "The lock on %s is in no block; this node redeems as soon as it is.", v.name(v.In())), nil
	case in.Status.Spent() && !in.Buried:
		return v.bury(v.In()), nil
	case out.Status.Spent() && !out.Buried:
		return v.bury(v.Out()), nil
	case out.Status.Locked() && v.Refunding && v.RefundTx != "":
		return v.sentRefund(), nil
	case out.Status.Locked() && v.Refunding:
		return v.soon(v.on(Refund, v.Out(), "The other party did not redeem in time; this node takes its coins on %s back.", v.name(v.Out()))), nil
	case out.Status.Locked():
		refund := v.refundAt("If the other party never redeems, this node's coins come back too.")
		return v.on(WaitRedeem, v.Out(), "This node is paid. The other party redeems on %s with the secret that is out.", v.name(v.Out())), &refund
	}
	return v.on(WaitConfirmations, v.Out(), "This node's lock on %s waits for a block.", v.name(v.Out())), nil
}

func (v viewer) refunding() (Action, *Action) {
	out := v.Legs[v.Out()]
	if a, ok := v.abandoning(); ok {
		return a, nil
	}
	switch {
	case out.Status.Spent() && !out.Buried:
		return v.bury(v.Out()), nil
	case out.Status.Locked() && v.RefundTx != "":
		return v.sentRefund(), nil
	case out.Status.Locked():
		return v.soon(v.on(Refund, v.Out(), "The time lock is open: this node takes its coins on %s back.", v.name(v.Out()))), nil
	}
	return v.soon(v.on(WaitConfirmations, v.Out(), "This node's lock on %s left its block and waits for another; then it is taken back.", v.name(v.Out()))), nil
}

// sentRefund waits for a refund that is out.
func (v viewer) sentRefund() Action {
	return v.soon(v.on(Refund, v.Out(), "This node's refund on %s is sent and waits for a block; its fee climbs if need be.", v.name(v.Out())))
}

// risk follows the rule that coins are safe while the secret is not out, and
// after it while the redeem has time.
func (v viewer) risk() Risk {
	if v.Phase == htlc.PhaseNew {
		return Risk{Why: "Nothing is locked."}
	}
	in, out := v.Legs[v.In()], v.Legs[v.Out()]
	r := Risk{}
	if v.Announced && (out.Status.Locked() || out.Status == htlc.LegInMempool) { // what others locked there is not ours
		r.Locked = append(r.Locked, v.Out())
	}
	switch {
	case v.Outcome == htlc.OutcomeLost:
		r.AtRisk, r.Why = true, "Lost: the other party redeemed, and this node's redeem came too late."
	case v.Phase == htlc.PhaseClosed:
		r.Why = "The swap is closed."
	case v.Phase == htlc.PhaseRedeeming || v.Phase == htlc.PhaseRevealing:
		r.AtRisk, r.Why = v.revealedRisk(in, out)
	case v.Announced && out.Status == htlc.LegUnfunded:
		r.Why = "This node's lock is in no block; if it gets into one, the coins come back when the time lock opens."
	case len(r.Locked) == 0 && v.Restored && v.Phase == htlc.PhaseAgreed:
		r.Why = "No lock of this node's is seen. What it has forgotten may still appear, and comes back when its time lock opens."
	case len(r.Locked) == 0:
		r.Why = "Nothing of this node's is locked."
	case v.Phase == htlc.PhaseRefunding:
		r.Why = "The secret is not out; the coins come back by the refund, and if the secret is shown meanwhile this node redeems."
	case v.Initiator():
		r.Why = "The secret is known to this node only: the coins come back when the time lock opens, unless this node redeems first."
	default:
		r.Why = "The coins can only be taken by showing the secret, with which this node redeems at once, as long as it runs."
	}
	return r
}

// revealedRisk judges a swap whose secret is out, or may be.
func (v viewer) revealedRisk(in, out htlc.LegState) (bool, string) {
	leg := v.Terms.Legs[v.In()]
	clock := max(in.Clock, v.tip(v.In()).Clock)
	switch {
	case in.Redeemed() && in.Buried:
		return false, "This node is paid, and no reorganisation undoes it."
	case in.Redeemed():
		return false, "This node's redeem is in a block and only needs depth."
	case in.Status == htlc.LegSpentByConsent:
		return false, "The incoming leg was closed by consent."
	case in.Status == htlc.LegSpentRefunded:
		return true, "The secret is out, and the other party has taken the incoming leg back."
	case !in.Status.Locked():
		return true, "The secret is out, but the lock that pays this node is in no block."
	case clock > leg.OpenMin():
		return true, "The secret is out, and the other party can take its lock back before this node's redeem is in a block."
	case clock > leg.RedeemDeadline():
		return true, "The secret is out, and little time is left for this node's redeem; its fee climbs."
	case !out.Status.Locked():
		return false, "This node's redeem has enough time."
	}
	return false, "The secret is out, and this node's redeem has enough time."
}
