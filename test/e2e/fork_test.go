//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/mining"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/kofo-network/kofo/api/sdk"
)

// contractUse is a transaction that funds or spends a contract, and how deep it is: 0
// in the mempool, 1 in the tip.
type contractUse struct {
	bitcoin *wire.MsgTx
	event   *minedEvent
	depth   int
}

// minedEvent is what a fork has to know of a log.
type minedEvent struct {
	Topics          []common.Hash
	TransactionHash common.Hash
	BlockNumber     hexutil.Uint64
}

// holding mines by hand until the wanted use of a contract is so deep, and
// then calls f before any other block comes.
func (b *bitcoind) holding(ctx context.Context, from int, contract string, spend bool, depth int, f func(contractUse) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := time.Now()
	return eventually(ctx, "a use of "+contract, func() error {
		use, err := b.useOf(ctx, from, contract, spend)
		if err != nil {
			return err
		}
		for use.bitcoin != nil && use.depth < depth {
			if err := b.call(ctx, nil, "generate", 1); err != nil {
				return err
			}
			use.depth++
		}
		if use.bitcoin != nil {
			return f(use)
		}
		if time.Since(last) >= time.Second { // a block a second, as everywhere
			last = time.Now()
			if err := b.call(ctx, nil, "generate", 1); err != nil {
				return err
			}
		}
		return fmt.Errorf("it is not there yet")
	})
}

// useOf looks for the use in the blocks from a height on and in the mempool.
func (b *bitcoind) useOf(ctx context.Context, from int, contract string, spend bool) (contractUse, error) {
	decoded, err := address.DecodeAddress(contract, &chaincfg.RegressionNetParams)
	if err != nil {
		return contractUse{}, err
	}
	script, err := txscript.PayToAddrScript(decoded)
	if err != nil {
		return contractUse{}, err
	}
	tip, err := b.height(ctx)
	if err != nil {
		return contractUse{}, err
	}
	made := map[wire.OutPoint]bool{}
	wanted := func(tx *wire.MsgTx) bool {
		spends := false
		for _, in := range tx.TxIn {
			spends = spends || made[in.PreviousOutPoint]
		}
		pays := false
		for i, out := range tx.TxOut {
			if bytes.Equal(out.PkScript, script) {
				made[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}], pays = true, true
			}
		}
		return spend && spends || !spend && pays
	}
	for h := from; h <= tip; h++ {
		block, err := b.block(ctx, h)
		if err != nil {
			return contractUse{}, err
		}
		for _, tx := range block.Transactions {
			if wanted(tx) {
				return contractUse{bitcoin: tx, depth: tip - h + 1}, nil
			}
		}
	}
	var waiting []string
	if err := b.call(ctx, &waiting, "getrawmempool"); err != nil {
		return contractUse{}, err
	}
	for _, txid := range waiting {
		if tx, err := b.transaction(ctx, txid); err == nil && wanted(tx) {
			return contractUse{bitcoin: tx}, nil
		}
	}
	return contractUse{}, nil
}

// fork replaces the last blocks by one more, the first of which has the
// transactions. Who calls holds b.mu.
func (b *bitcoind) fork(ctx context.Context, depth int, with ...*wire.MsgTx) error {
	tip, err := b.height(ctx)
	if err != nil {
		return err
	}
	parent, err := b.block(ctx, tip-depth)
	if err != nil {
		return err
	}
	at := parent.BlockHash()
	for i := range depth + 1 {
		var txs []*wire.MsgTx
		if i == 0 {
			txs = with
		}
		block, err := b.assemble(at, tip-depth+1+i, txs)
		if err != nil {
			return err
		}
		var raw bytes.Buffer
		if err := block.Serialize(&raw); err != nil {
			return err
		}
		if err := b.call(ctx, nil, "submitblock", hex.EncodeToString(raw.Bytes())); err != nil {
			return fmt.Errorf("block %d of the fork: %w", i, err)
		}
		at = block.BlockHash()
	}
	var best string
	if err := b.call(ctx, &best, "getbestblockhash"); err != nil || best != at.String() {
		return fmt.Errorf("the best block is %s, not the fork's %s: %w", best, at, err)
	}
	return nil
}

