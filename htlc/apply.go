package htlc

import (
	"errors"
	"fmt"
)

// Each event writes itself into the swap and returns the alarms that it
// raises. It decides nothing: what follows from the new state is settled in
// Transition.

func (e TermsSigned) applyTo(s *Swap) ([]Effect, error)     { return nil, s.open(e) }
func (CancelRequested) applyTo(s *Swap) ([]Effect, error)   { return nil, s.cancel() }
func (e BudgetRaised) applyTo(s *Swap) ([]Effect, error)    { return nil, s.budgetRaised(e) }
func (e FundingPrepared) applyTo(s *Swap) ([]Effect, error) { return nil, s.fundingPrepared(e) }
func (e FundingChecked) applyTo(s *Swap) ([]Effect, error)  { return nil, s.fundingChecked(e) }
func (e RedeemPrepared) applyTo(s *Swap) ([]Effect, error)  { return nil, s.redeemPrepared(e) }
func (e RevealChecked) applyTo(s *Swap) ([]Effect, error)   { return nil, s.revealChecked(e) }
func (e Submitted) applyTo(s *Swap) ([]Effect, error)       { return nil, s.submitted(e) }
func (e Withheld) applyTo(s *Swap) ([]Effect, error)        { return s.withheld(e) }
func (e LegSeen) applyTo(s *Swap) ([]Effect, error)         { return nil, s.legSeen(e) }
func (e LegFunded) applyTo(s *Swap) ([]Effect, error)       { return nil, s.legFunded(e) }
func (e SecretSeen) applyTo(s *Swap) ([]Effect, error)      { return nil, s.secretSeen(e) }
func (e LegRedeemed) applyTo(s *Swap) ([]Effect, error)     { return nil, s.legRedeemed(e) }
func (e Reorged) applyTo(s *Swap) ([]Effect, error)         { return s.reorged(e) }
func (e TipAdvanced) applyTo(s *Swap) ([]Effect, error)     { return nil, s.tipAdvanced(e) }
func (e ConsentGiven) applyTo(s *Swap) ([]Effect, error)    { return nil, s.consentGiven(e) }
func (e ConsentFailed) applyTo(s *Swap) ([]Effect, error)   { return nil, s.consentFailed(e) }

func (e LegMismatched) applyTo(s *Swap) ([]Effect, error) {
	if err := s.checkLeg(e.Leg); err != nil {
		return nil, err
	}
	return []Effect{{Kind: EffectAlarm, Leg: e.Leg, Detail: AlarmMismatch}}, nil
}

func (e LegRefunded) applyTo(s *Swap) ([]Effect, error) {
	return nil, s.spent(e.Leg, LegSpentRefunded, spend{e.TxID, e.Ref, e.Block})
}

func (e LegClosedByConsent) applyTo(s *Swap) ([]Effect, error) {
	return nil, s.spent(e.Leg, LegSpentByConsent, spend{e.TxID, e.Ref, e.Block})
}

func (s *Swap) open(e TermsSigned) error {
	if s.Phase != PhaseNew {
		return ErrStale
	}
	if err := e.Terms.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrRejected, err)
	}
	if e.Self < 0 || e.Self >= len(e.Terms.Parties) {
		return fmt.Errorf("%w: no party %d", ErrRejected, e.Self)
	}
	if len(e.Since) > len(e.Terms.Legs) {
		return fmt.Errorf("%w: %d heights for %d legs", ErrRejected, len(e.Since), len(e.Terms.Legs))
	}
	if err := VerifyAll(e.Terms, e.Signatures); err != nil {
		return fmt.Errorf("%w: %w", ErrRejected, err)
	}
	s.ID, s.Terms, s.Self, s.Signed = e.Terms.ID(), e.Terms, e.Self, true
	s.Legs = make([]LegState, len(e.Terms.Legs))
	for i := range e.Since {
		s.Legs[i].Since = e.Since[i]
	}
	s.AskRedeem, s.AskRefund = e.AskRedeem, e.AskRefund
	s.Phase = PhaseAgreed
	if e.Restored {
		s.forget()
		s.recall(e.RevealOut)
	}
	return nil
}

