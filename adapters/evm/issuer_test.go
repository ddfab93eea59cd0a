package evm_test

import (
	"math/big"
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

// The issuer blocks the payee while its redeem, with a secret that is out, waits for a block. That one try burns its
// fee; after it the redeem is rehearsed with every block, after a restart too, and sent again once it would go
// through. Nothing holds the first try back.
func TestSafety_C3_BlockedRedeemBurnsOneFee(t *testing.T) {
	for name, raised := range map[string]bool{"as signed": false, "raised by another": true} {
		t.Run(name, func(t *testing.T) {
			k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "BlockingToken")
			block := k.issuer()
			terms := k.lockedToken()
			block(k.payee.account.Address, true)
			spend := adapters.Spend{Terms: terms, Leg: 1, Secret: secret(1), Fees: adapters.FeePolicy{Must: true}}
			first, err := k.payee.Redeem(k.Context(), spend)
			if err != nil {
				t.Fatalf("the first try is held back: %v", err)
			}
			last := first.Nonce
			if raised {
				last = k.pushed(k.payee, first)
			} else {
				k.broadcast(k.payee, first)
			}
			k.mined(k.payee, last)
			spend.Replace = &first
			burnt := k.Balance(k.payee.account.Address)
			for i := range 4 {
				if i == 2 {
					k.payee = k.open(k.payee.account, k.payee.book)
				}
				_, err := k.payee.Redeem(k.Context(), spend)
				wantReason(t, err, adapters.ErrUnpayable, "PAYOUT_BLOCKED")
				if !adapters.Retryable(err) {
					t.Fatal("given up")
				}
				k.Commit()
			}
			if k.Balance(k.payee.account.Address).Cmp(burnt) != 0 {
				t.Fatal("a redeem that cannot be paid has cost something again")
			}
			block(k.payee.account.Address, false)
			again, err := k.payee.Redeem(k.Context(), spend)
			if err != nil {
				t.Fatal(err)
			}
			k.broadcast(k.payee, again)
			k.mined(k.payee, again.Nonce)
			if k.funded(k.payee, terms) {
				t.Fatal("not redeemed once it could be paid")
			}
		})
	}
}

// pushed hands over what is too cheap by now, and something dearer behind it that has it raised, and returns the nonce of that.
func (k *kit) pushed(p *party, waits adapters.Tx) uint64 {
	k.t.Helper()
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(waits.FeeRate)))
	k.broadcast(p, waits)
	pay := k.withdraw(p, 1)
	k.broadcast(p, pay)
	owners, err := p.book.Announced(k.Context(), chainName, p.account.Address.Hex(), waits.Nonce)
	if err != nil || len(owners) < 2 || owners[0].ID == waits.ID {
		k.t.Fatalf("it was not raised: %+v, %v", owners, err)
	}
	return pay.Nonce
}
