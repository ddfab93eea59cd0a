package main

import (
	"context"
	"errors"
	"slices"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
)

// publisher is a watcher's end of the broker, which loses, doubles and
// reorders what it is given.
type publisher struct {
	n *node
	l *line
}

func (p publisher) Publish(_ context.Context, m bus.Message) error {
	n, l := p.n, p.l
	luck := 26
	if !n.calm {
		luck = n.rng.IntN(26)
	}
	switch luck {
	case 0: // lost
	case 1, 2:
		l.inbox = append(l.inbox, m, m)
	case 3, 4:
		l.inbox = slices.Insert(l.inbox, n.rng.IntN(len(l.inbox)+1), m)
	case 5:
		l.late = append(l.late, m)
	case 6:
		l.late = append(l.late, m)
		l.inbox = append(l.inbox, m)
	default:
		l.inbox = append(l.inbox, m)
	}
	return nil
}

// broker carries requests to the watchers.
type broker struct{ n *node }

var errNobody = errors.New("nobody answers")

func (b broker) Ask(ctx context.Context, chain htlc.ChainID, r bus.Request) (bus.Reply, error) {
	if b.n.deaf {
		return bus.Reply{}, errNobody
	}
	return b.n.line(chain).watcher.Answer(ctx, r)
}

func (b broker) Consume(context.Context, htlc.ChainID, func(context.Context, bus.Message) error) error {
	return nil
}

// resurface puts what is late among what has just come.
func (n *node) resurface(l *line) {
	if len(l.late) == 0 || n.rng.IntN(3) != 0 {
		return
	}
	l.inbox = slices.Insert(l.inbox, n.rng.IntN(len(l.inbox)+1), l.late[0])
	l.late = l.late[1:]
}

// take hands the next message to the feed.
func (n *node) take(ctx context.Context, l *line) {
	m := l.inbox[0]
	l.inbox = l.inbox[1:]
	gap, err := l.feed.Take(ctx, n.w.bug.message(n, l, m))
	if gap {
		n.w.log("node %d finds a gap on %s: %v", n.self, l.c.name, err)
		l.gap = true
	}
}

func (n *node) follow(ctx context.Context, l *line) {
	if err := l.feed.Follow(ctx); err != nil {
		n.w.log("node %d cannot follow %s: %v", n.self, l.c.name, err)
		return
	}
	l.gap = false
}

// interleave lets something else happen in the middle of an effect: the
// chain goes on, or the engine is told of a block.
func (n *node) interleave(ctx context.Context, c *chain) {
	if n.calm || !n.acting || n.rng.IntN(12) != 0 {
		return
	}
	n.acting = false // one thing at a time
	defer func() { n.acting = true }()
	if n.rng.IntN(3) == 0 && n.w.extra > 0 {
		n.w.extra--
		c.mine()
		return
	}
	l := n.lines[n.rng.IntN(len(n.lines))]
	if len(l.inbox) > 0 {
		n.take(ctx, l)
	} else {
		n.watch(ctx, l)
	}
}

// watch lets a watcher take a step, and reports whether it moved.
func (n *node) watch(ctx context.Context, l *line) bool {
	moved, err := l.watcher.Once(ctx)
	return moved && err == nil
}

// tick is all that a node does in one tick: at first in any order and with
// anything going wrong, then, if it lives, everything that is left.
func (n *node) tick(ctx context.Context) {
	if n.w.now < n.down {
		return
	}
	n.crashes, n.calm = 0, n.w.calm
	n.impair()
	for range 2 + n.rng.IntN(10) {
		if n.calm || n.w.now < n.down {
			break
		}
		n.act(ctx)
	}
	n.calm = true
	if n.w.now >= n.down {
		n.do(func() { n.finish(ctx) })
	}
	n.heal()
}

// act does one thing, any.
func (n *node) act(ctx context.Context) {
	n.do(func() {
		if n.engine == nil {
			n.start(ctx)
			return
		}
		l := n.lines[n.rng.IntN(len(n.lines))]
		switch k := n.rng.IntN(8); {
		case k == 0 && l.gap, k == 0 && n.rng.IntN(4) == 0:
			n.follow(ctx, l)
		case k < 3:
			n.resurface(l)
			n.watch(ctx, l)
		case k < 5 && len(l.inbox) > 0:
			n.take(ctx, l)
		case len(n.todo) > 0 && !n.sleepy:
			n.execute(ctx, n.rng.IntN(len(n.todo)))
		}
		if n.rng.IntN(n.w.crashOdds) == 0 {
			panic(crash{"no edge"})
		}
	})
}

// finish does all that is left to do at this moment.
func (n *node) finish(ctx context.Context) {
	if n.engine == nil {
		n.start(ctx)
	}
	for round := 0; round < 8; round++ {
		busy := false
		for _, l := range n.lines {
			busy = n.catchUp(ctx, l) || busy
		}
		if n.sleepy {
			break
		}
		for i := len(n.todo); i > 0 && len(n.todo) > 0; i-- {
			n.execute(ctx, 0)
			busy = true
		}
		if !busy {
			break
		}
	}
}

// catchUp follows a chain to what the back end shows.
func (n *node) catchUp(ctx context.Context, l *line) bool {
	busy := false
	for range 3 {
		if l.gap {
			n.follow(ctx, l)
		}
		for range 40 {
			if !n.watch(ctx, l) {
				break
			}
			busy = true
		}
		for len(l.inbox) > 0 {
			n.take(ctx, l)
		}
		cursor, ok := n.engine.Cursor(l.c.id)
		if ok && cursor.Block.Hash == l.adapter.view().ref.Hash {
			break
		}
		l.gap = true
	}
	return busy
}

// impair decides what is wrong with the node in this tick. What is wrong for a
// tick is paid from the time that the Terms leave for it.
func (n *node) impair() {
	if n.w.calm || n.budget == 0 || n.rng.IntN(n.w.faultOdds) != 0 {
		return
	}
	n.budget--
	n.w.stats.faults++
	back := n.back[n.w.chains[n.rng.IntN(len(n.w.chains))].id]
	switch k := n.rng.IntN(7); k {
	case 0:
		back.down = true
	case 1:
		back.stale = 1 + n.rng.IntN(staleTicks)
	case 2:
		back.denies = true
	case 3:
		back.swallows = true
	case 4:
		n.full = true
	case 5:
		n.sleepy = true
	case 6:
		n.deaf = true
	}
	n.w.log("node %d: back ends %+v %+v, disk full %v, signer slow %v, broker away %v", n.self,
		*n.back[n.w.chains[0].id], *n.back[n.w.chains[1].id], n.full, n.sleepy, n.deaf)
}

func (n *node) heal() {
	for _, c := range n.w.chains {
		*n.back[c.id] = backend{}
	}
	n.full, n.sleepy, n.deaf = false, false, false
}

// nap is a long absence, within the Terms' outage. An initiator does not sleep
// between its reveal and the burial of its redeem: the cut-off leaves no time
// for that.
func (n *node) nap() {
	if n.slept || n.w.calm || n.engine == nil || n.rng.IntN(40) != 0 {
		return
	}
	for _, s := range n.engine.Open() {
		if s.Initiator() && s.Phase >= htlc.PhaseRevealing {
			return
		}
	}
	n.slept = true
	n.down = n.w.now + n.w.outage
	if n.rng.IntN(2) == 0 {
		n.dies("its sleep")
	}
	n.w.log("node %d sleeps until %d", n.self, n.down-epoch)
}
