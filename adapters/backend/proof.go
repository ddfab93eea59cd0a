package backend

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
)

// Evidence is what the blocks that a back end shows prove.
type Evidence uint8

// The kinds of evidence, the weakest first.
const (
	// Nothing is shown.
	Nothing Evidence = iota
	// Linked blocks name their parents: they belong together.
	Linked
	// Worked blocks cost as much work as the chain asks for as well: one back end
	// alone is believed, because nobody invents them.
	Worked
)

// maxFork is how far below its head a branch is followed to find where it leaves
// the others'.
const maxFork = 128

// proofTimes is how many times Timeout a back end has to show a branch.
const proofTimes = 4

// branch is a head whose blocks were shown, with the lowest of those.
type branch struct{ head, root Head }

// lead is what was proved of a back end that is ahead of another.
type lead struct {
	of       Head // the other's head: the proof holds for as long as that stays
	evidence Evidence
}

// disputed: the heads are further apart than MaxLag, or the back ends have
// different blocks where all have settled. Only then is proof asked for.
func (p *Pool) disputed(samples []sample) bool {
	var first *sample
	for i := range samples {
		s := &samples[i]
		if s.err != nil {
			continue
		}
		if first == nil {
			first = s
		}
		for _, other := range samples {
			if other.err == nil && other.head.Height > s.head.Height+p.o.MaxLag {
				return true
			}
		}
		if first.known && s.known && s.settled != first.settled {
			return true
		}
	}
	return false
}

// prove asks those who disagree for the blocks of which they speak: a height is
// only a number, and who names one shows the block that stands there.
func (p *Pool) prove(ctx context.Context, prober Prober, samples []sample) {
	if !p.disputed(samples) {
		return
	}
	p.each(ctx, func(ctx context.Context, i int) {
		if samples[i].err == nil {
			samples[i].root, samples[i].unshown = p.shows(ctx, prober, i, samples[i].head)
		}
	})
	shown := make([]bool, len(samples))
	for i, s := range samples {
		shown[i] = s.err == nil && s.unshown == nil
	}
	p.each(ctx, func(short context.Context, i int) {
		if !shown[i] {
			return
		}
		for j := range samples {
			if j == i || !shown[j] || samples[i].head.Height <= samples[j].head.Height+p.o.MaxLag {
				continue
			}
			if samples[i].leads == nil {
				samples[i].leads = map[int]Evidence{}
			}
			from, ok := p.common(short, prober, i, j, &samples[j])
			if !ok {
				continue
			}
			evidence, err := p.leads(context.WithValue(ctx, pinKey{p}, i), prober, i, j, from, &samples[j])
			samples[i].leads[j] = evidence
			if err != nil {
				samples[i].unshown = err
			}
		}
	})
}

// shows has a back end show its head and the blocks before it, and returns the
// first of them.
func (p *Pool) shows(ctx context.Context, prober Prober, i int, head Head) (Head, error) {
	p.mu.Lock()
	before := p.members[i].shown
	p.mu.Unlock()
	if before.head == head {
		return before.root, nil
	}
	root := Head{Height: head.Height - min(head.Height, p.o.MaxLag)}
	hashes, _, err := prober.Chain(ctx, root.Height, head.Height)
	if err != nil {
		return root, err
	}
	if last := hashes[len(hashes)-1]; last != head.Hash {
		return root, fmt.Errorf("it calls block %s its head and shows %s", head.Hash, last)
	}
	root.Hash = hashes[0]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members[i].shown = branch{head, root}
	return root, nil
}

// leads is what back end i proves of being ahead of back end j: a chain of blocks
// from one that j has too to further above j's head than MaxLag. The error is of
// one who has the other's blocks and does not show its own above them.
func (p *Pool) leads(ctx context.Context, prober Prober, i, j int, from Head, other *sample) (Evidence, error) {
	p.mu.Lock()
	before, ok := p.members[i].leads[j]
	p.mu.Unlock()
	if ok && before.of == other.head {
		return before.evidence, nil
	}
	// How many blocks are asked for is for the other to say, who may lie. So there is
	// more time than for a question, and who does not make it is no liar for that.
	ctx, cancel := context.WithTimeout(ctx, proofTimes*p.o.Timeout)
	defer cancel()
	hashes, evidence, err := prober.Chain(ctx, from.Height, other.head.Height+p.o.MaxLag+1)
	switch {
	case err != nil && ctx.Err() != nil:
		return Nothing, nil
	case err != nil:
		return Nothing, err
	}
	if hashes[0] != from.Hash {
		return Nothing, nil // the chain changed between the questions
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.members[i].leads == nil {
		p.members[i].leads = map[int]lead{}
	}
	p.members[i].leads[j] = lead{other.head, evidence}
	return evidence, nil
}

// common finds a block of j's branch that i has too: the lowest that j showed,
// or where the branches part below it.
func (p *Pool) common(ctx context.Context, prober Prober, i, j int, other *sample) (Head, bool) {
	theirs := other.root
	for depth := p.o.MaxLag; ; depth *= 2 {
		mine, ok, err := prober.HashAt(context.WithValue(ctx, pinKey{p}, i), theirs.Height)
		switch {
		case err != nil || !ok:
			return Head{}, false
		case mine == theirs.Hash:
			return theirs, true
		case theirs.Height == 0 || depth >= maxFork:
			return Head{}, false
		}
		theirs.Height -= min(theirs.Height, depth)
		theirs.Hash, ok, err = prober.HashAt(context.WithValue(ctx, pinKey{p}, j), theirs.Height)
		if err != nil || !ok {
			return Head{}, false
		}
	}
}

// wentBack lists back ends whose head fell although another proves that the
// block which they had stands on the one that they have now: the chain did not
// change, they did.
func (p *Pool) wentBack(ctx context.Context, prober Prober, samples []sample) []bool {
	before := p.Health()
	out := make([]bool, len(samples))
	p.each(ctx, func(ctx context.Context, i int) {
		s, old := samples[i], before[i].Head
		if s.err != nil || s.head.Height >= old.Height || old.Hash == (adapters.Hash{}) || old.Height-s.head.Height > maxFork {
			return
		}
		for j := range samples {
			if j == i || samples[j].err != nil || samples[j].head.Height < old.Height {
				continue
			}
			hashes, _, err := prober.Chain(context.WithValue(ctx, pinKey{p}, j), s.head.Height, old.Height)
			out[i] = out[i] || err == nil && hashes[0] == s.head.Hash && hashes[len(hashes)-1] == old.Hash
		}
	})
	return out
}
