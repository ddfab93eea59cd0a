package htlc

// Phase is where a swap stands, as one party sees it.
type Phase uint8

// The phases of a swap.
const (
	PhaseNew       Phase = iota // no Terms yet
	PhaseAgreed                 // all have signed; our leg is not announced
	PhaseFunding                // the funding gate opened; our leg is not in a block
	PhaseFunded                 // our leg is in a block
	PhaseRevealing              // the reveal gate opened; the secret may be out
	PhaseRedeeming              // the secret is out: redeem until buried
	PhaseRefunding              // our time lock is open: refund until buried
	PhaseClosed                 // see Outcome
)

var phaseNames = [...]string{"new", "agreed", "funding", "funded", "revealing", "redeeming", "refunding", "closed"}

func (p Phase) String() string { return phaseNames[min(p, PhaseClosed)] }

// Phases lists every phase, for tables and tests.
func Phases() []Phase {
	return []Phase{PhaseNew, PhaseAgreed, PhaseFunding, PhaseFunded, PhaseRevealing, PhaseRedeeming, PhaseRefunding, PhaseClosed}
}

// Outcome is how a closed swap ended for the party.
type Outcome uint8

// The outcomes of a swap.
const (
	OutcomeNone      Outcome = iota
	OutcomeSwapped           // our leg redeemed, the incoming one redeemed by us
	OutcomeRefunded          // our leg came back
	OutcomeCancelled         // our leg was never funded
	OutcomeConsented         // our leg came back by consent
	OutcomeWindfall          // we redeemed, and our own leg came back or was never funded
	OutcomeLost              // our leg was redeemed and the incoming one is gone
)

var outcomeNames = [...]string{"none", "swapped", "refunded", "cancelled", "consented", "windfall", "lost"}

func (o Outcome) String() string { return outcomeNames[min(o, OutcomeLost)] }

// LegStatus is what the chain shows of a leg.
type LegStatus uint8

// The states of a leg.
const (
	LegUnfunded       LegStatus = iota
	LegInMempool                // funding seen, in no block
	LegInBlock                  // funding in a block, not deep enough
	LegConfirmed                // funding at MinConfirmations
	LegSpentRedeemed            // spent with the secret
	LegSpentRefunded            // spent after the time lock
	LegSpentByConsent           // spent by both
)

var legStatusNames = [...]string{"unfunded", "in-mempool", "in-block", "confirmed", "redeemed", "refunded", "closed-by-consent"}

func (s LegStatus) String() string { return legStatusNames[min(s, LegSpentByConsent)] }

// Spent reports whether the contract was spent in a block.
func (s LegStatus) Spent() bool { return s >= LegSpentRedeemed }

// Locked reports whether the funding is in a block and unspent.
func (s LegStatus) Locked() bool { return s == LegInBlock || s == LegConfirmed }

// LegState is what is known of one leg.
type LegState struct {
	Status     LegStatus
	FundTx     string  `json:",omitempty"`
	FundRef    string  `json:",omitempty"`
	FundBlock  BlockID // zero while in no block
	SpendTx    string  `json:",omitempty"`
	SpendBlock BlockID
	Buried     bool // the spend has MinConfirmations
	// Intent is the only one for which the leg is ever spent by consent, set
	// before we ask or answer.
	Intent Intent `json:",omitempty"`
	// ConsentTx is our own spend by consent, once it was handed to a node.
	ConsentTx string `json:",omitempty"`
	Since     uint64 // no funding can be older than this height
	// Unsearched: the swap was restored, and the chain was not read since.
	Unsearched bool   `json:",omitempty"`
	Height     uint64 // of the chain's tip when last told
	Clock      int64  // of the chain when last told
}

// Confirmations is the depth of the funding; 1 for the tip's block.
func (l LegState) Confirmations() uint64 { return depth(l.FundBlock, l.Height) }

// SpendConfirmations is the depth of the spend.
func (l LegState) SpendConfirmations() uint64 { return depth(l.SpendBlock, l.Height) }

func depth(b BlockID, tip uint64) uint64 {
	if b == (BlockID{}) || tip < b.Height {
		return 0
	}
	return tip - b.Height + 1
}

