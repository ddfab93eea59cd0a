package gate

import (
	"context"
	"errors"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

var (
	errDown = &adapters.Error{Reason: "DOWN", Op: "ask", Retryable: true, Err: adapters.ErrUnreachable}
	errNo   = &adapters.Error{Reason: "NO", Op: "ask", Err: adapters.ErrInsufficientFunds}
)

// fake answers everything well unless it is told otherwise.
type fake struct {
	tip                        adapters.BlockRef
	tipErr, simulate, means    error
	fundedErr, nextErr, copied error
	unfunded                   bool
	next                       adapters.StepKind
	free                       uint64
	freeErr, chainErr          error
	noCursor                   bool
}

func (f *fake) Tip(context.Context) (adapters.BlockRef, error) { return f.tip, f.tipErr }
func (f *fake) Next(context.Context, adapters.BlockRef) (adapters.Step, error) {
	return adapters.Step{Kind: f.next}, f.nextErr
}
func (f *fake) SimulateRedeem(context.Context, htlc.Terms, int, string) error { return f.simulate }
func (f *fake) CheckMeans(_ context.Context, _ string, _ htlc.Terms, _ int, payer bool) error {
	if payer {
		return errors.New("the gates ask for the payee's means")
	}
	return f.means
}
func (f *fake) Funded(context.Context, htlc.Terms, int, string, adapters.BlockRef) (bool, error) {
	return !f.unfunded, f.fundedErr
}
func (f *fake) EnsureCopy(context.Context, htlc.Swap) error { return f.copied }

// NoteReveal always succeeds.
func (f *fake) NoteReveal(context.Context, htlc.Swap, htlc.RevealNote) error { return nil }

func (f *fake) keeper() *Keeper {
	return &Keeper{
		Chains: func(htlc.ChainID) (Chain, error) { return f, f.chainErr },
		Copies: f,
		Cursor: func(htlc.ChainID) (adapters.BlockRef, bool) {
			return adapters.BlockRef{Height: 120}, !f.noCursor
		},
		DiskFree: func() (uint64, error) { return f.free, f.freeErr },
	}
}

func good() *fake {
	return &fake{tip: adapters.BlockRef{Height: 120, Clock: 900, Time: 950}, free: MinDiskFree, next: adapters.AtTip}
}

// swap is in the state in which each gate asks: everything that the core
// itself knows is fine.
func swap(self int) htlc.Swap {
	leg := htlc.Leg{Asset: "test:alpha/slip44:1", MinConfirmations: 3, FundBy: 1000, TimeLock: 1000}
	s := htlc.Swap{
		ID: htlc.SwapID{1}, Self: self, Signed: true, FundingTx: "f", RedeemTx: "r",
		Terms: htlc.Terms{Legs: []htlc.Leg{leg, leg}, Parties: make([]htlc.PartyID, 2)},
		Legs:  make([]htlc.LegState, 2),
	}
	s.Legs[s.In()] = htlc.LegState{Status: htlc.LegConfirmed, FundRef: "in:0", FundBlock: htlc.BlockID{Height: 118}, Height: 120}
	return s
}

// broken is one thing that is wrong, and the conditions that may block for it.
type broken struct {
	name  string
	wrong func(f *fake, s *htlc.Swap)
	holds []htlc.Condition
}

// both are what both gates ask.
var both = []broken{
	{"not signed", func(_ *fake, s *htlc.Swap) { s.Signed = false }, []htlc.Condition{htlc.CondSignatures}},
	{"simulation fails", func(f *fake, _ *htlc.Swap) { f.simulate = errNo }, []htlc.Condition{htlc.CondRedeemRuns}},
	{"simulation unknown", func(f *fake, _ *htlc.Swap) { f.simulate = errDown }, []htlc.Condition{htlc.CondRedeemRuns}},
	{"no means", func(f *fake, _ *htlc.Swap) { f.means = errNo }, []htlc.Condition{htlc.CondRedeemMeans}},
	{"means unknown", func(f *fake, _ *htlc.Swap) { f.means = errDown }, []htlc.Condition{htlc.CondRedeemMeans}},
	{"disk full", func(f *fake, _ *htlc.Swap) { f.free = MinDiskFree - 1 }, []htlc.Condition{htlc.CondDiskSpace}},
	{"disk unknown", func(f *fake, _ *htlc.Swap) { f.freeErr = errDown }, []htlc.Condition{htlc.CondDiskSpace}},
}

// incoming are what is asked of the incoming leg once it must be funded.
var incoming = []broken{
	{"not deep in the swap's view", func(_ *fake, s *htlc.Swap) { s.Legs[s.In()].Status = htlc.LegInBlock }, []htlc.Condition{htlc.CondIncomingFunded}},
	{"not deep at the node", func(f *fake, _ *htlc.Swap) { f.tip.Height = 119 }, []htlc.Condition{htlc.CondStateRead}},
	{"not locked", func(f *fake, _ *htlc.Swap) { f.unfunded = true }, []htlc.Condition{htlc.CondStateRead}},
	{"lock unknown", func(f *fake, _ *htlc.Swap) { f.fundedErr = errDown }, []htlc.Condition{htlc.CondStateRead}},
}

func check(t *testing.T, cases []broken, self int, verdict func(*fake, htlc.Swap) htlc.Verdict) {
	t.Helper()
	if v := verdict(good(), swap(self)); !v.Allows() {
		t.Fatalf("held with nothing wrong: %v", v.Holding())
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, s := good(), swap(self)
			c.wrong(f, &s)
			holding := verdict(f, s).Holding()
			if len(holding) != len(c.holds) {
				t.Fatalf("held by %v, want %v", holding, c.holds)
			}
			for i, h := range holding {
				if h.Condition != c.holds[i] {
					t.Errorf("held by %q, want %q", h.Condition, c.holds[i])
				}
				if h.State == htlc.CheckBlocked && h.Detail == "" && h.Condition != htlc.CondSignatures &&
					h.Condition != htlc.CondRefundStored && h.Condition != htlc.CondRedeemStored {
					t.Errorf("%q blocks without a reason", h.Condition)
				}
			}
		})
	}
}

