// Package breaker decides when a chain is not trusted with anything new.
//
// It opens on a reorganisation that is deeper than the policy's depth, on a
// chain without blocks, and where no two back ends agree. While it is open the
// node makes no new swaps on the chain, funds nothing that is not announced,
// and shows no secret for the first time. Redeems with a secret that is known
// and refunds go on: for them a sick chain is a reason to hurry.
//
// It closes by itself once as many new blocks as wanted have come without a
// cause, or by Resume.
//
//	closed --cause--> open --calm blocks, or Resume--> closed
//	open --cause again--> open, and the calm blocks count anew
//
// The caller owes it: every step of the chain to Stepped, in order; Tick about
// every second; and the State that Changed was told last to New, after a
// restart.
package breaker

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

// Cause of a suspension. It stays the same over versions.
type Cause string

// The causes.
const (
	DeepReorg Cause = "DEEP_REORG"
	Stalled   Cause = "STALLED"
	Split     Cause = "SPLIT"
)

// State of an open breaker.
type State struct {
	Cause  Cause     `json:"cause"`
	Detail string    `json:"detail"`
	Since  time.Time `json:"since"`
	// Calm is how many blocks have come since without a cause, of Needed.
	Calm   uint64 `json:"calm"`
	Needed uint64 `json:"needed"`
}

func (s State) String() string {
	return fmt.Sprintf("%s; %d of %d calm blocks", s.Detail, s.Calm, s.Needed)
}

// Options of a Breaker.
type Options struct {
	// ReorgDepth is the deepest reorganisation that is borne.
	ReorgDepth uint64
	// Stall is how long the chain may go without a block.
	Stall time.Duration
	// CalmBlocks close it.
	CalmBlocks uint64
	// Split reports whether the back ends contradict each other; nil: never.
	Split func() bool
	// Before is the state that was told last, nil where it was closed.
	Before *State
	// Changed is told of every opening and closing, nil for a closing. It must
	// not call back.
	Changed func(*State)
	Now     func() time.Time
	Log     *slog.Logger
}

// Breaker of one chain. It may be used by many goroutines.
type Breaker struct {
	o Options

	mu     sync.Mutex
	state  *State
	undone uint64 // blocks in a row
	top    uint64 // the highest block ever seen
	last   time.Time
	opened uint64
}

// New goes on from the state before.
func New(o Options) *Breaker {
	b := &Breaker{o: o, last: o.Now()}
	if o.Before != nil {
		state := *o.Before
		state.Calm, state.Needed = 0, o.CalmBlocks
		b.state = &state
	}
	return b
}

// Stepped takes what the chain did.
func (b *Breaker) Stepped(step adapters.Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch step.Kind {
	case adapters.Disconnect:
		b.undone++
		b.restless()
		if b.undone > b.o.ReorgDepth {
			b.open(DeepReorg, fmt.Sprintf("%d blocks were undone, down to height %d", b.undone, step.Block.Height))
		}
	case adapters.Connect:
		b.undone, b.last = 0, b.o.Now()
		// What replaces undone blocks is no calm.
		if step.Block.Height > b.top {
			b.top = step.Block.Height
			b.calm()
		}
	case adapters.AtTip:
	}
}

// Tick looks at what shows by itself.
func (b *Breaker) Tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.check()
}

// check opens for what lasts; it reports whether there is such a cause.
func (b *Breaker) check() bool {
	if silent := b.o.Now().Sub(b.last); silent >= b.o.Stall {
		b.open(Stalled, fmt.Sprintf("no block for %s", silent.Truncate(time.Second)))
		return true
	}
	if b.o.Split != nil && b.o.Split() {
		b.open(Split, "no two back ends agree on the chain")
		return true
	}
	return false
}

func (b *Breaker) open(cause Cause, detail string) {
	if b.state != nil {
		b.state.Calm = 0
		// A deep reorganisation is the graver news, and stays to be seen.
		if b.state.Cause == cause || cause == DeepReorg {
			b.state.Cause, b.state.Detail = cause, detail
		}
		return
	}
	b.opened++
	b.state = &State{Cause: cause, Detail: detail, Since: b.o.Now(), Needed: b.o.CalmBlocks}
	b.o.Log.Warn("alarm", "reason", "CHAIN_SUSPENDED", "cause", string(cause), "detail", detail)
	b.changed()
}

func (b *Breaker) restless() {
	if b.state != nil {
		b.state.Calm = 0
	}
}

func (b *Breaker) calm() {
	if b.state == nil || b.check() {
		return
	}
	if b.state.Calm++; b.state.Calm >= b.state.Needed {
		b.close("calm")
	}
}

func (b *Breaker) close(why string) {
	b.o.Log.Info("the chain is trusted again", "why", why, "cause", string(b.state.Cause))
	b.state = nil
	b.changed()
}

func (b *Breaker) changed() {
	if b.o.Changed == nil {
		return
	}
	if b.state == nil {
		b.o.Changed(nil)
		return
	}
	state := *b.state
	b.o.Changed(&state)
}

// Suspended is the state of an open breaker, nil where it is closed.
func (b *Breaker) Suspended() *State {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == nil {
		return nil
	}
	state := *b.state
	return &state
}

// Opened counts how often it has opened in this process.
func (b *Breaker) Opened() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

// Resume closes it because somebody knows better, and reports whether it was
// open. A cause that lasts opens it again with the next Tick; silence counts
// anew.
func (b *Breaker) Resume() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.undone, b.last = 0, b.o.Now()
	if b.state == nil {
		return false
	}
	b.close("resumed by hand")
	return true
}
