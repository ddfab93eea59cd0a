// Package monitor is the way of data through a settlement node:
//
//	chain node -> adapter -> watch -> bus -> engine -> store
//	                                           |
//	chain node <- adapter <- runner <----------+
//
// A watcher (watch) says what each block did to the contracts that it was told
// to watch. The bus carries that to the engine, which applies htlc.Transition
// and stores the result together with the cursor of the chain. What the swap
// then asks for is carried out by the runner, which asks the gates (gate)
// before anything is funded or revealed. Alarms (deadline) are a function of
// the swaps' state and the chains' clocks.
//
// This folder itself holds the tests of the parts working together: two
// parties with embedded NATS over model chains that reorganise, and nodes that
// die at every edge between durable and visible.
package monitor
