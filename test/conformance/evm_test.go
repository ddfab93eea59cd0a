package conformance

import (
	"context"
	"crypto/ecdsa"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/adaptertest"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

func TestEVM(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, evmHarness(t))
}

func evmHarness(t *testing.T) adaptertest.Harness {
	t.Helper()
	deployer := newAccount(t)
	clock := newManualClock()
	alloc := types.GenesisAlloc{deployer.Address: {Balance: ether(1000)}}
	chain := startEVM(t, evmchain.Options{Now: clock.now, Alloc: alloc})
	other := startEVM(t, evmchain.Options{Now: clock.now}) // same number, another first block
	devnet := &evmDevnet{chain: chain, clock: clock}
	deployOn(t, chain, deployer)
	genesis, err := chain.Client().HeaderByNumber(t.Context(), new(big.Int))
	if err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, chain.HTTPURL(), other.HTTPURL())
	wallets := &evmWallets{
		url: e.URL(), genesis: genesis.Hash(), mine: devnet.Mine,
		pay: func(t *testing.T, to common.Address, wei *big.Int) {
			if _, err := chain.Fund(t.Context(), to, wei); err != nil {
				t.Fatal(err)
			}
		},
	}
	return adaptertest.Harness{Profile: evmProfile(), Parties: wallets, Chain: devnet, Endpoint: e}
}

func startEVM(t *testing.T, options evmchain.Options) *evmchain.Chain {
	t.Helper()
	chain, err := evmchain.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Close(); err != nil {
			t.Error(err)
		}
	})
	return chain
}

// deployOn puts the deployment there. It waits for its blocks, so somebody
// has to make them.
func deployOn(t *testing.T, chain *evmchain.Chain, deployer evmtest.Account) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, _, err := evm.Deploy(ctx, "eip155:1337", chain.HTTPURL(), evmtest.Signer{Account: deployer})
		done <- err
	}()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		case <-ticker.C:
			if _, err := chain.Mine(ctx, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func ether(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(params.Ether)) }

func evmProfile() adaptertest.Profile {
	// One coin is 1.2 ether: a leg and its fees, but not two.
	amount := new(big.Int).Div(ether(1), big.NewInt(1))
	coin := new(big.Int).Div(ether(12), big.NewInt(10))
	return adaptertest.Profile{
		Asset: "eip155:1337/slip44:60", Amount: mustAmount(amount), Coin: mustAmount(coin), Timing: shortTiming(),
		PayeeNeedsCoin: true, Consents: []htlc.Intent{htlc.IntentRefund},
		Nowhere: []string{
			"0x0000000000000000000000000000000000000000",
			"0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96044", // a wrong checksum
			"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
		},
	}
}

func mustAmount(v *big.Int) htlc.Amount {
	a, err := htlc.AmountFromBig(v)
	if err != nil {
		panic(err)
	}
	return a
}

func newAccount(t *testing.T) evmtest.Account {
	t.Helper()
	var key *ecdsa.PrivateKey
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return evmtest.Account{Key: key, Address: crypto.PubkeyToAddress(key.PublicKey)}
}

// evmWallets is adaptertest.Parties for EVM chains.
type evmWallets struct {
	url     string
	genesis common.Hash
	pay     func(t *testing.T, to common.Address, wei *big.Int)
	mine    func(t *testing.T, n int)

	all []evmWallet
}

type evmWallet struct {
	account evmtest.Account
	book    *evmtest.Book
}

func (w *evmWallets) New(t *testing.T, coins ...htlc.Amount) adaptertest.Party {
	t.Helper()
	one := evmWallet{account: newAccount(t), book: evmtest.NewBook()}
	w.all = append(w.all, one)
	sum := new(big.Int)
	for _, coin := range coins {
		sum.Add(sum, coin.Big())
	}
	if sum.Sign() > 0 {
		w.pay(t, one.account.Address, sum)
		w.mine(t, 1)
	}
	return adaptertest.Party(len(w.all) - 1)
}

func (w *evmWallets) Open(t *testing.T, p adaptertest.Party) adaptertest.Adapter {
	t.Helper()
	one := w.all[p]
	a, err := evm.Open(t.Context(), evm.Config{
		Chain: "eip155:1337", URL: w.url, Genesis: w.genesis, Bury: 2, Lanes: 8, PollInterval: 5 * time.Millisecond,
	}, evmtest.Signer{Account: one.account}, one.book, one.book, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// evmDevnet is adaptertest.Chain.
type evmDevnet struct {
	chain *evmchain.Chain
	clock *manualClock
}

func (c *evmDevnet) Mine(t *testing.T, n int) {
	t.Helper()
	if _, err := c.chain.Mine(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func (c *evmDevnet) Reorg(t *testing.T, depth int, keep bool) {
	t.Helper()
	if _, err := c.chain.Reorg(t.Context(), evmchain.Reorg{Depth: depth, Empty: !keep, Evict: !keep}); err != nil {
		t.Fatal(err)
	}
}

func (c *evmDevnet) AdvanceClock(t *testing.T, to int64) {
	t.Helper()
	if c.chain.Head().Time.Unix() == to {
		return
	}
	c.clock.set(to)
	c.Mine(t, 1)
}

func (c *evmDevnet) FeePaid(t *testing.T, tx adapters.Tx) htlc.Amount {
	t.Helper()
	return feeOf(t, c.chain.Client(), tx)
}

func feeOf(t *testing.T, client *ethclient.Client, tx adapters.Tx) htlc.Amount {
	t.Helper()
	receipt, err := client.TransactionReceipt(t.Context(), common.HexToHash(tx.ID))
	if err != nil {
		t.Fatalf("receipt of %s: %v", tx.ID, err)
	}
	return mustAmount(new(big.Int).Mul(new(big.Int).SetUint64(receipt.GasUsed), receipt.EffectiveGasPrice))
}
