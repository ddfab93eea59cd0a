//go:build e2e

package bitcoin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

// stranger has coins under one key and spends them as it likes.
type stranger struct {
	k      *kit
	n      *litecoin
	key    *btcec.PrivateKey
	script []byte
}

// strangerDust is more than litecoind's dust of a taproot output.
const strangerDust = 4_000

func newStranger(k *kit, n *litecoin) *stranger {
	k.t.Helper()
	sum := sha256.Sum256([]byte("stranger"))
	key, _ := btcec.PrivKeyFromBytes(sum[:])
	script, err := txscript.PayToTaprootScript(txscript.ComputeTaprootKeyNoScript(key.PubKey()))
	if err != nil {
		k.t.Fatal(err)
	}
	return &stranger{k: k, n: n, key: key, script: script}
}

// coin is an output of the stranger.
type coin struct {
	point wire.OutPoint
	out   *wire.TxOut
}

func outputOf(tx *wire.MsgTx, i int) coin {
	return coin{wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}, tx.TxOut[i]}
}

// given gets a coin in a block.
func (s *stranger) given(amount int64) coin {
	s.k.t.Helper()
	id, err := s.n.Pay(s.k.ctx(), s.script, amount)
	if err != nil {
		s.k.t.Fatal(err)
	}
	s.k.mine(1)
	var text string
	s.n.call(&text, "getrawtransaction", id.String())
	raw, err := hex.DecodeString(text)
	if err != nil {
		s.k.t.Fatal(err)
	}
	tx := decode(s.k.t, raw)
	for i, out := range tx.TxOut {
		if string(out.PkScript) == string(s.script) {
			return outputOf(tx, i)
		}
	}
	s.k.t.Fatal("nothing was paid")
	return coin{}
}

// spend signs a payment of a coin to n outputs of the stranger's own.
func (s *stranger) spend(from coin, n int, fee int64) *wire.MsgTx {
	s.k.t.Helper()
	tx := wire.NewMsgTx(2)
	in := wire.NewTxIn(&from.point, nil, nil)
	in.Sequence = wire.MaxTxInSequenceNum - 2
	tx.AddTxIn(in)
	for range n {
		tx.AddTxOut(wire.NewTxOut((from.out.Value-fee)/int64(n), s.script))
	}
	s.sign(tx, 0, from, txscript.NewCannedPrevOutputFetcher(from.out.PkScript, from.out.Value))
	return tx
}

func (s *stranger) sign(tx *wire.MsgTx, i int, from coin, fetcher txscript.PrevOutputFetcher) {
	s.k.t.Helper()
	witness, err := txscript.TaprootWitnessSignature(tx, txscript.NewTxSigHashes(tx, fetcher), i, from.out.Value, from.out.PkScript, txscript.SigHashDefault, s.key)
	if err != nil {
		s.k.t.Fatal(err)
	}
	tx.TxIn[i].Witness = witness
}

func (s *stranger) send(tx *wire.MsgTx) {
	s.k.t.Helper()
	if _, err := s.n.Submit(tx); err != nil {
		s.k.t.Fatalf("send %s: %v", tx.TxHash(), err)
	}
}

// refund is the payer's refund to the stranger's key, with another coin of it as
// a second input where there is one.
func (s *stranger) refund(terms htlc.Terms, ref string, fee int64, more ...coin) *wire.MsgTx {
	s.k.t.Helper()
	amount := -fee
	var points []wire.OutPoint
	for _, c := range more {
		amount, points = amount+c.out.Value, append(points, c.point)
	}
	locked, _ := terms.Legs[leg].Amount.Uint64()
	tx, contract, err := bitcoin.RefundWith(s.k.params, terms, leg, ref, wire.NewTxOut(amount+int64(locked), s.script), points)
	if err != nil {
		s.k.t.Fatal(err)
	}
	outs := map[wire.OutPoint]*wire.TxOut{tx.TxIn[0].PreviousOutPoint: contract.Lock()}
	for _, c := range more {
		outs[c.point] = c.out
	}
	fetcher := txscript.NewMultiPrevOutFetcher(outs)
	key, err := bitcointest.Keys("payer").Leg(terms.Salt, bitcoin.Payer, leg)
	if err != nil {
		s.k.t.Fatal(err)
	}
	if err := bitcoin.SignRefund(contract, tx, fetcher, key); err != nil {
		s.k.t.Fatal(err)
	}
	for i, c := range more {
		s.sign(tx, i+1, c, fetcher)
	}
	return tx
}

