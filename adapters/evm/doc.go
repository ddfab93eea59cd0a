// Package evm is the adapter for Ethereum and the chains that behave like it: contracts of the Htlc
// deployment (see contracts), for the native coin and for ERC-20 tokens on the operator's list.
//
// A leg's contract is one record of the deployment, named by an id that covers chain, deployment,
// funder, lane, sequence, payee, refund address, token, amount, secret hash and time lock. An altered
// leg has another id, so recognising a contract is comparing 32 bytes.
//
// What the caller owes the adapter, beside what package adapters asks:
//
//   - A Journal and a Lanes store that are durable when their calls return.
//   - Nonces are given at signing, but belong to a transaction only from its first Broadcast. A stored
//     transaction that was never broadcast may find its nonce taken by another; Broadcast then fails with
//     [ErrNonceTaken] and nothing has left the process: sign again (Redeem and Refund with Replace set),
//     store, and broadcast that.
//   - A nonce never waits for long: a spend or an approval that stands before another spend and offers too
//     little is signed again for more, journaled and sent, and its owner gets that one back when it next asks
//     with Replace; a funding or withdrawal there is replaced by nothing where it is far too cheap, late,
//     released or abandoned, a spend where its contract is not open any more, and what a node refuses for
//     good loses its nonce. A redeem that no node has shown to have is replaced by nothing too, and so is a
//     funding that no node has now: no secret and no lock leaves the process but by the Broadcast of its owner,
//     who asks its gate before.
//   - Broadcasting a displaced funding fails with FUNDING_DISPLACED while either may be mined, and with
//     [ErrNonceTaken] once its nonce is used up: only then sign another. A displaced withdrawal fails with
//     PAYMENT_DISPLACED until the use of its nonce is Bury blocks deep.
//   - What fails before anything was handed to a node is [adapters.ErrNotSent].
//   - A payee's consent is final: see Consent for what whoever gives it must be sure of.
//   - The outcome is judged by Facts and by Funded, never by a receipt.
package evm
