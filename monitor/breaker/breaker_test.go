package breaker

import (
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
)

type rig struct {
	*Breaker
	now    time.Time
	split  bool
	height uint64
	told   []*State
}

func newRig(before *State) *rig {
	r := &rig{now: time.Unix(1_700_000_000, 0), height: 100}
	r.Breaker = New(Options{
		ReorgDepth: 2, Stall: time.Minute, CalmBlocks: 3, Split: func() bool { return r.split }, Before: before,
		Changed: func(s *State) { r.told = append(r.told, s) }, Now: func() time.Time { return r.now }, Log: slog.New(slog.DiscardHandler),
	})
	r.connect(1)
	return r
}

func (r *rig) connect(n int) {
	for range n {
		r.height++
		r.Stepped(adapters.Step{Kind: adapters.Connect, Block: adapters.BlockRef{Height: r.height}})
	}
}

func (r *rig) undo(n int) {
	for range n {
		r.height--
		r.Stepped(adapters.Step{Kind: adapters.Disconnect, Block: adapters.BlockRef{Height: r.height}})
	}
}

func (r *rig) want(t *testing.T, cause Cause) {
	t.Helper()
	switch s := r.Suspended(); {
	case s == nil && cause != "":
		t.Errorf("closed, want %s", cause)
	case s != nil && s.Cause != cause:
		t.Errorf("open for %s (%s), want %q", s.Cause, s, cause)
	}
}

func TestOnlyAReorganisationDeeperThanThePolicyOpens(t *testing.T) {
	r := newRig(nil)
	r.connect(10)
	for range 5 { // many shallow ones are no deep one
		r.undo(2)
		r.connect(3)
	}
	r.want(t, "")
	r.undo(3)
	r.want(t, DeepReorg)
	r.connect(3) // what replaces the undone blocks
	r.want(t, DeepReorg)
	r.connect(2)
	r.want(t, DeepReorg)
	r.undo(1) // not calm
	r.connect(3)
	r.want(t, DeepReorg)
	r.connect(1)
	r.want(t, "")
	if len(r.told) != 2 || r.told[0] == nil || r.told[1] != nil || r.Opened() != 1 {
		t.Errorf("told %v", r.told)
	}
}

func TestAChainWithoutBlocksIsSuspended(t *testing.T) {
	r := newRig(nil)
	r.now = r.now.Add(time.Minute - 1)
	r.Tick()
	r.want(t, "")
	r.now = r.now.Add(1)
	r.Tick()
	r.want(t, Stalled)
	r.connect(2)
	r.Tick()
	r.want(t, Stalled)
	r.connect(1)
	r.want(t, "")
}

func TestSplitBackEndsSuspendUntilTheyAgree(t *testing.T) {
	r := newRig(nil)
	r.split = true
	r.Tick()
	r.want(t, Split)
	r.connect(10)
	r.want(t, Split)
	r.split = false
	r.connect(3)
	r.want(t, "")
}

func TestResumeClosesAndALastingCauseOpensAgain(t *testing.T) {
	r := newRig(nil)
	if r.Resume() {
		t.Error("resumed what was not suspended")
	}
	r.undo(3)
	if !r.Resume() {
		t.Error("not resumed")
	}
	r.want(t, "")
	r.split = true
	r.Tick()
	r.Resume()
	r.Tick()
	r.want(t, Split)
}

func TestASuspensionOutlivesARestart(t *testing.T) {
	r := newRig(nil)
	r.undo(3)
	again := newRig(r.told[0])
	again.want(t, DeepReorg)
	again.connect(1)
	again.want(t, DeepReorg)
	again.connect(1) // with the block of newRig three
	again.want(t, "")
}

// Whatever happens, it is never closed while its cause lasts or the chain has
// not been calm for long enough, but for Resume.
func TestItNeverClosesEarly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(nil)
		top, calm := r.height, 0
		deep := false
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			n := rapid.IntRange(1, 5).Draw(rt, "n")
			if rapid.Bool().Draw(rt, "undo") && int(r.height) > n+1 {
				r.undo(n)
				calm = 0
				deep = deep || n > 2
				// Without a block between them two undoings are one.
				r.connect(1)
				continue
			}
			for range n {
				r.connect(1)
				if r.height > top {
					top = r.height
					calm++
				}
			}
			if calm >= 3 {
				deep = false
			}
			if deep && r.Suspended() == nil {
				rt.Fatalf("closed after %d calm blocks", calm)
			}
		}
	})
}
