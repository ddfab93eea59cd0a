package bitcoin

import (
	"bytes"
	"context"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// signatures has a transaction signed: one Schnorr signature for each input,
// verified against what was asked for.
func (a *Adapter) signatures(ctx context.Context, s signing) ([][]byte, error) {
	packet, err := s.packet(a.params.Net.HDCoinType, a.accountKey)
	if err != nil {
		return nil, err
	}
	asked, err := encodePSBT(packet)
	if err != nil {
		return nil, err
	}
	answer, err := a.signer.SignPSBT(ctx, SignRequest{
		Chain: a.params.Chain, Purpose: s.purpose, Terms: s.terms, Leg: s.leg, PSBT: asked,
	})
	if err != nil {
		return nil, fmt.Errorf("sign a %s: %w", s.purpose, err)
	}
	out, err := s.collect(packet.UnsignedTx, answer)
	if err != nil {
		return nil, &adapters.Error{
			Reason: "SIGNER_ANSWER_WRONG", Op: fmt.Sprintf("have a %s signed", s.purpose), Retryable: true,
			Advice: "nothing was stored or sent; look at the signer", Err: fmt.Errorf("%w: %w", adapters.ErrMismatch, err),
		}
	}
	return out, nil
}

func (a *Adapter) accountKey(at path) (*btcec.PublicKey, error) {
	return a.signer.AccountKey(at.branch, at.index)
}

// collect takes the signatures out of an answer, and nothing else.
func (s signing) collect(asked *wire.MsgTx, answer []byte) ([][]byte, error) {
	packet, err := decodePSBT(answer)
	if err != nil {
		return nil, err
	}
	if !sameUnsigned(asked, packet.UnsignedTx) {
		return nil, fmt.Errorf("%w: another transaction came back", errAltered)
	}
	fetcher := s.fetcher()
	hashes := txscript.NewTxSigHashes(asked, fetcher)
	out := make([][]byte, len(s.inputs))
	for i, in := range s.inputs {
		if out[i], err = in.signature(&packet.Inputs[i]); err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
		if err := in.verify(asked, i, hashes, fetcher, out[i]); err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
	}
	return out, nil
}

func sameUnsigned(x, y *wire.MsgTx) bool {
	var one, other bytes.Buffer
	return x.SerializeNoWitness(&one) == nil && y.SerializeNoWitness(&other) == nil && bytes.Equal(one.Bytes(), other.Bytes())
}

// signature finds the input's signature where BIP-371 has it.
func (in signInput) signature(p *psbt.PInput) ([]byte, error) {
	if in.leaf == nil {
		if len(p.TaprootKeySpendSig) != schnorr.SignatureSize {
			return nil, fmt.Errorf("%w: no signature of the default kind", errSignature)
		}
		return p.TaprootKeySpendSig, nil
	}
	key, _, err := in.leaf.key()
	if err != nil {
		return nil, err
	}
	hash := in.leaf.tap.TapHash()
	for _, found := range p.TaprootScriptSpendSig {
		if bytes.Equal(found.XOnlyPubKey, key) && bytes.Equal(found.LeafHash, hash[:]) &&
			len(found.Signature) == schnorr.SignatureSize && found.SigHash == txscript.SigHashDefault {
			return found.Signature, nil
		}
	}
	return nil, fmt.Errorf("%w: none for the leaf", errSignature)
}

func (in signInput) digest(tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, fetcher txscript.PrevOutputFetcher) ([]byte, error) {
	if in.leaf == nil {
		return txscript.CalcTaprootSignatureHash(hashes, txscript.SigHashDefault, tx, i, fetcher)
	}
	return txscript.CalcTapscriptSignaturehash(hashes, txscript.SigHashDefault, tx, i, fetcher, in.leaf.tap)
}

func (in signInput) verify(tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, fetcher txscript.PrevOutputFetcher, signature []byte) error {
	digest, err := in.digest(tx, i, hashes, fetcher)
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	raw := in.prev.PkScript[2:] // the tweaked key is the output's
	if in.leaf != nil {
		if raw, _, err = in.leaf.key(); err != nil {
			return err
		}
	}
	key, err := schnorr.ParsePubKey(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	parsed, err := schnorr.ParseSignature(signature)
	if err != nil || !parsed.Verify(digest, key) {
		return errSignature
	}
	return nil
}

// signPacket signs every input with keys, which must be those that the inputs
// name.
func signPacket(keys Keys, packet *psbt.Packet) error {
	tx, fetcher := packet.UnsignedTx, txscript.NewMultiPrevOutFetcher(nil)
	for i := range packet.Inputs {
		fetcher.AddPrevOut(tx.TxIn[i].PreviousOutPoint, packet.Inputs[i].WitnessUtxo)
	}
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	for i := range packet.Inputs {
		p := &packet.Inputs[i]
		in, err := inputOf(p)
		if err == nil && p.SighashType != txscript.SigHashDefault {
			err = fmt.Errorf("%w: another kind of signature is asked for", errPSBT)
		}
		if err == nil {
			err = in.sign(keys, tx, i, hashes, p)
		}
		if err != nil {
			return badPSBT(fmt.Errorf("input %d: %w", i, err))
		}
	}
	return nil
}

func (in signInput) sign(keys Keys, tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, p *psbt.PInput) error {
	if in.leaf == nil {
		return in.signOwn(keys, tx, i, hashes, p)
	}
	want, _, err := in.leaf.key()
	if err != nil {
		return err
	}
	key, err := keys.Leg(in.by.Salt, in.by.Role, in.by.Leg)
	if err != nil {
		return fmt.Errorf("derive the key of leg %d: %w", in.by.Leg, err)
	}
	defer key.Zero()
	if !bytes.Equal(schnorr.SerializePubKey(key.PubKey()), want) {
		return fmt.Errorf("%w: the key of leg %d is not this wallet's (%x)", errPSBT, in.by.Leg, want)
	}
	signature, err := txscript.RawTxInTapscriptSignature(tx, hashes, i, in.prev.Value, in.prev.PkScript, in.leaf.tap, txscript.SigHashDefault, key)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	hash := in.leaf.tap.TapHash()
	p.TaprootScriptSpendSig = []*psbt.TaprootScriptSpendSig{{
		XOnlyPubKey: want, LeafHash: hash[:], Signature: signature, SigHash: txscript.SigHashDefault,
	}}
	return nil
}

// signOwn signs an own coin by its BIP-86 key.
func (in signInput) signOwn(keys Keys, tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, p *psbt.PInput) error {
	key, err := keys.Account(in.own.branch, in.own.index)
	if err != nil {
		return fmt.Errorf("derive key %d/%d: %w", in.own.branch, in.own.index, err)
	}
	defer key.Zero()
	script, err := txscript.PayToTaprootScript(txscript.ComputeTaprootKeyNoScript(key.PubKey()))
	if err != nil || !bytes.Equal(script, in.prev.PkScript) {
		return fmt.Errorf("%w: the coin is not that of key %d/%d", errPSBT, in.own.branch, in.own.index)
	}
	witness, err := txscript.TaprootWitnessSignature(tx, hashes, i, in.prev.Value, in.prev.PkScript, txscript.SigHashDefault, key)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	p.TaprootKeySpendSig = witness[0]
	return nil
}
