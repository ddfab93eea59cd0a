// Package evmchain runs an Ethereum chain inside the process and serves it over
// HTTP and WebSocket on loopback.
//
// It is go-ethereum's own full node without peers. Where a consensus client
// would stand, this package asks the node's miner for a block, has the node
// execute and check it, and makes it the head. So the chain's clock, its
// finality and its reorganisations are in the caller's hand while execution,
// mempool, logs, subscriptions and RPC are the real ones.
//
// The rules are those of Ethereum's main network now (Osaka); forks that are
// only announced are off.
//
// The caller owes the package one call of Close for every successful Start.
// A Chain is for demos and tests: its faucet key is derived from a constant in
// this source.
package evmchain
