// Package server is the API of a node: the gRPC services of kofo.v1, the same
// calls as REST, health and reflection, on one port under TLS.
//
// A call passes, in this order: recovery, logging and deadline, the token and
// its scope, its rate, the rules of the protos, and for mutating calls the
// request id, by which a repeated call gets its first answer. Handlers
// translate, and decide nothing about swaps: that is for the ports.
//
// A panic in a reading call is answered INTERNAL and counted; such a call
// changes nothing. A panic in a mutating call may leave a lock held or a step
// half done in memory, so the call is answered and the process is asked to end
// (Options.Fatal): everything is durable, and a start from the store is the one
// way back that is tested with every crash.
//
// The caller owes it:
//
//   - Feed.SwapsChanged, RecordChanged and TipChanged told of every change, after it
//     is durable.
//   - Serve run until its context ends. It stops taking calls, ends streams with
//     SHUTTING_DOWN, and waits for the calls under way.
package server
