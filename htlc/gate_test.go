package htlc_test

import (
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// tellAll tells a swap events that must all apply.
func tellAll(t *testing.T, s htlc.Swap, events ...htlc.Event) htlc.Swap {
	t.Helper()
	for _, e := range events {
		next, _, err := step(t, coverage{}, s, e)
		if err != nil {
			t.Fatalf("%s in %s: %v", e.Kind(), s.Phase, err)
		}
		s = next
	}
	return s
}

// readyToFund is a swap whose funding gate lacks nothing.
func readyToFund(t *testing.T, self int) htlc.Swap {
	t.Helper()
	s := tellAll(t, htlc.Swap{}, signed(testTerms(btc, eth), self))
	if self > 0 {
		s = tellAll(t, s,
			htlc.LegFunded{Leg: 0, TxID: "fund0", Ref: "fund0:0", Block: block(101)},
			htlc.TipAdvanced{Leg: 0, Height: 103, Clock: startTime + 100})
	}
	return tellAll(t, s, htlc.FundingPrepared{TxID: "fund"})
}

// readyToReveal is the Initiator's swap when its reveal gate lacks nothing.
func readyToReveal(t *testing.T) htlc.Swap {
	t.Helper()
	return tellAll(t, readyToFund(t, 0),
		htlc.FundingChecked{Facts: fundingFacts(startTime)},
		htlc.LegFunded{Leg: 0, TxID: "fund", Ref: "fund:0", Block: block(101)},
		htlc.LegFunded{Leg: 1, TxID: "fund1", Ref: "slot1", Block: block(510)},
		htlc.TipAdvanced{Leg: 1, Height: 512, Clock: startTime + 200},
		htlc.RedeemPrepared{TxID: "redeem1", Ref: "slot1"})
}

// expectAlone checks that one condition alone holds the gate.
func expectAlone(t *testing.T, v htlc.Verdict, c htlc.Condition, state htlc.Check) {
	t.Helper()
	holding := v.Holding()
	if v.Allows() || len(holding) != 1 || holding[0].Condition != c || holding[0].State != state {
		t.Errorf("want %q alone, %s; the gate is held by %+v", c, state, holding)
	}
}

func TestFundingGateConditions(t *testing.T) {
	late := testTerms(btc, eth).Legs[1].FundBy + 1
	facts := map[htlc.Condition]func(*htlc.FundingFacts, htlc.Observed){
		htlc.CondRedeemRuns:    func(f *htlc.FundingFacts, o htlc.Observed) { f.RedeemRuns = o },
		htlc.CondRedeemMeans:   func(f *htlc.FundingFacts, o htlc.Observed) { f.RedeemMeans = o },
		htlc.CondTermsCopied:   func(f *htlc.FundingFacts, o htlc.Observed) { f.TermsCopied = o },
		htlc.CondDiskSpace:     func(f *htlc.FundingFacts, o htlc.Observed) { f.DiskSpace = o },
		htlc.CondStateRead:     func(f *htlc.FundingFacts, o htlc.Observed) { f.StateRead = o },
		htlc.CondBackEndsAgree: func(f *htlc.FundingFacts, o htlc.Observed) { f.BackEndsAgree = o },
		htlc.CondFinal:         func(f *htlc.FundingFacts, o htlc.Observed) { f.Final = o },
		htlc.CondChainsCalm:    func(f *htlc.FundingFacts, o htlc.Observed) { f.ChainsCalm = o },
	}
	swaps := map[htlc.Condition]func(*htlc.Swap){
		htlc.CondSignatures:     func(s *htlc.Swap) { s.Signed = false },
		htlc.CondRefundStored:   func(s *htlc.Swap) { s.FundingTx = "" },
		htlc.CondIncomingFunded: func(s *htlc.Swap) { s.Legs[0].Status = htlc.LegInBlock },
	}
	for self := range 2 {
		if v := htlc.FundingGate(readyToFund(t, self), fundingFacts(startTime)); !v.Allows() {
			t.Fatalf("party %d is held by %+v", self, v.Holding())
		}
		for c, set := range facts {
			for _, o := range []htlc.Observed{{}, {State: htlc.CheckBlocked, Detail: "why"}} {
				f := fundingFacts(startTime)
				set(&f, o)
				v := htlc.FundingGate(readyToFund(t, self), f)
				if self == 0 && (c == htlc.CondStateRead || c == htlc.CondBackEndsAgree || c == htlc.CondFinal) {
					if !v.Allows() { // the Initiator funds before anybody else
						t.Errorf("the initiator is held by %+v", v.Holding())
					}
					continue
				}
				expectAlone(t, v, c, o.State)
			}
		}
		for c, set := range swaps {
			s := readyToFund(t, self)
			set(&s)
			if self == 0 && c == htlc.CondIncomingFunded {
				continue
			}
			expectAlone(t, htlc.FundingGate(s, fundingFacts(startTime)), c, htlc.CheckBlocked)
		}
		expectAlone(t, htlc.FundingGate(readyToFund(t, self), fundingFacts(late)), htlc.CondFundBy, htlc.CheckBlocked)
		expectAlone(t, htlc.FundingGate(readyToFund(t, self), fundingFacts(0)), htlc.CondFundBy, htlc.CheckOpen)
	}
}

func TestRevealGateConditions(t *testing.T) {
	ready := readyToReveal(t)
	now := ready.Legs[1].Clock
	if v := htlc.RevealGate(ready, revealFacts(now)); !v.Allows() {
		t.Fatalf("held by %+v", v.Holding())
	}
	for c, set := range map[htlc.Condition]func(*htlc.RevealFacts, htlc.Observed){
		htlc.CondStateRead:     func(f *htlc.RevealFacts, o htlc.Observed) { f.StateRead = o },
		htlc.CondBackEndsAgree: func(f *htlc.RevealFacts, o htlc.Observed) { f.BackEndsAgree = o },
		htlc.CondFinal:         func(f *htlc.RevealFacts, o htlc.Observed) { f.Final = o },
		htlc.CondChainsCalm:    func(f *htlc.RevealFacts, o htlc.Observed) { f.ChainsCalm = o },
		htlc.CondRedeemRuns:    func(f *htlc.RevealFacts, o htlc.Observed) { f.RedeemRuns = o },
		htlc.CondRedeemMeans:   func(f *htlc.RevealFacts, o htlc.Observed) { f.RedeemMeans = o },
		htlc.CondDiskSpace:     func(f *htlc.RevealFacts, o htlc.Observed) { f.DiskSpace = o },
	} {
		for _, o := range []htlc.Observed{{}, {State: htlc.CheckBlocked, Detail: "why"}} {
			f := revealFacts(now)
			set(&f, o)
			expectAlone(t, htlc.RevealGate(ready, f), c, o.State)
		}
	}
	for c, set := range map[htlc.Condition]func(*htlc.Swap){
		htlc.CondSignatures:     func(s *htlc.Swap) { s.Signed = false },
		htlc.CondRedeemStored:   func(s *htlc.Swap) { s.RedeemTx = "" },
		htlc.CondIncomingFunded: func(s *htlc.Swap) { s.Legs[1].Status = htlc.LegInBlock },
	} {
		s := deepCopy(ready)
		set(&s)
		expectAlone(t, htlc.RevealGate(s, revealFacts(now)), c, htlc.CheckBlocked)
	}
	expectAlone(t, htlc.RevealGate(ready, revealFacts(ready.Terms.CutOff()+1)), htlc.CondCutOff, htlc.CheckBlocked)
	expectAlone(t, htlc.RevealGate(ready, revealFacts(0)), htlc.CondCutOff, htlc.CheckOpen)
}

// TestNothingObservedAllowsNothing: the zero values count as open.
func TestNothingObservedAllowsNothing(t *testing.T) {
	if htlc.FundingGate(readyToFund(t, 1), htlc.FundingFacts{}).Allows() || htlc.RevealGate(readyToReveal(t), htlc.RevealFacts{}).Allows() {
		t.Error("a gate opened on nothing")
	}
	if (htlc.Verdict{}).Allows() {
		t.Error("a verdict from no findings allows")
	}
	if got := htlc.Check(9).String(); got != "blocked" {
		t.Errorf("an unknown check prints %q", got)
	}
}
