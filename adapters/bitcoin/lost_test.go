package bitcoin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

// final is the default depth of what is for ever.
const final = bitcoin.DefaultFinalDepth

func (k *kit) withdrawal(id string, satoshi uint64) adapters.Withdrawal {
	return adapters.Withdrawal{
		RequestID: id, Asset: k.params.Asset, To: k.Chain.MinerAddress().EncodeAddress(), Amount: htlc.NewAmount(satoshi),
	}
}

// steal spends one coin of the party's from elsewhere.
func (k *kit) steal(name string, satoshi uint64) adapters.Tx {
	k.t.Helper()
	thief := k.openWith(name, bitcointest.NewBook(), k.config())
	tx, err := thief.Withdraw(k.ctx(), k.withdrawal("stolen", satoshi))
	if err != nil || len(tx.Spends) != 1 {
		k.t.Fatal(err, tx.Spends)
	}
	k.broadcast(thief, tx)
	return tx
}

// What a funding would have spent beside a coin that is gone is free once it
// can never be mined, at the release or later, and not before.
func TestOtherCoinsOfALostFundingAreFree(t *testing.T) {
	for _, early := range []bool{false, true} {
		k := newKit(t)
		k.payer = k.open("poor", bitcointest.NewBook())
		k.pay(k.payer, 6_000_000)
		k.pay(k.payer, 10_000_000)
		k.mine(1)
		terms := k.terms("swap", 1, 15_000_000)
		f, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
		if err != nil || len(f.Txs[0].Spends) != 2 {
			t.Fatal(err, f.Txs)
		}
		k.steal("poor", 5_000_000)
		wantReason(t, k.payer.Broadcast(k.ctx(), f.Txs[0]), adapters.ErrRejected, "COIN_IN_USE")
		k.mine(buried)
		k.abandon(abandonment(terms, f.Txs[0]), false, true)
		if !early {
			k.mine(final - buried)
			if free := k.spendable(k.payer); free >= 10_000_000 {
				t.Fatalf("%d satoshi are free before the release", free)
			}
		}
		if err := k.payer.Release(k.ctx(), "swap"); err != nil {
			t.Fatal(err)
		}
		if early {
			k.mine(final - buried - 1)
			if free := k.spendable(k.payer); free >= 10_000_000 {
				t.Fatalf("%d satoshi are free while the funding may come back", free)
			}
			k.mine(400) // all of them at once
		}
		for range 2 {
			if free := k.spendable(k.payer); free < 10_000_000 {
				t.Fatalf("%d satoshi are free", free)
			}
			k.restart()
		}
		if err := k.reserve("next", 8_000_000); err != nil {
			t.Fatal(err)
		}
		wantReason(t, k.payer.Broadcast(k.ctx(), f.Txs[0]), adapters.ErrRejected, "COIN_SPENT")
	}
}

// A withdrawal that has lost a coin for good is told so, also while there is
// nothing else to pay with, and signed again.
func TestWithdrawalWithALostCoinIsSignedAgain(t *testing.T) {
	k := newKit(t)
	ask := k.withdrawal("one", 25_000_000)
	first, err := k.payer.Withdraw(k.ctx(), ask)
	if err != nil || len(first.Spends) != 3 {
		t.Fatal(err, first.Spends)
	}
	k.steal("payer", 9_000_000)
	k.mine(final - 1)
	err = k.payer.Broadcast(k.ctx(), first)
	if wantReason(t, err, adapters.ErrRejected, "COIN_SPENT"); errors.Is(err, adapters.ErrNonceTaken) {
		t.Fatalf("before the final depth: %v", err)
	}
	_, err = k.payer.Withdraw(k.ctx(), ask)
	wantReason(t, err, adapters.ErrReserved, "COINS_RESERVED")
	k.mine(400)
	for range 2 {
		wantReason(t, k.payer.Broadcast(k.ctx(), first), adapters.ErrNonceTaken, "COIN_SPENT")
		_, err = k.payer.Withdraw(k.ctx(), ask)
		wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
		k.restart()
	}
	k.pay(k.payer, 50_000_000)
	k.mine(1)
	if _, err := k.payer.Withdraw(k.ctx(), ask); err != nil {
		t.Fatal(err)
	}
	// The process ended before it stored the new one.
	k.restart()
	err = k.payer.Broadcast(k.ctx(), first)
	if wantReason(t, err, adapters.ErrNonceTaken, "COIN_SPENT"); !errors.Is(err, adapters.ErrNotSent) {
		t.Fatalf("not sent: %v", err)
	}
	again, err := k.payer.Withdraw(k.ctx(), ask)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, again)
	k.mine(1)
	if paid, ok, err := k.payer.Paid(k.ctx(), again.ID); err != nil || !ok || paid.Confirmations != 1 {
		t.Fatal(paid, ok, err)
	}
}

