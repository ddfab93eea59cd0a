package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Bounds of a causeBook.
const (
	knownCauses = 10_000
	lastEvents  = 64 // among which the last look at the gate is searched
)

var outcomeTexts = map[htlc.Outcome]string{
	htlc.OutcomeSwapped:   "Both legs were redeemed.",
	htlc.OutcomeRefunded:  "The swap did not go through in time; this node's coins came back by the refund.",
	htlc.OutcomeConsented: "A leg was closed by consent of both its parties: it came back to its payer before the time lock.",
	htlc.OutcomeWindfall:  "This node was paid, and its own coins came back or were never locked.",
	htlc.OutcomeLost:      "The other party redeemed, and this node's redeem came too late.",
}

// takenByUnknown: a restored swap has forgotten what was consented to.
func takenByUnknown(l htlc.LegState) bool {
	return l.Status == htlc.LegSpentByConsent && l.Intent == htlc.IntentNone
}

// causeBook says what led to a swap's outcome. Of one that was never funded
// the last events tell, which are read once: a closed swap does not change.
type causeBook struct {
	swaps Swaps

	mu    sync.Mutex
	known map[htlc.SwapID]string
}

func newCauseBook(swaps Swaps) *causeBook {
	return &causeBook{swaps: swaps, known: map[htlc.SwapID]string{}}
}

func (b *causeBook) of(ctx context.Context, swap htlc.Swap) (string, error) {
	if swap.Outcome != htlc.OutcomeCancelled {
		if swap.Outcome == htlc.OutcomeConsented && slices.ContainsFunc(swap.Legs, takenByUnknown) {
			return "A leg was closed by consent of both its parties. Who took its coins was forgotten with the lost database; the chain shows it.", nil
		}
		return outcomeTexts[swap.Outcome], nil
	}
	b.mu.Lock()
	text, ok := b.known[swap.ID]
	b.mu.Unlock()
	if ok {
		return text, nil
	}
	after := uint64(0)
	if swap.Version > lastEvents {
		after = swap.Version - lastEvents
	}
	events, err := b.swaps.History(ctx, swap.ID, after, lastEvents)
	if err != nil {
		return "", fmt.Errorf("cause of the end of %s: %w", swap.ID, err)
	}
	text = neverFunded(swap, events)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= knownCauses {
		clear(b.known)
	}
	b.known[swap.ID] = text
	return text, nil
}

// neverFunded says why a swap closed before this node had locked anything.
func neverFunded(swap htlc.Swap, events []engine.StoredEvent) string {
	var (
		last    htlc.Event
		checked *htlc.FundingChecked
	)
	for _, e := range events {
		if _, consent := e.Event.(htlc.ConsentGiven); consent {
			if swap.Legs[swap.Out()].Clock <= swap.Terms.Legs[swap.Out()].FundBy && !cancelled(last) {
				return "The other party asked for its coins back before this node had locked any, and this node consented."
			}
			continue // it came after the end
		}
		last = e.Event
		if c, ok := e.Event.(htlc.FundingChecked); ok {
			checked = &c
		}
	}
	switch last.(type) {
	case htlc.CancelRequested:
		return "This node cancelled it before it locked anything."
	case htlc.Withheld:
		return "This node's lock came too late for its time to fund, and never got into a block."
	}
	text := "The time to fund ran out before this node locked anything"
	in := swap.Legs[swap.In()].Status
	switch {
	case checked != nil:
		text += missing(swap, *checked)
	case !swap.Initiator() && in == htlc.LegUnfunded:
		text += ": the initiator never locked its coins"
	case !swap.Initiator() && in < htlc.LegConfirmed:
		text += ": the initiator's lock did not get its confirmations in time"
	}
	return text + "."
}

func cancelled(e htlc.Event) bool {
	_, ok := e.(htlc.CancelRequested)
	return ok
}

// missing names the conditions that held the gate at the last look, but for
// the time, which is what ended it.
func missing(swap htlc.Swap, checked htlc.FundingChecked) string {
	var held []string
	for _, f := range htlc.FundingGate(swap, checked.Facts).Holding() {
		if f.Condition == htlc.CondFundBy {
			continue
		}
		text := string(f.Condition)
		if f.Detail != "" {
			text += " (" + f.Detail + ")"
		}
		held = append(held, text)
	}
	if len(held) == 0 {
		return ""
	}
	return "; it waited for: " + strings.Join(held, "; ")
}
