package bitcoinchain

import (
	"sync"
	"time"
)

// chainClock is the blockchain.MedianTimeSource of the chain. btcd checks and
// stamps blocks by it, so moving it moves the chain through time.
type chainClock struct {
	now func() time.Time

	mu     sync.Mutex
	offset time.Duration
	pinned time.Time // replaces the running clock while a block with a chosen time is made
}

func newChainClock(now func() time.Time) *chainClock {
	return &chainClock{now: now}
}

// AdjustedTime is the time that btcd takes for the present.
func (c *chainClock) AdjustedTime() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.pinned.IsZero() {
		return c.pinned
	}
	// Block headers have no finer resolution than a second.
	return time.Unix(c.now().Add(c.offset).Unix(), 0)
}

// AddTimeSample is ignored: a chain without peers has no other clocks.
func (c *chainClock) AddTimeSample(string, time.Time) {}

// Offset is how far the chain's clock is ahead of the wall clock.
func (c *chainClock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

func (c *chainClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// pin holds the clock at t until the returned function is called.
func (c *chainClock) pin(t time.Time) (release func()) {
	c.set(time.Unix(t.Unix(), 0))
	return func() { c.set(time.Time{}) }
}

func (c *chainClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pinned = t
}
