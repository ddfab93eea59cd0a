// Package devnet runs a Bitcoin and an Ethereum chain in one process for the
// demo and for tests, and lets another process control them.
//
// The chains are real ones, of btcd's and go-ethereum's own code, served on
// loopback by the JSON-RPC of btcd and geth; see the packages bitcoinchain and
// evmchain. What a scenario needs beyond (blocks on command, time, undone
// blocks, coins) is served by a small HTTP API behind a random token, whose
// client is in package control.
//
// The caller owes the package one call of Close for every successful Start; Run
// does both and lasts until its context ends.
package devnet
