package runner_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// revealing is an initiator whose reveal gate has opened, with its redeem stored.
func revealing(t *testing.T) (*machine, *journal, htlc.Terms) {
	t.Helper()
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
	j := &journal{txs: []engine.JournalTx{{
		Tx: adapters.Tx{Chain: btc.Chain(), ID: "redeem"}, Swap: m.s.ID, Leg: 1, Purpose: htlc.PurposeRedeem, Ref: "b:0",
	}}}
	return m, j, tm
}

// kill -9 at redeem-released (or a node that never takes the redeem); the incoming leg goes back to its payer,
// ours comes back too. Nobody ever says Submitted, so the phase stays revealing for ever.
func TestReleasedRevealOfAGoneLegEnds(t *testing.T) {
	m, j, tm := revealing(t)
	j.txs[0].Released = true
	late := tm.Legs[0].TimeLock + 10
	m.tips(100, late)
	m.must(htlc.LegRefunded{Leg: 1, TxID: "theirs", Ref: "b:0", Block: block(101)})
	m.must(htlc.LegRefunded{Leg: 0, TxID: "ours", Ref: "f:0", Block: block(101)})
	m.tips(110, late+100)
	c := &chain{redeemErr: &adapters.Error{Reason: "ALREADY_SPENT", Op: "sign", Retryable: true, Err: adapters.ErrSpent}}
	r := run(t, m, c, j, gates{reveal: func(htlc.Swap) htlc.RevealFacts {
		f := m.revealFacts(late)
		f.StateRead = htlc.Observed{State: htlc.CheckBlocked}
		return f
	}})
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if !until(3*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase == htlc.PhaseClosed }) {
		t.Fatalf("STUCK: phase %s after %d tries, both legs refunded and buried (%v, %v)", m.s.Phase, c.questions(), m.s.Legs[0].Buried, m.s.Legs[1].Buried)
	}
}

// The node's connection is refused when the gate has opened: the secret is nowhere. It is back after the cut-off,
// a moment before the participant's time lock. The gate is not asked again: the secret goes out, against A6.
func TestSafety_A6_UnsentRevealAsksTheGateAgain(t *testing.T) {
	m, j, tm := revealing(t)
	clock := int64(start + 100)
	c := &chain{refuse: &adapters.Error{Reason: "NODE_UNREACHABLE", Op: "verify", Retryable: true, Err: fmt.Errorf("%w: %w", adapters.ErrNotSent, adapters.ErrUnreachable)}}
	r := run(t, m, c, j, gates{reveal: func(htlc.Swap) htlc.RevealFacts { return m.revealFacts(clock) }})
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if !until(5*time.Second, func() bool { return c.questions() > 1 }) {
		t.Fatal("never tried")
	}
	c.set(func() {
		clock = tm.Legs[1].TimeLock + 50 // the participant's refund is open
		c.refuse = nil
	})
	m.tips(90, clock)
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if until(3*time.Second, func() bool { return c.has("redeem") }) {
		t.Fatalf("the secret was let out at %d, cut-off %d, time lock of the incoming leg %d", clock, tm.CutOff(), tm.Legs[1].TimeLock)
	}
}
