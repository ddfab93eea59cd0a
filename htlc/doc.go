// Package htlc is the pure core of Kofo: the Terms that parties agree on, the
// schedule of their time locks, the conditions of the funding and the reveal
// gate, and the swap machine.
//
// A swap is a ring of n legs. Party k pays party k+1 by leg k; party 0 is the
// Initiator, who holds the Secret and is paid by leg n-1. Legs are funded in
// the order 0 .. n-1 under falling time locks and redeemed n-1 .. 0.
//
// The package has no clock, randomness, logging, context or goroutine. The
// caller owes it:
//
//   - Events in the order in which they became durable, one swap at a time.
//   - That the swap and the effects returned by Transition are committed in
//     one transaction with the event, before any effect is executed.
//   - That every effect is executed at least once and idempotently, and that
//     its result comes back as an event.
//   - TipAdvanced whenever an alarm of Swap.Alarms is due, by the clock of the
//     leg's own chain.
package htlc

//go:generate go test . -run ^Test(StateMachineDoc|Machine|Vectors)$ -update
