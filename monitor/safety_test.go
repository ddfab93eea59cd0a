package monitor

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
)

// A node that dies at any edge between durable and visible, and is made anew
// from its store, ends the swap as if nothing had happened, and nothing is
// ever broadcast in two versions. Each run dies several times, stride edges
// apart; the runs together die at every edge.
func TestSafety_D1_CrashAtEveryEdge(t *testing.T) {
	const stride = 16
	for self := range 2 {
		for first := range stride {
			t.Run(fmt.Sprintf("node%d/edge%d", self, first), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				var passed atomic.Int64
				w.nodes[self].hook = func(string) bool { return passed.Add(1)%stride == int64(first) }
				w.startAll()
				terms := w.terms()
				id := w.agreeDespiteCrash(terms)
				w.drive(80, w.closed(id))
				w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
			})
		}
	}
}

// The refund is subject to the same: the participant never funds.
func TestSafety_D1_CrashAtEveryEdgeOfARefund(t *testing.T) {
	edges := []string{
		"save-fund/before", "save-fund/after", "mark/before", "mark/after", "broadcast-fund/before", "broadcast-fund/after",
		"save-refund/before", "save-refund/after", "broadcast-refund/before", "broadcast-refund/after",
	}
	for _, edge := range edges {
		t.Run(edge, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var died atomic.Bool
			w.nodes[0].hook = func(e string) bool { return e == edge && died.CompareAndSwap(false, true) }
			w.startAll()
			terms := w.terms()
			id := w.agree(terms)
			w.nodes[1].stop()
			w.drive(120, w.closed(id))
			w.expect(terms, htlc.OutcomeRefunded)
			if !died.Load() {
				t.Error("the node did not pass this edge")
			}
		})
	}
}

// agreeDespiteCrash gives the signed terms again to a node that died before
// it had stored them, as the agreement does from its own record.
func (w *world) agreeDespiteCrash(terms htlc.Terms) htlc.SwapID {
	w.t.Helper()
	for i, n := range w.nodes {
		ok := w.waitFor(10*time.Second, func() bool {
			if n.crashed.Load() {
				n.stop()
				n.start()
			}
			if !n.caughtUp() {
				return false
			}
			_ = n.engine.Apply(context.Background(), input(w.signed(terms, i)))
			return n.phase(terms.ID()) != htlc.PhaseNew
		})
		if !ok {
			w.t.Fatalf("node %d never took the terms", i)
		}
	}
	return terms.ID()
}

// The stream is deleted at every block of a swap, and with it a message that
// nobody has read yet.
func TestSafety_D4_StreamDeletedInMidSwap(t *testing.T) {
	w := newWorld(t)
	var lost [2]atomic.Int64
	for i, n := range w.nodes {
		n.tap = func(m bus.Message) []bus.Message {
			if m.Step != nil && lost[i].Add(-1) >= 0 {
				return []bus.Message{}
			}
			return nil
		}
	}
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	deleted := 0
	done := func() bool {
		w.wait("both nodes know the tips", func() bool { return w.nodes[0].caughtUp() && w.nodes[1].caughtUp() })
		w.settle()
		for i, n := range w.nodes {
			if err := n.bus.DeleteStream(context.Background()); err == nil {
				deleted++
				lost[i].Store(1)
			}
		}
		return w.closed(id)()
	}
	w.drive(60, done)
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
	if deleted < 6 {
		t.Errorf("only %d streams deleted", deleted)
	}
}

// shuffler triples messages and hands them over in disorder.
type shuffler struct {
	mu   sync.Mutex
	rng  *rand.Rand
	held map[htlc.ChainID][]bus.Message
}

func (s *shuffler) tap(m bus.Message) []bus.Message {
	if m.Step == nil && m.Sight == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Concat(s.held[m.Chain], []bus.Message{m, m, m})
	s.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	keep := min(len(all), 4)
	s.held[m.Chain] = append([]bus.Message(nil), all[:keep]...)
	return all[keep:]
}

