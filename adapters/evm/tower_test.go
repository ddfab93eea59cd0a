package evm_test

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// stranger is a node with coins for gas that has no part in any swap.
func (k *kit) stranger() *party { return k.open(k.Accounts[3], evmtest.NewBook()) }

func (k *kit) wantLocked(p *party, target string, want bool) {
	k.t.Helper()
	if got, err := p.Locked(k.Context(), target); err != nil || got != want {
		k.t.Fatalf("locked %v, %v; want %v", got, err, want)
	}
}

func (k *kit) signs(p *party) adapters.Signs {
	k.t.Helper()
	s, err := p.Signs(k.Context(), k.tip(p))
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

func (k *kit) errand(e evm.Errand, err error) evm.Errand {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
	return e
}

var relayFees = adapters.FeePolicy{Budget: htlc.NewAmount(1e17)}

// The stranger's gas pays the payee.
func TestRelayedRedeem(t *testing.T) {
	k := newKit(t)
	tower := k.stranger()
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(k.payee, terms)
	e := k.errand(k.payee.RedeemErrand(terms, 1))
	k.wantLocked(tower, e.Target, false)
	k.fund("swap", terms)
	contract := k.mine(k.payee, adapters.Funded).Contract
	k.wantLocked(tower, e.Target, true)
	if s := k.signs(tower); !slices.Equal(s.Fundings, []string{contract}) || len(s.Secrets) != 0 {
		t.Fatalf("signs of the funding: %+v", s)
	}
	if _, err := tower.Relay(k.Context(), e, secret(2), relayFees, nil); !errors.Is(err, adapters.ErrMismatch) {
		t.Fatalf("another secret: %v", err)
	}
	before := k.Balance(k.payee.account.Address)
	tx, err := tower.Relay(k.Context(), e, secret(1), relayFees, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(tower, tx)
	again, err := tower.Relay(k.Context(), e, secret(1), relayFees, &tx)
	if err != nil || again.ID != tx.ID {
		t.Fatalf("asked again at the same price: %s, %v; want %s", again.ID, err, tx.ID)
	}
	k.mine(k.payee, adapters.Redeemed)
	if got := new(big.Int).Sub(k.Balance(k.payee.account.Address), before); got.Cmp(evmtest.Ether) != 0 {
		t.Fatalf("the payee has %s more", got)
	}
	if s := k.signs(tower); len(s.Secrets) != 1 || !s.Secrets[0].Equal(secret(1)) {
		t.Fatalf("signs of the redeem: %+v", s)
	}
	k.wantLocked(tower, e.Target, false)
	if _, err := tower.Relay(k.Context(), e, secret(1), relayFees, nil); !errors.Is(err, adapters.ErrSpent) {
		t.Fatalf("relayed twice: %v", err)
	}
}

func TestRelayedRefund(t *testing.T) {
	k := newKit(t)
	tower := k.stranger()
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(k.payee, terms)
	k.fund("swap", terms)
	k.mine(k.payee, adapters.Funded)
	e := k.errand(k.payer.RefundErrand(terms, 1))
	if _, err := tower.Relay(k.Context(), e, htlc.Secret{}, relayFees, nil); !errors.Is(err, adapters.ErrRejected) {
		t.Fatalf("before the time lock: %v", err)
	}
	k.NextBlockAt(uint64(terms.Legs[1].TimeLock) + 1)
	k.Commit()
	before := k.Balance(k.payer.account.Address)
	tx, err := tower.Relay(k.Context(), e, htlc.Secret{}, relayFees, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(tower, tx)
	k.Commit()
	if got := new(big.Int).Sub(k.Balance(k.payer.account.Address), before); got.Cmp(evmtest.Ether) != 0 {
		t.Fatalf("the payer has %s more", got)
	}
}

// A tower's account does nothing for strangers but redeem and refund.
func TestRelayDoesNothingElse(t *testing.T) {
	k := newKit(t)
	tower := k.stranger()
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	other := k.terms("other", 2, nativeAsset, evmtest.Ether)
	funding := k.signFunding(k.payer, "swap", terms)
	k.fund("other", other)
	k.Commit()
	good := k.errand(k.payer.RefundErrand(terms, 1))
	foreign := k.errand(k.payer.RefundErrand(other, 1))
	lock := new(types.Transaction)
	if err := lock.UnmarshalBinary(funding.Txs[funding.Lock].Raw); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]evm.Errand{
		"nothing":          {Target: good.Target},
		"short":            {Target: good.Target, Call: good.Call[:len(good.Call)-1]},
		"a funding":        {Target: good.Target, Call: lock.Data()},
		"another contract": {Target: good.Target, Call: foreign.Call},
		"another target":   {Target: strings.Repeat("0", 133), Call: good.Call},
		"long":             {Target: good.Target, Call: append(bytes.Clone(good.Call), bytes.Repeat([]byte{1}, 32)...)},
	} {
		if _, err := tower.Relay(k.Context(), e, secret(1), relayFees, nil); err == nil {
			t.Errorf("%s: relayed", name)
		}
	}
	for _, target := range []string{"", "0x", good.Target[:132], good.Target + "0", strings.ToUpper(good.Target)} {
		if _, err := tower.Locked(k.Context(), target); !errors.Is(err, adapters.ErrMismatch) {
			t.Errorf("target %q: %v", target, err)
		}
	}
}
