package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

var (
	_ evm.Journal = (*Store)(nil)
	_ evm.Lanes   = (*Store)(nil)
)

// Announce implements evm.Journal.
func (s *Store) Announce(ctx context.Context, tx adapters.Tx) error {
	if tx.Nonce > math.MaxInt64 {
		return fmt.Errorf("announce %s: %w: nonce %d", tx.ID, ErrRange, tx.Nonce)
	}
	sealed, err := s.sealWhole("nonces", tx)
	if err != nil {
		return fmt.Errorf("announce %s: %w", tx.ID, err)
	}
	key := sqlcgen.NonceOwnerParams{Chain: string(tx.Chain), Account: tx.Account, Nonce: int64(tx.Nonce)}
	return s.write(ctx, "announce "+tx.ID, func(ctx context.Context, q *sqlcgen.Queries) error {
		owner, err := q.NonceOwner(ctx, key)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			err = expectOne(q.AddNonce(ctx, sqlcgen.AddNonceParams{
				Chain: key.Chain, Account: key.Account, Nonce: key.Nonce, TxID: tx.ID, Sealed: sealed,
			}))
		case err != nil || owner == tx.ID:
			return err
		case owner != tx.Replaces:
			return fmt.Errorf("%w: %s owns nonce %d", evm.ErrNonceTaken, owner, tx.Nonce)
		default:
			err = expectOne(q.MoveNonce(ctx, sqlcgen.MoveNonceParams{
				Chain: key.Chain, Account: key.Account, Nonce: key.Nonce, TxID: tx.ID, Sealed: sealed, Expected: owner,
			}))
		}
		if errors.Is(err, ErrConflict) {
			return fmt.Errorf("%w: nonce %d", evm.ErrNonceTaken, tx.Nonce)
		}
		return err
	})
}

// Announced implements evm.Journal.
func (s *Store) Announced(ctx context.Context, chain htlc.ChainID, account string, from uint64) ([]adapters.Tx, error) {
	if from > math.MaxInt64 {
		return nil, nil
	}
	var rows []sqlcgen.NoncesFromRow
	err := s.read(ctx, "read announced transactions", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.NoncesFrom(ctx, sqlcgen.NoncesFromParams{Chain: string(chain), Account: account, Nonce: int64(from)})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]adapters.Tx, len(rows))
	for i, row := range rows {
		if out[i], err = s.openWhole("nonces", chain, row.TxID, row.Sealed); err != nil {
			return nil, fmt.Errorf("read announced transaction %s: %w", row.TxID, err)
		}
	}
	return out, nil
}

// Lanes implements evm.Lanes.
func (s *Store) Lanes(ctx context.Context, chain htlc.ChainID, account string) ([]evm.LaneReservation, error) {
	var rows []sqlcgen.Lane
	err := s.read(ctx, "read lanes", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.Lanes(ctx, sqlcgen.LanesParams{Chain: string(chain), Account: account})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]evm.LaneReservation, len(rows))
	for i, row := range rows {
		if out[i], err = laneOf(row); err != nil {
			return nil, fmt.Errorf("read lane %d of %s: %w: %w", row.Lane, account, ErrCorrupt, err)
		}
	}
	return out, nil
}

func laneOf(row sqlcgen.Lane) (evm.LaneReservation, error) {
	r := evm.LaneReservation{
		Chain: htlc.ChainID(row.Chain), Account: row.Account, Lane: uint64(row.Lane), Sequence: uint64(row.Sequence),
		Owner: row.Owner, Leg: int(row.Leg), Asset: htlc.AssetID(row.Asset),
		Announced: row.Announced, FundNonce: uint64(row.FundNonce), Released: row.Released, NotAfter: row.NotAfter,
	}
	var err error
	if r.Amount, err = htlc.ParseAmount(row.Amount); err != nil {
		return r, err
	}
	r.Fees, err = htlc.ParseAmount(row.Fees)
	return r, err
}

// PutLane implements evm.Lanes: it makes or changes a reservation.
func (s *Store) PutLane(ctx context.Context, r evm.LaneReservation) error {
	op := fmt.Sprintf("write lane %d of %s", r.Lane, r.Account)
	if r.Lane > math.MaxInt64 || r.Sequence > math.MaxInt64 || r.FundNonce > math.MaxInt64 {
		return fmt.Errorf("%s: %w: sequence %d, nonce %d", op, ErrRange, r.Sequence, r.FundNonce)
	}
	return s.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.PutLane(ctx, sqlcgen.PutLaneParams{
			Chain: string(r.Chain), Account: r.Account, Lane: int64(r.Lane), Sequence: int64(r.Sequence),
			Owner: r.Owner, Leg: int64(r.Leg), Asset: string(r.Asset), Amount: r.Amount.String(), Fees: r.Fees.String(),
			Announced: r.Announced, FundNonce: int64(r.FundNonce), Released: r.Released, NotAfter: r.NotAfter,
		})
	})
}

// DeleteLane implements evm.Lanes. A lane that is not there is no error.
func (s *Store) DeleteLane(ctx context.Context, chain htlc.ChainID, account string, lane uint64) error {
	op := fmt.Sprintf("free lane %d of %s", lane, account)
	if lane > math.MaxInt64 {
		return fmt.Errorf("%s: %w", op, ErrRange)
	}
	return s.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.DropLane(ctx, sqlcgen.DropLaneParams{Chain: string(chain), Account: account, Lane: int64(lane)})
	})
}
