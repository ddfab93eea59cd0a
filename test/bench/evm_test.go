package bench

import (
	"crypto/ecdsa"
	"encoding/binary"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

const (
	blockTxs         = 4_000
	watchedContracts = 100_000
	blockHits        = 100 // fundings, and as many redeems
	benchLock        = 4_000_000_000
)

var evmID = big.NewInt(evmchain.DefaultChainID)

// evmRig is a node within this process with the deployment in its first block,
// one account that funds and redeems, and an adapter over HTTP.
type evmRig struct {
	b       *testing.B
	chain   *evmchain.Chain
	funder  evmtest.Account
	nonce   uint64
	adapter *evm.Adapter
}

func newEVMRig(b *testing.B, gasLimit uint64) *evmRig {
	b.Helper()
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("funder of benchmarks")))
	must(b, err)
	r := &evmRig{b: b, funder: accountOf(key)}
	rich := new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(params.Ether))
	r.chain, err = evmchain.Start(b.Context(), evmchain.Options{GasLimit: gasLimit, Alloc: types.GenesisAlloc{
		r.funder.Address:    {Balance: rich},
		contracts.Address(): {Code: runtimeCode(), Balance: new(big.Int)},
	}})
	must(b, err)
	b.Cleanup(func() { must(b, r.chain.Close()) })
	r.adapter = r.open(r.chain.HTTPURL())
	return r
}

func (r *evmRig) open(url string) *evm.Adapter {
	r.b.Helper()
	book := evmtest.NewBook()
	a, err := evm.Open(r.b.Context(), evm.Config{Chain: "eip155:1337", URL: url},
		evmtest.Signer{Account: r.funder}, book, book, slog.New(slog.DiscardHandler))
	must(r.b, err)
	r.b.Cleanup(a.Close)
	return a
}

func accountOf(key *ecdsa.PrivateKey) evmtest.Account {
	return evmtest.Account{Key: key, Address: crypto.PubkeyToAddress(key.PublicKey)}
}

// runtimeCode is what the constructor leaves; the adapter compares it with the
// pinned hash.
func runtimeCode() []byte {
	artifact := contracts.Htlc()
	code := append([]byte(nil), artifact.Runtime...)
	domain := contracts.Domain(evmID, contracts.Address())
	for _, at := range artifact.Immutables {
		copy(code[at:], domain[:])
	}
	return code
}

// send puts a transaction of the funder into the mempool.
func (r *evmRig) send(to common.Address, value *big.Int, data []byte) {
	r.b.Helper()
	tx, err := types.SignNewTx(r.funder.Key, types.LatestSignerForChainID(evmID), &types.DynamicFeeTx{
		ChainID: evmID, Nonce: r.nonce, GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(100 * params.GWei),
		Gas: 100_000, To: &to, Value: value, Data: data,
	})
	must(r.b, err)
	must(r.b, r.chain.Client().SendTransaction(r.b.Context(), tx))
	r.nonce++
	if r.nonce%sendAhead == 0 {
		r.settle()
	}
}

// sendAhead is how many transactions are sent before the pool is waited for: it
// drops what exceeds 64 of an account that it has not looked at.
const sendAhead = 32

// settle returns when the pool offers everything that was sent.
func (r *evmRig) settle() {
	r.b.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		ready, err := r.chain.Client().PendingNonceAt(r.b.Context(), r.funder.Address)
		must(r.b, err)
		if ready == r.nonce {
			return
		}
		select {
		case <-tick.C:
		case <-r.b.Context().Done():
			r.b.Fatal(r.b.Context().Err())
		}
	}
}

var htlcABI = bindings.NewHtlc()

func laneSecret(lane uint64) htlc.Secret {
	var raw [32]byte
	binary.BigEndian.PutUint64(raw[24:], lane+1)
	secret, err := htlc.NewSecret(raw[:])
	if err != nil {
		panic(err) // 32 bytes are always a secret
	}
	return secret
}

