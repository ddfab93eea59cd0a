package htlc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// explore runs Transition over every event in the swaps along two stories of
// each role, and in those one event off them, and calls visit for each result.
func explore(t *testing.T, self int, seen coverage, visit func(from htlc.Swap, e htlc.Event, to htlc.Swap, err error)) {
	terms := testTerms(btc, eth)
	opening := signed(terms, self)
	known := map[string]bool{}
	samples := []htlc.Swap{{}}
	for _, end := range []func(htlc.Swap) []htlc.Event{swapStory, refundStory} {
		s, _, err := step(t, seen, htlc.Swap{}, opening)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, s)
		for _, e := range end(s) {
			if next, _, err := step(t, seen, s, e); err == nil {
				s = next
				samples = append(samples, s)
			}
		}
	}
	onStory := len(samples)
	for i := 0; i < len(samples); i++ {
		for _, e := range append(sampleEvents(terms, samples[i]), opening) {
			next, _, err := step(t, seen, samples[i], e)
			visit(samples[i], e, next, err)
			key := next
			key.Version, key.Held = 0, nil
			if k := string(encode(t, key)); err == nil && i < onStory && !known[k] {
				known[k] = true
				samples = append(samples, next)
			}
		}
	}
}

func fundingStory(s htlc.Swap) []htlc.Event {
	out := s.Out()
	story := []htlc.Event{
		htlc.TipAdvanced{Leg: 0, Height: 9, Clock: startTime}, htlc.TipAdvanced{Leg: 1, Height: 9, Clock: startTime},
	}
	if !s.Initiator() {
		story = append(story,
			htlc.LegSeen{Leg: 0, TxID: "fund"}, htlc.LegFunded{Leg: 0, TxID: "fund", Ref: "ref", Block: block(10)},
			htlc.TipAdvanced{Leg: 0, Height: 12, Clock: startTime + 100})
	}
	return append(story,
		htlc.FundingPrepared{TxID: "fund"}, htlc.FundingChecked{Facts: fundingFacts(startTime)},
		htlc.Submitted{Leg: out, Purpose: htlc.PurposeFund, TxID: "fund"},
		htlc.LegFunded{Leg: out, TxID: "fund", Ref: "ref", Block: block(10)}, htlc.TipAdvanced{Leg: out, Height: 12, Clock: startTime + 100},
	)
}

func swapStory(s htlc.Swap) []htlc.Event {
	in, out := s.In(), s.Out()
	return append(fundingStory(s),
		htlc.LegFunded{Leg: in, TxID: "fund", Ref: "ref", Block: block(10)}, htlc.TipAdvanced{Leg: in, Height: 12, Clock: startTime + 101},
		htlc.RedeemPrepared{TxID: "redeem", Ref: "ref"}, htlc.RevealChecked{Facts: revealFacts(startTime)},
		htlc.Submitted{Leg: in, Purpose: htlc.PurposeRedeem, TxID: "redeem"},
		htlc.SecretSeen{Leg: out, TxID: "redeem", Secret: testSecret()},
		htlc.LegRedeemed{Leg: out, TxID: "redeem", Secret: testSecret(), Block: block(20)},
		htlc.LegRedeemed{Leg: in, TxID: "redeem", Secret: testSecret(), Block: block(20)},
		htlc.TipAdvanced{Leg: out, Height: 22, Clock: startTime + 200}, htlc.TipAdvanced{Leg: in, Height: 22, Clock: startTime + 200},
	)
}

func refundStory(s htlc.Swap) []htlc.Event {
	out := s.Out()
	return append(fundingStory(s),
		htlc.TipAdvanced{Leg: out, Height: 19, Clock: s.Terms.Legs[out].TimeLock + 1},
		htlc.Submitted{Leg: out, Purpose: htlc.PurposeRefund, TxID: "refund"},
		htlc.LegRefunded{Leg: out, TxID: "refund", Block: block(20)},
		htlc.TipAdvanced{Leg: out, Height: 22, Clock: s.Terms.Legs[out].TimeLock + 9},
	)
}

