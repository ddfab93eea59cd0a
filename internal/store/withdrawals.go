package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
)

// Withdrawal is a signed payment out of the wallet.
type Withdrawal struct {
	RequestID string
	Tx        adapters.Tx
	Asset     htlc.AssetID
	To        string
	Amount    htlc.Amount
	MaxFee    htlc.Amount // zero: the market's
	Parts     int         // of a split, each of the amount; zero for a payment
	// Released: it may have left the process. SaveWithdrawal ignores it.
	Released bool
	Created  time.Time // set by SaveWithdrawal
	Outcome  WithdrawalOutcome
}

// WithdrawalOutcome is what the chain has made of a withdrawal.
type WithdrawalOutcome string

// The outcomes of a withdrawal. SaveWithdrawal stores it as open.
const (
	WithdrawalOpen   WithdrawalOutcome = "open"   // it has to be watched, and sent again
	WithdrawalMined  WithdrawalOutcome = "mined"  // it paid, at a depth that the caller trusts
	WithdrawalFailed WithdrawalOutcome = "failed" // it can never pay
)

// SaveWithdrawal stores a payment before its broadcast and returns the one
// that the request id stands for from now on: of several for the same request
// the first, which alone may be broadcast. A request id that was used for
// another payment is ErrRequestReused.
func (s *Store) SaveWithdrawal(ctx context.Context, w Withdrawal) (Withdrawal, error) {
	op := "save withdrawal " + w.RequestID
	sealed, err := s.sealWhole("withdrawals", w.Tx)
	if err != nil {
		return Withdrawal{}, fmt.Errorf("%s: %w", op, err)
	}
	params := sqlcgen.AddWithdrawalParams{
		RequestID: w.RequestID, Chain: string(w.Tx.Chain), TxID: w.Tx.ID, Asset: string(w.Asset), Destination: w.To,
		Amount: w.Amount.String(), Fee: w.Tx.Fee.String(), Raw: sealed, CreatedAt: s.now(),
		MaxFee: w.MaxFee.String(), Parts: int64(w.Parts),
	}
	var row sqlcgen.Withdrawal
	err = s.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.AddWithdrawal(ctx, params)
		if duplicate(err) {
			return fmt.Errorf("%w: transaction %s belongs to another withdrawal", ErrConflict, w.Tx.ID)
		}
		if err != nil {
			return err
		}
		if row, err = q.Withdrawal(ctx, w.RequestID); err != nil {
			return err
		}
		if row.Chain != params.Chain || row.Asset != params.Asset || row.Destination != params.Destination || row.Amount != params.Amount ||
			row.Parts != params.Parts {
			return refused(ReasonRequestReused, "withdraw "+params.Amount+" of "+params.Asset,
				"use a new request id for a new withdrawal", ErrRequestReused)
		}
		return nil
	})
	if err != nil {
		return Withdrawal{}, err
	}
	return s.withdrawalOf(row)
}

func (s *Store) withdrawalOf(row sqlcgen.Withdrawal) (Withdrawal, error) {
	w := Withdrawal{
		RequestID: row.RequestID, Asset: htlc.AssetID(row.Asset), To: row.Destination, Parts: int(row.Parts),
		Released: row.Released, Created: time.UnixMicro(row.CreatedAt), Outcome: WithdrawalOutcome(row.Outcome),
	}
	var err error
	if w.Tx, err = s.openWhole("withdrawals", htlc.ChainID(row.Chain), row.TxID, row.Raw); err != nil {
		return w, fmt.Errorf("withdrawal %s: %w", row.RequestID, err)
	}
	if w.Amount, err = htlc.ParseAmount(row.Amount); err == nil {
		w.MaxFee, err = htlc.ParseAmount(row.MaxFee)
	}
	if err != nil {
		return w, fmt.Errorf("withdrawal %s: %w: %w", row.RequestID, ErrCorrupt, err)
	}
	return w, nil
}

