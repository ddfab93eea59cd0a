package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// Payout is an address that a call has put on the node's list.
type Payout struct {
	Account string // CAIP-10
	AddedBy string // id of the token
	Added   time.Time
	Usable  time.Time
}

// Payouts lists them by account.
func (s *Store) Payouts(ctx context.Context) ([]Payout, error) {
	var rows []sqlcgen.Payout
	err := s.read(ctx, "read the payout list", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.Payouts(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Payout, len(rows))
	for i, row := range rows {
		out[i] = payoutOf(row)
	}
	return out, nil
}

func payoutOf(row sqlcgen.Payout) Payout {
	return Payout{Account: row.Account, AddedBy: row.AddedBy, Added: time.UnixMicro(row.AddedAt), Usable: time.UnixMicro(row.UsableFrom)}
}

// AddPayout stores an address and returns what is stored of it from now on: of
// several for one account the first, whose time to wait is not begun anew.
func (s *Store) AddPayout(ctx context.Context, p Payout) (Payout, error) {
	var row sqlcgen.Payout
	err := s.write(ctx, "add payout "+p.Account, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.AddPayout(ctx, sqlcgen.AddPayoutParams{
			Account: p.Account, AddedBy: p.AddedBy, AddedAt: p.Added.UnixMicro(), UsableFrom: p.Usable.UnixMicro(),
		})
		if err != nil {
			return err
		}
		row, err = q.Payout(ctx, p.Account)
		return err
	})
	return payoutOf(row), err
}

// RemovePayout takes an address away, or returns ErrNotFound.
func (s *Store) RemovePayout(ctx context.Context, account string) error {
	return s.write(ctx, "remove payout "+account, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.DropPayout(ctx, account)
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// TakeOutflow counts an amount against what this node lets go of an asset in
// any 24 hours, or refuses with a *CapError and counts nothing. The same key
// again counts once; with another asset or amount it is ErrRequestReused. The
// caller lets one call in at a time.
func (s *Store) TakeOutflow(ctx context.Context, asset htlc.AssetID, amount, perDay htlc.Amount, now time.Time, key string) error {
	return s.write(ctx, "count what leaves the node", func(ctx context.Context, q *sqlcgen.Queries) error {
		if err := q.ExpireOutflows(ctx, now.Add(-capWindow).UnixMicro()); err != nil {
			return err
		}
		old, err := q.Outflow(ctx, key)
		switch {
		case err == nil && old.Asset == string(asset) && old.Amount == amount.String():
			return expectOne(q.ClaimOutflow(ctx, key))
		case err == nil:
			return refused(ReasonRequestReused, "spend "+amount.String()+" of "+string(asset),
				"use a new request id for a new request", ErrRequestReused)
		case !errors.Is(notFound(err), ErrNotFound):
			return err
		}
		rows, err := q.Outflows(ctx, string(asset))
		if err != nil {
			return err
		}
		window := make([]sqlcgen.SpendingsRow, len(rows))
		for i, row := range rows {
			window[i] = sqlcgen.SpendingsRow(row)
		}
		if err := fits(window, asset, amount, perDay); err != nil {
			return err
		}
		return q.AddOutflow(ctx, sqlcgen.AddOutflowParams{Key: key, Asset: string(asset), Amount: amount.String(), At: now.UnixMicro()})
	})
}

// GiveBackOutflow takes one TakeOutflow back, as Unspend does.
func (s *Store) GiveBackOutflow(ctx context.Context, key string) error {
	return s.write(ctx, "take back what has not left the node", func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.UnclaimOutflow(ctx, key)
		if err != nil || n == 1 {
			return err
		}
		return q.DropOutflow(ctx, key)
	})
}

// Outflow sums what has left of an asset, or was promised, since a time within
// the last 24 hours.
func (s *Store) Outflow(ctx context.Context, asset htlc.AssetID, since time.Time) (htlc.Amount, error) {
	var sum htlc.Amount
	err := s.read(ctx, "sum what has left the node", func(ctx context.Context, q *sqlcgen.Queries) error {
		rows, err := q.Outflows(ctx, string(asset))
		if err != nil {
			return err
		}
		sum = htlc.Amount{}
		for _, row := range rows {
			if row.At <= since.UnixMicro() {
				continue
			}
			amount, err := htlc.ParseAmount(row.Amount)
			if err == nil {
				sum, err = sum.Add(amount)
			}
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
		}
		return nil
	})
	return sum, err
}
