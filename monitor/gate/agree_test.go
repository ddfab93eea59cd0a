package gate

import (
	"context"
	"slices"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// several are back ends of which each answers as its own fake.
type several struct {
	*fake   // the one that is asked where nothing is pinned
	names   []string
	says    map[string]*fake
	aside   []string
	accused []string
	final   uint64
	served  bool
	finErr  error
}

type pinned struct{}

func newSeveral(names ...string) *several {
	s := &several{fake: good(), names: names, says: map[string]*fake{}}
	for _, name := range names {
		s.says[name] = good()
	}
	return s
}

func (s *several) Size() int { return len(s.names) }
func (s *several) Usable() []string {
	return slices.DeleteFunc(slices.Clone(s.names), func(n string) bool { return slices.Contains(s.aside, n) })
}
func (s *several) Pin(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, pinned{}, name)
}
func (s *several) Contradicted(name, _ string) { s.accused = append(s.accused, name) }

func (s *several) of(ctx context.Context) *fake {
	if name, ok := ctx.Value(pinned{}).(string); ok {
		return s.says[name]
	}
	return s.fake
}

func (s *several) Tip(ctx context.Context) (adapters.BlockRef, error) { return s.of(ctx).Tip(ctx) }
func (s *several) Next(ctx context.Context, at adapters.BlockRef) (adapters.Step, error) {
	return s.of(ctx).Next(ctx, at)
}
func (s *several) Funded(ctx context.Context, t htlc.Terms, leg int, ref string, at adapters.BlockRef) (bool, error) {
	return s.of(ctx).Funded(ctx, t, leg, ref, at)
}
func (s *several) Finalized(context.Context) (uint64, bool, error) {
	return s.final, s.served, s.finErr
}

func (s *several) keeper() *Keeper {
	k := s.fake.keeper()
	k.Chains = func(htlc.ChainID) (Chain, error) { return s, nil }
	k.BackEnds = func(htlc.ChainID) BackEnds { return s }
	return k
}

// lies are what one back end of several may say against the truth.
var lies = map[string]func(*fake){
	"not funded":     func(f *fake) { f.unfunded = true },
	"stale head":     func(f *fake) { f.tip.Height = 110 },
	"another branch": func(f *fake) { f.next = adapters.Disconnect },
	"unknown block": func(f *fake) {
		f.nextErr = &adapters.Error{Reason: "UNKNOWN_CURSOR", Retryable: true, Err: adapters.ErrUnknownCursor}
	},
	"no answer": func(f *fake) { f.tipErr = errDown },
}

// TestSafety_D6_NoGateOpensOnALie: with two back ends one that does not bear
// the other out holds both gates; with three it is outvoted, and told on where
// it contradicted.
func TestSafety_D6_NoGateOpensOnALie(t *testing.T) {
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			two := newSeveral("a", "b")
			if !verdicts(two) {
				t.Fatal("two that agree hold a gate")
			}
			lie(two.says["b"])
			held(t, two)

			three := newSeveral("a", "b", "c")
			lie(three.says["b"])
			if !verdicts(three) {
				t.Error("two of three that agree hold a gate")
			}
			if told := slices.Contains(three.accused, "b"); told != (name != "no answer") {
				t.Errorf("told on: %v", three.accused)
			}
			lie(three.says["c"])
			held(t, three)
		})
	}
}

func verdicts(s *several) bool {
	k, ctx := s.keeper(), context.Background()
	participant, initiator := swap(1), swap(0)
	return htlc.FundingGate(participant, k.Funding(ctx, participant)).Allows() && htlc.RevealGate(initiator, k.Reveal(ctx, initiator)).Allows()
}

