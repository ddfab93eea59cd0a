package store_test

import (
	"crypto/sha256"
	"reflect"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
)

func testRequests(t *testing.T, dsn string) {
	s := open(t, dsn)
	key, digest := store.RequestKey{Caller: "tok", ID: "r1"}, sha256.Sum256([]byte("a"))
	begin := func(key store.RequestKey, method string, digest [32]byte) (store.RequestState, string, error) {
		state, response, err := s.BeginRequest(ctx, key, method, digest)
		return state, string(response), err
	}
	expect := func(want store.RequestState, response string) {
		t.Helper()
		state, got, err := begin(key, "Offer", digest)
		must(t, err)
		if state != want || got != response {
			t.Fatalf("state %d with %q, want %d with %q", state, got, want, response)
		}
	}
	wantErr(t, s.FinishRequest(ctx, key, []byte("x")), store.ErrNotFound)
	expect(store.RequestNew, "")
	expect(store.RequestUnfinished, "")
	_, _, err := begin(key, "Accept", digest)
	wantErr(t, err, store.ErrRequestReused)
	_, _, err = begin(key, "Offer", sha256.Sum256([]byte("b")))
	wantErr(t, err, store.ErrRequestReused)
	other := store.RequestKey{Caller: "other", ID: "r1"}
	if state, _, err := begin(other, "Accept", digest); err != nil || state != store.RequestNew {
		t.Fatalf("another caller's request: %d, %v", state, err)
	}
	must(t, s.FinishRequest(ctx, key, []byte("answer")))
	must(t, s.FinishRequest(ctx, key, []byte("answer")))
	wantErr(t, s.FinishRequest(ctx, key, []byte("other")), store.ErrConflict)
	expect(store.RequestDone, "answer")
	must(t, s.ForgetRequest(ctx, key)) // a finished one stays
	expect(store.RequestDone, "answer")
	must(t, s.ForgetRequest(ctx, other))
	if state, _, err := begin(other, "Accept", digest); err != nil || state != store.RequestNew {
		t.Fatalf("a forgotten request: %d, %v", state, err)
	}
	if n, err := s.ExpireRequests(ctx, epoch); err != nil || n != 0 {
		t.Fatalf("expired %d, %v", n, err)
	}
	if n, err := s.ExpireRequests(ctx, epoch.Add(time.Second)); err != nil || n != 2 {
		t.Fatalf("expired %d, %v", n, err)
	}
	expect(store.RequestNew, "")
}

func testTokens(t *testing.T, dsn string) {
	s := open(t, dsn)
	full := store.Token{
		ID: "t1", Hash: sha256.Sum256([]byte("1")), Name: "desk", Scopes: []string{"read", "trade"},
		Caps:    map[htlc.AssetID]htlc.Amount{"eip155:1337/slip44:60": htlc.NewAmount(5)},
		PerDay:  map[htlc.AssetID]htlc.Amount{"eip155:1337/slip44:60": htlc.NewAmount(9)},
		Payouts: []string{"eip155:1337:0xabc"}, Created: epoch, Expires: epoch.Add(time.Hour),
	}
	plain := store.Token{ID: "t2", Hash: sha256.Sum256([]byte("2")), Created: epoch}
	must(t, s.AddToken(ctx, full))
	must(t, s.AddToken(ctx, plain))
	wantErr(t, s.AddToken(ctx, full), store.ErrConflict)
	twice := store.Token{ID: "t3", Hash: full.Hash}
	wantErr(t, s.AddToken(ctx, twice), store.ErrConflict)
	for _, want := range []store.Token{full, plain} {
		got, err := s.TokenByHash(ctx, want.Hash)
		must(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("read %+v, want %+v", got, want)
		}
	}
	_, err := s.TokenByHash(ctx, [32]byte{})
	wantErr(t, err, store.ErrNotFound)
	if !full.Valid(epoch) || full.Valid(epoch.Add(time.Hour)) || !plain.Valid(epoch.Add(1e6*time.Hour)) {
		t.Fatal("expiry is judged wrongly")
	}
	must(t, s.RevokeToken(ctx, "t1"))
	must(t, s.RevokeToken(ctx, "t1"))
	wantErr(t, s.RevokeToken(ctx, "t9"), store.ErrNotFound)
	list, err := s.Tokens(ctx)
	must(t, err)
	if len(list) != 2 || list[0].Valid(epoch) || !list[1].Valid(epoch) {
		t.Fatalf("tokens %+v", list)
	}
}
