package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/monitor/engine"
)

// keptChanges is how many changes a watcher can at least lie behind.
const keptChanges = 4096

// change is one thing that happened: an event of a swap, or a new state of an
// agreement.
type change struct {
	number uint64
	offer  htlc.Salt
	swap   htlc.SwapID
	event  *engine.StoredEvent // nil where a record changed
	record *agreement.Record   // nil where a swap changed
}

// Feed numbers changes for watchers. It keeps the last of them in memory: a
// cursor of an earlier process is unknown, and its holder takes a snapshot. The
// methods that tell it of changes do not block; what waits is bounded by the
// number of swaps.
type Feed struct {
	epoch string

	mu      sync.Mutex
	waiting map[htlc.SwapID]htlc.Swap // told, events not read yet
	told    map[htlc.SwapID]uint64    // version up to which events were read
	ring    []change
	last    uint64        // number of the newest change
	signal  chan struct{} // closed and replaced when something is new
	work    chan struct{} // a token where waiting is not empty
}

// NewFeed returns a feed without changes.
func NewFeed() *Feed {
	var raw [6]byte
	_, _ = rand.Read(raw[:]) // never fails: it ends the program instead
	return &Feed{
		epoch: hex.EncodeToString(raw[:]), waiting: map[htlc.SwapID]htlc.Swap{}, told: map[htlc.SwapID]uint64{},
		signal: make(chan struct{}), work: make(chan struct{}, 1),
	}
}

// SwapsChanged is told of swaps whose stored state changed.
func (f *Feed) SwapsChanged(swaps []htlc.Swap) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range swaps {
		if _, ok := f.told[s.ID]; !ok && s.Version > 0 {
			f.told[s.ID] = s.Version - 1 // what was before is in every snapshot
		}
		f.waiting[s.ID] = s
	}
	select {
	case f.work <- struct{}{}:
	default:
	}
}

// RecordChanged is told of agreements whose stored state changed.
func (f *Feed) RecordChanged(r agreement.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.push(change{offer: r.ID(), swap: r.Swap(), record: &r})
	f.wake()
}

// TipChanged is told that a chain's tip moved, so that confirmations are shown
// as they are.
func (f *Feed) TipChanged(htlc.ChainID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake()
}

// push needs the lock.
func (f *Feed) push(c change) {
	f.last++
	c.number = f.last
	if f.ring = append(f.ring, c); len(f.ring) >= 2*keptChanges {
		f.ring = append([]change(nil), f.ring[keptChanges:]...)
	}
}

// wake needs the lock.
func (f *Feed) wake() {
	close(f.signal)
	f.signal = make(chan struct{})
}

// run reads the events of the swaps that it is told of.
func (f *Feed) run(ctx context.Context, swaps Swaps, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.work:
		}
		f.mu.Lock()
		waiting := f.waiting
		f.waiting = map[htlc.SwapID]htlc.Swap{}
		f.mu.Unlock()
		for _, s := range waiting {
			if err := f.read(ctx, swaps, s); err != nil && ctx.Err() == nil {
				// The swap's next change reads these events too.
				log.WarnContext(ctx, "events not read for watchers", "swap", s.ID.String(), "error", err)
			}
		}
	}
}

func (f *Feed) read(ctx context.Context, swaps Swaps, s htlc.Swap) error {
	f.mu.Lock()
	after := f.told[s.ID]
	f.mu.Unlock()
	events, err := swaps.History(ctx, s.ID, after, 0)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range events {
		f.push(change{offer: s.Terms.Salt, swap: s.ID, event: &events[i]})
		f.told[s.ID] = events[i].Seq
	}
	if s.Phase == htlc.PhaseClosed {
		delete(f.told, s.ID)
	}
	f.wake()
	return nil
}

// cursor names the place behind a change.
func (f *Feed) cursor(number uint64) string { return f.epoch + "." + strconv.FormatUint(number, 10) }

// position is the number in a cursor; false where it is of another process or
// of the future.
func (f *Feed) position(cursor string) (uint64, bool) {
	epoch, number, _ := strings.Cut(cursor, ".")
	n, err := strconv.ParseUint(number, 10, 64)
	f.mu.Lock()
	defer f.mu.Unlock()
	return n, err == nil && epoch == f.epoch && n <= f.last
}

// now is the number of the newest change.
func (f *Feed) now() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// since returns the changes behind a number, and a channel that is closed when
// there may be more. It is false where some of them are not kept any more.
func (f *Feed) since(number uint64) ([]change, <-chan struct{}, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	missing := f.last - number
	if missing > uint64(len(f.ring)) {
		return nil, nil, false
	}
	return append([]change(nil), f.ring[uint64(len(f.ring))-missing:]...), f.signal, true
}
