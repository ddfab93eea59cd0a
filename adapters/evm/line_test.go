package evm_test

import (
	"encoding/hex"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

func (k *kit) baseFee() *big.Int {
	k.t.Helper()
	h, err := k.Client.HeaderByNumber(k.Context(), nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return h.BaseFee
}

// spike fills blocks with burnt gas until the base fee is above the limit.
func (k *kit) spike(limit *big.Int) {
	k.t.Helper()
	nonce, err := k.Client.PendingNonceAt(k.Context(), k.Accounts[3].Address)
	if err != nil {
		k.t.Fatal(err)
	}
	for range 80 {
		h, err := k.Client.HeaderByNumber(k.Context(), nil)
		if err != nil {
			k.t.Fatal(err)
		}
		if h.BaseFee.Cmp(limit) > 0 {
			return
		}
		for left := h.GasLimit; left > 1_000_000; nonce++ {
			gas := min(left, 16_000_000)
			tx, err := types.SignNewTx(k.Accounts[3].Key, types.LatestSigner(k.Config), &types.DynamicFeeTx{
				ChainID: k.ID, Nonce: nonce, GasTipCap: gwei(1), GasFeeCap: gwei(60), Gas: gas, Value: new(big.Int), Data: []byte{0xfe},
			})
			if err != nil {
				k.t.Fatal(err)
			}
			k.Submit(tx)
			left -= gas
		}
		k.Commit()
	}
	k.t.Fatalf("base fee %s", k.baseFee())
}

// half an ether, which is more than any fee here.
func plenty() htlc.Amount {
	a, err := htlc.AmountFromBig(new(big.Int).Div(evmtest.Ether, big.NewInt(2)))
	if err != nil {
		panic(err)
	}
	return a
}

// urgent asks for a redeem whose deadline is now.
func (k *kit) urgent(p *party, terms htlc.Terms, n byte, old *adapters.Tx) adapters.Tx {
	k.t.Helper()
	now := int64(k.Now())
	tx, err := p.Redeem(k.Context(), adapters.Spend{
		Terms: terms, Leg: 1, Secret: secret(n), Replace: old, Fees: adapters.FeePolicy{Now: now, Deadline: now, Budget: plenty()},
	})
	if err != nil {
		k.t.Fatalf("redeem: %v", err)
	}
	return tx
}

// redeemWithin asks for the redeem again with every block, as the runner does, until it is in one.
func (k *kit) redeemWithin(blocks int, p *party, terms htlc.Terms, n byte) {
	k.t.Helper()
	var last *adapters.Tx
	for range blocks {
		tx := k.urgent(p, terms, n, last)
		k.broadcast(p, tx)
		last = &tx
		k.Commit()
		if !k.funded(p, terms) {
			return
		}
	}
	k.t.Fatalf("lost: the redeem offers %d gwei at nonce %d, base fee %s", last.FeeRate/params.GWei, last.Nonce, k.baseFee())
}

// mined makes blocks until the account has used up the nonce. A block may be made before the pool has moved
// what comes after a replaced transaction.
func (k *kit) mined(p *party, nonce uint64) {
	k.t.Helper()
	for range 4 {
		k.Commit()
		if next, err := k.Client.NonceAt(k.Context(), p.account.Address, nil); err != nil || next > nonce {
			return
		}
	}
	k.t.Fatalf("nonce %d is not used up", nonce)
}

// incoming is an open leg that pays our payer.
func (k *kit) incoming(n byte) htlc.Terms {
	k.t.Helper()
	terms := k.agree(k.payee, k.payer, "incoming", n, nativeAsset, evmtest.Ether)
	k.fundBy(k.payee, "incoming", terms)
	k.Commit()
	if !k.funded(k.payer, terms) {
		k.t.Fatal("not locked")
	}
	return terms
}

func (k *kit) withdraw(p *party, wei int64) adapters.Tx {
	k.t.Helper()
	tx, err := p.Withdraw(k.Context(), adapters.Withdrawal{Asset: nativeAsset, To: k.Accounts[4].Address.Hex(), Amount: htlc.NewAmount(uint64(wei))})
	if err != nil {
		k.t.Fatalf("withdraw: %v", err)
	}
	return tx
}

// A funding stands in the mempool when gas gets dearer than it offers. A redeem after it is mined all the
// same, and the funding, in time, is signed again once its nonce is used up, not before.
func TestUnderpricedFundingGivesWayToARedeem(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	funding := k.signFunding(k.payer, "out", out).Txs[0]
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(funding.FeeRate)))
	k.broadcast(k.payer, funding)
	redeem := k.urgent(k.payer, in, 1, nil)
	k.broadcast(k.payer, redeem)
	err := k.payer.Broadcast(k.Context(), funding)
	wantReason(t, err, adapters.ErrRejected, "FUNDING_DISPLACED")
	if errors.Is(err, adapters.ErrNonceTaken) {
		t.Fatal("a funding that may still be mined is to be signed again")
	}
	k.mined(k.payer, redeem.Nonce)
	if k.funded(k.payer, in) || k.funded(k.payer, out) {
		t.Fatal("the redeem waits behind the funding")
	}
	wantReason(t, k.payer.Broadcast(k.Context(), funding), adapters.ErrNonceTaken, "NONCE_TAKEN")
	k.fund("out", out)
	k.Commit()
	if !k.funded(k.payer, out) {
		t.Fatal("the funding signed again does not lock")
	}
}

