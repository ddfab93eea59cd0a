// Package signer says what a node asks of the keys of its party, and answers it.
//
// [Keys] is the whole of it. A node is written against Keys and holds no key
// itself; whether they are in its own process or in another is decided where it
// is wired.
//
//	Local    keys of this process, which sign whatever they are asked for:
//	         what may be paid to whom is judged by the node before
//	Guarded  Local behind rules of its own, for a process that does not trust
//	         the node that asks: the reference signer
//	wire     a client of such a process over gRPC, and its server
//
// # The secret
//
// The initiator's secret derives from the seed, so it is where the seed is. An
// offer needs its hash only. The secret itself is asked for once, when the redeem
// is built that shows it, right before the reveal gate; a guarded signer gives it
// for Terms that it has signed and while the leg that pays the party is far from
// its time lock, and never otherwise. A redeem of the Bitcoin family is signed
// without the secret, which its signature does not cover.
//
// # What the caller owes
//
// Every call ends with its context: a signer may be slow or gone, and what waits
// for it waits for as long as the caller lets it. What fails may be asked again;
// nothing is counted twice for it.
package signer
