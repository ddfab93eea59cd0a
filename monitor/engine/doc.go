// Package engine turns facts into swaps: it applies events with
// htlc.Transition, stores the result, and hands out effects once they are
// durable.
//
// Step is synchronous: inputs go in, one transaction is written, effects come
// out. Inputs of different swaps share the transaction. Run is the only
// goroutine; it feeds Step from a bounded queue.
//
// The chain cursor is written in the transaction that stores a block's facts.
// A step that does not follow the cursor is refused with ErrGap, and the
// caller asks the watcher to follow from the cursor again. So the bus may lose
// or double whatever it likes. Each such request has a number, and steps of an
// older request than one that was seen are stale; so are facts that a step
// lacks because its block was looked at before a contract was watched.
//
// An effect that is asked for again before it is done takes the place of the
// one before, so what is pending is bounded by the number of swaps.
//
// The caller owes it:
//
//   - Start before anything else; the effects that it returns were pending
//     when the process ended and must be executed again.
//   - Every effect executed at least once, its result brought back by Apply
//     with the effect's id.
package engine
