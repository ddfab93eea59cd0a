package store_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
)

func testNonceOwners(t *testing.T, dsn string) {
	s := open(t, dsn)
	tx := func(id string, nonce uint64, replaces string) adapters.Tx {
		out := journalTx(id, htlc.PurposeFund, 0, 0).Tx
		out.Nonce, out.Replaces = nonce, replaces
		return out
	}
	first, second := tx("a", 5, ""), tx("b", 6, "")
	must(t, s.Announce(ctx, second))
	must(t, s.Announce(ctx, first))
	must(t, s.Announce(ctx, first))
	wantErr(t, s.Announce(ctx, tx("c", 5, "")), evm.ErrNonceTaken)
	wantErr(t, s.Announce(ctx, tx("c", 5, "b")), evm.ErrNonceTaken)
	faster := tx("c", 5, "a")
	must(t, s.Announce(ctx, faster))
	must(t, s.Announce(ctx, faster))
	wantErr(t, s.Announce(ctx, first), evm.ErrNonceTaken)
	got, err := s.Announced(ctx, chainB, "0xabc", 0)
	must(t, err)
	if want := []adapters.Tx{faster, second}; !reflect.DeepEqual(got, want) {
		t.Fatalf("announced %+v", got)
	}
	if got, err = s.Announced(ctx, chainB, "0xabc", 6); err != nil || len(got) != 1 {
		t.Fatalf("announced from 6: %+v, %v", got, err)
	}
	if got, err = s.Announced(ctx, chainA, "0xabc", 0); err != nil || len(got) != 0 {
		t.Fatalf("announced on another chain: %+v, %v", got, err)
	}
	wantErr(t, s.Announce(ctx, tx("d", math.MaxUint64, "")), store.ErrRange)
	// Rivals for one nonce.
	const rivals = 8
	errs := make(chan error, rivals)
	for n := range rivals {
		go func() { errs <- s.Announce(ctx, tx(string(rune('k'+n)), 9, "")) }()
	}
	won := 0
	for range rivals {
		if err := <-errs; err == nil {
			won++
		} else {
			wantErr(t, err, evm.ErrNonceTaken)
		}
	}
	if won != 1 {
		t.Fatalf("%d transactions own one nonce", won)
	}
}

func testLanes(t *testing.T, dsn string) {
	s := open(t, dsn)
	lane := func(n uint64) evm.LaneReservation {
		return evm.LaneReservation{
			Chain: chainB, Account: "0xabc", Lane: n, Sequence: 4, Owner: "offer", Leg: 1,
			Asset: "eip155:1337/slip44:60", Amount: htlc.NewAmount(7), Fees: htlc.NewAmount(3), NotAfter: 1_900_000_600,
		}
	}
	must(t, s.PutLane(ctx, lane(2)))
	must(t, s.PutLane(ctx, lane(0)))
	changed := lane(2)
	changed.Owner, changed.Announced, changed.FundNonce, changed.Released, changed.NotAfter = "swap", true, 8, true, 0
	must(t, s.PutLane(ctx, changed))
	got, err := s.Lanes(ctx, chainB, "0xabc")
	must(t, err)
	if want := []evm.LaneReservation{lane(0), changed}; !reflect.DeepEqual(got, want) {
		t.Fatalf("lanes %+v", got)
	}
	must(t, s.DeleteLane(ctx, chainB, "0xabc", 0))
	must(t, s.DeleteLane(ctx, chainB, "0xabc", 0))
	if got, err = s.Lanes(ctx, chainB, "0xabc"); err != nil || len(got) != 1 {
		t.Fatalf("lanes %+v, %v", got, err)
	}
	if got, err = s.Lanes(ctx, chainB, "0xdef"); err != nil || len(got) != 0 {
		t.Fatalf("lanes of another account %+v, %v", got, err)
	}
	far := lane(1)
	far.Sequence = math.MaxUint64
	wantErr(t, s.PutLane(ctx, far), store.ErrRange)
}
