package backend

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
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

// Broadcasts counts what a back end said to those that it was handed.
type Broadcasts struct {
	Taken, Refused, Unanswered uint64
	// Last is the last answer that was no acceptance; empty where there was none.
	Last string
}

// maxSending bounds the broadcasts that one back end has not answered yet.
const maxSending = 16

// errSending: too many are under way already.
var errSending = errors.New("earlier broadcasts are not answered yet, or the node stops")

// said is the answer of one back end.
type said struct {
	err  error
	rank Answer
}

// Send hands something to all good back ends at the same time, or to the one
// that the context is pinned to; where none is good, to the one that is asked.
// It returns as soon as one has taken it, because whoever broadcasts holds up the
// chain's signing; the others are still told, for at most Timeout. Where none
// takes it, it returns the best answer: a refusal means nothing where another took
// it, and a definite one nothing where another may have it.
func (p *Pool) Send(ctx context.Context, send func(ctx context.Context) error, rank func(error) Answer) error {
	targets := p.targets(ctx)
	if len(targets) == 1 || !p.begin(len(targets)) {
		err := send(context.WithValue(ctx, pinKey{p}, targets[0]))
		p.sent(targets[0], err, rank(err))
		return err
	}
	answers := make(chan said, len(targets))
	for _, i := range targets {
		go func() {
			defer p.sends.Done()
			err := p.sendTo(context.WithoutCancel(ctx), i, send)
			r := rank(err)
			p.sent(i, err, r)
			answers <- said{err, r}
		}()
	}
	var best *said
	for range targets {
		select {
		case one := <-answers:
			if one.rank == Taken {
				return one.err
			}
			if best == nil || one.rank < best.rank {
				best = &one
			}
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", adapters.ErrUnreachable, ctx.Err())
		}
	}
	return best.err
}

// begin enters broadcasts for Close to wait for; false once it was called.
func (p *Pool) begin(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.sends.Add(n)
	return true
}

// sendTo tells one back end, within the bounds of number and time.
func (p *Pool) sendTo(ctx context.Context, i int, send func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, pinKey{p}, i), p.o.Timeout)
	defer cancel()
	p.mu.Lock()
	if p.members[i].sending >= maxSending || p.closed {
		p.mu.Unlock()
		return errSending
	}
	p.members[i].sending++
	p.started++
	number := p.started
	p.ends[number] = cancel
	p.mu.Unlock()
	err := send(ctx)
	p.mu.Lock()
	p.members[i].sending--
	delete(p.ends, number)
	p.mu.Unlock()
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		p.Failed(i, err)
	}
	return err
}

// sent keeps what a back end said.
func (p *Pool) sent(i int, err error, r Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &p.members[i]
	switch r {
	case Taken:
		m.Broadcasts.Taken++
		return
	case NoAnswerTo:
		m.Broadcasts.Unanswered++
	case Passing, Definite:
		m.Broadcasts.Refused++
	}
	if err != nil {
		m.Broadcasts.Last = err.Error()
	}
	p.o.Log.Debug("a broadcast was not taken", "name", m.Name, "error", err)
}

// Close ends the broadcasts that are still under way and waits for them. What is
// sent afterwards goes to one back end only.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for _, end := range p.ends {
		end()
	}
	p.mu.Unlock()
	p.sends.Wait()
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