// raced is a funded contract whose time lock has opened, so that payer and payee
// race for it.
func (k *kit) raced(owner string, n byte) (terms htlc.Terms, ref string) {
	k.t.Helper()
	terms = k.terms(owner, n, lockOf)
	ref = refOf(k.fund(owner, terms))
	k.mine(1)
	for _, p := range []*party{k.payer, k.payee} {
		if _, err := p.Watch(k.ctx(), terms, leg, ref); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := k.AdvanceTime(k.ctx(), (lockAfter+60)*time.Second); err != nil {
		k.t.Fatal(err)
	}
	return terms, ref
}

// The payer's refund waits in the mempool with twenty-four descendants, whose
// fees a replacement has to exceed all together. The payee, whose secret is out,
// pays that with its lone spend, and no more than that.
func TestSafety_B2_PinnedByDescendants(t *testing.T) {
	k, n := newLitecoindKit(t, matureLitecoin)
	terms, ref := k.raced("swap", 1)
	s := newStranger(k, n)
	const descendants, eachPays = 24, 20_000
	pin := s.refund(terms, ref, 400)
	s.send(pin)
	sum, last := int64(400), outputOf(pin, 0)
	for range descendants {
		child := s.spend(last, 1, eachPays)
		s.send(child)
		sum, last = sum+eachPays, outputOf(child, 0)
	}
	if _, err := n.Submit(s.spend(last, 1, eachPays)); err == nil || !strings.Contains(err.Error(), "too-long-mempool-chain") {
		t.Fatalf("the chain is not at its limit: %v", err)
	}
	clock := k.tip(k.payee).Clock
	spend := adapters.Spend{
		Terms: terms, Leg: leg, Ref: ref, Secret: secret(1),
		Fees: adapters.FeePolicy{Now: clock, Deadline: clock + 100_000, Budget: htlc.NewAmount(lockOf / 2), Must: true},
	}
	redeem, err := k.payee.Redeem(k.ctx(), spend)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(bitcoin.VirtualSize(decode(t, redeem.Raw)))
	if fee, _ := redeem.Fee.Uint64(); int64(fee) != sum+size {
		t.Fatalf("a fee of %d against %d in the mempool, for %d vbytes", fee, sum, size)
	}
	k.broadcast(k.payee, redeem)
	if n.waits(pin.TxHash().String()) || n.waits(last.point.Hash.String()) || !n.waits(redeem.ID) {
		t.Fatal("the pin still waits")
	}
	if fact := k.mineFact(k.payee, adapters.Redeemed); fact.TxID != redeem.ID {
		t.Fatalf("redeemed by %s", fact.TxID)
	}
	// Where the budget does not buy it, nothing above the budget is signed.
	terms, ref = k.raced("poor", 2)
	pin = s.refund(terms, ref, 90_000)
	s.send(pin)
	spend.Terms, spend.Ref, spend.Secret, spend.Fees.Budget = terms, ref, secret(2), htlc.NewAmount(50_000)
	if redeem, err = k.payee.Redeem(k.ctx(), spend); err != nil || redeem.Fee.Cmp(spend.Fees.Budget) > 0 {
		t.Fatalf("a fee of %s: %v", redeem.Fee, err)
	}
	err = k.payee.Broadcast(k.ctx(), redeem)
	wantReason(t, err, adapters.ErrRejected, "REPLACEMENT_UNDERPRICED")
}

// The payer throws the payee's redeem out of the mempool with a refund that also
// spends another coin, and then throws that out by spending the other coin alone:
// nothing spends the contract any more, and nobody was told. With every block the
// payee sends the same bytes again. Whoever has seen the secret knows it.
func TestSafety_B2_ReplacementCycling(t *testing.T) {
	k, n := newLitecoindKit(t, matureLitecoin)
	terms, ref := k.raced("swap", 1)
	s := newStranger(k, n)
	clock := k.tip(k.payee).Clock
	spend := adapters.Spend{
		Terms: terms, Leg: leg, Ref: ref, Secret: secret(1),
		Fees: adapters.FeePolicy{Now: clock, Deadline: clock + 100_000, Budget: htlc.NewAmount(lockOf / 2), Must: true},
	}
	redeem, err := k.payee.Redeem(k.ctx(), spend)
	if err != nil {
		t.Fatal(err)
	}
	spend.Replace = &redeem
	for round := range 3 {
		extra := s.given(1_000_000)
		again, err := k.payee.Redeem(k.ctx(), spend)
		if err != nil || again.ID != redeem.ID || string(again.Raw) != string(redeem.Raw) {
			t.Fatalf("round %d: %s takes the place of %s: %v", round, again.ID, redeem.ID, err)
		}
		k.broadcast(k.payee, again)
		if fact := k.sighting(k.payer, adapters.Redeemed); fact.Secret == nil || !fact.Secret.Equal(secret(1)) {
			t.Fatalf("round %d: the payer sees %+v", round, fact)
		}
		s.send(s.refund(terms, ref, 20_000, extra))
		if n.waits(redeem.ID) {
			t.Fatalf("round %d: the redeem was not thrown out", round)
		}
		s.send(s.spend(extra, 1, 60_000))
		if facts, err := k.payer.Mempool(k.ctx()); err != nil || len(facts) != 0 {
			t.Fatalf("round %d: something spends the contract: %+v, %v", round, facts, err)
		}
		// The block that comes now finds nothing; with it everybody asks again.
		k.mine(1)
	}
	k.broadcast(k.payee, redeem)
	if fact := k.mineFact(k.payee, adapters.Redeemed); fact.TxID != redeem.ID {
		t.Fatalf("redeemed by %s", fact.TxID)
	}
}

func TestSafety_B3_PolicyIsAskedOnLitecoind(t *testing.T) {
	k, _ := newLitecoindKit(t, richLitecoin, "-minrelaytxfee=0.00005", "-incrementalrelayfee=0.00003")
	policyIsAsked(t, k, 5_000, 3_000)
}

// A small mempool is flooded with what pays more, so that the redeem falls out of
// it. With every block the same bytes are offered again, until the flood has
// drained, the redeem is in a block, and that is buried.
func TestSafety_B4_RebroadcastUntilBuried(t *testing.T) {
	k, n := newLitecoindKit(t, richLitecoin, "-maxmempool=5", "-mempoolexpiry=72")
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	if _, err := k.payee.Watch(k.ctx(), terms, leg, ref); err != nil {
		t.Fatal(err)
	}
	coins := newFlood(k, n)
	clock := k.tip(k.payee).Clock
	spend := adapters.Spend{
		Terms: terms, Leg: leg, Ref: ref, Secret: secret(1),
		Fees: adapters.FeePolicy{Now: clock, Deadline: clock + 100_000, Budget: htlc.NewAmount(400)}, // no replacement fits in
	}
	redeem, err := k.payee.Redeem(k.ctx(), spend)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payee, redeem)
	coins.rise(redeem.ID)
	spend.Replace = &redeem
	offered := 0
	for blocks := 0; !n.waits(redeem.ID); blocks++ {
		if blocks > 60 {
			t.Fatal("the redeem does not come back")
		}
		again, err := k.payee.Redeem(k.ctx(), spend)
		if err != nil || again.ID != redeem.ID || string(again.Raw) != string(redeem.Raw) {
			t.Fatalf("%s takes the place of %s: %v", again.ID, redeem.ID, err)
		}
		if err = k.payee.Broadcast(k.ctx(), again); err == nil {
			break
		}
		wantReason(t, err, adapters.ErrRejected, "FEE_TOO_LOW")
		if !adapters.Retryable(err) {
			t.Fatalf("not tried again: %v", err)
		}
		offered++
		k.mine(1)
		n.tick(time.Hour) // the node's floor falls by the time since the last block
	}
	t.Logf("offered %d times in vain, the floor is %d litoshi for 1,000 vbytes", offered, n.poolFloor())
	if offered == 0 {
		t.Fatal("the mempool never refused the redeem")
	}
	if fact := k.mineFact(k.payee, adapters.Redeemed); fact.TxID != redeem.ID {
		t.Fatalf("redeemed by %s", fact.TxID)
	}
	for range 3 { // in a block, and not buried: sent again, which is no failure
		k.broadcast(k.payee, redeem)
		k.mine(1)
	}
	var tip string
	n.call(&tip, "getblockhash", k.tip(k.payee).Height-3)
	n.call(nil, "invalidateblock", tip)
	k.broadcast(k.payee, redeem)
	k.mine(5)
	if _, err := k.payee.Redeem(k.ctx(), spend); !errors.Is(err, adapters.ErrSpent) {
		t.Fatalf("the contract stands after the reorganisation: %v", err)
	}
}

