package bitcoin

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Offline computes and signs without any node: what it is told of the chain, a
// person has typed in. It signs spends of contracts only.
type Offline struct{ a *Adapter }

// NewOffline is for one chain and the keys of one account.
func NewOffline(chain htlc.ChainID, keys Keys) (*Offline, error) {
	return NewOfflineSigner(chain, NewLocalSigner(keys))
}

// NewOfflineSigner is NewOffline for keys elsewhere.
func NewOfflineSigner(chain htlc.ChainID, signer Signer) (*Offline, error) {
	params, err := ParamsOf(chain)
	if err != nil {
		return nil, err
	}
	a := &Adapter{params: params, signer: signer}
	a.wallet = newWallet(a, nil, nil)
	return &Offline{a}, a.wallet.derive()
}

// Sheet is everything about a leg's contract that can be computed from the
// Terms, for people.
type Sheet struct {
	Address      string `json:"address"`
	Script       string `json:"script"`
	RedeemScript string `json:"redeemScript"`
	RefundScript string `json:"refundScript"`
	InternalKey  string `json:"internalKey"`
	PayerKey     string `json:"payerKey"`
	PayeeKey     string `json:"payeeKey"`
	Satoshi      int64  `json:"satoshi"`
	TimeLock     int64  `json:"timeLock"`
	// Payout is the own address that a spend pays to.
	Payout string `json:"payout"`
	// Payer and Payee: the leg's key of that role is this account's.
	Payer bool `json:"payer"`
	Payee bool `json:"payee"`
}

// Sheet describes a leg.
func (o *Offline) Sheet(terms htlc.Terms, leg int) (Sheet, error) {
	c, err := buildContract(o.a.params, terms, leg)
	if err != nil {
		return Sheet{}, err
	}
	payout, err := o.payout(c, "")
	if err != nil {
		return Sheet{}, err
	}
	to, err := address.NewAddressTaproot(payout[2:], o.a.params.Net)
	if err != nil {
		return Sheet{}, fmt.Errorf("own address: %w", err)
	}
	hexKey := func(k *btcec.PublicKey) string { return hex.EncodeToString(k.SerializeCompressed()) }
	return Sheet{
		Address: c.address, Script: c.id,
		RedeemScript: hex.EncodeToString(c.redeem.tap.Script), RefundScript: hex.EncodeToString(c.refund.tap.Script),
		InternalKey: hex.EncodeToString(schnorr.SerializePubKey(c.internal)), PayerKey: hexKey(c.payer), PayeeKey: hexKey(c.payee),
		Satoshi: c.amount, TimeLock: int64(c.timeLock), Payout: to.EncodeAddress(),
		Payer: o.owns(terms, Payer, leg, c.payer), Payee: o.owns(terms, Payee, leg, c.payee),
	}, nil
}

func (o *Offline) owns(terms htlc.Terms, role Role, leg int, public *btcec.PublicKey) bool {
	return o.a.ownLegKey(context.Background(), terms.Salt, role, leg, public) == nil
}

// payout is the script of an address, or an own one, the same every time and
// within what a restored wallet looks for.
func (o *Offline) payout(c *contract, to string) ([]byte, error) {
	if to == "" {
		return o.a.wallet.payout(payoutPurpose(c))
	}
	addr, err := address.DecodeAddress(to, o.a.params.Net)
	if err != nil || !addr.IsForNet(o.a.params.Net) {
		return nil, &adapters.Error{
			Reason: "BAD_ADDRESS", Op: fmt.Sprintf("pay to %.100q", to), Err: fmt.Errorf("%w: it is none of this chain", adapters.ErrBadAddress),
		}
	}
	return txscript.PayToAddrScript(addr)
}

// TypedOutput is a funding as a block explorer shows it.
type TypedOutput struct {
	Ref     string // "txid:index"
	Satoshi int64
	Address string
	// FeeRate in satoshi for 1,000 virtual bytes.
	FeeRate uint64
	// To is where the spend pays; empty for an own address.
	To string
}

// check compares what was typed with the Terms.
func (c *contract) checkTyped(out TypedOutput) error {
	switch {
	case out.Satoshi != c.amount:
		return mismatch("%d satoshi were typed in, the terms say %d", out.Satoshi, c.amount)
	case out.Address != c.address:
		return mismatch("the address %.100q was typed in, the terms give %s", out.Address, c.address)
	case out.FeeRate < silentRelay || out.FeeRate > maxFeeRate:
		return mismatch("a feerate of %d satoshi for 1,000 vbytes; %d to %d can be relayed", out.FeeRate, uint64(silentRelay), uint64(maxFeeRate))
	}
	return nil
}

// Redeem signs the spend with the secret. It is the caller's to know that the
// secret may be shown.
func (o *Offline) Redeem(terms htlc.Terms, leg int, out TypedOutput, secret htlc.Secret) (adapters.Tx, uint64, error) {
	c, err := buildContract(o.a.params, terms, leg)
	if err != nil {
		return adapters.Tx{}, 0, err
	}
	if !secret.Opens(c.hash) {
		return adapters.Tx{}, 0, mismatch("the secret does not open leg %d", leg)
	}
	return o.spend(c, terms, Payee, leg, c.payee, out, func(s spending) spending { return c.redeeming(s.point, secret, s.payout) })
}

// Refund signs the spend after the time lock.
func (o *Offline) Refund(terms htlc.Terms, leg int, out TypedOutput) (adapters.Tx, uint64, error) {
	c, err := buildContract(o.a.params, terms, leg)
	if err != nil {
		return adapters.Tx{}, 0, err
	}
	return o.spend(c, terms, Payer, leg, c.payer, out, func(s spending) spending { return c.refunding(s.point, s.payout) })
}

// spend also returns the virtual size.
func (o *Offline) spend(
	c *contract, terms htlc.Terms, role Role, leg int, public *btcec.PublicKey, out TypedOutput, as func(spending) spending,
) (adapters.Tx, uint64, error) {
	if err := c.checkTyped(out); err != nil {
		return adapters.Tx{}, 0, err
	}
	point, err := parseRef(out.Ref)
	if err != nil {
		return adapters.Tx{}, 0, err
	}
	payout, err := o.payout(c, out.To)
	if err != nil {
		return adapters.Tx{}, 0, err
	}
	ctx := context.Background() // the keys are at hand, nobody is waited for
	if err := o.a.ownLegKey(ctx, terms.Salt, role, leg, public); err != nil {
		return adapters.Tx{}, 0, err
	}
	s := as(spending{point: point, payout: payout})
	size := virtualSize(s.unsigned(0))
	tx, err := o.a.signSpend(ctx, s, feeFor(out.FeeRate, size))
	return tx, size, err
}