// calm is a redeem in no hurry.
func (k *kit) calm(p *party, terms htlc.Terms, n byte, old *adapters.Tx) adapters.Tx {
	k.t.Helper()
	tx, err := p.Redeem(k.Context(), adapters.Spend{Terms: terms, Leg: 1, Secret: secret(n), Replace: old})
	if err != nil {
		k.t.Fatalf("redeem: %v", err)
	}
	return tx
}

// A funding that offers a little less than a redeem in no hurry stays where it is.
func TestHealthyFundingStays(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	funding := k.signFunding(k.payer, "out", out).Txs[0]
	k.spike(new(big.Int).Div(new(big.Int).Mul(k.baseFee(), big.NewInt(5)), big.NewInt(4)))
	k.broadcast(k.payer, funding)
	tx := k.calm(k.payer, in, 1, nil)
	if tx.Nonce != funding.Nonce+1 || tx.FeeRate <= funding.FeeRate {
		t.Fatalf("redeem %+v after %+v", tx, funding)
	}
	k.broadcast(k.payer, tx)
	k.mined(k.payer, tx.Nonce)
	if k.funded(k.payer, in) || !k.funded(k.payer, out) {
		t.Fatal("not redeemed, or not funded")
	}
}

// The node has lost a funding. After its time to fund, or after its release, nothing sends it again.
func TestLateFundingIsNotRevived(t *testing.T) {
	for name, release := range map[string]bool{"late": false, "released": true} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			out := k.terms("out", 2, nativeAsset, evmtest.Ether)
			funding := k.fund("out", out).Txs[0]
			k.Backend.Rollback() // the pool drops it
			if release {
				if err := k.payer.Release(k.Context(), "out"); err != nil {
					t.Fatal(err)
				}
			} else if err := k.Backend.AdjustTime(time.Hour); err != nil {
				t.Fatal(err)
			}
			k.payer = k.open(k.payer.account, k.payer.book)
			paid := k.withdraw(k.payer, 1)
			k.broadcast(k.payer, paid)
			k.mined(k.payer, paid.Nonce)
			if k.funded(k.payer, out) {
				t.Fatal("lost: an old funding was sent again and locked")
			}
			if k.Balance(k.Accounts[4].Address).Cmp(new(big.Int).Mul(big.NewInt(1000), evmtest.Ether)) <= 0 {
				t.Fatal("the withdrawal waits behind it")
			}
			if err := k.payer.Broadcast(k.Context(), funding); err == nil {
				t.Fatal("it counts as sent")
			}
		})
	}
}

