package node

import (
	"sync"

	"github.com/kofo-network/kofo/htlc"
)

// hub wakes those who follow swaps. It carries no state: whoever is woken
// reads the store, so a missed wake-up costs time and nothing else.
type hub struct {
	mu      sync.Mutex
	waiters map[chan struct{}]struct{}
}

func newHub() *hub { return &hub{waiters: map[chan struct{}]struct{}{}} }

// changed wakes everyone; it does not block.
func (h *hub) changed([]htlc.Swap) { h.wake() }

func (h *hub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// subscribe returns a channel that holds a token whenever something changed
// since it was last emptied. The caller calls the function when done.
func (h *hub) subscribe() (<-chan struct{}, func()) {
	w := make(chan struct{}, 1)
	h.mu.Lock()
	h.waiters[w] = struct{}{}
	h.mu.Unlock()
	return w, func() {
		h.mu.Lock()
		delete(h.waiters, w)
		h.mu.Unlock()
	}
}
