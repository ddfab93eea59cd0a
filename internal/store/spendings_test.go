package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
)

func testTokenUse(t *testing.T, dsn string) {
	s := open(t, dsn)
	must(t, s.AddToken(ctx, store.Token{ID: "t1"}))
	must(t, s.AddToken(ctx, store.Token{ID: "t2", Hash: [32]byte{1}}))
	used := func(want time.Time) {
		t.Helper()
		list, err := s.Tokens(ctx)
		must(t, err)
		if !list[0].Used.Equal(want) || !list[1].Used.IsZero() {
			t.Fatalf("used at %v and %v, want %v and never", list[0].Used, list[1].Used, want)
		}
	}
	used(time.Time{})
	wantErr(t, s.TouchToken(ctx, "t9", epoch), store.ErrNotFound)
	for _, step := range []struct{ at, want time.Duration }{
		{0, 0}, {time.Second, 0}, {59 * time.Second, 0}, {time.Minute, time.Minute}, {-time.Hour, time.Minute}, {90 * time.Second, time.Minute},
	} {
		must(t, s.TouchToken(ctx, "t1", epoch.Add(step.at)))
		used(epoch.Add(step.want))
	}
}

const (
	ether = htlc.AssetID("eip155:1337/slip44:60")
	coin  = htlc.AssetID("bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0")
)

func testSpendings(t *testing.T, dsn string) {
	s := open(t, dsn)
	must(t, s.AddToken(ctx, store.Token{ID: "t1"}))
	must(t, s.AddToken(ctx, store.Token{ID: "t2", Hash: [32]byte{1}}))
	spend := func(token string, asset htlc.AssetID, amount uint64, after time.Duration, key string) error {
		return s.Spend(ctx, token, asset, htlc.NewAmount(amount), htlc.NewAmount(100), epoch.Add(after), key)
	}
	refused := func(err error, left uint64, frees time.Duration) {
		t.Helper()
		wantErr(t, err, store.ErrCapExceeded)
		var told *store.CapError
		if !errors.As(err, &told) {
			t.Fatalf("%v says nothing more", err)
		}
		want := epoch.Add(frees)
		if frees < 0 {
			want = time.Time{}
		}
		if told.Remaining != htlc.NewAmount(left) || !told.Frees.Equal(want) || told.PerDay != htlc.NewAmount(100) {
			t.Fatalf("%+v, want %d left and %v", told, left, want)
		}
	}
	const day = 24 * time.Hour
	wantErr(t, spend("t9", ether, 1, 0, "a"), store.ErrNotFound)
	must(t, spend("t1", ether, 60, 0, "a"))
	must(t, spend("t1", ether, 60, time.Hour, "a")) // the same call again
	wantErr(t, spend("t1", ether, 61, time.Hour, "a"), store.ErrRequestReused)
	wantErr(t, spend("t1", coin, 60, time.Hour, "a"), store.ErrRequestReused)
	refused(spend("t1", ether, 41, time.Hour, "b"), 40, day)
	refused(spend("t1", ether, 101, time.Hour, "b"), 40, -1)
	must(t, spend("t1", ether, 40, time.Hour, "b"))
	must(t, spend("t1", ether, 0, time.Hour, "none"))
	must(t, spend("t1", coin, 100, time.Hour, "c"))  // another asset
	must(t, spend("t2", ether, 100, time.Hour, "a")) // another token, with a key of the first
	refused(spend("t1", ether, 1, 2*time.Hour, "d"), 0, day)
	refused(spend("t1", ether, 61, 2*time.Hour, "d"), 0, day+time.Hour) // needs both to be over

	// It outlives the process.
	must(t, s.Close())
	s = open(t, dsn)
	refused(spend("t1", ether, 1, day-time.Microsecond, "d"), 0, day)
	must(t, spend("t1", ether, 60, day, "d"))
	refused(spend("t1", ether, 1, day, "e"), 0, day+time.Hour)

	// What was refused by others after it was counted.
	must(t, s.Unspend(ctx, "t1", "d"))
	must(t, s.Unspend(ctx, "t1", "d"))
	must(t, spend("t1", ether, 59, day, "d"))
	// Of two calls with one key one has paid: the failure of the other one
	// does not take that back.
	must(t, spend("t1", ether, 59, day, "d"))
	must(t, s.Unspend(ctx, "t1", "d"))
	refused(spend("t1", ether, 2, day, "e"), 1, day+time.Hour)
	wantErr(t, s.Unspend(ctx, "t9", "d"), store.ErrNotFound)

	// A cap that was lowered below what is spent.
	lower := s.Spend(ctx, "t1", ether, htlc.NewAmount(1), htlc.NewAmount(10), epoch.Add(day), "e")
	var told *store.CapError
	if !errors.As(lower, &told) || !told.Remaining.IsZero() || !told.Frees.Equal(epoch.Add(2*day)) {
		t.Fatalf("lowered: %v", lower)
	}

	// What is over is gone, also that of other tokens.
	must(t, spend("t1", coin, 1, 3*day, "z"))
	var rows int
	must(t, peek(t, dsn).QueryRow("SELECT count(*) FROM spendings").Scan(&rows))
	if rows != 1 {
		t.Fatalf("%d rows are kept", rows)
	}
}

// testUnspendTogether: calls at one time with one key, of which all but one
// fail, count once.
func testUnspendTogether(t *testing.T, dsn string) {
	s := open(t, dsn)
	must(t, s.AddToken(ctx, store.Token{ID: "t1"}))
	const calls = 16
	errs := make(chan error, calls)
	for n := range calls {
		go func() {
			err := s.Spend(ctx, "t1", ether, htlc.NewAmount(100), htlc.NewAmount(100), epoch, "k")
			if err == nil && n > 0 {
				err = s.Unspend(ctx, "t1", "k")
			}
			errs <- err
		}()
	}
	for range calls {
		must(t, <-errs)
	}
	wantErr(t, s.Spend(ctx, "t1", ether, htlc.NewAmount(1), htlc.NewAmount(100), epoch, "other"), store.ErrCapExceeded)
	must(t, s.Unspend(ctx, "t1", "k"))
	must(t, s.Spend(ctx, "t1", ether, htlc.NewAmount(100), htlc.NewAmount(100), epoch, "other"))
}

// testSpendingsTogether: calls at one time do not pass a cap together that
// they would not pass one after the other.
func testSpendingsTogether(t *testing.T, dsn string) {
	s := open(t, dsn)
	must(t, s.AddToken(ctx, store.Token{ID: "t1"}))
	const calls = 24
	errs := make(chan error, 2*calls)
	for n := range calls {
		for range 2 { // each call twice, as after a lost answer
			go func() {
				errs <- s.Spend(ctx, "t1", ether, htlc.NewAmount(10), htlc.NewAmount(100), epoch, fmt.Sprint(n))
			}()
		}
	}
	for range 2 * calls {
		if err := <-errs; err != nil {
			wantErr(t, err, store.ErrCapExceeded)
		}
	}
	var rows int
	must(t, peek(t, dsn).QueryRow("SELECT count(*) FROM spendings").Scan(&rows))
	if rows != 10 {
		t.Fatalf("%d of 10 calls have passed", rows)
	}
}