func TestSafety_D5_ShuffledAndTripled(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i, n := range w.nodes {
				s := &shuffler{rng: rand.New(rand.NewPCG(seed, uint64(i))), held: map[htlc.ChainID][]bus.Message{}}
				n.tap = s.tap
			}
			w.startAll()
			terms := w.terms()
			id := w.agree(terms)
			w.drive(60, w.closed(id))
			w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
		})
	}
}

// The wall clock stamps history and wakes; nothing is decided by it.
func TestSafety_D7_WallClockSkew(t *testing.T) {
	clocks := map[string]func() time.Time{
		"+10m": func() time.Time { return time.Now().Add(10 * time.Minute) },
		"-10m": func() time.Time { return time.Now().Add(-10 * time.Minute) },
		"+1d":  func() time.Time { return time.Now().Add(24 * time.Hour) },
		"-1d":  func() time.Time { return time.Now().Add(-24 * time.Hour) },
		"jump": func() time.Time { return time.Now().Add(time.Duration(rand.IntN(96)-48) * time.Hour) },
	}
	for name, now := range clocks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.nodes[0].now, w.nodes[1].now = now, now
			w.startAll()
			happy, alone := w.terms(), w.terms()
			id := w.agree(happy)
			w.drive(40, w.closed(id))
			w.expect(happy, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
			alone, err := alone.WithSchedule(w.chains[alpha].now() + 50)
			if err != nil {
				t.Fatal(err)
			}
			id = w.agree(alone)
			w.nodes[1].stop()
			w.drive(120, w.closed(id))
			w.expect(alone, htlc.OutcomeRefunded)
		})
	}
}

// listener records everything that crosses the broker.
func (w *world) listener() *logBuffer {
	w.t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(w.nats))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	heard := &logBuffer{}
	if _, err := nc.Subscribe(">", func(m *nats.Msg) { _, _ = heard.Write(m.Data) }); err != nil {
		w.t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		w.t.Fatal(err)
	}
	return heard
}

