//go:build attack

package attack

import (
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// funding is a participant whose gate has opened, with its funding stored.
func funding(t *testing.T) (*machine, *journal, htlc.Terms) {
	t.Helper()
	tm := terms(t, eth, btc)
	m := open(t, tm, 1)
	m.must(htlc.LegFunded{Leg: 0, TxID: "a", Ref: "a:0", Block: block(11)})
	m.tips(13, start+100)
	m.must(htlc.FundingPrepared{TxID: "funding"})
	m.must(htlc.FundingChecked{Facts: m.facts(start + 100)})
	if m.s.Phase != htlc.PhaseFunding || !m.wants(htlc.EffectFundLeg, 1) {
		t.Fatalf("phase %s", m.s.Phase)
	}
	j := &journal{txs: []engine.JournalTx{{
		Tx: adapters.Tx{Chain: btc.Chain(), ID: "funding"}, Swap: m.s.ID, Leg: 1, Purpose: htlc.PurposeFund,
	}}}
	return m, j, tm
}

// gone: fund-by and both time locks are past, and the initiator has its leg
// back.
func gone(m *machine, tm htlc.Terms) int64 {
	late := tm.Legs[0].TimeLock + 10_000
	m.tips(500, late)
	m.must(htlc.LegRefunded{Leg: 0, TxID: "back", Ref: "a:0", Block: block(501)})
	m.tips(600, late+10)
	return late + 10
}

// The node refuses the funding (mempool full, fee spike, unreachable) until
// after the initiator has taken leg 0 back. The gate would not open any more,
// but the funding still goes out, and the initiator redeems it.
func TestRefusedFundingGoesOutAfterIncomingIsGone(t *testing.T) {
	m, j, tm := funding(t)
	clock := int64(start + 100)
	c := &chain{refuse: &adapters.Error{Reason: "FEE_TOO_LOW", Op: "broadcast", Retryable: true, Err: adapters.ErrRejected}}
	incoming := passed
	g := gates{funding: func(htlc.Swap) htlc.FundingFacts {
		f := m.facts(clock)
		f.StateRead = incoming
		return f
	}}
	r := run(t, m, c, j, g)
	ask(r, m, htlc.EffectFundLeg, 1)
	if !until(5*time.Second, func() bool { return c.questions() > 0 }) {
		t.Fatal("never broadcast")
	}
	c.set(func() {
		clock = gone(m, tm)
		incoming = htlc.Observed{State: htlc.CheckBlocked, Detail: "refunded"}
		c.refuse = nil
	})
	ask(r, m, htlc.EffectFundLeg, 1)
	if until(3*time.Second, func() bool { return c.has("funding") }) {
		t.Fatalf("LOST: leg 1 was funded at clock %d, fund-by %d, incoming leg %s",
			clock, tm.Legs[1].FundBy, m.s.Legs[0].Status)
	}
}

// The same by a crash: marked as released, never handed out, started again
// after leg 0 is gone.
func TestRestartFundsAfterIncomingIsGone(t *testing.T) {
	m, j, tm := funding(t)
	j.txs[0].Released = true // kill -9 at killpoint fund-released
	clock := gone(m, tm)
	c := &chain{}
	r := run(t, m, c, j, gates{funding: func(htlc.Swap) htlc.FundingFacts { return m.facts(clock) }})
	ask(r, m, htlc.EffectFundLeg, 1) // pending in the store
	if until(3*time.Second, func() bool { return c.has("funding") }) {
		t.Fatalf("LOST: leg 1 was funded at clock %d, fund-by %d, incoming leg %s",
			clock, tm.Legs[1].FundBy, m.s.Legs[0].Status)
	}
}

// The funding was taken by a node and is not mined (fees rose). Nothing is ever
// done about it: it may be mined after leg 0 is gone, and the initiator, who
// alone knows the secret, can even pay for it with its redeem as child.
func TestUnminedFundingIsNeverTakenBack(t *testing.T) {
	m, _, tm := funding(t)
	m.must(htlc.Submitted{Leg: 1, Purpose: htlc.PurposeFund, TxID: "funding"})
	gone(m, tm)
	m.tips(100_000, start+10*365*86400)
	if m.idle() {
		t.Errorf("STUCK: ten years later the swap is in phase %s, wants nothing and has no alarm", m.s.Phase)
	}
	// ... and then it is mined.
	m.must(htlc.LegFunded{Leg: 1, TxID: "funding", Ref: "funding:0", Block: block(100_001)})
	m.must(htlc.LegRedeemed{Leg: 1, TxID: "theirs", Ref: "funding:0", Secret: theSecret(), Block: block(100_001)})
	m.tips(100_010, start+10*365*86400+100)
	if m.s.Outcome == htlc.OutcomeLost {
		t.Errorf("LOST: outcome %s", m.s.Outcome)
	}
}

// Before our funding is prepared anybody who knows the Terms shows a payment
// of the amount to our contract in the mempool, and never has it mined. The
// swap waits for ever: no gate, no cancel, no fund-by, no release of coins.
func TestStrangersSightingFreezesTheSwap(t *testing.T) {
	tm := terms(t, eth, btc)
	m := open(t, tm, 1)
	m.must(htlc.LegSeen{Leg: 1, TxID: "the initiator's, replaced a second later"})
	m.must(htlc.LegFunded{Leg: 0, TxID: "a", Ref: "a:0", Block: block(11)})
	m.tips(13, start+100)
	if !m.wants(htlc.EffectPrepareFunding, 1) {
		t.Errorf("STUCK: incoming leg %s, but phase %s wants no funding", m.s.Legs[0].Status, m.s.Phase)
	}
	if err := m.apply(htlc.CancelRequested{}); err != nil {
		t.Errorf("STUCK: cancel: %v", err)
	}
	m.tips(100_000, start+10*365*86400)
	if m.s.Phase != htlc.PhaseClosed {
		t.Errorf("STUCK: ten years later phase %s, %d alarms; the coins stay reserved", m.s.Phase, len(m.s.Alarms()))
	}
}

// The same by a real payment, which costs the stranger nothing but fees: the
// initiator funds leg 1 itself and redeems it at once, and never funds leg 0.
func TestStrangersFundingAndRedeemFreezesTheSwap(t *testing.T) {
	tm := terms(t, eth, btc)
	m := open(t, tm, 1)
	m.must(htlc.LegFunded{Leg: 1, TxID: "the initiator's", Ref: "i:0", Block: block(11)})
	m.must(htlc.LegRedeemed{Leg: 1, TxID: "the initiator's too", Ref: "i:0", Secret: theSecret(), Block: block(11)})
	m.tips(100_000, start+10*365*86400)
	if m.s.Phase != htlc.PhaseClosed {
		t.Errorf("STUCK: ten years later phase %s, nothing of ours funded, %d alarms; the coins stay reserved", m.s.Phase, len(m.s.Alarms()))
	}
}
