package bitcoinchain

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

const (
	payFeeRate   = 2 // satoshi per vbyte
	overheadSize = 11
	inputSize    = 58 // taproot key path, rounded up
	outputSize   = 43 // the largest standard output, pay to taproot or witness script hash
	dustLimit    = 1_000
	maxInputs    = 500
)

// minerWallet holds the coins that the chain's own miner earned. Its key is
// public knowledge; it pays demos and tests.
type minerWallet struct {
	key    *btcec.PrivateKey
	addr   address.Address
	script []byte

	mu    sync.Mutex
	coins []coin // oldest first; never removed, since a reorganisation can free a spent one
	known map[wire.OutPoint]bool
}

type coin struct {
	point  wire.OutPoint
	amount int64
}

func newMinerWallet(params *chaincfg.Params) (*minerWallet, error) {
	seed := sha256.Sum256([]byte("kofo devnet miner key, never for real coins"))
	key, pub := btcec.PrivKeyFromBytes(seed[:])
	output := txscript.ComputeTaprootKeyNoScript(pub)
	addr, err := address.NewAddressTaproot(schnorr.SerializePubKey(output), params)
	if err != nil {
		return nil, fmt.Errorf("bitcoinchain: miner address: %w", err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		return nil, fmt.Errorf("bitcoinchain: miner script: %w", err)
	}
	return &minerWallet{key: key, addr: addr, script: script, known: make(map[wire.OutPoint]bool)}, nil
}

// rescan finds the miner's coins in a chain opened from disk.
func (w *minerWallet) rescan(chain *blockchain.BlockChain) error {
	for height := int32(1); height <= chain.BestSnapshot().Height; height++ {
		block, err := chain.BlockByHeight(height)
		if err != nil {
			return fmt.Errorf("bitcoinchain: rescan: %w", err)
		}
		w.noteBlock(block)
	}
	return nil
}

func (w *minerWallet) noteBlock(block *btcutil.Block) {
	for _, tx := range block.Transactions() {
		w.noteTx(tx.MsgTx())
	}
}

func (w *minerWallet) noteTx(tx *wire.MsgTx) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, out := range tx.TxOut {
		point := wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}
		if string(out.PkScript) != string(w.script) || w.known[point] {
			continue
		}
		w.known[point] = true
		w.coins = append(w.coins, coin{point: point, amount: out.Value})
	}
}

func (w *minerWallet) snapshot() []coin {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.coins[:len(w.coins):len(w.coins)]
}

// MinerAddress is where the initial blocks' rewards went.
func (c *Chain) MinerAddress() address.Address { return c.miner.addr }

// Pay sends an amount in satoshi from the miner to a script. The transaction is
// in the mempool when it returns; Mine confirms it.
func (c *Chain) Pay(ctx context.Context, script []byte, amount int64) (chainhash.Hash, error) {
	if amount < dustLimit || amount > btcutil.MaxSatoshi {
		return chainhash.Hash{}, fmt.Errorf("%w: amount %d", ErrBadRequest, amount)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(ctx); err != nil {
		return chainhash.Hash{}, err
	}
	tx, spent, err := c.fundPayment(script, amount)
	if err != nil {
		return chainhash.Hash{}, err
	}
	if err := c.miner.sign(tx, spent); err != nil {
		return chainhash.Hash{}, err
	}
	hash, err := c.Submit(tx)
	if err != nil {
		return chainhash.Hash{}, err
	}
	c.miner.noteTx(tx) // change of an unconfirmed payment can pay the next one
	return hash, nil
}

func (c *Chain) fundPayment(script []byte, amount int64) (*wire.MsgTx, []coin, error) {
	tx := wire.NewMsgTx(wire.TxVersion)
	tx.AddTxOut(wire.NewTxOut(amount, script))
	var spent []coin
	var total int64
	for _, candidate := range c.miner.snapshot() {
		if len(spent) == maxInputs {
			break
		}
		if !c.spendable(candidate.point) {
			continue
		}
		spent = append(spent, candidate)
		total += candidate.amount
		tx.AddTxIn(wire.NewTxIn(&candidate.point, nil, nil))
		fee := int64(overheadSize+len(spent)*inputSize+2*outputSize) * payFeeRate
		if total < amount+fee {
			continue
		}
		if change := total - amount - fee; change >= dustLimit {
			tx.AddTxOut(wire.NewTxOut(change, c.miner.script))
		}
		return tx, spent, nil
	}
	return nil, nil, fmt.Errorf("%w: have %d of %d satoshi", ErrInsufficientFunds, total, amount)
}

func (c *Chain) spendable(point wire.OutPoint) bool {
	if c.pool.CheckSpend(point) != nil {
		return false
	}
	if c.pool.HaveTransaction(&point.Hash) {
		return true
	}
	entry, err := c.chain.FetchUtxoEntry(point)
	if err != nil || entry == nil || entry.IsSpent() {
		return false
	}
	age := c.chain.BestSnapshot().Height + 1 - entry.BlockHeight()
	return !entry.IsCoinBase() || age >= int32(c.params.CoinbaseMaturity)
}

func (w *minerWallet) sign(tx *wire.MsgTx, spent []coin) error {
	prevOuts := txscript.NewMultiPrevOutFetcher(nil)
	for _, in := range spent {
		prevOuts.AddPrevOut(in.point, wire.NewTxOut(in.amount, w.script))
	}
	hashes := txscript.NewTxSigHashes(tx, prevOuts)
	for i, in := range spent {
		witness, err := txscript.TaprootWitnessSignature(tx, hashes, i, in.amount, w.script, txscript.SigHashDefault, w.key)
		if err != nil {
			return fmt.Errorf("bitcoinchain: sign: %w", err)
		}
		tx.TxIn[i].Witness = witness
	}
	return nil
}
