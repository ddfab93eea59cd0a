// Package demo swaps BTC for ETH between two nodes on two local chains, with
// nothing installed but this program.
//
// Every part runs in a process of its own, as in real life: the chains, the
// Initiator's node, the Participant's node. They are this same executable,
// started again with the hidden commands ChainsCommand and NodeCommand. The
// demo itself only talks to their APIs, kills them where the scenario says so,
// and counts the money before and after.
//
// The caller owes it a context that ends when the user interrupts; every
// process ends with it.
package demo
