// Package control is what another process needs of a running devnet: where its
// chains are served, and a client of the API by which a scenario mines, moves
// time, undoes blocks and pays out coins.
//
// Amounts are base units (satoshi, wei) as decimal text. The caller owes the
// package a context with a deadline: a call returns when the devnet has done
// what was asked.
package control
