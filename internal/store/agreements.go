package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// Agreements is the part of the store for agreements. Its errors are those of
// agreement.Store.
type Agreements struct{ store *Store }

var _ agreement.Store = (*Agreements)(nil)

// Agreements returns the agreements of the node.
func (s *Store) Agreements() *Agreements { return &Agreements{store: s} }

// Insert implements agreement.Store.
func (a *Agreements) Insert(ctx context.Context, r agreement.Record) error {
	op := "store agreement " + r.ID().String()
	body, err := encodeRecord(r)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return a.store.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.AddAgreement(ctx, sqlcgen.AddAgreementParams{
			Salt: r.Offer.Salt[:], SecretHash: r.Offer.SecretHash[:], Swap: swapBytes(r), Request: r.Request,
			State: string(r.State), Settled: r.Settled, Body: body, CreatedAt: r.CreatedAt.UnixMicro(),
		})
		if err != nil || n == 1 {
			return err
		}
		_, err = q.AgreementByRequest(ctx, r.Request)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return agreement.ErrHashUsed
		case err != nil:
			return err
		}
		return fmt.Errorf("%w: the request id made another one", agreement.ErrConflict)
	})
}

// Update implements agreement.Store. A record never changes its secret hash,
// request id and time of creation; doing so is a conflict too.
func (a *Agreements) Update(ctx context.Context, r agreement.Record, from agreement.State) error {
	op := "change agreement " + r.ID().String()
	body, err := encodeRecord(r)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return a.store.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.MoveAgreement(ctx, sqlcgen.MoveAgreementParams{
			Salt: r.Offer.Salt[:], Expected: string(from), Next: string(r.State), Swap: swapBytes(r), Settled: r.Settled, Body: body,
			SecretHash: r.Offer.SecretHash[:], Request: r.Request, CreatedAt: r.CreatedAt.UnixMicro(),
		})
		if err != nil || n == 1 {
			return err
		}
		old, err := q.AgreementBySalt(ctx, r.Offer.Salt[:])
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return agreement.ErrNotFound
		case err != nil:
			return err
		}
		return fmt.Errorf("%w: it is %s, swap %x", agreement.ErrConflict, old.State, old.Swap)
	})
}

// encodeRecord writes only what can be read again.
func encodeRecord(r agreement.Record) ([]byte, error) {
	body, err := agreement.EncodeRecord(r)
	if err != nil {
		return nil, err
	}
	_, err = agreement.DecodeRecord(body)
	return body, err
}

// swapBytes is no value while there is no swap.
func swapBytes(r agreement.Record) []byte {
	id := r.Swap()
	if id == (htlc.SwapID{}) {
		return nil
	}
	return id[:]
}

// Find implements agreement.Store.
func (a *Agreements) Find(ctx context.Context, key agreement.Key) (agreement.Record, error) {
	var row sqlcgen.Agreement
	err := a.store.read(ctx, "read an agreement", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		switch {
		case key.Offer != htlc.Salt{}:
			row, err = q.AgreementBySalt(ctx, key.Offer[:])
		case key.Swap != htlc.SwapID{}:
			row, err = q.AgreementBySwap(ctx, key.Swap[:])
		default:
			row, err = q.AgreementByRequest(ctx, key.Request)
		}
		if errors.Is(err, sql.ErrNoRows) {
			return agreement.ErrNotFound
		}
		return err
	})
	if err != nil {
		return agreement.Record{}, err
	}
	return agreementOf(row)
}

// agreementOf reads a record and compares it with the columns beside it.
func agreementOf(row sqlcgen.Agreement) (agreement.Record, error) {
	r, err := agreement.DecodeRecord(row.Body)
	if err != nil {
		return agreement.Record{}, fmt.Errorf("agreement %x: %w: %w", row.Salt, ErrCorrupt, err)
	}
	id := r.ID()
	if !bytes.Equal(row.Salt, id[:]) || !bytes.Equal(row.SecretHash, r.Offer.SecretHash[:]) || !bytes.Equal(row.Swap, swapBytes(r)) ||
		row.Request != r.Request || row.State != string(r.State) || row.Settled != r.Settled || row.CreatedAt != r.CreatedAt.UnixMicro() {
		return agreement.Record{}, fmt.Errorf("agreement %x: %w: the record is of %s, swap %s, %s",
			row.Salt, ErrCorrupt, id, r.Swap(), r.State)
	}
	return r, nil
}

func agreementsOf(rows []sqlcgen.Agreement) ([]agreement.Record, error) {
	out := make([]agreement.Record, len(rows))
	for i, row := range rows {
		var err error
		if out[i], err = agreementOf(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Unsettled implements agreement.Store.
func (a *Agreements) Unsettled(ctx context.Context) ([]agreement.Record, error) {
	var out []agreement.Record
	after := []byte{}
	for {
		var rows []sqlcgen.Agreement
		err := a.store.read(ctx, "read unsettled agreements", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
			rows, err = q.UnsettledAgreements(ctx, sqlcgen.UnsettledAgreementsParams{Salt: after, Limit: pageSize})
			return err
		})
		if err != nil {
			return nil, err
		}
		page, err := agreementsOf(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if len(rows) < pageSize {
			return out, nil
		}
		after = rows[len(rows)-1].Salt
	}
}

// Recent returns records, the newest first, of which (CreatedAt, ID) is less
// than the given pair. Times count in microseconds.
func (a *Agreements) Recent(ctx context.Context, before time.Time, id htlc.Salt, limit int) ([]agreement.Record, error) {
	var rows []sqlcgen.Agreement
	err := a.store.read(ctx, "list agreements", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.RecentAgreements(ctx, sqlcgen.RecentAgreementsParams{
			Before: before.UnixMicro(), BeforeSalt: id[:], UpTo: pageOf(limit),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return agreementsOf(rows)
}
