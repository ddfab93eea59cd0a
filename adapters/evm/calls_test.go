package evm_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// A stranger with nothing but the Terms redeems and refunds, of coins and of tokens, to the owners' addresses.
func TestCallsWithoutAWallet(t *testing.T) {
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "PlainToken")
	stranger := k.Accounts[3]
	for _, asset := range []htlc.AssetID{nativeAsset, k.asset(0)} {
		redeemed := k.terms("redeemed "+string(asset), 1, asset, evmtest.Ether)
		refunded := k.terms("refunded "+string(asset), 2, asset, evmtest.Ether)
		for owner, terms := range map[string]htlc.Terms{"redeemed ": redeemed, "refunded ": refunded} {
			k.watch(k.payee, terms)
			k.fund(owner+string(asset), terms)
			k.Commit()
		}
		template, err := evm.RedeemTemplate(redeemed, 1)
		if err != nil {
			t.Fatal(err)
		}
		call, err := evm.RedeemCalldata(redeemed, 1, secret(1))
		if err != nil {
			t.Fatal(err)
		}
		raw := secret(1).Reveal()
		if string(append(template.Data, raw[:]...)) != string(call.Data) {
			t.Fatal("the template is not the call without its secret")
		}
		if text := fmt.Sprintf("%x %v %+v", call.Data, call.Data, call); len(text) > 800 {
			t.Fatalf("call data are printed: %d characters", len(text))
		}
		cursor := k.tip(k.payee)
		k.Must(evmtest.Call{From: stranger, To: &call.To, Data: call.Data})
		k.wantFact(cursor, adapters.Redeemed, call.Contract)

		back, err := evm.RefundCalldata(refunded, 1)
		if err != nil {
			t.Fatal(err)
		}
		if now := k.Now(); now < uint64(refunded.Legs[1].TimeLock) {
			k.NextBlockAt(uint64(refunded.Legs[1].TimeLock))
			k.Commit()
		}
		cursor = k.tip(k.payee)
		k.Must(evmtest.Call{From: stranger, To: &back.To, Data: back.Data})
		k.wantFact(cursor, adapters.Refunded, back.Contract)
		read, err := evm.ReadCall(back.Data)
		if err != nil || read.Verb != "refund" || read.To != k.payer.account.Address || read.Amount.Big().Cmp(evmtest.Ether) != 0 {
			t.Fatalf("read %s: %v", read, err)
		}
		if read, err = evm.ReadCall(call.Data); err != nil || read.Verb != "redeem" || read.To != k.payee.account.Address {
			t.Fatalf("read %s: %v", read, err)
		}
	}
}

func (k *kit) wantFact(cursor adapters.BlockRef, kind adapters.FactKind, id common.Hash) {
	k.t.Helper()
	facts := k.next(k.payee, cursor).Facts
	if len(facts) != 1 || facts[0].Kind != kind || facts[0].Contract != id.Hex() {
		k.t.Fatalf("facts %+v, want %s of %s", facts, kind, id)
	}
}

// What the adapter refuses, the functions without a wallet refuse too, and the ids agree.
func TestCallsComeFromTheTerms(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	contract, err := k.payee.Contract(terms, 1)
	if err != nil {
		t.Fatal(err)
	}
	call, err := evm.RefundCalldata(terms, 1)
	if err != nil || call.Contract.Hex() != contract.ID || call.Chain != chainName || call.To != k.htlc {
		t.Fatalf("%+v: %v", call, err)
	}
	if _, err := evm.RedeemCalldata(terms, 1, secret(2)); err == nil {
		t.Error("a secret that does not open it")
	}
	for name, alter := range map[string]func(*htlc.Terms){
		"leg of another family": func(t *htlc.Terms) { t.Legs[1] = t.Legs[0] },
		"another deployment":    func(t *htlc.Terms) { t.Legs[1].Deployment = common.Address{1}.Bytes() },
		"no amount":             func(t *htlc.Terms) { t.Legs[1].Amount = htlc.Amount{} },
		"an asset of no kind":   func(t *htlc.Terms) { t.Legs[1].Asset = htlc.AssetID(chainName) + "/slip44:1" },
		"no legs":               func(t *htlc.Terms) { t.Legs = nil },
	} {
		altered := terms
		altered.Legs = append([]htlc.Leg(nil), terms.Legs...)
		alter(&altered)
		if call, err := evm.RefundCalldata(altered, 1); err == nil {
			t.Errorf("%s: %+v", name, call)
		}
		if call, err := evm.RedeemTemplate(altered, 1); err == nil {
			t.Errorf("%s: %+v", name, call)
		}
	}
}

func FuzzReadCall(f *testing.F) {
	terms := htlc.Terms{
		Hash: htlc.HashSHA256, SecretHash: secret(1).Hash(), Legs: []htlc.Leg{{
			Asset: nativeAsset, Amount: htlc.NewAmount(5), PayerKey: common.Address{1}.Bytes(), PayeeKey: common.Address{2}.Bytes(),
			Deployment: contracts.Address().Bytes(), TimeLock: 9,
		}},
	}
	call, err := evm.RefundCalldata(terms, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(call.Data))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := evm.ReadCall(data)
		if err == nil && (read.Verb != "redeem" && read.Verb != "refund" || len(read.String()) > 500 || read.Amount.Big().Cmp(new(big.Int)) < 0) {
			t.Fatalf("%x is read as %s", data, read)
		}
	})
}
