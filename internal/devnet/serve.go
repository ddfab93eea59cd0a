package devnet

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/devnet/control"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

func (n *Network) status() control.Status {
	tip, head := n.bitcoin.Tip(), n.evm.Head()
	return control.Status{
		Bitcoin: control.BitcoinStatus{
			Height:            tip.Height,
			Hash:              tip.Hash.String(),
			MedianTime:        tip.MedianTime.Unix(),
			ClockAheadSeconds: int64(tip.ClockAhead / time.Second),
		},
		EVM: control.EVMStatus{
			Number:            head.Number,
			Hash:              head.Hash.Hex(),
			Time:              head.Time.Unix(),
			Finalized:         head.Finalized,
			ClockAheadSeconds: int64(head.ClockAhead / time.Second),
		},
	}
}

func (n *Network) serveBitcoinMine(ctx context.Context, req *control.MineRequest) (control.MineResponse, error) {
	hashes, err := n.bitcoin.Mine(ctx, req.Blocks)
	return control.MineResponse{Hashes: texts(hashes)}, err
}

func (n *Network) serveEVMMine(ctx context.Context, req *control.MineRequest) (control.MineResponse, error) {
	hashes, err := n.evm.Mine(ctx, req.Blocks)
	return control.MineResponse{Hashes: texts(hashes)}, err
}

func (n *Network) serveBitcoinPay(ctx context.Context, req *control.PayRequest) (control.PayResponse, error) {
	amount, err := parseAmount(req.Amount)
	if err != nil {
		return control.PayResponse{}, err
	}
	txid, err := n.payBitcoin(ctx, Payment{Address: req.Address, Amount: amount})
	if err == nil && req.Confirm {
		_, err = n.bitcoin.Mine(ctx, 1)
	}
	return control.PayResponse{TxID: txid}, err
}

func (n *Network) serveEVMPay(ctx context.Context, req *control.PayRequest) (control.PayResponse, error) {
	amount, err := parseAmount(req.Amount)
	if err != nil {
		return control.PayResponse{}, err
	}
	to, err := evmAddress(req.Address)
	if err != nil {
		return control.PayResponse{}, err
	}
	hash, err := n.evm.Fund(ctx, to, amount)
	if err == nil && req.Confirm {
		_, err = n.evm.Mine(ctx, 1)
	}
	return control.PayResponse{TxID: hash.Hex()}, err
}

// maxAmountDigits holds any number of 256 bits.
const maxAmountDigits = 78

func parseAmount(text string) (*big.Int, error) {
	amount, ok := new(big.Int), len(text) <= maxAmountDigits
	if ok {
		amount, ok = amount.SetString(text, 10)
	}
	if !ok || amount.Sign() <= 0 {
		return nil, fmt.Errorf("%w: amount %q", ErrBadRequest, text)
	}
	return amount, nil
}

func (n *Network) serveBitcoinReorg(ctx context.Context, req *control.ReorgRequest) (control.ReorgResponse, error) {
	r := bitcoinchain.Reorg{Depth: req.Depth, Blocks: req.Blocks, Empty: req.Empty, Evict: req.Evict}
	for _, text := range req.Without {
		hash, err := chainhash.NewHashFromStr(text)
		if err != nil {
			return control.ReorgResponse{}, fmt.Errorf("%w: hash %q", ErrBadRequest, text)
		}
		r.Without = append(r.Without, *hash)
	}
	for _, text := range req.Insert {
		raw, err := hex.DecodeString(text)
		if err != nil {
			return control.ReorgResponse{}, fmt.Errorf("%w: transaction: %w", ErrBadRequest, err)
		}
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
			return control.ReorgResponse{}, fmt.Errorf("%w: transaction: %w", ErrBadRequest, err)
		}
		r.Insert = append(r.Insert, tx)
	}
	result, err := n.bitcoin.Reorg(ctx, r)
	return control.ReorgResponse{
		OldTip:  result.OldTip.String(),
		NewTip:  result.NewTip.String(),
		Fork:    uint64(result.ForkHeight),
		LeftOut: texts(result.LeftOut),
	}, err
}

func (n *Network) serveEVMReorg(ctx context.Context, req *control.ReorgRequest) (control.ReorgResponse, error) {
	r := evmchain.Reorg{Depth: req.Depth, Blocks: req.Blocks, Empty: req.Empty, Evict: req.Evict, BreakFinality: req.BreakFinality}
	for _, text := range req.Without {
		raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		if err != nil || len(raw) != common.HashLength {
			return control.ReorgResponse{}, fmt.Errorf("%w: hash %q", ErrBadRequest, text)
		}
		r.Without = append(r.Without, common.BytesToHash(raw))
	}
	for _, text := range req.Insert {
		raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		if err != nil {
			return control.ReorgResponse{}, fmt.Errorf("%w: transaction: %w", ErrBadRequest, err)
		}
		tx := new(types.Transaction)
		if err := tx.UnmarshalBinary(raw); err != nil {
			return control.ReorgResponse{}, fmt.Errorf("%w: transaction: %w", ErrBadRequest, err)
		}
		r.Insert = append(r.Insert, tx)
	}
	result, err := n.evm.Reorg(ctx, r)
	return control.ReorgResponse{
		OldTip:  result.OldHead.Hex(),
		NewTip:  result.NewHead.Hex(),
		Fork:    result.ForkNumber,
		LeftOut: texts(result.LeftOut),
	}, err
}

// maxAdvanceSeconds is ten years: beyond, block times leave their 32 bits soon.
const maxAdvanceSeconds = 10 * 365 * 24 * 3600

func (n *Network) serveAdvance(ctx context.Context, req *control.AdvanceRequest) (control.Status, error) {
	if req.Seconds < 1 || req.Seconds > maxAdvanceSeconds || !req.Bitcoin && !req.EVM {
		return control.Status{}, fmt.Errorf("%w: %d seconds", ErrBadRequest, req.Seconds)
	}
	d := time.Duration(req.Seconds) * time.Second
	if req.Bitcoin {
		if err := n.bitcoin.AdvanceTime(ctx, d); err != nil {
			return control.Status{}, err
		}
	}
	if req.EVM {
		if err := n.evm.AdvanceTime(ctx, d); err != nil {
			return control.Status{}, err
		}
	}
	return n.status(), nil
}

func (n *Network) serveMining(_ context.Context, req *control.MiningRequest) (control.Empty, error) {
	pauses := []struct {
		mines         bool
		resume, pause func()
	}{
		{req.Bitcoin, n.bitcoin.Resume, n.bitcoin.Pause},
		{req.EVM, n.evm.Resume, n.evm.Pause},
	}
	for _, p := range pauses {
		if p.mines {
			p.resume()
		} else {
			p.pause()
		}
	}
	return control.Empty{}, nil
}

func texts[T fmt.Stringer](items []T) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = item.String()
	}
	return out
}
