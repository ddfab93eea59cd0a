// Package bitcoinchain runs a Bitcoin regression-test chain inside the process
// and serves it by btcd's JSON-RPC over plain HTTP on loopback.
//
// Blocks, transactions and scripts are checked by btcd's own blockchain,
// mempool and mining packages: there is no second set of rules. Segwit, CSV and
// taproot are active from the first block; non-standard and non-final
// transactions are refused by the mempool as btcd does with --rejectnonstd.
// What differs from a btcd process is only what a devnet needs: blocks come on
// command or by a ticker, the chain's clock can be moved, and blocks can be
// undone.
//
// The caller owes the package one call of Close for every successful Start.
// A Chain is for demos and tests: its miner key is derived from a constant in
// this source.
package bitcoinchain