// A withdrawal that was signed and not stored holds nothing in the next
// process; a stored one keeps its coins.
func TestUnknownWithdrawalsAreReleased(t *testing.T) {
	k := newKit(t)
	stored, err := k.payer.Withdraw(k.ctx(), k.withdrawal("stored", 5_000_000))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := k.payer.Withdraw(k.ctx(), k.withdrawal("sent", 5_000_000))
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, sent)
	lost, err := k.payer.Withdraw(k.ctx(), k.withdrawal("lost", 5_000_000))
	if err != nil {
		t.Fatal(err)
	}
	k.restart()
	if err := k.payer.ReleaseUnknownWithdrawals(k.ctx(), func(id string) bool { return id == "stored" }); err != nil {
		t.Fatal(err)
	}
	k.restart()
	if free := k.spendable(k.payer); free != 10_000_000 {
		t.Fatalf("%d satoshi are free", free)
	}
	wantReason(t, k.payer.Broadcast(k.ctx(), lost), adapters.ErrReserved, "NOT_RESERVED")
	k.broadcast(k.payer, sent)
	k.broadcast(k.payer, stored)
}

// A withdrawal that fails holds nothing, also where the caller has gone.
func TestFailedWithdrawalHoldsNothing(t *testing.T) {
	k := newKit(t)
	p := newProxy(t, k.url)
	config := k.config()
	config.URL = p.url
	payer := k.openWith("payer", k.payer.book, config)
	method := "testmempoolaccept"
	p.without.Store(&method) // any refusal
	_, err := payer.Withdraw(k.ctx(), k.withdrawal("refused", 25_000_000))
	if err == nil {
		t.Fatal("a refused withdrawal was given out")
	}
	p.without.Store(nil)
	if free := k.spendable(payer); free != 30_000_000 {
		t.Fatalf("%d satoshi are free after %v", free, err)
	}
	gone, cancel := context.WithCancel(k.ctx())
	book := &leaving{Book: bitcointest.NewBook(), leave: cancel}
	a, err := bitcoin.Open(k.ctx(), k.config(), bitcointest.Signer("payer"), book, book, discard())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = a.Withdraw(gone, k.withdrawal("left", 25_000_000)); err == nil {
		t.Fatal("signed for nobody")
	}
	if free := k.spendable(&party{Adapter: a}); free != 30_000_000 {
		t.Fatalf("%d satoshi are free after %v", free, err)
	}
}

// leaving is a store whose caller goes once the coins are held.
type leaving struct {
	*bitcointest.Book
	leave func()
}

func (l *leaving) Adopt(ctx context.Context, from, to string) error {
	l.leave()
	return l.Book.Adopt(ctx, from, to)
}

// What was not handed to the node says so, and says why.
func TestBroadcastNotSent(t *testing.T) {
	k := newKit(t)
	p := newProxy(t, k.url)
	config := k.config()
	config.URL = p.url
	payer := k.openWith("payer", k.payer.book, config)
	tx, err := payer.Withdraw(k.ctx(), k.withdrawal("one", 5_000_000))
	if err != nil {
		t.Fatal(err)
	}
	notSent := func(err, kind error, reason string) {
		t.Helper()
		if wantReason(t, err, kind, reason); !errors.Is(err, adapters.ErrNotSent) {
			t.Errorf("%v does not say that nothing was sent", err)
		}
	}
	wrong := tx
	wrong.ID = strings.Repeat("0", 64)
	notSent(payer.Broadcast(k.ctx(), wrong), adapters.ErrMismatch, "CONTRACT_MISMATCH")
	p.down.Store(true)
	err = payer.Broadcast(k.ctx(), tx)
	if notSent(err, adapters.ErrUnreachable, "NODE_UNREACHABLE"); !adapters.Retryable(err) {
		t.Errorf("not to be tried again: %v", err)
	}
	p.down.Store(false)
	fake := strings.Repeat("11", 32)
	p.genesis.Store(&fake)
	notSent(payer.Broadcast(k.ctx(), tx), adapters.ErrWrongChain, "WRONG_CHAIN")
	p.genesis.Store(nil)
	if err := payer.Release(k.ctx(), bitcoin.WithdrawalOwner("one")); err != nil {
		t.Fatal(err)
	}
	notSent(payer.Broadcast(k.ctx(), tx), adapters.ErrReserved, "NOT_RESERVED")
	if p.sent("sendrawtransaction") {
		t.Error("something was sent")
	}
}

// The node answers: that it refuses the login is another sentence.
func TestWrongPassword(t *testing.T) {
	k := newKit(t)
	config := k.config()
	config.Password = "wrong"
	book := bitcointest.NewBook()
	_, err := bitcoin.Open(k.ctx(), config, bitcointest.Signer("payer"), book, book, discard())
	wantReason(t, err, adapters.ErrUnreachable, "NODE_UNREACHABLE")
	if text := err.Error(); strings.Contains(text, "does not answer") || !strings.Contains(text, "password") || strings.Contains(text, "wrong") {
		t.Errorf("it says %q", text)
	}
}
