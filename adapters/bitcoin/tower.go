package bitcoin

import (
	"context"
	"errors"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Signs reads one block. Every taproot output may be a contract, and every 32
// bytes in a witness with more than a signature may be a secret.
func (a *Adapter) Signs(ctx context.Context, at adapters.BlockRef) (adapters.Signs, error) {
	if err := a.node.verify(ctx); err != nil {
		return adapters.Signs{}, err
	}
	block, err := a.node.block(ctx, at.Hash)
	if errors.Is(err, errNoBlock) {
		return adapters.Signs{}, unreachable("read a block", err)
	}
	if err != nil {
		return adapters.Signs{}, err
	}
	return signsOf(block), nil
}

func signsOf(block *wire.MsgBlock) adapters.Signs {
	var s adapters.Signs
	for _, tx := range block.Transactions {
		id := tx.TxHash()
		for i, out := range tx.TxOut {
			if txscript.IsPayToTaproot(out.PkScript) {
				s.Fundings = append(s.Fundings, refOf(wire.OutPoint{Hash: id, Index: uint32(i)}))
			}
		}
		for _, in := range tx.TxIn {
			for _, item := range in.Witness {
				if len(in.Witness) < 2 || len(item) != htlc.SecretSize {
					continue
				}
				if secret, err := htlc.NewSecret(item); err == nil {
					s.Secrets = append(s.Secrets, secret)
				}
			}
		}
	}
	return s
}

// Locked reads whether no block has spent the output at ref.
func (a *Adapter) Locked(ctx context.Context, ref string) (bool, error) {
	point, err := parseRef(ref)
	if err != nil {
		return false, err
	}
	if err := a.node.verify(ctx); err != nil {
		return false, err
	}
	out, err := a.node.txOut(ctx, point, false)
	return out != nil, err
}
