package bitcoin

import (
	"context"
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/wallet/txauthor"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Fund signs the lock of a leg out of the coins that owner has reserved, and
// the refund of exactly this lock. Nothing is broadcast.
func (a *Adapter) Fund(ctx context.Context, owner string, terms htlc.Terms, leg int) (adapters.Funding, error) {
	c, err := buildContract(a.params, terms, leg)
	if err != nil {
		return adapters.Funding{}, err
	}
	if err := a.ownLegKey(ctx, terms.Salt, Payer, leg, c.payer); err != nil {
		return adapters.Funding{}, err
	}
	rate, err := a.market(ctx)
	if err != nil {
		return adapters.Funding{}, err
	}
	lock, payout, err := a.signLock(ctx, owner, c, rate)
	if err != nil {
		return adapters.Funding{}, err
	}
	fund, err := a.finishAuthored(lock)
	if err != nil {
		return adapters.Funding{}, err
	}
	if err := a.testAccept(ctx, fund); err != nil {
		return adapters.Funding{}, err
	}
	s := c.refunding(wire.OutPoint{Hash: lock.Tx.TxHash()}, payout)
	fee := min(feeFor(rate, virtualSize(s.unsigned(0))), s.amount-a.params.dustLimit(payout))
	refund, err := a.signSpend(ctx, s, fee)
	if err != nil {
		return adapters.Funding{}, fmt.Errorf("sign the refund: %w", err)
	}
	return adapters.Funding{Txs: []adapters.Tx{fund}, Refund: &refund}, nil
}

// signLock spends all coins of the reservation and no other. It returns an own
// script for the refund as well.
func (a *Adapter) signLock(ctx context.Context, owner string, c *contract, rate uint64) (lock *txauthor.AuthoredTx, payout []byte, err error) {
	err = a.wallet.current(ctx, func() error {
		w := a.wallet
		coins, whole := w.heldBy(owner)
		switch {
		case whole.used:
			return reserved("fund a second time for " + owner)
		case len(coins) == 0:
			return &adapters.Error{
				Reason: "NOT_RESERVED", Op: "fund for " + owner, Advice: "reserve coins first",
				Err: fmt.Errorf("%w: no coins are reserved", adapters.ErrInsufficientFunds),
			}
		}
		for _, coin := range coins {
			if !w.spendable(coin) {
				return reserved(fmt.Sprintf("fund for %s with coin %s, which is not spendable now", owner, coin.Point))
			}
		}
		outputs := []*wire.TxOut{wire.NewTxOut(c.amount, c.script)}
		lock, err = w.author(owner, outputs, rate, coins, all)
		if err != nil && rate > a.config.StressFee {
			// Fees have risen since the coins were reserved: better slow than not.
			lock, err = w.author(owner, outputs, a.config.StressFee, coins, all)
		}
		if err != nil {
			return w.explain(err)
		}
		// Replaceable, so that it can be abandoned. Nobody relies on a lock that is
		// in no block.
		if err := w.signAuthored(ctx, lock, replaceable, signing{purpose: ForFund, terms: c.terms, leg: c.leg}); err != nil {
			return err
		}
		if payout, err = w.payout(payoutPurpose(c)); err != nil {
			return err
		}
		return w.bind(ctx, owner, lock.Tx)
	})
	return lock, payout, err
}

// signAuthored signs what author built.
func (w *wallet) signAuthored(ctx context.Context, authored *txauthor.AuthoredTx, sequence uint32, as signing) error {
	for _, in := range authored.Tx.TxIn {
		in.Sequence = sequence
	}
	as.tx = authored.Tx
	return w.signOwn(ctx, as)
}

func (a *Adapter) finishAuthored(authored *txauthor.AuthoredTx) (adapters.Tx, error) {
	fee := authored.TotalInput - txauthor.SumOutputValues(authored.Tx.TxOut)
	return a.finish(authored.Tx, int64(fee))
}
