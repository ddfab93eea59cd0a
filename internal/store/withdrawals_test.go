package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

func withdrawal(n int, chain htlc.ChainID) store.Withdrawal {
	tx := journalTx(fmt.Sprintf("w%02d", n), htlc.PurposeFund, n, 0).Tx
	tx.Chain = chain
	return store.Withdrawal{
		RequestID: fmt.Sprintf("desk/%d", n), Tx: tx, Asset: htlc.AssetID(chain + "/slip44:60"), To: "0xdef", Amount: htlc.NewAmount(5),
	}
}

func split(w store.Withdrawal, parts int) store.Withdrawal {
	w.Parts = parts
	return w
}

func testWithdrawals(t *testing.T, dsn string) {
	s := open(t, dsn)
	want := split(withdrawal(1, chainB), 4)
	_, err := s.Withdrawal(ctx, want.RequestID)
	wantErr(t, err, store.ErrNotFound)
	wantErr(t, s.MarkWithdrawalReleased(ctx, want.RequestID), store.ErrNotFound)

	got, err := s.SaveWithdrawal(ctx, want)
	must(t, err)
	want.Created, want.Outcome = epoch, store.WithdrawalOpen
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("stored %+v, want %+v", got, want)
	}
	// Signed anew for the same request: the first one stays.
	anew := want
	anew.Tx.ID, anew.Tx.Raw = "other", adapters.RawTx("other")
	if got, err = s.SaveWithdrawal(ctx, anew); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("stored %+v, %v", got, err)
	}
	for name, alter := range map[string]func(*store.Withdrawal){
		"amount": func(w *store.Withdrawal) { w.Amount = htlc.NewAmount(6) },
		"to":     func(w *store.Withdrawal) { w.To = "0xeee" },
		"parts":  func(w *store.Withdrawal) { w.Parts = 5 },
		"asset":  func(w *store.Withdrawal) { w.Asset = "eip155:1337/slip44:61" },
	} {
		bad := want
		alter(&bad)
		if _, err := s.SaveWithdrawal(ctx, bad); !errors.Is(err, store.ErrRequestReused) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	thief := want
	thief.RequestID = "desk/2"
	_, err = s.SaveWithdrawal(ctx, thief)
	wantErr(t, err, store.ErrConflict)

	must(t, s.MarkWithdrawalReleased(ctx, want.RequestID))
	must(t, s.MarkWithdrawalReleased(ctx, want.RequestID))
	want.Released = true
	must(t, s.Close())
	s = open(t, dsn)
	if got, err = s.Withdrawal(ctx, want.RequestID); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v, %v", got, err)
	}
	if got, err = s.SaveWithdrawal(ctx, anew); err != nil || !got.Released {
		t.Fatalf("stored %+v, %v", got, err)
	}
}

// testActivity walks through both lists by pages of every size.
func testActivity(t *testing.T, dsn string) {
	c, now := config(t, dsn), epoch
	c.Now = func() time.Time { return now }
	s, err := store.Open(ctx, c)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	const each = 10
	for n := range each {
		now = epoch.Add(time.Duration(n/3) * time.Second) // some of one age
		tx := journalTx(fmt.Sprintf("t%02d", n), htlc.PurposeRedeem, n, 0)
		w := split(withdrawal(n, chainB), n%4)
		if n%2 == 0 {
			tx.Chain, w = chainA, withdrawal(n, chainA)
		}
		must(t, s.SaveTxs(ctx, []engine.JournalTx{tx}))
		_, err := s.SaveWithdrawal(ctx, w)
		must(t, err)
		if n < 8 { // the others have not left
			must(t, s.MarkReleased(ctx, tx.Chain, tx.ID))
			must(t, s.MarkWithdrawalReleased(ctx, w.RequestID))
		}
	}
	activity := func(chain htlc.ChainID) func(string, int) ([]string, []time.Time, string) {
		return func(page string, limit int) (ids []string, at []time.Time, next string) {
			list, next, err := s.Activity(ctx, chain, page, limit)
			must(t, err)
			for _, a := range list {
				ids, at = append(ids, a.TxID), append(at, a.Created)
			}
			return ids, at, next
		}
	}
	withdrawals := func(chain htlc.ChainID) func(string, int) ([]string, []time.Time, string) {
		return func(page string, limit int) (ids []string, at []time.Time, next string) {
			list, next, err := s.Withdrawals(ctx, chain, page, limit)
			must(t, err)
			for _, w := range list {
				ids, at = append(ids, w.Tx.ID), append(at, w.Created)
			}
			return ids, at, next
		}
	}
	for name, list := range map[string]struct {
		read func(string, int) ([]string, []time.Time, string)
		want int
	}{
		"activity": {activity(""), 16}, "activity of a chain": {activity(chainA), 8}, "activity of none": {activity("eip155:5"), 0},
		"withdrawals": {withdrawals(""), each}, "withdrawals of a chain": {withdrawals(chainB), each / 2},
	} {
		for _, limit := range []int{1, 2, 3, 5, 100} {
			seen, last := map[string]bool{}, time.Time{}
			for page, more := "", true; more; more = page != "" {
				ids, at, next := list.read(page, limit)
				for i, id := range ids {
					if seen[id] || !last.IsZero() && at[i].After(last) {
						t.Fatalf("%s by %d: %s came twice, or late", name, limit, id)
					}
					seen[id], last = true, at[i]
				}
				page = next
			}
			if len(seen) != list.want {
				t.Fatalf("%s by %d: %d transactions, want %d", name, limit, len(seen), list.want)
			}
		}
	}
	for _, bad := range []string{"x", "AAAA", "!!", "AAAAAAAAAAA"} {
		_, _, err := s.Activity(ctx, "", bad, 1)
		wantErr(t, err, store.ErrBadPage)
		_, _, err = s.Withdrawals(ctx, "", bad, 1)
		wantErr(t, err, store.ErrBadPage)
	}
	checkActivity(t, s)
}

