package bitcoin

import (
	"context"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/wallet/txauthor"

	"github.com/kofo-network/kofo/adapters"
)

// withdrawals begins the name of every owner of a withdrawal's coins.
const withdrawals = "withdrawal:"

// WithdrawalOwner is who holds the coins of a withdrawal. A withdrawal that was
// signed and is never broadcast is released under this name.
func WithdrawalOwner(requestID string) string { return withdrawals + requestID }

// Withdraw signs a payment out of coins that nobody holds. Asked again with the
// same RequestID before the payment was broadcast, it signs anew and the earlier
// payment must not be broadcast any more: the caller stores by RequestID.
func (a *Adapter) Withdraw(ctx context.Context, wd adapters.Withdrawal) (adapters.Tx, error) {
	if wd.Asset != a.params.Asset {
		return adapters.Tx{}, unknownAsset(wd.Asset)
	}
	if wd.RequestID == "" {
		return adapters.Tx{}, mismatch("a withdrawal needs a request id")
	}
	script, err := a.payTo(wd.To)
	if err != nil {
		return adapters.Tx{}, err
	}
	amount, fits := wd.Amount.Uint64()
	if !fits || amount > btcutil.MaxSatoshi {
		return adapters.Tx{}, &adapters.Error{
			Reason: "AMOUNT_TOO_LARGE", Op: fmt.Sprintf("withdraw %s satoshi", wd.Amount), Err: adapters.ErrAmountTooLarge,
		}
	}
	output := wire.NewTxOut(int64(amount), script)
	if least := dustLimit(script); output.Value < least {
		return adapters.Tx{}, dust(fmt.Sprintf("withdraw %d satoshi", amount), least)
	}
	rate, err := a.market(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	var authored *txauthor.AuthoredTx
	err = a.wallet.current(ctx, func() error {
		authored, err = a.wallet.pay(ctx, WithdrawalOwner(wd.RequestID), output, rate, wd)
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

// pay chooses and holds coins and signs. A fee over the limit holds nothing.
func (w *wallet) pay(ctx context.Context, owner string, output *wire.TxOut, rate uint64, wd adapters.Withdrawal) (*txauthor.AuthoredTx, error) {
	if _, whole := w.heldBy(owner); whole.used {
		return nil, reserved("pay a second time for " + owner)
	}
	if err := w.release(ctx, owner); err != nil {
		return nil, err
	}
	authored, err := w.author(owner, []*wire.TxOut{output}, rate, w.free(), fewest)
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
	if err := w.hold(ctx, owner, output.Value, pointsOf(authored.Tx)); err != nil {
		return nil, err
	}
	if err := w.signAuthored(authored, math.MaxUint32); err != nil {
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
