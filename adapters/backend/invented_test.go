package backend

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
)

// Of two back ends one tells a height that it does not show: it is the one that
// is set aside, and the other is followed.
func TestAnInventedHeightOfOneOfTwo(t *testing.T) {
	for liar, honest := range map[string]string{"a": "b", "b": "a"} {
		n := newNet(t, "a", "b")
		n.pass(3, "a", "b")
		n.nodes[liar].height += 1000
		n.nodes[liar].bare = true
		n.pass(8, honest)
		n.want(honest, Good, "")
		n.want(liar, SetAside, Ahead)
		if n.asked() != honest {
			t.Errorf("%s is asked", n.asked())
		}
		n.nodes[liar].height, n.nodes[liar].bare = n.nodes[honest].height, false
		n.pass(11, "a", "b")
		n.want(liar, Good, "")
	}
}

func TestOfTwoTheOneThatShowsItsBlocksMakesTheOtherStale(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(3, "a", "b")
	n.pass(9, "b")
	n.want("a", SetAside, Stale)
	n.want("b", Good, "")
	if n.asked() != "b" {
		t.Errorf("%s is asked", n.asked())
	}
}

// A back end that stays on a branch which the chain has left is stale too, where
// the fork is found.
func TestOfTwoTheOneThatStaysOnALostBranchIsStale(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(3, "a", "b")
	n.nodes["a"].branch, n.nodes["a"].from = 7, 90
	n.pass(20, "b")
	n.want("a", SetAside, Stale)
	n.want("b", Good, "")
}

// One of two that tells a low height and a block which it does not show.
func TestAnInventedLowHeadOfOneOfTwo(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(3, "a", "b")
	*n.nodes["a"] = fork{height: 60, from: 10, branch: 9, bare: true}
	n.pass(8, "b")
	n.want("a", SetAside, Contradicts)
	n.want("b", Good, "")
}

// Two that stand still do not outvote the one whose blocks cost work; blocks that
// cost nothing do not outvote two.
func TestWorkOutweighsTheMany(t *testing.T) {
	for proof, want := range map[Evidence]map[string]Reason{
		Worked: {"a": Stale, "b": Stale, "c": ""},
		Linked: {"a": "", "b": "", "c": Ahead},
	} {
		n := newNet(t, "a", "b", "c")
		n.pass(3, "a", "b", "c")
		n.nodes["c"].proof = proof
		n.pass(9, "c")
		for name, reason := range want {
			state := Good
			if reason != "" {
				state = SetAside
			}
			n.want(name, state, reason)
		}
	}
}

// A witness that still has the old branch after a reorganisation to a shorter
// one proves nothing.
func TestAShorterBranchIsNotGoingBack(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(3, "a", "b")
	n.nodes["a"].branch, n.nodes["a"].from = 1, n.nodes["a"].height-1
	n.nodes["a"].height--
	n.pass(1)
	n.want("a", Good, "")
}

// liarNet is honest back ends on one chain, and one that says anything that can
// be said of a chain whose hashes cannot be forged.
type liarNet struct {
	r      *rapid.T
	pool   *Pool
	liar   int
	forges bool // it makes up linked blocks on top of true ones
	proof  Evidence
	truth  fork
	behind []uint64
	old    fork // the branch before the last reorganisation
	seed   uint64
	now    time.Time
}

func (n *liarNet) view(i int) fork {
	f := n.truth
	f.height -= n.behind[i]
	return f
}

// lie chooses by what is asked: questions come from several goroutines, and a
// failing run must come again.
func (n *liarNet) lie(what string, height uint64, of int) int {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, n.seed, n.now.Unix(), what, height)
	return int(h.Sum64() % uint64(of))
}

func (n *liarNet) bogus(height uint64) adapters.Hash {
	return fork{branch: byte(100 + n.lie("bogus", 0, 3))}.hash(height)
}

var errLiar = errors.New("no")

