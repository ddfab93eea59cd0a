package evm_test

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

// copyLanes gives another book the reservations of our payer.
func (k *kit) copyLanes(to *evmtest.Book) {
	k.t.Helper()
	all, err := k.payer.book.Lanes(k.Context(), chainName, k.payer.account.Address.Hex())
	if err != nil || len(all) == 0 {
		k.t.Fatalf("%d reservations: %v", len(all), err)
	}
	for _, r := range all {
		if err := to.PutLane(k.Context(), r); err != nil {
			k.t.Fatal(err)
		}
	}
}

// The store is lost while a funding is on its way. Its lane was reserved again and released; another leg that
// got the same lane and sequence number would find it taken when the funding comes after all.
func TestSafety_D2_RestoredLaneIsGivenToNobody(t *testing.T) {
	for name, backup := range map[string]bool{"from a copy of the terms": false, "from a backup": true} {
		t.Run(name, func(t *testing.T) {
			k, w := newWiredKit(t)
			terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
			account, old := k.payer.account, evmtest.NewBook()
			if backup { // made before the funding was sent
				k.copyLanes(old)
			}
			w.set(func(w *wire) { w.dropTxs = true })
			funding := k.fund("swap", terms).Txs[0]
			w.set(func(w *wire) { w.dropTxs = false })
			k.payer = k.open(account, old)
			for range 2 { // asked again after an interruption
				if err := k.payer.RestoreLane(k.Context(), "swap", terms, 1); err != nil {
					t.Fatal(err)
				}
			}
			most := new(big.Int).Sub(k.Balance(account.Address), evmtest.Ether) // fees and the leg are kept back
			if _, err := k.payer.Reserve(k.Context(), reservation("x", most)); err == nil {
				t.Fatal("the restored reservation keeps no coins")
			}
			if err := k.payer.Release(k.Context(), "swap"); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				k.Commit()
			}
			seen := map[uint64]bool{}
			for i := range k.config().Lanes {
				part, err := k.reserve(string(rune('a' + i)))
				if err != nil || part.Lane == terms.Legs[1].Lane || seen[part.Lane] {
					t.Fatalf("lane %d of a funding that may come is given away, or there is one less: %v", part.Lane, err)
				}
				seen[part.Lane] = true
			}
			var late types.Transaction
			if err := late.UnmarshalBinary(funding.Raw); err != nil {
				t.Fatal(err)
			}
			k.Submit(&late)
			k.Commit()
			if !k.funded(k.payer, terms) {
				t.Fatal("the forgotten funding was expected to come")
			}
		})
	}
}
