// Package node is the only place that knows every part of a settlement node
// and puts them together: store, keys, bus, adapters, watchers, engine,
// runner, agreement, peer and API servers.
//
// Run owns everything that it starts. The parts end in the reverse of the
// order in which they depend on each other: the servers first, so that nothing
// new comes in, then the runner, the engine, the watchers, the bus, and the
// store last.
package node
