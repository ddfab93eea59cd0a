package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// Bounds of trying again.
const (
	maxAttempts  = 10
	firstBackoff = 5 * time.Millisecond
	maxBackoff   = time.Second
	// attemptTimeout ends a transaction that the database has forgotten.
	attemptTimeout = 15 * time.Second
)

// writer is the right to run one transaction. Its counter is the last one
// known to be written.
type writer struct{ slot, epoch, counter int64 }

// write runs fn in a transaction, durable when it returns nil. fn may run more
// than once and must not keep anything from a run that was undone.
func (s *Store) write(ctx context.Context, op string, fn func(context.Context, *sqlcgen.Queries) error) error {
	return s.writeTx(ctx, op, func(ctx context.Context, _ *sql.Tx, q *sqlcgen.Queries) error { return fn(ctx, q) })
}

// work is what one transaction does.
type work func(ctx context.Context, tx *sql.Tx, q *sqlcgen.Queries) error

// writeTx is write for work that has statements of its own.
func (s *Store) writeTx(ctx context.Context, op string, fn work) error {
	var w *writer
	select {
	case w = <-s.writers:
	case <-s.closed:
		return fmt.Errorf("%s: %w", op, ErrClosed)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	defer func() { s.writers <- w }()
	err := s.again(ctx, op, func() error {
		if broken := s.broken.Load(); broken != nil {
			return *broken
		}
		return s.attempt(ctx, w, fn)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// read runs fn until the database gives an answer.
func (s *Store) read(ctx context.Context, op string, fn func(context.Context, *sqlcgen.Queries) error) error {
	err := s.again(ctx, op, func() error { return fn(ctx, s.r) })
	if err != nil {
		return fmt.Errorf("%s: %w", op, notFound(err))
	}
	return nil
}

func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// again repeats what failed for a reason that passes.
func (s *Store) again(ctx context.Context, op string, fn func() error) error {
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || attempt == maxAttempts || !retryable(err) || ctx.Err() != nil {
			return err
		}
		s.config.Log.Warn("the database gave up, trying again", "op", op, "attempt", attempt, "error", err)
		if pause(ctx, attempt) != nil {
			return err
		}
	}
}

// pause doubles with every attempt; chance keeps writers apart.
func pause(ctx context.Context, attempt int) error {
	d := min(firstBackoff<<min(attempt-1, 16), maxBackoff)
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt runs one transaction. The caller's context ends its statements but
// never its COMMIT, which would leave the outcome open for nothing.
func (s *Store) attempt(ctx context.Context, w *writer, fn work) error {
	conn, err := s.writeDB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // only gives it back to the pool
	txCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptTimeout)
	defer cancel()
	tx, err := conn.BeginTx(txCtx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	q := s.w.WithTx(tx)
	if err := fn(ctx, tx, q); err != nil {
		return err
	}
	next := w.counter + 1
	n, err := q.Mark(ctx, sqlcgen.MarkParams{Counter: next, Slot: w.slot, Epoch: w.epoch})
	if err != nil {
		return err
	}
	if n == 0 {
		return s.breakWith(ErrTakenOver)
	}
	if err := tx.Commit(); err != nil {
		discard(conn)
		return s.settle(context.WithoutCancel(ctx), w, next, err)
	}
	w.counter = next
	return nil
}

// discard closes a connection that may still be inside a transaction.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// settle finds out what became of a COMMIT that returned an error: nil where
// it was written. ctx must not end with the caller's patience.
func (s *Store) settle(ctx context.Context, w *writer, next int64, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.OutcomeTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		epoch, counter, err := s.dialect.mark(ctx, s, w.slot)
		switch {
		case err == nil && counter >= next && epoch == w.epoch:
			s.config.Log.Warn("a COMMIT without an answer was written", "error", cause)
			w.counter = next
			return nil
		case err == nil && epoch != w.epoch:
			// The newer owner starts from what it found, whatever that was.
			return s.breakWith(ErrTakenOver)
		case err == nil:
			return fmt.Errorf("commit: %w", cause)
		}
		s.config.Log.Warn("a COMMIT has no answer and the database does not tell", "attempt", attempt, "error", err)
		if pause(ctx, attempt) != nil {
			return s.breakWith(fmt.Errorf("%w: %w", ErrOutcomeUnknown, errors.Join(cause, err)))
		}
	}
}

// breakWith ends all writing: the process no longer knows the store's state.
func (s *Store) breakWith(err error) error {
	s.config.Log.Error("the store stops writing", "error", err)
	s.broken.CompareAndSwap(nil, &err)
	return err
}
