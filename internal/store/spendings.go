package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// ErrCapExceeded: a token would move more in 24 hours than it may. The error
// that wraps it is a *CapError.
var ErrCapExceeded = errors.New("the token's cap for 24 hours is exceeded")

// capWindow is what a cap for a day looks back on.
const capWindow = 24 * time.Hour

// CapError says what a token may still move.
type CapError struct {
	Asset     htlc.AssetID
	Amount    htlc.Amount // what was asked for
	PerDay    htlc.Amount
	Remaining htlc.Amount
	Frees     time.Time // from when on the amount fits; zero for never
}

func (e *CapError) Error() string {
	text := fmt.Sprintf("%v: %s of %s, with %s of %s left", ErrCapExceeded, e.Amount, e.Asset, e.Remaining, e.PerDay)
	if e.Frees.IsZero() {
		return text
	}
	return text + ", free at " + e.Frees.UTC().Format(time.RFC3339)
}

// Unwrap makes it an ErrCapExceeded.
func (e *CapError) Unwrap() error { return ErrCapExceeded }

// Spend counts an amount against what a token may move of an asset in any 24
// hours, or refuses with a *CapError and counts nothing. The same key again
// counts once; with another asset or amount it is ErrRequestReused. An unknown
// token is ErrNotFound.
func (s *Store) Spend(ctx context.Context, tokenID string, asset htlc.AssetID, amount, perDay htlc.Amount, now time.Time, key string) error {
	return s.write(ctx, "count a spending of token "+tokenID, func(ctx context.Context, q *sqlcgen.Queries) error {
		if err := lockToken(ctx, q, tokenID); err != nil {
			return err
		}
		// Of all tokens: one that is used no more must not keep rows for ever.
		if err := q.ExpireSpendings(ctx, now.Add(-capWindow).UnixMicro()); err != nil {
			return err
		}
		old, err := q.Spending(ctx, sqlcgen.SpendingParams{Token: tokenID, Key: key})
		switch {
		case err == nil && old.Asset == string(asset) && old.Amount == amount.String():
			return expectOne(q.ClaimSpending(ctx, sqlcgen.ClaimSpendingParams{Token: tokenID, Key: key}))
		case err == nil:
			return refused(ReasonRequestReused, "spend "+amount.String()+" of "+string(asset),
				"use a new request id for a new request", ErrRequestReused)
		case !errors.Is(notFound(err), ErrNotFound):
			return err
		}
		rows, err := q.Spendings(ctx, sqlcgen.SpendingsParams{Token: tokenID, Asset: string(asset)})
		if err != nil {
			return err
		}
		if err := fits(rows, asset, amount, perDay); err != nil {
			return err
		}
		return q.AddSpending(ctx, sqlcgen.AddSpendingParams{
			Token: tokenID, Key: key, Asset: string(asset), Amount: amount.String(), At: now.UnixMicro(),
		})
	})
}

// lockToken makes calls of one token wait for each other: two at a time would
// each not see what the other spends.
func lockToken(ctx context.Context, q *sqlcgen.Queries, id string) error {
	n, err := q.LockToken(ctx, id)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// fits checks an amount against what was spent in the window, the oldest first.
func fits(rows []sqlcgen.SpendingsRow, asset htlc.AssetID, amount, perDay htlc.Amount) error {
	spent := make([]htlc.Amount, len(rows))
	var sum htlc.Amount
	var err error
	for i, row := range rows {
		if spent[i], err = htlc.ParseAmount(row.Amount); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if sum, err = sum.Add(spent[i]); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	// A cap may have been lowered below what was spent: then nothing is left.
	left := func() htlc.Amount {
		rest, err := perDay.Sub(sum)
		if err != nil {
			return htlc.Amount{}
		}
		return rest
	}
	if amount.Cmp(left()) <= 0 {
		return nil
	}
	e := &CapError{Asset: asset, Amount: amount, PerDay: perDay, Remaining: left()}
	if amount.Cmp(perDay) > 0 {
		return e
	}
	for i := 0; amount.Cmp(left()) > 0; i++ { // ends when all is free: the amount is within the cap
		if sum, err = sum.Sub(spent[i]); err != nil {
			return err
		}
		e.Frees = time.UnixMicro(rows[i].At).Add(capWindow)
	}
	return e
}

// Unspend takes one Spend back, of a call that was refused afterwards and has
// moved nothing. What several calls have spent by one key counts until all of
// them have taken it back: one that fails must not hide that another one has
// paid. A key that counts nothing is no error.
func (s *Store) Unspend(ctx context.Context, tokenID, key string) error {
	return s.write(ctx, "take back a spending of token "+tokenID, func(ctx context.Context, q *sqlcgen.Queries) error {
		if err := lockToken(ctx, q, tokenID); err != nil {
			return err
		}
		n, err := q.UnclaimSpending(ctx, sqlcgen.UnclaimSpendingParams{Token: tokenID, Key: key})
		if err != nil || n == 1 {
			return err
		}
		return q.DropSpending(ctx, sqlcgen.DropSpendingParams{Token: tokenID, Key: key})
	})
}
