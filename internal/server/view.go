package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/server/timeline"
	"github.com/kofo-network/kofo/internal/store"
)

func amount(asset htlc.AssetID, a htlc.Amount) *kofov1.AssetAmount {
	return &kofov1.AssetAmount{Asset: string(asset), Amount: a.String()}
}

func amounts(list []agreement.AssetAmount) []*kofov1.AssetAmount {
	out := make([]*kofov1.AssetAmount, len(list))
	for i, a := range list {
		out[i] = amount(a.Asset, a.Amount)
	}
	return out
}

// at is nil for the zero time, which is none.
func at(unix int64) *timestamppb.Timestamp {
	if unix <= 0 {
		return nil
	}
	return timestamppb.New(time.Unix(unix, 0))
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func roleOf(initiator bool) kofov1.Role {
	if initiator {
		return kofov1.Role_ROLE_INITIATOR
	}
	return kofov1.Role_ROLE_PARTICIPANT
}

// view is an agreement as callers see it, with its swap where there is one.
func (s *Server) view(ctx context.Context, r agreement.Record) (*kofov1.Swap, error) {
	if r.State == agreement.StateAgreed {
		stored, err := s.o.Swaps.Get(ctx, r.Swap())
		switch {
		case err == nil:
			return s.swapView(ctx, r, stored)
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
		// All have signed, and the engine takes it over any moment.
		fresh := htlc.Swap{
			ID: r.Swap(), Terms: r.Terms, Self: r.Self(), Signed: true,
			Phase: htlc.PhaseAgreed, Legs: make([]htlc.LegState, len(r.Terms.Legs)),
		}
		return s.swapView(ctx, r, store.Record{Swap: fresh, Created: r.CreatedAt, Updated: r.UpdatedAt})
	}
	return s.offerView(r), nil
}

// offerView shows an agreement that is no swap, or none yet.
func (s *Server) offerView(r agreement.Record) *kofov1.Swap {
	o := r.Offer
	out := &kofov1.Swap{
		OfferId: r.ID().String(), Role: roleOf(r.Initiator), SecretHash: o.SecretHash.String(),
		Sends: amount(o.Gives.Asset, o.Gives.Amount), Receives: amount(o.Wants.Asset, o.Wants.Amount),
		Parties:  []string{o.Initiator.String()},
		AcceptBy: at(o.AcceptBy), CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt),
	}
	if !r.Initiator {
		out.Sends, out.Receives = out.Receives, out.Sends
	}
	legs := []htlc.Leg{o.Gives, o.Wants}
	if len(r.Terms.Legs) > 0 {
		out.Id, legs = r.Swap().String(), r.Terms.Legs
		out.Parties = append(out.Parties, r.Terms.Parties[1].String())
	}
	for i, leg := range legs {
		out.Legs = append(out.Legs, &kofov1.Leg{
			Index: uint32(i), Role: legRole(i, r.Self(), len(legs)), Chain: string(leg.Chain()), Amount: amount(leg.Asset, leg.Amount),
			Status: kofov1.LegStatus_LEG_STATUS_UNFUNDED, MinConfirmations: leg.MinConfirmations,
			FundBy: at(leg.FundBy), TimeLock: at(leg.TimeLock),
		})
	}
	var look timeline.View
	switch r.State {
	case agreement.StateDraft, agreement.StateOffered, agreement.StateBound:
		out.Phase = kofov1.Phase_PHASE_OFFERED
		look = timeline.Offered(o.AcceptBy)
		if !r.Initiator {
			look = timeline.Answering(o.AcceptBy)
		}
	case agreement.StateAccepted, agreement.StateAgreed:
		out.Phase = kofov1.Phase_PHASE_ACCEPTED
		look = timeline.Accepted(o.AcceptBy, r.ByHand || o.ReplyTo == "")
	case agreement.StateCancelled, agreement.StateExpired, agreement.StateRefused:
		out.Phase, out.ClosedAt, look = kofov1.Phase_PHASE_CLOSED, stamp(r.UpdatedAt), timeline.Ended()
		out.Outcome, out.OutcomeCause = kofov1.Outcome_OUTCOME_CANCELLED, "The agreement was cancelled before all had signed."
		if r.State == agreement.StateExpired {
			out.Outcome, out.OutcomeCause = kofov1.Outcome_OUTCOME_EXPIRED, "The time to agree ran out before all had signed."
		}
		if r.State == agreement.StateRefused {
			out.OutcomeCause = fmt.Sprintf("The initiator's node refused the acceptance: %s.", r.Cause)
		}
	}
	putLook(out, look)
	return out
}

func legRole(leg, self, n int) kofov1.LegRole {
	switch leg {
	case self:
		return kofov1.LegRole_LEG_ROLE_PAYER
	case (self + n - 1) % n:
		return kofov1.LegRole_LEG_ROLE_PAYEE
	}
	return kofov1.LegRole_LEG_ROLE_OTHER
}

// swapView shows a swap.
func (s *Server) swapView(ctx context.Context, r agreement.Record, stored store.Record) (*kofov1.Swap, error) {
	swap := stored.Swap
	t := swap.Terms
	in, out := t.Legs[swap.In()], t.Legs[swap.Out()]
	view := &kofov1.Swap{
		Id: swap.ID.String(), OfferId: t.Salt.String(), Role: roleOf(swap.Initiator()), Phase: phases[swap.Phase],
		Outcome: outcomes[swap.Outcome], SecretHash: t.SecretHash.String(),
		Sends: amount(out.Asset, out.Amount), Receives: amount(in.Asset, in.Amount),
		AcceptBy: at(t.AcceptBy), CutOff: at(t.CutOff()), Version: swap.Version,
		CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(stored.Updated),
	}
	if r.CreatedAt.IsZero() {
		view.CreatedAt = stamp(stored.Created)
	}
	if swap.Phase == htlc.PhaseClosed {
		view.ClosedAt = stamp(stored.Updated)
	}
	for _, p := range t.Parties {
		view.Parties = append(view.Parties, p.String())
	}
	for i := range t.Legs {
		view.Legs = append(view.Legs, s.legView(swap, i))
	}
	for _, f := range swap.Held {
		view.Held = append(view.Held, &kofov1.Finding{Condition: string(f.Condition), State: findings[f.State], Detail: f.Detail})
	}
	look := timeline.Of(swap, timeline.Look{Tip: s.tip, Name: s.chainName})
	putLook(view, look)
	for _, leg := range look.Risk.Locked {
		view.Risk.Locked = append(view.Risk.Locked, amount(t.Legs[leg].Asset, t.Legs[leg].Amount))
	}
	var err error
	if view.OutcomeCause, err = s.causes.of(ctx, swap); err != nil {
		return nil, err
	}
	if err := s.putFees(ctx, view, swap); err != nil {
		return nil, err
	}
	view.WorstCaseLoss = s.worstCase(ctx, swap)
	s.putBudgets(view, swap)
	return view, s.putSignatures(ctx, view, swap)
}

func (s *Server) legView(swap htlc.Swap, i int) *kofov1.Leg {
	leg, state := swap.Terms.Legs[i], swap.Legs[i]
	tip, _ := s.tip(leg.Chain())
	// The engine's cursor may be further than what the swap was told.
	state.Height, state.Clock = max(state.Height, tip.Height), max(state.Clock, tip.Clock)
	out := &kofov1.Leg{
		Index: uint32(i), Role: legRole(i, swap.Self, len(swap.Terms.Legs)), Chain: string(leg.Chain()),
		Amount: amount(leg.Asset, leg.Amount), Status: legStatuses[state.Status], MinConfirmations: leg.MinConfirmations,
		Confirmations: state.Confirmations(), SpendConfirmations: state.SpendConfirmations(), Buried: state.Buried,
		FundingTxid: state.FundTx, FundingHeight: state.FundBlock.Height,
		SpendTxid: state.SpendTx, SpendHeight: state.SpendBlock.Height,
		FundBy: at(leg.FundBy), RedeemBy: at(leg.RedeemDeadline()), TimeLock: at(leg.TimeLock),
		TipHeight: state.Height, ChainClock: at(state.Clock), Paid: state.Redeemed(),
	}
	if i == swap.Out() && out.FundingTxid == "" && swap.Announced {
		out.FundingTxid = swap.FundingTx
	}
	if i == swap.Out() && out.SpendTxid == "" {
		out.SpendTxid = swap.RefundTx // sent, and in no block yet
	}
	if c, ok := s.chains[leg.Chain()]; ok {
		if contract, err := c.Purse.Contract(swap.Terms, i); err == nil {
			out.ContractAddress, out.ContractId = contract.Address, contract.ID
		}
	}
	return out
}

// tip is the block up to which the engine has stored a chain's facts.
func (s *Server) tip(id htlc.ChainID) (timeline.Tip, bool) {
	cursor, ok := s.o.Engine.Cursor(id)
	return timeline.Tip{Height: cursor.Block.Height, Clock: cursor.Block.Clock, BlockTime: s.chains[id].BlockTime}, ok
}

func (s *Server) chainName(id htlc.ChainID) string { return s.chains[id].Name }

func putLook(view *kofov1.Swap, look timeline.View) {
	view.NextAction = actionView(look.Next)
	if look.Otherwise != nil {
		view.Otherwise = actionView(*look.Otherwise)
	}
	view.Risk = &kofov1.Risk{AtRisk: look.Risk.AtRisk, Why: look.Risk.Why}
}

func actionView(a timeline.Action) *kofov1.NextAction {
	out := &kofov1.NextAction{
		Kind: actions[a.Kind], Chain: string(a.Chain), AtTime: at(a.At), AtHeight: a.Height, Deadline: at(a.Deadline), Text: a.Text,
	}
	if a.Leg >= 0 {
		leg := uint32(a.Leg)
		out.Leg = &leg
	}
	return out
}

// Names of the core in those of the API.
var (
	phases = map[htlc.Phase]kofov1.Phase{
		htlc.PhaseAgreed: kofov1.Phase_PHASE_AGREED, htlc.PhaseFunding: kofov1.Phase_PHASE_FUNDING,
		htlc.PhaseFunded: kofov1.Phase_PHASE_FUNDED, htlc.PhaseRevealing: kofov1.Phase_PHASE_REVEALING,
		htlc.PhaseRedeeming: kofov1.Phase_PHASE_REDEEMING, htlc.PhaseRefunding: kofov1.Phase_PHASE_REFUNDING,
		htlc.PhaseClosed: kofov1.Phase_PHASE_CLOSED,
	}
	outcomes = map[htlc.Outcome]kofov1.Outcome{
		htlc.OutcomeSwapped: kofov1.Outcome_OUTCOME_SWAPPED, htlc.OutcomeRefunded: kofov1.Outcome_OUTCOME_REFUNDED,
		htlc.OutcomeCancelled: kofov1.Outcome_OUTCOME_CANCELLED, htlc.OutcomeConsented: kofov1.Outcome_OUTCOME_CONSENTED,
		htlc.OutcomeWindfall: kofov1.Outcome_OUTCOME_WINDFALL, htlc.OutcomeLost: kofov1.Outcome_OUTCOME_LOST,
	}
	legStatuses = map[htlc.LegStatus]kofov1.LegStatus{
		htlc.LegUnfunded: kofov1.LegStatus_LEG_STATUS_UNFUNDED, htlc.LegInMempool: kofov1.LegStatus_LEG_STATUS_IN_MEMPOOL,
		htlc.LegInBlock: kofov1.LegStatus_LEG_STATUS_IN_BLOCK, htlc.LegConfirmed: kofov1.LegStatus_LEG_STATUS_CONFIRMED,
		htlc.LegSpentRedeemed: kofov1.LegStatus_LEG_STATUS_REDEEMED, htlc.LegSpentRefunded: kofov1.LegStatus_LEG_STATUS_REFUNDED,
		htlc.LegSpentByConsent: kofov1.LegStatus_LEG_STATUS_CLOSED_BY_CONSENT,
	}
	findings = map[htlc.Check]kofov1.FindingState{
		htlc.CheckOpen: kofov1.FindingState_FINDING_STATE_OPEN, htlc.CheckBlocked: kofov1.FindingState_FINDING_STATE_BLOCKED,
	}
	actions = map[timeline.Kind]kofov1.ActionKind{
		timeline.None:                 kofov1.ActionKind_ACTION_KIND_NONE,
		timeline.WaitAcceptance:       kofov1.ActionKind_ACTION_KIND_WAIT_ACCEPTANCE,
		timeline.WaitCountersignature: kofov1.ActionKind_ACTION_KIND_WAIT_COUNTERSIGNATURE,
		timeline.Fund:                 kofov1.ActionKind_ACTION_KIND_FUND,
		timeline.WaitFunding:          kofov1.ActionKind_ACTION_KIND_WAIT_FUNDING,
		timeline.WaitConfirmations:    kofov1.ActionKind_ACTION_KIND_WAIT_CONFIRMATIONS,
		timeline.Reveal:               kofov1.ActionKind_ACTION_KIND_REVEAL,
		timeline.Redeem:               kofov1.ActionKind_ACTION_KIND_REDEEM,
		timeline.WaitRedeem:           kofov1.ActionKind_ACTION_KIND_WAIT_REDEEM,
		timeline.Refund:               kofov1.ActionKind_ACTION_KIND_REFUND,
		timeline.Bury:                 kofov1.ActionKind_ACTION_KIND_BURY,
		timeline.Expire:               kofov1.ActionKind_ACTION_KIND_EXPIRE,
		timeline.Abandon:              kofov1.ActionKind_ACTION_KIND_ABANDON,
	}
)