func (s *Swap) cancel() error {
	lockOut := s.Restored && (s.FundingTx != "" || s.Legs[s.Out()].Status != LegUnfunded)
	if s.Phase != PhaseAgreed || s.searching() || lockOut {
		return ErrNotCancellable
	}
	s.Phase, s.Outcome = PhaseClosed, OutcomeCancelled
	return nil
}

func (s *Swap) fundingPrepared(e FundingPrepared) error {
	switch {
	case e.TxID == "":
		return fmt.Errorf("%w: a funding without a transaction", ErrRejected)
	case s.FundingTx == e.TxID, s.Forsworn():
		return ErrStale
	case s.FundingAllowed && s.Legs[s.Out()].Status < LegInBlock && s.AbandonTx == "":
		s.FundingTx, s.FundingSent = e.TxID, false
		return nil
	case s.Phase != PhaseAgreed:
		return ErrStale
	case s.FundingTx != "":
		return fmt.Errorf("%w: funding %q after %q", ErrRejected, e.TxID, s.FundingTx)
	}
	s.FundingTx = e.TxID
	return nil
}

func (s *Swap) fundingChecked(e FundingChecked) error {
	if s.Phase != PhaseAgreed {
		return ErrStale
	}
	verdict := FundingGate(*s, e.Facts)
	if verdict.Allows() {
		s.Phase, s.FundingAllowed, s.Announced = PhaseFunding, true, true
		return nil
	}
	s.Held = verdict.Holding()
	s.tellClock(s.Out(), e.Facts.Clock)
	return nil
}

func (s *Swap) redeemPrepared(e RedeemPrepared) error {
	if !s.Initiator() || e.TxID == "" {
		return fmt.Errorf("%w: only the initiator prepares a redeem", ErrRejected)
	}
	if s.Phase != PhaseFunded || s.RedeemTx == e.TxID || e.Ref != s.Legs[s.In()].FundRef {
		return ErrStale
	}
	s.RedeemTx = e.TxID
	return nil
}

func (s *Swap) revealChecked(e RevealChecked) error {
	if !s.Initiator() {
		return fmt.Errorf("%w: a participant passes no reveal gate", ErrRejected)
	}
	if s.Phase != PhaseFunded || s.CutOffPassed {
		return ErrStale
	}
	verdict := RevealGate(*s, e.Facts)
	if verdict.Allows() {
		s.Phase = PhaseRevealing
		return nil
	}
	s.Held = verdict.Holding()
	s.tellClock(s.In(), e.Facts.Clock)
	return nil
}

func (s *Swap) submitted(e Submitted) error {
	if err := s.checkLeg(e.Leg); err != nil {
		return err
	}
	switch {
	case e.Purpose == PurposeRedeem && e.Leg == s.In() && s.mayRedeem():
		if s.Released && s.RedeemTx == e.TxID {
			return ErrStale
		}
		s.Released, s.RedeemTx = true, e.TxID
	case e.Purpose == PurposeFund && e.Leg == s.Out() && (s.FundingAllowed || s.FundingSent):
		if s.FundingSent {
			return ErrStale
		}
		s.FundingSent = true
	case e.Purpose == PurposeRefund && e.Leg == s.Out() && s.Refunding:
		if s.RefundTx == e.TxID {
			return ErrStale
		}
		s.RefundTx = e.TxID
	case e.Purpose == PurposeAbandon && e.Leg == s.Out() && (s.Announced || s.AbandonTx != ""):
		if s.AbandonTx == e.TxID || !s.outstanding() {
			return ErrStale
		}
		s.AbandonTx = e.TxID
	case e.Purpose == PurposeConsent && s.asked(e.Leg):
		if s.Legs[e.Leg].ConsentTx == e.TxID {
			return ErrStale
		}
		s.Legs[e.Leg].ConsentTx = e.TxID
	default:
		return fmt.Errorf("%w: nobody asked for a %s of leg %d", ErrRejected, e.Purpose, e.Leg)
	}
	return nil
}

