package runner

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// work is an effect to execute. The same effect asked for again takes the
// place of the one before, so a queue holds at most one per swap, kind, leg
// and detail.
type work struct {
	key     workKey
	effect  htlc.Effect
	id      engine.EffectID
	order   uint64
	readyAt time.Time
	tries   int
	place   int // in its heap
}

type workKey struct {
	swap   htlc.SwapID
	kind   htlc.EffectKind
	leg    int
	detail string
}

// queue hands out works by urgency, then age; those that failed rest first.
type queue struct {
	mu      sync.Mutex
	waiting map[workKey]*work
	ready   *works
	resting *works
	running int
	counter uint64
	wake    chan struct{}
}

func newQueue() *queue {
	return &queue{
		waiting: map[workKey]*work{}, wake: make(chan struct{}, 1),
		ready:   &works{less: (*work).before},
		resting: &works{less: func(a, b *work) bool { return a.readyAt.Before(b.readyAt) }},
	}
}

// push adds an effect. Asking again makes a resting work ready at once.
func (q *queue) push(e engine.StoredEffect) {
	key := workKey{e.ID.Swap, e.Effect.Kind, e.Effect.Leg, e.Effect.Detail}
	q.mu.Lock()
	w, ok := q.waiting[key]
	switch {
	case !ok:
		q.counter++
		w = &work{key: key, effect: e.Effect, order: q.counter}
		q.waiting[key] = w
		heap.Push(q.ready, w)
	case !w.readyAt.IsZero():
		heap.Remove(q.resting, w.place)
		w.readyAt = time.Time{}
		heap.Push(q.ready, w)
	}
	w.id = e.ID
	q.mu.Unlock()
	q.signal()
}

// again puts a work that was handed out back, to be tried after a pause. If
// it was asked for again meanwhile, that stands in its place.
func (q *queue) again(w *work, pause time.Duration) {
	q.mu.Lock()
	if _, ok := q.waiting[w.key]; !ok {
		w.tries++
		w.readyAt = time.Now().Add(pause)
		q.waiting[w.key] = w
		heap.Push(q.resting, w)
	}
	q.mu.Unlock()
	q.signal()
}

// finished tells that a work that was handed out is no longer executed.
func (q *queue) finished() {
	q.mu.Lock()
	q.running--
	q.mu.Unlock()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop waits for the most urgent work that is ready; nil when ctx ends. The
// caller says finished once it has executed it.
func (q *queue) pop(ctx context.Context) *work {
	for ctx.Err() == nil {
		w, next := q.take(time.Now())
		if w != nil {
			q.signal() // where several wait, the next one looks too
			return w
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// take removes the most urgent ready work, or says how long until one is.
func (q *queue) take(now time.Time) (*work, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.resting.Len() > 0 && !q.resting.list[0].readyAt.After(now) {
		w := heap.Pop(q.resting).(*work)
		w.readyAt = time.Time{}
		heap.Push(q.ready, w)
	}
	if q.ready.Len() > 0 {
		w := heap.Pop(q.ready).(*work)
		delete(q.waiting, w.key)
		q.running++
		return w, 0
	}
	if q.resting.Len() > 0 {
		return nil, q.resting.list[0].readyAt.Sub(now)
	}
	return nil, time.Minute
}

func (w *work) before(o *work) bool {
	if a, b := urgency[w.effect.Kind], urgency[o.effect.Kind]; a != b {
		return a < b
	}
	return w.order < o.order
}

// len is the number of works that wait or are executed.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) + q.running
}

// works is a heap that keeps the places of its members.
type works struct {
	list []*work
	less func(a, b *work) bool
}

func (h *works) Len() int           { return len(h.list) }
func (h *works) Less(i, j int) bool { return h.less(h.list[i], h.list[j]) }
func (h *works) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].place, h.list[j].place = i, j
}

func (h *works) Push(v any) {
	w := v.(*work)
	w.place = len(h.list)
	h.list = append(h.list, w)
}

func (h *works) Pop() any {
	last := len(h.list) - 1
	w := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	return w
}

// urgency orders effects; smaller goes first.
var urgency = map[htlc.EffectKind]int{
	htlc.EffectRedeem:          0,
	htlc.EffectRevealAndRedeem: 1,
	htlc.EffectRefundLeg:       2,
	htlc.EffectAbandonFunding:  3,
	htlc.EffectFundLeg:         4,
	htlc.EffectPrepareRedeem:   5,
	htlc.EffectPrepareFunding:  6,
	htlc.EffectCheckReveal:     0,
	htlc.EffectCheckFunding:    1,
	htlc.EffectWatch:           2,
	htlc.EffectAlarm:           3,
	htlc.EffectUnwatch:         4,
	htlc.EffectRelease:         5,
	htlc.EffectAskRedeem:       0,
	htlc.EffectAskRefund:       1,
}

// asks reports whether an effect waits for another node.
func asks(k htlc.EffectKind) bool { return k == htlc.EffectAskRedeem || k == htlc.EffectAskRefund }

// signs reports whether an effect belongs to the lane that signs.
func signs(k htlc.EffectKind) bool {
	switch k {
	case htlc.EffectRedeem, htlc.EffectRevealAndRedeem, htlc.EffectRefundLeg,
		htlc.EffectFundLeg, htlc.EffectAbandonFunding, htlc.EffectPrepareRedeem, htlc.EffectPrepareFunding:
		return true
	case htlc.EffectCheckReveal, htlc.EffectCheckFunding, htlc.EffectWatch,
		htlc.EffectAlarm, htlc.EffectUnwatch, htlc.EffectRelease, htlc.EffectAskRedeem, htlc.EffectAskRefund:
	}
	return false
}
