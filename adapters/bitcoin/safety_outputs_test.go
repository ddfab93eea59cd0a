package bitcoin_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

// outputs checks every transaction that a wallet signs.
type outputs struct {
	*kit
	own    map[string]bool // scripts of payer and payee that their seeds find again
	signed map[string]int
}

// Whatever the coins, the amounts and the fees are: no output of any kind is
// dust or beyond what the keys of its owner can spend. The node is asked too.
func TestSafety_B5_NoUnspendableOutput(t *testing.T) {
	k := newKit(t)
	signed := make(map[string]int)
	wallets := 0
	rapid.Check(t, func(r *rapid.T) {
		wallets++
		o := outputs{kit: &kit{
			network: k.network, Chain: k.Chain, url: k.url, user: k.user, password: k.password,
			birth: uint64(k.Chain.Tip().Height), t: t, params: k.params,
		}, own: make(map[string]bool), signed: signed}
		config := o.config()
		config.FeeFloor = rapid.Uint64Range(1_000, 300_000).Draw(r, "feerate")
		config.StressFee = config.FeeFloor + rapid.Uint64Range(0, 50_000).Draw(r, "more in bad times")
		config.MinFeePercent = 100
		o.payer, o.payee = o.wallet(fmt.Sprint("payer ", wallets), config), o.wallet(fmt.Sprint("payee ", wallets), config)
		for _, coin := range rapid.SliceOfN(rapid.Int64Range(1_000, 1_000_000), 1, 4).Draw(r, "coins") {
			o.pay(o.payer, coin)
		}
		o.mine(1)
		o.fundings(r)
		o.withdrawals(r)
		o.mine(1)
	})
	if testing.Short() {
		return // too few wallets to count on each kind
	}
	for _, kind := range []string{"funding", "refund", "redeem", "abandonment", "withdrawal"} {
		if signed[kind] == 0 {
			t.Errorf("of the kind %s none were signed", kind)
		}
	}
}

func (o *outputs) wallet(name string, config bitcoin.Config) *party {
	o.t.Helper()
	const watched = 24 // addresses beyond the first that are certainly found again
	for i := range uint32(watched) {
		key, err := bitcointest.Keys(name).Account(bitcoin.Change, i)
		if err != nil {
			o.t.Fatal(err)
		}
		script, err := txscript.PayToTaprootScript(txscript.ComputeTaprootKeyNoScript(key.PubKey()))
		if err != nil {
			o.t.Fatal(err)
		}
		o.own[string(script)] = true
	}
	return o.openWith(name, bitcointest.NewBook(), config)
}

func (o *outputs) check(r *rapid.T, kind string, tx adapters.Tx, other ...string) {
	o.signed[kind]++
	for i, out := range decode(o.t, tx.Raw).TxOut {
		script := fmt.Sprintf("%x", out.PkScript)
		switch {
		case out.Value < bitcoin.DustLimit(out.PkScript):
			r.Fatalf("%s: output %d has %d satoshi", kind, i, out.Value)
		case txscript.IsUnspendable(out.PkScript):
			r.Fatalf("%s: output %d to %s can never be spent", kind, i, script)
		case !o.own[string(out.PkScript)] && (i > 0 || len(other) == 0 || other[0] != script):
			r.Fatalf("%s: output %d to %s is nobody's", kind, i, script)
		}
	}
}

// policy is often one that gives all that there is.
func (o *outputs) policy(r *rapid.T) adapters.FeePolicy {
	const everything = 10_000_000
	return adapters.FeePolicy{
		Now: rapid.SampledFrom([]int64{0, 30_000, 40_000, 50_000}).Draw(r, "now"), Deadline: 40_000,
		Must:   rapid.Bool().Draw(r, "must"),
		Budget: htlc.NewAmount(rapid.OneOf(rapid.Just(uint64(everything)), rapid.Uint64Range(0, everything/10)).Draw(r, "budget")),
	}
}

// fundings signs a leg's lock and all that can follow it.
func (o *outputs) fundings(r *rapid.T) {
	quote, err := o.payer.Quote(o.ctx(), o.params.Asset)
	if err != nil {
		o.t.Fatal(err)
	}
	amount := mustUint(quote.Min) + rapid.Uint64Range(0, 500_000).Draw(r, "above the smallest amount")
	_, err = o.payer.Reserve(o.ctx(), adapters.Reservation{
		Owner: "swap", Asset: o.params.Asset, Amount: htlc.NewAmount(amount), Salt: htlc.Salt{1, 1}, Leg: leg,
	})
	if errors.Is(err, adapters.ErrInsufficientFunds) {
		return
	}
	terms := o.terms("swap", 1, amount)
	contract := o.watch(o.payee, terms)
	f := o.fund("swap", terms)
	o.check(r, "funding", f.Txs[0], contract.ID)
	o.check(r, "refund", *f.Refund)
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: f.Txs[0].ID + ":0", Secret: secret(1), Fees: o.policy(r)}
	redeem, err := o.payee.Redeem(o.ctx(), spend)
	if err == nil {
		o.check(r, "redeem", redeem)
	} else if !errors.Is(err, adapters.ErrBudget) {
		r.Fatal(err)
	}
	req := abandonment(terms, f.Txs[0])
	req.Fees = o.policy(r)
	got, err := o.payer.Abandon(o.ctx(), req)
	if errors.Is(err, adapters.ErrBudget) {
		return
	}
	if err != nil {
		r.Fatal(err)
	}
	o.check(r, "abandonment", *got.Tx)
	var e *adapters.Error
	if err := o.payer.Broadcast(o.ctx(), *got.Tx); err != nil && (!errors.As(err, &e) || e.Reason != "REPLACEMENT_UNDERPRICED" && e.Reason != "FEE_TOO_LOW") {
		r.Fatal(err)
	}
}

// withdrawals pay out of what is left, which the node tests.
func (o *outputs) withdrawals(r *rapid.T) {
	to := o.Chain.MinerAddress()
	script, err := txscript.PayToAddrScript(to)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, amount := range rapid.SliceOfN(rapid.Uint64Range(1, 1_000_000), 2, 4).Draw(r, "withdrawals") {
		tx, err := o.payer.Withdraw(o.ctx(), adapters.Withdrawal{
			RequestID: fmt.Sprint(amount), Asset: o.params.Asset, To: to.EncodeAddress(), Amount: htlc.NewAmount(amount),
		})
		switch {
		case err == nil:
			o.check(r, "withdrawal", tx, fmt.Sprintf("%x", script))
		case !errors.Is(err, adapters.ErrInsufficientFunds) && !errors.Is(err, adapters.ErrDust):
			r.Fatal(err)
		}
	}
}