// Withdrawal returns what a request id stands for, or ErrNotFound.
func (s *Store) Withdrawal(ctx context.Context, requestID string) (Withdrawal, error) {
	var row sqlcgen.Withdrawal
	err := s.read(ctx, "read withdrawal "+requestID, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		row, err = q.Withdrawal(ctx, requestID)
		return err
	})
	if err != nil {
		return Withdrawal{}, err
	}
	return s.withdrawalOf(row)
}

// MarkWithdrawalReleased is durable when it returns. Marking again changes
// nothing; an unknown request id is ErrNotFound.
func (s *Store) MarkWithdrawalReleased(ctx context.Context, requestID string) error {
	return s.write(ctx, "release withdrawal "+requestID, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.ReleaseWithdrawal(ctx, requestID)
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// ReplaceWithdrawalTx puts another transaction in the place of the one with
// the id old, and takes back that it was released. ErrConflict: old is not, or
// no longer, the open withdrawal's transaction; read it again. Doing it again
// changes nothing. The caller owes it that old can never be mined, since both
// would pay.
func (s *Store) ReplaceWithdrawalTx(ctx context.Context, requestID, old string, tx adapters.Tx) error {
	op := "replace the transaction of withdrawal " + requestID
	sealed, err := s.sealWhole("withdrawals", tx)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	params := sqlcgen.ReplaceWithdrawalTxParams{
		RequestID: requestID, Chain: string(tx.Chain), Expected: old, TxID: tx.ID, Fee: tx.Fee.String(), Raw: sealed,
	}
	return s.write(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.ReplaceWithdrawalTx(ctx, params)
		if duplicate(err) {
			return fmt.Errorf("%w: transaction %s belongs to another withdrawal", ErrConflict, tx.ID)
		}
		if err != nil || n == 1 {
			return err
		}
		row, err := q.Withdrawal(ctx, requestID)
		switch {
		case err != nil:
			return notFound(err)
		case row.Chain == params.Chain && row.TxID == tx.ID:
			return nil
		}
		return fmt.Errorf("%w: it is %s on %s, %s", ErrConflict, row.TxID, row.Chain, row.Outcome)
	})
}

// SettleWithdrawal ends the watching of a withdrawal whose transaction has the
// given id. Saying the same again changes nothing; another transaction or
// outcome is ErrConflict.
func (s *Store) SettleWithdrawal(ctx context.Context, requestID, txid string, outcome WithdrawalOutcome) error {
	return s.write(ctx, "settle withdrawal "+requestID, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.SettleWithdrawal(ctx, sqlcgen.SettleWithdrawalParams{RequestID: requestID, TxID: txid, Outcome: string(outcome)})
		if err != nil || n == 1 {
			return err
		}
		row, err := q.Withdrawal(ctx, requestID)
		if err != nil {
			return notFound(err)
		}
		return fmt.Errorf("%w: it is %s, %s", ErrConflict, row.TxID, row.Outcome)
	})
}

// OpenWithdrawals returns what nobody has settled, the oldest first: stored,
// and perhaps released.
func (s *Store) OpenWithdrawals(ctx context.Context) ([]Withdrawal, error) {
	var out []Withdrawal
	after := sqlcgen.OpenWithdrawalsParams{After: math.MinInt64, UpTo: pageSize}
	for {
		var rows []sqlcgen.Withdrawal
		err := s.read(ctx, "read open withdrawals", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
			rows, err = q.OpenWithdrawals(ctx, after)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			w, err := s.withdrawalOf(row)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
			after.After, after.AfterChain, after.AfterTxid = row.CreatedAt, row.Chain, row.TxID
		}
		if len(rows) < pageSize {
			return out, nil
		}
	}
}

