package bitcoin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// What a PSBT of this package holds beside the unsigned transaction, so that a
// signer needs no chain and no database:
//
//   - of every input the output that it spends and its internal key (BIP-371);
//   - of a contract's input the leaf with its control block, and, under the
//     proprietary prefix "kofo", subtype 0, which key signs it: the Terms' salt
//     (32), the role (1) and the leg (4, big endian);
//   - of an own coin, and of an output that pays one, the path of its key
//     (BIP-86). The master key's fingerprint is zero: a watching node does not
//     know it, the path starts from the wallet's seed.
const (
	maxPSBT = 1 << 20 // bytes; a standard transaction has 400,000 weight units

	psbtPrefix     = "kofo"
	psbtKeySubtype = 0
	psbtKeySize    = 32 + 1 + 4

	purposeBIP86 = 86
)

var (
	errPSBT    = errors.New("no PSBT of this wallet")
	errAltered = errors.New("it is not what was asked for")
)

// LegKeyRef names the key of a role in a leg.
type LegKeyRef struct {
	Salt htlc.Salt
	Role Role
	Leg  int
}

// signInput is one input to be signed: an own coin by its key, or a contract by
// a leaf.
type signInput struct {
	prev *wire.TxOut
	own  path
	leaf *leaf // nil: an own coin
	by   LegKeyRef
}

// signing is a transaction to be signed. Witnesses in tx are room only.
type signing struct {
	purpose SignPurpose
	terms   *htlc.Terms
	leg     int
	tx      *wire.MsgTx
	inputs  []signInput
	owned   map[int]path // outputs that pay this wallet
}

// fetcher knows the outputs that are spent.
func (s signing) fetcher() *txscript.MultiPrevOutFetcher {
	f := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range s.inputs {
		f.AddPrevOut(s.tx.TxIn[i].PreviousOutPoint, in.prev)
	}
	return f
}

// packet is the PSBT that asks for the signatures.
func (s signing) packet(coin uint32, accountKey func(path) (*btcec.PublicKey, error)) (*psbt.Packet, error) {
	bare := s.tx.Copy()
	for _, in := range bare.TxIn {
		in.Witness, in.SignatureScript = nil, nil
	}
	packet, err := psbt.NewFromUnsignedTx(bare)
	if err != nil {
		return nil, fmt.Errorf("begin a PSBT: %w", err)
	}
	for i, in := range s.inputs {
		p := &packet.Inputs[i]
		p.WitnessUtxo, p.SighashType = in.prev, txscript.SigHashDefault
		if in.leaf == nil {
			if p.TaprootInternalKey, p.TaprootBip32Derivation, err = derivation(in.own, coin, accountKey); err != nil {
				return nil, err
			}
			continue
		}
		control, err := txscript.ParseControlBlock(in.leaf.control)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errLeaf, err)
		}
		p.TaprootInternalKey = schnorr.SerializePubKey(control.InternalKey)
		p.TaprootMerkleRoot = control.RootHash(in.leaf.tap.Script)
		p.TaprootLeafScript = []*psbt.TaprootTapLeafScript{{
			ControlBlock: in.leaf.control, Script: in.leaf.tap.Script, LeafVersion: in.leaf.tap.LeafVersion,
		}}
		p.Unknowns = []*psbt.Unknown{{Key: keyRefKey(), Value: in.by.encode()}}
	}
	for i, own := range s.owned {
		out := &packet.Outputs[i]
		if out.TaprootInternalKey, out.TaprootBip32Derivation, err = derivation(own, coin, accountKey); err != nil {
			return nil, err
		}
	}
	return packet, nil
}

func derivation(at path, coin uint32, accountKey func(path) (*btcec.PublicKey, error)) ([]byte, []*psbt.TaprootBip32Derivation, error) {
	key, err := accountKey(at)
	if err != nil {
		return nil, nil, err
	}
	x := schnorr.SerializePubKey(key)
	return x, []*psbt.TaprootBip32Derivation{{
		XOnlyPubKey: x, Bip32Path: []uint32{
			purposeBIP86 + hdkeychain.HardenedKeyStart, coin + hdkeychain.HardenedKeyStart, hdkeychain.HardenedKeyStart,
			uint32(at.branch), at.index,
		},
	}}, nil
}

// keyRefKey is {0xFC}|<prefix>|{subtype} of BIP-174.
func keyRefKey() []byte {
	return append(append([]byte{byte(psbt.ProprietaryInputType), byte(len(psbtPrefix))}, psbtPrefix...), psbtKeySubtype)
}

func (r LegKeyRef) encode() []byte {
	out := append(append([]byte(nil), r.Salt[:]...), byte(r.Role))
	return binary.BigEndian.AppendUint32(out, uint32(r.Leg))
}

func decodeKeyRef(raw []byte) (LegKeyRef, error) {
	var r LegKeyRef
	if len(raw) != psbtKeySize {
		return r, fmt.Errorf("%w: a key's name has %d bytes", errPSBT, len(raw))
	}
	copy(r.Salt[:], raw)
	r.Role, r.Leg = Role(raw[32]), int(binary.BigEndian.Uint32(raw[33:]))
	if r.Role != Payer && r.Role != Payee || r.Leg >= htlc.MaxLegs {
		return r, fmt.Errorf("%w: role %d of leg %d", errPSBT, r.Role, r.Leg)
	}
	return r, nil
}

