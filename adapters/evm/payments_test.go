package evm_test

import (
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// order is a withdrawal of a million wei.
func order(id string, to common.Address) adapters.Withdrawal {
	return adapters.Withdrawal{RequestID: id, Asset: nativeAsset, To: to.Hex(), Amount: htlc.NewAmount(1_000_000)}
}

func (k *kit) pay(w adapters.Withdrawal) adapters.Tx {
	k.t.Helper()
	tx, err := k.payer.Withdraw(k.Context(), w)
	if err != nil {
		k.t.Fatalf("withdraw: %v", err)
	}
	return tx
}

// lost broadcasts what other nodes get, and ours forgets and refuses from now on.
func (k *kit) lost(w *wire, tx adapters.Tx) {
	k.t.Helper()
	w.set(func(w *wire) { w.dropTxs = true })
	k.broadcast(k.payer, tx)
	w.set(func(w *wire) { w.dropTxs, w.refuse = false, hex.EncodeToString(tx.Raw) })
}

func (k *kit) wantBalance(of common.Address, wei int64) {
	k.t.Helper()
	if got := k.Balance(of); got.Cmp(big.NewInt(wei)) != 0 {
		k.t.Fatalf("%s has %s, want %d", of, got, wei)
	}
}

// tried hands a transaction to the node by another way, whatever it says.
func (k *kit) tried(tx adapters.Tx) {
	k.t.Helper()
	var raw types.Transaction
	if err := raw.UnmarshalBinary(tx.Raw); err != nil {
		k.t.Fatal(err)
	}
	if err := k.Client.SendTransaction(k.Context(), &raw); err != nil {
		k.t.Log(tx.Nonce, err)
	}
	k.Commit()
}

// A withdrawal that others have, and our node does not, is displaced by an idle transaction that is in no block.
// It may be mined, and is not to be signed again. It is what is paid in the end.
func TestDisplacedWithdrawalIsNotSignedAgain(t *testing.T) {
	k, w := newWiredKit(t)
	to := k.Poor().Address
	first := k.pay(order("one", to))
	k.lost(w, first)
	other := k.withdraw(k.payer, 1)
	k.broadcast(k.payer, other)
	err := k.payer.Broadcast(k.Context(), first)
	wantReason(t, err, adapters.ErrRejected, "PAYMENT_DISPLACED")
	if errors.Is(err, adapters.ErrNonceTaken) || !adapters.Retryable(err) {
		t.Fatal(err)
	}
	k.Backend.Rollback() // another node makes the block
	k.tried(first)
	k.tried(other)
	w.set(func(w *wire) { w.refuse = "" })
	k.broadcast(k.payer, first)
	k.wantBalance(to, 1_000_000)
}

// What displaced the withdrawal is one block deep, and the block is undone. Nothing was signed again.
func TestWithdrawalIsPaidOnceOverAReorg(t *testing.T) {
	k, w := newWiredKit(t)
	to := k.Poor().Address
	first := k.pay(order("one", to))
	k.lost(w, first)
	other := k.withdraw(k.payer, 1)
	k.broadcast(k.payer, other)
	head, err := k.Client.HeaderByNumber(k.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	k.mined(k.payer, other.Nonce)
	wantReason(t, k.payer.Broadcast(k.Context(), first), adapters.ErrRejected, "PAYMENT_DISPLACED")
	if err := k.Backend.Fork(head.Hash()); err != nil {
		t.Fatal(err)
	}
	k.Backend.Rollback()
	for _, tx := range []adapters.Tx{first, other} {
		k.tried(tx)
	}
	k.Commit()
	k.wantBalance(to, 1_000_000)
	for _, blind := range []bool{false, true} {
		w.set(func(w *wire) { w.refuse, w.noIndex = "", blind })
		for range 4 { // also where it is buried
			k.broadcast(k.payer, first)
			k.Commit()
		}
	}
}

// Once something else has used up the nonce for good, the withdrawal is signed again and paid once, for no more
// than its owner allows.
func TestBuriedDisplacedWithdrawalIsSignedAgain(t *testing.T) {
	k, w := newWiredKit(t)
	to := k.Poor().Address
	ask := order("one", to)
	first := k.pay(ask)
	ask.MaxFee = first.Fee
	k.lost(w, first)
	other := k.withdraw(k.payer, 1)
	k.broadcast(k.payer, other)
	k.mined(k.payer, first.Nonce)
	for depth := range k.config().Bury - 1 {
		err := k.payer.Broadcast(k.Context(), first)
		if wantReason(t, err, adapters.ErrRejected, "PAYMENT_DISPLACED"); errors.Is(err, adapters.ErrNonceTaken) {
			t.Fatalf("signed again at depth %d", depth)
		}
		k.Commit()
	}
	wantReason(t, k.payer.Broadcast(k.Context(), first), adapters.ErrNonceTaken, "NONCE_TAKEN")
	again := k.pay(ask)
	if again.Fee.Cmp(ask.MaxFee) > 0 {
		t.Fatalf("costs up to %s, allowed are %s", again.Fee, ask.MaxFee)
	}
	k.spike(new(big.Int).SetUint64(first.FeeRate))
	_, err := k.payer.Withdraw(k.Context(), ask)
	wantReason(t, err, adapters.ErrBudget, "BUDGET_TOO_SMALL")
	for range 12 {
		k.Commit() // fees fall
	}
	again = k.pay(ask)
	k.broadcast(k.payer, again)
	k.mined(k.payer, again.Nonce)
	k.wantBalance(to, 1_000_000)
}

// A withdrawal that holds up a redeem gives way. It is not raised above what its owner has allowed, and its id
// does not change.
func TestWithdrawalGivesWayToARedeem(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	to := k.Poor().Address
	cheap := k.pay(order("one", to))
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(cheap.FeeRate)))
	k.broadcast(k.payer, cheap)
	k.redeemWithin(3, k.payer, in, 1)
	k.wantBalance(to, 0)
	wantReason(t, k.payer.Broadcast(k.Context(), cheap), adapters.ErrRejected, "PAYMENT_DISPLACED")
	k.Commit()
	k.Commit()
	wantReason(t, k.payer.Broadcast(k.Context(), cheap), adapters.ErrNonceTaken, "NONCE_TAKEN")
	for range 12 {
		k.Commit()
	}
	again := k.pay(order("one", to))
	k.broadcast(k.payer, again)
	k.mined(k.payer, again.Nonce)
	k.wantBalance(to, 1_000_000)
	if _, found, err := k.payer.Paid(k.Context(), again.ID); err != nil || !found {
		t.Fatalf("paid, and not seen: %v", err)
	}
}