// A late funding that the node has does not lock either, once anything comes after it.
func TestLateFundingIsTakenOut(t *testing.T) {
	k, w := newWiredKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	w.set(func(w *wire) { w.dropTxs = true })
	funding := k.fund("out", out).Txs[0]
	w.set(func(w *wire) { w.dropTxs = false })
	k.NextBlockAt(uint64(out.Legs[1].FundBy) + 1)
	k.Commit()
	var late types.Transaction
	if err := late.UnmarshalBinary(funding.Raw); err != nil {
		t.Fatal(err)
	}
	k.Submit(&late) // it had reached the node on another way
	wantReason(t, k.payer.Broadcast(k.Context(), funding), adapters.ErrReserved, "NOT_RESERVED")
	redeem := k.urgent(k.payer, in, 1, nil)
	k.broadcast(k.payer, redeem)
	k.mined(k.payer, redeem.Nonce)
	if k.funded(k.payer, out) || k.funded(k.payer, in) {
		t.Fatal("it locked, or holds up the redeem")
	}
}

// A transaction that the node refuses for good leaves no gap: the next spend takes its nonce, and after a
// restart, which forgets the refusal, its nonce is filled.
func TestRefusedTransactionLeavesNoGap(t *testing.T) {
	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			in := k.incoming(1)
			out := k.terms("out", 2, nativeAsset, new(big.Int).Mul(big.NewInt(900), evmtest.Ether))
			k.Must(evmtest.Call{
				From: k.payer.account, To: &k.Accounts[4].Address, Value: new(big.Int).Mul(big.NewInt(200), evmtest.Ether), Gas: 21_000,
			})
			funding := k.signFunding(k.payer, "out", out).Txs[0]
			err := k.payer.Broadcast(k.Context(), funding)
			wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
			if restart {
				k.payer = k.open(k.payer.account, k.payer.book)
			} else {
				tx := k.urgent(k.payer, in, 1, nil)
				if tx.Nonce != funding.Nonce || tx.Replaces != funding.ID {
					t.Fatalf("redeem at nonce %d replaces %q, the refused has %d", tx.Nonce, tx.Replaces, funding.Nonce)
				}
				if kept := k.urgent(k.payer, in, 1, &tx); kept.ID != tx.ID {
					t.Fatalf("%+v replaces what was not sent yet", kept)
				}
			}
			k.redeemWithin(3, k.payer, in, 1)
			// Coins that come later do not revive it.
			k.Must(evmtest.Call{
				From: k.Accounts[4], To: &k.payer.account.Address, Value: new(big.Int).Mul(big.NewInt(500), evmtest.Ether), Gas: 21_000,
			})
			wantReason(t, k.payer.Broadcast(k.Context(), funding), adapters.ErrNonceTaken, "NONCE_TAKEN")
			k.Commit()
			if k.funded(k.payer, out) {
				t.Fatal("the refused funding locked")
			}
		})
	}
}

// A funding and the redeem after it are lost by the node, which then refuses the funding for good: its nonce
// is filled, and the redeem stays what it is.
func TestRefusedTransactionIsFilledUnderASpend(t *testing.T) {
	k, w := newWiredKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	w.set(func(w *wire) { w.dropTxs = true })
	funding := k.fund("out", out).Txs[0]
	redeem := k.calm(k.payer, in, 1, nil)
	k.broadcast(k.payer, redeem)
	w.set(func(w *wire) { w.dropTxs = false })
	if redeem.Nonce != funding.Nonce+1 {
		t.Fatalf("nonces %d and %d", redeem.Nonce, funding.Nonce)
	}
	w.set(func(w *wire) { w.refuse = hex.EncodeToString(funding.Raw) })
	again := k.calm(k.payer, in, 1, &redeem)
	k.broadcast(k.payer, again)
	k.mined(k.payer, again.Nonce)
	if again.Nonce != redeem.Nonce || k.funded(k.payer, in) || k.funded(k.payer, out) {
		t.Fatalf("the redeem at nonce %d waits, or the funding locked", again.Nonce)
	}
}

