package timeline

import "github.com/kofo-network/kofo/htlc"

// Branch is a transaction that the party may have to sign in a swap.
type Branch uint8

// The branches, in the order of a swap.
const (
	BranchFund Branch = iota + 1
	BranchRedeem
	BranchRefund
)

// Signing is how far the signature of a branch is.
type Signing uint8

// The states of a Branch.
const (
	// Unsigned: it is not signed, and may be needed.
	Unsigned Signing = iota + 1
	// Signed and stored. It may be signed again for a higher fee.
	Signed
	// NotNeeded as things stand. A reorganisation may change that.
	NotNeeded
)

// Signature is what a signer has done for one branch, or has yet to do.
type Signature struct {
	Branch Branch
	Leg    int
	State  Signing
	// From and Until bound, while it is Unsigned, when it has to be signed: unix
	// seconds by the chain's clock, 0 for no bound.
	From, Until int64
	Text        string
}

// Stored says which branches of a swap stand in the journal for the present
// contracts. RefundAhead: the chain of the own leg wants the refund signed
// together with the funding.
type Stored struct {
	Fund, Redeem, Refund bool
	RefundAhead          bool
}

// Signatures says of each branch whether it is signed, and until when it must be.
// A closed swap has none.
func Signatures(s htlc.Swap, stored Stored) []Signature {
	if s.Phase == htlc.PhaseClosed || s.Phase == htlc.PhaseNew {
		return nil
	}
	return []Signature{fundSignature(s, stored), redeemSignature(s, stored), refundSignature(s, stored)}
}

func fundSignature(s htlc.Swap, stored Stored) Signature {
	leg, state := s.Terms.Legs[s.Out()], s.Legs[s.Out()]
	switch out := (Signature{Branch: BranchFund, Leg: s.Out()}); {
	case stored.Fund:
		return out.signed("The funding is signed and stored.")
	case s.Phase != htlc.PhaseAgreed || state.Status.Locked() || state.Status.Spent():
		return out.notNeeded("This node funds nothing any more.")
	case state.Clock > leg.FundBy:
		return out.notNeeded("It is too late to fund.")
	default:
		out.Until = leg.FundBy
		return out.unsigned("The funding is signed as soon as the gate allows it; unsigned until then, the swap is cancelled.")
	}
}

func redeemSignature(s htlc.Swap, stored Stored) Signature {
	leg, state, own := s.Terms.Legs[s.In()], s.Legs[s.In()], s.Legs[s.Out()]
	known := s.Secret != nil || s.Released
	switch out := (Signature{Branch: BranchRedeem, Leg: s.In()}); {
	case state.Status.Spent():
		return out.notNeeded("The contract that pays this node is spent.")
	case stored.Redeem:
		return out.signed("The redeem is signed and stored.")
	case s.Initiator() && !known && (s.CutOffPassed || s.Phase == htlc.PhaseRefunding):
		return out.notNeeded("This node does not show the secret any more.")
	case !known && own.Status == htlc.LegSpentRefunded:
		return out.notNeeded("This node has its own coins back.")
	case known:
		out.Until = leg.RedeemDeadline()
		return out.unsigned("The secret is out: the redeem has to be signed and confirmed before the other party can refund.")
	case s.Initiator():
		out.Until = s.Terms.CutOff()
		return out.unsigned("The redeem is signed once the other leg has its confirmations; unsigned until the cut-off, both are refunded.")
	default:
		out.Until = leg.RedeemDeadline()
		return out.unsigned("The redeem is signed once the other party shows the secret: keep the signer up until then.")
	}
}

func refundSignature(s htlc.Swap, stored Stored) Signature {
	leg, state := s.Terms.Legs[s.Out()], s.Legs[s.Out()]
	begun := s.Announced || state.Status != htlc.LegUnfunded
	switch out := (Signature{Branch: BranchRefund, Leg: s.Out()}); {
	case state.Status.Spent():
		return out.notNeeded("This node's contract is spent.")
	case stored.Refund:
		return out.signed("The refund is signed and stored: it needs no signer any more.")
	case !begun && fundSignature(s, stored).State == NotNeeded:
		return out.notNeeded("This node has locked nothing.")
	case stored.RefundAhead && !begun:
		out.Until = leg.FundBy
		return out.unsigned("The refund is signed together with the funding, before that is sent.")
	default:
		out.From = leg.TimeLock
		return out.unsigned("The refund is signed once the time lock is open, if it is needed then; it pays this node whenever it comes.")
	}
}

func (s Signature) signed(text string) Signature {
	s.State, s.Text = Signed, text
	return s
}

func (s Signature) notNeeded(text string) Signature {
	s.State, s.Text = NotNeeded, text
	return s
}

func (s Signature) unsigned(text string) Signature {
	s.State, s.Text = Unsigned, text
	return s
}