// checkActivity compares one entry of each kind.
func checkActivity(t *testing.T, s *store.Store) {
	t.Helper()
	list, _, err := s.Activity(ctx, chainB, "", 0)
	must(t, err)
	at := epoch.Add(2 * time.Second)
	for i, want := range []store.Activity{{
		Kind: store.ActivityWithdrawal, Chain: chainB, TxID: "w07", Fee: htlc.NewAmount(21_000), Created: at,
		RequestID: "desk/7", Asset: "eip155:1337/slip44:60", To: "0xdef", Amount: htlc.NewAmount(5),
		Outcome: store.WithdrawalOpen, Parts: 3,
	}, {
		Kind: store.ActivityRedeem, Chain: chainB, TxID: "t07", Fee: htlc.NewAmount(21_000), Created: at, Swap: htlc.SwapID{1}, Leg: 1,
	}} {
		if !reflect.DeepEqual(list[i], want) {
			t.Errorf("entry %d is %+v, want %+v", i, list[i], want)
		}
	}
}

// testWithdrawalSealed: the signed bytes are nowhere in the clear, and do not
// open in another row.
func testWithdrawalSealed(t *testing.T, dsn string) {
	s := open(t, dsn)
	first, second := withdrawal(1, chainB), withdrawal(2, chainB)
	first.Tx.Raw = bytes.Repeat([]byte("canary"), 20)
	for _, w := range []store.Withdrawal{first, second} {
		_, err := s.SaveWithdrawal(ctx, w)
		must(t, err)
	}
	db := peek(t, dsn)
	var raw []byte
	must(t, db.QueryRow("SELECT raw FROM withdrawals WHERE txid = 'w01'").Scan(&raw))
	if len(raw) < len(first.Tx.Raw) || bytes.Contains(raw, []byte("canary")) || bytes.Contains(raw, []byte("Y2FuYXJ5")) {
		t.Fatal("stored in the clear")
	}
	_, err := db.Exec("UPDATE withdrawals SET raw = (SELECT raw FROM withdrawals WHERE txid = 'w01') WHERE txid = 'w02'")
	must(t, err)
	_, err = s.Withdrawal(ctx, second.RequestID)
	wantErr(t, err, store.ErrCorrupt)
}

// testAbandonment: an abandonment is a purpose of its own, stored and shown.
func testAbandonment(t *testing.T, dsn string) {
	s := open(t, dsn)
	fund, abandon := journalTx("f", htlc.PurposeFund, 0, 0), journalTx("a", htlc.PurposeAbandon, 0, 0)
	must(t, s.SaveTxs(ctx, []engine.JournalTx{fund, abandon}))
	got, err := s.Txs(ctx, abandon.Swap, abandon.Leg, htlc.PurposeAbandon)
	must(t, err)
	if want := []engine.JournalTx{abandon}; !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v", got)
	}
	if got, err = s.Txs(ctx, fund.Swap, fund.Leg, htlc.PurposeFund); err != nil || len(got) != 1 || got[0].ID != "f" {
		t.Fatalf("fundings %+v, %v", got, err)
	}
	must(t, s.MarkReleased(ctx, chainB, "a"))
	list, _, err := s.Activity(ctx, "", "", 0)
	must(t, err)
	want := []store.Activity{{
		Kind: store.ActivityAbandon, Chain: chainB, TxID: "a", Fee: htlc.NewAmount(21_000), Created: epoch, Swap: htlc.SwapID{1}, Leg: 1,
	}}
	if !reflect.DeepEqual(list, want) {
		t.Fatalf("activity %+v", list)
	}
}

func openIDs(t *testing.T, s *store.Store) string {
	t.Helper()
	list, err := s.OpenWithdrawals(ctx)
	must(t, err)
	ids := make([]string, len(list))
	for i, w := range list {
		ids[i] = w.Tx.ID
	}
	return strings.Join(ids, " ")
}

