// Package sdk is the Go client of a Kofo node.
//
// A Client has one generated client for each service; requests and answers are
// the messages of the protos, named here once more so that callers import this
// package alone. What the fields mean stands with the protos and in
// docs/api.md. In short: amounts are decimal strings in base units (see
// ParseUnits and FormatUnits), ids are CAIP-2, CAIP-10 and CAIP-19, swaps and
// offers are named by 64 hexadecimal digits.
//
// What the client does by itself:
//
//   - It gives every mutating call that has no request id a random one, so
//     that a repeated call is executed once.
//   - It repeats calls that the network lost, for a limited number of times.
//   - Watch goes on behind the last message received when its stream breaks.
//
// What the caller owes it: a context with a deadline on every call, Close at
// the end, and its own request id (NewRequestID, stored) where a call must not
// be executed twice even if the calling program dies.
//
// Errors hold a stable reason: see Reason and the package reason.
package sdk