func encodePSBT(packet *psbt.Packet) ([]byte, error) {
	var raw bytes.Buffer
	if err := packet.Serialize(&raw); err != nil {
		return nil, fmt.Errorf("write a PSBT: %w", err)
	}
	return raw.Bytes(), nil
}

// decodePSBT reads a PSBT whose inputs all say what they spend.
func decodePSBT(raw []byte) (*psbt.Packet, error) {
	if len(raw) > maxPSBT {
		return nil, badPSBT(fmt.Errorf("%w: %d bytes", errPSBT, len(raw)))
	}
	packet, err := psbt.NewFromRawBytes(bytes.NewReader(raw), false)
	if err != nil {
		return nil, badPSBT(fmt.Errorf("%w: %w", errPSBT, err))
	}
	if len(packet.UnsignedTx.TxIn) == 0 || len(packet.UnsignedTx.TxOut) == 0 {
		return nil, badPSBT(fmt.Errorf("%w: it spends or pays nothing", errPSBT))
	}
	var total int64
	for i := range packet.Inputs {
		out := packet.Inputs[i].WitnessUtxo
		if out == nil || !txscript.IsPayToTaproot(out.PkScript) {
			return nil, badPSBT(fmt.Errorf("%w: input %d does not say which taproot output it spends", errPSBT, i))
		}
		if out.Value < 0 || out.Value > btcutil.MaxSatoshi {
			return nil, badPSBT(fmt.Errorf("%w: input %d of %d satoshi", errPSBT, i, out.Value))
		}
		total += out.Value
	}
	for i, out := range packet.UnsignedTx.TxOut {
		if out.Value < 0 || out.Value > total {
			return nil, badPSBT(fmt.Errorf("%w: output %d of %d satoshi", errPSBT, i, out.Value))
		}
		total -= out.Value
	}
	return packet, nil
}

func badPSBT(err error) error {
	return &adapters.Error{Reason: "PSBT_INVALID", Op: "read a PSBT", Err: fmt.Errorf("%w: %w", adapters.ErrMismatch, err)}
}

// inputOf reads what a PSBT says of one input, and takes nothing from it that
// the output's script does not prove.
func inputOf(p *psbt.PInput) (signInput, error) {
	in := signInput{prev: p.WitnessUtxo}
	if len(p.TaprootLeafScript) == 0 {
		var err error
		in.own, err = pathOf(p.TaprootBip32Derivation)
		return in, err
	}
	if len(p.TaprootLeafScript) != 1 {
		return in, fmt.Errorf("%w: %d leaves", errPSBT, len(p.TaprootLeafScript))
	}
	found := p.TaprootLeafScript[0]
	l := leaf{tap: txscript.NewTapLeaf(found.LeafVersion, found.Script), control: found.ControlBlock}
	script, err := l.output()
	if err != nil {
		return in, err
	}
	if !bytes.Equal(script, in.prev.PkScript) || len(l.control) != controlSize {
		return in, fmt.Errorf("%w: of another output", errLeaf)
	}
	in.leaf = &l
	for _, u := range p.Unknowns {
		if bytes.Equal(u.Key, keyRefKey()) {
			in.by, err = decodeKeyRef(u.Value)
			return in, err
		}
	}
	return in, fmt.Errorf("%w: it does not name the key of a contract's input", errPSBT)
}

// pathOf reads a BIP-86 path of the first account.
func pathOf(found []*psbt.TaprootBip32Derivation) (path, error) {
	if len(found) != 1 || len(found[0].Bip32Path) != 5 {
		return path{}, fmt.Errorf("%w: an own coin has one path of five steps", errPSBT)
	}
	p := found[0].Bip32Path
	if p[0] != purposeBIP86+hdkeychain.HardenedKeyStart || p[2] != hdkeychain.HardenedKeyStart || p[3] >= branches || p[4] > math.MaxInt32 {
		return path{}, fmt.Errorf("%w: path %v", errPSBT, p)
	}
	return path{Branch(p[3]), p[4]}, nil
}

// key is the x-only key that the leaf wants a signature of.
func (l leaf) key() ([]byte, bool, error) {
	if key, _, err := l.read(true, 0); err == nil {
		return key, true, nil
	}
	lock, err := l.lockTime()
	if err != nil {
		return nil, false, err
	}
	key, _, err := l.read(false, lock)
	return key, false, err
}

// lockTime of a refund's leaf.
func (l leaf) lockTime() (uint32, error) {
	const lockAt = 1 + schnorr.PubKeyBytesLen + 1 // a push, the key, CHECKSIGVERIFY
	if len(l.tap.Script) <= lockAt {
		return 0, errLeaf
	}
	tokens := txscript.MakeScriptTokenizer(0, l.tap.Script[lockAt:])
	if !tokens.Next() {
		return 0, errLeaf
	}
	lock, err := txscript.MakeScriptNum(tokens.Data(), true, 5)
	if err != nil || lock < lockTimeThreshold || int64(lock) > math.MaxUint32 {
		return 0, errLeaf
	}
	return uint32(lock), nil
}
