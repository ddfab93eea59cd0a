package store

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// RedeemFees implements evm.Lanes.
func (s *Store) RedeemFees(ctx context.Context, chain htlc.ChainID, account string) ([]evm.RedeemReservation, error) {
	var rows []sqlcgen.RedeemFee
	err := s.read(ctx, "read redeem fees", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.RedeemFees(ctx, sqlcgen.RedeemFeesParams{Chain: string(chain), Account: account})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]evm.RedeemReservation, len(rows))
	for i, row := range rows {
		out[i] = evm.RedeemReservation{
			Chain: htlc.ChainID(row.Chain), Account: row.Account, Owner: row.Owner, Leg: int(row.Leg), Asset: htlc.AssetID(row.Asset),
		}
		if out[i].Fee, err = htlc.ParseAmount(row.Fee); err != nil {
			return nil, fmt.Errorf("read the redeem fee of %s, leg %d: %w: %w", row.Owner, row.Leg, ErrCorrupt, err)
		}
	}
	return out, nil
}

// SetRedeemFee implements evm.Lanes: it makes or changes what is kept back for
// one leg. A fee of zero keeps nothing back any more.
func (s *Store) SetRedeemFee(ctx context.Context, r evm.RedeemReservation) error {
	op := fmt.Sprintf("keep a redeem fee back for %s, leg %d", r.Owner, r.Leg)
	return s.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		if r.Fee.IsZero() {
			return q.DropRedeemFee(ctx, sqlcgen.DropRedeemFeeParams{
				Chain: string(r.Chain), Account: r.Account, Owner: r.Owner, Leg: int64(r.Leg),
			})
		}
		return q.PutRedeemFee(ctx, sqlcgen.PutRedeemFeeParams{
			Chain: string(r.Chain), Account: r.Account, Owner: r.Owner, Leg: int64(r.Leg), Asset: string(r.Asset), Fee: r.Fee.String(),
		})
	})
}
