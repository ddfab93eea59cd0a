package store_test

import (
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
)

func testRedeemFees(t *testing.T, dsn string) {
	s := open(t, dsn)
	fee := func(owner string, leg int, amount uint64) evm.RedeemReservation {
		return evm.RedeemReservation{
			Chain: chainB, Account: "0xabc", Owner: owner, Leg: leg, Asset: ether, Fee: htlc.NewAmount(amount),
		}
	}
	check := func(want ...evm.RedeemReservation) {
		t.Helper()
		got, err := s.RedeemFees(ctx, chainB, "0xabc")
		must(t, err)
		if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("redeem fees %+v, want %+v", got, want)
		}
	}
	check()
	must(t, s.SetRedeemFee(ctx, fee("a", 1, 7)))
	must(t, s.SetRedeemFee(ctx, fee("a", 0, 5)))
	must(t, s.SetRedeemFee(ctx, fee("b", 0, 3)))
	for i, change := range []func(*evm.RedeemReservation){ // of nobody who is asked for
		func(r *evm.RedeemReservation) { r.Chain = chainA },
		func(r *evm.RedeemReservation) { r.Account = "0xdef" },
	} {
		r := fee("c", i, 9)
		change(&r)
		must(t, s.SetRedeemFee(ctx, r))
	}
	check(fee("a", 0, 5), fee("a", 1, 7), fee("b", 0, 3))
	must(t, s.SetRedeemFee(ctx, fee("a", 1, 8)))
	must(t, s.SetRedeemFee(ctx, fee("a", 1, 8)))
	must(t, s.SetRedeemFee(ctx, fee("a", 0, 0)))
	must(t, s.SetRedeemFee(ctx, fee("a", 0, 0)))
	must(t, s.Close())
	s = open(t, dsn)
	check(fee("a", 1, 8), fee("b", 0, 3))
	other, err := s.RedeemFees(ctx, chainB, "0xdef")
	must(t, err)
	if len(other) != 1 || other[0].Owner != "c" {
		t.Fatalf("redeem fees of another account %+v", other)
	}
	bad := fee("", 0, 1)
	if s.SetRedeemFee(ctx, bad) == nil {
		t.Fatal("a fee of nobody was stored")
	}
}
