// Package adapters holds the value types and error kinds of the adaptation
// standard: what the adapter of a chain family gives to the monitor and the
// node. It has no behaviour; the interfaces are declared by those who use
// them, and adaptertest is the suite that every adapter passes.
//
// What an adapter owes its callers:
//
//   - Contracts are computed from the Terms alone and compared in every byte
//     with what is found on the chain. Nothing that the other party sent is
//     trusted.
//   - Next is a pull: it says what follows a cursor, a block or the undoing of
//     the cursor's own block, and keeps no position of its own, so that a
//     reader may be as lazy as it likes and restart anywhere.
//   - Signing and broadcasting are two calls. A signed transaction is handed
//     out as bytes, the caller stores them, and only then hands them back to
//     Broadcast; bytes that the node already has are a success.
//   - No real secret leaves the process before Broadcast of a redeem:
//     simulations use a dummy secret.
//   - An error says whether trying again can help: see Error.
//
// What the caller owes an adapter: one goroutine at a time for the signing
// calls of one chain, since coins and nonces are chosen there.
package adapters
