// Package e2e settles swaps between two kofod processes on real nodes: btcd,
// geth, PostgreSQL and nats-server, each a process of its own. Its tests are
// behind the build tag e2e; a missing program is a failure.
//
// The nodes are started once and shared; every test has two settlement nodes
// with wallets, databases and subjects of their own.
package e2e
