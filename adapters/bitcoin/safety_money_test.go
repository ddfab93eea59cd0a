package bitcoin_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
)

// Amounts around the smallest: below it everything refuses, from it on funding,
// redeem and refund work at the stress rate and no output is dust.
func TestSafety_B5_SmallestAmount(t *testing.T) {
	k := newKit(t)
	for name, config := range map[string]struct{ stress, percent uint64 }{
		"usual fees": {100_000, 10}, "high fees": {500_000, 50}, "dust itself": {2_000, 100},
	} {
		t.Run(name, func(t *testing.T) {
			k := *k
			k.t = t
			c := k.config()
			c.StressFee, c.MinFeePercent = config.stress, config.percent
			k.payer, k.payee = k.openWith("payer", bitcointest.NewBook(), c), k.openWith("payee", bitcointest.NewBook(), c)
			smallestAmount(t, &k)
		})
	}
}

func smallestAmount(t *testing.T, k *kit) {
	quote, err := k.payer.Quote(k.ctx(), k.params.Asset)
	if err != nil {
		t.Fatal(err)
	}
	least, _ := quote.Min.Uint64()
	for offset := int64(-3); offset <= 3; offset++ {
		amount := uint64(int64(least) + offset)
		owner := fmt.Sprint(amount)
		reservation := adapters.Reservation{
			Owner: owner, Asset: k.params.Asset, Amount: htlc.NewAmount(amount), Salt: htlc.Salt{byte(offset + 9), 1}, Leg: leg,
		}
		if offset < 0 {
			_, err := k.payer.Reserve(k.ctx(), reservation)
			wantReason(t, err, adapters.ErrDust, "DUST_AMOUNT")
			continue
		}
		terms := k.terms(owner, byte(offset+9), amount)
		k.watch(k.payee, terms)
		funding := k.fund(owner, terms)
		noDust(t, funding.Txs[0], *funding.Refund)
		k.mine(1)
		// A budget of the stress fees, spent in full.
		spend := adapters.Spend{
			Terms: terms, Leg: leg, Ref: refOf(funding), Secret: secret(byte(offset + 9)),
			Fees: adapters.FeePolicy{Now: 2, Deadline: 1, Budget: quote.StressRedeem},
		}
		redeem, err := k.payee.Redeem(k.ctx(), spend)
		if err != nil {
			t.Fatal(err)
		}
		noDust(t, redeem)
		if redeem.Fee.Cmp(quote.StressRedeem) > 0 {
			t.Errorf("fee %s over the budget %s", redeem.Fee, quote.StressRedeem)
		}
		// A budget of more than there is leaves just what is no dust.
		spend.Fees.Budget = htlc.NewAmount(10 * amount)
		all, err := k.payee.Redeem(k.ctx(), spend)
		if err != nil {
			t.Fatal(err)
		}
		noDust(t, all)
		k.broadcast(k.payee, redeem)
		k.mine(1)
	}
}

func noDust(t *testing.T, txs ...adapters.Tx) {
	t.Helper()
	for _, tx := range txs {
		for i, out := range decode(t, tx.Raw).TxOut {
			if out.Value < bitcoin.DustLimit(out.PkScript) {
				t.Errorf("output %d of %s carries %d satoshi", i, tx.ID, out.Value)
			}
		}
	}
}

