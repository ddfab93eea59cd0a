package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kofo-network/kofo/api/sdk"
)

// view is what is known of one swap.
type view struct {
	k       assets
	swap    *sdk.Swap
	entries []*sdk.HistoryEntry
}

// keptEntries is how much of the history a view shows.
const keptEntries = 12

// render draws a swap: what each chain shows, what happened, what comes next
// by itself and when, and whether funds are at risk.
func (a *app) render(v view) string {
	var b strings.Builder
	s := v.swap
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Swap %s   %s", idOf(s), strings.ToUpper(phaseWord(s)))
	line("You pay       %s on %s", v.k.both(s.GetSends()), v.k.chainName(chainOf(s.GetSends())))
	line("You are paid  %s on %s", v.k.both(s.GetReceives()), v.k.chainName(chainOf(s.GetReceives())))
	line("You are       %s", roleText(s.GetRole()))
	line("")
	for _, leg := range s.GetLegs() {
		for _, text := range a.legLines(v.k, leg, s.GetPhase()) {
			line("%s", text)
		}
	}
	if len(v.entries) > 0 {
		line("\nWhat happened")
		from := max(0, len(v.entries)-keptEntries)
		if from > 0 {
			line("  ... %d earlier: kofo swap history %s", from, short(idOf(s)))
		}
		for _, e := range v.entries[from:] {
			line("  %s", entryLine(e))
		}
	}
	line("")
	for _, text := range a.outlook(v) {
		line("%s", a.wrap(text))
	}
	return b.String()
}

// margin is where the texts of an outlook begin.
const margin = 11

// wrap breaks a text between words where a terminal would break it anywhere.
// Lines for programs and files stay whole.
func (a *app) wrap(text string) string {
	columns := a.columns()
	if !a.live || columns < 4*margin {
		return text
	}
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		used := 0
		for j, word := range strings.SplitAfter(line, " ") {
			length := utf8.RuneCountInString(strings.TrimRight(word, " "))
			if j > 0 && used+length > columns {
				b.WriteString("\n" + strings.Repeat(" ", margin))
				used = margin
			}
			b.WriteString(word)
			used += utf8.RuneCountInString(word)
		}
	}
	return b.String()
}

func chainOf(amount *sdk.AssetAmount) string {
	chain, _, _ := strings.Cut(amount.GetAsset(), "/")
	return chain
}

func roleText(r sdk.Role) string {
	if r == sdk.RoleInitiator {
		return "initiator (you hold the secret and lock first)"
	}
	return "participant (you lock second)"
}

// legLines say what a chain shows of a leg.
func (a *app) legLines(k assets, leg *sdk.Leg, phase sdk.Phase) []string {
	whose := map[sdk.LegRole]string{sdk.LegRolePayer: "your lock", sdk.LegRolePayee: "their lock"}[leg.GetRole()]
	if whose == "" {
		whose = "others' lock"
	}
	head := fmt.Sprintf("%-10s %-12s", k.chainName(leg.GetChain()), whose)
	out := []string{head + legText(leg)}
	indent := strings.Repeat(" ", 23)
	if leg.GetFundingTxid() != "" {
		out = append(out, indent+"locked by  "+leg.GetFundingTxid())
	}
	if leg.GetSpendTxid() != "" {
		out = append(out, fmt.Sprintf("%s%s by  %s", indent, legVerb(leg.GetStatus()), leg.GetSpendTxid()))
	}
	spent := leg.GetSpendTxid() != ""
	if !spent && phase != sdk.PhaseClosed && leg.GetTimeLock() != nil {
		out = append(out, fmt.Sprintf("%stime lock  opens %s", indent, a.when(leg.GetTimeLock())))
	}
	return out
}

func legVerb(s sdk.LegStatus) string {
	if s == sdk.LegStatusClosedByConsent {
		return "closed"
	}
	return word(s.String(), "LEG_STATUS_")
}

func legText(leg *sdk.Leg) string {
	need := leg.GetMinConfirmations()
	status := leg.GetStatus()
	switch {
	case status == sdk.LegStatusUnfunded && leg.GetFundingTxid() != "":
		return "handed to the chain, not seen yet"
	case status == sdk.LegStatusUnfunded:
		return "nothing on the chain yet"
	case status == sdk.LegStatusInMempool:
		return "seen, in no block yet"
	case status == sdk.LegStatusInBlock || status == sdk.LegStatusConfirmed:
		return fmt.Sprintf("in block %d, %s", leg.GetFundingHeight(), depth(leg.GetConfirmations(), need))
	}
	text := fmt.Sprintf("%s in block %d, %s", legVerb(leg.GetStatus()), leg.GetSpendHeight(), depth(leg.GetSpendConfirmations(), need))
	if leg.GetBuried() {
		text += ", buried"
	}
	return text
}

func depth(have uint64, need uint32) string {
	if have >= uint64(need) {
		return fmt.Sprintf("%d confirmations (%d needed)", have, need)
	}
	return fmt.Sprintf("%d of %d confirmations", have, need)
}

func entryLine(e *sdk.HistoryEntry) string {
	text := fmt.Sprintf("%s  %s", sdk.Time(e.GetTime()).UTC().Format("15:04:05"), e.GetText())
	if e.GetTxid() != "" {
		text += "  tx " + short(e.GetTxid())
	}
	return text
}

