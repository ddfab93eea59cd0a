package runner_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// The reveal gate has opened; before the redeem goes out the incoming leg is
// refunded (node down for hours) or reorganised away. Signing fails before
// the gate is asked again, so the redeem is never withheld, and the swap never
// closes, although our own leg has come back.
func TestRevealOfAGoneLegEnds(t *testing.T) {
	tm := terms(t, eth, btc)
	m := open(t, tm, 0)
	m.must(htlc.FundingPrepared{TxID: "funding"})
	m.must(htlc.FundingChecked{Facts: m.facts(start)})
	m.must(htlc.Submitted{Leg: 0, Purpose: htlc.PurposeFund, TxID: "funding"})
	m.must(htlc.LegFunded{Leg: 0, TxID: "funding", Ref: "f:0", Block: block(11)})
	m.must(htlc.LegFunded{Leg: 1, TxID: "b", Ref: "b:0", Block: block(12)})
	m.tips(14, start+100)
	m.must(htlc.RedeemPrepared{TxID: "redeem", Ref: "b:0"})
	m.must(htlc.RevealChecked{Facts: m.revealFacts(start + 100)})
	late := tm.Legs[0].TimeLock + 10
	m.tips(100, late)
	m.must(htlc.LegRefunded{Leg: 1, TxID: "theirs", Ref: "b:0", Block: block(101)})
	m.must(htlc.LegRefunded{Leg: 0, TxID: "ours", Ref: "f:0", Block: block(101)})
	m.tips(110, late+100)

	c := &chain{redeemErr: &adapters.Error{Reason: "ALREADY_SPENT", Op: "sign", Retryable: true, Err: adapters.ErrSpent}}
	r := run(t, m, c, &journal{}, gates{reveal: func(htlc.Swap) htlc.RevealFacts {
		f := m.revealFacts(late)
		f.StateRead = htlc.Observed{State: htlc.CheckBlocked}
		return f
	}})
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if !until(3*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase == htlc.PhaseClosed }) {
		t.Fatalf("STUCK: phase %s after %d tries, our leg %s and buried", m.s.Phase, c.questions(), m.s.Legs[0].Status)
	}
}

// One time-out of a node while a gate is observed leaves a condition open, and
// nobody looks again before the leg's chain has another block: ten minutes to
// an hour on Bitcoin, while the Initiator's window may be a sighting's time.
func TestOpenConditionIsLookedAtAgain(t *testing.T) {
	tm := terms(t, eth, btc)
	m := open(t, tm, 0)
	m.must(htlc.FundingPrepared{TxID: "funding"})
	m.must(htlc.FundingChecked{Facts: m.facts(start)})
	m.must(htlc.LegFunded{Leg: 0, TxID: "funding", Ref: "f:0", Block: block(11)})
	m.must(htlc.LegFunded{Leg: 1, TxID: "b", Ref: "b:0", Block: block(12)})
	m.tips(14, start+100)
	m.must(htlc.RedeemPrepared{TxID: "redeem", Ref: "b:0"})
	c := &chain{}
	var asked atomic.Int64
	r := run(t, m, c, &journal{}, gates{reveal: func(htlc.Swap) htlc.RevealFacts {
		first := asked.Add(1) == 1
		f := m.revealFacts(start + 100)
		if first {
			f.RedeemRuns = htlc.Observed{Detail: "the chain's node does not answer"}
		}
		return f
	}})
	ask(r, m, htlc.EffectCheckReveal, 1)
	if !until(2*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase != htlc.PhaseFunded }) {
		s, _ := m.Swap(htlc.SwapID{})
		t.Errorf("DELAYED: phase %s, held by %v, the gate was asked %d time(s); next look at %+v",
			s.Phase, s.Held, asked.Load(), s.Alarms())
	}
}