// terms of the leg that the funder locks on a lane.
func (r *evmRig) terms(lane uint64) htlc.Terms {
	salt := htlc.Salt{}
	binary.BigEndian.PutUint64(salt[:], lane)
	return htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: laneSecret(lane).Hash(), Salt: salt,
		Legs: []htlc.Leg{{
			Asset: r.adapter.NativeAsset(), Amount: htlc.NewAmount(1000 + lane), PayerKey: r.funder.Address[:], PayeeKey: payee[:],
			Deployment: contracts.Address().Bytes(), Lane: lane, TimeLock: benchLock,
		}},
	}
}

var payee = common.HexToAddress("0x00000000000000000000000000000000000a11ce")

func (r *evmRig) fund(lane uint64) {
	r.b.Helper()
	data := htlcABI.PackFund(lane, 0, payee, common.Address{}, laneSecret(lane).Hash(), benchLock)
	r.send(contracts.Address(), new(big.Int).SetUint64(1000+lane), data)
}

func (r *evmRig) redeem(lane uint64) {
	r.b.Helper()
	leg := bindings.HtlcLeg{
		Funder: r.funder.Address, Lane: lane, Payee: payee, Amount: new(big.Int).SetUint64(1000 + lane), TimeLock: benchLock,
	}
	r.send(contracts.Address(), new(big.Int), htlcABI.PackRedeem(leg, laneSecret(lane).Reveal()))
}

// mine makes a block of everything sent and returns the cursor before it.
func (r *evmRig) mine(txs int) adapters.BlockRef {
	r.b.Helper()
	r.settle()
	head := r.chain.Head()
	hashes, err := r.chain.Mine(r.b.Context(), 1)
	must(r.b, err)
	block, err := r.chain.Client().BlockByHash(r.b.Context(), hashes[0])
	must(r.b, err)
	if got := len(block.Transactions()); got != txs {
		r.b.Fatalf("the block has %d transactions, want %d", got, txs)
	}
	return adapters.BlockRef{Height: head.Number, Hash: adapters.Hash(head.Hash), Time: head.Time.Unix()}
}

// BenchmarkEVMNextBlock is all of Next for a block of 4,000 transactions while
// 100,000 contracts are watched: the questions over HTTP, the answers parsed,
// the logs matched and the secrets checked. Mixed has as many of our
// transactions as the benchmark of the Bitcoin adapter has; in ours all
// transactions lock watched contracts, three times more than fit into a block
// of 60 million gas.
func BenchmarkEVMNextBlock(b *testing.B) {
	r := newEVMRig(b, 400_000_000)
	adapter := r.open(newReplay(b, r.chain.HTTPURL()))
	for lane := range uint64(watchedContracts) {
		if _, err := adapter.Watch(b.Context(), r.terms(lane), 0, ""); err != nil {
			b.Fatal(err)
		}
	}
	for lane := range uint64(blockHits) {
		r.fund(lane)
	}
	r.mine(blockHits)
	for lane := range uint64(blockHits) {
		r.redeem(lane)
		r.fund(blockHits + lane)
	}
	for range blockTxs - 2*blockHits {
		r.send(payee, big.NewInt(1), nil)
	}
	mixed := r.mine(blockTxs)
	for lane := range uint64(blockTxs) {
		r.fund(2*blockHits + lane)
	}
	ours := r.mine(blockTxs)
	b.Run("mixed", func(b *testing.B) { benchNext(b, adapter, mixed, 2*blockHits) })
	b.Run("ours", func(b *testing.B) { benchNext(b, adapter, ours, blockTxs) })
}

func benchNext(b *testing.B, adapter *evm.Adapter, cursor adapters.BlockRef, want int) {
	b.ReportAllocs()
	for b.Loop() {
		step, err := adapter.Next(b.Context(), cursor)
		if err != nil || len(step.Facts) != want {
			b.Fatalf("%d facts, want %d: %v", len(step.Facts), want, err)
		}
	}
}
