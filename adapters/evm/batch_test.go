package evm_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// manyLanes is a kit whose payer may have many contracts open at once.
func manyLanes(t *testing.T, tokens ...string) *kit {
	t.Helper()
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, tokens...)
	config := k.config()
	config.Lanes = 64
	a, err := evm.Open(k.Context(), config, evmtest.Signer{Account: k.payer.account}, k.payer.book, k.payer.book, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	k.payer.Adapter = a
	return k
}

func spendOf(terms htlc.Terms, n byte) adapters.Spend {
	return adapters.Spend{Terms: terms, Leg: 1, Secret: secret(n)}
}

// locked are n contracts of the asset that are open.
func (k *kit) locked(n int, first byte, asset htlc.AssetID) []adapters.Spend {
	k.t.Helper()
	var out []adapters.Spend
	for i := range n {
		owner := fmt.Sprintf("%s %d", asset, first+byte(i))
		terms := k.terms(owner, first+byte(i), asset, evmtest.Ether)
		terms.Legs[1].TimeLock += evm.DefaultClimbWindow // far enough for a batch
		k.watch(k.payee, terms)
		k.fund(owner, terms)
		out = append(out, spendOf(terms, first+byte(i)))
	}
	k.Commit()
	return out
}

func (k *kit) batch(spends []adapters.Spend, replace *adapters.Tx) evm.Batch {
	k.t.Helper()
	b, err := k.payee.RedeemBatch(k.Context(), spends, replace)
	if err != nil {
		k.t.Fatalf("batch: %v", err)
	}
	return b
}

// A batch redeems all its members, tells of it beforehand what it saves, and shows no secret before it is
// broadcast.
func TestRedeemBatch(t *testing.T) {
	k := manyLanes(t, "PlainToken")
	spends := append(k.locked(6, 1, nativeAsset), k.locked(4, 20, k.asset(0))...)
	token := &evmtest.Contract{Address: k.tokens[0].Address, ABI: tokenInterface(t, "PlainToken")}
	mint, err := token.ABI.Pack("mint", k.payee.account.Address, evmtest.Ether)
	if err != nil {
		t.Fatal(err)
	}
	k.Must(evmtest.Call{From: k.Accounts[3], To: &token.Address, Data: mint})
	for _, set := range [][]adapters.Spend{spends[:2], spends[2:6], spends[6:]} {
		b := k.batch(set, nil)
		if len(b.Contracts) != len(set) || len(b.Left) != 0 {
			t.Fatalf("batch %+v", b)
		}
		k.broadcast(k.payee, b.Tx)
		for range set {
			k.sighting(k.payee, adapters.Redeemed)
		}
		cursor := k.tip(k.payee)
		k.Commit()
		if facts := k.next(k.payee, cursor).Facts; len(facts) != len(set) {
			t.Fatalf("facts %+v", facts)
		}
		results, err := k.payee.BatchResult(k.Context(), b.Tx)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if !r.Redeemed || r.Open || r.Contract != b.Contracts[i] {
				t.Errorf("member %d: %+v", i, r)
			}
		}
		receipt, err := k.Client.TransactionReceipt(k.Context(), common.HexToHash(b.Tx.ID))
		if err != nil {
			t.Fatal(err)
		}
		s := b.Saving
		t.Logf("%d members: %d gas, expected %d, alone %d, saves %d gas, %s wei", len(set), receipt.GasUsed, s.Batch, s.Alone, s.Gas, s.Fee)
		// The lanes here are fresh and their numbers small: a tenth for that.
		if diff := int64(receipt.GasUsed) - int64(s.Batch); diff > int64(s.Batch)/10 || diff < -int64(s.Batch)/10 {
			t.Errorf("%d gas, expected %d", receipt.GasUsed, s.Batch)
		}
		if s.Gas == 0 || s.Gas != s.Alone-s.Batch || s.Fee.IsZero() {
			t.Errorf("saving %+v", s)
		}
	}
}

