package bitcoin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// maxRungs of a ladder of feerates.
const maxRungs = 32

var (
	errLadder    = errors.New("no ladder of feerates")
	errSignature = errors.New("the signature is not that of the contract's party")
)

// Presigned is a spend that its owner has signed in advance, for somebody who
// is to send it while the owner cannot: a watchtower. It needs no key any more
// and can be turned into nothing but itself: it pays to the owner, and to nobody
// else. A redeem lacks the secret, which its signature does not cover, and is
// worth nothing without it; a refund waits for its time lock.
//
// Whoever holds it can pick the moment, and one of the fees that were signed.
type Presigned struct {
	Chain htlc.ChainID
	// Kind is what it does to the contract: adapters.Redeemed or Refunded.
	Kind     adapters.FactKind
	Contract string // Contract.ID
	Ref      string // Fact.Ref of the funding that it spends
	// Hash is that of the secret that a redeem lacks.
	Hash htlc.SecretHash
	// TimeLock is what the chain's clock must be past for a refund.
	TimeLock int64
	PayTo    string // address
	Payout   htlc.Amount
	Fee      htlc.Amount
	FeeRate  uint64 // satoshi for 1,000 virtual bytes

	spending  spending
	fee       int64
	signature []byte
}

// PresignRedeem signs the redeem of a leg once for every feerate, without the
// secret. Of the spend it needs Terms, Leg and Ref. It asks no node, so that the
// redeem can be signed as soon as the funding is announced; where the funding is
// not what the Terms say, the signatures fit nothing.
//
// The feerates, in satoshi for 1,000 virtual bytes, rise by what a replacement
// costs at least. Those that the amount does not pay for are left out.
func (a *Adapter) PresignRedeem(ctx context.Context, spend adapters.Spend, feerates []uint64) ([]Presigned, error) {
	return a.presign(ctx, spend, Payee, feerates, func(c *contract, point wire.OutPoint, payout []byte) spending {
		return c.redeeming(point, htlc.Secret{}, payout)
	})
}

// PresignRefund is PresignRedeem for the payer's refund; only the time lock is
// wanting. It can be signed before the funding is broadcast.
func (a *Adapter) PresignRefund(ctx context.Context, spend adapters.Spend, feerates []uint64) ([]Presigned, error) {
	return a.presign(ctx, spend, Payer, feerates, (*contract).refunding)
}

func (a *Adapter) presign(ctx context.Context, spend adapters.Spend, role Role, feerates []uint64, with func(*contract, wire.OutPoint, []byte) spending) ([]Presigned, error) {
	if err := checkLadder(feerates); err != nil {
		return nil, err
	}
	c, err := buildContract(a.params, spend.Terms, spend.Leg)
	if err != nil {
		return nil, err
	}
	point, err := parseRef(spend.Ref)
	if err != nil {
		return nil, err
	}
	if err := a.ownLegKey(ctx, spend.Terms.Salt, role, spend.Leg, c.keyOf(role)); err != nil {
		return nil, err
	}
	payout, err := a.payoutFor(ctx, c)
	if err != nil {
		return nil, err
	}
	s := with(c, point, payout)
	size, most := virtualSize(s.unsigned(0)), s.amount-a.params.dustLimit(payout)
	var out []Presigned
	for _, rate := range feerates {
		fee := feeFor(rate, size)
		if fee > most {
			break
		}
		signature, err := a.signatureOf(ctx, s, s.unsigned(fee))
		if err != nil {
			return nil, err
		}
		p, err := presigned(a.params, s, fee, signature)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, dust(fmt.Sprintf("sign a spend of %d satoshi in advance", s.amount), feeFor(feerates[0], size)+a.params.dustLimit(payout))
	}
	return out, nil
}

func checkLadder(feerates []uint64) error {
	bad := len(feerates) == 0 || len(feerates) > maxRungs
	last := uint64(0)
	for _, rate := range feerates {
		bad = bad || rate > maxFeeRate || rate < last+silentRelay
		last = min(rate, maxFeeRate)
	}
	if !bad {
		return nil
	}
	return &adapters.Error{
		Reason: "FEE_LADDER", Op: fmt.Sprintf("sign a spend at the feerates %v", feerates),
		Err: fmt.Errorf("%w: 1 to %d of them, each %d above the one before, up to %d", errLadder, maxRungs, uint64(silentRelay), uint64(maxFeeRate)),
	}
}