// What stands before an urgent spend is signed again for more. Its owner finds the new one to be its own.
func TestRaisedRedeemIsItsOwners(t *testing.T) {
	k := newKit(t)
	first := k.incoming(1)
	second := k.agree(k.payee, k.payer, "two", 3, nativeAsset, evmtest.Ether)
	k.fundBy(k.payee, "two", second)
	k.Commit()
	spend := adapters.Spend{Terms: first, Leg: 1, Secret: secret(1)}
	cheap, err := k.payer.Redeem(k.Context(), spend)
	if err != nil {
		t.Fatal(err)
	}
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(cheap.FeeRate)))
	k.broadcast(k.payer, cheap)
	urgent := k.urgent(k.payer, second, 3, nil)
	k.broadcast(k.payer, urgent)
	k.payer = k.open(k.payer.account, k.payer.book)
	spend.Replace = &cheap
	twin, err := k.payer.Redeem(k.Context(), spend)
	if err != nil || twin.ID == cheap.ID || twin.Nonce != cheap.Nonce || twin.Replaces != cheap.ID || twin.FeeRate < urgent.FeeRate {
		t.Fatalf("%+v: %v", twin, err)
	}
	k.broadcast(k.payer, cheap) // the twin does its work
	k.broadcast(k.payer, twin)
	k.mined(k.payer, urgent.Nonce)
	if k.funded(k.payer, first) || k.funded(k.payer, second) {
		t.Fatal("not both redeemed")
	}
	if p, found, err := k.payer.Paid(k.Context(), twin.ID); err != nil || !found || p.Failed {
		t.Fatalf("the twin has cost %+v (%v): %v", p, found, err)
	}
}

// A redeem at its deadline leaves the coins that those before it need to give way: the node refuses what
// together costs more than the account has.
func TestClimbLeavesCoinsForTheLine(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	// All but a tenth of an ether goes away.
	rest := new(big.Int).Sub(k.Balance(k.payer.account.Address), new(big.Int).Div(evmtest.Ether, big.NewInt(10)))
	k.Must(evmtest.Call{From: k.payer.account, To: &k.Accounts[4].Address, Value: rest, Gas: 21_000})
	cheap := k.withdraw(k.payer, 1)
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(cheap.FeeRate)))
	k.broadcast(k.payer, cheap)
	k.redeemWithin(3, k.payer, in, 1)
}

// A node whose index lags behind its chain does not find what is in a block. That is no reason to sign
// it again.
func TestLaggingIndex(t *testing.T) {
	for name, says := range map[string]bool{"silent": false, "says so": true} {
		t.Run(name, func(t *testing.T) { laggingIndex(t, says) })
	}
}

func laggingIndex(t *testing.T, says bool) {
	var w *wire
	k := newKitAt(t, func(c *evmtest.Chain) string {
		var url string
		w, url = newWire(t, c.URL)
		return url
	}, "PlainToken")
	blind := func(on bool) { w.set(func(w *wire) { w.noIndex, w.indexes = on, says }) }
	terms := k.terms("swap", 1, k.asset(0), evmtest.Ether)
	funding := k.fund("swap", terms)
	pay := k.withdraw(k.payer, 77)
	k.broadcast(k.payer, pay)
	k.Commit()
	blind(true)
	if len(funding.Txs) != 2 {
		t.Fatalf("%d transactions", len(funding.Txs))
	}
	for name, tx := range map[string]adapters.Tx{"approval": funding.Txs[0], "funding": funding.Txs[1], "withdrawal": pay} {
		if err := k.payer.Broadcast(k.Context(), tx); err != nil {
			t.Errorf("%s in a block: %v", name, err)
		}
	}
	redeem := k.redeem(terms, 1)
	k.broadcast(k.payee, redeem)
	k.Commit()
	wantReason(t, k.payee.Broadcast(k.Context(), redeem), adapters.ErrSpent, "ALREADY_SPENT")
	wantReason(t, k.payer.Broadcast(k.Context(), funding.Txs[1]), adapters.ErrSpent, "ALREADY_SPENT")
	// A nonce that did go to another is still seen.
	mine := k.withdraw(k.payer, 5)
	other := k.open(k.payer.account, evmtest.NewBook())
	k.broadcast(other, k.withdraw(other, 6))
	k.Commit()
	k.Commit()
	wantReason(t, k.payer.Broadcast(k.Context(), mine), adapters.ErrRejected, "PAYMENT_DISPLACED")
	k.Commit()
	wantReason(t, k.payer.Broadcast(k.Context(), mine), evm.ErrNonceTaken, "NONCE_TAKEN")
}
