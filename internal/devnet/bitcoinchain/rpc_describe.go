package bitcoinchain

import (
	"bytes"
	"encoding/hex"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/mempool"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// minedIn is the block of a mined transaction.
type minedIn struct {
	header       *wire.BlockHeader
	hash         string
	height, best int32
}

func txHex(tx *wire.MsgTx) (string, error) {
	var buf bytes.Buffer
	if err := tx.Serialize(&buf); err != nil {
		return "", internalError(err)
	}
	return hex.EncodeToString(buf.Bytes()), nil
}

// describeTx is btcd's verbose transaction; where is nil in the mempool.
func (s *rpcServer) describeTx(tx *wire.MsgTx, where *minedIn) (*btcjson.TxRawResult, error) {
	text, err := txHex(tx)
	if err != nil {
		return nil, err
	}
	wrapped := btcutil.NewTx(tx)
	result := &btcjson.TxRawResult{
		Hex:      text,
		Txid:     tx.TxHash().String(),
		Hash:     tx.WitnessHash().String(),
		Size:     int32(tx.SerializeSize()),
		Vsize:    int32(mempool.GetTxVirtualSize(wrapped)),
		Weight:   int32(blockchain.GetTransactionWeight(wrapped)),
		Version:  uint32(tx.Version),
		LockTime: tx.LockTime,
		Vin:      describeInputs(tx),
		Vout:     s.describeOutputs(tx),
	}
	if where != nil {
		result.BlockHash = where.hash
		result.Confirmations = uint64(1 + where.best - where.height)
		result.Time = where.header.Timestamp.Unix()
		result.Blocktime = where.header.Timestamp.Unix()
	}
	return result, nil
}

func describeInputs(tx *wire.MsgTx) []btcjson.Vin {
	inputs := make([]btcjson.Vin, len(tx.TxIn))
	if blockchain.IsCoinBaseTx(tx) {
		inputs[0] = btcjson.Vin{
			Coinbase: hex.EncodeToString(tx.TxIn[0].SignatureScript),
			Sequence: tx.TxIn[0].Sequence,
			Witness:  tx.TxIn[0].Witness.ToHexStrings(),
		}
		return inputs
	}
	for i, in := range tx.TxIn {
		inputs[i] = btcjson.Vin{
			Txid:     in.PreviousOutPoint.Hash.String(),
			Vout:     in.PreviousOutPoint.Index,
			Sequence: in.Sequence,
			ScriptSig: &btcjson.ScriptSig{
				Asm: disassemble(in.SignatureScript),
				Hex: hex.EncodeToString(in.SignatureScript),
			},
		}
		if tx.HasWitness() {
			inputs[i].Witness = in.Witness.ToHexStrings()
		}
	}
	return inputs
}

func (s *rpcServer) describeOutputs(tx *wire.MsgTx) []btcjson.Vout {
	outputs := make([]btcjson.Vout, len(tx.TxOut))
	for i, out := range tx.TxOut {
		outputs[i] = btcjson.Vout{
			Value:        btcutil.Amount(out.Value).ToBTC(),
			N:            uint32(i),
			ScriptPubKey: s.describeScript(out.PkScript),
		}
	}
	return outputs
}

func (s *rpcServer) describeScript(script []byte) btcjson.ScriptPubKeyResult {
	// A script that cannot be parsed has no addresses, which is all there is to say.
	class, addrs, required, _ := txscript.ExtractPkScriptAddrs(script, s.chain.params)
	result := btcjson.ScriptPubKeyResult{
		Asm:       disassemble(script),
		Hex:       hex.EncodeToString(script),
		ReqSigs:   int32(required),
		Type:      class.String(),
		Addresses: make([]string, len(addrs)),
	}
	for i, addr := range addrs {
		result.Addresses[i] = addr.EncodeAddress()
	}
	if len(addrs) == 1 && required <= 1 {
		result.Address = result.Addresses[0]
	}
	return result
}

// disassemble marks what cannot be parsed inside the text.
func disassemble(script []byte) string {
	text, _ := txscript.DisasmString(script)
	return text
}
