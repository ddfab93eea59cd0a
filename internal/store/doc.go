// Package store keeps what a settlement node must not forget, in SQLite or
// PostgreSQL: swaps with their history and effects, chain cursors, our own
// transactions, agreements, withdrawals, API requests and tokens, and what the
// chain adapters reserve.
//
// It implements engine.Store, engine.Journal and agreement.Store, and the ports
// that the adapters declare. The queries are one portable set (queries/, compiled into
// sqlcgen by sqlc), the schema is one set of migrations (folder migrations).
//
// Every write is one transaction that also raises a counter in the row of its
// writer. Where the answer to a COMMIT is lost, the row tells what became of
// it, so every method's nil error means durable and any other error means not
// written. Transactions that the database gave up by itself (serialisation,
// deadlock, lost connection) are tried again a bounded number of times.
//
// The caller owes it:
//
//   - One process per store. With SQLite the data directory's lock sees to
//     that; with PostgreSQL a process that opens the store takes it over, and
//     the older one gets ErrTakenOver from its next write.
//   - To stop on ErrTakenOver and ErrOutcomeUnknown: every later write returns
//     the same.
//   - A Sealer that opens what earlier processes sealed.
//   - Close after the last call has returned.
package store

//go:generate ./generate.sh
