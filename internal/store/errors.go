package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Errors of opening and writing. ErrNotFound and ErrConflict are the engine's.
var (
	ErrNotFound = engine.ErrNotFound
	ErrConflict = engine.ErrConflict

	// ErrDataNewer: a newer version of the program has written the data.
	ErrDataNewer = errors.New("the data was written by a newer version")
	// ErrWrongSeed: the data belongs to the party of another seed.
	ErrWrongSeed = errors.New("the data belongs to another seed")
	// ErrTakenOver: another process has opened the store since.
	ErrTakenOver = errors.New("another process has taken over the store")
	// ErrOutcomeUnknown: the database did not come back after a COMMIT without
	// an answer. Nothing is written any more; a restart finds out.
	ErrOutcomeUnknown = errors.New("it is unknown whether the database has written")
	// ErrBadBatch: the batch contradicts itself.
	ErrBadBatch = errors.New("the batch is not consistent")
	// ErrCorrupt: stored data breaks an invariant.
	ErrCorrupt = errors.New("stored data is damaged")
	// ErrRange: a number does not fit into the database.
	ErrRange = errors.New("a number is too large to be stored")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// ErrRequestReused: the request id came with another request before.
var ErrRequestReused = errors.New("the request id was used for another request")

// Reason codes of errors that a person has to act on.
const (
	ReasonDataNewer     = "DATA_NEWER"
	ReasonWrongSeed     = "WRONG_SEED"
	ReasonRequestReused = "REQUEST_ID_REUSED"
)

func refused(reason, op, advice string, err error) error {
	return &adapters.Error{Reason: reason, Op: op, Advice: advice, Err: err}
}

// retryCodes are the SQLSTATEs after which the same transaction may succeed,
// as full codes or as classes.
var retryCodes = []string{
	"08",    // connection exception
	"40001", // serialization failure
	"40P01", // deadlock detected
	"53100", // disk full: room that is kept back is about to be freed
	"53300", // too many connections
	"55P03", // lock not available
	"57P01", // admin shutdown
	"57P02", // crash shutdown
	"57P03", // cannot connect now
	"57P05", // idle session timeout
	"25P03", // idle in transaction session timeout
}

// retryable reports whether the database gave up for a reason that passes.
func retryable(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		for _, code := range retryCodes {
			if strings.HasPrefix(pg.Code, code) {
				return true
			}
		}
		return false
	}
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL:
			return true
		}
		return false
	}
	return connectionLost(err)
}

func connectionLost(err error) bool {
	var (
		network net.Error
		connect *pgconn.ConnectError
	)
	switch {
	case errors.As(err, &connect), errors.As(err, &network), pgconn.SafeToRetry(err):
		return true
	case errors.Is(err, context.DeadlineExceeded): // of one attempt; the caller's is checked apart
		return true
	}
	for _, known := range []error{
		driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNREFUSED,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// duplicate reports whether a unique key was violated.
func duplicate(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func sqliteCode(err error) (int, bool) {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code(), true
	}
	return 0, false
}
