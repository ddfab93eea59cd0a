package bitcoin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/wallet/txauthor"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Reserve commits coins for the amount and for the funding's fee at the stress
// rate. Refund and redeem pay for themselves out of the contract.
func (a *Adapter) Reserve(ctx context.Context, r adapters.Reservation) (adapters.PayerPart, error) {
	if r.Asset != a.params.Asset {
		return adapters.PayerPart{}, unknownAsset(r.Asset)
	}
	market, err := a.market(ctx)
	if err != nil {
		return adapters.PayerPart{}, err
	}
	stress := a.stress(market)
	amount, err := a.checkAmount(r.Amount, stress)
	if err != nil {
		return adapters.PayerPart{}, err
	}
	if r.Owner == "" {
		return adapters.PayerPart{}, mismatch("a reservation needs an owner")
	}
	key, err := a.publicKey(ctx, r.Salt, Payer, r.Leg)
	if err != nil {
		return adapters.PayerPart{}, err
	}
	err = a.wallet.current(ctx, func() error {
		outputs := []*wire.TxOut{wire.NewTxOut(amount, make([]byte, taprootScriptSize))}
		return a.wallet.commit(ctx, r.Owner, outputs, stress)
	})
	return adapters.PayerPart{Key: key}, err
}

// PayeeKey is the key that a leg of this asset pays.
func (a *Adapter) PayeeKey(ctx context.Context, asset htlc.AssetID, salt htlc.Salt, leg int) ([]byte, error) {
	if asset != a.params.Asset {
		return nil, unknownAsset(asset)
	}
	return a.publicKey(ctx, salt, Payee, leg)
}

// ReserveRedeem has nothing to commit: the contract pays for its own redeem.
func (a *Adapter) ReserveRedeem(_ context.Context, _ string, asset htlc.AssetID, _ int) error {
	if asset != a.params.Asset {
		return unknownAsset(asset)
	}
	return nil
}

func (a *Adapter) publicKey(ctx context.Context, salt htlc.Salt, role Role, leg int) ([]byte, error) {
	key, err := a.signer.LegKey(ctx, salt, role, leg)
	if err != nil {
		return nil, err
	}
	return key.SerializeCompressed(), nil
}

// Release frees what owner holds and has not used, and what it has used for
// something that can never be mined, now or once that is certain.
func (a *Adapter) Release(ctx context.Context, owner string) error {
	return a.wallet.do(ctx, func() error {
		if err := a.wallet.load(ctx); err != nil {
			return err
		}
		if err := a.wallet.release(ctx, owner); err != nil {
			return err
		}
		return a.wallet.freeLost(ctx)
	})
}

// Adopt renames the owner of a reservation.
func (a *Adapter) Adopt(ctx context.Context, from, to string) error {
	return a.wallet.do(ctx, func() error {
		if err := a.wallet.load(ctx); err != nil {
			return err
		}
		return a.wallet.rename(ctx, from, func(h hold) hold { h.owner = to; return h })
	})
}

// commit holds coins for the outputs and their fee at rate. An owner's second
// reservation of the same amount changes nothing, one of another is refused: the
// first may stand in Terms already.
func (w *wallet) commit(ctx context.Context, owner string, outputs []*wire.TxOut, rate uint64) error {
	amount := outputs[0].Value
	held, whole := w.heldBy(owner)
	if whole.used {
		return reserved("reserve coins for " + owner + " a second time")
	}
	if len(held) > 0 {
		if whole.amount != amount {
			return alreadyReserved(owner)
		}
		return nil
	}
	authored, err := w.author(owner, outputs, rate, w.free(), fewest)
	if err != nil {
		return w.explain(err)
	}
	return w.hold(ctx, owner, amount, pointsOf(authored.Tx))
}

// missing says how much the coins lack.
type missing struct{ satoshi int64 }

func (m *missing) Error() string { return fmt.Sprintf("%d satoshi are missing", m.satoshi) }

// choice picks coins worth at least a target, or all there are where they are
// not worth that much.
type choice func(coins []Coin, target int64) []Coin

// all is for coins that were reserved for this very purpose.
func all(coins []Coin, _ int64) []Coin { return coins }

// fewest takes the smallest coin that is enough by itself, so that large ones
// stay whole, else the largest ones.
func fewest(coins []Coin, target int64) []Coin {
	slices.SortFunc(coins, func(x, y Coin) int {
		return cmp.Or(cmp.Compare(y.Amount, x.Amount), cmp.Compare(refOf(x.Point), refOf(y.Point)))
	})
	for _, c := range slices.Backward(coins) {
		if c.Amount >= target {
			return []Coin{c}
		}
	}
	var sum int64
	for i, c := range coins {
		if sum += c.Amount; sum >= target {
			return coins[:i+1]
		}
	}
	return coins
}

// author builds the unsigned transaction: outputs, change to an own address
// where it is no dust, and a fee of rate for the size that it will have.
func (w *wallet) author(owner string, outputs []*wire.TxOut, rate uint64, coins []Coin, pick choice) (*txauthor.AuthoredTx, error) {
	source := func(target btcutil.Amount) (total btcutil.Amount, ins []*wire.TxIn, values []btcutil.Amount, scripts [][]byte, err error) {
		for _, c := range pick(slices.Clone(coins), int64(target)) {
			script, err := w.script(path{c.Branch, c.Index})
			if err != nil {
				return 0, nil, nil, nil, err
			}
			ins = append(ins, wire.NewTxIn(&c.Point, nil, nil))
			total, values, scripts = total+btcutil.Amount(c.Amount), append(values, btcutil.Amount(c.Amount)), append(scripts, script)
		}
		if total < target {
			return 0, nil, nil, nil, &missing{int64(target - total)}
		}
		return total, ins, values, scripts, nil
	}
	change := &txauthor.ChangeSource{
		NewScript: func() ([]byte, error) { return w.payout("change of " + owner) }, ScriptSize: taprootScriptSize,
	}
	authored, err := txauthor.NewUnsignedTransaction(outputs, btcutil.Amount(rate), source, change)
	if err != nil {
		return nil, err
	}
	authored.Tx.Version = txVersion
	// The library knows the dust of one chain only.
	if i := authored.ChangeIndex; i >= 0 && authored.Tx.TxOut[i].Value < w.a.params.dustLimit(authored.Tx.TxOut[i].PkScript) {
		authored.Tx.TxOut, authored.ChangeIndex = slices.Delete(authored.Tx.TxOut, i, i+1), -1
	}
	return authored, nil
}

// explain names the amount missing, and whether it is there but not free.
func (w *wallet) explain(err error) error {
	var short *missing
	if !errors.As(err, &short) {
		return fmt.Errorf("choose coins: %w", err)
	}
	var taken int64
	owners := make(map[string]bool)
	for point, c := range w.known {
		if h, ok := w.held[point]; ok && !h.used && w.spendable(c) {
			taken += c.Amount
			owners[h.owner] = true
		}
	}
	op := "set coins aside"
	if taken >= short.satoshi {
		e := &adapters.Error{Reason: "COINS_RESERVED", Op: op, Retryable: true, Advice: adviceReserved}
		e.Meta = map[string]string{"missing": strconv.FormatInt(short.satoshi, 10)}
		e.Err = fmt.Errorf("%w: %w: %d satoshi are missing; coins are reserved whole, now %d satoshi for %d owners",
			adapters.ErrReserved, adapters.ErrInsufficientFunds, short.satoshi, taken, len(owners))
		return e
	}
	return insufficient(op, short.satoshi)
}
