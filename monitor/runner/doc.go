// Package runner carries out the effects that the engine hands out, and
// brings their results back as events.
//
// Each chain has two lanes of one goroutine each. In the first everything is
// signed and broadcast, one at a time, since coins and nonces are chosen
// there; redeems go before refunds, refunds before funding. In the second the
// chain is only looked at.
//
// The order is always: sign, store, mark as released, broadcast, report. An
// effect that is executed again finds the stored bytes and sends the same.
// Before the first release of a funding or of the secret the gate is asked
// again, since time has passed since it opened.
// Failures that may pass are tried again after a pause; any other is logged
// and left to the next block, with which the swap asks again.
//
// The caller owes it the effects of Engine.Start and of every commit, by
// Dispatch, and Run for as long as the node runs.
package runner
