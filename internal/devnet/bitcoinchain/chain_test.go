package bitcoinchain

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

func startTest(t *testing.T, opts Options) *Chain {
	t.Helper()
	chain, err := Start(t.Context(), opts)
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

// user owns one taproot output paid by the miner.
type user struct {
	t      *testing.T
	chain  *Chain
	key    *btcec.PrivateKey
	addr   address.Address
	script []byte
}

func newUser(t *testing.T, chain *Chain) *user {
	t.Helper()
	key, err := btcec.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	addr, err := address.NewAddressTaproot(schnorr.SerializePubKey(txscript.ComputeTaprootKeyNoScript(key.PubKey())), chain.Params())
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		t.Fatal(err)
	}
	return &user{t: t, chain: chain, key: key, addr: addr, script: script}
}

const paid = 1_000_000

// receive confirms a payment and returns its output.
func (u *user) receive() wire.OutPoint {
	u.t.Helper()
	hash, err := u.chain.Pay(u.t.Context(), u.script, paid)
	if err != nil {
		u.t.Fatal(err)
	}
	mine(u.t, u.chain, 1)
	return wire.OutPoint{Hash: hash, Index: 0}
}

func (u *user) spend(point wire.OutPoint, fee int64, lockTime uint32) *wire.MsgTx {
	u.t.Helper()
	tx := wire.NewMsgTx(2)
	tx.LockTime = lockTime
	in := wire.NewTxIn(&point, nil, nil)
	in.Sequence = wire.MaxTxInSequenceNum - 1
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(paid-fee, u.script))
	fetcher := txscript.NewCannedPrevOutputFetcher(u.script, paid)
	witness, err := txscript.TaprootWitnessSignature(tx, txscript.NewTxSigHashes(tx, fetcher), 0, paid, u.script, txscript.SigHashDefault, u.key)
	if err != nil {
		u.t.Fatal(err)
	}
	tx.TxIn[0].Witness = witness
	return tx
}

