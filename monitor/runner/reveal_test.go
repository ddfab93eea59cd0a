package runner_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// ready is an initiator with both legs locked and its redeem stored, before
// the reveal gate was asked.
func ready(t *testing.T) (*machine, htlc.Terms) {
	t.Helper()
	tm := terms(t, eth, btc)
	m := open(t, tm, 0)
	m.must(htlc.FundingPrepared{TxID: "funding"})
	m.must(htlc.FundingChecked{Facts: m.facts(start)})
	m.must(htlc.Submitted{Leg: 0, Purpose: htlc.PurposeFund, TxID: "funding"})
	m.must(htlc.LegFunded{Leg: 0, TxID: "funding", Ref: "f:0", Block: block(11)})
	m.must(htlc.LegFunded{Leg: 1, TxID: "b", Ref: "b:0", Block: block(12)})
	m.tips(14, start+100)
	m.must(htlc.RedeemPrepared{TxID: "redeem", Ref: "b:0"})
	return m, tm
}

// revealing is an initiator whose reveal gate has opened.
func revealing(t *testing.T) (*machine, *journal, htlc.Terms) {
	t.Helper()
	m, tm := ready(t)
	m.must(htlc.RevealChecked{Facts: m.revealFacts(start + 100)})
	return m, &journal{txs: []engine.JournalTx{{
		Tx: adapters.Tx{Chain: btc.Chain(), ID: "redeem"}, Swap: m.s.ID, Leg: 1, Purpose: htlc.PurposeRedeem, Ref: "b:0",
	}}}, tm
}

// The reveal gate has opened; before the redeem goes out the incoming leg is
// refunded (node down for hours) or its block undone. Whether the redeem was
// marked as released or not, the swap ends when our own leg has come back.
func TestRevealOfAGoneLegEnds(t *testing.T) {
	gone := map[string]struct {
		event htlc.Event
		sign  error
	}{
		"refunded": {htlc.LegRefunded{Leg: 1, TxID: "theirs", Ref: "b:0", Block: block(101)}, adapters.ErrSpent},
		"undone":   {htlc.Reorged{Leg: 1, Block: block(12)}, adapters.ErrNotFunded},
	}
	for name, fate := range gone {
		for _, released := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,released=%v", name, released), func(t *testing.T) {
				m, j, tm := revealing(t)
				j.txs[0].Released = released
				late := tm.Legs[0].TimeLock + 10
				m.tips(100, late)
				m.must(fate.event)
				m.must(htlc.LegRefunded{Leg: 0, TxID: "ours", Ref: "f:0", Block: block(101)})
				m.tips(110, late+100)
				c := &chain{redeemErr: &adapters.Error{Reason: "GONE", Op: "sign", Retryable: true, Err: fate.sign}}
				r := run(t, m, c, j, gates{reveal: func(htlc.Swap) htlc.RevealFacts {
					f := m.revealFacts(late)
					f.StateRead = htlc.Observed{State: htlc.CheckBlocked}
					return f
				}})
				ask(r, m, htlc.EffectRevealAndRedeem, 1)
				if !until(3*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase == htlc.PhaseClosed }) {
					s, _ := m.Swap(htlc.SwapID{})
					t.Fatalf("STUCK: phase %s after %d tries, our leg %s and buried", s.Phase, c.questions(), s.Legs[0].Status)
				}
			})
		}
	}
}

// One time-out of a node while a gate is observed leaves a condition open, and
// nobody looks again before the leg's chain has another block: ten minutes to
// an hour on Bitcoin, while the Initiator's window may be a sighting's time.
func TestOpenConditionIsLookedAtAgain(t *testing.T) {
	m, _ := ready(t)
	c := &chain{}
	var asked atomic.Int64
	r := run(t, m, c, &journal{}, gates{reveal: func(htlc.Swap) htlc.RevealFacts {
		first := asked.Add(1) == 1
		f := m.revealFacts(start + 100)
		if first {
			f.RedeemRuns = htlc.Observed{Detail: "the chain's node does not answer"}
		}
		return f
	}})
	ask(r, m, htlc.EffectCheckReveal, 1)
	if !until(2*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase != htlc.PhaseFunded }) {
		s, _ := m.Swap(htlc.SwapID{})
		t.Errorf("DELAYED: phase %s, held by %v, the gate was asked %d time(s); next look at %+v",
			s.Phase, s.Held, asked.Load(), s.Alarms())
	}
}

