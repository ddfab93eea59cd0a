package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/lines"
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
	line := func(indent int, format string, args ...any) {
		b.WriteString(lines.Fold(fmt.Sprintf(format, args...), a.lineWidth(), indent) + "\n")
	}
	line(0, "Swap %s   %s", idOf(s), strings.ToUpper(phaseWord(s)))
	line(margin, "You pay       %s on %s", v.k.both(s.GetSends()), v.k.chainName(chainOf(s.GetSends())))
	line(margin, "You are paid  %s on %s", v.k.both(s.GetReceives()), v.k.chainName(chainOf(s.GetReceives())))
	line(margin, "You are       %s", roleText(s.GetRole()))
	line(0, "")
	for _, leg := range s.GetLegs() {
		for _, text := range a.legLines(v.k, leg, s.GetPhase()) {
			line(legIndent, "%s", text)
		}
	}
	if len(v.entries) > 0 {
		line(0, "\nWhat happened (times in UTC)")
		from := max(0, len(v.entries)-keptEntries)
		if from > 0 {
			line(0, "  ... %d earlier: kofo swap history %s", from, brief(idOf(s)))
		}
		for _, e := range v.entries[from:] {
			line(12, "  %s", entryLine(e))
		}
	}
	line(0, "")
	for _, text := range a.outlook(v) {
		line(margin, "%s", text)
	}
	return b.String()
}

// margin is where the texts of an outlook begin, legIndent where those of a
// leg's second line do.
const (
	margin    = 11
	legIndent = 12
)

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
	head := fmt.Sprintf("%-11s %-12s", k.chainName(leg.GetChain()), whose)
	out := []string{head + legText(leg)}
	indent := strings.Repeat(" ", legIndent)
	if leg.GetFundingTxid() != "" {
		out = append(out, indent+"locked by    "+leg.GetFundingTxid())
	}
	if leg.GetSpendTxid() != "" {
		out = append(out, fmt.Sprintf("%s%-11s  %s", indent, legVerb(leg.GetStatus())+" by", leg.GetSpendTxid()))
	}
	spent := leg.GetSpendTxid() != ""
	if !spent && phase != sdk.PhaseClosed && leg.GetTimeLock() != nil {
		out = append(out, fmt.Sprintf("%stime lock    opens %s", indent, a.when(leg.GetTimeLock())))
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
	out = append(out, a.signatureLines(v)...)
	risk := "none. "
	if s.GetRisk().GetAtRisk() {
		risk = "FUNDS AT RISK. "
	}
	out = append(out, "Risk       "+risk+s.GetRisk().GetWhy())
	if locked := s.GetRisk().GetLocked(); len(locked) > 0 {
		out = append(out, "Locked     "+v.k.sum(locked))
	}
	for _, f := range s.GetFeesPaid() {
		out = append(out, fmt.Sprintf("Fee        %s%s to %s, tx %s", atMost(f.GetFinal()), v.k.both(f.GetFee()), feeVerb(f.GetKind()), short(f.GetTxid())))
	}
	if len(s.GetFeesTotal()) > 0 {
		out = append(out, "Fees       "+atMost(feesFinal(s))+v.k.sum(s.GetFeesTotal()))
	}
	for _, b := range s.GetBudgets() {
		if b.GetRaised() {
			out = append(out, fmt.Sprintf("Budget     up to %s for the %s, raised by you", v.k.both(b.GetMost()), budgetWord(b.GetPurpose())))
		}
	}
	if worst := s.GetWorstCaseLoss(); len(worst) > 0 {
		out = append(out, "Worst case "+v.k.sum(worst)+" in fees, if the swap fails under stress")
	}
	return out
}

// atMost goes before a fee that the chain may yet take less of.
func atMost(final bool) string {
	if final {
		return ""
	}
	return "at most "
}

func feesFinal(s *sdk.Swap) bool {
	return !slices.ContainsFunc(s.GetFeesPaid(), func(f *sdk.FeePaid) bool { return !f.GetFinal() })
}

func feeVerb(k sdk.FeeKind) string {
	if k == sdk.FeeKindFund {
		return "lock"
	}
	return word(k.String(), "FEE_KIND_")
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
