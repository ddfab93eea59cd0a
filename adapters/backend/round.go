package backend

import (
	"context"
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
	settled adapters.Hash    // at the height where all have settled
	known   bool             // it has a block there
	root    Head             // the lowest of the blocks that it showed
	unshown error            // why its blocks are not believed, where they are in dispute
	leads   map[int]Evidence // what it proves of being ahead of others
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
	p.prove(ctx, prober, samples)
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
			if s.head.Height > m.Head.Height {
				m.grown = now
			}
			m.Head = s.head
		}
		fault, detail, at := p.faultOf(samples, i, majority, agree)
		if back[i] {
			fault, detail, at = WentBack, fmt.Sprintf("its height fell to %d although the chain did not change", s.head.Height), true
		}
		if fault == Stale && m.fault == Stale && m.grown.After(m.faultSince) && p.compare(samples, i, majority).doubtful() {
			m.faultSince = now // it gets blocks, so it is not stale
		}
		p.apply(m, fault, detail, at, now)
	}
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
