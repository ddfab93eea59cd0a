package htlc

import "fmt"

// apply writes one event into the swap and returns the alarms it raises. It
// decides nothing: what follows from the new state is settled in Transition.
func (s *Swap) apply(e Event) ([]Effect, error) {
	switch e := e.(type) {
	case TermsSigned:
		return nil, s.open(e)
	case CancelRequested:
		return nil, s.cancel()
	case FundingPrepared:
		return nil, s.fundingPrepared(e)
	case FundingChecked:
		return nil, s.fundingChecked(e)
	case RedeemPrepared:
		return nil, s.redeemPrepared(e)
	case RevealChecked:
		return nil, s.revealChecked(e)
	case Submitted:
		return nil, s.submitted(e)
	case Withheld:
		return s.withheld(e)
	case Reorged:
		return s.reorged(e)
	case TipAdvanced:
		return s.tipAdvanced(e)
	case LegMismatched:
		if err := s.checkLeg(e.Leg); err != nil {
			return nil, err
		}
		return []Effect{{Kind: EffectAlarm, Leg: e.Leg, Detail: AlarmMismatch}}, nil
	default:
		return nil, s.applyLeg(e)
	}
}

// applyLeg writes what a chain shows of a leg.
func (s *Swap) applyLeg(e Event) error {
	switch e := e.(type) {
	case LegSeen:
		return s.legSeen(e)
	case LegFunded:
		return s.legFunded(e)
	case SecretSeen:
		return s.secretSeen(e)
	case LegRedeemed:
		if !e.Secret.Opens(s.Terms.SecretHash) {
			return ErrWrongSecret
		}
		err := s.spent(e.Leg, LegSpentRedeemed, e.TxID, e.Block)
		if err == nil {
			s.learn(e.Secret)
		}
		return err
	case LegRefunded:
		return s.spent(e.Leg, LegSpentRefunded, e.TxID, e.Block)
	case LegClosedByConsent:
		return s.spent(e.Leg, LegSpentByConsent, e.TxID, e.Block)
	}
	return fmt.Errorf("%w: unknown event %T", ErrRejected, e)
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
	s.Phase = PhaseAgreed
	return nil
}

func (s *Swap) cancel() error {
	if s.Phase != PhaseAgreed {
		return ErrNotCancellable
	}
	s.Phase, s.Outcome = PhaseClosed, OutcomeCancelled
	return nil
}

func (s *Swap) fundingPrepared(e FundingPrepared) error {
	if s.Phase != PhaseAgreed || s.FundingTx == e.TxID {
		return ErrStale
	}
	if s.FundingTx != "" || e.TxID == "" {
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
		s.Phase, s.Announced = PhaseFunding, true
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
	case e.Purpose == PurposeRedeem && s.mayRedeem() && e.Leg == s.In():
		s.Released = true
		s.RedeemTx = e.TxID
	case e.Purpose == PurposeFund && s.Announced && e.Leg == s.Out(),
		e.Purpose == PurposeRefund && s.Refunding && e.Leg == s.Out():
	default:
		return fmt.Errorf("%w: nobody asked for a %s of leg %d", ErrRejected, e.Purpose, e.Leg)
	}
	return nil
}

// mayRedeem: an Initiator whose gate had opened, even if it closed since, or
// anyone who knows the secret.
func (s *Swap) mayRedeem() bool {
	return s.Secret != nil || s.Initiator() && s.RedeemTx != "" && s.Phase >= PhaseFunded
}

func (s *Swap) withheld(e Withheld) ([]Effect, error) {
	switch {
	case e.Purpose == PurposeFund && s.Phase == PhaseFunding && s.Legs[s.Out()].Status == LegUnfunded:
		s.Phase, s.Outcome, s.Announced = PhaseClosed, OutcomeCancelled, false
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

func (s *Swap) legFunded(e LegFunded) error {
	if err := s.checkLeg(e.Leg); err != nil {
		return err
	}
	l := &s.Legs[e.Leg]
	if l.Status.Spent() || l.Status.Locked() && l.FundBlock == e.Block && l.FundRef == e.Ref {
		return ErrStale
	}
	if l.FundRef != "" && l.FundRef != e.Ref && e.Leg == s.In() && s.Phase < PhaseRevealing {
		s.RedeemTx = "" // it spends a funding that is gone
	}
	l.Status, l.FundTx, l.FundRef, l.FundBlock = LegInBlock, e.TxID, e.Ref, e.Block
	l.Height = max(l.Height, e.Block.Height)
	s.noteOwnFunding(e.Leg, e.TxID)
	return nil
}

// noteOwnFunding: our funding is out there, whatever we remember of it.
func (s *Swap) noteOwnFunding(leg int, txid string) {
	if leg != s.Out() {
		return
	}
	s.Announced = true
	if s.FundingTx == "" {
		s.FundingTx = txid
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

func (s *Swap) spent(leg int, how LegStatus, txid string, block BlockID) error {
	if err := s.checkLeg(leg); err != nil {
		return err
	}
	l := &s.Legs[leg]
	if l.Status.Spent() && l.SpendBlock == block && l.SpendTx == txid {
		return ErrStale
	}
	l.Status, l.SpendTx, l.SpendBlock = how, txid, block
	l.Height = max(l.Height, block.Height)
	return nil
}

func (s *Swap) reorged(e Reorged) ([]Effect, error) {
	if err := s.checkLeg(e.Leg); err != nil {
		return nil, err
	}
	l := &s.Legs[e.Leg]
	undone := false
	if l.Status.Spent() && l.SpendBlock == e.Block {
		l.Status, l.SpendBlock, undone = LegInBlock, BlockID{}, true
		if l.FundBlock == (BlockID{}) {
			l.Status = LegUnfunded
		}
	}
	if l.FundBlock == e.Block && l.FundBlock != (BlockID{}) {
		l.FundBlock, undone = BlockID{}, true
		if !l.Status.Spent() {
			l.Status = LegUnfunded
		}
	}
	if !undone {
		return nil, ErrStale
	}
	l.Height = min(l.Height, e.Block.Height-1)
	return []Effect{{Kind: EffectAlarm, Leg: e.Leg, Detail: AlarmReorg}}, nil
}

func (s *Swap) tipAdvanced(e TipAdvanced) ([]Effect, error) {
	if err := s.checkLeg(e.Leg); err != nil {
		return nil, err
	}
	if l := s.Legs[e.Leg]; l.Height == e.Height && l.Clock == e.Clock {
		return nil, ErrStale
	}
	wasOpen := s.CutOffPassed || !s.Initiator() || !s.Legs[s.Out()].Status.Locked()
	for i := range s.Legs {
		if s.sameChain(i, e.Leg) {
			s.Legs[i].Height, s.Legs[i].Clock = e.Height, e.Clock
		}
	}
	if !wasOpen && s.Phase < PhaseRevealing && s.Legs[s.In()].Clock > s.Terms.CutOff() {
		return []Effect{{Kind: EffectAlarm, Leg: s.In(), Detail: AlarmCutOff}}, nil
	}
	return nil, nil
}

// tellClock keeps the later of two readings of a leg's clock. It is the
// leg's alone: the reveal gate reads a block's time stamp, which may run ahead
// of the median that opens a refund on the same chain.
func (s *Swap) tellClock(leg int, clock int64) {
	s.Legs[leg].Clock = max(s.Legs[leg].Clock, clock)
}