// Two withdrawals that look alike are two payments.
func TestEqualWithdrawalsAreBothPaid(t *testing.T) {
	k, w := newWiredKit(t)
	to := k.Poor().Address
	one := k.pay(order("one", to))
	w.set(func(w *wire) { w.down = true })
	if err := k.payer.Broadcast(k.Context(), one); !errors.Is(err, adapters.ErrNotSent) {
		t.Fatalf("sent: %v", err)
	}
	w.set(func(w *wire) { w.down = false })
	k.spike(k.baseFee())
	two := k.pay(order("two", to))
	if one.ID == two.ID || one.Nonce != two.Nonce {
		t.Fatal(one, two)
	}
	k.broadcast(k.payer, two)
	wantReason(t, k.payer.Broadcast(k.Context(), one), adapters.ErrRejected, "PAYMENT_DISPLACED")
	k.mined(k.payer, two.Nonce)
	for range k.config().Bury - 1 {
		wantReason(t, k.payer.Broadcast(k.Context(), one), adapters.ErrRejected, "PAYMENT_DISPLACED")
		k.Commit()
	}
	wantReason(t, k.payer.Broadcast(k.Context(), one), adapters.ErrNonceTaken, "NONCE_TAKEN")
	again := k.pay(order("one", to))
	k.broadcast(k.payer, again)
	k.mined(k.payer, again.Nonce)
	k.wantBalance(to, 2_000_000)
}

