package engine

import (
	"context"

	"github.com/kofo-network/kofo/monitor/bus"
)

// Take applies one message in the caller's goroutine, by Step, and reports
// whether the watcher has to follow again. Take and Follow are what Run does
// with its goroutines, for a caller that decides itself what happens when; the
// caller owes it that Engine.Run and Feed.Run do not run beside it.
func (f *Feed) Take(ctx context.Context, m bus.Message) (bool, error) {
	if m.Step == nil && m.Sight == nil {
		return true, nil
	}
	if m.Step != nil && m.Epoch.N < f.obeyed.Load() {
		return false, nil
	}
	return f.judge(m, f.Engine.Step(ctx, []Input{f.input(m)})[0])
}

// Follow asks the watcher to publish from the cursor on, and tells one that
// has begun anew what to watch.
func (f *Feed) Follow(ctx context.Context) error { return f.follow(ctx) }
