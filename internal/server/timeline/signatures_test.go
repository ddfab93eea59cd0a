package timeline_test

import (
	"maps"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/timeline"
)

// branch is the wanted answer for one branch.
type branch struct {
	state       timeline.Signing
	from, until int64
}

// signatureRow is a swap with its journal, and what is said of it.
type signatureRow struct {
	swap                 htlc.Swap
	stored               timeline.Stored
	fund, redeem, refund branch
}

var (
	signedBranch = branch{state: timeline.Signed}
	needless     = branch{state: timeline.NotNeeded}
)

func unsigned(from, until int64) branch { return branch{timeline.Unsigned, from, until} }

func agreedSwap(t *testing.T, self int) htlc.Swap {
	t.Helper()
	return happen(t, opened(t, self), tip(0, 100, start), tip(1, 500, start))
}

func fundingSwap(t *testing.T, self int) htlc.Swap {
	t.Helper()
	s := agreedSwap(t, self)
	s.Phase, s.Announced = htlc.PhaseFunding, true
	return s
}

func lockedSwap(t *testing.T, self int) htlc.Swap {
	t.Helper()
	s := fundingSwap(t, self)
	s.Phase = htlc.PhaseFunded
	s.Legs[0].Status, s.Legs[1].Status = htlc.LegConfirmed, htlc.LegConfirmed
	return s
}

func changed(s htlc.Swap, change func(*htlc.Swap)) htlc.Swap {
	change(&s)
	return s
}

// unlockedRows are swaps in which the party has not locked yet.
func unlockedRows(t *testing.T) map[string]signatureRow {
	t.Helper()
	terms := agreedSwap(t, 0).Terms
	fundBy := [2]int64{terms.Legs[0].FundBy, terms.Legs[1].FundBy}
	lock, redeemBy := terms.Legs[1].TimeLock, terms.Legs[0].RedeemDeadline()
	return map[string]signatureRow{
		"initiator, agreed; the refund goes with the funding": {
			agreedSwap(t, 0), timeline.Stored{RefundAhead: true}, unsigned(0, fundBy[0]), unsigned(0, terms.CutOff()), unsigned(0, fundBy[0]),
		},
		"participant, agreed; the refund comes with the time lock": {
			agreedSwap(t, 1), timeline.Stored{}, unsigned(0, fundBy[1]), unsigned(0, redeemBy), unsigned(lock, 0),
		},
		"too late to fund": {
			changed(agreedSwap(t, 0), func(s *htlc.Swap) { s.Legs[0].Clock = fundBy[0] + 1 }), timeline.Stored{RefundAhead: true},
			needless, unsigned(0, terms.CutOff()), needless,
		},
		"at the last moment to fund": {
			changed(agreedSwap(t, 0), func(s *htlc.Swap) { s.Legs[0].Clock = fundBy[0] }), timeline.Stored{RefundAhead: true},
			unsigned(0, fundBy[0]), unsigned(0, terms.CutOff()), unsigned(0, fundBy[0]),
		},
		"initiator, funding": {
			fundingSwap(t, 0), timeline.Stored{Fund: true, Refund: true, RefundAhead: true}, signedBranch, unsigned(0, terms.CutOff()), signedBranch,
		},
		"participant, funding": {fundingSwap(t, 1), timeline.Stored{Fund: true}, signedBranch, unsigned(0, redeemBy), unsigned(lock, 0)},
	}
}

