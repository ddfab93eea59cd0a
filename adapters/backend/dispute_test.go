package backend

import (
	"context"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

// slow answers for one block at a time, as back ends over the internet do.
type slow struct {
	*net
	who string
	per time.Duration
}

func (s slow) Chain(ctx context.Context, from, to uint64) ([]adapters.Hash, Evidence, error) {
	if s.pool.o.Names[s.pool.Pick(ctx)] == s.who {
		select {
		case <-time.After(time.Duration(to-from+1) * s.per):
		case <-ctx.Done():
			return nil, Nothing, ctx.Err()
		}
	}
	return s.net.Chain(ctx, from, to)
}

// A liar tells of a branch of its own that leaves the true one far below, which
// costs it nothing. The honest one would have to show all blocks since then within
// one question's time, at a hundredth of that for each: it is no liar for that.
func TestALiarsDeepForkSetsNoSlowOneAside(t *testing.T) {
	n := newNet(t, "honest", "liar")
	n.nodes["honest"].height, n.nodes["liar"].height = 1000, 1000
	n.pool.o.Timeout = 200 * time.Millisecond
	n.pass(3, "honest", "liar")
	n.nodes["liar"].branch, n.nodes["liar"].from = 7, 880
	for range 8 {
		n.now = n.now.Add(time.Second)
		n.nodes["honest"].height++
		n.pool.Round(t.Context(), slow{n, "honest", 2 * time.Millisecond})
	}
	n.want("honest", Good, "")
	if n.asked() != "honest" {
		t.Error("the liar alone is asked")
	}
}

// Blocks that name their parents cost nothing on most chains: who invents some
// above the true ones is ahead, and shows them. The honest one gets every block
// meanwhile, so it is not stale, and with two nobody knows who is right.
func TestInventedBlocksMakeNoGrowingBackEndStale(t *testing.T) {
	n := newNet(t, "honest", "liar")
	n.pass(3, "honest", "liar")
	n.nodes["liar"].branch, n.nodes["liar"].from = 7, n.nodes["liar"].height+1
	n.nodes["liar"].height += 50
	n.pass(12, "honest", "liar")
	n.want("honest", Good, "")
	if n.asked() != "honest" {
		t.Error("the liar alone is asked")
	}
}
