package backend

import (
	"context"
	"sync"
)

// Answer ranks what a back end said to a broadcast, the best first.
type Answer uint8

// The ranks. Only where nobody gave a better one does an answer count.
const (
	Taken      Answer = iota // it has the transaction
	NoAnswerTo               // nothing is known: it may have it
	Passing                  // refused for now
	Definite                 // refused for good
)

// Send hands something to all good back ends at the same time, or to the one
// that the context is pinned to; where none is good, to the one that is asked.
// It returns the best answer: a refusal means nothing where another took it,
// and a definite one nothing where another may have it.
func (p *Pool) Send(ctx context.Context, send func(ctx context.Context) error, rank func(error) Answer) error {
	targets := p.targets(ctx)
	errs := make([]error, len(targets))
	var wait sync.WaitGroup
	for n, i := range targets {
		wait.Go(func() { errs[n] = send(context.WithValue(ctx, pinKey{p}, i)) })
	}
	wait.Wait()
	best := 0
	for n := range errs {
		if rank(errs[n]) < rank(errs[best]) {
			best = n
		}
	}
	return errs[best]
}

// targets of a broadcast, the one that is asked first.
func (p *Pool) targets(ctx context.Context) []int {
	asked := p.Pick(ctx)
	out := []int{asked}
	if _, pinned := ctx.Value(pinKey{p}).(int); pinned {
		return out
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.members {
		if i != asked && p.members[i].State == Good {
			out = append(out, i)
		}
	}
	return out
}
