package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// suite is what every database must pass. dsn makes an empty one.
func suite(t *testing.T, dsn func(testing.TB) string) {
	for name, test := range map[string]func(*testing.T, string){
		"CommitAndLoad":  testCommitAndLoad,
		"Conflict":       testConflict,
		"BadBatch":       testBadBatch,
		"PendingInOrder": testPendingInOrder,
		"Cursor":         testCursor,
		"Journal":        testJournal,
		"JournalSealed":  testJournalSealed,
		"List":           testList,
		"History":        testHistory,
		"Reopen":         testReopen,
		"WrongSeed":      testWrongSeed,
		"DataNewer":      testDataNewer,
		"TakenOver":      testTakenOver,
		"Cancelled":      testCancelled,
		"Concurrent":     testConcurrent,
		"Requests":       testRequests,
		"Tokens":         testTokens,
		"NonceOwners":    testNonceOwners,
		"Lanes":          testLanes,
		"RedeemFees":     testRedeemFees,
		"EveryEvent":     testEveryEvent,

		"Tower":              testTower,
		"Agreements":         testAgreements,
		"AgreementForLife":   testAgreementForLife,
		"AgreementBoundOnce": testAgreementBoundOnce,
		"AgreementLists":     testAgreementLists,
		"Withdrawals":        testWithdrawals,
		"WithdrawalSealed":   testWithdrawalSealed,
		"Activity":           testActivity,
		"Abandonment":        testAbandonment,
		"OpenWithdrawals":    testOpenWithdrawals,
		"WithdrawalReplaced": testWithdrawalReplaced,
		"TokenUse":           testTokenUse,
		"Spendings":          testSpendings,
		"SpendingsTogether":  testSpendingsTogether,
		"UnspendTogether":    testUnspendTogether,
		"Payouts":            testPayouts,
		"Outflows":           testOutflows,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dsn(t))
		})
	}
	t.Run("Coins", func(t *testing.T) {
		t.Parallel()
		testCoins(t, dsn)
	})
	t.Run("Model", func(t *testing.T) {
		t.Parallel()
		testModel(t, dsn)
	})
}

var ctx = context.Background()

func testCommitAndLoad(t *testing.T, dsn string) {
	s := open(t, dsn)
	w := fresh(t, 1)
	must(t, s.Commit(ctx, batch(w, fresh(t, 2))))
	if got := active(t, s); len(got) != 2 || !reflect.DeepEqual(got[w.Swap.ID], w.Swap) {
		t.Fatalf("loaded %+v", got)
	}
	w = step(t, w.Swap, tip(5), htlc.CancelRequested{})
	must(t, s.Commit(ctx, batch(w)))
	if got := active(t, s); len(got) != 1 {
		t.Fatalf("%d swaps are open", len(got))
	}
	got, err := s.Get(ctx, w.Swap.ID)
	must(t, err)
	if !reflect.DeepEqual(got.Swap, w.Swap) || got.Swap.Outcome != htlc.OutcomeCancelled {
		t.Fatalf("read %+v", got.Swap)
	}
	_, err = s.Get(ctx, htlc.SwapID{9})
	wantErr(t, err, engine.ErrNotFound)
	stop := errors.New("stop")
	wantErr(t, s.Active(ctx, func(htlc.Swap) error { return stop }), stop)
}

func testConflict(t *testing.T, dsn string) {
	s := open(t, dsn)
	first, second := fresh(t, 1), fresh(t, 2)
	must(t, s.Commit(ctx, batch(first)))
	wantErr(t, s.Commit(ctx, batch(second, first)), engine.ErrConflict)
	if got := active(t, s); len(got) != 1 {
		t.Fatal("a part of a refused batch was written")
	}
	must(t, s.Commit(ctx, batch(step(t, first.Swap, tip(5)))))
	wantErr(t, s.Commit(ctx, batch(step(t, first.Swap, tip(6)))), engine.ErrConflict)
	// A move of a swap that is not there.
	wantErr(t, s.Commit(ctx, batch(step(t, second.Swap, tip(5)))), engine.ErrConflict)
	events, err := s.History(ctx, first.Swap.ID, 0, 0)
	must(t, err)
	if len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
}

