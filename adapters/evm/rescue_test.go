package evm_test

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// typed is what an explorer shows of the chain now.
func (k *kit) typed(p *party, slot common.Hash) evm.TypedState {
	k.t.Helper()
	held, err := k.Client.StorageAt(k.Context(), contracts.Address(), slot, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	nonce, err := k.Client.NonceAt(k.Context(), p.account.Address, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return evm.TypedState{
		ChainID: k.ID.Uint64(), Slot: common.BytesToHash(held), Nonce: nonce, BaseFee: k.baseFee(), Tip: gwei(1),
	}
}

// submitRefund signs the refund from typed facts and mines it.
func (k *kit) submitRefund(o *evm.Offline, p *party, terms htlc.Terms, slot common.Hash) {
	k.t.Helper()
	tx, err := o.Refund(terms, 1, k.typed(p, slot))
	if err != nil {
		k.t.Fatal(err)
	}
	var parsed types.Transaction
	if err := parsed.UnmarshalBinary(tx.Raw); err != nil {
		k.t.Fatal(err)
	}
	k.Submit(&parsed)
	k.mined(p, tx.Nonce)
}

// A refund that is made offline spends the lock once the time lock is open. Before, the chain takes it as well,
// charges for it and leaves the lock: who hands it over has to look at the chain's clock.
func TestOfflineRefund(t *testing.T) {
	for name, token := range map[string]int{"native": -1, "token": 0} {
		t.Run(name, func(t *testing.T) {
			k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "PlainToken")
			terms := k.terms("swap", 1, k.asset(token), evmtest.Ether)
			k.fund("swap", terms)
			k.Commit()
			offline, err := evm.NewOffline(terms.Legs[1], evmtest.Signer{Account: k.payer.account})
			if err != nil {
				t.Fatal(err)
			}
			sheet, err := offline.Sheet(terms, 1)
			if err != nil {
				t.Fatal(err)
			}
			slot := common.HexToHash(sheet.Slot)
			before := k.Balance(k.payer.account.Address)
			k.submitRefund(offline, k.payer, terms, slot)
			if !k.funded(k.payer, terms) || k.Balance(k.payer.account.Address).Cmp(before) >= 0 {
				t.Fatal("a refund before the time lock is expected to cost its fee and to do nothing")
			}
			k.NextBlockAt(uint64(terms.Legs[1].TimeLock))
			k.submitRefund(offline, k.payer, terms, slot)
			if k.funded(k.payer, terms) {
				t.Fatal("the lock is not spent")
			}
			if _, err := offline.Refund(terms, 1, k.typed(k.payer, slot)); err == nil {
				t.Fatal("a spent contract is refunded again")
			}
			if k.typed(k.payer, slot).Slot.Big().Uint64() != terms.Legs[1].Sequence+1 {
				t.Fatal("the lane does not show its next sequence number")
			}
		})
	}
}