// spills reports whether the terms' secret stands in a text in any form.
func spills(terms htlc.Terms, text string) bool {
	secret, _ := secretFor(terms.Salt)
	raw := secret.Reveal()
	for _, form := range []string{
		string(raw[:]), hex.EncodeToString(raw[:]), strings.ToUpper(hex.EncodeToString(raw[:])),
		base64.StdEncoding.EncodeToString(raw[:]), strings.Trim(fmt.Sprint(raw), "[]"),
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

func (w *world) noTrace(terms htlc.Terms, heard *logBuffer) {
	w.t.Helper()
	if spills(terms, heard.String()) {
		w.t.Error("the secret crossed the bus")
	}
	for _, n := range w.nodes {
		if spills(terms, n.logs.String()) {
			w.t.Errorf("the secret stands in the log of node %d", n.self)
		}
	}
	for leg := range terms.Legs {
		c, _ := modelContract(terms, leg)
		if _, handed := w.chains[c.Chain].count(c.ID, htlc.PurposeRedeem); handed > 0 {
			w.t.Errorf("a redeem of leg %d reached a node", leg)
		}
	}
}

// cutOff is worked out here on its own: below it the redeem of the leg that
// pays the initiator is buried before its refund can open on any clock.
func cutOff(t htlc.Terms) int64 {
	leg := t.Legs[len(t.Legs)-1]
	return leg.TimeLock - int64(leg.Timing.ClockLead) - int64(leg.Timing.ClockLag) - int64(leg.Timing.BuryRedeem)
}

// The initiator's gate is held until the chain's clock is at the cut-off.
func TestSafety_A6_RevealNearExpiry(t *testing.T) {
	for _, off := range []int64{-spacing, -1, 0, 1, spacing} {
		t.Run(fmt.Sprintf("cut-off%+d", off), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			heard := w.listener()
			var held atomic.Bool
			held.Store(true)
			w.nodes[0].deny = func(q string) error {
				if q == "funded" && held.Load() {
					return fmt.Errorf("held by the test")
				}
				return nil
			}
			var redeems atomic.Int64
			w.nodes[0].onBroadcast = func(p htlc.Purpose) {
				if p == htlc.PurposeRedeem {
					redeems.Add(1)
				}
			}
			w.startAll()
			terms := w.terms()
			id := w.agree(terms)
			ready := func() bool {
				s, _ := w.nodes[0].engine.Swap(id)
				return s.Phase == htlc.PhaseFunded && s.Legs[1].Status == htlc.LegConfirmed && s.RedeemTx != ""
			}
			if !w.drive(40, ready) {
				t.Fatal("never ready to reveal")
			}
			for w.chains[beta].now()+2*spacing < cutOff(terms)+off {
				w.chains[beta].mine(1)
			}
			w.settle()
			held.Store(false)
			w.chains[beta].mineAt(cutOff(terms) + off)
			w.settle()
			if off <= 0 {
				if redeems.Load() == 0 {
					t.Error("not revealed although there was time")
				}
				w.drive(60, w.closed(id))
				w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
				return
			}
			w.drive(120, w.closed(id))
			w.expect(terms, htlc.OutcomeRefunded, htlc.OutcomeRefunded)
			w.noTrace(terms, heard)
			if redeems.Load() != 0 {
				t.Error("a redeem was handed to Broadcast")
			}
		})
	}
}

// The gate opened in time, the process died before the release, and the
// cut-off passed meanwhile: nothing was handed out, so nothing is.
func TestSafety_A6_RevealIsWithheldAfterAnOutage(t *testing.T) {
	w := newWorld(t)
	heard := w.listener()
	terms := w.terms()
	id := terms.ID()
	n := w.nodes[0]
	n.hook = func(edge string) bool { return edge == "commit/after" && n.phase(id) == htlc.PhaseRevealing }
	w.startAll()
	w.agree(terms)
	for range 40 {
		w.settle()
		if n.crashed.Load() {
			break
		}
		w.chains[alpha].mine(1)
		w.chains[beta].mine(1)
	}
	if n.phase(id) != htlc.PhaseRevealing {
		t.Fatalf("the node died in phase %s", n.phase(id))
	}
	n.stop()
	w.chains[beta].mineAt(cutOff(terms) + 1)
	n.hook = nil
	n.start()
	w.drive(120, w.closed(id))
	w.expect(terms, htlc.OutcomeRefunded, htlc.OutcomeRefunded)
	w.noTrace(terms, heard)
}

// Once the redeem was marked as released it may be out: the node goes on,
// whatever the clock says.
func TestAfterTheReleaseTheInitiatorNeverGivesUp(t *testing.T) {
	w := newWorld(t)
	terms := w.terms()
	id := terms.ID()
	n := w.nodes[0]
	n.hook = func(edge string) bool { return edge == "mark/after" && n.phase(id) == htlc.PhaseRevealing }
	w.startAll()
	w.agree(terms)
	for range 40 {
		w.settle()
		if n.crashed.Load() {
			break
		}
		w.chains[alpha].mine(1)
		w.chains[beta].mine(1)
	}
	n.stop()
	w.chains[beta].mineAt(cutOff(terms) + 1)
	n.hook = nil
	n.start()
	w.drive(120, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
}

// Up to the moment at which the redeem is handed to the chain's node, the
// secret stands in no log and crosses no broker.
func TestSafety_D9_NoSecretBeforeTheReveal(t *testing.T) {
	w := newWorld(t)
	heard := w.listener()
	terms := w.terms()
	var checked atomic.Bool
	w.nodes[0].onBroadcast = func(p htlc.Purpose) {
		if p == htlc.PurposeRedeem && checked.CompareAndSwap(false, true) {
			w.noTrace(terms, heard)
		}
	}
	w.startAll()
	id := w.agree(terms)
	w.drive(40, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
	for _, n := range w.nodes {
		if spills(terms, n.logs.String()) {
			t.Errorf("the secret stands in the log of node %d", n.self)
		}
	}
	if !checked.Load() || !spills(terms, heard.String()) {
		t.Error("the test looked at nothing: a revealed secret crosses the bus")
	}
}