// Withdrawals returns withdrawals of a chain, or of all where it is empty, the
// newest first, and the token of the next page, as List does.
func (s *Store) Withdrawals(ctx context.Context, chain htlc.ChainID, page string, limit int) ([]Withdrawal, string, error) {
	from, err := parseTxPlace(page)
	if err != nil {
		return nil, "", err
	}
	size := pageOf(limit)
	var rows []sqlcgen.Withdrawal
	err = s.read(ctx, "list withdrawals", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.Withdrawals(ctx, sqlcgen.WithdrawalsParams{
			Before: from.created, BeforeChain: from.chain, BeforeTxid: from.txid, OfChain: string(chain), UpTo: size + 1,
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > int(size) {
		rows = rows[:size]
		last := rows[size-1]
		next = txPlace{last.CreatedAt, last.Chain, last.TxID}.token()
	}
	out := make([]Withdrawal, len(rows))
	for i, row := range rows {
		if out[i], err = s.withdrawalOf(row); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// ActivityKind says why one of our transactions was made.
type ActivityKind string

// The kinds of Activity.
const (
	ActivityFund       ActivityKind = "fund"
	ActivityRedeem     ActivityKind = "redeem"
	ActivityRefund     ActivityKind = "refund"
	ActivityAbandon    ActivityKind = "abandon" // of a funding that is in no block
	ActivityConsent    ActivityKind = "consent" // by both parties
	ActivityWithdrawal ActivityKind = "withdrawal"
)

// Activity is one of our transactions that may have left the process, as
// people are shown it.
type Activity struct {
	Kind    ActivityKind
	Chain   htlc.ChainID
	TxID    string
	Fee     htlc.Amount // most that it can cost, in the chain's own coin
	Created time.Time   // when it was signed

	// Of a swap's; the amount is that of the leg.
	Swap htlc.SwapID
	Leg  int

	// Of withdrawals.
	RequestID string
	Asset     htlc.AssetID
	To        string
	Amount    htlc.Amount
	Parts     int
	Outcome   WithdrawalOutcome
}

// Activity returns our transactions on a chain, or on all where it is empty,
// the newest first, and the token of the next page, as List does. One that
// was replaced stands beside its replacement.
func (s *Store) Activity(ctx context.Context, chain htlc.ChainID, page string, limit int) ([]Activity, string, error) {
	from, err := parseTxPlace(page)
	if err != nil {
		return nil, "", err
	}
	size := pageOf(limit)
	var rows []sqlcgen.ActivityRow
	err = s.read(ctx, "list transactions", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.Activity(ctx, sqlcgen.ActivityParams{
			Before: from.created, BeforeChain: from.chain, BeforeTxid: from.txid, OfChain: string(chain), UpTo: size + 1,
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > int(size) {
		rows = rows[:size]
		last := rows[size-1]
		next = txPlace{last.CreatedAt, last.Chain, last.TxID}.token()
	}
	out := make([]Activity, len(rows))
	for i, row := range rows {
		if out[i], err = activityOf(row); err != nil {
			return nil, "", fmt.Errorf("transaction %s: %w: %w", row.TxID, ErrCorrupt, err)
		}
	}
	return out, next, nil
}

func activityOf(row sqlcgen.ActivityRow) (Activity, error) {
	a := Activity{
		Kind: ActivityKind(row.Kind), Chain: htlc.ChainID(row.Chain), TxID: row.TxID, Created: time.UnixMicro(row.CreatedAt),
	}
	var err error
	if a.Fee, err = htlc.ParseAmount(row.Fee); err != nil {
		return a, err
	}
	switch a.Kind {
	case ActivityFund, ActivityRedeem, ActivityRefund, ActivityAbandon, ActivityConsent:
		a.Leg = int(row.Leg)
		a.Swap, err = swapID(row.Swap)
	case ActivityWithdrawal:
		a.RequestID, a.Asset, a.To = row.RequestID, htlc.AssetID(row.Asset), row.Destination
		a.Outcome, a.Parts = WithdrawalOutcome(row.Outcome), int(row.Parts)
		a.Amount, err = htlc.ParseAmount(row.Amount)
	default:
		err = errors.New("a kind that is unknown: " + row.Kind)
	}
	return a, err
}
