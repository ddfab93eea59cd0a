package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/copies"
)

const (
	// copyTime is how long a place is waited for. It holds up what is signed on a
	// chain once; from then on the place is known to hang, and nobody waits.
	copyTime = 5 * time.Second
	// mostOwed bounds what waits for a place that does not answer.
	mostOwed = 4096
)

// Errors of a place.
var (
	errPlaceHangs = errors.New("it does not answer")
	errPlaceFull  = errors.New("too much waits to be written there")
	errOvertaken  = errors.New("another note was wanted before this one was written")
)

// copyPlace is where copies are kept. A required one holds up the funding, and
// the note of a reveal, while it fails.
//
// A call into a file system whose server is gone may never come back, and cannot
// be ended. So a single goroutine calls into a place, only while something is
// wanted there, and whoever waits for it stops waiting after a while. What was
// wanted meanwhile is done once the place answers again.
type copyPlace struct {
	name     string
	required bool
	write    func(copies.Copy) error
	// noted is what the copy there says of the secret.
	noted func(htlc.SwapID) htlc.RevealNote
	limit time.Duration

	mu    sync.Mutex
	owed  map[htlc.SwapID]*errand
	order []htlc.SwapID
	since time.Time // of the call that is inside; zero where none is
}

// errand is something to be done at a place: a copy to be written, or a look.
type errand struct {
	copy copies.Copy
	// back: a note that the secret is about to be shown is taken back.
	back    bool
	look    func() error
	waiting []chan<- error
}

// placeState is what is known of a place without asking it.
type placeState struct {
	name     string
	required bool
	hangs    time.Time // since when; zero where it answers
	waiting  int
}

func (p *copyPlace) state() placeState {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := placeState{name: p.name, required: p.required, waiting: len(p.order)}
	if p.hangs() {
		s.hangs = p.since
	}
	return s
}

// hangs is asked with the lock held.
func (p *copyPlace) hangs() bool { return !p.since.IsZero() && time.Since(p.since) >= p.limit }

// put wants a copy to be written. The answer comes once it is durable.
func (p *copyPlace) put(c copies.Copy, back bool) <-chan error {
	return p.want(c.Signed.Terms.ID(), errand{copy: c, back: back})
}

// look runs something inside the place, in its turn, and waits for it.
func (p *copyPlace) look(ctx context.Context, f func() error) error {
	return p.wait(ctx, time.Now(), p.want(htlc.SwapID{}, errand{look: f}))
}

// wait waits for an answer, no longer than the place's limit since a moment. One
// that is there counts, whatever the time.
func (p *copyPlace) wait(ctx context.Context, since time.Time, answer <-chan error) error {
	ctx, cancel := context.WithDeadlineCause(ctx, since.Add(p.limit), errPlaceHangs)
	defer cancel()
	select {
	case err := <-answer:
		return err
	default:
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// want puts an errand in its turn. A place that is known to hang answers at once
// that it does, and the errand waits.
func (p *copyPlace) want(id htlc.SwapID, e errand) <-chan error {
	answer := make(chan error, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.owed[id]
	switch {
	case before == nil && len(p.order) >= mostOwed:
		answer <- errPlaceFull
		return answer
	case before == nil:
		if p.owed == nil {
			p.owed = map[htlc.SwapID]*errand{}
		}
		p.owed[id], p.order = &e, append(p.order, id)
	default:
		before.take(e)
	}
	if p.hangs() {
		answer <- p.hanging()
		return answer
	}
	p.owed[id].waiting = append(p.owed[id].waiting, answer)
	if p.since.IsZero() {
		p.since = time.Now()
		go p.work()
	}
	return answer
}

func (p *copyPlace) hanging() error {
	return fmt.Errorf("%w since %s; %d writes wait for it", errPlaceHangs, p.since.UTC().Format(time.RFC3339), len(p.order))
}

// take puts a later errand in the place of this one, which was not begun. A
// note that was wanted is lost only to one that takes it back, and then nobody
// is told that it stands.
func (e *errand) take(later errand) {
	lost := later.back && e.copy.Note == htlc.NoteBegun
	if !lost {
		later.copy.Note = max(later.copy.Note, e.copy.Note)
		later.back = later.back || e.back
	}
	if lost || e.look != nil {
		tell(e.waiting, errOvertaken)
	} else {
		later.waiting = e.waiting
	}
	*e = later
}

// work does what is wanted, one after the other, until nothing is.
func (p *copyPlace) work() {
	for {
		p.mu.Lock()
		if len(p.order) == 0 {
			p.since = time.Time{}
			p.mu.Unlock()
			return
		}
		id := p.order[0]
		e := p.owed[id]
		p.order = p.order[1:]
		delete(p.owed, id)
		p.mu.Unlock()
		err := p.run(id, e)
		p.mu.Lock()
		p.since = time.Now() // the next errand has a time of its own
		p.mu.Unlock()
		tell(e.waiting, err)
	}
}

func (p *copyPlace) run(id htlc.SwapID, e *errand) error {
	if e.look != nil {
		return e.look()
	}
	c, stands := e.copy, p.noted(id)
	if e.back && stands == htlc.NoteBegun {
		stands = htlc.NoteInside
	}
	c.Note = max(c.Note, stands)
	return p.write(c)
}

func tell(waiting []chan<- error, err error) {
	for _, answer := range waiting {
		answer <- err
	}
}
