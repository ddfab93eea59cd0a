package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

// sample is what one back end says in a round.
type sample struct {
	head    Head
	latency time.Duration
	err     error
	settled adapters.Hash // at the height where all have settled
	known   bool          // it has a block there
}

// Run asks every back end, now and at every interval, until ctx ends.
func (p *Pool) Run(ctx context.Context, prober Prober) error {
	ticker := time.NewTicker(p.o.Interval)
	defer ticker.Stop()
	for {
		p.Round(ctx, prober)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Round asks every back end once and judges the answers.
func (p *Pool) Round(ctx context.Context, prober Prober) {
	samples := make([]sample, len(p.members))
	p.each(ctx, func(ctx context.Context, i int) {
		began := p.o.Now()
		samples[i].head, samples[i].err = prober.Head(ctx)
		samples[i].latency = p.o.Now().Sub(began)
	})
	if ctx.Err() != nil {
		return // the node stops; nobody is to blame
	}
	if height, ok := settledHeight(samples, p.o.MaxLag); ok {
		p.each(ctx, func(ctx context.Context, i int) {
			if samples[i].err == nil && samples[i].head.Height >= height {
				samples[i].settled, samples[i].known, samples[i].err = prober.HashAt(ctx, height)
			}
		})
	}
	back := p.wentBack(ctx, prober, samples)
	p.judge(samples, back)
}

// each runs f for all back ends at the same time, each pinned and bounded.
func (p *Pool) each(ctx context.Context, f func(ctx context.Context, i int)) {
	var wait sync.WaitGroup
	for i := range p.members {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, pinKey{p}, i), p.o.Timeout)
			defer cancel()
			f(ctx, i)
		})
	}
	wait.Wait()
}

// settledHeight is where back ends that follow the chain must have the same
// block: so far below the middle of their heads as one may lag.
func settledHeight(samples []sample, lag uint64) (uint64, bool) {
	var heights []uint64
	for _, s := range samples {
		if s.err == nil {
			heights = append(heights, s.head.Height)
		}
	}
	if len(heights) < 2 {
		return 0, false
	}
	slices.Sort(heights)
	// Of two the lower one: the other has that block too, if both follow one chain.
	middle := heights[(len(heights)-1)/2]
	return middle - min(middle, lag), true
}

// wentBack lists back ends whose head fell although another still has the
// block that they had: the chain did not change, they did.
func (p *Pool) wentBack(ctx context.Context, prober Prober, samples []sample) []bool {
	before := p.Health()
	out := make([]bool, len(samples))
	p.each(ctx, func(ctx context.Context, i int) {
		s, old := samples[i], before[i].Head
		if s.err != nil || s.head.Height >= old.Height || old.Hash == (adapters.Hash{}) {
			return
		}
		for j := range samples {
			if j == i || samples[j].err != nil || samples[j].head.Height < old.Height {
				continue
			}
			witness := context.WithValue(ctx, pinKey{p}, j)
			hash, ok, err := prober.HashAt(witness, old.Height)
			out[i] = out[i] || err == nil && ok && hash == old.Hash
		}
	})
	return out
}

// judge turns the answers of a round into states.
func (p *Pool) judge(samples []sample, back []bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Now()
	majority, agree, answered := vote(samples)
	if answered < 2 || agree >= 2 {
		p.split = time.Time{}
	} else if p.split.IsZero() {
		p.split = now
	}
	for i := range p.members {
		m, s := &p.members[i], samples[i]
		m.Latency = s.latency
		if s.err == nil {
			m.Head = s.head
		}
		fault, detail, at := p.faultOf(samples, i, majority, agree)
		if back[i] {
			fault, detail, at = WentBack, fmt.Sprintf("its height fell to %d although the chain did not change", s.head.Height), true
		}
		p.apply(m, fault, detail, at, now)
	}
}

// vote counts the blocks at the settled height: the one that most have, how
// many have it, and how many have any. No block has most where two have equally
// many.
func vote(samples []sample) (majority adapters.Hash, agree, answered int) {
	count := map[adapters.Hash]int{}
	for _, s := range samples {
		if s.err == nil && s.known {
			count[s.settled]++
			answered++
		}
	}
	for _, s := range samples {
		if n := count[s.settled]; s.err == nil && s.known && n > agree {
			majority, agree = s.settled, n
		}
	}
	if 2*agree <= answered {
		majority = adapters.Hash{}
	}
	return majority, agree, answered
}

// faultOf is what is wrong with an answer, and whether it counts at once.
func (p *Pool) faultOf(samples []sample, i int, majority adapters.Hash, agree int) (Reason, string, bool) {
	s := samples[i]
	switch {
	case errors.Is(s.err, adapters.ErrWrongChain):
		return WrongChain, s.err.Error(), true
	case s.err != nil:
		return NoAnswer, s.err.Error(), true
	case s.known && agree >= 2 && majority != (adapters.Hash{}) && s.settled != majority:
		return Contradicts, fmt.Sprintf("it has block %s where %d others have %s", s.settled, agree, majority), false
	}
	above, below := 0, 0
	best, others := uint64(0), 0
	for j, other := range samples {
		if j == i || other.err != nil {
			continue
		}
		others++
		best = max(best, other.head.Height)
		if other.head.Height > s.head.Height+p.o.MaxLag {
			above++
		}
		if other.head.Height+p.o.MaxLag < s.head.Height {
			below++
		}
	}
	switch {
	case 2*above > others:
		return Stale, fmt.Sprintf("its height is %d, that of others %d", s.head.Height, best), false
	case others >= 2 && below == others:
		return Ahead, fmt.Sprintf("its height is %d, that of all others at most %d", s.head.Height, best), false
	}
	return "", "", false
}

// apply gives a fault, or its absence, its effect.
func (p *Pool) apply(m *member, fault Reason, detail string, atOnce bool, now time.Time) {
	if fault == "" {
		m.fault = ""
		if m.State != SetAside {
			p.become(m, Good, "", "")
			return
		}
		if m.goodSince.IsZero() {
			m.goodSince = now
		}
		if now.Sub(m.goodSince) >= p.o.Probation {
			p.become(m, Good, "", "")
		}
		return
	}
	m.goodSince = time.Time{}
	if fault != m.fault {
		m.fault, m.faultSince = fault, now
	}
	switch {
	case fault == NoAnswer && m.State == SetAside: // silence does not take back what it is set aside for
	case fault == NoAnswer:
		p.become(m, Unreachable, fault, detail)
	case atOnce || now.Sub(m.faultSince) >= p.o.LagTime:
		p.become(m, SetAside, fault, detail)
	case m.State == Unreachable || m.State == Unknown: // it answers, and its fault is young
		p.become(m, Good, "", "")
	}
}
