package runner_test

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
func TestRefusedFundingStaysInWhenIncomingIsGone(t *testing.T) {
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
func TestRestartFundsNothingWhenIncomingIsGone(t *testing.T) {
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

// Our lock is undone after we were paid: the gate has nothing left to look at,
// and the lock is owed.
func TestAnOwedFundingPassesNoGate(t *testing.T) {
	m, j, tm := funding(t)
	j.txs[0].Released = true
	m.must(htlc.LegFunded{Leg: 1, TxID: "funding", Ref: "funding:0", Block: block(14)})
	m.must(htlc.LegRedeemed{Leg: 1, TxID: "theirs", Ref: "funding:0", Block: block(15), Secret: theSecret()})
	m.must(htlc.LegRedeemed{Leg: 0, TxID: "ours", Ref: "a:0", Block: block(15), Secret: theSecret()})
	m.must(htlc.Reorged{Leg: 1, Block: block(15)})
	m.must(htlc.Reorged{Leg: 1, Block: block(14)})
	if !m.wants(htlc.EffectFundLeg, 1) {
		t.Fatalf("phase %s, own leg %s, clock %d of %d", m.s.Phase, m.s.Legs[1].Status, m.s.Legs[1].Clock, tm.Legs[1].FundBy)
	}
	c := &chain{}
	r := run(t, m, c, j, gates{funding: func(htlc.Swap) htlc.FundingFacts {
		f := m.facts(start + 100)
		f.StateRead = htlc.Observed{State: htlc.CheckBlocked, Detail: "redeemed"}
		return f
	}})
	ask(r, m, htlc.EffectFundLeg, 1)
	if !until(5*time.Second, func() bool { return c.has("funding") }) {
		t.Fatal("the owed lock is held back")
	}
}

// What may be out is abandoned: all that was released, by what was stored last,
// stored before it is sent, until the adapter says that it is void.
func TestUnminedFundingIsAbandoned(t *testing.T) {
	m, j, tm := funding(t)
	m.must(htlc.Submitted{Leg: 1, Purpose: htlc.PurposeFund, TxID: "funding"})
	j.txs[0].Released = true
	clock := gone(m, tm)
	if !m.wants(htlc.EffectAbandonFunding, 1) || m.wants(htlc.EffectFundLeg, 1) {
		t.Fatalf("phase %s", m.s.Phase)
	}
	c := &chain{answer: adapters.Abandoned{Tx: &adapters.Tx{Chain: btc.Chain(), ID: "instead"}}}
	r := run(t, m, c, j, gates{})
	ask(r, m, htlc.EffectAbandonFunding, 1)
	if !until(5*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.AbandonTx == "instead" }) || !c.has("instead") {
		t.Fatalf("not abandoned: %+v", m.s)
	}
	stored, _ := j.Txs(t.Context(), m.s.ID, 1, htlc.PurposeAbandon)
	if len(stored) != 1 || !stored[0].Released {
		t.Fatalf("stored %+v", stored)
	}
	c.set(func() { c.answer = adapters.Abandoned{} }) // mined, not deep
	ask(r, m, htlc.EffectAbandonFunding, 1)
	c.set(func() { c.answer = adapters.Abandoned{Void: true} })
	m.tips(601, clock+10)
	ask(r, m, htlc.EffectAbandonFunding, 1)
	if !until(5*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase == htlc.PhaseClosed }) {
		t.Fatalf("phase %s", m.s.Phase)
	}
	if m.s.Outcome != htlc.OutcomeCancelled {
		t.Errorf("outcome %s", m.s.Outcome)
	}
	c.set(func() {
		last := c.abandoned[len(c.abandoned)-1]
		if len(last.Fundings) != 1 || last.Fundings[0].ID != "funding" || last.Replace == nil || last.Replace.ID != "instead" ||
			last.Confirmations != 3 || !last.Fees.Must || last.Fees.Deadline != 0 || last.Owner != m.s.ID.String() {
			t.Errorf("asked %+v", last)
		}
	})
}

// Before its time lock an abandonment climbs towards it, and needs no more than its budget while the incoming
// leg is there. After an outage that was longer, it pays the market's feerate and no cap.
func TestAbandonmentClimbsTowardsTheTimeLock(t *testing.T) {
	for name, c := range map[string]struct {
		late     int64
		deadline bool
	}{"in time": {-1, true}, "after an outage": {0, false}} {
		t.Run(name, func(t *testing.T) {
			m, j, tm := funding(t)
			m.must(htlc.Submitted{Leg: 1, Purpose: htlc.PurposeFund, TxID: "funding"})
			j.txs[0].Released = true
			lock := tm.Legs[1].TimeLock
			m.tips(500, lock+c.late)
			chain := &chain{answer: adapters.Abandoned{Tx: &adapters.Tx{Chain: btc.Chain(), ID: "instead"}}}
			r := run(t, m, chain, j, gates{})
			ask(r, m, htlc.EffectAbandonFunding, 1)
			if !until(5*time.Second, func() bool { return chain.has("instead") }) {
				t.Fatalf("not abandoned: %+v", m.s)
			}
			chain.set(func() {
				want := int64(0)
				if c.deadline {
					want = lock
				}
				if f := chain.abandoned[0].Fees; f.Deadline != want || f.Must || f.Now != lock+c.late || f.Budget.IsZero() {
					t.Errorf("fees %+v, want the deadline %d", f, want)
				}
			})
		})
	}
}

// What never left the process needs no abandonment.
func TestUnsentFundingIsWithheld(t *testing.T) {
	m, j, tm := funding(t)
	gone(m, tm)
	c := &chain{}
	r := run(t, m, c, j, gates{})
	ask(r, m, htlc.EffectAbandonFunding, 1)
	if !until(5*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase == htlc.PhaseClosed }) {
		t.Fatalf("phase %s", m.s.Phase)
	}
	if len(c.abandoned) != 0 || len(c.took) != 0 {
		t.Errorf("asked %v, sent %v", c.abandoned, c.took)
	}
}

// Before our funding is prepared anybody who knows the Terms shows a payment
// of the amount to our contract in the mempool, and never has it mined. The
// swap waits for ever: no gate, no cancel, no fund-by, no release of coins.
func TestStrangersSightingHoldsNothingUp(t *testing.T) {
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
func TestStrangersFundingAndRedeemHoldNothingUp(t *testing.T) {
	tm := terms(t, eth, btc)
	m := open(t, tm, 1)
	m.must(htlc.LegFunded{Leg: 1, TxID: "the initiator's", Ref: "i:0", Block: block(11)})
	m.must(htlc.LegRedeemed{Leg: 1, TxID: "the initiator's too", Ref: "i:0", Secret: theSecret(), Block: block(11)})
	m.tips(100_000, start+10*365*86400)
	if m.s.Phase != htlc.PhaseClosed {
		t.Errorf("STUCK: ten years later phase %s, nothing of ours funded, %d alarms; the coins stay reserved", m.s.Phase, len(m.s.Alarms()))
	}
}
