package bitcoin

import (
	"context"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// markOwn marks the fundings that spend coins of this wallet. Anybody may pay
// to a contract's script, but only we spend our coins: a node that has lost its
// memory knows its own funding again by that.
func (a *Adapter) markOwn(ctx context.Context, facts []adapters.Fact, block *wire.MsgBlock) error {
	funded := make(map[string]bool)
	for _, f := range facts {
		if f.Kind == adapters.Funded {
			funded[f.TxID] = true
		}
	}
	if len(funded) == 0 {
		return nil
	}
	own := make(map[string]bool)
	for _, tx := range block.Transactions {
		id := tx.TxHash().String()
		if !funded[id] {
			continue
		}
		ours, err := a.spendsOwn(ctx, tx)
		if err != nil {
			return err
		}
		own[id] = ours
	}
	for i := range facts {
		facts[i].Own = facts[i].Kind == adapters.Funded && own[facts[i].TxID]
	}
	return nil
}

// spendsOwn reports whether a transaction spends a coin of this wallet. The
// wallet forgets coins long after they were spent; then a node with an index
// of transactions is asked for what they were.
func (a *Adapter) spendsOwn(ctx context.Context, tx *wire.MsgTx) (own bool, err error) {
	err = a.wallet.current(ctx, func() error {
		for _, in := range tx.TxIn {
			if _, known := a.wallet.known[in.PreviousOutPoint]; known {
				own = true
			}
		}
		return nil
	})
	if err != nil || own {
		return own, err
	}
	before := make(map[chainhash.Hash]*wire.MsgTx)
	for _, in := range tx.TxIn {
		point := in.PreviousOutPoint
		if _, asked := before[point.Hash]; !asked {
			found, ok, err := a.node.rawTx(ctx, point.Hash)
			if err != nil {
				return false, err
			}
			if !ok {
				found = nil
			}
			before[point.Hash] = found
		}
		if b := before[point.Hash]; b != nil && int(point.Index) < len(b.TxOut) {
			own = own || a.ownsScript(ctx, b.TxOut[point.Index].PkScript)
		}
	}
	return own, nil
}

func (a *Adapter) ownsScript(ctx context.Context, script []byte) (own bool) {
	_ = a.wallet.do(ctx, func() error { // an ended context is the caller's
		_, own = a.wallet.scripts[string(script)]
		return nil
	})
	return own
}