func testBadBatch(t *testing.T, dsn string) {
	s := open(t, dsn)
	w := fresh(t, 1)
	for name, alter := range map[string]func(*engine.SwapWrite){
		"no event":       func(w *engine.SwapWrite) { w.Events = nil },
		"gap":            func(w *engine.SwapWrite) { w.Events[0].Seq = 2 },
		"wrong version":  func(w *engine.SwapWrite) { w.Expect = 1 },
		"foreign effect": func(w *engine.SwapWrite) { w.Effects[0].ID.Swap = htlc.SwapID{1} },
		"later effect":   func(w *engine.SwapWrite) { w.Effects[0].ID.Seq = 2 },
		"earlier effect": func(w *engine.SwapWrite) { w.Effects[0].ID.Seq = 0 },
	} {
		bad := fresh(t, 1)
		alter(&bad)
		if err := s.Commit(ctx, batch(bad)); !errors.Is(err, store.ErrBadBatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantErr(t, s.Commit(ctx, batch(w, w)), store.ErrBadBatch)
	high := engine.CursorWrite{Chain: chainA, Cursor: engine.Cursor{Seq: 1, Block: block(math.MaxUint64)}}
	wantErr(t, s.Commit(ctx, engine.Batch{Cursors: []engine.CursorWrite{high}}), store.ErrRange)
	back := engine.CursorWrite{Chain: chainA, Expect: 5, Cursor: engine.Cursor{Seq: 5, Block: block(1)}}
	wantErr(t, s.Commit(ctx, engine.Batch{Cursors: []engine.CursorWrite{back}}), store.ErrBadBatch)
	if got := active(t, s); len(got) != 0 {
		t.Fatal("something was written")
	}
}

func testPendingInOrder(t *testing.T, dsn string) {
	s := open(t, dsn)
	var want []engine.StoredEffect
	for n := uint64(1); n <= 200; n++ { // more effects than a page holds
		w := fresh(t, n)
		want = append(want, w.Effects...)
		must(t, s.Commit(ctx, batch(w)))
	}
	got, err := s.Pending(ctx)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%d effects, want %d in the order asked for", len(got), len(want))
	}
	must(t, s.Commit(ctx, engine.Batch{Done: []engine.EffectID{want[0].ID, want[3].ID}}))
	must(t, s.Commit(ctx, engine.Batch{Done: []engine.EffectID{want[0].ID}})) // again
	want = append(want[1:3:3], want[4:]...)
	if got, err = s.Pending(ctx); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%d effects, want %d: %v", len(got), len(want), err)
	}
}

func testCursor(t *testing.T, dsn string) {
	s := open(t, dsn)
	_, err := s.Cursor(ctx, chainA)
	wantErr(t, err, engine.ErrNotFound)
	move := func(expect, seq, height uint64) error {
		w := engine.CursorWrite{Chain: chainA, Expect: expect, Cursor: engine.Cursor{Seq: seq, Block: block(height)}}
		return s.Commit(ctx, engine.Batch{Cursors: []engine.CursorWrite{w}})
	}
	must(t, move(0, 1, 100))
	wantErr(t, move(0, 1, 100), engine.ErrConflict)
	must(t, move(1, 2, 99)) // a block undone
	wantErr(t, move(1, 2, 101), engine.ErrConflict)
	got, err := s.Cursor(ctx, chainA)
	must(t, err)
	if want := (engine.Cursor{Seq: 2, Block: block(99)}); !reflect.DeepEqual(got, want) {
		t.Fatalf("cursor %+v, want %+v", got, want)
	}
	_, err = s.Cursor(ctx, chainB)
	wantErr(t, err, engine.ErrNotFound)
	// A cursor that conflicts takes the swaps of its batch with it.
	b := batch(fresh(t, 1))
	b.Cursors = []engine.CursorWrite{{Chain: chainA, Expect: 7, Cursor: engine.Cursor{Seq: 8, Block: block(1)}}}
	wantErr(t, s.Commit(ctx, b), engine.ErrConflict)
	if len(active(t, s)) != 0 {
		t.Fatal("half of a batch was written")
	}
}

