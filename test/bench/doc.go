// Package bench holds the benchmarks that need more than one package of the
// product at once: the engine over a real store with contracts of real chains,
// and an adapter over a whole node. What one package can measure of itself
// stands beside it.
//
// `make bench` runs these with all others and writes docs/benchmarks.md. The
// benchmarks on PostgreSQL are behind the build tag e2e and start a server of
// their own.
package bench
