package bitcoin

import (
	"bytes"
	"context"
	"math"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// entrustedRungs is how many feerates are signed for a tower; each is a third
// above the one before, so that the ladder spans three powers of ten.
const entrustedRungs = 24

// FundingRef finds the contract's output in its funding, which need not have been
// broadcast.
func (a *Adapter) FundingRef(terms htlc.Terms, leg int, funding adapters.Tx) (string, error) {
	c, err := buildContract(a.params, terms, leg)
	if err != nil {
		return "", err
	}
	tx, err := decodeTx(funding.Raw)
	if err != nil {
		return "", mismatch("funding %s cannot be read: %v", funding.ID, err)
	}
	for i, out := range tx.TxOut {
		if bytes.Equal(out.PkScript, c.script) && out.Value == c.amount {
			return refOf(wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}), nil
		}
	}
	return "", mismatch("transaction %s does not fund the contract", funding.ID)
}

// EntrustRefund signs the refund of a leg for a tower, once the funding is signed
// and before it is broadcast. No rung but the first pays more than most.
func (a *Adapter) EntrustRefund(ctx context.Context, terms htlc.Terms, leg int, ref string, most htlc.Amount) (adapters.Entrusted, error) {
	signed, err := a.PresignRefund(ctx, adapters.Spend{Terms: terms, Leg: leg, Ref: ref}, a.ladder())
	return entrusted(ref, a.ladder(), signed, most, err)
}

// EntrustRedeem signs the redeem of a leg for a tower, once its funding is
// known, and without the secret.
func (a *Adapter) EntrustRedeem(ctx context.Context, terms htlc.Terms, leg int, ref string, most htlc.Amount) (adapters.Entrusted, error) {
	signed, err := a.PresignRedeem(ctx, adapters.Spend{Terms: terms, Leg: leg, Ref: ref}, a.ladder())
	return entrusted(ref, a.ladder(), signed, most, err)
}

func (a *Adapter) ladder() []uint64 {
	rates := make([]uint64, 0, entrustedRungs)
	for rate := a.config.FeeFloor; len(rates) < entrustedRungs && rate <= maxFeeRate; rate += max(rate/3, silentRelay) {
		rates = append(rates, rate)
	}
	return rates
}

// entrusted leaves out what costs more than most, but for the cheapest.
func entrusted(ref string, rates []uint64, signed []Presigned, most htlc.Amount, err error) (adapters.Entrusted, error) {
	if err != nil {
		return adapters.Entrusted{}, err
	}
	limit, ok := most.Uint64()
	if !ok {
		limit = math.MaxUint64
	}
	out := adapters.Entrusted{Target: ref, Funding: ref}
	for i, p := range signed {
		if i > 0 && uint64(p.fee) > limit {
			break
		}
		raw, err := p.MarshalBinary()
		if err != nil {
			return adapters.Entrusted{}, err
		}
		out.Spends = append(out.Spends, adapters.EntrustedSpend{FeeRate: rates[i], Raw: raw})
	}
	return out, nil
}

// Complete makes the transaction of an entrusted spend: of a redeem with its
// secret. It needs no key.
func Complete(target string, raw []byte, secret htlc.Secret) (adapters.Tx, error) {
	p, err := ParsePresigned(raw)
	switch {
	case err != nil:
		return adapters.Tx{}, err
	case p.Ref != target:
		return adapters.Tx{}, mismatch("it spends %s, not %.140s", p.Ref, target)
	case p.Kind == adapters.Redeemed:
		return CompleteRedeem(p, secret)
	}
	return CompleteRefund(p)
}
