package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
)

func testPayouts(t *testing.T, dsn string) {
	s := open(t, dsn)
	first := store.Payout{Account: "eip155:1337:0xaa", AddedBy: "t1", Added: epoch, Usable: epoch.Add(time.Hour)}
	later := store.Payout{Account: first.Account, AddedBy: "t2", Added: epoch.Add(time.Minute), Usable: epoch.Add(2 * time.Minute)}
	for _, p := range []store.Payout{first, later} { // the first counts, which waits longer
		got, err := s.AddPayout(ctx, p)
		must(t, err)
		if got.AddedBy != "t1" || !got.Usable.Equal(first.Usable) || !got.Added.Equal(epoch) {
			t.Fatalf("%+v", got)
		}
	}
	list, err := s.Payouts(ctx)
	must(t, err)
	if len(list) != 1 || list[0].Account != first.Account {
		t.Fatalf("%+v", list)
	}
	must(t, s.RemovePayout(ctx, first.Account))
	wantErr(t, s.RemovePayout(ctx, first.Account), store.ErrNotFound)
	again, err := s.AddPayout(ctx, later)
	must(t, err)
	if !again.Usable.Equal(later.Usable) {
		t.Fatalf("%+v", again)
	}
}

func testOutflows(t *testing.T, dsn string) {
	s := open(t, dsn)
	take := func(asset htlc.AssetID, amount uint64, after time.Duration, key string) error {
		return s.TakeOutflow(ctx, asset, htlc.NewAmount(amount), htlc.NewAmount(100), epoch.Add(after), key)
	}
	left := func(want string, since time.Duration) {
		t.Helper()
		got, err := s.Outflow(ctx, ether, epoch.Add(since))
		must(t, err)
		if got.String() != want {
			t.Fatalf("%s has left, want %s", got, want)
		}
	}
	must(t, take(ether, 60, 0, "a"))
	must(t, take(ether, 60, time.Minute, "a")) // the same call
	wantErr(t, take(ether, 61, time.Minute, "a"), store.ErrRequestReused)
	must(t, take(coin, 100, 0, "b"))
	left("60", -time.Hour)
	err := take(ether, 41, time.Hour, "c")
	var over *store.CapError
	if !errors.As(err, &over) || over.Remaining.String() != "40" || !over.Frees.Equal(epoch.Add(24*time.Hour)) {
		t.Fatalf("%v", err)
	}
	must(t, s.GiveBackOutflow(ctx, "a")) // one of two calls
	wantErr(t, take(ether, 41, time.Hour, "c"), store.ErrCapExceeded)
	must(t, s.GiveBackOutflow(ctx, "a"))
	must(t, s.GiveBackOutflow(ctx, "unknown"))
	must(t, take(ether, 41, time.Hour, "c"))
	wantErr(t, take(ether, 60, 24*time.Hour, "d"), store.ErrCapExceeded)
	must(t, take(ether, 60, 25*time.Hour, "d"))
	left("60", 24*time.Hour)
}