// asked: the intent of the leg is what we would ask for.
func (s *Swap) asked(leg int) bool {
	return leg == s.In() && s.Legs[leg].Intent == IntentRedeem || leg == s.Out() && s.Legs[leg].Intent == IntentRefund
}

// mayRedeem: anyone who knows the secret, and an Initiator with a stored
// redeem, whatever happened to its gate since: what is out is out.
func (s *Swap) mayRedeem() bool {
	return s.Secret != nil || s.Released || s.Initiator() && s.RedeemTx != ""
}

func (s *Swap) withheld(e Withheld) ([]Effect, error) {
	switch {
	case e.Purpose == PurposeFund && s.outstanding():
		s.FundingAllowed, s.Announced = false, false
		if unfunded := s.Legs[s.Out()].Status < LegInBlock; unfunded && (s.Phase == PhaseFunding || s.Phase == PhaseRefunding) {
			s.Phase, s.Outcome = PhaseClosed, OutcomeCancelled
		}
		return []Effect{{Kind: EffectAlarm, Leg: s.Out(), Detail: AlarmWithheld}}, nil
	case e.Purpose == PurposeRedeem && s.Phase == PhaseRevealing:
		s.Phase = PhaseFunded
		return []Effect{{Kind: EffectAlarm, Leg: s.In(), Detail: AlarmWithheld}}, nil
	}
	return nil, ErrStale
}

func (s *Swap) checkLeg(leg int) error {
	if leg != s.In() && leg != s.Out() {
		return fmt.Errorf("%w: leg %d is not ours", ErrRejected, leg)
	}
	return nil
}

func (s *Swap) legSeen(e LegSeen) error {
	if err := s.checkLeg(e.Leg); err != nil {
		return err
	}
	l := &s.Legs[e.Leg]
	if l.Status >= LegInMempool {
		return ErrStale
	}
	l.Status, l.FundTx = LegInMempool, e.TxID
	s.noteOwnFunding(e.Leg, e.TxID)
	return nil
}

// legFunded: a funding stands until its block is undone, so that a second one
// of the same contract moves neither depth nor redeem. Only our own takes the
// place of somebody else's, spent or not, since its refund is ours to fetch.
func (s *Swap) legFunded(e LegFunded) error {
	if err := s.checkLeg(e.Leg); err != nil {
		return err
	}
	if e.Own && e.Block != (BlockID{}) {
		s.adopt(e.Leg, e.TxID)
	}
	l := &s.Legs[e.Leg]
	other := l.FundRef != "" && l.FundRef != e.Ref
	own := e.Leg == s.Out() && s.isOwnFunding(e.TxID) && (l.FundTx == "" || !s.isOwnFunding(l.FundTx))
	switch {
	case e.Block == (BlockID{}):
		return fmt.Errorf("%w: funded in no block", ErrRejected)
	case l.Status.Spent() && !other && l.FundBlock == (BlockID{}): // told in the wrong order
		l.FundTx, l.FundRef, l.FundBlock = e.TxID, e.Ref, e.Block
		s.noteOwnFunding(e.Leg, e.TxID)
		return nil
	case !own && (l.Status.Spent() || l.FundBlock != (BlockID{})), l.Status.Spent() && !other:
		return ErrStale
	}
	if other && e.Leg == s.In() && s.Phase < PhaseRevealing {
		s.RedeemTx = "" // it spends a funding that is gone
	}
	l.Status, l.FundTx, l.FundRef, l.FundBlock = LegInBlock, e.TxID, e.Ref, e.Block
	l.SpendTx, l.SpendBlock = "", BlockID{}
	l.Height = max(l.Height, e.Block.Height)
	s.noteOwnFunding(e.Leg, e.TxID)
	return nil
}