func journalTx(id string, purpose htlc.Purpose, step, attempt int) engine.JournalTx {
	return engine.JournalTx{
		Tx: adapters.Tx{
			Chain: chainB, ID: id, Raw: adapters.RawTx("raw " + id), Fee: htlc.NewAmount(21_000), FeeRate: 30,
			Account: "0xabc", Nonce: uint64(step), Spends: []string{"aa:0", "bb:1"},
		},
		Swap: htlc.SwapID{1}, Leg: 1, Purpose: purpose, Step: step, Attempt: attempt, Ref: "ref",
	}
}

func testJournal(t *testing.T, dsn string) {
	s := open(t, dsn)
	nonce := func() uint64 {
		n, err := s.NextNonce(ctx, chainB, "0xabc")
		must(t, err)
		return n
	}
	if nonce() != 0 {
		t.Fatal("an empty journal has nonces")
	}
	approve, lock := journalTx("t1", htlc.PurposeFund, 0, 0), journalTx("t2", htlc.PurposeFund, 1, 0)
	bumped := journalTx("t0", htlc.PurposeFund, 1, 1)
	bumped.Replaces, bumped.Nonce = "t2", 1
	refund := journalTx("t4", htlc.PurposeRefund, 7, 0)
	must(t, s.SaveTxs(ctx, []engine.JournalTx{bumped, lock, approve, refund}))
	again := lock
	again.Raw = adapters.RawTx("other")
	must(t, s.SaveTxs(ctx, []engine.JournalTx{again}))
	if nonce() != 8 {
		t.Fatalf("next nonce %d", nonce())
	}
	got, err := s.Txs(ctx, htlc.SwapID{1}, 1, htlc.PurposeFund)
	must(t, err)
	if want := []engine.JournalTx{approve, lock, bumped}; !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v", got)
	}
	must(t, s.MarkReleased(ctx, chainB, "t1"))
	must(t, s.MarkReleased(ctx, chainB, "t1"))
	wantErr(t, s.MarkReleased(ctx, chainA, "t1"), engine.ErrNotFound)
	got, err = s.Txs(ctx, htlc.SwapID{1}, 1, htlc.PurposeFund)
	must(t, err)
	if !got[0].Released || got[1].Released {
		t.Fatal("another transaction was released")
	}
	if got, err = s.Txs(ctx, htlc.SwapID{1}, 0, htlc.PurposeFund); err != nil || len(got) != 0 {
		t.Fatalf("transactions of another leg: %v, %v", got, err)
	}
	huge := journalTx("t9", htlc.PurposeFund, 0, 0)
	huge.Nonce = math.MaxUint64
	wantErr(t, s.SaveTxs(ctx, []engine.JournalTx{journalTx("t8", htlc.PurposeRedeem, 0, 0), huge}), store.ErrRange)
	unnamed := journalTx("", htlc.PurposeRedeem, 0, 0)
	if err := s.SaveTxs(ctx, []engine.JournalTx{journalTx("t8", htlc.PurposeRedeem, 0, 0), unnamed}); err == nil {
		t.Fatal("a transaction without id was stored")
	}
	if got, err = s.Txs(ctx, htlc.SwapID{1}, 1, htlc.PurposeRedeem); err != nil || len(got) != 0 {
		t.Fatalf("a part of the refused list was stored: %v, %v", got, err)
	}
}

