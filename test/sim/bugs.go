package main

import (
	"context"
	"slices"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/runner"
)

// bug is a planted fault, named by the row of docs/safety.md that it breaks.
// None is in production code: each stands between it and the world.
type bug string

// The planted bugs.
const (
	noBug bug = ""
	bugA1 bug = "A1" // one chain's contract takes secrets of any size
	bugA4 bug = "A4" // times below the node's own profile are accepted
	bugA6 bug = "A6" // the reveal gate is shown a clock that stands still
	bugA8 bug = "A8" // one confirmation is accepted as depth
	// The payee's own co-signature, as Eve gets it: at any time she asks.
	bugA12 bug = "A12"
	bugD1  bug = "D1" // transactions are kept in memory, not on the disk
	bugD5  bug = "D5" // blocks are applied in whatever order they come
)

func bugs() []bug { return []bug{bugA1, bugA4, bugA6, bugA8, bugA12, bugD1, bugD5} }

// journal is what the runner stores transactions in.
func (b bug) journal(n *node) engine.Journal {
	if b != bugD1 {
		return n.disk
	}
	return forgetful{n.disk, newMemory()}
}

// forgetful keeps transactions for one life of the process.
type forgetful struct {
	*disk
	kept *memory
}

func (f forgetful) SaveTxs(ctx context.Context, txs []engine.JournalTx) error {
	return f.write("save-"+txs[0].Purpose.String(), func() error { return f.kept.SaveTxs(ctx, txs) })
}

func (f forgetful) Txs(ctx context.Context, swap htlc.SwapID, leg int, p htlc.Purpose) ([]engine.JournalTx, error) {
	return f.kept.Txs(ctx, swap, leg, p)
}

func (f forgetful) MarkReleased(ctx context.Context, chain htlc.ChainID, txid string) error {
	f.n.w.marked(f.n, txid)
	return f.write("mark", func() error { return f.kept.MarkReleased(ctx, chain, txid) })
}

// gates are what the runner asks before it lets anything out.
func (b bug) gates(n *node, g runner.Gates) runner.Gates {
	if b != bugA6 {
		return g
	}
	return stopped{g, n}
}

type stopped struct {
	runner.Gates
	n *node
}

func (s stopped) Reveal(ctx context.Context, swap htlc.Swap) htlc.RevealFacts {
	f := s.Gates.Reveal(ctx, swap)
	f.Clock = epoch
	return f
}

// message is what a feed gets to see of the broker's.
func (b bug) message(n *node, l *line, m bus.Message) bus.Message {
	cursor, ok := n.engine.Cursor(l.c.id)
	if b != bugD5 || m.Step == nil || m.Step.Kind != adapters.Connect || !ok || m.Step.Block.Height <= cursor.Block.Height {
		return m
	}
	step := *m.Step
	step.Block.Parent, step.Block.Height = cursor.Block.Hash, cursor.Block.Height+1
	m.Step = &step
	return m
}

func (b bug) known() bool { return b == noBug || slices.Contains(bugs(), b) }