// held: agreement alone keeps both gates shut.
func held(t *testing.T, s *several) {
	t.Helper()
	k, ctx := s.keeper(), context.Background()
	participant, initiator := swap(1), swap(0)
	for gate, v := range map[string]htlc.Verdict{
		"funding": htlc.FundingGate(participant, k.Funding(ctx, participant)), "reveal": htlc.RevealGate(initiator, k.Reveal(ctx, initiator)),
	} {
		holding := v.Holding()
		if len(holding) != 1 || holding[0].Condition != htlc.CondBackEndsAgree || holding[0].Detail == "" {
			t.Errorf("the %s gate is held by %+v", gate, holding)
		}
	}
}

func TestOneUsableBackEndOfTwoHoldsTheGates(t *testing.T) {
	s := newSeveral("a", "b")
	s.aside = []string{"b"}
	held(t, s)
}

func TestASingleBackEndNeedsNoAgreement(t *testing.T) {
	s := newSeveral("a")
	lies["not funded"](s.says["a"])
	if !verdicts(s) {
		t.Error("held")
	}
}

// An old clock would let the cut-off pass unnoticed.
func TestTheLatestClockOfThoseThatAgreeCounts(t *testing.T) {
	s := newSeveral("a", "b")
	s.says["b"].tip.Time = 1001
	initiator := swap(0)
	holding := htlc.RevealGate(initiator, s.keeper().Reveal(context.Background(), initiator)).Holding()
	if len(holding) != 1 || holding[0].Condition != htlc.CondCutOff {
		t.Errorf("held by %+v", holding)
	}
}

func TestFinalityIsAskedForWhereItIsWanted(t *testing.T) {
	for name, c := range map[string]struct {
		wanted, served bool
		final          uint64
		err            error
		holds          bool
	}{
		"not wanted": {final: 1, served: true}, "final": {wanted: true, served: true, final: 118},
		"not final": {wanted: true, served: true, final: 117, holds: true}, "not served": {wanted: true},
		"unknown": {wanted: true, err: errDown, holds: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeveral("a")
			s.final, s.served, s.finErr = c.final, c.served, c.err
			k := s.keeper()
			k.Finality = func(htlc.ChainID) bool { return c.wanted }
			for self := range 2 {
				state := swap(self)
				v := htlc.RevealGate(state, k.Reveal(context.Background(), state))
				if self == 1 {
					v = htlc.FundingGate(state, k.Funding(context.Background(), state))
				}
				holding := v.Holding()
				if (len(holding) > 0) != c.holds || c.holds && (len(holding) != 1 || holding[0].Condition != htlc.CondFinal) {
					t.Errorf("held by %+v", holding)
				}
			}
		})
	}
	f := good() // a chain that knows no finality
	k := f.keeper()
	k.Finality = func(htlc.ChainID) bool { return true }
	if s := swap(0); !htlc.RevealGate(s, k.Reveal(context.Background(), s)).Allows() {
		t.Error("held")
	}
}

// Either chain of a swap holds both gates while it is suspended.
func TestASuspendedChainHoldsBothGates(t *testing.T) {
	f := good()
	k := f.keeper()
	why := ""
	k.Suspended = func(id htlc.ChainID) string {
		if id != "test:alpha" {
			t.Errorf("asked for %s", id)
		}
		return why
	}
	for self := range 2 {
		s := swap(self)
		ask := func() htlc.Verdict {
			if self == 0 {
				return append(htlc.RevealGate(s, k.Reveal(context.Background(), s)), htlc.FundingGate(s, k.Funding(context.Background(), s))...)
			}
			return htlc.FundingGate(s, k.Funding(context.Background(), s))
		}
		why = ""
		if !ask().Allows() {
			t.Errorf("party %d is held by %+v", self, ask().Holding())
		}
		why = "it was reorganised"
		for _, h := range ask().Holding() {
			if h.Condition != htlc.CondChainsCalm || h.State != htlc.CheckBlocked {
				t.Errorf("held by %+v", h)
			}
		}
		if ask().Allows() {
			t.Errorf("party %d is not held", self)
		}
	}
}