func testOpenWithdrawals(t *testing.T, dsn string) {
	c, now := config(t, dsn), epoch
	c.Now = func() time.Time { return now }
	s, err := store.Open(ctx, c)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	const all = 300 // more than a page
	var want []string
	for n := range all {
		now = epoch.Add(time.Duration(n/100) * time.Second)
		w := withdrawal(n, chainB)
		w.Tx.ID = fmt.Sprintf("w%03d", n)
		_, err := s.SaveWithdrawal(ctx, w)
		must(t, err)
		want = append(want, w.Tx.ID)
	}
	if got := openIDs(t, s); got != strings.Join(want, " ") {
		t.Fatalf("open are %s", got)
	}
	for n := range all - 3 {
		must(t, s.SettleWithdrawal(ctx, fmt.Sprintf("desk/%d", n), want[n], store.WithdrawalMined))
	}
	must(t, s.MarkWithdrawalReleased(ctx, "desk/299")) // what was released is as open
	if got := openIDs(t, s); got != "w297 w298 w299" {
		t.Fatalf("open are %s", got)
	}
	must(t, s.SettleWithdrawal(ctx, "desk/0", "w000", store.WithdrawalMined))
	wantErr(t, s.SettleWithdrawal(ctx, "desk/0", "w000", store.WithdrawalFailed), store.ErrConflict)
	wantErr(t, s.SettleWithdrawal(ctx, "desk/298", "w299", store.WithdrawalMined), store.ErrConflict)
	wantErr(t, s.SettleWithdrawal(ctx, "desk/1000", "w298", store.WithdrawalMined), store.ErrNotFound)
	if err := s.SettleWithdrawal(ctx, "desk/298", "w298", "odd"); err == nil {
		t.Fatal("an unknown outcome was stored")
	}
	must(t, s.SettleWithdrawal(ctx, "desk/298", "w298", store.WithdrawalFailed))
	got, err := s.Withdrawal(ctx, "desk/298")
	must(t, err)
	if got.Outcome != store.WithdrawalFailed || openIDs(t, s) != "w297 w299" {
		t.Fatalf("%+v, open are %s", got, openIDs(t, s))
	}
}

func testWithdrawalReplaced(t *testing.T, dsn string) {
	s := open(t, dsn)
	first, other := withdrawal(1, chainB), withdrawal(2, chainB)
	for _, w := range []store.Withdrawal{first, other} {
		_, err := s.SaveWithdrawal(ctx, w)
		must(t, err)
	}
	must(t, s.MarkWithdrawalReleased(ctx, first.RequestID))
	tx := func(id string) adapters.Tx {
		out := first.Tx
		out.ID, out.Raw, out.Nonce, out.Fee = id, adapters.RawTx("raw "+id), 44, htlc.NewAmount(7)
		return out
	}
	replace := func(id, old string, tx adapters.Tx) error { return s.ReplaceWithdrawalTx(ctx, id, old, tx) }
	must(t, replace(first.RequestID, "w01", tx("n1")))
	must(t, replace(first.RequestID, "w01", tx("n1"))) // again
	wantErr(t, replace(first.RequestID, "w01", tx("n2")), store.ErrConflict)
	wantErr(t, replace(first.RequestID, "n1", tx("w02")), store.ErrConflict) // the other's
	wantErr(t, replace("desk/9", "n1", tx("n2")), store.ErrNotFound)
	abroad := tx("n2")
	abroad.Chain = chainA
	wantErr(t, replace(first.RequestID, "n1", abroad), store.ErrConflict)
	want := first
	want.Tx, want.Created, want.Outcome = tx("n1"), epoch, store.WithdrawalOpen
	got, err := s.Withdrawal(ctx, first.RequestID)
	must(t, err)
	if !reflect.DeepEqual(got, want) { // not released either
		t.Fatalf("read %+v, want %+v", got, want)
	}
	// Several have found that the nonce is taken: one signature stays.
	const rivals = 8
	errs := make(chan error, rivals)
	for n := range rivals {
		go func() { errs <- replace(first.RequestID, "n1", tx(fmt.Sprintf("r%d", n))) }()
	}
	won := 0
	for range rivals {
		if err := <-errs; err == nil {
			won++
		} else {
			wantErr(t, err, store.ErrConflict)
		}
	}
	if got, err = s.Withdrawal(ctx, first.RequestID); err != nil || won != 1 || got.Tx.ID[0] != 'r' {
		t.Fatalf("%d have won, %+v, %v", won, got, err)
	}
	must(t, s.SettleWithdrawal(ctx, first.RequestID, got.Tx.ID, store.WithdrawalMined))
	wantErr(t, replace(first.RequestID, got.Tx.ID, tx("late")), store.ErrConflict)
}
