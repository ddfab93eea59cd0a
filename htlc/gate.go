package htlc

import "fmt"

// Condition names one condition of a gate.
type Condition string

// The conditions of the two gates.
const (
	CondSignatures     Condition = "all parties have signed"
	CondIncomingFunded Condition = "the incoming leg is funded at depth"
	CondFundBy         Condition = "the fund-by time is not past"
	CondRedeemRuns     Condition = "the redeem of the incoming leg runs with a dummy secret"
	CondRedeemMeans    Condition = "the costs of the redeem are in hand"
	CondRefundStored   Condition = "the funding and its refund are signed and stored"
	CondTermsCopied    Condition = "a copy of the terms stands outside the database"
	CondCutOff         Condition = "the cut-off is not past"
	CondStateRead      Condition = "the chain's state shows the incoming contract unspent"
	CondBackEndsAgree  Condition = "the back ends agree"
	CondFinal          Condition = "the chain calls the incoming leg's funding final"
	CondChainsCalm     Condition = "no chain of the swap is suspended"
	CondRedeemStored   Condition = "the redeem is signed and stored"
	CondDiskSpace      Condition = "the disk has room"
)

// Check is the state of a condition. The zero value is open: what was not
// checked never counts as passed.
type Check uint8

// The states of a condition.
const (
	CheckOpen Check = iota
	CheckPassed
	CheckBlocked
)

func (c Check) String() string {
	return [...]string{"open", "passed", "blocked"}[min(c, CheckBlocked)]
}

// Checked turns a yes or no into a Check.
func Checked(ok bool) Check {
	if ok {
		return CheckPassed
	}
	return CheckBlocked
}

// Finding is one condition with its state and, where it blocks, why.
type Finding struct {
	Condition Condition
	State     Check
	Detail    string `json:",omitempty"`
}

// Verdict is what a gate decides and from which findings.
type Verdict []Finding

// Allows reports whether every condition passed.
func (v Verdict) Allows() bool {
	for _, f := range v {
		if f.State != CheckPassed {
			return false
		}
	}
	return len(v) > 0
}

// Holding lists the findings that did not pass.
func (v Verdict) Holding() Verdict {
	var out Verdict
	for _, f := range v {
		if f.State != CheckPassed {
			out = append(out, f)
		}
	}
	return out
}

// Observed is a Check made outside the core, with its reason.
type Observed struct {
	State  Check
	Detail string `json:",omitempty"`
}

// FundingFacts are what the core cannot know of itself when it decides on
// funding. Clock is the clock of our outgoing leg's chain.
type FundingFacts struct {
	Clock     int64
	StateRead Observed // the incoming contract, read from the chain's state
	// BackEndsAgree and Final are about the incoming contract too, ChainsCalm
	// about both chains.
	BackEndsAgree Observed
	Final         Observed
	ChainsCalm    Observed
	RedeemRuns    Observed
	RedeemMeans   Observed
	TermsCopied   Observed
	DiskSpace     Observed
}

// RevealFacts are what the core cannot know of itself when it decides on the
// first release of the secret. Clock is the later of the clock and the time
// stamp of the tip of the incoming leg's chain.
type RevealFacts struct {
	Clock         int64
	StateRead     Observed
	BackEndsAgree Observed
	Final         Observed
	ChainsCalm    Observed
	RedeemRuns    Observed
	RedeemMeans   Observed
	DiskSpace     Observed
}

func (o Observed) finding(c Condition) Finding {
	return Finding{Condition: c, State: o.State, Detail: o.Detail}
}

// FundingGate is the only place that decides whether our leg may be funded.
func FundingGate(s Swap, f FundingFacts) Verdict {
	out := s.Terms.Legs[s.Out()]
	v := Verdict{
		{Condition: CondSignatures, State: Checked(s.Signed)},
		{Condition: CondRefundStored, State: Checked(s.FundingTx != "")},
		timeFinding(CondFundBy, f.Clock, out.FundBy),
		f.RedeemRuns.finding(CondRedeemRuns),
		f.RedeemMeans.finding(CondRedeemMeans),
		f.TermsCopied.finding(CondTermsCopied),
		f.DiskSpace.finding(CondDiskSpace),
		f.ChainsCalm.finding(CondChainsCalm),
		s.forswornFinding(),
	}
	if !s.Initiator() {
		v = append(v, s.depthFinding(), f.StateRead.finding(CondStateRead),
			f.BackEndsAgree.finding(CondBackEndsAgree), f.Final.finding(CondFinal))
	}
	return v
}

// RevealGate is the only place that decides on the Initiator's first release
// of the secret, on any channel.
func RevealGate(s Swap, f RevealFacts) Verdict {
	return Verdict{
		{Condition: CondSignatures, State: Checked(s.Signed)},
		s.depthFinding(),
		timeFinding(CondCutOff, f.Clock, s.Terms.CutOff()),
		{Condition: CondRedeemStored, State: Checked(s.RedeemTx != "")},
		f.StateRead.finding(CondStateRead),
		f.BackEndsAgree.finding(CondBackEndsAgree),
		f.Final.finding(CondFinal),
		f.ChainsCalm.finding(CondChainsCalm),
		f.RedeemRuns.finding(CondRedeemRuns),
		f.RedeemMeans.finding(CondRedeemMeans),
		f.DiskSpace.finding(CondDiskSpace),
		s.forswornFinding(),
	}
}

// timeFinding passes up to and including the limit.
func timeFinding(c Condition, now, limit int64) Finding {
	switch {
	case now <= 0:
		return Finding{Condition: c, Detail: "the chain's clock is not known"}
	case now > limit:
		return Finding{Condition: c, State: CheckBlocked, Detail: fmt.Sprintf("chain clock %d, limit %d", now, limit)}
	}
	return Finding{Condition: c, State: CheckPassed}
}

func (s Swap) depthFinding() Finding {
	in, leg := s.Legs[s.In()], s.Terms.Legs[s.In()]
	if in.Status == LegConfirmed {
		return Finding{Condition: CondIncomingFunded, State: CheckPassed}
	}
	return Finding{
		Condition: CondIncomingFunded, State: CheckBlocked,
		Detail: fmt.Sprintf("%s, %d of %d confirmations", in.Status, in.Confirmations(), leg.MinConfirmations),
	}
}