func mine(t *testing.T, chain *Chain, n int) []chainhash.Hash {
	t.Helper()
	hashes, err := chain.Mine(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return hashes
}

func submit(t *testing.T, chain *Chain, tx *wire.MsgTx) chainhash.Hash {
	t.Helper()
	hash, err := chain.Submit(tx)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func (c *Chain) minedAt(t *testing.T, hash chainhash.Hash) int32 {
	t.Helper()
	region, err := c.txIndex.TxBlockRegion(&hash)
	if err != nil {
		t.Fatal(err)
	}
	if region == nil {
		return -1
	}
	height, err := c.chain.BlockHeightByHash(region.Hash)
	if err != nil {
		t.Fatal(err)
	}
	return height
}

func TestStartEndsInThePresent(t *testing.T) {
	chain := startTest(t, Options{})
	tip := chain.Tip()
	if tip.Height != DefaultInitialBlocks {
		t.Fatalf("height %d", tip.Height)
	}
	if age := time.Since(tip.MedianTime); age < 0 || age > 20*time.Second {
		t.Fatalf("median time past is %v old", age)
	}
}

func TestTaprootKeyPathIsMined(t *testing.T) {
	chain := startTest(t, Options{})
	u := newUser(t, chain)
	hash := submit(t, chain, u.spend(u.receive(), 1_000, 0))
	mine(t, chain, 1)
	if got := chain.minedAt(t, hash); got != chain.Tip().Height {
		t.Fatalf("mined at %d, tip %d", got, chain.Tip().Height)
	}
}

func TestBadSignatureAndDoubleSpendAreRefused(t *testing.T) {
	chain := startTest(t, Options{})
	u := newUser(t, chain)
	point := u.receive()
	forged := u.spend(point, 1_000, 0)
	forged.TxIn[0].Witness[0][5] ^= 1
	if _, err := chain.Submit(forged); err == nil {
		t.Fatal("a forged signature was accepted")
	}
	submit(t, chain, u.spend(point, 1_000, 0))
	final := u.spend(point, 1_100, 0)
	if _, err := chain.Submit(final); err == nil {
		t.Fatal("a conflicting transaction with too little more fee was accepted")
	}
}

func TestNonFinalIsRefusedUntilMedianTimePasses(t *testing.T) {
	chain := startTest(t, Options{})
	u := newUser(t, chain)
	refund := u.spend(u.receive(), 1_000, uint32(chain.Tip().MedianTime.Add(24*time.Hour).Unix()))
	if _, err := chain.Submit(refund); err == nil {
		t.Fatal("accepted a day early")
	}
	if err := chain.AdvanceTime(t.Context(), 23*time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Submit(refund); err == nil {
		t.Fatal("accepted an hour early")
	}
	if err := chain.AdvanceTime(t.Context(), 61*time.Minute); err != nil {
		t.Fatal(err)
	}
	hash := submit(t, chain, refund)
	mine(t, chain, 1)
	if chain.minedAt(t, hash) < 0 {
		t.Fatal("not mined")
	}
}

func TestMineAtRefusesTheFarFuture(t *testing.T) {
	chain := startTest(t, Options{})
	if _, err := chain.MineAt(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.MineAt(t.Context(), time.Now().Add(3*time.Hour)); err == nil {
		t.Fatal("three hours ahead was accepted")
	}
	if _, err := chain.MineAt(t.Context(), chain.Tip().MedianTime); err == nil {
		t.Fatal("the median time itself was accepted")
	}
}

func TestReorgKeepsTransactions(t *testing.T) {
	chain := startTest(t, Options{})
	u := newUser(t, chain)
	hash := submit(t, chain, u.spend(u.receive(), 1_000, 0))
	mine(t, chain, 2)
	before := chain.Tip()
	result, err := chain.Reorg(t.Context(), Reorg{Depth: 2})
	if err != nil {
		t.Fatal(err)
	}
	after := chain.Tip()
	if after.Height != before.Height+1 || after.Hash == before.Hash || result.OldTip != before.Hash || result.NewTip != after.Hash {
		t.Fatalf("before %+v, after %+v, result %+v", before, after, result)
	}
	if got, want := chain.minedAt(t, hash), result.ForkHeight+1; got != want {
		t.Fatalf("mined at %d, want %d", got, want)
	}
}

func TestReorgReturnsToTheMempool(t *testing.T) {
	for _, evict := range []bool{false, true} {
		chain := startTest(t, Options{})
		u := newUser(t, chain)
		hash := submit(t, chain, u.spend(u.receive(), 1_000, 0))
		mine(t, chain, 2)
		result, err := chain.Reorg(t.Context(), Reorg{Depth: 2, Without: []chainhash.Hash{hash}, Evict: evict})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(result.LeftOut, []chainhash.Hash{hash}) {
			t.Fatalf("left out %v", result.LeftOut)
		}
		if chain.minedAt(t, hash) >= 0 {
			t.Fatal("still mined")
		}
		if waits := chain.pool.HaveTransaction(&hash); waits == evict {
			t.Fatalf("evict %v, in the mempool %v", evict, waits)
		}
		mine(t, chain, 1)
		if mined := chain.minedAt(t, hash) >= 0; mined == evict {
			t.Fatalf("evict %v, mined again %v", evict, mined)
		}
	}
}

func TestReorgWithConflict(t *testing.T) {
	chain := startTest(t, Options{})
	u := newUser(t, chain)
	point := u.receive()
	original := submit(t, chain, u.spend(point, 1_000, 0))
	mine(t, chain, 2)
	conflict := u.spend(point, 2_000, 0)
	result, err := chain.Reorg(t.Context(), Reorg{Depth: 2, Insert: []*wire.MsgTx{conflict}})
	if err != nil {
		t.Fatal(err)
	}
	if got := chain.minedAt(t, conflict.TxHash()); got != result.ForkHeight+1 {
		t.Fatalf("conflict mined at %d", got)
	}
	if chain.minedAt(t, original) >= 0 || chain.pool.HaveTransaction(&original) {
		t.Fatal("the original is still there")
	}
}

func TestReorgRefusesAnInvalidInsert(t *testing.T) {
	chain := startTest(t, Options{})
	u := newUser(t, chain)
	point := u.receive()
	mine(t, chain, 2)
	before := chain.Tip()
	forged := u.spend(point, 1_000, 0)
	forged.TxIn[0].Witness[0][5] ^= 1
	if _, err := chain.Reorg(t.Context(), Reorg{Depth: 1, Insert: []*wire.MsgTx{forged}}); err == nil {
		t.Fatal("a forged signature was mined")
	}
	if chain.Tip().Hash != before.Hash {
		t.Fatal("the tip moved")
	}
	mine(t, chain, 1)
	if chain.Tip().Height != before.Height+1 {
		t.Fatal("the chain does not go on")
	}
}

func TestReorgDropsWhatIsNonFinalAgain(t *testing.T) {
	chain := startTest(t, Options{})
	u := newUser(t, chain)
	point := u.receive()
	lock := chain.Tip().Height + 2
	mine(t, chain, 2)
	hash := submit(t, chain, u.spend(point, 1_000, uint32(lock)))
	tip := chain.Tip().Hash
	if err := chain.chain.InvalidateBlock(&tip); err != nil {
		t.Fatal(err)
	}
	chain.dropNonFinal()
	if chain.pool.HaveTransaction(&hash) {
		t.Fatal("a non-final transaction stayed")
	}
	mine(t, chain, 1)
}

func TestBadRequests(t *testing.T) {
	chain := startTest(t, Options{})
	ctx := t.Context()
	_, mineErr := chain.Mine(ctx, 0)
	_, deepErr := chain.Reorg(ctx, Reorg{Depth: DefaultInitialBlocks + 1})
	_, shortErr := chain.Reorg(ctx, Reorg{Depth: 2, Blocks: 2})
	_, dustErr := chain.Pay(ctx, chain.miner.script, 1)
	_, listenErr := Start(ctx, Options{Listen: "0.0.0.0:0"})
	for i, err := range []error{mineErr, deepErr, shortErr, dustErr, listenErr, chain.AdvanceTime(ctx, -time.Hour)} {
		if !errors.Is(err, ErrBadRequest) {
			t.Errorf("case %d: %v", i, err)
		}
	}
	if _, err := chain.Pay(ctx, chain.miner.script, 20_000*100_000_000); !errors.Is(err, ErrInsufficientFunds) {
		t.Error(err)
	}
}

func TestPayWithoutWaitingForBlocks(t *testing.T) {
	chain := startTest(t, Options{InitialBlocks: 101}) // one mature reward
	for range 20 {
		if _, err := chain.Pay(t.Context(), chain.miner.script, paid); err != nil {
			t.Fatal(err)
		}
	}
	mine(t, chain, 1)
	if n := chain.pool.Count(); n != 0 {
		t.Fatalf("%d transactions left", n)
	}
}

func TestTickerMinesUnlessPaused(t *testing.T) {
	chain := startTest(t, Options{Interval: time.Millisecond})
	waitHeight(t, chain, DefaultInitialBlocks+3)
	chain.Pause()
	height := chain.Tip().Height
	if err := chain.tick(t.Context()); err != nil || chain.Tip().Height != height {
		t.Fatalf("mined while paused: %v", err)
	}
	chain.Resume()
	waitHeight(t, chain, height+1)
}

func waitHeight(t *testing.T, chain *Chain, height int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for chain.Tip().Height < height {
		select {
		case <-ctx.Done():
			t.Fatalf("height %d, want %d", chain.Tip().Height, height)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestReopenFromDisk(t *testing.T) {
	dir := t.TempDir()
	first, err := Start(t.Context(), Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.AdvanceTime(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	tip := first.Tip()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Mine(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Fatalf("mined after close: %v", err)
	}
	second := startTest(t, Options{DataDir: dir})
	if got := second.Tip(); got.Hash != tip.Hash {
		t.Fatalf("tip %v, want %v", got.Hash, tip.Hash)
	}
	u := newUser(t, second)
	u.receive()
}
