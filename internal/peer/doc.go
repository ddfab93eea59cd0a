// Package peer is the direct connection between the nodes of two parties: gRPC
// over TLS 1.3, named in a ticket by host and port.
//
// The certificate is made with the node's Ed25519 identity, and the caller
// pins the PartyID that signed the ticket. No name, date or authority counts:
// whoever holds the key of the ticket is the right node, and nobody else can
// finish the handshake.
//
// A Server is open to the world, so everything is bounded: connections in all
// and from one address, calls from one address, calls at work, sizes, times.
// What is over a bound is refused at once and costs the swaps nothing.
//
// The caller owes a Server the listener and a context that ends it, and a
// Client nothing but a deadline.
package peer
