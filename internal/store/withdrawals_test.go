package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
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

func testWithdrawals(t *testing.T, dsn string) {
	s := open(t, dsn)
	want := withdrawal(1, chainB)
	_, err := s.Withdrawal(ctx, want.RequestID)
	wantErr(t, err, store.ErrNotFound)
	wantErr(t, s.MarkWithdrawalReleased(ctx, want.RequestID), store.ErrNotFound)

	got, err := s.SaveWithdrawal(ctx, want)
	must(t, err)
	want.Created = epoch
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
		w := withdrawal(n, chainB)
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