// The node's connection is refused when the gate has opened: the secret is nowhere. It is back after the cut-off,
// a moment before the participant's time lock. The gate is not asked again: the secret goes out, against A6.
func TestSafety_A6_UnsentRevealAsksTheGateAgain(t *testing.T) {
	m, j, tm := revealing(t)
	clock := int64(start + 100)
	c := &chain{refuse: &adapters.Error{Reason: "NODE_UNREACHABLE", Op: "verify", Retryable: true, Err: fmt.Errorf("%w: %w", adapters.ErrNotSent, adapters.ErrUnreachable)}}
	r := run(t, m, c, j, gates{reveal: func(htlc.Swap) htlc.RevealFacts { return m.revealFacts(clock) }})
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if !until(5*time.Second, func() bool { return c.questions() > 1 }) {
		t.Fatal("never tried")
	}
	c.set(func() {
		clock = tm.Legs[1].TimeLock + 50 // the participant's refund is open
		c.refuse = nil
	})
	m.tips(90, clock)
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if until(3*time.Second, func() bool { return c.has("redeem") }) {
		t.Fatalf("the secret was let out at %d, cut-off %d, time lock of the incoming leg %d", clock, tm.CutOff(), tm.Legs[1].TimeLock)
	}
}

// That the secret is about to be shown is noted outside the database before it is,
// and taken back where the gate closes again; that it was handed to a node, as soon
// as it was, whatever the node said: a node that has lost its database would else
// keep a secret that others know, or show one that nobody knows.
func TestSafety_D2_RevealIsNotedFirst(t *testing.T) {
	m, j, _ := revealing(t)
	c := &chain{}
	var failing atomic.Bool
	failing.Store(true)
	var notes noteLog
	clock := int64(start + 100)
	r := run(t, m, c, j, gates{
		reveal: func(htlc.Swap) htlc.RevealFacts { return m.revealFacts(clock) },
		note: func(note htlc.RevealNote) error {
			if failing.Load() {
				return errors.New("the folder is full")
			}
			if sent := c.has("redeem"); sent != (note == htlc.NoteOut) {
				t.Errorf("note %d, sent: %t", note, sent)
			}
			notes.add(note)
			return nil
		},
	})
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if until(300*time.Millisecond, func() bool { return c.has("redeem") }) {
		t.Fatal("the secret was let out before it was noted")
	}
	failing.Store(false)
	if !until(5*time.Second, func() bool { return notes.begin(htlc.NoteBegun, htlc.NoteOut) }) {
		t.Fatalf("redeemed: %t, notes: %v", c.has("redeem"), notes.all())
	}
}

// A gate that has closed takes the note back; a node that may have read the redeem
// before it failed has it; one that can't have read it has not.
func TestNotesOfARevealThatFails(t *testing.T) {
	m, j, tm := revealing(t)
	late := tm.CutOff() + 1
	m.tips(90, late)
	var notes noteLog
	c := &chain{}
	r := run(t, m, c, j, gates{
		reveal: func(htlc.Swap) htlc.RevealFacts { return m.revealFacts(late) }, note: notes.note,
	})
	ask(r, m, htlc.EffectRevealAndRedeem, 1)
	if !until(5*time.Second, func() bool { s, _ := m.Swap(htlc.SwapID{}); return s.Phase == htlc.PhaseFunded }) ||
		!notes.are(htlc.NoteInside) || c.has("redeem") {
		t.Errorf("withheld, and the notes are %v", notes.all())
	}
	for name, want := range map[error][]htlc.RevealNote{
		adapters.ErrUnreachable: {htlc.NoteBegun, htlc.NoteOut}, adapters.ErrNotSent: {htlc.NoteBegun, htlc.NoteBegun},
	} {
		m, j, _ := revealing(t)
		var notes noteLog
		c := &chain{refuse: &adapters.Error{Reason: "NODE_UNREACHABLE", Op: "send", Retryable: true, Err: name}}
		r := run(t, m, c, j, gates{
			reveal: func(htlc.Swap) htlc.RevealFacts { return m.revealFacts(start + 100) }, note: notes.note,
		})
		ask(r, m, htlc.EffectRevealAndRedeem, 1)
		if !until(5*time.Second, func() bool { return notes.begin(want...) }) {
			t.Errorf("%v: the notes are %v", name, notes.all())
		}
	}
}

// noteLog is what was noted, in its order.
type noteLog struct {
	mu    sync.Mutex
	notes []htlc.RevealNote
}

func (l *noteLog) add(note htlc.RevealNote) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, note)
}

func (l *noteLog) note(note htlc.RevealNote) error {
	l.add(note)
	return nil
}

func (l *noteLog) all() []htlc.RevealNote {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.notes)
}

func (l *noteLog) are(want ...htlc.RevealNote) bool { return slices.Equal(l.all(), want) }

func (l *noteLog) begin(want ...htlc.RevealNote) bool {
	all := l.all()
	return len(all) >= len(want) && slices.Equal(all[:len(want)], want)
}
