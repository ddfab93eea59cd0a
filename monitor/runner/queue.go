package runner

import (
	"context"
	"sync"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// work is an effect to execute. The same effect asked for several times is
// one work with several ids, so a queue holds at most one per swap, kind and
// leg.
type work struct {
	key     workKey
	effect  htlc.Effect
	ids     []engine.EffectID
	order   uint64
	readyAt time.Time
	tries   int
}

type workKey struct {
	swap   htlc.SwapID
	kind   htlc.EffectKind
	leg    int
	detail string
}

// queue hands out works by urgency, then age. The zero value is not usable.
type queue struct {
	mu      sync.Mutex
	waiting map[workKey]*work
	counter uint64
	wake    chan struct{}
}

func newQueue() *queue {
	return &queue{waiting: map[workKey]*work{}, wake: make(chan struct{}, 1)}
}

// push adds an effect. Asking again makes a delayed work ready at once.
func (q *queue) push(e engine.StoredEffect) {
	key := workKey{e.ID.Swap, e.Effect.Kind, e.Effect.Leg, e.Effect.Detail}
	q.mu.Lock()
	w, ok := q.waiting[key]
	if !ok {
		q.counter++
		w = &work{key: key, effect: e.Effect, order: q.counter}
		q.waiting[key] = w
	}
	w.ids = append(w.ids, e.ID)
	w.readyAt = time.Time{}
	q.mu.Unlock()
	q.signal()
}

// again puts a failed work back, to be tried after a pause.
func (q *queue) again(w *work, pause time.Duration) {
	q.mu.Lock()
	if newer, ok := q.waiting[w.key]; ok {
		newer.ids = append(w.ids, newer.ids...)
	} else {
		w.tries++
		w.readyAt = time.Now().Add(pause)
		q.waiting[w.key] = w
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop waits for the most urgent work that is ready; nil when ctx ends.
func (q *queue) pop(ctx context.Context) *work {
	for {
		w, next := q.take(time.Now())
		if w != nil {
			return w
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take removes the most urgent ready work, or says how long until one is.
func (q *queue) take(now time.Time) (*work, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var best *work
	next := time.Minute
	for _, w := range q.waiting {
		if wait := w.readyAt.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		if best == nil || w.before(best) {
			best = w
		}
	}
	if best != nil {
		delete(q.waiting, best.key)
	}
	return best, next
}

func (w *work) before(o *work) bool {
	if a, b := urgency[w.effect.Kind], urgency[o.effect.Kind]; a != b {
		return a < b
	}
	return w.order < o.order
}

// len is the number of works that wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// urgency orders effects; smaller goes first.
var urgency = map[htlc.EffectKind]int{
	htlc.EffectRedeem:          0,
	htlc.EffectRevealAndRedeem: 1,
	htlc.EffectRefundLeg:       2,
	htlc.EffectFundLeg:         3,
	htlc.EffectPrepareRedeem:   4,
	htlc.EffectPrepareFunding:  5,
	htlc.EffectCheckReveal:     0,
	htlc.EffectCheckFunding:    1,
	htlc.EffectWatch:           2,
	htlc.EffectAlarm:           3,
	htlc.EffectUnwatch:         4,
	htlc.EffectRelease:         5,
}

// signs reports whether an effect belongs to the lane that signs.
func signs(k htlc.EffectKind) bool {
	switch k {
	case htlc.EffectRedeem, htlc.EffectRevealAndRedeem, htlc.EffectRefundLeg,
		htlc.EffectFundLeg, htlc.EffectPrepareRedeem, htlc.EffectPrepareFunding:
		return true
	case htlc.EffectCheckReveal, htlc.EffectCheckFunding, htlc.EffectWatch,
		htlc.EffectAlarm, htlc.EffectUnwatch, htlc.EffectRelease:
	}
	return false
}
