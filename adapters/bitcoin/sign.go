package bitcoin

import (
	"context"
	"fmt"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// signOwn has inputs signed that spend own coins. The wallet's lock is held, for
// as long as the signer takes at most.
func (w *wallet) signOwn(ctx context.Context, s signing) error {
	for _, in := range s.tx.TxIn {
		c, ok := w.known[in.PreviousOutPoint]
		if !ok || c.Undone {
			return fmt.Errorf("sign input %s: not a coin of this wallet", in.PreviousOutPoint)
		}
		own := path{c.Branch, c.Index}
		script, err := w.script(own)
		if err != nil {
			return err
		}
		s.inputs = append(s.inputs, signInput{prev: wire.NewTxOut(c.Amount, script), own: own})
	}
	s.owned = w.owned(s.tx)
	signatures, err := w.a.signatures(ctx, s)
	if err != nil {
		return err
	}
	for i, in := range s.tx.TxIn {
		in.Witness = wire.TxWitness{signatures[i]}
	}
	fetcher := s.fetcher()
	return verifyInputs(s.tx, fetcher, txscript.NewTxSigHashes(s.tx, fetcher))
}

// owned are the outputs that pay this wallet.
func (w *wallet) owned(tx *wire.MsgTx) map[int]path {
	out := make(map[int]path)
	for i, o := range tx.TxOut {
		if p, own := w.scripts[string(o.PkScript)]; own {
			out[i] = p
		}
	}
	return out
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
