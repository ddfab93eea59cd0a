package rescue

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters/bitcoin"
)

// Payment is what a transaction pays to whom.
type Payment struct {
	To     string `json:"to"`
	Amount string `json:"amount"` // base units of Asset
	Asset  string `json:"asset"`
	Own    bool   `json:"own"` // the address is of this seed
}

// payments reads off what was made where it goes. Of Bitcoin that is what its
// bytes say, not what they were made from.
func (k *Kit) payments(leg int, raw []byte) ([]Payment, error) {
	l, err := k.leg(leg)
	if err != nil {
		return nil, err
	}
	if e := l.EVM; e != nil {
		to := Payment{To: e.Payee, Amount: l.Amount, Asset: l.Asset, Own: e.PaysAccount}
		if l.Ours {
			to.To, to.Own = e.Payer, e.OfOwner
		}
		return []Payment{to}, nil
	}
	params, err := bitcoin.ParamsOf(k.Terms.Legs[leg].Chain())
	if err != nil {
		return nil, err
	}
	var tx wire.MsgTx
	if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("read the transaction that was made: %w", err)
	}
	var out []Payment
	for _, o := range tx.TxOut {
		p := Payment{To: hex.EncodeToString(o.PkScript), Amount: fmt.Sprint(o.Value), Asset: l.Asset}
		if _, to, _, err := txscript.ExtractPkScriptAddrs(o.PkScript, params.Net); err == nil && len(to) == 1 {
			p.To = to[0].EncodeAddress()
		}
		p.Own = p.To == l.Bitcoin.Payout
		out = append(out, p)
	}
	return out, nil
}
