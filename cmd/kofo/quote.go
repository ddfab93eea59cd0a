package main

import (
	"fmt"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
)

// printQuote shows what a swap gives and takes: who pays what, who locks first
// and until when, what it costs, and what can be lost at worst.
func (a *app) printQuote(k assets, q *sdk.Quote) {
	if q == nil {
		return
	}
	a.tell(14, "You pay       %s on %s", k.both(q.GetSends()), k.chainName(chainOf(q.GetSends())))
	a.tell(14, "You are paid  %s on %s", k.both(q.GetReceives()), k.chainName(chainOf(q.GetReceives())))
	a.tell(14, "You are       %s", roleText(q.GetRole()))
	a.say("\nWhat happens, each step by itself:\n")
	for i, text := range a.steps(k, q) {
		a.tell(5, "  %d. %s", i+1, text)
	}
	if d := q.GetExpectedDuration(); d != nil {
		a.tell(5, "     It takes about %s.", span(d.AsDuration().Round(time.Second)))
	}
	a.say("\nIf it fails, each takes back what is its own:\n")
	rows := [][]string{}
	for _, l := range q.GetLegs() {
		rows = append(rows, []string{
			fmt.Sprintf("  %s %s on %s", whose(l.GetRole()), k.human(l.GetAmount()), k.chainName(l.GetChain())),
			"the time lock opens " + a.when(l.GetTimeLock()),
		})
	}
	a.table(rows)
	a.say("\nFees\n")
	a.table(feeRows(k, q))
	a.say("\n")
	a.table(a.totals(k, q))
	for _, note := range q.GetTrustNotes() {
		a.tell(24, "You trust               %s", note)
	}
}

// whose names the payer of a leg to a person.
func whose(r sdk.LegRole) string {
	if r == sdk.LegRolePayer {
		return "your"
	}
	if r == sdk.LegRolePayee {
		return "their"
	}
	return "another party's"
}

// steps are what happens if all goes well.
func (a *app) steps(k assets, q *sdk.Quote) []string {
	var out []string
	var paid, pays string // the chains
	for i, l := range q.GetLegs() {
		chain, who := k.chainName(l.GetChain()), "another party locks"
		if l.GetRole() == sdk.LegRolePayer {
			pays, who = chain, "you lock"
		}
		if l.GetRole() == sdk.LegRolePayee {
			paid, who = chain, "they lock"
		}
		order := "Then " + who
		if i == 0 {
			order = "First " + who
		}
		out = append(out, fmt.Sprintf("%s %s on %s, at the latest %s; %s.",
			order, k.human(l.GetAmount()), chain, a.when(l.GetFundBy()), confirmations(l.GetMinConfirmations())))
	}
	if q.GetRole() == sdk.RoleInitiator {
		return append(out, fmt.Sprintf("You redeem on %s, which shows the secret; with it they redeem on %s.", paid, pays))
	}
	return append(out, fmt.Sprintf("They redeem on %s, which shows the secret; with it you redeem on %s at once.", pays, paid))
}

func confirmations(n uint32) string {
	if n == 1 {
		return "1 confirmation"
	}
	return fmt.Sprintf("%d confirmations", n)
}

// feeRows are the fees that this node pays, leg by leg.
func feeRows(k assets, q *sdk.Quote) [][]string {
	var rows [][]string
	for _, l := range q.GetLegs() {
		fee := func(base string) string { return k.both(&sdk.AssetAmount{Asset: l.GetFeeAsset(), Amount: base}) }
		on := " on " + k.chainName(l.GetChain())
		if l.GetRole() == sdk.LegRolePayer {
			rows = append(rows,
				[]string{"  to lock" + on, fee(l.GetFundFee())},
				[]string{"  to refund" + on + ", if it fails", fee(l.GetRefundFee())},
				[]string{"    under stress", fee(l.GetStressRefundFee())})
		}
		if l.GetRole() == sdk.LegRolePayee {
			rows = append(rows,
				[]string{"  to redeem" + on, fee(l.GetRedeemFee())},
				[]string{"    under stress", fee(l.GetStressRedeemFee())})
		}
	}
	return rows
}

// totals are the sums, and the limits of the amounts.
func (a *app) totals(k assets, q *sdk.Quote) [][]string {
	rows := [][]string{
		{"Fees if it completes", k.sum(q.GetTotalCost())},
		{"Worst case if it fails", k.sum(q.GetWorstCaseLoss()) + " in fees; the amount comes back"},
		{"Reserved meanwhile", k.sum(q.GetReserved())},
	}
	if kept := q.GetKeptForRedeem(); len(kept) > 0 {
		rows = append(rows, []string{"  of it for the redeem", k.sum(kept)})
	}
	for _, l := range q.GetLegs() {
		amount := func(base string) *sdk.AssetAmount {
			return &sdk.AssetAmount{Asset: l.GetAmount().GetAsset(), Amount: base}
		}
		most := amount(l.GetMaxAmount())
		limits := k.human(amount(l.GetMinAmount())) + " to " + k.most(most)
		if k.unlimited(most) {
			limits = k.human(amount(l.GetMinAmount())) + " or more, no limit"
		}
		rows = append(rows, []string{"Possible on " + k.chainName(l.GetChain()), limits})
	}
	return rows
}

func (a *app) printInspection(k assets, in *sdk.InspectResponse) {
	a.say("Offer         %s\nBy party      %s\n", in.GetOfferId(), in.GetInitiator())
	if in.GetPeerAddress() != "" {
		a.say("Your answer   goes to %s by itself\n", in.GetPeerAddress())
	} else {
		a.say("Your answer   goes by hand, as a line of text\n")
	}
	if q := in.GetQuote(); q != nil {
		a.say("Valid         %s\n\n", a.until(q.GetAcceptBy()))
		a.printQuote(k, q)
	}
}

// printRefusals says why a ticket can't be accepted.
func (a *app) printRefusals(k assets, refusals []*sdk.Refusal) {
	for _, r := range refusals {
		w := wordsOf{k: k, metadata: r.GetMetadata(), when: a.when}
		text := w.plain(r.GetText())
		a.say("\n")
		a.tell(noteIndent, "Can't be accepted: %s [%s]", text, r.GetReason())
		for _, line := range w.rest(text) {
			a.tell(noteIndent, "%s", line)
		}
	}
}
