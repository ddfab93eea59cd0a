package bitcoin_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

// partOf is what each coin of a split is worth: a lock and its fee at the stress rate.
const partOf = lockOf + 500_000

// single is a party with one coin.
func (k *kit) single(satoshi int64) *party {
	k.t.Helper()
	p := k.open("single", bitcointest.NewBook())
	k.pay(p, satoshi)
	k.mine(1)
	return p
}

func (k *kit) splitOf(parts int, amount uint64) adapters.Withdrawal {
	return adapters.Withdrawal{RequestID: "split", Asset: k.params.Asset, To: adapters.ToSelf, Amount: htlc.NewAmount(amount), Parts: parts}
}

func (k *kit) fundsOf(p *party) adapters.Balance {
	k.t.Helper()
	b, err := p.Balances(k.ctx())
	if err != nil || len(b) != 1 {
		k.t.Fatalf("balances %+v: %v", b, err)
	}
	return b[0]
}

// With one coin a second swap waits; split, each has its own. Only the fee is gone,
// and the coins are not used before they are in a block.
func TestSplitLetsSwapsRunAtOnce(t *testing.T) {
	k := newKit(t)
	const coin = 100_000_000
	p := k.single(coin)
	reserve := func(owner string) error {
		_, err := p.Reserve(k.ctx(), adapters.Reservation{Owner: owner, Asset: k.params.Asset, Amount: htlc.NewAmount(lockOf)})
		return err
	}
	if err := reserve("first"); err != nil {
		t.Fatal(err)
	}
	wantReason(t, reserve("second"), adapters.ErrReserved, "COINS_RESERVED")
	if _, err := p.Withdraw(k.ctx(), k.splitOf(4, partOf)); !errors.Is(err, adapters.ErrReserved) {
		t.Fatalf("a coin that is held was split: %v", err)
	}
	if err := p.Release(k.ctx(), "first"); err != nil {
		t.Fatal(err)
	}

	tx, err := p.Withdraw(k.ctx(), k.splitOf(4, partOf))
	if err != nil {
		t.Fatal(err)
	}
	parsed := decode(t, tx.Raw)
	scripts, parts := map[string]bool{}, 0
	for _, out := range parsed.TxOut {
		if out.Value == partOf {
			scripts[string(out.PkScript)] = true
			parts++
		}
	}
	// A taproot input, four parts, the change: 10.5 + 57.5 + 5 * 43 virtual bytes, rounded up.
	if len(parsed.TxIn) != 1 || len(parsed.TxOut) != 5 || parts != 4 || len(scripts) != 4 || bitcoin.VirtualSize(parsed) != 283 {
		t.Fatalf("%d inputs, %d outputs, %d of the amount to %d scripts, %d vB", len(parsed.TxIn), len(parsed.TxOut), parts, len(scripts), bitcoin.VirtualSize(parsed))
	}
	fee, _ := tx.Fee.Uint64()
	k.broadcast(p, tx)
	if b := k.fundsOf(p); !b.Spendable.IsZero() || b.Pending.Cmp(htlc.NewAmount(coin-fee)) != 0 {
		t.Fatalf("before its block %+v, the fee is %d", b, fee)
	}
	if err := reserve("early"); !errors.Is(err, adapters.ErrInsufficientFunds) {
		t.Fatalf("an unconfirmed part was reserved: %v", err)
	}
	k.mine(1)
	if b := k.fundsOf(p); b.Spendable.Cmp(htlc.NewAmount(coin-fee)) != 0 || !b.Pending.IsZero() {
		t.Fatalf("after its block %+v, the fee is %d", b, fee)
	}
	for i := range 5 { // the change is large enough too
		if err := reserve(fmt.Sprint("swap ", i)); err != nil {
			t.Fatalf("swap %d: %v", i, err)
		}
	}
}

// A seed alone finds every part again, however many there are.
func TestSplitIsFoundFromTheSeed(t *testing.T) {
	k := newKit(t)
	p := k.single(100_000_000)
	for i := range 2 {
		order := k.splitOf(20, 1_000_000)
		order.RequestID = fmt.Sprint(i)
		tx, err := p.Withdraw(k.ctx(), order)
		if err != nil {
			t.Fatal(err)
		}
		k.broadcast(p, tx)
		k.mine(1)
	}
	want := k.fundsOf(p)
	again := k.open("single", bitcointest.NewBook())
	if got := k.fundsOf(again); got != want || got.Spendable.IsZero() {
		t.Fatalf("the seed finds %+v of %+v", got, want)
	}
}

func TestSplitRefusals(t *testing.T) {
	k := newKit(t)
	for name, c := range map[string]struct {
		parts  int
		amount uint64
		change func(*adapters.Withdrawal)
		err    error
	}{
		"one part":       {parts: 1, amount: partOf, err: adapters.ErrMismatch},
		"too many":       {parts: 21, amount: partOf, err: adapters.ErrMismatch},
		"negative":       {parts: -1, amount: partOf, err: adapters.ErrMismatch},
		"dust":           {parts: 2, amount: 100, err: adapters.ErrDust},
		"more than is":   {parts: 2, amount: 50_000_000, err: adapters.ErrInsufficientFunds},
		"more than was":  {parts: 20, amount: 20e14 / 10, err: adapters.ErrAmountTooLarge},
		"to a stranger":  {parts: 2, amount: partOf, change: func(w *adapters.Withdrawal) { w.To = "bcrt1q" }, err: adapters.ErrBadAddress},
		"for one":        {parts: 2, amount: partOf, change: func(w *adapters.Withdrawal) { w.MaxFee = htlc.NewAmount(1) }, err: adapters.ErrBudget},
		"self, no parts": {parts: 0, amount: partOf, err: adapters.ErrBadAddress},
	} {
		order := k.splitOf(c.parts, c.amount)
		if c.change != nil {
			c.change(&order)
		}
		if _, err := k.payer.Withdraw(k.ctx(), order); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b := k.fundsOf(k.payer); !b.Reserved.IsZero() {
		t.Errorf("a refused split holds %+v", b)
	}
}

// What was never sent is signed anew by the same request, what was sent is not.
func TestUnsentSplitIsSignedAgain(t *testing.T) {
	k := newKit(t)
	p := k.single(100_000_000)
	order := k.splitOf(3, partOf)
	first, err := p.Withdraw(k.ctx(), order)
	if err != nil {
		t.Fatal(err)
	}
	// Never broadcast: signing anew is allowed, and gives a split.
	again, err := p.Withdraw(k.ctx(), order)
	if err != nil || len(decode(t, again.Raw).TxOut) != len(decode(t, first.Raw).TxOut) {
		t.Fatalf("%+v: %v", again, err)
	}
	k.broadcast(p, again)
	if _, err := p.Withdraw(k.ctx(), order); !errors.Is(err, adapters.ErrReserved) {
		t.Fatalf("split a second time: %v", err)
	}
}
