package bitcoin

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/htlc"
)

// signOwn signs inputs that spend own coins by their BIP-86 key.
func (w *wallet) signOwn(tx *wire.MsgTx) error {
	fetcher := txscript.NewMultiPrevOutFetcher(nil)
	for _, in := range tx.TxIn {
		c, ok := w.known[in.PreviousOutPoint]
		if !ok {
			return fmt.Errorf("sign input %s: not a coin of this wallet", in.PreviousOutPoint)
		}
		script, err := w.script(path{c.Branch, c.Index})
		if err != nil {
			return err
		}
		fetcher.AddPrevOut(c.Point, wire.NewTxOut(c.Amount, script))
	}
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	for i, in := range tx.TxIn {
		c, out := w.known[in.PreviousOutPoint], fetcher.FetchPrevOutput(in.PreviousOutPoint)
		key, err := w.a.keys.Account(c.Branch, c.Index)
		if err != nil {
			return fmt.Errorf("derive key %d/%d: %w", c.Branch, c.Index, err)
		}
		in.Witness, err = txscript.TaprootWitnessSignature(tx, hashes, i, out.Value, out.PkScript, txscript.SigHashDefault, key)
		key.Zero()
		if err != nil {
			return fmt.Errorf("sign input %d: %w", i, err)
		}
	}
	return verifyInputs(tx, fetcher, hashes)
}

// verifyInputs runs every input's script, so that nothing is stored that the
// chain would refuse.
func verifyInputs(tx *wire.MsgTx, fetcher txscript.PrevOutputFetcher, hashes *txscript.TxSigHashes) error {
	for i, in := range tx.TxIn {
		out := fetcher.FetchPrevOutput(in.PreviousOutPoint)
		engine, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, fetcher)
		if err == nil {
			err = engine.Execute()
		}
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	return nil
}

// legKey is the key of a role in a leg, which must be the one in the Terms.
func (a *Adapter) legKey(salt htlc.Salt, role Role, leg int, want *btcec.PublicKey) (*btcec.PrivateKey, error) {
	key, err := a.keys.Leg(salt, role, leg)
	if err != nil {
		return nil, fmt.Errorf("derive the key of leg %d: %w", leg, err)
	}
	if !key.PubKey().IsEqual(want) {
		key.Zero()
		return nil, mismatch("the key of leg %d is not this wallet's (%x)", leg, schnorr.SerializePubKey(want))
	}
	return key, nil
}
