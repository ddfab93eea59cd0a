package bitcoin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// A presigned spend is stored as
//
//	1 || kind (1: 1 redeem, 2 refund) || chain || txid (32) || index (4) ||
//	amount (8) || payout || leaf || control block (65) || lock time (4) || signature (64)
//
// where the payout is an amount (8) and a script, and chain, script and leaf
// come after a byte of their length. The contract's output script follows from
// leaf and control block; the rest of the transaction is the same for all.
const (
	presignedVersion = 1
	presignedRedeem  = 1
	presignedRefund  = 2

	maxChainSize = 64
	maxLeafSize  = 80
	// controlSize is that of a leaf with one neighbour.
	controlSize = txscript.ControlBlockBaseSize + txscript.ControlBlockNodeSize
)

var (
	errPresigned = errors.New("no spend that was signed in advance")
	errLeaf      = errors.New("not a leaf of a contract")
	errPayout    = errors.New("the payout is none that nodes relay")
)

// MarshalBinary writes what ParsePresigned reads.
func (p Presigned) MarshalBinary() ([]byte, error) {
	s := p.spending
	if s.contract == nil {
		return nil, errPresigned
	}
	kind := byte(presignedRefund)
	if s.secret != nil {
		kind = presignedRedeem
	}
	out := append([]byte{presignedVersion, kind, byte(len(p.Chain))}, p.Chain...)
	out = append(out, s.point.Hash[:]...)
	out = binary.BigEndian.AppendUint32(out, s.point.Index)
	out = binary.BigEndian.AppendUint64(out, uint64(s.amount))
	out = appendTxOut(out, wire.NewTxOut(s.amount-p.fee, s.payout))
	out = append(out, byte(len(s.leaf.tap.Script)))
	out = append(out, s.leaf.tap.Script...)
	out = append(out, s.leaf.control...)
	out = binary.BigEndian.AppendUint32(out, s.lockTime)
	return append(out, p.signature...), nil
}

// ParsePresigned reads a presigned spend and verifies its signature. What it
// returns is complete but for what its Kind lacks.
func ParsePresigned(raw []byte) (Presigned, error) {
	p, err := decodePresigned(raw)
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Presigned{}, &adapters.Error{
			Reason: "PRESIGNED_INVALID", Op: fmt.Sprintf("read a presigned spend of %d bytes", len(raw)),
			Err: fmt.Errorf("%w: %w", adapters.ErrMismatch, err),
		}
	}
	return p, nil
}

// decodePresigned reads everything and believes the signature.
func decodePresigned(raw []byte) (Presigned, error) {
	r := fields{rest: raw}
	version, kind := r.byte(), r.byte()
	chain := r.text(maxChainSize)
	s := spending{contract: new(contract)}
	copy(s.point.Hash[:], r.take(chainhash.HashSize))
	s.point.Index = r.uint32()
	amount := r.amount()
	out := r.txOut()
	s.leaf.tap = txscript.NewBaseTapLeaf(r.text(maxLeafSize))
	s.leaf.control = bytes.Clone(r.take(controlSize))
	s.lockTime = r.uint32()
	p := Presigned{Chain: htlc.ChainID(chain), fee: amount - out.Value, signature: bytes.Clone(r.take(schnorr.SignatureSize))}
	if err := r.end(); err != nil {
		return Presigned{}, err
	}
	switch {
	case version != presignedVersion:
		return Presigned{}, errCoVersion
	case kind == presignedRedeem && s.lockTime == 0:
		s.secret = make([]byte, htlc.SecretSize)
	case kind != presignedRefund:
		return Presigned{}, errPresigned
	}
	params, err := ParamsOf(p.Chain)
	if err != nil {
		return Presigned{}, err
	}
	s.amount, s.payout, s.contract.amount = amount, out.PkScript, amount
	if s.contract.script, err = s.leaf.output(); err != nil {
		return Presigned{}, err
	}
	p.spending = s
	err = p.describe(params)
	return p, err
}

// text is a byte of length and as many bytes.
func (r *fields) text(most int) []byte {
	size := int(r.byte())
	if r.err == nil && size > most {
		r.err = errCoLength
	}
	return bytes.Clone(r.take(size))
}

// read takes a leaf's script apart and wants that it is exactly one of the two.
func (l leaf) read(redeem bool, lockTime uint32) (key []byte, hash htlc.SecretHash, err error) {
	const (
		hashAt, keyAt = 6, 40 // of a redeem
		refundKeyAt   = 1
		keySize       = schnorr.PubKeyBytesLen
	)
	script := l.tap.Script
	if len(script) < keySize+refundKeyAt || redeem && len(script) < keyAt+keySize {
		return nil, hash, errLeaf
	}
	var want []byte
	if redeem {
		copy(hash[:], script[hashAt:])
		key = script[keyAt : keyAt+keySize]
		want, err = redeemScript(hash, key)
	} else {
		key = script[refundKeyAt : refundKeyAt+keySize]
		want, err = refundScript(key, lockTime)
	}
	if err != nil || !bytes.Equal(script, want) || !redeem && lockTime < lockTimeThreshold {
		return nil, hash, errLeaf
	}
	return key, hash, nil
}

// output is the output script that the leaf is proved to belong to.
func (l leaf) output() ([]byte, error) {
	control, err := txscript.ParseControlBlock(l.control)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLeaf, err)
	}
	key := txscript.ComputeTaprootOutputKey(control.InternalKey, control.RootHash(l.tap.Script))
	script, err := txscript.PayToTaprootScript(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLeaf, err)
	}
	if err := txscript.VerifyTaprootLeafCommitment(control, script[2:], l.tap.Script); err != nil || control.LeafVersion != txscript.BaseLeafVersion {
		return nil, errLeaf
	}
	return script, nil
}