// Swap is one party's view of a swap. The zero value is PhaseNew.
type Swap struct {
	ID      SwapID
	Terms   Terms
	Self    int
	Signed  bool
	Phase   Phase
	Outcome Outcome
	// Version counts applied events.
	Version uint64
	Legs    []LegState

	// Secret is set once it is out: seen on a chain or in a message. The
	// Initiator's own, before that, is derived where it is needed.
	Secret *Secret
	// FundingTx and RedeemTx are set once the transactions are stored,
	// RefundTx and AbandonTx once they were handed to a node.
	FundingTx, RedeemTx, RefundTx, AbandonTx string
	// FundingAllowed: the funding gate opened. FundingSent: the funding was
	// handed to a node. Announced: the gate opened, or our funding was seen;
	// what others lock in our leg is a gift and announces nothing.
	FundingAllowed, FundingSent, Announced bool
	// Released: the redeem with the secret was handed to a node.
	Released bool
	// Refunding: the refund of our leg was asked for.
	Refunding bool
	// CutOffPassed: the Initiator will never reveal.
	CutOffPassed bool
	// AskRedeem and AskRefund are as in TermsSigned.
	AskRedeem, AskRefund bool `json:",omitempty"`
	// ScriptOnly: the payer's consent to our redeem did not come.
	ScriptOnly bool `json:",omitempty"`
	// Restored: what this node did in the swap is forgotten, in part or in whole.
	Restored bool `json:",omitempty"`
	// Held is what the last look at a gate found missing.
	Held Verdict
	// Budgets are what the owner has raised while the swap runs.
	Budgets Budgets `json:",omitzero"`
}

// Initiator reports whether the party holds the secret.
func (s Swap) Initiator() bool { return s.Self == 0 }

// In is the index of the leg that pays the party.
func (s Swap) In() int { return s.Terms.Incoming(s.Self) }

// Out is the index of the leg that the party pays.
func (s Swap) Out() int { return s.Terms.Outgoing(s.Self) }

func (s Swap) clone() Swap {
	s.Legs = append([]LegState(nil), s.Legs...)
	return s
}

// Alarm asks for TipAdvanced on a leg when its chain's tip reaches Height or
// its clock reaches Clock, whichever is set and comes first.
type Alarm struct {
	Leg    int
	Height uint64
	Clock  int64
}

// Alarms says when the swap must be told of its chains' tips again. It is a
// function of the state, so nothing is lost with a timer.
func (s Swap) Alarms() []Alarm {
	if s.Phase == PhaseNew || s.Phase == PhaseClosed {
		return nil
	}
	var out []Alarm
	for _, i := range []int{s.In(), s.Out()} {
		out = append(out, s.depthAlarms(i)...)
		if s.waitsForBlock(i) {
			out = append(out, Alarm{Leg: i, Height: s.Legs[i].Height + 1})
		}
	}
	return append(out, s.clockAlarms()...)
}

func (s Swap) clockAlarms() []Alarm {
	var out []Alarm
	leg, state := s.Terms.Legs[s.Out()], s.Legs[s.Out()]
	switch {
	case (s.Phase == PhaseAgreed || s.outstanding()) && state.Clock <= leg.FundBy:
		out = append(out, Alarm{Leg: s.Out(), Clock: leg.FundBy + 1})
	case (s.outstanding() || state.Status.Locked()) && state.Clock <= leg.TimeLock:
		out = append(out, Alarm{Leg: s.Out(), Clock: leg.TimeLock + 1})
	}
	if s.Initiator() && !s.CutOffPassed && s.Phase < PhaseRevealing {
		out = append(out, Alarm{Leg: s.In(), Clock: s.Terms.CutOff() + 1})
	}
	if cutOff := s.Terms.CutOff(); s.AskRefund && s.Phase == PhaseFunded && s.mayBeForgotten() && state.Clock <= cutOff {
		out = append(out, Alarm{Leg: s.Out(), Clock: cutOff + 1})
	}
	in := s.Legs[s.In()]
	if lock := s.Terms.Legs[s.In()].TimeLock; s.bystander() && in.Status < LegInBlock && in.Clock <= lock {
		out = append(out, Alarm{Leg: s.In(), Clock: lock + 1})
	}
	return out
}

// outstanding: our own funding may be out and is in no block.
func (s Swap) outstanding() bool {
	out := s.Legs[s.Out()]
	return s.Announced && (out.Status < LegInBlock || !s.isOwnFunding(out.FundTx))
}

// isOwnFunding tells our funding of our leg from a gift: anybody may pay to a
// script, while a deployment lets nobody but the payer lock.
func (s Swap) isOwnFunding(txid string) bool {
	return txid == "" || txid == s.FundingTx || len(s.Terms.Legs[s.Out()].Deployment) > 0
}

// bystander: the secret is out, and nothing of ours is at stake.
func (s Swap) bystander() bool { return s.Phase == PhaseRedeeming && !s.Announced }

func (s Swap) depthAlarms(i int) []Alarm {
	state, need := s.Legs[i], uint64(s.Terms.Legs[i].MinConfirmations)
	switch {
	case state.Status == LegInBlock:
		return []Alarm{{Leg: i, Height: state.FundBlock.Height + need - 1}}
	case state.Status.Spent() && !state.Buried:
		return []Alarm{{Leg: i, Height: state.SpendBlock.Height + need - 1}}
	}
	return nil
}

// waitsForBlock reports whether something is tried again with every block of
// the leg's chain: all that is wanted of it but the watching.
func (s Swap) waitsForBlock(leg int) bool {
	for _, w := range s.wants() {
		if w.Leg == leg && w.Kind != EffectWatch {
			return true
		}
	}
	return false
}
