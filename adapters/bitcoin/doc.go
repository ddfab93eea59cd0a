// Package bitcoin is the adapter for the Bitcoin family: contracts are taproot
// outputs, watched and spent through the JSON-RPC of btcd or of a node that
// speaks Bitcoin Core's dialect.
//
// A contract's internal key is the MuSig2 key of both parties, its two leaves
// are the redeem (32 bytes, SHA-256, the payee's key) and the refund (the
// payer's key, CHECKLOCKTIMEVERIFY in unix seconds); see contract.go. Nothing
// but the Terms goes into the script, so recognising a contract is comparing 34
// bytes, and the amount.
//
// The clock of this family is the median time past of a block: the median of
// the timestamps of that block and its ten ancestors. A refund enters the block
// that follows one whose clock is past the time lock.
//
// What the caller owes the adapter, beside what package adapters asks:
//
//   - A CoinStore and a HoldStore that are durable when their calls return, for
//     this chain and this account alone.
//   - To hand a funding to Broadcast through the adapter that reserved its
//     coins: that is where the coins become used and survive Release.
//   - To call ReleaseUnknownWithdrawals at the start, with the withdrawals that
//     it has stored, and to store what Withdraw returns before it is sent.
//   - To store what Abandon returns before it broadcasts it, and to ask again
//     until the fundings are void, also after a restart: an older abandonment
//     that another has replaced is refused by Broadcast until it was asked.
//   - To judge by Facts and Funded. That a transaction was broadcast, or that
//     the mempool shows it, proves nothing: an unconfirmed lock never counts.
//   - To call Consent only where the rules of consent allow it (package htlc
//     decides that), and to have that decision stored first: a signature that
//     was handed out cannot be taken back. To store what Complete returns before
//     it is broadcast. A CoSpend itself must not outlive the process.
//   - Tx.FeeRate is in satoshi for 1,000 virtual bytes.
//
// The adapter has no goroutines. Its methods may be called concurrently; the
// wallet's calls queue up behind each other.
package bitcoin
