package evm_test

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// issuer blocks accounts of a token.
func (k *kit) issuer() func(account common.Address, blocked bool) {
	k.t.Helper()
	token := k.tokens[0].Address
	parsed := tokenInterface(k.t, "BlockingToken")
	return func(account common.Address, blocked bool) {
		k.t.Helper()
		data, err := parsed.Pack("setBlocked", account, blocked)
		if err != nil {
			k.t.Fatal(err)
		}
		k.Must(evmtest.Call{From: k.Accounts[3], To: &token, Data: data})
	}
}

// lockedToken is an open contract of the token.
func (k *kit) lockedToken() htlc.Terms {
	k.t.Helper()
	terms := k.terms("token", 1, k.asset(0), evmtest.Ether)
	k.watch(k.payer, terms)
	k.watch(k.payee, terms)
	k.fund("token", terms)
	k.mine(k.payer, adapters.Funded)
	return terms
}

// The issuer blocks the payee, or the deployment, after the lock: the question that the reveal's gate asks says no
// while that lasts, whoever is blocked, and the secret is in no request.
func TestSafety_C3_BlockedPayeeStopsReveal(t *testing.T) {
	k, w := newWiredKit(t, "BlockingToken")
	block := k.issuer()
	terms := k.lockedToken()
	k.simulation(terms, "funded", true)
	for _, account := range []common.Address{k.payee.account.Address, k.htlc} {
		block(account, true)
		k.simulation(terms, "funded", false)
		block(account, false)
		k.simulation(terms, "funded", true)
	}
	if shown(w, 1) {
		t.Fatal("the secret is in a question to the node")
	}
}

// While the token is paused for the deployment, or its funder blocked, a refund is neither signed nor sent: it would
// burn its fee with every block. Asked again with every block, it is paid once that ends.
func TestSafety_C3_RefundRetriedWhilePaused(t *testing.T) {
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "BlockingToken")
	block := k.issuer()
	for _, account := range []common.Address{k.htlc, k.payer.account.Address} {
		terms := k.lockedToken()
		block(account, true)
		k.NextBlockAt(uint64(terms.Legs[1].TimeLock))
		k.Commit()
		before := k.Balance(k.payer.account.Address)
		for range 3 {
			_, err := k.payer.Refund(k.Context(), adapters.Spend{Terms: terms, Leg: 1})
			wantReason(t, err, adapters.ErrUnpayable, "PAYOUT_BLOCKED")
			if !adapters.Retryable(err) {
				t.Fatal("given up")
			}
			k.Commit()
		}
		if k.Balance(k.payer.account.Address).Cmp(before) != 0 {
			t.Fatal("a refund that cannot be paid has cost something")
		}
		block(account, false)
		tx, err := k.payer.Refund(k.Context(), adapters.Spend{Terms: terms, Leg: 1})
		if err != nil {
			t.Fatal(err)
		}
		k.broadcast(k.payer, tx)
		if f := k.mine(k.payer, adapters.Refunded); f.TxID != tx.ID {
			t.Fatalf("fact %+v", f)
		}
		if err := k.payer.Release(k.Context(), "token"); err != nil {
			t.Fatal(err)
		}
	}
}
