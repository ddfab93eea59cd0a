package server_test

import (
	"testing"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/servertest"
	"github.com/kofo-network/kofo/monitor/engine"
)

// The three branches of a swap follow its journal, and end with the swap.
func TestSignaturesFollowTheJournal(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	id := agreed(t, a, b)
	const (
		unsigned = kofov1.SignatureState_SIGNATURE_STATE_UNSIGNED
		signed   = kofov1.SignatureState_SIGNATURE_STATE_SIGNED
		needless = kofov1.SignatureState_SIGNATURE_STATE_NOT_NEEDED
	)
	wants := func(when string, want ...kofov1.SignatureState) []*kofov1.BranchSignature {
		t.Helper()
		got := get(t, b, id).GetSignatures()
		if len(got) != len(want) {
			t.Fatalf("%s: %v", when, got)
		}
		for i, state := range want {
			if got[i].GetState() != state || got[i].GetBranch() != kofov1.Branch(i+1) || got[i].GetText() == "" {
				t.Errorf("%s: %v, want %s", when, got[i], state)
			}
		}
		return got
	}
	s, err := two.Swap(id)
	if err != nil {
		t.Fatal(err)
	}
	got := wants("agreed", unsigned, unsigned, unsigned)
	ether, coins := s.Terms.Legs[1], s.Terms.Legs[0]
	if got[0].GetUntil().GetSeconds() != ether.FundBy || got[1].GetUntil().GetSeconds() != coins.RedeemDeadline() ||
		got[2].GetUntil() != nil || got[2].GetFrom().GetSeconds() != ether.TimeLock || got[1].GetLeg() != 0 || got[2].GetLeg() != 1 {
		t.Errorf("agreed: %v", got)
	}
	if mine := get(t, a, id).GetSignatures(); mine[2].GetUntil().GetSeconds() != coins.FundBy {
		t.Errorf("the refund of coins goes with the funding: %v", mine[2])
	}
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Ethereum, "fund-1", 98_000), Swap: s.ID, Leg: 1, Purpose: htlc.PurposeFund})
	fund(t, id, two)
	wants("funded", signed, unsigned, unsigned)
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Bitcoin, "redeem-x", 2845), Swap: s.ID, Leg: 0, Purpose: htlc.PurposeRedeem, Ref: "of another lock"})
	wants("a redeem of a lock that was undone", signed, unsigned, unsigned)
	if s, err = two.Swap(id); err != nil {
		t.Fatal(err)
	}
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Bitcoin, "redeem-0", 2845), Swap: s.ID, Leg: 0, Purpose: htlc.PurposeRedeem, Ref: s.Legs[0].FundRef})
	wants("a redeem of this lock", signed, signed, unsigned)
	secret, err := two.SecretOf(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		event htlc.Event
		want  []kofov1.SignatureState
	}{
		{htlc.LegRedeemed{Leg: 1, TxID: "redeem-1", Secret: secret, Block: htlc.BlockID{Height: 5010, Hash: [32]byte{9}}}, []kofov1.SignatureState{signed, signed, needless}},
		{htlc.LegRedeemed{Leg: 0, TxID: "redeem-0", Secret: secret, Block: htlc.BlockID{Height: 1010, Hash: [32]byte{8}}}, []kofov1.SignatureState{signed, needless, needless}},
		{htlc.TipAdvanced{Leg: 1, Height: 5011, Clock: s.Terms.AcceptBy + 1}, []kofov1.SignatureState{signed, needless, needless}},
		{htlc.TipAdvanced{Leg: 0, Height: 1011, Clock: s.Terms.AcceptBy + 1}, nil},
	} {
		if err := two.Happen(id, step.event); err != nil {
			t.Fatal(err)
		}
		wants(string(step.event.Kind()), step.want...)
	}
}