// What takes the nonce of a refused transaction offers more than that: others may have it.
func TestSeatOffersMoreThanTheRefused(t *testing.T) {
	k, w := newWiredKit(t)
	in := k.incoming(1)
	k.spike(gwei(3))
	first := k.withdraw(k.payer, 1_000_000)
	k.lost(w, first)
	if err := k.payer.Broadcast(k.Context(), first); err == nil {
		t.Fatal("taken")
	}
	for range 12 {
		k.Commit() // fees fall
	}
	redeem := k.calm(k.payer, in, 1, nil)
	if redeem.Nonce != first.Nonce || redeem.Replaces != first.ID || redeem.FeeRate < first.FeeRate*11/10 {
		t.Fatalf("%d wei per gas at nonce %d, the refused offers %d at %d", redeem.FeeRate, redeem.Nonce, first.FeeRate, first.Nonce)
	}
	if kept := k.calm(k.payer, in, 1, &redeem); kept.ID != redeem.ID {
		t.Fatal("signed again without need")
	}
	k.broadcast(k.payer, redeem)
	wantReason(t, k.payer.Broadcast(k.Context(), first), adapters.ErrRejected, "PAYMENT_DISPLACED")
	k.mined(k.payer, redeem.Nonce)
	if k.funded(k.payer, in) {
		t.Fatal("not redeemed")
	}
}

// Coins of a withdrawal that waits for its block are promised to nobody else, be they the chain's own or a token's.
func TestWaitingWithdrawalKeepsItsCoins(t *testing.T) {
	for name, token := range map[string]int{"native": -1, "token": 0} {
		t.Run(name, func(t *testing.T) {
			k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "PlainToken")
			asset := k.asset(token)
			amount, err := htlc.AmountFromBig(new(big.Int).Mul(big.NewInt(600), evmtest.Ether)) // of 1000
			if err != nil {
				t.Fatal(err)
			}
			ask := adapters.Withdrawal{Asset: asset, To: k.Accounts[4].Address.Hex(), Amount: amount}
			one := k.pay(ask)
			k.broadcast(k.payer, one)
			for range 2 {
				_, err = k.payer.Withdraw(k.Context(), ask)
				wantReason(t, err, adapters.ErrInsufficientFunds, "COINS_RESERVED")
				_, err = k.payer.Reserve(k.Context(), adapters.Reservation{Owner: "swap", Asset: asset, Amount: amount, Leg: 1})
				wantReason(t, err, adapters.ErrInsufficientFunds, "COINS_RESERVED")
				k.payer = k.open(k.payer.account, k.payer.book)
			}
			k.mined(k.payer, one.Nonce)
			_, err = k.payer.Withdraw(k.Context(), ask)
			wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
			ask.Amount, err = htlc.AmountFromBig(new(big.Int).Mul(big.NewInt(300), evmtest.Ether))
			if err != nil {
				t.Fatal(err)
			}
			k.pay(ask)
		})
	}
}

// An approval is no payment: it is signed again for more, and its owner finds that one to be its own.
func TestRaisedApprovalIsItsOwners(t *testing.T) {
	k, _ := newWiredKit(t, "PlainToken")
	in := k.incoming(1)
	out := k.terms("out", 2, k.asset(0), evmtest.Ether)
	funding := k.signFunding(k.payer, "out", out)
	approval := funding.Txs[0]
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(approval.FeeRate)))
	k.broadcast(k.payer, approval)
	redeem := k.urgent(k.payer, in, 1, nil)
	k.broadcast(k.payer, redeem)
	k.broadcast(k.payer, approval)
	k.mined(k.payer, redeem.Nonce)
	k.broadcast(k.payer, approval)
	if again := k.signFunding(k.payer, "out", out); k.funded(k.payer, in) || len(again.Txs) != 1 {
		t.Fatalf("not redeemed, or not approved: %d transactions", len(again.Txs))
	}
}
