// Package devnettest helps tests that run the in-process chains.
package devnettest

import "go.uber.org/goleak"

// Leaks are the goroutines that the chains' libraries leave behind after a
// chain was closed, for goleak.VerifyTestMain. Each has its reason; what this
// list does not name is a leak of ours.
func Leaks() []goleak.Option {
	return []goleak.Option{
		// A database's buffer pool ends by itself within a second after Close.
		goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"),
		// A node drops the filters that nobody asks any more after five minutes,
		// also one that was closed before.
		goleak.IgnoreAnyFunction("github.com/ethereum/go-ethereum/eth/filters.(*FilterAPI).NewPendingTransactionFilter.func1"),
		// A node that closes ends the loop that hands out events, and may do so
		// before a subscription over WebSocket has signed off: the sign-off then
		// waits for ever for the loop.
		goleak.IgnoreAnyFunction("github.com/ethereum/go-ethereum/eth/filters.(*Subscription).Unsubscribe.func1"),
		// One set of workers for all nodes of a process, started once by the library.
		goleak.IgnoreTopFunction("github.com/ethereum/go-ethereum/core.(*txSenderCacher).cache"),
	}
}