func testList(t *testing.T, dsn string) {
	s := open(t, dsn)
	for n := range uint64(7) {
		w := fresh(t, n)
		w.Events[0].At = epoch.Add(time.Duration(n/2) * time.Second) // some of one age
		must(t, s.Commit(ctx, batch(w)))
		if n%3 == 0 {
			must(t, s.Commit(ctx, batch(step(t, w.Swap, htlc.CancelRequested{}))))
		}
	}
	walk := func(f store.Filter, limit int) map[htlc.SwapID]int {
		seen, page, last := map[htlc.SwapID]int{}, "", time.Time{}
		for {
			records, next, err := s.List(ctx, f, page, limit)
			must(t, err)
			for _, r := range records {
				seen[r.Swap.ID]++
				if !last.IsZero() && r.Created.After(last) {
					t.Fatal("not the newest first")
				}
				last = r.Created
				if r.Updated.Before(r.Created) {
					t.Fatal("updated before created")
				}
			}
			if next == "" {
				return seen
			}
			page = next
		}
	}
	agreed, closed := htlc.PhaseAgreed, htlc.PhaseClosed
	for _, c := range []struct {
		filter store.Filter
		want   int
	}{
		{store.Filter{}, 7}, {store.Filter{Scope: store.ScopeOpen}, 4}, {store.Filter{Scope: store.ScopeClosed}, 3},
		{store.Filter{Phase: &agreed}, 4}, {store.Filter{Phase: &closed}, 3}, {store.Filter{Phase: &closed, Scope: store.ScopeOpen}, 0},
	} {
		for _, limit := range []int{1, 2, 3, 7, 0} {
			got := walk(c.filter, limit)
			if len(got) != c.want {
				t.Fatalf("%+v by %d: %d swaps, want %d", c.filter, limit, len(got), c.want)
			}
			for id, n := range got {
				if n != 1 {
					t.Fatalf("%+v by %d: %s came %d times", c.filter, limit, id, n)
				}
			}
		}
	}
	for _, bad := range []string{"x", "AAAA", "!!"} {
		_, _, err := s.List(ctx, store.Filter{}, bad, 1)
		wantErr(t, err, store.ErrBadPage)
	}
}

func testHistory(t *testing.T, dsn string) {
	s := open(t, dsn)
	w := fresh(t, 1)
	must(t, s.Commit(ctx, batch(w)))
	id, want := w.Swap.ID, w.Events
	for h := uint64(1); h < 10; h++ {
		w = step(t, w.Swap, tip(h))
		must(t, s.Commit(ctx, batch(w)))
		want = append(want, w.Events...)
	}
	var got []engine.StoredEvent
	for after := uint64(0); ; {
		page, err := s.History(ctx, id, after, 4)
		must(t, err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1].Seq
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("history %+v", got)
	}
	if none, err := s.History(ctx, htlc.SwapID{5}, 0, 0); err != nil || len(none) != 0 {
		t.Fatalf("history of nothing: %v, %v", none, err)
	}
}

func testReopen(t *testing.T, dsn string) {
	s := open(t, dsn)
	a, b := fresh(t, 1), fresh(t, 2)
	must(t, s.Commit(ctx, batch(a)))
	must(t, s.Close())
	must(t, s.Close()) // again
	wantErr(t, s.Commit(ctx, batch(b)), store.ErrClosed)
	s = open(t, dsn)
	must(t, s.Commit(ctx, batch(b)))
	got, err := s.Pending(ctx)
	must(t, err)
	if want := slices.Concat(a.Effects, b.Effects); !reflect.DeepEqual(got, want) {
		t.Fatalf("pending %+v, want %+v", got, want)
	}
	if len(active(t, s)) != 2 {
		t.Fatal("a swap is gone")
	}
}

func testWrongSeed(t *testing.T, dsn string) {
	s := open(t, dsn)
	c := config(t, dsn)
	c.Party = htlc.PartyID{2}
	_, err := store.Open(ctx, c)
	wantErr(t, err, store.ErrWrongSeed)
	var told *adapters.Error
	if !errors.As(err, &told) || told.Reason != store.ReasonWrongSeed {
		t.Fatalf("error %v has no reason code", err)
	}
	must(t, s.Commit(ctx, batch(fresh(t, 1)))) // the right one was not pushed out
}