// sampleEvents are events of every kind, most of them likely in the swap.
func sampleEvents(terms htlc.Terms, s htlc.Swap) []htlc.Event {
	in, out := 1, 0
	if s.Phase != htlc.PhaseNew {
		in, out = s.In(), s.Out()
	}
	clock := map[int]int64{0: startTime, 1: startTime}
	for i, l := range s.Legs {
		clock[i] = max(clock[i], l.Clock)
	}
	events := []htlc.Event{
		htlc.FundingPrepared{TxID: "fund"}, htlc.FundingChecked{Facts: fundingFacts(clock[out])}, htlc.FundingChecked{},
		htlc.RedeemPrepared{TxID: "redeem", Ref: "ref"}, htlc.RevealChecked{Facts: revealFacts(clock[in])}, htlc.RevealChecked{},
		htlc.Submitted{Leg: out, Purpose: htlc.PurposeFund, TxID: "fund"},
		htlc.Submitted{Leg: in, Purpose: htlc.PurposeRedeem, TxID: "redeem"},
		htlc.Submitted{Leg: out, Purpose: htlc.PurposeRefund, TxID: "refund"},
		htlc.Withheld{Purpose: htlc.PurposeFund}, htlc.Withheld{Purpose: htlc.PurposeRedeem},
		htlc.CancelRequested{}, htlc.ConsentFailed{Leg: in}, htlc.Restored{}, htlc.LegSearched{Leg: in},
		htlc.ConsentGiven{Leg: out, Intent: htlc.IntentRedeem, Facts: htlc.ConsentFacts{SecretHeld: passed}},
		htlc.ConsentGiven{Leg: in, Intent: htlc.IntentRefund},
		htlc.BudgetRaised{Purpose: htlc.PurposeRedeem, Budget: htlc.NewAmount(1)},
	}
	for _, leg := range []int{out, in} {
		l := terms.Legs[leg]
		events = append(events,
			htlc.LegFunded{Leg: leg, TxID: "fund", Ref: "ref", Block: block(10)}, htlc.LegSeen{Leg: leg, TxID: "fund"},
			htlc.LegMismatched{Leg: leg, TxID: "dust"}, htlc.TipAdvanced{Leg: leg, Height: 12, Clock: startTime + 100},
			htlc.SecretSeen{Leg: leg, TxID: "redeem", Secret: testSecret()},
			htlc.LegRedeemed{Leg: leg, TxID: "redeem", Secret: testSecret(), Block: block(20)},
			htlc.LegRefunded{Leg: leg, TxID: "refund", Block: block(20)},
			htlc.LegClosedByConsent{Leg: leg, TxID: "both", Block: block(20)},
			htlc.Reorged{Leg: leg, Block: block(20)}, htlc.Reorged{Leg: leg, Block: block(10)},
			htlc.TipAdvanced{Leg: leg, Height: 22, Clock: l.FundBy + 1}, htlc.TipAdvanced{Leg: leg, Height: 22, Clock: l.TimeLock + 1},
		)
	}
	return append(events, htlc.TipAdvanced{Leg: terms.Incoming(0), Height: 13, Clock: terms.CutOff() + 1})
}

// TestStateMachineDoc writes docs/state-machine.md from what Transition does,
// under -update, and fails where the page differs.
func TestStateMachineDoc(t *testing.T) {
	type pair struct {
		phase htlc.Phase
		kind  htlc.EventKind
	}
	results := map[pair][]string{}
	edges := map[[2]htlc.Phase][]string{}
	add := func(list []string, v string) []string {
		if slices.Contains(list, v) {
			return list
		}
		return append(list, v)
	}
	for self := range 2 {
		explore(t, self, coverage{}, func(from htlc.Swap, e htlc.Event, to htlc.Swap, err error) {
			at := pair{from.Phase, e.Kind()}
			switch {
			case errors.Is(err, htlc.ErrStale):
				results[at] = add(results[at], "*stale*")
			case err != nil:
				results[at] = add(results[at], "*rejected*")
			default:
				results[at] = add(results[at], to.Phase.String())
				if to.Phase != from.Phase {
					edge := [2]htlc.Phase{from.Phase, to.Phase}
					edges[edge] = add(edges[edge], string(e.Kind()))
				}
			}
		})
	}
	var doc strings.Builder
	doc.WriteString(docHead)
	for _, from := range htlc.Phases() {
		for _, to := range htlc.Phases() {
			if kinds := edges[[2]htlc.Phase{from, to}]; kinds != nil {
				slices.Sort(kinds)
				fmt.Fprintf(&doc, "    %s --> %s: %s\n", from, to, strings.Join(kinds, ", "))
			}
		}
	}
	doc.WriteString("    closed --> [*]\n```\n" + docTable + "| Event |")
	for _, p := range htlc.Phases() {
		doc.WriteString(" " + p.String() + " |")
	}
	doc.WriteString("\n|---|" + strings.Repeat("---|", len(htlc.Phases())) + "\n")
	for _, k := range htlc.EventKinds() {
		fmt.Fprintf(&doc, "| %s |", k)
		for _, p := range htlc.Phases() {
			cell := results[pair{p, k}]
			if cell == nil {
				t.Errorf("%s in phase %s has no sample", k, p)
			}
			slices.Sort(cell)
			doc.WriteString(" " + strings.Join(cell, ", ") + " |")
		}
		doc.WriteString("\n")
	}
	golden(t, "../docs/state-machine.md", []byte(doc.String()))
}

const docHead = `<!-- Written by go generate ./htlc; a test fails where it differs from the code. -->

# The swap machine

One party's view of a swap, as ` + "`htlc.Transition`" + ` runs it. Diagram and table are
made by running it over every event in samples of every phase, for an Initiator and
for a Participant; nothing here is written by hand. What each phase and event means
is said in the package's documentation.

An arrow is labelled with every event after which the phase was seen to change that
way. Which of them it takes depends on what else is known: ` + "`tip-advanced`" + ` closes a
swap only when it buries the last spend or passes a time.

` + "```mermaid\nstateDiagram-v2\n    [*] --> new\n"

const docTable = `
## Every event in every phase

The phases that a swap was in after the event. *stale*: a duplicate, or too late to
matter, and nothing changes. *rejected*: cannot be true of this swap.

`
