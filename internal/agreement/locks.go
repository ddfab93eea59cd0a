package agreement

import (
	"context"
	"sync"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// locks lets one call at a time work on an offer. The store's compare-and-set
// decides; this only keeps two calls from reserving for the same offer.
type locks struct {
	mu   sync.Mutex
	held map[htlc.Salt]*lock
}

type lock struct {
	turn  chan struct{} // holds one token while nobody holds the lock
	users int
}

func newLocks() *locks { return &locks{held: map[htlc.Salt]*lock{}} }

func (l *locks) lock(ctx context.Context, id htlc.Salt) (unlock func(), err error) {
	l.mu.Lock()
	e, ok := l.held[id]
	if !ok {
		e = &lock{turn: make(chan struct{}, 1)}
		e.turn <- struct{}{}
		l.held[id] = e
	}
	e.users++
	l.mu.Unlock()
	select {
	case <-e.turn:
		return func() { e.turn <- struct{}{}; l.leave(id, e) }, nil
	case <-ctx.Done():
		l.leave(id, e)
		return nil, ctx.Err()
	}
}

func (l *locks) leave(id htlc.Salt, e *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(l.held, id)
	}
}

// pauses spaces the attempts to reach a peer. They live in memory: after a
// restart every peer is asked at once.
type pauses struct {
	mu    sync.Mutex
	until map[htlc.Salt]pause
}

type pause struct {
	next   time.Time
	length time.Duration
}

const (
	firstPause = time.Second
	maxPause   = time.Minute
)

func newPauses() *pauses { return &pauses{until: map[htlc.Salt]pause{}} }

// due reports whether it is time for another attempt.
func (p *pauses) due(id htlc.Salt, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !now.Before(p.until[id].next)
}

// failed doubles the pause before the next attempt.
func (p *pauses) failed(id htlc.Salt, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	length := min(max(2*p.until[id].length, firstPause), maxPause)
	p.until[id] = pause{next: now.Add(length), length: length}
}

func (p *pauses) forget(id htlc.Salt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.until, id)
}
