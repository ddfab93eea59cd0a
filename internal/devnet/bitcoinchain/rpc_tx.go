package bitcoinchain

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
	"github.com/btcsuite/btcd/mempool"
	"github.com/btcsuite/btcd/wire/v2"
)

// defaultMaxFeeRate is what btcd assumes in testmempoolaccept, in BTC for a
// thousand virtual bytes.
const defaultMaxFeeRate = 0.1

func noTxInfoError(hash *chainhash.Hash) *btcjson.RPCError {
	return btcjson.NewRPCError(btcjson.ErrRPCNoTxInfo,
		fmt.Sprintf("No information available about transaction %v", hash))
}

// decodeTx accepts an odd number of digits by a leading zero, as btcd does
// where pad is set.
func decodeTx(text string, pad bool) (*btcutil.Tx, error) {
	if pad && len(text)%2 != 0 {
		text = "0" + text
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, notHexError(text)
	}
	tx, err := btcutil.NewTxFromBytes(raw)
	if err != nil {
		return nil, btcjson.NewRPCError(btcjson.ErrRPCDeserialization, "TX decode failed: "+err.Error())
	}
	return tx, nil
}

func (s *rpcServer) sendRawTransaction(c *btcjson.SendRawTransactionCmd) (any, error) {
	tx, err := decodeTx(c.HexTx, true)
	if err != nil {
		return nil, err
	}
	accepted, err := s.chain.pool.ProcessTransaction(tx, false, false, 0)
	if err != nil {
		return nil, btcjson.NewRPCError(rejectionCode(err), "TX rejected: "+err.Error())
	}
	if len(accepted) == 0 || !accepted[0].Tx.Hash().IsEqual(tx.Hash()) {
		s.chain.pool.RemoveTransaction(tx, true)
		return nil, internalError(fmt.Errorf("transaction %v is not in accepted list", tx.Hash()))
	}
	return tx.Hash().String(), nil
}

// rejectionCode maps the mempool's errors to the codes that btcd answers with.
func rejectionCode(err error) btcjson.RPCErrorCode {
	var rule mempool.RuleError
	if !errors.As(err, &rule) {
		return btcjson.ErrRPCTxError
	}
	var txRule mempool.TxRuleError
	if !errors.As(rule.Err, &txRule) {
		return btcjson.ErrRPCTxError
	}
	text := strings.ToLower(txRule.Description)
	switch {
	case strings.Contains(text, "orphan transaction"):
		return btcjson.ErrRPCTxError
	case strings.Contains(text, "transaction already exists"):
		return btcjson.ErrRPCTxAlreadyInChain
	default:
		return btcjson.ErrRPCTxRejected
	}
}

func (s *rpcServer) testMempoolAccept(c *btcjson.TestMempoolAcceptCmd) (any, error) {
	txs := make([]*btcutil.Tx, 0, len(c.RawTxns))
	for _, raw := range c.RawTxns {
		tx, err := decodeTx(raw, false)
		if err != nil {
			return nil, err
		}
		txs = append(txs, tx)
	}
	results := make([]*btcjson.TestMempoolAcceptResult, 0, len(txs))
	for _, tx := range txs {
		results = append(results, s.testTx(tx, c.MaxFeeRate))
	}
	return results, nil
}

func (s *rpcServer) testTx(tx *btcutil.Tx, maxFeeRate float64) *btcjson.TestMempoolAcceptResult {
	item := &btcjson.TestMempoolAcceptResult{Txid: tx.Hash().String(), Wtxid: tx.WitnessHash().String()}
	verdict, err := s.chain.pool.CheckMempoolAcceptance(tx)
	switch {
	case err != nil:
		item.RejectReason = err.Error()
		return item
	case verdict.MissingParents != nil:
		item.RejectReason = "missing-inputs"
		return item
	}
	if maxFeeRate == 0 {
		maxFeeRate = defaultMaxFeeRate
	}
	feeRate := (verdict.TxFee * 1000 / btcutil.Amount(verdict.TxSize)).ToBTC()
	if feeRate > maxFeeRate {
		item.RejectReason = "max-fee-exceeded"
		return item
	}
	item.Allowed = true
	item.Vsize = int32(verdict.TxSize)
	item.Fees = &btcjson.TestMempoolAcceptFees{Base: verdict.TxFee.ToBTC(), EffectiveFeeRate: feeRate}
	return item
}

func (s *rpcServer) getRawMempool(c *btcjson.GetRawMempoolCmd) (any, error) {
	if c.Verbose != nil && *c.Verbose {
		return s.chain.pool.RawMempoolVerbose(), nil
	}
	descs := s.chain.pool.TxDescs()
	hashes := make([]string, len(descs))
	for i, desc := range descs {
		hashes[i] = desc.Tx.Hash().String()
	}
	return hashes, nil
}

func (s *rpcServer) getMempoolInfo(*btcjson.GetMempoolInfoCmd) (any, error) {
	descs := s.chain.pool.TxDescs()
	info := &btcjson.GetMempoolInfoResult{Size: int64(len(descs))}
	for _, desc := range descs {
		info.Bytes += int64(desc.Tx.MsgTx().SerializeSize())
	}
	return info, nil
}