// noteOwnFunding: our funding is out there, whatever we remember of the gate.
// That alone lets nothing more out: FundingAllowed stays the gate's. Ours is
// what carries the id that was stored before the gate: anybody may pay to our
// leg, and such a gift must not keep the swap waiting.
func (s *Swap) noteOwnFunding(leg int, txid string) {
	if leg != s.Out() || txid == "" || !s.isOwnFunding(txid) {
		return
	}
	s.Announced = true
	if s.FundingTx == "" {
		s.FundingTx = txid // a deployment's: the database was lost
	}
	if s.Phase == PhaseAgreed {
		s.Phase = PhaseFunding
	}
}

func (s *Swap) secretSeen(e SecretSeen) error {
	if err := s.checkLeg(e.Leg); err != nil {
		return err
	}
	if !e.Secret.Opens(s.Terms.SecretHash) {
		return ErrWrongSecret
	}
	if s.Secret != nil {
		return ErrStale
	}
	s.learn(e.Secret)
	return nil
}

// learn keeps the secret for ever: knowledge does not reverse.
func (s *Swap) learn(secret Secret) {
	if s.Secret == nil {
		s.Secret = &secret
	}
}

func (s *Swap) legRedeemed(e LegRedeemed) error {
	if !e.Secret.Opens(s.Terms.SecretHash) {
		return ErrWrongSecret
	}
	known := s.Secret != nil
	err := s.spent(e.Leg, LegSpentRedeemed, spend{e.TxID, e.Ref, e.Block})
	if err != nil && (known || !errors.Is(err, ErrStale)) {
		return err
	}
	s.learn(e.Secret)
	return nil
}

type spend struct {
	txid, ref string
	block     BlockID
}

// spent: a spend stands until its block is undone. Spends of another output
// than the funding that we follow say nothing of the leg.
func (s *Swap) spent(leg int, how LegStatus, by spend) error {
	if err := s.checkLeg(leg); err != nil {
		return err
	}
	l := &s.Legs[leg]
	other := by.ref != "" && l.FundRef != "" && by.ref != l.FundRef
	switch {
	case by.block == (BlockID{}):
		return fmt.Errorf("%w: spent in no block", ErrRejected)
	case l.Status.Spent(), other:
		return ErrStale
	}
	l.Status, l.SpendTx, l.SpendBlock = how, by.txid, by.block
	if l.FundRef == "" {
		l.FundRef = by.ref
	}
	l.Height = max(l.Height, by.block.Height)
	return nil
}

func (s *Swap) reorged(e Reorged) ([]Effect, error) {
	if err := s.checkLeg(e.Leg); err != nil {
		return nil, err
	}
	if e.Block == (BlockID{}) {
		return nil, fmt.Errorf("%w: no block undone", ErrRejected)
	}
	l := &s.Legs[e.Leg]
	undone := false
	if l.Status.Spent() && l.SpendBlock == e.Block {
		l.Status, l.SpendBlock, undone = LegInBlock, BlockID{}, true
		if l.FundBlock == (BlockID{}) {
			l.Status = LegUnfunded
		}
	}
	if l.FundBlock == e.Block {
		l.FundBlock, undone = BlockID{}, true
		if !l.Status.Spent() {
			l.Status = LegUnfunded
		}
	}
	if !undone {
		return nil, ErrStale
	}
	if e.Block.Height > 0 {
		l.Height = min(l.Height, e.Block.Height-1)
	}
	return []Effect{{Kind: EffectAlarm, Leg: e.Leg, Detail: AlarmReorg}}, nil
}

func (s *Swap) tipAdvanced(e TipAdvanced) error {
	if err := s.checkLeg(e.Leg); err != nil {
		return err
	}
	told := true
	for i := range s.Legs {
		if l := &s.Legs[i]; s.sameChain(i, e.Leg) {
			told = told && l.Height == e.Height && l.Clock == e.Clock
			l.Height, l.Clock = e.Height, e.Clock
		}
	}
	if told {
		return ErrStale
	}
	return nil
}

// tellClock keeps the later of two readings of a leg's clock. It is the
// leg's alone: the reveal gate reads a block's time stamp, which may run ahead
// of the median that opens a refund on the same chain.
func (s *Swap) tellClock(leg int, clock int64) {
	s.Legs[leg].Clock = max(s.Legs[leg].Clock, clock)
}