// lockedRows are swaps in which it has.
func lockedRows(t *testing.T) map[string]signatureRow {
	t.Helper()
	terms := agreedSwap(t, 0).Terms
	lock := [2]int64{terms.Legs[0].TimeLock, terms.Legs[1].TimeLock}
	redeemBy := terms.Legs[0].RedeemDeadline()
	all := timeline.Stored{Fund: true, Redeem: true, Refund: true}
	out := func(s *htlc.Swap) { known := secret(t); s.Secret, s.Phase = &known, htlc.PhaseRedeeming }
	return map[string]signatureRow{
		"everything is signed": {lockedSwap(t, 0), all, signedBranch, signedBranch, signedBranch},
		"a refund that was lost": {
			lockedSwap(t, 0), timeline.Stored{Fund: true, RefundAhead: true}, signedBranch, unsigned(0, terms.CutOff()), unsigned(lock[0], 0),
		},
		"past the cut-off": {
			changed(lockedSwap(t, 0), func(s *htlc.Swap) { s.CutOffPassed = true }), timeline.Stored{Fund: true, Refund: true}, signedBranch, needless, signedBranch,
		},
		"past the cut-off, the secret is out": {
			changed(lockedSwap(t, 0), func(s *htlc.Swap) { s.CutOffPassed = true; out(s) }), timeline.Stored{Fund: true, Refund: true},
			signedBranch, unsigned(0, terms.Legs[1].RedeemDeadline()), signedBranch,
		},
		"the secret was handed out, and its redeem is of another lock": {
			changed(lockedSwap(t, 0), func(s *htlc.Swap) { s.Released, s.Phase = true, htlc.PhaseRefunding }), timeline.Stored{Fund: true, Refund: true},
			signedBranch, unsigned(0, terms.Legs[1].RedeemDeadline()), signedBranch,
		},
		"the initiator refunds": {
			changed(lockedSwap(t, 0), func(s *htlc.Swap) { s.Phase = htlc.PhaseRefunding }), timeline.Stored{Fund: true, Refund: true}, signedBranch, needless, signedBranch,
		},
		"the secret is out for the participant": {
			changed(lockedSwap(t, 1), func(s *htlc.Swap) { out(s); s.Legs[1].Status = htlc.LegSpentRedeemed }), timeline.Stored{Fund: true},
			signedBranch, unsigned(0, redeemBy), needless,
		},
		"the participant has its coins back": {
			changed(lockedSwap(t, 1), func(s *htlc.Swap) { s.Phase, s.Legs[1].Status = htlc.PhaseRefunding, htlc.LegSpentRefunded }),
			timeline.Stored{Fund: true, Refund: true}, signedBranch, needless, needless,
		},
		"its coins back, and the secret is out": {
			changed(lockedSwap(t, 1), func(s *htlc.Swap) { out(s); s.Legs[1].Status = htlc.LegSpentRefunded }),
			timeline.Stored{Fund: true, Refund: true}, signedBranch, unsigned(0, redeemBy), needless,
		},
		"both are redeemed": {
			changed(lockedSwap(t, 0), func(s *htlc.Swap) { s.Legs[0].Status, s.Legs[1].Status = htlc.LegSpentRedeemed, htlc.LegSpentRedeemed }), all,
			signedBranch, needless, needless,
		},
		"restored without a journal": {
			lockedSwap(t, 1), timeline.Stored{}, needless, unsigned(0, redeemBy), unsigned(lock[1], 0),
		},
	}
}

func TestSignatures(t *testing.T) {
	rows := unlockedRows(t)
	maps.Copy(rows, lockedRows(t))
	for name, row := range rows {
		got := timeline.Signatures(row.swap, row.stored)
		if len(got) != 3 {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		for i, want := range []branch{row.fund, row.redeem, row.refund} {
			leg := row.swap.Out()
			if timeline.Branch(i+1) == timeline.BranchRedeem {
				leg = row.swap.In()
			}
			g := got[i]
			if (branch{g.State, g.From, g.Until}) != want || g.Branch != timeline.Branch(i+1) || g.Leg != leg || g.Text == "" {
				t.Errorf("%s: %+v, want %+v of leg %d", name, g, want, leg)
			}
		}
	}
	if got := timeline.Signatures(changed(agreedSwap(t, 0), func(s *htlc.Swap) { s.Phase = htlc.PhaseClosed }), timeline.Stored{}); got != nil {
		t.Errorf("closed: %+v", got)
	}
}
