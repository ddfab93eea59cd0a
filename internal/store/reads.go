package store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
	"github.com/kofo-network/kofo/monitor/engine"
)

// ErrBadPage: the page token is none of List's.
var ErrBadPage = errors.New("not a page token")

// MaxPage is the most that one read returns.
const MaxPage = 500

// Record is a swap with the times for people.
type Record struct {
	Swap             htlc.Swap
	Created, Updated time.Time
}

// Scope says which swaps List returns.
type Scope string

// The scopes of List.
const (
	ScopeAll    Scope = "all"
	ScopeOpen   Scope = "open"
	ScopeClosed Scope = "closed"
)

// Filter of List. The zero value is every swap.
type Filter struct {
	Scope Scope       // empty for all
	Phase *htlc.Phase // nil for any
}

// Get returns one swap, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id htlc.SwapID) (Record, error) {
	var row sqlcgen.Swap
	err := s.read(ctx, "read swap "+id.String(), func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		row, err = q.Swap(ctx, id[:])
		return err
	})
	if err != nil {
		return Record{}, err
	}
	return recordOf(row)
}

func recordOf(row sqlcgen.Swap) (Record, error) {
	swap, err := decodeSwap(row.ID, row.Version, row.Phase, row.Outcome, row.Snapshot)
	return Record{Swap: swap, Created: time.UnixMicro(row.CreatedAt), Updated: time.UnixMicro(row.UpdatedAt)}, err
}

// List returns swaps, the newest first, and the token of the next page, which
// is empty where nothing follows. An empty page is the first.
func (s *Store) List(ctx context.Context, f Filter, page string, limit int) ([]Record, string, error) {
	params := sqlcgen.ListSwapsParams{Before: math.MaxInt64, BeforeID: []byte{}, Scope: string(f.Scope)}
	if f.Scope == "" {
		params.Scope = string(ScopeAll)
	}
	if f.Phase != nil {
		params.Phase = f.Phase.String()
	}
	if page != "" {
		var err error
		if params.Before, params.BeforeID, err = parsePage(page); err != nil {
			return nil, "", err
		}
	}
	size := pageOf(limit)
	params.UpTo = size + 1
	var rows []sqlcgen.Swap
	err := s.read(ctx, "list swaps", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.ListSwaps(ctx, params)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > int(size) {
		rows = rows[:size]
		last := rows[size-1]
		next = pageToken(last.CreatedAt, last.ID)
	}
	out := make([]Record, len(rows))
	for i, row := range rows {
		if out[i], err = recordOf(row); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

func pageOf(limit int) int32 {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return int32(limit)
}

func pageToken(created int64, id []byte) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(created))
	return base64.RawURLEncoding.EncodeToString(append(raw, id...))
}

func parsePage(token string) (created int64, id []byte, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 8+len(htlc.SwapID{}) {
		return 0, nil, fmt.Errorf("%w: %.80q", ErrBadPage, token)
	}
	return int64(binary.BigEndian.Uint64(raw)), raw[8:], nil
}

// History returns a swap's events after a sequence number, oldest first. An
// unknown swap has none.
func (s *Store) History(ctx context.Context, id htlc.SwapID, after uint64, limit int) ([]engine.StoredEvent, error) {
	if after > math.MaxInt64 {
		return nil, nil
	}
	var rows []sqlcgen.HistoryRow
	err := s.read(ctx, "read the history of "+id.String(), func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.History(ctx, sqlcgen.HistoryParams{Swap: id[:], Seq: int64(after), Limit: pageOf(limit)})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]engine.StoredEvent, len(rows))
	for i, row := range rows {
		event, err := htlc.DecodeEvent(row.Body)
		if err != nil {
			return nil, fmt.Errorf("event %d of swap %s: %w: %w", row.Seq, id, ErrCorrupt, err)
		}
		out[i] = engine.StoredEvent{Seq: uint64(row.Seq), At: time.UnixMicro(row.At), Event: event}
	}
	return out, nil
}
