package bitcoin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// What the parties of a cooperative spend tell each other. The proposal is
//
//	1 || public nonce (66) || index of the input (2) ||
//	number of inputs (2) || per input: txid (32) || index (4) || amount (8) || script ||
//	number of outputs (1) || per output: amount (8) || script
//
// and the answer
//
//	1 || public nonce (66) || partial signature (32)
//
// with big-endian numbers and scripts after a byte of their length. Transaction
// version, lock time, sequences and the signature's kind are those of version 1
// and not sent, so that nobody has to judge others.
const (
	coVersion = 1
	// maxMembers of a sweep keep it within what nodes relay.
	maxMembers    = 400
	maxCoOutputs  = 8
	coAnswerSize  = 1 + musig2.PubNonceSize + partialSize
	partialSize   = 32
	maxScriptSize = 42 // of a witness program
)

type pubNonce = [musig2.PubNonceSize]byte

var (
	errCoVersion = errors.New("another version")
	errCoLength  = errors.New("too short, or too long")
	errCoNonce   = errors.New("the public nonce is none")
	errPartial   = errors.New("the partial signature is not the other party's for this transaction")
	errCoShape   = errors.New("numbers of inputs or outputs, amounts or scripts that no spend has")
)

// coProposal is what the proposer sends for one input.
type coProposal struct {
	nonce pubNonce
	input int
	spent []*wire.TxOut // by input
	tx    *wire.MsgTx
}

func (p coProposal) encode() []byte {
	out := append([]byte{coVersion}, p.nonce[:]...)
	out = binary.BigEndian.AppendUint16(out, uint16(p.input))
	out = binary.BigEndian.AppendUint16(out, uint16(len(p.tx.TxIn)))
	for i, in := range p.tx.TxIn {
		out = append(out, in.PreviousOutPoint.Hash[:]...)
		out = binary.BigEndian.AppendUint32(out, in.PreviousOutPoint.Index)
		out = appendTxOut(out, p.spent[i])
	}
	out = append(out, byte(len(p.tx.TxOut)))
	for _, o := range p.tx.TxOut {
		out = appendTxOut(out, o)
	}
	return out
}

func (p coProposal) joint() joint {
	points := make([]wire.OutPoint, len(p.tx.TxIn))
	for i, in := range p.tx.TxIn {
		points[i] = in.PreviousOutPoint
	}
	return newJoint(points, p.spent, p.tx.TxOut)
}

func appendTxOut(to []byte, out *wire.TxOut) []byte {
	to = binary.BigEndian.AppendUint64(to, uint64(out.Value))
	to = append(to, byte(len(out.PkScript)))
	return append(to, out.PkScript...)
}

// decodeCoProposal reads exactly what encode writes: every number is bounded
// before anything is made of it.
func decodeCoProposal(raw []byte) (coProposal, error) {
	var p coProposal
	r := fields{rest: raw}
	if err := r.head(&p.nonce); err != nil {
		return coProposal{}, err
	}
	p.input = int(r.uint16())
	inputs := int(r.uint16())
	if inputs < 1 || inputs > maxMembers || p.input >= inputs {
		return coProposal{}, errCoShape
	}
	points := make([]wire.OutPoint, 0, inputs)
	seen := make(map[wire.OutPoint]bool, inputs)
	for range inputs {
		var point wire.OutPoint
		copy(point.Hash[:], r.take(chainhash.HashSize))
		point.Index = r.uint32()
		if seen[point] {
			return coProposal{}, errors.Join(errCoShape, r.err)
		}
		seen[point] = true
		points, p.spent = append(points, point), append(p.spent, r.txOut())
	}
	number := int(r.byte())
	if number < 1 || number > maxCoOutputs {
		return coProposal{}, errors.Join(errCoShape, r.err)
	}
	var outputs []*wire.TxOut
	for range number {
		outputs = append(outputs, r.txOut())
	}
	if err := r.end(); err != nil {
		return coProposal{}, err
	}
	p.tx = newJoint(points, p.spent, outputs).tx
	return p, nil
}

// coAnswer is the consenter's half.
type coAnswer struct {
	nonce   pubNonce
	partial *btcec.ModNScalar
}

func (a coAnswer) encode() []byte {
	out := append([]byte{coVersion}, a.nonce[:]...)
	partial := a.partial.Bytes()
	return append(out, partial[:]...)
}

func decodeCoAnswer(raw []byte) (coAnswer, error) {
	a := coAnswer{partial: new(btcec.ModNScalar)}
	r := fields{rest: raw}
	if len(raw) > coAnswerSize {
		return coAnswer{}, errCoLength
	}
	if err := r.head(&a.nonce); err != nil {
		return coAnswer{}, err
	}
	partial := r.take(partialSize)
	if err := r.end(); err != nil {
		return coAnswer{}, err
	}
	if a.partial.SetByteSlice(partial) {
		return coAnswer{}, errPartial
	}
	return a, nil
}

// fields reads a message from the front. After an error it gives zeros.
type fields struct {
	rest []byte
	err  error
}

// head reads version and nonce. Either point of a nonce must be one: BIP-327
// knows the point at infinity in sums only.
func (r *fields) head(nonce *pubNonce) error {
	if r.byte() != coVersion {
		return errors.Join(errCoVersion, r.err)
	}
	copy(nonce[:], r.take(musig2.PubNonceSize))
	if r.err != nil {
		return r.err
	}
	const half = btcec.PubKeyBytesLenCompressed
	for _, point := range [][]byte{nonce[:half], nonce[half:]} {
		if _, err := btcec.ParsePubKey(point); err != nil {
			return fmt.Errorf("%w: %w", errCoNonce, err)
		}
	}
	return nil
}

func (r *fields) take(n int) []byte {
	if r.err == nil && len(r.rest) < n {
		r.err = errCoLength
	}
	if r.err != nil {
		return make([]byte, n)
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *fields) byte() byte     { return r.take(1)[0] }
func (r *fields) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *fields) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *fields) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// txOut is an amount and a script that an output can have.
func (r *fields) txOut() *wire.TxOut {
	value, size := r.amount(), int(r.byte())
	if r.err == nil && (size == 0 || size > maxScriptSize) {
		r.err = errCoShape
	}
	return wire.NewTxOut(value, bytes.Clone(r.take(size)))
}

// amount is in satoshi, of which there are not more than so many.
func (r *fields) amount() int64 {
	value := r.uint64()
	if r.err == nil && value > btcutil.MaxSatoshi {
		r.err = errCoShape
	}
	return int64(value)
}

func (r *fields) end() error {
	if r.err == nil && len(r.rest) != 0 {
		return errCoLength
	}
	return r.err
}
