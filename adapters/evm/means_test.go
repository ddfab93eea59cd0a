package evm_test

import (
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// stressRedeem is what is kept for the redeem of a native leg.
var stressRedeem = new(big.Int).Mul(big.NewInt(45_000*13/10), gwei(50))

func (k *kit) native(p *party) adapters.Balance {
	k.t.Helper()
	all, err := p.Balances(k.Context())
	if err != nil || all[0].Asset != nativeAsset {
		k.t.Fatalf("balances %+v: %v", all, err)
	}
	return all[0]
}

func (k *kit) reserveRedeem(p *party, owner string) error {
	return p.ReserveRedeem(k.Context(), owner, nativeAsset, 1)
}

// What was reserved for a redeem is there when it is needed: no withdrawal and no funding takes it, not of
// the same swap either. It survives a restart, goes over to the swap, and is given back once.
func TestRedeemFeeIsKept(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	free := k.native(k.payer)
	for range 2 {
		if err := k.reserveRedeem(k.payer, "offer"); err != nil {
			t.Fatal(err)
		}
	}
	kept := k.native(k.payer)
	if got := new(big.Int).Sub(free.Spendable.Big(), kept.Spendable.Big()); got.Cmp(stressRedeem) != 0 {
		t.Fatalf("%s is kept, want %s", got, stressRedeem)
	}
	for range 2 {
		if err := k.payer.Adopt(k.Context(), "offer", "swap"); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.payer.Release(k.Context(), "offer"); err != nil {
		t.Fatal(err)
	}
	k.payer = k.open(k.payer.account, k.payer.book)
	if again := k.native(k.payer); again != kept {
		t.Fatalf("balance %+v, before the restart %+v", again, kept)
	}
	_, err := k.payer.Withdraw(k.Context(), adapters.Withdrawal{Asset: nativeAsset, To: k.Accounts[4].Address.Hex(), Amount: kept.Spendable})
	wantReason(t, err, adapters.ErrInsufficientFunds, "COINS_RESERVED")
	amount, err := htlc.AmountFromBig(new(big.Int).Sub(kept.Spendable.Big(), big.NewInt(1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"swap", "other"} {
		_, err = k.payer.Reserve(k.Context(), adapters.Reservation{Owner: owner, Asset: nativeAsset, Amount: amount, Leg: 1})
		wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
	}
	if err := k.payer.CheckMeans(k.Context(), "swap", in, 1, false); err != nil {
		t.Fatal(err)
	}
	if err := k.payer.Release(k.Context(), "swap"); err != nil {
		t.Fatal(err)
	}
	if after := k.native(k.payer); after != free {
		t.Fatalf("balance %+v after the release, %+v before", after, free)
	}
}

// With coins for one redeem only, the one that has them reserved has the means, and no other.
func TestRedeemFeeCountsOnce(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	poor := k.open(k.Poor(), evmtest.NewBook())
	wantReason(t, k.reserveRedeem(poor, "swap"), adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
	k.Must(evmtest.Call{From: k.Accounts[4], To: &poor.account.Address, Value: stressRedeem, Gas: 21_000})
	if err := k.reserveRedeem(poor, "swap"); err != nil {
		t.Fatal(err)
	}
	if err := k.reserveRedeem(poor, "swap"); err != nil {
		t.Fatalf("asked again: %v", err)
	}
	if err := poor.CheckMeans(k.Context(), "swap", terms, 1, false); err != nil {
		t.Fatalf("what is kept for it is not counted: %v", err)
	}
	wantReason(t, poor.CheckMeans(k.Context(), "other", terms, 1, false), adapters.ErrInsufficientFunds, "COINS_RESERVED")
	wantReason(t, k.reserveRedeem(poor, "other"), adapters.ErrInsufficientFunds, "COINS_RESERVED")
	wantReason(t, poor.CheckMeans(k.Context(), "swap", terms, 1, true), adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
}

// At a base fee above what the budget of a token's redeem allows, a redeem that must be mined is signed at
// the market's price, and one that may wait is not.
func TestFeeSpikeDoesNotStopARedeemThatMust(t *testing.T) {
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "PlainToken")
	terms := k.terms("swap", 1, k.asset(0), evmtest.Ether)
	k.fund("swap", terms)
	k.Commit()
	base := k.baseFee()
	budget, err := htlc.AmountFromBig(new(big.Int).Mul(base, big.NewInt(90_000)))
	if err != nil {
		t.Fatal(err)
	}
	k.spike(new(big.Int).Mul(base, big.NewInt(3)))
	now := int64(k.Now())
	spend := adapters.Spend{
		Terms: terms, Leg: 1, Secret: secret(1), Fees: adapters.FeePolicy{Now: now, Deadline: now, Budget: budget},
	}
	_, err = k.payee.Redeem(k.Context(), spend)
	wantReason(t, err, adapters.ErrBudget, "BUDGET_TOO_SMALL")
	var log strings.Builder
	payee := k.openLogging(k.payee.account, k.payee.book, slog.New(slog.NewTextHandler(&log, nil)))
	spend.Fees.Must = true
	tx, err := payee.Redeem(k.Context(), spend)
	if err != nil || tx.Fee.Cmp(budget) <= 0 {
		t.Fatalf("redeem %+v: %v", tx, err)
	}
	if !strings.Contains(log.String(), "level=WARN") {
		t.Fatalf("nothing was said: %s", log.String())
	}
	k.broadcast(k.payee, tx)
	k.Commit()
	if k.funded(k.payee, terms) {
		t.Fatal("not redeemed")
	}
}

// What a transaction has cost is read from its block, once it is in one.
func TestPaid(t *testing.T) {
	k := newKit(t)
	tx := k.withdraw(k.payer, 5)
	before := k.Balance(k.payer.account.Address)
	k.broadcast(k.payer, tx)
	if p, found, err := k.payer.Paid(k.Context(), tx.ID); found || err != nil {
		t.Fatalf("%+v before a block: %v", p, err)
	}
	k.Commit()
	k.Commit()
	p, found, err := k.payer.Paid(k.Context(), tx.ID)
	want := before.Sub(before, k.Balance(k.payer.account.Address))
	if err != nil || !found || p.Failed || p.Confirmations != 2 || p.Height != k.tip(k.payer).Height-1 ||
		new(big.Int).Add(p.Fee.Big(), big.NewInt(5)).Cmp(want) != 0 {
		t.Fatalf("%+v (%v), the account paid %s: %v", p, found, want, err)
	}
	if _, found, err := k.payer.Paid(k.Context(), common.Hash{1}.Hex()); found || err != nil {
		t.Fatalf("unknown: %v, %v", found, err)
	}
}

// A node of another chain is called just that.
func TestOpenOnAnotherChain(t *testing.T) {
	k := newKit(t)
	foreign := evmtest.NewChainWith(t, evmtest.Osaka(), map[common.Address]*big.Int{{1}: big.NewInt(params.GWei)})
	genesis, err := k.Client.HeaderByNumber(k.Context(), new(big.Int))
	if err != nil {
		t.Fatal(err)
	}
	config, book := k.config(), evmtest.NewBook()
	config.URL, config.Genesis = foreign.URL, genesis.Hash()
	_, err = evm.Open(k.Context(), config, evmtest.Signer{Account: k.Accounts[1]}, book, book, slog.New(slog.DiscardHandler))
	wantReason(t, err, adapters.ErrWrongChain, "WRONG_CHAIN")
	if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, "code") {
		t.Fatalf("it says more than one thing: %q", text)
	}
}

// Deploy pays nothing on a chain that is not the one named.
func TestDeployOnAnotherChain(t *testing.T) {
	c := evmtest.NewChain(t, evmtest.Osaka())
	_, made, err := evm.Deploy(c.Context(), "eip155:31337", c.URL, evmtest.Signer{Account: c.Accounts[1]})
	wantReason(t, err, adapters.ErrWrongChain, "WRONG_CHAIN")
	nonce, err := c.Client.PendingNonceAt(c.Context(), c.Accounts[1].Address)
	if err != nil || made || nonce != 0 {
		t.Errorf("made %v, nonce %d: %v", made, nonce, err)
	}
}
