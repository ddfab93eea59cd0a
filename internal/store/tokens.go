package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// Token is an API credential as it is stored: by its hash.
type Token struct {
	ID      string
	Hash    [sha256.Size]byte
	Name    string
	Scopes  []string
	Caps    map[htlc.AssetID]htlc.Amount // most per call; an asset without one has none
	PerDay  map[htlc.AssetID]htlc.Amount // most in any 24 hours; the caller asks Spend
	Payouts []string                     // CAIP-10 accounts that it may pay to; empty for any
	Created time.Time                    // set by AddToken
	Expires time.Time                    // zero for never
	Revoked time.Time                    // zero for not
	Used    time.Time                    // set by TouchToken; zero for never
}

// Valid reports whether the token opens anything at a time.
func (t Token) Valid(at time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || at.Before(t.Expires))
}

// AddToken stores a new token. A known id or hash is ErrConflict.
func (s *Store) AddToken(ctx context.Context, t Token) error {
	scopes, err1 := json.Marshal(t.Scopes)
	caps, err2 := json.Marshal(t.Caps)
	perDay, err3 := json.Marshal(t.PerDay)
	payouts, err4 := json.Marshal(t.Payouts)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return fmt.Errorf("add token %s: %w", t.ID, err)
		}
	}
	params := sqlcgen.AddTokenParams{
		ID: t.ID, Hash: t.Hash[:], Name: t.Name, Scopes: string(scopes), Caps: string(caps), PerDay: string(perDay), Payouts: string(payouts),
		CreatedAt: s.now(), ExpiresAt: micros(t.Expires),
	}
	return s.write(ctx, "add token "+t.ID, func(ctx context.Context, q *sqlcgen.Queries) error {
		err := q.AddToken(ctx, params)
		if duplicate(err) {
			return fmt.Errorf("%w: the token exists", ErrConflict)
		}
		return err
	})
}

// TokenByHash returns the token with the SHA-256 of what a caller showed, or
// ErrNotFound. It may have expired or been revoked: ask Valid.
func (s *Store) TokenByHash(ctx context.Context, hash [sha256.Size]byte) (Token, error) {
	var row sqlcgen.Token
	err := s.read(ctx, "look up a token", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		row, err = q.TokenByHash(ctx, hash[:])
		return err
	})
	if err != nil {
		return Token{}, err
	}
	return tokenOf(row)
}

// Tokens lists every token, the oldest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	var rows []sqlcgen.Token
	err := s.read(ctx, "list tokens", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.Tokens(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Token, len(rows))
	for i, row := range rows {
		if out[i], err = tokenOf(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func tokenOf(row sqlcgen.Token) (Token, error) {
	t := Token{
		ID: row.ID, Name: row.Name, Created: time.UnixMicro(row.CreatedAt),
		Expires: timeOf(row.ExpiresAt), Revoked: timeOf(row.RevokedAt), Used: timeOf(row.UsedAt),
	}
	if copy(t.Hash[:], row.Hash) != len(t.Hash) {
		return t, fmt.Errorf("token %s: %w: a hash of %d bytes", row.ID, ErrCorrupt, len(row.Hash))
	}
	for _, list := range []struct {
		text string
		to   any
	}{{row.Scopes, &t.Scopes}, {row.Caps, &t.Caps}, {row.PerDay, &t.PerDay}, {row.Payouts, &t.Payouts}} {
		if err := json.Unmarshal([]byte(list.text), list.to); err != nil {
			return t, fmt.Errorf("token %s: %w: %w", row.ID, ErrCorrupt, err)
		}
	}
	return t, nil
}

// RevokeToken ends a token; it keeps the time of its first revocation.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	return s.write(ctx, "revoke token "+id, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.RevokeToken(ctx, sqlcgen.RevokeTokenParams{ID: id, At: s.now()})
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// touchEvery is how exactly the last use of a token is known: not every call
// is worth a write.
const touchEvery = time.Minute

// TouchToken notes that a token was used, or returns ErrNotFound. It writes at
// most once a minute for each token.
func (s *Store) TouchToken(ctx context.Context, id string, now time.Time) error {
	op := "note the use of token " + id
	before := now.Add(-touchEvery).UnixMicro()
	var used int64
	err := s.read(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		used, err = q.TokenUsed(ctx, id)
		return err
	})
	if err != nil || used > before {
		return err
	}
	return s.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.TouchToken(ctx, sqlcgen.TouchTokenParams{ID: id, At: now.UnixMicro(), Before: before})
	})
}

// micros is 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
