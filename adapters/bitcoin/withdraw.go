package bitcoin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/wallet/txauthor"

	"github.com/kofo-network/kofo/adapters"
)

// withdrawals begins the name of every owner of a withdrawal's coins.
const withdrawals = "withdrawal:"

// unholdTimeout bounds how long a failed withdrawal waits for the store.
const unholdTimeout = 5 * time.Second

// WithdrawalOwner is who holds the coins of a withdrawal. A withdrawal that was
// signed and is never broadcast is released under this name.
func WithdrawalOwner(requestID string) string { return withdrawals + requestID }

// Withdraw signs a payment out of coins that nobody holds. Asked again with the
// same RequestID before the payment was broadcast, or after Broadcast has called
// it lost (adapters.ErrNonceTaken), it signs anew and the earlier payment must
// not be broadcast any more: the caller stores by RequestID. With an error
// nothing is held.
func (a *Adapter) Withdraw(ctx context.Context, wd adapters.Withdrawal) (adapters.Tx, error) {
	if wd.Asset != a.params.Asset {
		return adapters.Tx{}, unknownAsset(wd.Asset)
	}
	if wd.RequestID == "" {
		return adapters.Tx{}, mismatch("a withdrawal needs a request id")
	}
	outputs, err := a.ordered(wd)
	if err != nil {
		return adapters.Tx{}, err
	}
	rate, err := a.market(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	tx, err := a.payment(ctx, outputs, rate, wd)
	if err != nil {
		return adapters.Tx{}, errors.Join(err, a.unhold(ctx, WithdrawalOwner(wd.RequestID)))
	}
	return tx, nil
}

// ordered are the outputs that a withdrawal asks for. Those of a split get their
// scripts later, since the wallet has to be read for them.
func (a *Adapter) ordered(wd adapters.Withdrawal) ([]*wire.TxOut, error) {
	script, parts := make([]byte, taprootScriptSize), wd.Parts
	if wd.Parts == 0 {
		var err error
		if script, err = a.payTo(wd.To); err != nil {
			return nil, err
		}
		parts = 1
	} else if err := checkParts(wd); err != nil {
		return nil, err
	}
	amount, fits := wd.Amount.Uint64()
	if !fits || amount > btcutil.MaxSatoshi/uint64(parts) {
		return nil, &adapters.Error{
			Reason: "AMOUNT_TOO_LARGE", Op: fmt.Sprintf("withdraw %d times %s satoshi", parts, wd.Amount), Err: adapters.ErrAmountTooLarge,
		}
	}
	if least := a.params.dustLimit(script); int64(amount) < least {
		return nil, dust(fmt.Sprintf("withdraw %d satoshi", amount), least)
	}
	outputs := make([]*wire.TxOut, parts)
	for i := range outputs {
		outputs[i] = wire.NewTxOut(int64(amount), script)
	}
	return outputs, nil
}

// payment holds coins and signs.
func (a *Adapter) payment(ctx context.Context, outputs []*wire.TxOut, rate uint64, wd adapters.Withdrawal) (adapters.Tx, error) {
	var authored *txauthor.AuthoredTx
	err := a.wallet.current(ctx, func() (err error) {
		owner := WithdrawalOwner(wd.RequestID)
		if wd.Parts > 0 {
			if err := a.wallet.payParts(owner, outputs); err != nil {
				return err
			}
		}
		authored, err = a.wallet.pay(ctx, owner, outputs, rate, wd)
		return err
	})
	if err != nil {
		return adapters.Tx{}, err
	}
	tx, err := a.finishAuthored(authored)
	if err != nil {
		return adapters.Tx{}, err
	}
	return tx, a.testAccept(ctx, tx)
}

// unhold frees what a withdrawal holds that was not used, also where its caller
// has gone.
func (a *Adapter) unhold(ctx context.Context, owner string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unholdTimeout)
	defer cancel()
	return a.wallet.do(ctx, func() error {
		if err := a.wallet.load(ctx); err != nil {
			return err
		}
		return a.wallet.dropUnused(ctx, owner)
	})
}

// ReleaseUnknownWithdrawals frees the coins of withdrawals that were signed,
// never sent, and whose request ids are not known. It is for the start of a
// process, before the first Withdraw: the one that ended may have signed and
// not stored.
func (a *Adapter) ReleaseUnknownWithdrawals(ctx context.Context, known func(requestID string) bool) error {
	return a.wallet.do(ctx, func() error {
		if err := a.wallet.load(ctx); err != nil {
			return err
		}
		owners := make(map[string]bool)
		for _, h := range a.wallet.held {
			if id, ok := strings.CutPrefix(h.owner, withdrawals); ok && !h.used {
				owners[h.owner] = !known(id)
			}
		}
		for owner, unknown := range owners {
			if !unknown {
				continue
			}
			if err := a.wallet.dropUnused(ctx, owner); err != nil {
				return err
			}
		}
		return nil
	})
}

// pay chooses and holds coins and signs. A fee over the limit holds nothing.
func (w *wallet) pay(ctx context.Context, owner string, outputs []*wire.TxOut, rate uint64, wd adapters.Withdrawal) (*txauthor.AuthoredTx, error) {
	coins := w.free()
	held, whole := w.heldBy(owner)
	lost := w.lost(whole)
	if whole.used && !lost {
		return nil, reserved("pay a second time for " + owner)
	}
	for _, c := range held {
		if w.spendable(c) {
			coins = append(coins, c)
		}
	}
	authored, err := w.author(owner, outputs, rate, coins, fewest)
	if err != nil {
		return nil, w.explain(err)
	}
	fee := int64(authored.TotalInput - txauthor.SumOutputValues(authored.Tx.TxOut))
	if most, fits := wd.MaxFee.Uint64(); fits && most > 0 && fee > int64(min(most, btcutil.MaxSatoshi)) {
		return nil, &adapters.Error{
			Reason: "BUDGET_TOO_SMALL", Op: "price " + owner, Retryable: true,
			Err: fmt.Errorf("%w: the fee would be %d satoshi, at most %d are allowed", adapters.ErrBudget, fee, most),
		}
	}
	// Not before: where there are no coins, what was lost is still told.
	for h := range w.of(owner) {
		if err := w.drop(ctx, h); err != nil {
			return nil, err
		}
	}
	if err := w.hold(ctx, owner, int64(txauthor.SumOutputValues(outputs)), pointsOf(authored.Tx)); err != nil {
		return nil, err
	}
	if err := w.signAuthored(ctx, authored, math.MaxUint32, signing{purpose: ForWithdraw}); err != nil {
		return nil, err
	}
	return authored, w.bind(ctx, owner, authored.Tx)
}

// payTo reads an address of this chain.
func (a *Adapter) payTo(text string) ([]byte, error) {
	bad := func(err error) error {
		return &adapters.Error{
			Reason: "BAD_ADDRESS", Op: fmt.Sprintf("read address %.100q", text),
			Err: fmt.Errorf("%w: %w", adapters.ErrBadAddress, err),
		}
	}
	addr, err := address.DecodeAddress(text, a.params.Net)
	if err != nil {
		return nil, bad(err)
	}
	if !addr.IsForNet(a.params.Net) {
		return nil, bad(fmt.Errorf("it belongs to another network"))
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		return nil, bad(err)
	}
	return script, nil
}
