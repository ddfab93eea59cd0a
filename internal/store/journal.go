package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
	"github.com/kofo-network/kofo/monitor/engine"
)

// SaveTxs implements engine.Journal.
func (s *Store) SaveTxs(ctx context.Context, txs []engine.JournalTx) error {
	rows := make([]sqlcgen.AddTxParams, len(txs))
	for i, tx := range txs {
		var err error
		if rows[i], err = s.sealTx(tx); err != nil {
			return fmt.Errorf("save transaction %s: %w", tx.ID, err)
		}
	}
	return s.write(ctx, "save transactions", func(ctx context.Context, q *sqlcgen.Queries) error {
		for _, row := range rows {
			if _, err := q.AddTx(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) sealTx(tx engine.JournalTx) (sqlcgen.AddTxParams, error) {
	var none sqlcgen.AddTxParams
	if tx.Nonce > math.MaxInt64 || tx.FeeRate > math.MaxInt64 {
		return none, fmt.Errorf("%w: nonce %d, fee rate %d", ErrRange, tx.Nonce, tx.FeeRate)
	}
	sealed, err := s.config.Sealer.Seal(tx.Raw, boundTo("txs", tx.Chain, tx.ID))
	if err != nil {
		return none, fmt.Errorf("seal: %w", err)
	}
	spends, err := json.Marshal(tx.Spends)
	if err != nil {
		return none, fmt.Errorf("encode the coins spent: %w", err)
	}
	return sqlcgen.AddTxParams{
		Chain: string(tx.Chain), TxID: tx.ID, Swap: bytesOf(tx.Swap), Leg: int64(tx.Leg),
		Purpose: tx.Purpose.String(), Step: int64(tx.Step), Attempt: int64(tx.Attempt), Ref: tx.Ref,
		Raw: sealed, Fee: tx.Fee.String(), FeeRate: int64(tx.FeeRate), Account: tx.Account,
		Nonce: int64(tx.Nonce), Spends: string(spends), Replaces: tx.Replaces,
		Released: tx.Released, CreatedAt: s.now(),
	}, nil
}

func (s *Store) openTx(row sqlcgen.TxRow) (engine.JournalTx, error) {
	tx := engine.JournalTx{
		Tx: adapters.Tx{
			Chain: htlc.ChainID(row.Chain), ID: row.TxID, FeeRate: uint64(row.FeeRate),
			Account: row.Account, Nonce: uint64(row.Nonce), Replaces: row.Replaces,
		},
		Leg: int(row.Leg), Step: int(row.Step), Attempt: int(row.Attempt), Ref: row.Ref, Released: row.Released,
	}
	raw, err := s.config.Sealer.Open(row.Raw, boundTo("txs", tx.Chain, tx.ID))
	if err != nil {
		return tx, fmt.Errorf("open: %w: %w", ErrCorrupt, err)
	}
	tx.Raw = raw
	if tx.Swap, err = swapID(row.Swap); err != nil {
		return tx, err
	}
	if tx.Fee, err = htlc.ParseAmount(row.Fee); err != nil {
		return tx, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := json.Unmarshal([]byte(row.Spends), &tx.Spends); err != nil {
		return tx, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	for _, p := range []htlc.Purpose{htlc.PurposeFund, htlc.PurposeRedeem, htlc.PurposeRefund, htlc.PurposeAbandon, htlc.PurposeConsent} {
		if p.String() == row.Purpose {
			tx.Purpose = p
			return tx, nil
		}
	}
	return tx, fmt.Errorf("%w: purpose %q", ErrCorrupt, row.Purpose)
}

// Txs implements engine.Journal.
func (s *Store) Txs(ctx context.Context, swap htlc.SwapID, leg int, purpose htlc.Purpose) ([]engine.JournalTx, error) {
	var rows []sqlcgen.TxRow
	err := s.read(ctx, "read transactions", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.TxsOf(ctx, sqlcgen.TxsOfParams{Swap: swap[:], Leg: int64(leg), Purpose: purpose.String()})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]engine.JournalTx, len(rows))
	for i, row := range rows {
		if out[i], err = s.openTx(row); err != nil {
			return nil, fmt.Errorf("read transaction %s: %w", row.TxID, err)
		}
	}
	return out, nil
}

// MarkReleased implements engine.Journal. Marking again changes nothing; an
// unknown transaction is ErrNotFound.
func (s *Store) MarkReleased(ctx context.Context, chain htlc.ChainID, txid string) error {
	return s.write(ctx, "release transaction "+txid, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.ReleaseTx(ctx, sqlcgen.ReleaseTxParams{Chain: string(chain), TxID: txid})
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// NextNonce implements engine.Journal.
func (s *Store) NextNonce(ctx context.Context, chain htlc.ChainID, account string) (uint64, error) {
	var last int64
	err := s.read(ctx, "read the next nonce", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		last, err = q.LastNonce(ctx, sqlcgen.LastNonceParams{Chain: string(chain), Account: account})
		return err
	})
	return uint64(last + 1), err
}