func (s *rpcServer) getTxSpendingPrevOut(c *btcjson.GetTxSpendingPrevOutCmd) (any, error) {
	results := make([]*btcjson.GetTxSpendingPrevOutResult, 0, len(c.Outputs))
	for _, output := range c.Outputs {
		hash, err := chainhash.NewHashFromStr(output.Txid)
		if err != nil {
			return nil, err
		}
		result := &btcjson.GetTxSpendingPrevOutResult{Txid: hash.String(), Vout: output.Vout}
		if spender := s.chain.pool.CheckSpend(wire.OutPoint{Hash: *hash, Index: output.Vout}); spender != nil {
			result.SpendingTxid = spender.Hash().String()
		}
		results = append(results, result)
	}
	return results, nil
}

func (s *rpcServer) getRawTransaction(c *btcjson.GetRawTransactionCmd) (any, error) {
	hash, err := chainhash.NewHashFromStr(c.Txid)
	if err != nil {
		return nil, notHexError(c.Txid)
	}
	var where *minedIn
	var msg *wire.MsgTx
	if tx, err := s.chain.pool.FetchTransaction(hash); err == nil {
		msg = tx.MsgTx()
	} else if msg, where, err = s.minedTx(hash); err != nil {
		return nil, err
	}
	if c.Verbose == nil || *c.Verbose == 0 {
		return txHex(msg)
	}
	described, err := s.describeTx(msg, where)
	if err != nil {
		return nil, err
	}
	return *described, nil
}

// minedTx finds a transaction by the index.
func (s *rpcServer) minedTx(hash *chainhash.Hash) (*wire.MsgTx, *minedIn, error) {
	region, err := s.chain.txIndex.TxBlockRegion(hash)
	if err != nil {
		return nil, nil, internalError(err)
	}
	if region == nil {
		return nil, nil, noTxInfoError(hash)
	}
	var raw []byte
	err = s.chain.db.View(func(tx database.Tx) error {
		stored, err := tx.FetchBlockRegion(region)
		raw = bytes.Clone(stored)
		return err
	})
	if err != nil {
		return nil, nil, noTxInfoError(hash)
	}
	height, err := s.chain.chain.BlockHeightByHash(region.Hash)
	if err != nil {
		return nil, nil, internalError(err)
	}
	header, err := s.chain.chain.HeaderByHash(region.Hash)
	if err != nil {
		return nil, nil, internalError(err)
	}
	msg := new(wire.MsgTx)
	if err := msg.Deserialize(bytes.NewReader(raw)); err != nil {
		return nil, nil, internalError(err)
	}
	best := s.chain.chain.BestSnapshot().Height
	return msg, &minedIn{header: &header, hash: region.Hash.String(), height: height, best: best}, nil
}

func (s *rpcServer) getTxOut(c *btcjson.GetTxOutCmd) (any, error) {
	hash, err := chainhash.NewHashFromStr(c.Txid)
	if err != nil {
		return nil, notHexError(c.Txid)
	}
	if c.IncludeMempool == nil || *c.IncludeMempool {
		if tx, err := s.chain.pool.FetchTransaction(hash); err == nil {
			return s.mempoolTxOut(tx.MsgTx(), c.Vout)
		}
	}
	entry, err := s.chain.chain.FetchUtxoEntry(wire.OutPoint{Hash: *hash, Index: c.Vout})
	if err != nil {
		return nil, noTxInfoError(hash)
	}
	if entry == nil || entry.IsSpent() {
		return nil, nil
	}
	best := s.chain.chain.BestSnapshot()
	return &btcjson.GetTxOutResult{
		BestBlock:     best.Hash.String(),
		Confirmations: int64(1 + best.Height - entry.BlockHeight()),
		Value:         btcutil.Amount(entry.Amount()).ToBTC(),
		ScriptPubKey:  s.describeScript(entry.PkScript()),
		Coinbase:      entry.IsCoinBase(),
	}, nil
}

func (s *rpcServer) mempoolTxOut(tx *wire.MsgTx, index uint32) (any, error) {
	if int(index) >= len(tx.TxOut) {
		return nil, btcjson.NewRPCError(btcjson.ErrRPCInvalidTxVout,
			"Output index number (vout) does not exist for transaction.")
	}
	out := tx.TxOut[index]
	return &btcjson.GetTxOutResult{
		BestBlock:    s.chain.chain.BestSnapshot().Hash.String(),
		Value:        btcutil.Amount(out.Value).ToBTC(),
		ScriptPubKey: s.describeScript(out.PkScript),
		Coinbase:     blockchain.IsCoinBaseTx(tx),
	}, nil
}

func (s *rpcServer) decodeRawTransaction(c *btcjson.DecodeRawTransactionCmd) (any, error) {
	tx, err := decodeTx(c.HexTx, true)
	if err != nil {
		return nil, err
	}
	msg := tx.MsgTx()
	return btcjson.TxRawDecodeResult{
		Txid:     msg.TxHash().String(),
		Version:  msg.Version,
		Locktime: msg.LockTime,
		Vin:      describeInputs(msg),
		Vout:     s.describeOutputs(msg),
	}, nil
}
