package evm_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

func tokenInterface(t *testing.T, name string) *abi.ABI {
	t.Helper()
	parsed, err := evmtest.Artifact(t, name).Interface()
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func reservation(owner string, amount *big.Int) adapters.Reservation {
	value, err := htlc.AmountFromBig(amount)
	if err != nil {
		panic(err)
	}
	return adapters.Reservation{Owner: owner, Asset: nativeAsset, Amount: value, Leg: 1}
}

func (k *kit) reserve(owner string) (adapters.PayerPart, error) {
	return k.payer.Reserve(k.Context(), reservation(owner, evmtest.Ether))
}

// Two owners never share a lane or coins; asking again gives the same; what is released is free again.
func TestReservations(t *testing.T) {
	k := newKit(t)
	first, err := k.reserve("a")
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.reserve("a")
	if err != nil || again.Lane != first.Lane || again.Sequence != first.Sequence {
		t.Fatalf("asked again: %+v: %v", again, err)
	}
	_, err = k.payer.Reserve(k.Context(), reservation("a", new(big.Int).Sub(evmtest.Ether, big.NewInt(7))))
	wantReason(t, err, adapters.ErrReserved, "ALREADY_RESERVED")
	_, err = k.payer.Reserve(k.Context(), reservation("dust", big.NewInt(7)))
	wantReason(t, err, adapters.ErrDust, "DUST_AMOUNT")
	second, err := k.reserve("b")
	if err != nil || second.Lane == first.Lane {
		t.Fatalf("second owner: %+v: %v", second, err)
	}
	_, err = k.payer.Reserve(k.Context(), reservation("c", new(big.Int).Mul(big.NewInt(999), evmtest.Ether)))
	wantReason(t, err, adapters.ErrInsufficientFunds, "COINS_RESERVED")
	for _, owner := range []string{"c", "d"} {
		if _, err := k.reserve(owner); err != nil {
			t.Fatal(err)
		}
	}
	_, err = k.reserve("e")
	wantReason(t, err, adapters.ErrReserved, "NO_FREE_LANE")
	if err := k.payer.Adopt(k.Context(), "a", "swap"); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"a", "nobody"} {
		if err := k.payer.Release(k.Context(), owner); err != nil {
			t.Fatal(err)
		}
	}
	_, err = k.reserve("e")
	wantReason(t, err, adapters.ErrReserved, "NO_FREE_LANE")
	if err := k.payer.Release(k.Context(), "swap"); err != nil {
		t.Fatal(err)
	}
	if got, err := k.reserve("e"); err != nil || got.Lane != first.Lane {
		t.Fatalf("released lane: %+v: %v", got, err)
	}
}

// A lane is used again only after its close is buried, at the next sequence.
func TestLaneIsReusedAfterBurial(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	lane := terms.Legs[1].Lane
	k.fund("swap", terms)
	k.Commit()
	if err := k.payer.Release(k.Context(), "swap"); err != nil {
		t.Fatal(err)
	}
	taken := func(owner string) bool {
		part, err := k.reserve(owner)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.payer.Release(k.Context(), owner); err != nil {
			t.Fatal(err)
		}
		return part.Lane != lane
	}
	if !taken("open") {
		t.Fatal("an open lane was given away")
	}
	k.broadcast(k.payee, k.redeem(terms, 1))
	k.Commit()
	for depth := 1; depth < 3; depth++ {
		if !taken("shallow") {
			t.Fatalf("the lane was given away at depth %d", depth)
		}
		// With the store lost, the chain alone says so.
		forgetful := k.open(k.payer.account, evmtest.NewBook())
		part, err := forgetful.Reserve(k.Context(), reservation("x", evmtest.Ether))
		if err != nil || part.Lane == lane {
			t.Fatalf("without a store, at depth %d: %+v: %v", depth, part, err)
		}
		k.Commit()
	}
	part, err := k.reserve("buried")
	if err != nil || part.Lane != lane || part.Sequence != 1 {
		t.Fatalf("buried: %+v: %v", part, err)
	}
}

// A funding that was handed out and released keeps its lane until its nonce is used up and buried; after
// the release it is not broadcast again.
func TestUnfundedReservationWaitsForItsNonce(t *testing.T) {
	k, w := newWiredKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	lane := terms.Legs[1].Lane
	w.set(func(w *wire) { w.dropTxs = true })
	funding := k.fund("swap", terms)
	w.set(func(w *wire) { w.dropTxs = false })
	if err := k.payer.Release(k.Context(), "swap"); err != nil {
		t.Fatal(err)
	}
	err := k.payer.Broadcast(k.Context(), funding.Txs[0])
	wantReason(t, err, adapters.ErrReserved, "NOT_RESERVED")
	for range 5 {
		k.Commit()
	}
	if part, err := k.reserve("b"); err != nil || part.Lane == lane {
		t.Fatalf("given away while the funding may come: %+v: %v", part, err)
	}
	// Its nonce is used up by another transaction of the account.
	k.Must(evmtest.Call{From: k.payer.account, To: &k.Accounts[4].Address, Nonce: &funding.Txs[0].Nonce})
	if part, err := k.reserve("c"); err != nil || part.Lane == lane {
		t.Fatalf("given away before the nonce is buried: %+v: %v", part, err)
	}
	k.Commit()
	k.Commit()
	if part, err := k.reserve("d"); err != nil || part.Lane != lane || part.Sequence != 0 {
		t.Fatalf("after burial: %+v: %v", part, err)
	}
}

// A payee without coins for its redeem is told the amount missing (A13).
func TestSafety_A13_NoCoinsForTheRedeem(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	poor := k.Poor()
	broke := k.open(poor, evmtest.NewBook())
	err := broke.CheckMeans(k.Context(), "swap", terms, 1, false)
	wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
	if want := "missing 2925000000000000 of eip155:1337/slip44:60"; !strings.Contains(err.Error(), want) {
		t.Fatalf("%v does not say %q", err, want)
	}
	if err := k.payee.CheckMeans(k.Context(), "swap", terms, 1, false); err != nil {
		t.Fatal(err)
	}
}