func funding(f *fake, s htlc.Swap) htlc.Verdict {
	return htlc.FundingGate(s, f.keeper().Funding(context.Background(), s))
}

func reveal(f *fake, s htlc.Swap) htlc.Verdict {
	return htlc.RevealGate(s, f.keeper().Reveal(context.Background(), s))
}

func TestEachConditionOfTheFundingGateBlocksAlone(t *testing.T) {
	cases := append([]broken{
		{"funding not stored", func(_ *fake, s *htlc.Swap) { s.FundingTx = "" }, []htlc.Condition{htlc.CondRefundStored}},
		{"fund-by past", func(f *fake, _ *htlc.Swap) { f.tip.Clock = 1001 }, []htlc.Condition{htlc.CondFundBy}},
		{"no copy", func(f *fake, _ *htlc.Swap) { f.copied = errDown }, []htlc.Condition{htlc.CondTermsCopied}},
	}, both...)
	t.Run("initiator", func(t *testing.T) {
		initiator := append([]broken{
			{"clock unknown", func(f *fake, _ *htlc.Swap) { f.tipErr = errDown }, []htlc.Condition{htlc.CondFundBy}},
		}, cases...)
		check(t, initiator, 0, funding)
	})
	t.Run("participant", func(t *testing.T) {
		participant := append([]broken{
			{"reorganised", func(f *fake, _ *htlc.Swap) { f.next = adapters.Disconnect }, []htlc.Condition{htlc.CondStateRead}},
		}, cases...)
		check(t, append(participant, incoming...), 1, funding)
	})
}

func TestEachConditionOfTheRevealGateBlocksAlone(t *testing.T) {
	cases := append([]broken{
		{"redeem not stored", func(_ *fake, s *htlc.Swap) { s.RedeemTx = "" }, []htlc.Condition{htlc.CondRedeemStored}},
		{"cut-off past by the clock", func(f *fake, _ *htlc.Swap) { f.tip.Clock = 1001 }, []htlc.Condition{htlc.CondCutOff}},
		{"cut-off past by the time stamp", func(f *fake, _ *htlc.Swap) { f.tip.Time = 1001 }, []htlc.Condition{htlc.CondCutOff}},
		{"reorganised", func(f *fake, _ *htlc.Swap) { f.next = adapters.Disconnect }, []htlc.Condition{htlc.CondBackEndsAgree}},
		{"branch unknown", func(f *fake, _ *htlc.Swap) { f.nextErr = errDown }, []htlc.Condition{htlc.CondBackEndsAgree}},
		{"not followed", func(f *fake, _ *htlc.Swap) { f.noCursor = true }, []htlc.Condition{htlc.CondBackEndsAgree}},
	}, both...)
	check(t, append(cases, incoming...), 0, reveal)
}

// A chain that cannot be asked leaves its conditions open, never passed.
func TestAnUnknownChainHoldsBothGates(t *testing.T) {
	f := good()
	f.chainErr = errors.New("no such chain")
	if funding(f, swap(1)).Allows() || reveal(f, swap(0)).Allows() {
		t.Error("a gate opened blindly")
	}
	f = good()
	f.tipErr = errDown
	if funding(f, swap(1)).Allows() || reveal(f, swap(0)).Allows() {
		t.Error("a gate opened without a tip")
	}
}
