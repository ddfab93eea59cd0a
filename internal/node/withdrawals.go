package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/internal/store"
)

// withdrawalTick is how often open withdrawals are looked after.
const withdrawalTick = 15 * time.Second

// Withdraw signs, stores, and broadcasts, in this order. A request id stands
// for one payment, however often it is asked for. Once it is stored it is made,
// now or when the chain's node takes it: the answer is then the payment, and
// what keeps it waiting stands in the log.
func (p payments) Withdraw(ctx context.Context, w adapters.Withdrawal) (adapters.Tx, error) {
	p.core.paying.Lock()
	defer p.core.paying.Unlock()
	on, err := p.core.chains.find(w.Asset.Chain())
	if err != nil {
		return adapters.Tx{}, err
	}
	stored, err := p.core.store.Withdrawal(ctx, w.RequestID)
	if errors.Is(err, store.ErrNotFound) {
		var tx adapters.Tx
		if tx, err = on.adapter.Withdraw(ctx, w); err == nil {
			stored, err = p.core.store.SaveWithdrawal(ctx, store.Withdrawal{
				RequestID: w.RequestID, Tx: tx, Asset: w.Asset, To: w.To, Amount: w.Amount, MaxFee: w.MaxFee, Parts: w.Parts,
			})
		}
	}
	switch {
	case err != nil:
		return adapters.Tx{}, err
	case stored.Asset != w.Asset || stored.To != w.To || stored.Amount != w.Amount || stored.Parts != w.Parts:
		return adapters.Tx{}, fmt.Errorf("%w: it pays %s of %s to %s", store.ErrRequestReused, stored.Amount, stored.Asset, stored.To)
	case stored.Outcome != store.WithdrawalOpen:
		return stored.Tx, nil
	}
	sent, err := p.send(ctx, on, stored)
	if err != nil {
		p.core.log.Warn("withdrawal waits", "request", w.RequestID, "txid", sent.ID, "error", err)
	}
	return sent, nil
}

// send broadcasts a stored payment and returns the one that stands in the store
// in the end. One that can never be mined is signed anew.
func (p payments) send(ctx context.Context, on chain, w store.Withdrawal) (adapters.Tx, error) {
	if err := p.core.store.MarkWithdrawalReleased(ctx, w.RequestID); err != nil {
		return w.Tx, err
	}
	err := on.adapter.Broadcast(ctx, w.Tx)
	if !errors.Is(err, adapters.ErrNonceTaken) {
		return w.Tx, err
	}
	again, err := on.adapter.Withdraw(ctx, adapters.Withdrawal{
		RequestID: w.RequestID, Asset: w.Asset, To: w.To, Amount: w.Amount, MaxFee: w.MaxFee, Parts: w.Parts,
	})
	if err != nil {
		return w.Tx, fmt.Errorf("sign withdrawal %s again: %w", w.RequestID, err)
	}
	if err := p.core.store.ReplaceWithdrawalTx(ctx, w.RequestID, w.Tx.ID, again); err != nil {
		return w.Tx, err
	}
	if err := p.core.store.MarkWithdrawalReleased(ctx, w.RequestID); err != nil {
		return again, err
	}
	return again, on.adapter.Broadcast(ctx, again)
}

// lookAfter sends what was stored and is in no block, again and again, until
// it is buried: a payment that was promised is made, also after a crash.
func (p payments) lookAfter(ctx context.Context) error {
	ticker := time.NewTicker(withdrawalTick)
	defer ticker.Stop()
	for {
		open, err := p.core.store.OpenWithdrawals(ctx)
		if err != nil && ctx.Err() == nil {
			p.core.log.Warn("open withdrawals", "error", err)
		}
		for _, w := range open {
			if err := p.follow(ctx, w.RequestID); err != nil && ctx.Err() == nil {
				p.core.log.Warn("withdrawal", "request", w.RequestID, "txid", w.Tx.ID, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// follow does what one withdrawal needs now. It is read under the lock: a call
// may have signed it anew since it was listed.
func (p payments) follow(ctx context.Context, requestID string) error {
	p.core.paying.Lock()
	defer p.core.paying.Unlock()
	w, err := p.core.store.Withdrawal(ctx, requestID)
	if err != nil || w.Outcome != store.WithdrawalOpen {
		return err
	}
	on, err := p.core.chains.find(w.Tx.Chain)
	if err != nil {
		return err
	}
	paid, mined, err := on.adapter.Paid(ctx, w.Tx.ID)
	switch {
	case err != nil:
		return err
	case !mined:
		_, err := p.send(ctx, on, w)
		return err
	case paid.Confirmations < uint64(on.Confirms):
		return nil
	}
	outcome := store.WithdrawalMined
	if paid.Failed {
		outcome = store.WithdrawalFailed
	}
	return p.core.store.SettleWithdrawal(ctx, w.RequestID, w.Tx.ID, outcome)
}
