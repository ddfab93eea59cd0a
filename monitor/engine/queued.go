package engine

// Queued is how many inputs wait to be applied.
func (e *Engine) Queued() int { return len(e.queue) }