// Change that would be dust goes to the fee. The payer's only coin is swept
// over the boundary.
func TestSafety_B5_DustChange(t *testing.T) {
	k := newKit(t)
	quote, err := k.payer.Quote(k.ctx(), k.params.Asset)
	if err != nil {
		t.Fatal(err)
	}
	with, without := 0, 0
	for i := range 12 {
		name := fmt.Sprintf("poor %d", i)
		k.payer = k.open(name, bitcointest.NewBook())
		// The reservation is made at the stress rate, which is the market's here.
		c := k.config()
		c.StressFee, c.MinFeePercent = 2_000, 100
		k.payer = k.openWith(name, k.payer.book, c)
		k.pay(k.payer, lockOf+310+int64(100*i))
		k.mine(1)
		if _, err := k.payer.Reserve(k.ctx(), adapters.Reservation{
			Owner: name, Asset: k.params.Asset, Amount: htlc.NewAmount(lockOf), Salt: htlc.Salt{1, 1}, Leg: leg,
		}); err != nil {
			if !errors.Is(err, adapters.ErrInsufficientFunds) {
				t.Fatal(err)
			}
			continue
		}
		terms := k.terms(name, 1, lockOf)
		funding := k.fund(name, terms)
		noDust(t, funding.Txs[0])
		if len(decode(t, funding.Txs[0].Raw).TxOut) == 2 {
			with++
		} else {
			without++
		}
	}
	if with == 0 || without == 0 {
		t.Fatalf("%d fundings with change, %d without: the boundary was missed (quote %+v)", with, without, quote)
	}
}

// A lock that is only in the mempool never counts, and after another
// transaction took its coins it never comes.
func TestSafety_B6_UnconfirmedLockReplaced(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payee, terms)
	// The same seed elsewhere signs a payment of the same coin to itself.
	thief := k.openWith("payer", bitcointest.NewBook(), k.config())
	var conflict *wire.MsgTx
	funding, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; conflict == nil && i < 3; i++ {
		tx, err := thief.Withdraw(k.ctx(), adapters.Withdrawal{
			RequestID: fmt.Sprint(i), Asset: k.params.Asset, To: k.Chain.MinerAddress().EncodeAddress(), Amount: htlc.NewAmount(9_000_000),
		})
		if err != nil {
			t.Fatal(err)
		}
		if tx.Spends[0] == funding.Txs[0].Spends[0] {
			conflict = decode(t, tx.Raw)
		}
	}
	if conflict == nil {
		t.Fatal("no conflict was signed")
	}
	cursor := k.tip(k.payee)
	k.broadcast(k.payer, funding.Txs[0])
	ref := k.sighting(k.payee, adapters.Funded).Ref
	neverCounted(t, k, terms, ref)
	k.mine(1)
	// A longer branch has the payment in it instead.
	if _, err := k.Chain.Reorg(k.ctx(), bitcoinchain.Reorg{Depth: 1, Insert: []*wire.MsgTx{conflict}}); err != nil {
		t.Fatal(err)
	}
	for step := k.next(k.payee, cursor); step.Kind != adapters.AtTip; step = k.next(k.payee, cursor) {
		if len(step.Facts) != 0 {
			t.Fatalf("facts of a lock that is gone: %+v", step.Facts)
		}
		cursor = step.Block
	}
	if facts, err := k.payee.Mempool(k.ctx()); err != nil || len(facts) != 0 {
		t.Fatalf("sightings of a lock that is gone: %+v: %v", facts, err)
	}
	neverCounted(t, k, terms, ref)
	_, err = k.payee.Redeem(k.ctx(), adapters.Spend{Terms: terms, Leg: leg, Ref: ref, Secret: secret(1)})
	if !errors.Is(err, adapters.ErrNotFunded) && !errors.Is(err, adapters.ErrSpent) {
		t.Fatalf("redeem of a lock that is gone: %v", err)
	}
	// ErrSpent would say that the contract is spent, and so that it was funded.
	err = k.payer.Broadcast(k.ctx(), funding.Txs[0])
	wantReason(t, err, adapters.ErrRejected, "COIN_SPENT")
	if errors.Is(err, adapters.ErrSpent) || adapters.Retryable(err) {
		t.Fatalf("funding with coins that are gone: %v", err)
	}
}

func neverCounted(t *testing.T, k *kit, terms htlc.Terms, ref string) {
	t.Helper()
	if k.funded(k.payee, terms, ref) {
		t.Fatal("a lock outside of the chain counts as funded")
	}
}