// What must be redeemed alone is left out, with the reason, and fewer than two make no batch.
func TestRedeemBatchLeavesOut(t *testing.T) {
	k := manyLanes(t)
	spends := k.locked(4, 1, nativeAsset)
	unfunded := spendOf(k.terms("unfunded", 9, nativeAsset, evmtest.Ether), 9)
	unfunded.Terms.Legs[1].TimeLock += evm.DefaultClimbWindow
	wrong := spends[0]
	wrong.Secret = secret(99)
	hasty := spends[0]
	hasty.Fees = adapters.FeePolicy{Now: int64(k.Now()), Deadline: int64(k.Now()) + evm.DefaultClimbWindow, Budget: plenty()}
	announced := spends[1]
	tx := k.redeem(announced.Terms, 2)
	k.broadcast(k.payee, tx)
	announced.Replace = &tx

	b := k.batch([]adapters.Spend{unfunded, wrong, hasty, announced, spends[2], spends[3], spends[3]}, nil)
	if len(b.Contracts) != 2 || len(b.Left) != 5 {
		t.Fatalf("batch %+v", b)
	}
	want := map[int]string{0: "NOT_FUNDED", 1: "CONTRACT_MISMATCH", 2: "NOT_FOR_A_BATCH", 3: "NOT_FOR_A_BATCH", 6: "CONTRACT_MISMATCH"}
	for _, l := range b.Left {
		var e *adapters.Error
		if !errors.As(l.Err, &e) || e.Reason != want[l.Spend] {
			t.Errorf("spend %d is left out: %v, want %s", l.Spend, l.Err, want[l.Spend])
		}
	}
	_, err := k.payee.RedeemBatch(k.Context(), []adapters.Spend{wrong, spends[2]}, nil)
	wantReason(t, err, evm.ErrNoBatch, "BATCH_TOO_SMALL")

	// An hour before their refund nothing is batched any more.
	k.Commit()
	if err := k.Backend.AdjustTime(time.Hour); err != nil {
		t.Fatal(err)
	}
	_, err = k.payee.RedeemBatch(k.Context(), spends[2:], nil)
	wantReason(t, err, evm.ErrNoBatch, "BATCH_TOO_SMALL")
}

// A stored batch is returned where it serves, and raised at its nonce where it does not.
func TestRedeemBatchIsRaised(t *testing.T) {
	k := manyLanes(t)
	spends := k.locked(3, 1, nativeAsset)
	first := k.batch(spends, nil).Tx
	k.broadcast(k.payee, first)
	if again := k.batch(spends, &first).Tx; again.ID != first.ID {
		t.Fatalf("signed %s over %s, which serves", again.ID, first.ID)
	}
	k.Backend.Rollback()
	k.spike(new(big.Int).SetUint64(first.FeeRate))
	second := k.batch(spends, &first).Tx
	if second.Nonce != first.Nonce || second.Replaces != first.ID || second.FeeRate <= first.FeeRate {
		t.Fatalf("batch %+v over %+v", second, first)
	}
	k.broadcast(k.payee, second)
	k.mined(k.payee, second.Nonce)
	for _, s := range spends {
		if k.funded(k.payee, s.Terms) {
			t.Fatal("not redeemed")
		}
	}
}

// A batch with a contract that is gone goes on for the others where the node has it. Where the node has lost it,
// it is replaced by nothing when something comes after it: the secret of a dead contract stays inside.
func TestSafety_A6_BatchWithADeadMember(t *testing.T) {
	for name, lost := range map[string]bool{"in the pool": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			k, w := newWiredKit(t)
			spends := k.locked(3, 1, nativeAsset)
			b := k.batch(spends[:2], nil)
			k.spike(new(big.Int).SetUint64(b.Tx.FeeRate)) // it waits in the pool, if it is there
			w.set(func(w *wire) { w.dropTxs = lost })
			k.broadcast(k.payee, b.Tx)
			w.set(func(w *wire) { w.dropTxs = false; w.seen.Reset() })
			data := bindings.NewHtlc().PackRedeem(legOf(spends[0].Terms), spends[0].Secret.Reveal())
			k.Must(evmtest.Call{From: k.Accounts[3], To: &k.htlc, Data: data, Tip: gwei(30), Gas: 200_000})
			last := k.urgent(k.payee, spends[2].Terms, 3, nil)
			k.broadcast(k.payee, last)
			k.mined(k.payee, last.Nonce)
			if open := k.funded(k.payee, spends[1].Terms); open != lost {
				t.Fatalf("the living contract is open: %t", open)
			}
			if lost && shown(w, 1) {
				t.Fatal("the secret of a contract that is gone is handed out again")
			}
		})
	}
}

// legOf is the deployment's view of leg 1.
func legOf(terms htlc.Terms) bindings.HtlcLeg {
	l := terms.Legs[1]
	return bindings.HtlcLeg{
		Funder: common.BytesToAddress(l.PayerKey), Lane: l.Lane, Sequence: l.Sequence, Payee: common.BytesToAddress(l.PayeeKey),
		Amount: l.Amount.Big(), TimeLock: uint64(l.TimeLock),
	}
}

// world is a chain with two parties, simulated or real.
type world struct {
	t            *testing.T
	ctx          context.Context
	payer, payee *party
	deploy       func(name string) common.Address
	call         func(to common.Address, data []byte) // of anybody, in a block when it returns
	settle       func()                               // what was broadcast is in a block when it returns
}

