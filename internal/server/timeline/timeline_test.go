package timeline_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/timeline"
)

const (
	bitcoin  htlc.ChainID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
	ethereum htlc.ChainID = "eip155:1337"
	start                 = int64(1_800_000_000)
)

func secret(t interface{ Fatal(...any) }) htlc.Secret {
	s, err := htlc.NewSecret(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// key is a party's.
func key(i int) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte{byte(i)})
	return ed25519.NewKeyFromSeed(sum[:])
}

// signatures are those of both parties.
func signatures(terms htlc.Terms) (out []htlc.Signature) {
	for i := range 2 {
		out = append(out, htlc.Signature(ed25519.Sign(key(i), htlc.TermsMessage(terms))))
	}
	return out
}

// opened is a swap whose Terms all have signed: leg 0 on bitcoin, leg 1 on
// ethereum, two confirmations on both.
func opened(t interface{ Fatal(...any) }, self int) htlc.Swap {
	var parties []htlc.PartyID
	for i := range 2 {
		public, ok := key(i).Public().(ed25519.PublicKey)
		if !ok {
			t.Fatal("no public key")
		}
		parties = append(parties, htlc.PartyID(public))
	}
	timing := htlc.Timing{ClockLead: 1, ClockLag: 8, FundWindow: 10, BuryFund: 4, BuryRedeem: 5, BuryRefund: 5, Sighting: 2}
	leg := func(payer uint8, asset htlc.AssetID) htlc.Leg {
		return htlc.Leg{
			Payer: payer, Payee: 1 - payer, Asset: asset, Amount: htlc.NewAmount(1000), PayerKey: []byte{1}, PayeeKey: []byte{2},
			MinConfirmations: 2, Timing: timing,
		}
	}
	terms, err := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret(t).Hash(), Salt: htlc.Salt{1}, Outage: 8, AcceptBy: start,
		Parties: parties, Legs: []htlc.Leg{leg(0, htlc.AssetID(bitcoin+"/slip44:0")), leg(1, htlc.AssetID(ethereum+"/slip44:60"))},
	}.WithSchedule(start)
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := htlc.Transition(htlc.Swap{}, htlc.TermsSigned{Terms: terms, Self: self, Signatures: signatures(terms)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var names = map[htlc.ChainID]string{bitcoin: "bitcoin", ethereum: "ethereum"}

func look(s htlc.Swap) timeline.View {
	return timeline.Of(s, timeline.Look{
		Name: func(id htlc.ChainID) string { return names[id] },
		Tip: func(id htlc.ChainID) (timeline.Tip, bool) {
			for i, leg := range s.Terms.Legs {
				if leg.Chain() == id {
					return timeline.Tip{Height: s.Legs[i].Height, Clock: s.Legs[i].Clock, BlockTime: 10 * time.Second}, true
				}
			}
			return timeline.Tip{}, false
		},
	})
}

// happen applies events that must be applied.
func happen(t *testing.T, s htlc.Swap, events ...htlc.Event) htlc.Swap {
	t.Helper()
	for _, e := range events {
		next, _, err := htlc.Transition(s, e)
		if err != nil {
			t.Fatalf("%s in %s: %v", e.Kind(), s.Phase, err)
		}
		s = next
	}
	return s
}

func block(height uint64) htlc.BlockID {
	return htlc.BlockID{Height: height, Hash: sha256.Sum256(fmt.Append(nil, height))}
}

func funded(leg int, height uint64) htlc.Event {
	return htlc.LegFunded{Leg: leg, TxID: fmt.Sprint("fund", leg), Ref: fmt.Sprint("ref", leg), Block: block(height)}
}

func tip(leg int, height uint64, clock int64) htlc.Event {
	return htlc.TipAdvanced{Leg: leg, Height: height, Clock: clock}
}

func passed() htlc.Observed { return htlc.Observed{State: htlc.CheckPassed} }

// prepared: our funding, as funded shows it, is signed and stored. What others
// lock in our leg is not ours.
func prepared(self int) htlc.Event { return htlc.FundingPrepared{TxID: fmt.Sprint("fund", self)} }

// fundingGate opens the gate of a swap whose funding is prepared.
func fundingGate(clock int64) []htlc.Event {
	return []htlc.Event{
		htlc.FundingChecked{Facts: htlc.FundingFacts{
			Clock: clock, StateRead: passed(), RedeemRuns: passed(), RedeemMeans: passed(), TermsCopied: passed(), DiskSpace: passed(), BackEndsAgree: passed(), Final: passed(), ChainsCalm: passed(),
		}},
	}
}

func revealGate(clock int64) []htlc.Event {
	return []htlc.Event{
		htlc.RedeemPrepared{TxID: "redeem", Ref: "ref1"},
		htlc.RevealChecked{Facts: htlc.RevealFacts{
			Clock: clock, StateRead: passed(), BackEndsAgree: passed(), RedeemRuns: passed(), RedeemMeans: passed(), DiskSpace: passed(), Final: passed(), ChainsCalm: passed(),
		}},
	}
}

// course is one state of a swap and what must be said of it.
type course struct {
	name      string
	self      int
	events    func(s htlc.Swap) []htlc.Event
	next      timeline.Kind
	leg       int
	height    uint64
	at        func(s htlc.Swap) int64 // 0 where not asked for
	otherwise timeline.Kind           // None for none
	atRisk    bool
	locked    bool
	text      string // part of the next action's text or of the risk
}

func timeLock(leg int) func(htlc.Swap) int64 {
	return func(s htlc.Swap) int64 { return s.Terms.Legs[leg].TimeLock }
}

func events(list ...htlc.Event) func(htlc.Swap) []htlc.Event {
	return func(htlc.Swap) []htlc.Event { return list }
}

// both legs are locked at depth.
func both(more ...htlc.Event) []htlc.Event {
	return slices.Concat([]htlc.Event{funded(0, 10), tip(0, 11, start), funded(1, 20), tip(1, 21, start)}, more)
}

func with(more ...htlc.Event) func(htlc.Swap) []htlc.Event { return events(both(more...)...) }

func redeemed(t *testing.T, leg int, height uint64) htlc.Event {
	t.Helper()
	return htlc.LegRedeemed{Leg: leg, TxID: "spend", Secret: secret(t), Block: block(height)}
}

// afterLock: the time lock of a leg is open.
func afterLock(leg int) func(htlc.Swap) []htlc.Event {
	return func(s htlc.Swap) []htlc.Event { return both(tip(leg, 100, s.Terms.Legs[leg].TimeLock+1)) }
}

func beforeReveal() []course {
	return []course{
		{name: "initiator agreed", self: 0, events: events(), next: timeline.Fund, leg: 0, otherwise: timeline.Expire},
		{
			name: "initiator held", self: 0, events: events(htlc.FundingChecked{Facts: htlc.FundingFacts{Clock: start}}),
			next: timeline.Fund, leg: 0, otherwise: timeline.Expire, text: string(htlc.CondTermsCopied),
		},
		{name: "participant agreed", self: 1, events: events(), next: timeline.WaitFunding, leg: 0, otherwise: timeline.Expire, text: "initiator locks its coins on bitcoin first"},
		{name: "participant sees it in a block", self: 1, events: events(funded(0, 10)), next: timeline.WaitConfirmations, leg: 0, height: 11, otherwise: timeline.Expire},
		{name: "participant's turn", self: 1, events: events(funded(0, 10), tip(0, 11, start)), next: timeline.Fund, leg: 1, otherwise: timeline.Expire},
		{name: "initiator funding", self: 0, events: events(fundingGate(start)...), next: timeline.Fund, leg: 0, otherwise: timeline.Refund},
		{
			name: "initiator's lock came too late", self: 0, next: timeline.Abandon, leg: 0, height: 51, text: "would come too late",
			events: func(s htlc.Swap) []htlc.Event {
				return append(fundingGate(start), tip(0, 50, s.Terms.Legs[0].FundBy+1))
			},
		},
		{
			name: "initiator's lock is made impossible", self: 0, next: timeline.Abandon, leg: 0, text: "gets its confirmations",
			events: func(s htlc.Swap) []htlc.Event {
				return append(fundingGate(start), tip(0, 50, s.Terms.Legs[0].FundBy+1),
					htlc.Submitted{Leg: 0, Purpose: htlc.PurposeAbandon, TxID: "a"})
			},
		},
		{name: "initiator in the mempool", self: 0, events: events(htlc.LegSeen{Leg: 0, TxID: "fund0"}), next: timeline.WaitConfirmations, leg: 0, otherwise: timeline.Refund, locked: true},
		{name: "initiator funded", self: 0, events: events(funded(0, 10)), next: timeline.WaitConfirmations, leg: 0, height: 11, otherwise: timeline.Refund, locked: true},
		{name: "initiator waits", self: 0, events: events(funded(0, 10), tip(0, 11, start)), next: timeline.WaitFunding, leg: 1, otherwise: timeline.Refund, locked: true},
		{name: "initiator sees theirs", self: 0, events: events(funded(0, 10), tip(0, 11, start), funded(1, 20)), next: timeline.WaitConfirmations, leg: 1, height: 21, otherwise: timeline.Refund, locked: true},
		{name: "initiator may reveal", self: 0, events: with(), next: timeline.Reveal, leg: 1, otherwise: timeline.Refund, locked: true, text: "shows the secret"},
		{
			name: "initiator past the cut-off", self: 0, locked: true, next: timeline.Refund, leg: 0, at: timeLock(0), text: "cut-off is past",
			events: func(s htlc.Swap) []htlc.Event {
				return both(tip(1, 30, s.Terms.CutOff()+1))
			},
		},
		{
			name: "their lock was taken back", self: 0, locked: true, next: timeline.Refund, leg: 0, text: "took its coins back",
			events: with(htlc.LegRefunded{Leg: 1, TxID: "x", Block: block(30)}),
		},
	}
}

func afterReveal(t *testing.T) []course {
	t.Helper()
	return []course{
		{name: "initiator reveals", self: 0, events: with(revealGate(start)...), next: timeline.Reveal, leg: 1, locked: true},
		{
			name: "initiator redeems", self: 0, next: timeline.Redeem, leg: 1, locked: true,
			events: with(slices.Concat(revealGate(start), []htlc.Event{htlc.Submitted{Leg: 1, Purpose: htlc.PurposeRedeem, TxID: "redeem"}})...),
		},
		{
			name: "initiator redeems late", self: 0, next: timeline.Redeem, leg: 1, locked: true, atRisk: true, text: "little time is left",
			events: func(s htlc.Swap) []htlc.Event {
				return slices.Concat(both(), revealGate(start), []htlc.Event{
					htlc.Submitted{Leg: 1, Purpose: htlc.PurposeRedeem, TxID: "redeem"}, tip(1, 40, s.Terms.Legs[1].RedeemDeadline()+1),
				})
			},
		},
		{
			name: "the funding is gone after the reveal", self: 0, next: timeline.WaitFunding, leg: 1, locked: true, atRisk: true, text: "in no block",
			events: with(slices.Concat(revealGate(start), []htlc.Event{
				htlc.Submitted{Leg: 1, Purpose: htlc.PurposeRedeem, TxID: "redeem"}, htlc.Reorged{Leg: 1, Block: block(20)},
			})...),
		},
		{name: "initiator's redeem in a block", self: 0, events: with(redeemed(t, 1, 30)), next: timeline.Bury, leg: 1, height: 31, locked: true},
		{name: "initiator is paid", self: 0, events: with(redeemed(t, 1, 30), tip(1, 31, start)), next: timeline.WaitRedeem, leg: 0, otherwise: timeline.Refund, locked: true},
		{name: "their redeem too", self: 0, events: with(redeemed(t, 1, 30), tip(1, 31, start), redeemed(t, 0, 40)), next: timeline.Bury, leg: 0, height: 41},
		{name: "initiator swapped", self: 0, events: with(redeemed(t, 1, 30), tip(1, 31, start), redeemed(t, 0, 40), tip(0, 41, start)), next: timeline.None, leg: -1, text: "closed"},
		{name: "initiator refunds", self: 0, events: afterLock(0), next: timeline.Refund, leg: 0, height: 101, locked: true},
		{
			name: "the refund is sent", self: 0, next: timeline.Refund, leg: 0, height: 101, locked: true, text: "is sent and waits for a block",
			events: func(s htlc.Swap) []htlc.Event {
				return append(afterLock(0)(s), htlc.Submitted{Leg: 0, Purpose: htlc.PurposeRefund, TxID: "r"})
			},
		},
		{
			name: "paid, and the own refund is sent", self: 0, next: timeline.Refund, leg: 0, locked: true, text: "is sent and waits for a block",
			events: func(s htlc.Swap) []htlc.Event {
				return both(redeemed(t, 1, 30), tip(1, 31, start), tip(0, 100, s.Terms.Legs[0].TimeLock+1),
					htlc.Submitted{Leg: 0, Purpose: htlc.PurposeRefund, TxID: "r"})
			},
		},
		{
			name: "the refund's burial", self: 0, next: timeline.Bury, leg: 0, height: 111,
			events: func(s htlc.Swap) []htlc.Event {
				return append(afterLock(0)(s), htlc.LegRefunded{Leg: 0, TxID: "r", Block: block(110)})
			},
		},
	}
}

func ofParticipant(t *testing.T) []course {
	t.Helper()
	return []course{
		{name: "participant's lock gets depth", self: 1, events: events(funded(0, 10), tip(0, 11, start), funded(1, 20)), next: timeline.WaitConfirmations, leg: 1, height: 21, otherwise: timeline.Refund, locked: true},
		{name: "participant waits for the secret", self: 1, events: with(), next: timeline.WaitRedeem, leg: 1, otherwise: timeline.Refund, locked: true, text: "at once"},
		{name: "participant saw the secret", self: 1, events: with(htlc.SecretSeen{Leg: 1, TxID: "x", Secret: secret(t)}), next: timeline.Redeem, leg: 0, locked: true},
		{
			name: "participant has little time", self: 1, next: timeline.Redeem, leg: 0, atRisk: true,
			events: func(s htlc.Swap) []htlc.Event {
				return both(redeemed(t, 1, 30), tip(0, 60, s.Terms.Legs[0].OpenMin()+1))
			},
			text: "can take its lock back",
		},
		{
			name: "participant is too late", self: 1, next: timeline.Bury, leg: 0, atRisk: true, text: "has taken the incoming leg back",
			events: with(redeemed(t, 1, 30), htlc.LegRefunded{Leg: 0, TxID: "r", Block: block(60)}),
		},
		{
			name: "participant lost", self: 1, next: timeline.None, leg: -1, atRisk: true, text: "Lost",
			events: with(redeemed(t, 1, 30), tip(1, 31, start), htlc.LegRefunded{Leg: 0, TxID: "r", Block: block(60)}, tip(0, 61, start)),
		},
		{name: "participant refunds", self: 1, events: afterLock(1), next: timeline.Refund, leg: 1, height: 101, locked: true},
		{name: "cancelled", self: 0, events: events(htlc.CancelRequested{}), next: timeline.None, leg: -1},
	}
}

func TestWhatIsSaidInEveryPhase(t *testing.T) {
	phases := map[htlc.Phase]bool{}
	for _, c := range slices.Concat(beforeReveal(), afterReveal(t), ofParticipant(t)) {
		s := happen(t, opened(t, c.self), prepared(c.self))
		s = happen(t, s, c.events(s)...)
		phases[s.Phase] = true
		v := look(s)
		if v.Next.Kind != c.next || v.Next.Leg != c.leg || c.height != 0 && v.Next.Height != c.height || v.Risk.AtRisk != c.atRisk {
			t.Errorf("%s: next %+v, risk %+v", c.name, v.Next, v.Risk)
		}
		if c.at != nil && v.Next.At != c.at(s) {
			t.Errorf("%s: at %d, want %d", c.name, v.Next.At, c.at(s))
		}
		other := timeline.None
		if v.Otherwise != nil {
			other = v.Otherwise.Kind
			if other == timeline.Refund && v.Otherwise.At != s.Terms.Legs[s.Out()].TimeLock {
				t.Errorf("%s: the refund is said to come at %d", c.name, v.Otherwise.At)
			}
		}
		if other != c.otherwise || (len(v.Risk.Locked) > 0) != c.locked {
			t.Errorf("%s: otherwise %v, locked %v", c.name, v.Otherwise, v.Risk.Locked)
		}
		if !strings.Contains(v.Next.Text+v.Risk.Why, c.text) {
			t.Errorf("%s: no %q in %q, %q", c.name, c.text, v.Next.Text, v.Risk.Why)
		}
	}
	for _, p := range htlc.Phases() {
		if p != htlc.PhaseNew && !phases[p] {
			t.Errorf("no row for phase %s", p)
		}
	}
}

func TestBeforeTheTermsAreSigned(t *testing.T) {
	for name, c := range map[string]struct {
		view timeline.View
		kind timeline.Kind
	}{
		"offered":          {timeline.Offered(start), timeline.WaitAcceptance},
		"answering":        {timeline.Answering(start), timeline.WaitAcceptance},
		"accepted":         {timeline.Accepted(start, false), timeline.WaitCountersignature},
		"accepted by hand": {timeline.Accepted(start, true), timeline.WaitCountersignature},
		"ended":            {timeline.Ended(), timeline.None},
		"new":              {timeline.Of(htlc.Swap{}, timeline.Look{}), timeline.None},
	} {
		if c.view.Next.Kind != c.kind || c.view.Risk.AtRisk || c.view.Risk.Why == "" || c.view.Next.Text == "" {
			t.Errorf("%s: %+v", name, c.view)
		}
		if c.kind != timeline.None && (c.view.Otherwise.Kind != timeline.Expire || c.view.Otherwise.At != start) {
			t.Errorf("%s: %+v", name, c.view.Otherwise)
		}
	}
}

// Whatever happens, something is said, and funds are called at risk only once
// the secret may be out.
func TestAlwaysSomethingTrueIsSaid(t *testing.T) {
	x := secret(t)
	rapid.Check(t, func(t *rapid.T) {
		s := opened(t, rapid.IntRange(0, 1).Draw(t, "self"))
		clock := start
		for range rapid.IntRange(0, 25).Draw(t, "events") {
			leg := rapid.IntRange(0, 1).Draw(t, "leg")
			height := rapid.Uint64Range(1, 60).Draw(t, "height")
			clock += rapid.Int64Range(0, 30).Draw(t, "clock")
			all := slices.Concat(fundingGate(clock), revealGate(clock), []htlc.Event{
				prepared(s.Self), htlc.Submitted{Leg: s.Out(), Purpose: htlc.PurposeRefund, TxID: "r"},
				htlc.Submitted{Leg: s.Out(), Purpose: htlc.PurposeAbandon, TxID: "a"},
				htlc.LegSeen{Leg: leg, TxID: "t"}, funded(leg, height), tip(leg, height, clock), htlc.CancelRequested{},
				htlc.SecretSeen{Leg: leg, TxID: "t", Secret: x}, htlc.LegRedeemed{Leg: leg, TxID: "s", Secret: x, Block: block(height)},
				htlc.LegRefunded{Leg: leg, TxID: "r", Block: block(height)}, htlc.LegClosedByConsent{Leg: leg, TxID: "c", Block: block(height)},
				htlc.Reorged{Leg: leg, Block: block(height)}, htlc.Withheld{Purpose: htlc.PurposeFund}, htlc.Withheld{Purpose: htlc.PurposeRedeem},
				htlc.Submitted{Leg: s.In(), Purpose: htlc.PurposeRedeem, TxID: "redeem"},
			})
			if next, _, err := htlc.Transition(s, rapid.SampledFrom(all).Draw(t, "event")); err == nil {
				s = next
			}
			v := look(s)
			closed := s.Phase == htlc.PhaseClosed
			switch {
			case v.Next.Text == "" || v.Risk.Why == "" || v.Otherwise != nil && v.Otherwise.Text == "":
				t.Fatalf("nothing is said in %s: %+v", s.Phase, v)
			case closed != (v.Next.Kind == timeline.None):
				t.Fatalf("%s in phase %s", v.Next.Text, s.Phase)
			case v.Risk.AtRisk && s.Outcome != htlc.OutcomeLost && s.Phase != htlc.PhaseRevealing && s.Phase != htlc.PhaseRedeeming:
				t.Fatalf("at risk in %s: %s", s.Phase, v.Risk.Why)
			case s.Outcome == htlc.OutcomeLost != (closed && v.Risk.AtRisk):
				t.Fatalf("closed as %s: %+v", s.Outcome, v.Risk)
			case slices.Contains(v.Risk.Locked, s.In()):
				t.Fatal("what the other party locked is not ours")
			case v.Next.Leg >= 0 && v.Next.Chain != s.Terms.Legs[v.Next.Leg].Chain():
				t.Fatalf("%+v is about another chain", v.Next)
			}
		}
	})
}
