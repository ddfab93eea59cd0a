package server

import (
	"context"
	"slices"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/timeline"
	"github.com/kofo-network/kofo/monitor/engine"
)

// putSignatures says what is signed and what is not yet. A closed swap needs
// nothing, and its journal isn't read.
func (s *Server) putSignatures(ctx context.Context, view *kofov1.Swap, swap htlc.Swap) error {
	if swap.Phase == htlc.PhaseClosed {
		return nil
	}
	stored := timeline.Stored{RefundAhead: swap.Terms.Legs[swap.Out()].Chain().Namespace() == outputsNamespace}
	for _, b := range []struct {
		leg     int
		purpose htlc.Purpose
		stands  *bool
	}{
		{swap.Out(), htlc.PurposeFund, &stored.Fund},
		{swap.In(), htlc.PurposeRedeem, &stored.Redeem},
		{swap.Out(), htlc.PurposeRefund, &stored.Refund},
	} {
		txs, err := s.o.Journal.Txs(ctx, swap.ID, b.leg, b.purpose)
		if err != nil {
			return err
		}
		ref := swap.Legs[b.leg].FundRef
		// One that names no lock was signed before there was any. One of another
		// lock, which a reorganisation has undone, is of no use.
		*b.stands = slices.ContainsFunc(txs, func(tx engine.JournalTx) bool {
			return b.purpose == htlc.PurposeFund || tx.Ref == "" || tx.Ref == ref
		})
	}
	for _, sig := range timeline.Signatures(swap, stored) {
		view.Signatures = append(view.Signatures, &kofov1.BranchSignature{
			Branch: branches[sig.Branch], Leg: uint32(sig.Leg), State: signings[sig.State], From: at(sig.From), Until: at(sig.Until), Text: sig.Text,
		})
	}
	return nil
}

var (
	branches = map[timeline.Branch]kofov1.Branch{
		timeline.BranchFund: kofov1.Branch_BRANCH_FUND, timeline.BranchRedeem: kofov1.Branch_BRANCH_REDEEM,
		timeline.BranchRefund: kofov1.Branch_BRANCH_REFUND,
	}
	signings = map[timeline.Signing]kofov1.SignatureState{
		timeline.Unsigned: kofov1.SignatureState_SIGNATURE_STATE_UNSIGNED, timeline.Signed: kofov1.SignatureState_SIGNATURE_STATE_SIGNED,
		timeline.NotNeeded: kofov1.SignatureState_SIGNATURE_STATE_NOT_NEEDED,
	}
)