func (w world) must(err error, what string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

func (w world) open(n byte, payee common.Address) adapters.Spend {
	w.t.Helper()
	owner := fmt.Sprintf("one of twenty %d", n)
	part, err := w.payer.Reserve(w.ctx, reservation(owner, evmtest.Ether))
	w.must(err, "reserve")
	tip, err := w.payer.Tip(w.ctx)
	w.must(err, "tip")
	amount, err := htlc.AmountFromBig(evmtest.Ether)
	w.must(err, "amount")
	terms := htlc.Terms{Hash: htlc.HashSHA256, SecretHash: secret(n).Hash(), Legs: []htlc.Leg{{}, {
		Asset: nativeAsset, Amount: amount, PayerKey: part.Key, PayeeKey: payee.Bytes(),
		Deployment: part.Deployment, Lane: part.Lane, Sequence: part.Sequence, TimeLock: tip.Clock + 7200,
	}}}
	_, err = w.payee.Watch(w.ctx, terms, 1, "")
	w.must(err, "watch")
	f, err := w.payer.Fund(w.ctx, owner, terms, 1)
	w.must(err, "fund")
	w.must(w.payer.Broadcast(w.ctx, f.Txs[f.Lock]), "broadcast a funding")
	return spendOf(terms, n)
}

const badWrongSecret, badRefuses, badBurns, badBombs, badRedeemed = 2, 5, 9, 13, 17

// oneBadOfTwenty signs a batch, lets its members go bad one way each, and sends it: the good ones are redeemed,
// each bad one fails alone and stays what it was.
func (w world) oneBadOfTwenty() {
	w.t.Helper()
	payees := map[int]common.Address{badRefuses: {}, badBurns: {}, badBombs: {}}
	for place := range payees {
		payees[place] = w.deploy("MoodyAccount")
	}
	spends := make([]adapters.Spend, 20)
	for i := range spends {
		payee := w.payee.account.Address
		if of, ok := payees[i]; ok {
			payee = of
		}
		spends[i] = w.open(byte(i), payee)
	}
	w.settle()
	asked := append([]adapters.Spend(nil), spends...)
	asked[badWrongSecret].Secret = secret(200)
	b, err := w.payee.RedeemBatch(w.ctx, asked, nil)
	w.must(err, "batch")
	if len(b.Contracts) != 19 || len(b.Left) != 1 || b.Left[0].Spend != badWrongSecret {
		w.t.Fatalf("%d contracts, left out %+v", len(b.Contracts), b.Left)
	}
	mood := tokenInterface(w.t, "MoodyAccount")
	for place, n := range map[int]int64{badRefuses: 1, badBurns: 2, badBombs: 3} {
		data, err := mood.Pack("setMood", big.NewInt(n))
		w.must(err, "pack")
		w.call(payees[place], data)
	}
	alone, err := w.payer.Redeem(w.ctx, spends[badRedeemed])
	w.must(err, "redeem alone")
	w.must(w.payer.Broadcast(w.ctx, alone), "broadcast the lone redeem")
	w.settle()
	w.must(w.payee.Broadcast(w.ctx, b.Tx), "broadcast the batch")
	w.settle()
	w.wantTwenty(spends, b)
}

// wantTwenty judges each member by the deployment's slot and events.
func (w world) wantTwenty(spends []adapters.Spend, b evm.Batch) {
	w.t.Helper()
	results, err := w.payee.BatchResult(w.ctx, b.Tx)
	w.must(err, "result")
	byID := map[string]evm.BatchMember{}
	for _, r := range results {
		byID[r.Contract] = r
	}
	for i, s := range spends {
		c, err := w.payee.Contract(s.Terms, 1)
		w.must(err, "contract")
		tip, err := w.payee.Tip(w.ctx)
		w.must(err, "tip")
		open, err := w.payee.Funded(w.ctx, s.Terms, 1, "", tip)
		w.must(err, "funded")
		wantOpen := i == badWrongSecret || i == badRefuses || i == badBurns || i == badBombs
		if open != wantOpen {
			w.t.Errorf("member %d: open %t, want %t", i, open, wantOpen)
		}
		if i == badWrongSecret {
			continue
		}
		wantRedeemed := !wantOpen && i != badRedeemed
		if r := byID[c.ID]; r.Redeemed != wantRedeemed || r.Open != wantOpen {
			w.t.Errorf("member %d: %+v, want redeemed %t, open %t", i, r, wantRedeemed, wantOpen)
		}
	}
}

// One bad member of twenty, of each kind, on the simulated chain; TestSafety_C10_OneBadOfTwentyOnGeth on geth.
func TestSafety_C10_OneBadOfTwenty(t *testing.T) {
	k := manyLanes(t)
	w := world{
		t: t, ctx: k.Context(), payer: k.payer, payee: k.payee, settle: k.Commit,
		deploy: func(name string) common.Address { return k.Deploy(name).Address },
		call: func(to common.Address, data []byte) {
			if r := k.Must(evmtest.Call{From: k.Accounts[3], To: &to, Data: data}); r.Status != types.ReceiptStatusSuccessful {
				t.Fatal("reverted")
			}
		},
	}
	w.oneBadOfTwenty()
}