func (n *liarNet) Head(ctx context.Context) (Head, error) {
	i := n.pool.Pick(ctx)
	f := n.view(i)
	if i != n.liar {
		return Head{f.height, f.hash(f.height)}, nil
	}
	off := []int{0, -1, -3, -30, 1, 3, 30, 5000}
	at := uint64(int(f.height) + off[n.lie("height", 0, len(off))])
	switch n.lie("head", 0, 6) {
	case 0:
		return Head{}, errLiar
	case 1, 2:
		return Head{at, n.bogus(at)}, nil
	case 3:
		return Head{at, n.old.hash(at)}, nil
	}
	return Head{at, f.hash(at)}, nil
}

func (n *liarNet) HashAt(ctx context.Context, height uint64) (adapters.Hash, bool, error) {
	i := n.pool.Pick(ctx)
	f := n.view(i)
	if i != n.liar {
		return f.hash(height), height <= f.height, nil
	}
	switch n.lie("hash", height, 6) {
	case 0:
		return adapters.Hash{}, false, errLiar
	case 1:
		return adapters.Hash{}, false, nil
	case 2:
		return n.bogus(height), true, nil
	case 3:
		return n.old.hash(height), true, nil
	}
	return f.hash(height), true, nil
}

func (n *liarNet) Chain(ctx context.Context, from, to uint64) ([]adapters.Hash, Evidence, error) {
	i := n.pool.Pick(ctx)
	f, lie := n.view(i), 5
	if i == n.liar {
		lie = n.lie("chain", from^to<<32, 6)
	}
	switch {
	case lie == 3:
		f = n.old
	case lie == 2:
		f = fork{height: to, branch: 99}
	case lie == 1 && n.forges && from <= f.height:
		f = fork{height: to, branch: 98, from: from + 1}
	case lie < 2:
		return nil, Nothing, errLiar
	}
	if to > f.height {
		return nil, Nothing, errLiar
	}
	var out []adapters.Hash
	for at := from; at <= to; at++ {
		out = append(out, f.hash(at))
	}
	if f.branch >= 98 {
		return out, Linked, nil
	}
	return out, n.proof, nil
}

// round lets the chain go on, or reorganise, and asks everybody.
func (n *liarNet) round() {
	n.now = n.now.Add(time.Second)
	switch rapid.IntRange(0, 5).Draw(n.r, "chain goes on") {
	case 0:
	case 1:
		n.old = n.truth
		n.truth.from, n.truth.branch = n.truth.height-1, n.truth.branch%90+1
		clear(n.behind) // who hears of a branch has all of it
		n.truth.height -= uint64(rapid.IntRange(0, 1).Draw(n.r, "shorter"))
	default:
		n.truth.height++
	}
	n.pool.Round(n.r.Context(), n)
}

// TestTheHonestAreFollowed: whatever one of two or of three back ends says,
// nobody who tells the truth is set aside, and one of them is asked unless the
// liar passes for good itself.
func TestTheHonestAreFollowed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(2, 3).Draw(r, "back ends")
		n := &liarNet{
			r: r, seed: rapid.Uint64().Draw(r, "seed"), liar: rapid.IntRange(0, size-1).Draw(r, "liar"), proof: rapid.SampledFrom([]Evidence{Linked, Worked}).Draw(r, "proof"),
			truth: fork{height: 100}, behind: make([]uint64, size), now: time.Unix(1_700_000_000, 0),
		}
		n.old = n.truth
		n.forges = size > 2 || n.proof == Worked // of two, nothing tells forged blocks that cost nothing from true ones
		var names []string
		for i := range size {
			names = append(names, fmt.Sprint("node", i))
			n.behind[i] = uint64(rapid.IntRange(0, 2).Draw(r, "behind"))
		}
		var err error
		n.pool, err = New(Options{
			Names: names, Limits: Limits{MaxLag: 2, LagTime: 2 * time.Second, Probation: 4 * time.Second},
			Now: func() time.Time { return n.now }, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 40).Draw(r, "rounds") {
			n.round()
			health := n.pool.Health()
			for i, h := range health {
				if i != n.liar && h.State != Good {
					r.Fatalf("%s tells the truth and is %s %s: %s", h.Name, h.State, h.Reason, h.Detail)
				}
			}
			if asked := n.pool.Pick(r.Context()); asked == n.liar && health[asked].State != Good {
				r.Fatalf("the liar is asked, although it is %s %s", health[asked].State, health[asked].Reason)
			}
		}
	})
}
