package timeline

import (
	"fmt"
	"strings"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

func action(kind Kind, leg int, text string) Action { return Action{Kind: kind, Leg: leg, Text: text} }

// on is an action about a leg.
func (v viewer) on(kind Kind, leg int, format string, args ...any) Action {
	a := action(kind, leg, fmt.Sprintf(format, args...))
	a.Chain = v.Terms.Legs[leg].Chain()
	return a
}

func (v viewer) name(leg int) string {
	id := v.Terms.Legs[leg].Chain()
	if v.look.Name != nil {
		if name := v.look.Name(id); name != "" {
			return name
		}
	}
	return string(id)
}

// tip is the later of what the swap was told and what is known now.
func (v viewer) tip(leg int) Tip {
	t := Tip{Height: v.Legs[leg].Height, Clock: v.Legs[leg].Clock}
	if v.look.Tip == nil {
		return t
	}
	if now, ok := v.look.Tip(v.Terms.Legs[leg].Chain()); ok {
		t.Height, t.Clock, t.BlockTime = max(t.Height, now.Height), max(t.Clock, now.Clock), now.BlockTime
	}
	return t
}

// soon is an action that is tried with every block.
func (v viewer) soon(a Action) Action {
	if tip := v.tip(a.Leg); tip.Height > 0 {
		a.Height = tip.Height + 1
		a.At = after(tip, 1)
	}
	return a
}

// depth waits until a leg's funding has its confirmations.
func (v viewer) depth(leg int, format string, args ...any) Action {
	a := v.on(WaitConfirmations, leg, format, args...)
	state := v.Legs[leg]
	if state.FundBlock == (htlc.BlockID{}) {
		return v.soon(a)
	}
	return v.atHeight(a, state.FundBlock.Height+uint64(v.Terms.Legs[leg].MinConfirmations)-1)
}

// bury waits until a leg's spend has its confirmations.
func (v viewer) bury(leg int) Action {
	how := map[htlc.LegStatus]string{
		htlc.LegSpentRedeemed: "redeem", htlc.LegSpentRefunded: "refund", htlc.LegSpentByConsent: "close by consent",
	}[v.Legs[leg].Status]
	if state := v.Legs[leg]; state.Status == htlc.LegSpentByConsent && state.Intent != htlc.IntentNone {
		how = map[htlc.Intent]string{htlc.IntentRedeem: "redeem by consent", htlc.IntentRefund: "refund by consent"}[state.Intent]
	}
	a := v.on(Bury, leg, "The %s on %s gets its confirmations.", how, v.name(leg))
	return v.atHeight(a, v.Legs[leg].SpendBlock.Height+uint64(v.Terms.Legs[leg].MinConfirmations)-1)
}

func (v viewer) atHeight(a Action, height uint64) Action {
	tip := v.tip(a.Leg)
	a.Height = height
	if tip.Height > 0 {
		a.At = after(tip, int64(height)-int64(tip.Height))
	}
	return a
}

// after estimates the chain's clock some blocks on.
func after(tip Tip, blocks int64) int64 {
	return tip.Clock + max(blocks, 0)*int64(tip.BlockTime/time.Second)
}

// deep reports whether the funding of a leg has its confirmations by the
// newest tip.
func (v viewer) deep(leg int) bool {
	state := v.Legs[leg]
	return state.Status == htlc.LegConfirmed || state.Status.Locked() &&
		v.tip(leg).Height+1 >= state.FundBlock.Height+uint64(v.Terms.Legs[leg].MinConfirmations)
}

// refundAt is the refund of our leg once its time lock is open.
func (v viewer) refundAt(text string) Action {
	a := v.on(Refund, v.Out(), "This node's coins on %s are refundable then. %s", v.name(v.Out()), text)
	a.At = v.Terms.Legs[v.Out()].TimeLock
	return a
}

// held says in words what keeps a gate shut.
func (v viewer) held() string {
	if len(v.Held) == 0 {
		return ""
	}
	conditions := make([]string, len(v.Held))
	for i, f := range v.Held {
		conditions[i] = string(f.Condition)
	}
	return ", as soon as these hold: " + strings.Join(conditions, "; ")
}

// Offered is a ticket that nobody has accepted yet, up to acceptBy.
func Offered(acceptBy int64) View {
	lapse := action(Expire, -1, "The offer lapses, and what it reserves is free again.")
	lapse.At = acceptBy
	next := action(WaitAcceptance, -1, "The other party accepts the ticket.")
	next.Deadline = acceptBy
	return View{Next: next, Otherwise: &lapse, Risk: Risk{Why: "Nothing is locked; coins are only reserved."}}
}

// Answering is a ticket that this node has begun to accept and has not signed.
func Answering(acceptBy int64) View {
	v := Offered(acceptBy)
	v.Next.Text = "This node signs the acceptance; ask for it again if it does not."
	v.Otherwise.Text = "The acceptance lapses, and what it reserves is free again."
	return v
}

// Accepted is an acceptance whose countersignature is outstanding.
func Accepted(until int64, byHand bool) View {
	lapse := action(Expire, -1, "The acceptance lapses, and what it reserves is free again.")
	lapse.At = until
	text := "The initiator's node countersigns; it is asked again and again."
	if byHand {
		text = "The initiator countersigns; hand over the acceptance and bring the countersignature back."
	}
	next := action(WaitCountersignature, -1, text)
	next.Deadline = until
	return View{Next: next, Otherwise: &lapse, Risk: Risk{Why: "Nothing is locked; coins are only reserved."}}
}

// Ended is an agreement that came to nothing.
func Ended() View {
	return View{Next: action(None, -1, "Nothing: the swap is closed."), Risk: Risk{Why: "Nothing was locked."}}
}
