// Package deadline tells which swaps are due when a chain's tip moves. Alarms
// are a function of the swaps' state, so the index is rebuilt from the store
// at every start and nothing is lost with it.
//
// The caller owes it Set after every change of a swap, and one goroutine.
package deadline

import (
	"container/heap"

	"github.com/kofo-network/kofo/htlc"
)

// Due is a swap that must be told of a chain's tip, with one of its legs on
// that chain.
type Due struct {
	Swap htlc.SwapID
	Leg  int
}

// Index finds due swaps at a cost proportional to their number.
type Index struct {
	chains map[htlc.ChainID]*chainQueues
	// generation of a swap's live entries; entries of older ones are dead.
	generation map[htlc.SwapID]uint64
	counter    uint64
}

// New returns an empty index.
func New() *Index {
	return &Index{chains: map[htlc.ChainID]*chainQueues{}, generation: map[htlc.SwapID]uint64{}}
}

// Set replaces the alarms of a swap.
func (x *Index) Set(s htlc.Swap) {
	alarms := s.Alarms()
	if len(alarms) == 0 {
		delete(x.generation, s.ID)
		return
	}
	x.counter++
	x.generation[s.ID] = x.counter
	for _, a := range alarms {
		q := x.queues(s.Terms.Legs[a.Leg].Chain())
		due := Due{Swap: s.ID, Leg: a.Leg}
		if a.Height > 0 {
			q.byHeight.push(entry{at: a.Height, due: due, generation: x.counter})
		}
		if a.Clock > 0 {
			q.byClock.push(entry{at: uint64(a.Clock), due: due, generation: x.counter})
		}
	}
}

// Pop removes and returns the swaps that are due at a chain's tip, each once.
// Their alarms are gone until the next Set.
func (x *Index) Pop(chain htlc.ChainID, height uint64, clock int64) []Due {
	q, ok := x.chains[chain]
	if !ok {
		return nil
	}
	var out []Due
	seen := map[htlc.SwapID]bool{}
	take := func(m *minHeap, until uint64) {
		for m.Len() > 0 && (*m)[0].at <= until {
			e := heap.Pop(m).(entry)
			if x.generation[e.due.Swap] == e.generation && !seen[e.due.Swap] {
				seen[e.due.Swap] = true
				out = append(out, e.due)
			}
		}
	}
	take(&q.byHeight, height)
	take(&q.byClock, uint64(max(clock, 0)))
	return out
}

// Len is the number of entries, dead ones included.
func (x *Index) Len() int {
	n := 0
	for _, q := range x.chains {
		n += q.byHeight.Len() + q.byClock.Len()
	}
	return n
}

func (x *Index) queues(chain htlc.ChainID) *chainQueues {
	q, ok := x.chains[chain]
	if !ok {
		q = &chainQueues{}
		x.chains[chain] = q
	}
	q.byHeight.prune(x.generation)
	q.byClock.prune(x.generation)
	return q
}

type chainQueues struct{ byHeight, byClock minHeap }

type entry struct {
	at         uint64
	due        Due
	generation uint64
}

type minHeap []entry

func (m minHeap) Len() int           { return len(m) }
func (m minHeap) Less(i, j int) bool { return m[i].at < m[j].at }
func (m minHeap) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *minHeap) Push(v any)        { *m = append(*m, v.(entry)) }
func (m *minHeap) Pop() any {
	old := *m
	last := old[len(old)-1]
	*m = old[:len(old)-1]
	return last
}

func (m *minHeap) push(e entry) { heap.Push(m, e) }

// prune drops dead entries once they are the larger part, so that swaps with
// far alarms and many changes do not fill the heap.
func (m *minHeap) prune(generation map[htlc.SwapID]uint64) {
	if m.Len() < 64 || m.Len() < 8*len(generation) {
		return
	}
	live := (*m)[:0]
	for _, e := range *m {
		if generation[e.due.Swap] == e.generation {
			live = append(live, e)
		}
	}
	*m = live
	heap.Init(m)
}
