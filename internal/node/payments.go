package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/store"
)

// payments moves and lists the owner's money over all chains.
type payments struct{ core *core }

// Withdraw signs, stores, and broadcasts, in this order. A request id stands
// for one payment, however often it is asked for.
func (p payments) Withdraw(ctx context.Context, w adapters.Withdrawal) (adapters.Tx, error) {
	on, err := p.core.chains.find(w.Asset.Chain())
	if err != nil {
		return adapters.Tx{}, err
	}
	stored, err := p.core.store.Withdrawal(ctx, w.RequestID)
	switch {
	case err == nil && stored.Released:
		return stored.Tx, on.adapter.Broadcast(ctx, stored.Tx)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return adapters.Tx{}, err
	case err != nil:
		tx, err := on.adapter.Withdraw(ctx, w)
		if err != nil {
			return adapters.Tx{}, err
		}
		stored, err = p.core.store.SaveWithdrawal(ctx, store.Withdrawal{
			RequestID: w.RequestID, Tx: tx, Asset: w.Asset, To: w.To, Amount: w.Amount,
		})
		if err != nil {
			return adapters.Tx{}, err
		}
	}
	if err := p.core.store.MarkWithdrawalReleased(ctx, w.RequestID); err != nil {
		return adapters.Tx{}, err
	}
	return stored.Tx, on.adapter.Broadcast(ctx, stored.Tx)
}

// Activity lists our own transactions, the newest first.
func (p payments) Activity(ctx context.Context, id htlc.ChainID, page string, limit int) ([]server.Movement, string, error) {
	list, next, err := p.core.store.Activity(ctx, id, page, limit)
	if err != nil {
		return nil, "", err
	}
	out := make([]server.Movement, 0, len(list))
	for _, a := range list {
		m := server.Movement{
			Chain: a.Chain, TxID: a.TxID, Fee: a.Fee, FeeAsset: p.core.chains.coin(a.Chain), Time: a.Created,
			Kind: movementKinds[a.Kind], Asset: a.Asset, Amount: a.Amount, To: a.To, Swap: a.Swap,
		}
		if a.Kind != store.ActivityWithdrawal {
			if err := p.ofSwap(ctx, a, &m); err != nil {
				return nil, "", err
			}
		}
		out = append(out, m)
	}
	return out, next, nil
}

var movementKinds = map[store.ActivityKind]server.MovementKind{
	store.ActivityFund:       server.Funded,
	store.ActivityRedeem:     server.Redeemed,
	store.ActivityRefund:     server.Refunded,
	store.ActivityWithdrawal: server.Withdrawn,
}

// ofSwap adds what the swap knows of one of its transactions.
func (p payments) ofSwap(ctx context.Context, a store.Activity, m *server.Movement) error {
	record, err := p.core.store.Get(ctx, a.Swap)
	if err != nil {
		return fmt.Errorf("transaction %s: %w", a.TxID, err)
	}
	terms, state := record.Swap.Terms.Legs[a.Leg], record.Swap.Legs[a.Leg]
	m.Asset, m.Amount = terms.Asset, terms.Amount
	switch a.TxID {
	case state.FundTx:
		m.Height, m.Confirmations = state.FundBlock.Height, state.Confirmations()
	case state.SpendTx:
		m.Height, m.Confirmations = state.SpendBlock.Height, state.SpendConfirmations()
	default:
		m.Failed = state.Status.Spent() // another one took its place
	}
	return nil
}

// FeeOf knows nothing better than what was signed.
func (p payments) FeeOf(context.Context, htlc.ChainID, string) (htlc.Amount, bool) {
	return htlc.Amount{}, false
}

// coin is what a chain's fees are paid in.
func (c chains) coin(id htlc.ChainID) htlc.AssetID {
	on, err := c.find(id)
	if err != nil {
		return ""
	}
	if on.Kind == config.KindBitcoin {
		return htlc.AssetID(on.ID + "/slip44:0")
	}
	return htlc.AssetID(on.ID + "/slip44:60")
}