func testTakenOver(t *testing.T, dsn string) {
	old := open(t, dsn)
	must(t, old.Commit(ctx, batch(fresh(t, 1))))
	young := open(t, dsn)
	wantErr(t, old.Commit(ctx, batch(fresh(t, 2))), store.ErrTakenOver)
	wantErr(t, old.MarkReleased(ctx, chainA, "x"), store.ErrTakenOver)
	must(t, young.Commit(ctx, batch(fresh(t, 2))))
	if len(active(t, young)) != 2 {
		t.Fatal("the younger owner cannot write")
	}
}

func testCancelled(t *testing.T, dsn string) {
	s := open(t, dsn)
	dead, cancel := context.WithCancel(ctx)
	cancel()
	wantErr(t, s.Commit(dead, batch(fresh(t, 1))), context.Canceled)
	if len(active(t, s)) != 0 {
		t.Fatal("an error was returned and yet something was written")
	}
	must(t, s.Commit(ctx, batch(fresh(t, 1))))
}

func testConcurrent(t *testing.T, dsn string) {
	s := open(t, dsn)
	const writers = 16
	errs := make(chan error, 2*writers)
	for n := range writers {
		b := batch(fresh(t, uint64(n)))
		go func() { errs <- s.Commit(ctx, b) }()
		go func() {
			tx := journalTx(fmt.Sprintf("t%d", n), htlc.PurposeRedeem, n, 0)
			if err := s.SaveTxs(ctx, []engine.JournalTx{tx}); err != nil {
				errs <- err
				return
			}
			errs <- s.MarkReleased(ctx, tx.Chain, tx.ID)
		}()
	}
	for range 2 * writers {
		must(t, <-errs)
	}
	if got := len(active(t, s)); got != writers {
		t.Fatalf("%d swaps", got)
	}
	txs, err := s.Txs(ctx, htlc.SwapID{1}, 1, htlc.PurposeRedeem)
	must(t, err)
	if len(txs) != writers {
		t.Fatalf("%d transactions", len(txs))
	}
}

// testEveryEvent stores one event of every kind and reads it back.
func testEveryEvent(t *testing.T, dsn string) {
	s := open(t, dsn)
	secret, id := secretOf(t, 1), htlc.BlockID{Height: 7, Hash: [32]byte{7}}
	w := step(t, htlc.Swap{}, signed(t, 1), htlc.LegSeen{Leg: 0, TxID: "f"}, htlc.LegFunded{Leg: 0, TxID: "f", Ref: "f:0", Block: id},
		htlc.LegMismatched{Leg: 0, TxID: "m", Detail: "amount"}, htlc.Reorged{Leg: 0, Block: id},
		htlc.LegFunded{Leg: 0, TxID: "f", Ref: "f:0", Block: id}, tip(9), htlc.FundingPrepared{TxID: "g"},
		htlc.SecretSeen{Leg: 1, TxID: "r", Secret: secret}, htlc.LegRedeemed{Leg: 1, TxID: "r", Secret: secret, Block: id})
	must(t, s.Commit(ctx, batch(w)))
	got, err := s.Get(ctx, w.Swap.ID)
	must(t, err)
	if got.Swap.Secret == nil || !got.Swap.Secret.Equal(secret) {
		t.Fatal("the secret was lost")
	}
	events, err := s.History(ctx, w.Swap.ID, 0, 0)
	must(t, err)
	again := htlc.Swap{}
	for _, e := range events {
		if again, _, err = htlc.Transition(again, e.Event); err != nil {
			t.Fatalf("event %d cannot be repeated: %v", e.Seq, err)
		}
	}
	if !reflect.DeepEqual(again, w.Swap) {
		t.Fatalf("history leads to %+v, want %+v", again, w.Swap)
	}
}
