package devnet

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/rpcclient"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/devnet/control"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

// TestUnderLoad asks, pays, mines, undoes blocks and moves time all at once.
func TestUnderLoad(t *testing.T) {
	n, client := startTest(t, Options{
		Bitcoin: bitcoinchain.Options{Interval: 2 * time.Millisecond},
		EVM:     evmchain.Options{Interval: 2 * time.Millisecond},
	})
	const rounds = 15
	var group errgroup.Group
	group.Go(func() error { return askBitcoin(t.Context(), n.Endpoints().Bitcoin, rounds) })
	group.Go(func() error { return askEVM(t.Context(), n.Endpoints().EVM, rounds) })
	group.Go(func() error {
		for range rounds {
			_, btcErr := client.PayBitcoin(t.Context(), somebody, 50_000, false)
			_, evmErr := client.PayEVM(t.Context(), somebodyEVM, big.NewInt(1), false)
			if err := errors.Join(btcErr, evmErr); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		for range rounds {
			_, btcErr := client.ReorgBitcoin(t.Context(), control.ReorgRequest{Depth: 1})
			_, evmErr := client.ReorgEVM(t.Context(), control.ReorgRequest{Depth: 1, Empty: true})
			_, timeErr := client.Advance(t.Context(), time.Hour)
			if err := errors.Join(btcErr, evmErr, timeErr); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.MineEVM(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	balance, err := n.EVM().Client().BalanceAt(t.Context(), common.HexToAddress(somebodyEVM), nil)
	if err != nil || balance.Int64() != rounds {
		t.Fatalf("paid %v times, %v", balance, err)
	}
}

func askBitcoin(ctx context.Context, e control.BitcoinEndpoint, rounds int) error {
	client, err := rpcclient.New(&rpcclient.ConnConfig{
		Host: strings.TrimPrefix(e.URL, "http://"), User: e.User, Pass: e.Password.Reveal(), HTTPPostMode: true, DisableTLS: true,
	}, nil)
	if err != nil {
		return err
	}
	defer client.WaitForShutdown()
	defer client.Shutdown()
	for range rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		hash, height, err := client.GetBestBlock()
		if err != nil {
			return err
		}
		_, blockErr := client.GetBlock(hash)
		_, hashErr := client.GetBlockHash(int64(height))
		var rpcErr *btcjson.RPCError
		if errors.As(hashErr, &rpcErr) && rpcErr.Code == btcjson.ErrRPCOutOfRange {
			hashErr = nil // asked while the height was undone, as can happen with any btcd
		}
		_, poolErr := client.GetRawMempool()
		if err := errors.Join(blockErr, hashErr, poolErr); err != nil {
			return err
		}
	}
	return nil
}

func askEVM(ctx context.Context, e control.EVMEndpoint, rounds int) error {
	client, err := ethclient.DialContext(ctx, e.WS)
	if err != nil {
		return err
	}
	defer client.Close()
	for range rounds {
		header, err := client.HeaderByNumber(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := client.BlockByHash(ctx, header.Hash()); err != nil {
			return err
		}
		if _, err := client.PendingNonceAt(ctx, common.HexToAddress(somebodyEVM)); err != nil {
			return err
		}
	}
	return nil
}