func presigned(params Params, s spending, fee int64, signature []byte) (Presigned, error) {
	p := Presigned{Chain: params.Chain, spending: s, fee: fee, signature: signature}
	if err := p.describe(params); err != nil {
		return Presigned{}, err
	}
	err := p.check()
	return p, err
}

// describe fills in what the parts say. It refuses parts that are not those of
// a contract of this package.
func (p *Presigned) describe(params Params) error {
	s := p.spending
	key, hash, err := s.leaf.read(s.secret != nil, s.lockTime)
	if err != nil {
		return err
	}
	if _, err := schnorr.ParsePubKey(key); err != nil {
		return fmt.Errorf("%w: the party's key: %w", errLeaf, err)
	}
	p.Kind, p.Hash, p.TimeLock = adapters.Redeemed, hash, 0
	if s.secret == nil {
		p.Kind, p.Hash, p.TimeLock = adapters.Refunded, htlc.SecretHash{}, int64(s.lockTime)
	}
	p.Contract, p.Ref = hex.EncodeToString(s.contract.script), refOf(s.point)
	_, addresses, _, err := txscript.ExtractPkScriptAddrs(s.payout, params.Net)
	if err != nil || len(addresses) != 1 || p.fee < 0 || s.amount-p.fee < params.dustLimit(s.payout) {
		return errPayout
	}
	p.PayTo, p.Payout = addresses[0].EncodeAddress(), amountOf(s.amount-p.fee)
	p.Fee, p.FeeRate = amountOf(p.fee), rateOf(p.fee, virtualSize(s.unsigned(p.fee)))
	return nil
}

// check verifies the signature, for which no secret is needed.
func (p *Presigned) check() error {
	s := p.spending
	tx := s.unsigned(p.fee)
	fetcher := txscript.NewCannedPrevOutputFetcher(s.contract.script, s.amount)
	digest, err := txscript.CalcTapscriptSignaturehash(txscript.NewTxSigHashes(tx, fetcher), txscript.SigHashDefault, tx, 0, fetcher, s.leaf.tap)
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	raw, _, err := s.leaf.read(s.secret != nil, s.lockTime)
	if err != nil {
		return err
	}
	key, err := schnorr.ParsePubKey(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	signature, err := schnorr.ParseSignature(p.signature)
	if err != nil || !signature.Verify(digest, key) {
		return errSignature
	}
	return nil
}

// CompleteRedeem puts the secret into a redeem that was signed without it, and
// runs the contract's script. It needs no key, no wallet and no node.
func CompleteRedeem(p Presigned, secret htlc.Secret) (adapters.Tx, error) {
	if p.Kind != adapters.Redeemed {
		return adapters.Tx{}, mismatch("a %s has no place for a secret", p.Kind)
	}
	if !secret.Opens(p.Hash) {
		return adapters.Tx{}, mismatch("the secret does not open %s", p.Contract)
	}
	raw := secret.Reveal()
	s := p.spending
	s.secret = raw[:]
	return p.complete(s)
}

// CompleteRefund is the refund as it was signed, after its script was run. A
// node takes it when the chain's clock is past the time lock.
func CompleteRefund(p Presigned) (adapters.Tx, error) {
	if p.Kind != adapters.Refunded {
		return adapters.Tx{}, mismatch("a %s lacks its secret", p.Kind)
	}
	return p.complete(p.spending)
}

func (p Presigned) complete(s spending) (adapters.Tx, error) {
	tx := s.unsigned(p.fee)
	tx.TxIn[0].Witness = s.witness(p.signature)
	if err := s.check(tx); err != nil {
		return adapters.Tx{}, mismatch("the spend that was signed in advance fails: %v", err)
	}
	return storable(p.Chain, tx, p.fee)
}
