package node

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/store"
)

// payments moves and lists the owner's money over all chains.
type payments struct{ core *core }

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
			Kind: movementKinds[a.Kind], Asset: a.Asset, Amount: a.Amount, To: a.To, Parts: a.Parts, Swap: a.Swap,
		}
		if a.Parts > 0 {
			m.Kind, m.To = server.Split, ""
		}
		if a.Kind == store.ActivityWithdrawal {
			p.onChain(ctx, &m)
		} else if err := p.ofSwap(ctx, a, &m); err != nil {
			return nil, "", err
		}
		out = append(out, m)
	}
	return out, next, nil
}

var movementKinds = map[store.ActivityKind]server.MovementKind{
	store.ActivityFund:       server.Funded,
	store.ActivityRedeem:     server.Redeemed,
	store.ActivityRefund:     server.Refunded,
	store.ActivityAbandon:    server.Abandoned,
	store.ActivityConsent:    server.Consented,
	store.ActivityWithdrawal: server.Withdrawn,
}

// onChain adds what the chain knows of a transaction that no fact tells of,
// where it does.
func (p payments) onChain(ctx context.Context, m *server.Movement) {
	if paid, ok := p.paid(ctx, m.Chain, m.TxID); ok {
		m.Fee, m.Height, m.Confirmations, m.Failed = paid.Fee, paid.Height, paid.Confirmations, paid.Failed
	}
}

func (p payments) paid(ctx context.Context, id htlc.ChainID, txid string) (adapters.Paid, bool) {
	on, err := p.core.chains.find(id)
	if err != nil {
		return adapters.Paid{}, false
	}
	paid, ok, err := on.adapter.Paid(ctx, txid)
	if err != nil {
		p.core.log.Debug("what a transaction has cost is not known", "chain", string(id), "txid", txid, "error", err)
	}
	return paid, ok && err == nil
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
	default: // an approval, an abandonment, or one whose place another took
		p.onChain(ctx, m)
		m.Failed = m.Failed || m.Height == 0 && (state.Status.Spent() || record.Swap.Phase == htlc.PhaseClosed)
	}
	return nil
}

// FeeOf is what a transaction of ours in a block has cost.
func (p payments) FeeOf(ctx context.Context, id htlc.ChainID, txid string) (htlc.Amount, bool) {
	paid, ok := p.paid(ctx, id, txid)
	return paid.Fee, ok
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