// flood fills a mempool.
type flood struct {
	*stranger
	coins []coin
}

const (
	floodTxs, floodOutputs = 90, 1_500
	floodRate              = 20 // litoshi for a vbyte
)

func newFlood(k *kit, n *litecoin) *flood {
	k.t.Helper()
	f := &flood{stranger: newStranger(k, n)}
	const size = floodOutputs * 43
	from := f.given(floodTxs * (floodOutputs*strangerDust + size*(floodRate+floodTxs)))
	split := f.spend(from, floodTxs, 100_000)
	f.send(split)
	k.mine(1)
	for i := range split.TxOut {
		f.coins = append(f.coins, outputOf(split, i))
	}
	return f
}

// rise sends large transactions, each for more than the one before, until the
// one that is watched has fallen out.
func (f *flood) rise(watched string) {
	f.k.t.Helper()
	const size = floodOutputs*43 + 70
	for i, c := range f.coins {
		if _, err := f.n.Submit(f.spend(c, floodOutputs, int64(size*(floodRate+i)))); err != nil {
			f.k.t.Fatalf("flood %d: %v", i, err)
		}
		if !f.n.waits(watched) {
			f.k.t.Logf("fell out after %d large transactions, the floor is %d litoshi for 1,000 vbytes", i+1, f.n.poolFloor())
			return
		}
	}
	f.k.t.Fatal("the mempool was not filled")
}
