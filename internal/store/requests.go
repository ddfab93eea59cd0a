package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// RequestKey names a mutating API call. Callers are apart from each other, so
// that nobody is shown another's answer.
type RequestKey struct{ Caller, ID string }

// RequestState says what is known of a request.
type RequestState uint8

// The states of a request.
const (
	RequestNew        RequestState = iota // never seen: do it
	RequestUnfinished                     // begun before, with no answer: in work, or cut off; do it again idempotently
	RequestDone                           // answer with the stored response
)

// BeginRequest notes a call. The same id with another method or digest is
// ErrRequestReused. digest is the SHA-256 of the request's content.
func (s *Store) BeginRequest(ctx context.Context, key RequestKey, method string, digest [sha256.Size]byte) (RequestState, []byte, error) {
	var state RequestState
	var response []byte
	err := s.write(ctx, "begin request "+key.ID, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.AddRequest(ctx, sqlcgen.AddRequestParams{
			Caller: key.Caller, ID: key.ID, Method: method, Digest: digest[:], Response: []byte{}, CreatedAt: s.now(),
		})
		if err != nil {
			return err
		}
		if n == 1 {
			state, response = RequestNew, nil
			return nil
		}
		old, err := q.Request(ctx, sqlcgen.RequestParams{Caller: key.Caller, ID: key.ID})
		if err != nil {
			return err
		}
		if old.Method != method || !bytes.Equal(old.Digest, digest[:]) {
			return refused(ReasonRequestReused, "repeat a call of "+old.Method, "use a new request id for a new request", ErrRequestReused)
		}
		state, response = RequestUnfinished, nil
		if old.Finished {
			state, response = RequestDone, old.Response
		}
		return nil
	})
	return state, response, err
}

// blob keeps an empty value from being stored as no value.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// FinishRequest stores the answer. A request that has one keeps it.
func (s *Store) FinishRequest(ctx context.Context, key RequestKey, response []byte) error {
	return s.write(ctx, "finish request "+key.ID, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.FinishRequest(ctx, sqlcgen.FinishRequestParams{Caller: key.Caller, ID: key.ID, Response: blob(response)})
		if err != nil || n == 1 {
			return err
		}
		old, err := q.Request(ctx, sqlcgen.RequestParams{Caller: key.Caller, ID: key.ID})
		if err == nil && !bytes.Equal(old.Response, response) {
			return fmt.Errorf("%w: it was answered before", ErrConflict)
		}
		return notFound(err)
	})
}

// ForgetRequest frees the id of a call that was refused before it did
// anything, so that it may be corrected and sent again.
func (s *Store) ForgetRequest(ctx context.Context, key RequestKey) error {
	return s.write(ctx, "forget request "+key.ID, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.DropRequest(ctx, sqlcgen.DropRequestParams{Caller: key.Caller, ID: key.ID})
		return err
	})
}

// ExpireRequests forgets what began before the given time and returns how
// many.
func (s *Store) ExpireRequests(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := s.write(ctx, "expire requests", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		n, err = q.ExpireRequests(ctx, before.UnixMicro())
		return err
	})
	return n, err
}