// assemble makes a block that btcd would not: on another parent than the tip.
func (b *bitcoind) assemble(parent chainhash.Hash, height int, with []*wire.MsgTx) (*wire.MsgBlock, error) {
	input, err := txscript.NewScriptBuilder().AddInt64(int64(height)).AddInt64(time.Now().UnixNano()).Script()
	if err != nil {
		return nil, err
	}
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex}, SignatureScript: input, Sequence: wire.MaxTxInSequenceNum})
	coinbase.AddTxOut(wire.NewTxOut(blockchain.CalcBlockSubsidy(int32(height), &chaincfg.RegressionNetParams), b.miner))
	all := []*btcutil.Tx{btcutil.NewTx(coinbase)}
	for _, tx := range with {
		all = append(all, btcutil.NewTx(tx))
	}
	mining.AddWitnessCommitment(all[0], all)
	block := &wire.MsgBlock{Header: wire.BlockHeader{
		Version: 0x20000000, PrevBlock: parent, MerkleRoot: blockchain.CalcMerkleRoot(all, false),
		Timestamp: time.Now().Truncate(time.Second), Bits: chaincfg.RegressionNetParams.PowLimitBits,
	}}
	for _, tx := range all {
		if err := block.AddTransaction(tx.MsgTx()); err != nil {
			return nil, err
		}
	}
	target := blockchain.CompactToBig(block.Header.Bits)
	for {
		if hash := block.BlockHash(); blockchain.HashToBig(&hash).Cmp(target) <= 0 {
			return block, nil
		}
		block.Header.Nonce++
	}
}

// useAt waits until the wanted use of a contract is so deep.
func (g *gethd) useAt(ctx context.Context, leg *sdk.Leg, depth int, topics ...common.Hash) (use contractUse, err error) {
	err = eventually(ctx, "a use of contract "+leg.GetContractId(), func() error {
		var logs []minedEvent
		if err := g.rpc.CallContext(ctx, &logs, "eth_getLogs", map[string]any{
			"address": leg.GetContractAddress(), "fromBlock": "0x0", "toBlock": "latest", "topics": []any{topics, leg.GetContractId()},
		}); err != nil {
			return err
		}
		var head hexutil.Uint64
		if err := g.rpc.CallContext(ctx, &head, "eth_blockNumber"); err != nil {
			return err
		}
		if len(logs) == 0 {
			return fmt.Errorf("it is not there yet")
		}
		use = contractUse{event: &logs[0], depth: int(head) - int(logs[0].BlockNumber) + 1}
		if use.depth < depth {
			return fmt.Errorf("it is %d deep", use.depth)
		}
		return nil
	})
	return use, err
}

// gethTx is what a fork has to know of a transaction.
type gethTx struct {
	To    common.Address
	Input hexutil.Bytes
	Raw   hexutil.Bytes `json:"-"`
}

func (g *gethd) transaction(ctx context.Context, hash common.Hash) (tx gethTx, err error) {
	if err := g.rpc.CallContext(ctx, &tx, "eth_getTransactionByHash", hash); err != nil {
		return tx, err
	}
	err = g.rpc.CallContext(ctx, &tx.Raw, "eth_getRawTransactionByHash", hash)
	return tx, err
}

// sendsCall has geth's own account, which is nobody's, send call data.
func (g *gethd) sendsCall(ctx context.Context, to common.Address, data []byte) error {
	_, err := g.send(ctx, map[string]any{
		"to": to, "data": hexutil.Bytes(data), "gas": hexutil.Uint64(300_000), "maxFeePerGas": (*hexutil.Big)(big.NewInt(1e11)),
		"maxPriorityFeePerGas": (*hexutil.Big)(big.NewInt(5e10)),
	})
	return err
}