// outlook is what comes, what it costs, and what can be lost.
func (a *app) outlook(v view) []string {
	s := v.swap
	var out []string
	if s.GetPhase() == sdk.PhaseClosed {
		out = append(out, "Ended      "+s.GetOutcomeCause())
	} else {
		out = append(out, "Next       "+a.actionText(v.k, s.GetNextAction()))
		if other := s.GetOtherwise(); other != nil {
			out = append(out, "Otherwise  "+a.actionText(v.k, other))
		}
	}
	for _, f := range s.GetHeld() {
		out = append(out, fmt.Sprintf("Held       %s (%s%s)", f.GetCondition(), word(f.GetState().String(), "FINDING_STATE_"), detail(f.GetDetail())))
	}
	risk := "none. "
	if s.GetRisk().GetAtRisk() {
		risk = "FUNDS AT RISK. "
	}
	out = append(out, "Risk       "+risk+s.GetRisk().GetWhy())
	if locked := s.GetRisk().GetLocked(); len(locked) > 0 {
		out = append(out, "Locked     "+v.k.sum(locked))
	}
	for _, f := range s.GetFeesPaid() {
		out = append(out, fmt.Sprintf("Fee        %s for %s, tx %s", v.k.both(f.GetFee()), word(f.GetKind().String(), "FEE_KIND_"), short(f.GetTxid())))
	}
	if len(s.GetFeesTotal()) > 0 {
		out = append(out, "Fees       "+v.k.sum(s.GetFeesTotal()))
	}
	if worst := s.GetWorstCaseLoss(); len(worst) > 0 {
		out = append(out, "Worst case "+v.k.sum(worst)+" in fees, if the swap fails under stress")
	}
	return out
}

func detail(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// actionText is an action with its time, height and deadline. Times are by
// the chain's clock.
func (a *app) actionText(k assets, n *sdk.NextAction) string {
	text := n.GetText()
	var times []string
	if n.GetAtHeight() != 0 {
		times = append(times, fmt.Sprintf("at block %d of %s", n.GetAtHeight(), k.chainName(n.GetChain())))
	}
	if at := n.GetAtTime(); at != nil {
		estimate := ""
		if n.GetAtHeight() != 0 {
			estimate = "about "
		}
		if left := sdk.Time(at).Sub(a.now()); left > 0 {
			times = append(times, fmt.Sprintf("%sin %s (%s)", estimate, span(left), clock(sdk.Time(at))))
		} else {
			times = append(times, "any moment")
		}
	}
	if deadline := n.GetDeadline(); deadline != nil {
		times = append(times, fmt.Sprintf("at the latest %s", a.when(deadline)))
	}
	if len(times) == 0 {
		return text
	}
	return text + "\n           " + strings.Join(times, ", ")
}

// printQuote shows what a swap costs and takes.
func (a *app) printQuote(k assets, q *sdk.Quote) {
	if q == nil {
		return
	}
	a.say("You pay       %s on %s\n", k.both(q.GetSends()), k.chainName(chainOf(q.GetSends())))
	a.say("You are paid  %s on %s\n", k.both(q.GetReceives()), k.chainName(chainOf(q.GetReceives())))
	a.say("You are       %s\n\n", roleText(q.GetRole()))
	for _, l := range q.GetLegs() {
		fee := func(base string) string { return k.both(&sdk.AssetAmount{Asset: l.GetFeeAsset(), Amount: base}) }
		unit := func(base string) string {
			return k.human(&sdk.AssetAmount{Asset: l.GetAmount().GetAsset(), Amount: base})
		}
		rows := [][]string{{"  fee to redeem it", fee(l.GetRedeemFee()) + ", under stress " + fee(l.GetStressRedeemFee())}}
		if l.GetRole() == sdk.LegRolePayer {
			rows = [][]string{
				{"  fee to lock", fee(l.GetFundFee())},
				{"  fee to refund, if it fails", fee(l.GetRefundFee()) + ", under stress " + fee(l.GetStressRefundFee())},
			}
		}
		whose := map[sdk.LegRole]string{sdk.LegRolePayer: "Your", sdk.LegRolePayee: "Their"}[l.GetRole()]
		a.say("%s lock on %s\n", whose, k.chainName(l.GetChain()))
		a.table(append(rows,
			[]string{"  smallest and largest", unit(l.GetMinAmount()) + " to " + unit(l.GetMaxAmount())},
			[]string{"  confirmations", fmt.Sprint(l.GetMinConfirmations())},
			[]string{"  locked at the latest", a.when(l.GetFundBy())},
			[]string{"  time lock opens", a.when(l.GetTimeLock())},
		))
	}
	a.say("\nFees if it completes   %s\n", k.sum(q.GetTotalCost()))
	a.say("Worst case if it fails %s; the amount itself comes back\n", k.sum(q.GetWorstCaseLoss()))
	a.say("Reserved meanwhile     %s\n", k.sum(q.GetReserved()))
	if d := q.GetExpectedDuration(); d != nil {
		a.say("It takes about         %s\n", span(d.AsDuration().Round(time.Second)))
	}
	for _, note := range q.GetTrustNotes() {
		a.say("You trust              %s\n", note)
	}
}

func (a *app) printInspection(k assets, in *sdk.InspectResponse) {
	a.say("Offer         %s\nBy            %s\n", in.GetOfferId(), in.GetInitiator())
	if in.GetPeerAddress() != "" {
		a.say("Answer goes   to %s\n", in.GetPeerAddress())
	} else {
		a.say("Answer goes   by hand\n")
	}
	if q := in.GetQuote(); q != nil {
		a.say("Accept        %s\n\n", a.when(q.GetAcceptBy()))
		a.printQuote(k, q)
	}
	for _, r := range in.GetRefusals() {
		a.say("\nCan't be accepted: %s [%s]\n", r.GetText(), r.GetReason())
	}
}
