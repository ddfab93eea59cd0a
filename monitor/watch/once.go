package watch

import "context"

// Once publishes one step, or, at the tip, the sightings, in the caller's
// goroutine, and reports whether the position moved. It is what Run does
// between two rests, for a caller that decides itself when a watcher works.
// Until a Follow request came it does nothing.
func (w *Watcher) Once(ctx context.Context) (bool, error) {
	if _, _, ok := w.current(); !ok {
		return false, nil
	}
	moved, err := w.step(ctx)
	if err != nil || moved {
		return moved, err
	}
	return false, w.tellSightings(ctx)
}
