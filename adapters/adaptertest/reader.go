package adaptertest

import (
	"github.com/kofo-network/kofo/adapters"
)

// maxSteps bounds a reader that is led in a circle.
const maxSteps = 1000

// reader follows the chain for an actor and checks every step.
type reader struct {
	k      *kit
	a      *actor
	cursor adapters.BlockRef
	steps  []adapters.Step
	// blocks and facts of the chain as far as the reader believes in it.
	blocks []adapters.BlockRef
	facts  []adapters.Located
}

// reader begins at the tip.
func (k *kit) reader(a *actor) *reader {
	k.t.Helper()
	return k.readerAt(a, k.tip(a))
}

func (k *kit) readerAt(a *actor, cursor adapters.BlockRef) *reader {
	return &reader{k: k, a: a, cursor: cursor, blocks: []adapters.BlockRef{cursor}}
}

// catchUp takes all steps up to the tip and returns how many blocks were
// undone and how many connected.
func (r *reader) catchUp() (undone, connected int) {
	t := r.k.t
	t.Helper()
	for range maxSteps {
		step, err := r.a.Next(r.k.ctx, r.cursor)
		r.k.must(err, "what follows block %d", r.cursor.Height)
		switch step.Kind {
		case adapters.AtTip:
			if tip := r.k.tip(r.a); tip != r.cursor {
				t.Fatalf("at the tip with cursor %+v, the tip is %+v", r.cursor, tip)
			}
			return undone, connected
		case adapters.Connect:
			r.connect(step)
			connected++
		case adapters.Disconnect:
			r.disconnect(step)
			undone++
		default:
			t.Fatalf("a step of kind %d", step.Kind)
		}
		r.steps = append(r.steps, step)
	}
	t.Fatalf("%d steps and no end", maxSteps)
	return 0, 0
}

func (r *reader) connect(step adapters.Step) {
	r.k.t.Helper()
	if step.Block.Parent != r.cursor.Hash || step.Block.Height != r.cursor.Height+1 {
		r.k.t.Fatalf("block %+v does not follow %+v", step.Block, r.cursor)
	}
	if step.Block.Clock < r.cursor.Clock {
		r.k.t.Fatalf("the clock goes back from %d to %d", r.cursor.Clock, step.Block.Clock)
	}
	r.cursor = step.Block
	r.blocks = append(r.blocks, step.Block)
	for _, f := range step.Facts {
		r.facts = append(r.facts, adapters.Located{Fact: f, Block: step.Block})
	}
}

func (r *reader) disconnect(step adapters.Step) {
	r.k.t.Helper()
	if step.Block.Hash != r.cursor.Parent || step.Block.Height+1 != r.cursor.Height || len(step.Facts) != 0 {
		r.k.t.Fatalf("undoing %+v leads to %+v with %d facts", r.cursor, step.Block, len(step.Facts))
	}
	if n := len(r.blocks); n > 1 {
		r.blocks = r.blocks[:n-1]
		if r.blocks[n-2] != step.Block {
			r.k.t.Fatalf("undoing leads to %+v, before it was %+v", step.Block, r.blocks[n-2])
		}
	} else {
		r.blocks[0] = step.Block
	}
	var kept []adapters.Located
	for _, f := range r.facts {
		if f.Block.Hash != r.cursor.Hash {
			kept = append(kept, f)
		}
	}
	r.facts, r.cursor = kept, step.Block
}

// only catches up and wants exactly one fact that the reader did not know.
func (r *reader) only(kind adapters.FactKind) adapters.Fact {
	r.k.t.Helper()
	known := len(r.facts)
	r.catchUp()
	if len(r.facts) != known+1 || r.facts[known].Kind != kind {
		r.k.t.Fatalf("new facts %+v, want one %s", describe(r.facts[min(known, len(r.facts)):]), kind)
	}
	return r.facts[known].Fact
}

// none catches up and wants no new fact.
func (r *reader) none() {
	r.k.t.Helper()
	known := len(r.facts)
	r.catchUp()
	if len(r.facts) != known {
		r.k.t.Fatalf("new facts %v, want none", describe(r.facts[min(known, len(r.facts)):]))
	}
}

// reorged catches up over a reorganisation of the given depth.
func (r *reader) reorged(depth int) {
	r.k.t.Helper()
	if undone, connected := r.catchUp(); undone != depth || connected != depth+1 {
		r.k.t.Fatalf("%d blocks undone and %d connected, want %d and %d", undone, connected, depth, depth+1)
	}
}

func describe(facts []adapters.Located) []string {
	var out []string
	for _, f := range facts {
		out = append(out, f.Kind.String()+" by "+f.TxID+" "+f.Detail)
	}
	return out
}

// sameFact compares what a fact says; a Secret is behind a pointer.
// sameFact compares what two parties see; whose coins were spent each sees for
// itself.
func sameFact(x, y adapters.Fact) bool {
	secrets := (x.Secret == nil) == (y.Secret == nil) && (x.Secret == nil || x.Secret.Equal(*y.Secret))
	x.Secret, y.Secret = nil, nil
	x.Own, y.Own = false, false
	return secrets && x == y
}

func sameFacts(x, y []adapters.Located) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].Block != y[i].Block || !sameFact(x[i].Fact, y[i].Fact) {
			return false
		}
	}
	return true
}

// sighting waits until the mempool shows a fact of the kind.
func (k *kit) sighting(a *actor, kind adapters.FactKind) adapters.Fact {
	k.t.Helper()
	for {
		facts, err := a.Mempool(k.ctx)
		k.must(err, "mempool, looking for %s", kind)
		for _, f := range facts {
			if f.Kind == kind {
				return f
			}
		}
		k.must(a.Wait(k.ctx), "no %s in the mempool", kind)
	}
}
