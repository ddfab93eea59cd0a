package htlc_test

import (
	"maps"
	"sync"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

// walker tells one party's swap likely events in any order, and remembers what
// left the process, so that it can judge a consent without the rule.
type walker struct {
	*rapid.T
	swap     htlc.Swap
	terms    htlc.Terms
	intents  map[int]htlc.Intent
	sent     bool // our redeem
	secret   bool // somebody else's
	gone     bool // our funding was let out
	gaveBack bool
}

// tell applies one event and judges what it did.
func (w *walker) tell(e htlc.Event) {
	before := w.swap
	next, effects, err := htlc.Transition(before, e)
	w.swap = next
	if err != nil {
		return
	}
	for leg, l := range next.Legs {
		if was := w.intents[leg]; was != htlc.IntentNone && l.Intent != was {
			w.Fatalf("leg %d is bound to %s after %s", leg, l.Intent, was)
		}
		w.intents[leg] = l.Intent
	}
	switch e := e.(type) {
	case htlc.ConsentGiven:
		w.judge(before, e)
	case htlc.Submitted:
		w.sent = w.sent || e.Purpose == htlc.PurposeRedeem
	case htlc.SecretSeen, htlc.LegRedeemed:
		w.secret = true
	case htlc.Withheld:
		w.gone = w.gone && e.Purpose != htlc.PurposeFund
	}
	w.gone = w.gone || next.Announced
	for _, effect := range effects {
		if w.gaveBack && (effect.Kind == htlc.EffectFundLeg || effect.Kind == htlc.EffectRevealAndRedeem) {
			w.Fatalf("%s after the incoming leg was given back", effect.Kind)
		}
	}
}

// judge is what every consent must stand up to.
func (w *walker) judge(s htlc.Swap, e htlc.ConsentGiven) {
	in, out := s.Legs[s.In()], s.Legs[s.Out()]
	if e.Intent == htlc.IntentRedeem {
		taken := in.Status == htlc.LegSpentRedeemed || in.Status == htlc.LegSpentByConsent && w.intents[s.In()] == htlc.IntentRedeem
		leg := s.Terms.Legs[s.In()]
		inTime := in.Clock+int64(leg.Timing.ClockLag)+int64(leg.Timing.BuryRedeem) <= leg.TimeLock-int64(leg.Timing.ClockLead)
		inHand := w.secret || s.Initiator() && e.Facts.SecretHeld.State == htlc.CheckPassed
		if !inHand || !taken && !(w.sent && in.Status.Locked() && inTime) {
			w.Fatalf("our leg was given away: secret in hand %t, sent %t, incoming leg %s, in time %t", inHand, w.sent, in.Status, inTime)
		}
		return
	}
	w.gaveBack = true
	back := out.Status == htlc.LegSpentRefunded || out.Status == htlc.LegSpentByConsent && w.intents[s.Out()] == htlc.IntentRefund
	own := out.FundTx == "fund" || len(w.terms.Legs[s.Out()].Deployment) > 0
	back = back && own && out.SpendConfirmations() >= uint64(w.terms.Legs[s.Out()].MinConfirmations)
	if w.secret || w.sent || w.gone && !back {
		w.Fatalf("the incoming leg was given away: secret %t, sent %t, our leg out %t, %s by %q (%d deep)",
			w.secret, w.sent, w.gone, out.Status, out.FundTx, out.SpendConfirmations())
	}
}

// likely are the next events of a story, or any that may happen.
func (w *walker) likely() []htlc.Event {
	in, out := w.swap.In(), w.swap.Out()
	events := sampleEvents(w.terms, w.swap)
	for _, leg := range []int{in, out} {
		events = append(events,
			htlc.LegFunded{Leg: leg, TxID: "gift", Ref: "gift", Block: block(11)},
			htlc.TipAdvanced{Leg: leg, Height: 30, Clock: w.terms.Legs[leg].RedeemDeadline()},
			htlc.Submitted{Leg: leg, Purpose: htlc.PurposeConsent, TxID: "both"})
	}
	for range 4 {
		events = append(events, w.consents()[0], w.consents()[2])
	}
	return events
}

func (w *walker) consents() [3]htlc.Event {
	in, out := w.swap.In(), w.swap.Out()
	return [...]htlc.Event{
		htlc.ConsentGiven{Leg: out, Intent: htlc.IntentRedeem, Facts: held},
		htlc.ConsentGiven{Leg: out, Intent: htlc.IntentRedeem},
		htlc.ConsentGiven{Leg: in, Intent: htlc.IntentRefund},
	}
}

// tryConsents judges what the party would consent to here, and goes no
// further that way.
func (w *walker) tryConsents() {
	for _, e := range w.consents() {
		branch := *w
		branch.intents = maps.Clone(w.intents)
		branch.tell(e)
	}
}

// walks are swaps of both roles, paid on both kinds of chain.
var walks = sync.OnceValue(func() []htlc.Swap {
	var out []htlc.Swap
	for _, terms := range []htlc.Terms{testTerms(btc, eth), withoutDeployments(testTerms(eth, btc)), withoutDeployments(testTerms(btc, eth))} {
		for self := range 2 {
			opening := signed(terms, self)
			opening.AskRedeem, opening.AskRefund = true, true
			s, _, err := htlc.Transition(htlc.Swap{}, opening)
			if err != nil {
				panic(err)
			}
			out = append(out, s)
		}
	}
	return out
})

// lateStory: the secret comes out after all, when our leg was asked back.
func lateStory(s htlc.Swap) []htlc.Event {
	in, out := s.In(), s.Out()
	return append(fundingStory(s),
		htlc.LegFunded{Leg: in, TxID: "fund", Ref: "ref", Block: block(10)}, htlc.TipAdvanced{Leg: in, Height: 12, Clock: startTime + 101},
		htlc.TipAdvanced{Leg: s.Terms.Incoming(0), Height: 13, Clock: s.Terms.CutOff() + 1},
		htlc.SecretSeen{Leg: out, TxID: "redeem", Secret: testSecret()},
		htlc.Submitted{Leg: in, Purpose: htlc.PurposeRedeem, TxID: "redeem"},
		htlc.LegRedeemed{Leg: in, TxID: "redeem", Secret: testSecret(), Block: block(20)})
}

// walkConsents takes a party some way along a story, then anywhere.
func walkConsents(t *rapid.T) {
	start := rapid.SampledFrom(walks()).Draw(t, "role and chains")
	w := &walker{T: t, terms: start.Terms, swap: start, intents: map[int]htlc.Intent{}}
	story := rapid.SampledFrom([]func(htlc.Swap) []htlc.Event{swapStory, refundStory, lateStory}).Draw(t, "story")(w.swap)
	for _, e := range story[:rapid.IntRange(0, len(story)).Draw(t, "along")] {
		w.tell(e)
		w.tryConsents()
	}
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		w.tell(rapid.SampledFrom(w.likely()).Draw(t, "event"))
		w.tryConsents()
	}
}
