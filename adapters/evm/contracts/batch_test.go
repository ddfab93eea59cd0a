package contracts_test

import (
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

func callTo(to common.Address, data []byte) ethereum.CallMsg {
	return ethereum.CallMsg{To: &to, Data: data}
}

const itemGas = 300_000

// A token that calls back while it delivers cannot have one delivery counted by two fundings.
func TestSafety_C4_ReentrantToken_Fund(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	token := r.Deploy("HookToken")
	r.prepareToken(token)
	// The nested funding's sender is the token: let it own tokens and approve.
	token.Must(r.funder, "mint", token.Address, new(big.Int).Mul(big.NewInt(9), evmtest.Ether))
	token.Must(r.funder, "approveFrom", token.Address, r.htlc, infinite())
	outer := r.tokenLeg(token, 1)
	nested := htlcABI.PackFundToken(9, 0, r.stranger.Address, common.Address{}, token.Address, outer.Amount, sum(nil), outer.TimeLock)
	held := token.Uint("balanceOf", r.htlc)
	token.Must(r.funder, "setHook", r.htlc, nested, true)
	r.mustRevert(r.fund(outer, hashOf(secretOf(1))))
	if token.Uint("balanceOf", r.htlc).Cmp(held) != 0 {
		t.Fatal("a funding without a delivery of its own was counted")
	}
	r.wantSequence(outer, 0)
	// With a real delivery the outer one stands, the nested one does not.
	token.Must(r.funder, "setHook", r.htlc, nested, false)
	r.mustSucceed(r.fund(outer, hashOf(secretOf(1))))
	if token.Bool("nestedSucceeded") {
		t.Fatal("the nested funding succeeded")
	}
	if got := new(big.Int).Sub(token.Uint("balanceOf", r.htlc), held); got.Cmp(outer.Amount) != 0 {
		t.Fatalf("deployment received %s", got)
	}
}

// A token that redeems again while it pays is paid once.
func TestSafety_C4_ReentrantToken_Redeem(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	token := r.Deploy("HookToken")
	r.prepareToken(token)
	secret := secretOf(1)
	leg := r.tokenLeg(token, 1)
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	held := token.Uint("balanceOf", r.htlc)
	token.Must(r.funder, "setHook", r.htlc, htlcABI.PackRedeem(leg, secret), false)
	r.mustSucceed(r.redeem(r.payee, leg, secret))
	if token.Bool("nestedSucceeded") {
		t.Fatal("redeemed twice")
	}
	if got := new(big.Int).Sub(held, token.Uint("balanceOf", r.htlc)); got.Cmp(leg.Amount) != 0 {
		t.Fatalf("deployment paid %s", got)
	}
	r.wantSequence(leg, 1)
}

// A payee that redeems again while it is paid is paid once, alone and in a batch, by redeem and by
// redeemMany; the same for refunds.
func TestSafety_C4_ReentrantPayee(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	account := r.Deploy("ReenteringAccount")
	lane := uint64(0)
	fresh := func() bindings.HtlcLeg {
		leg := r.leg(0)
		lane++
		leg.Lane, leg.Payee, leg.RefundTo, leg.TimeLock = lane, account.Address, account.Address, 1
		r.mustSucceed(r.fund(leg, hashOf(secret)))
		return leg
	}
	// Coins of others, which a second payment would take.
	other := r.leg(0)
	other.Lane = 99
	r.mustSucceed(r.fund(other, hashOf(secretOf(9))))

	redemptions := func(leg bindings.HtlcLeg) []byte {
		return htlcABI.PackRedeemMany([]bindings.HtlcRedemption{{Leg: leg, Secret: secret}}, big.NewInt(itemGas))
	}
	reclaims := func(leg bindings.HtlcLeg) []byte {
		return htlcABI.PackRefundMany([]bindings.HtlcReclaim{{Leg: leg, SecretHash: hashOf(secret)}}, big.NewInt(itemGas))
	}
	redeem := func(leg bindings.HtlcLeg) []byte { return htlcABI.PackRedeem(leg, secret) }
	refund := func(leg bindings.HtlcLeg) []byte { return htlcABI.PackRefund(leg, hashOf(secret)) }
	ways := []func(bindings.HtlcLeg) []byte{redeem, refund, redemptions, reclaims}
	for _, outer := range ways {
		for _, nested := range ways {
			leg := fresh()
			account.Must(r.stranger, "setHook", r.htlc, nested(leg))
			before := r.Balance(account.Address)
			r.Must(evmtest.Call{From: r.stranger, To: &r.htlc, Data: outer(leg)})
			r.wantBalance(account.Address, before, leg.Amount)
			r.wantSequence(leg, 1)
		}
	}
	if r.Balance(r.htlc).Cmp(other.Amount) != 0 {
		t.Fatalf("deployment holds %s, owes %s", r.Balance(r.htlc), other.Amount)
	}
}

// Bad members of a batch are skipped alone: a wrong secret, one redeemed before, a member twice, a payee
// that refuses, one that burns its gas, one that returns a bomb, a blocked token. Those who share a payee
// that refuses stay open together; those who share one that takes coins do not suffer from each other.
func TestSafety_C10_BadMembersOfABatch(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	token := r.Deploy("BlockingToken")
	r.prepareToken(token)
	token.Must(r.funder, "setBlocked", r.stranger.Address, true)
	refusing := r.Deploy("RefusingAccount")
	bad := map[int]func(*bindings.HtlcLeg){
		3: func(l *bindings.HtlcLeg) { l.Payee = refusing.Address },
		4: func(l *bindings.HtlcLeg) { l.Payee = refusing.Address },
		7: func(l *bindings.HtlcLeg) { l.Payee = r.Deploy("BurningAccount").Address },
		9: func(l *bindings.HtlcLeg) { l.Payee = r.Deploy("BombAccount").Address },
		12: func(l *bindings.HtlcLeg) {
			l.Token, l.Payee = token.Address, r.stranger.Address
		},
	}
	items := make([]bindings.HtlcRedemption, 20)
	for n := range items {
		leg := r.leg(0)
		leg.Lane = uint64(n)
		if spoil := bad[n]; spoil != nil {
			spoil(&leg)
		}
		items[n] = bindings.HtlcRedemption{Leg: leg, Secret: secretOf(byte(n))}
		r.mustSucceed(r.fund(leg, hashOf(items[n].Secret)))
	}
	r.mustSucceed(r.redeem(r.stranger, items[1].Leg, items[1].Secret))
	items[15].Secret = secretOf(200)
	items = append(items, items[17])

	before := r.Balance(r.payee.Address)
	data := htlcABI.PackRedeemMany(items, big.NewInt(itemGas))
	receipt := r.Must(evmtest.Call{From: r.stranger, To: &r.htlc, Data: data})
	if got := len(r.logs(receipt)); got != 13 {
		t.Fatalf("%d redeemed, want 13", got)
	}
	for n, item := range items[:20] {
		open := r.slot(item.Leg.Funder, item.Leg.Lane).Bit(255) == 1
		if want := bad[n] != nil || n == 15; open != want {
			t.Errorf("member %d: open %t, want %t", n, open, want)
		}
	}
	r.wantBalance(r.payee.Address, before, new(big.Int).Mul(items[0].Leg.Amount, big.NewInt(13)))

	// The refusing payee takes its coins later, both contracts at once, with a batch of nothing before it.
	refusing.Must(r.stranger, "setAccepting", true)
	again := htlcABI.PackRedeemMany([]bindings.HtlcRedemption{items[0], items[3], items[4], items[5]}, big.NewInt(itemGas))
	if got := len(r.logs(r.Must(evmtest.Call{From: r.stranger, To: &r.htlc, Data: again}))); got != 2 {
		t.Fatalf("%d redeemed, want 2", got)
	}
	r.wantBalance(refusing.Address, new(big.Int), new(big.Int).Mul(items[3].Leg.Amount, big.NewInt(2)))

	// The rest is refunded in one batch, after the time lock, the blocked token included.
	reclaims, latest := make([]bindings.HtlcReclaim, 0, 20), uint64(0)
	for n, item := range items[:20] {
		latest = max(latest, item.Leg.TimeLock)
		reclaims = append(reclaims, bindings.HtlcReclaim{Leg: item.Leg, SecretHash: hashOf(secretOf(byte(n)))})
	}
	data = htlcABI.PackRefundMany(reclaims, big.NewInt(itemGas))
	early := r.Must(evmtest.Call{From: r.stranger, To: &r.htlc, Data: data})
	if len(r.logs(early)) != 0 {
		t.Fatal("refunded before the time lock")
	}
	r.NextBlockAt(latest)
	late := r.Must(evmtest.Call{From: r.stranger, To: &r.htlc, Data: data})
	if got := len(r.logs(late)); got != 4 {
		t.Fatalf("%d refunded, want 4", got)
	}
	if r.Balance(r.htlc).Sign() != 0 {
		t.Fatal("coins left behind")
	}
}

// A payee that does anything it likes while a batch pays it, and then refuses, has changed nothing.
func TestSafety_C10_RefusalAfterReentry(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	account := r.Deploy("SpitefulAccount")
	legs := make([]bindings.HtlcLeg, 3)
	for n := range legs {
		legs[n] = r.leg(0)
		legs[n].Lane, legs[n].Payee = uint64(n), account.Address
		r.mustSucceed(r.fund(legs[n], hashOf(secretOf(byte(n)))))
	}
	account.Must(r.stranger, "setHook", r.htlc, htlcABI.PackRedeem(legs[2], secretOf(2)))
	batch := htlcABI.PackRedeemMany([]bindings.HtlcRedemption{
		{Leg: legs[0], Secret: secretOf(0)}, {Leg: legs[1], Secret: secretOf(1)},
	}, big.NewInt(itemGas))
	if got := len(r.logs(r.Must(evmtest.Call{From: r.stranger, To: &r.htlc, Data: batch}))); got != 0 {
		t.Fatalf("%d redeemed, want none", got)
	}
	for _, leg := range legs {
		if r.slot(leg.Funder, leg.Lane).Bit(255) != 1 {
			t.Errorf("lane %d is not open", leg.Lane)
		}
	}
	if want := new(big.Int).Mul(legs[0].Amount, big.NewInt(3)); r.Balance(r.htlc).Cmp(want) != 0 {
		t.Fatalf("deployment holds %s, owes %s", r.Balance(r.htlc), want)
	}
}

// fundMany skips what it cannot lock and returns those coins.
func TestFundMany(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	var items []bindings.HtlcFunding
	for _, lane := range []uint64{1, 2, 2, 3} {
		items = append(items, bindings.HtlcFunding{
			Lane: lane, Payee: r.payee.Address, Amount: big.NewInt(1000), SecretHash: hashOf(secretOf(1)), TimeLock: 1,
		})
	}
	items[3].Sequence = 5
	greedy := items[0]
	greedy.Lane, greedy.Amount = 4, big.NewInt(1_000_000)
	items = append(items, greedy)
	receipt := r.Must(evmtest.Call{
		From: r.funder, To: &r.htlc, Value: big.NewInt(10_000), Data: htlcABI.PackFundMany(items),
	})
	if got := len(r.logs(receipt)); got != 2 {
		t.Fatalf("%d funded, want 2", got)
	}
	if r.Balance(r.htlc).Cmp(big.NewInt(2000)) != 0 {
		t.Fatalf("deployment holds %s", r.Balance(r.htlc))
	}
	for _, lane := range []uint64{1, 2} {
		leg := bindings.HtlcLeg{
			Funder: r.funder.Address, Lane: lane, Payee: r.payee.Address, Amount: big.NewInt(1000), TimeLock: 1,
		}
		r.mustSucceed(r.redeem(r.stranger, leg, secretOf(1)))
	}
}

// The proxy, its deployer and the deployment are where the constants say; the code has the pinned hash.
func TestDeploymentIsPinned(t *testing.T) {
	var tx types.Transaction
	if err := tx.UnmarshalBinary(contracts.ProxyTransaction); err != nil {
		t.Fatal(err)
	}
	signer, err := types.Sender(types.HomesteadSigner{}, &tx)
	if err != nil || signer != contracts.ProxyDeployer {
		t.Fatalf("signed by %s: %v", signer, err)
	}
	// A change of these is a new deployment, for all chains and all peers.
	if got, want := contracts.Address().Hex(), "0xe267F1790294E6b29aDE160232526aAE13B71150"; got != want {
		t.Errorf("the deployment moved to %s from %s", got, want)
	}
	if got, want := contracts.RuntimeHash(big.NewInt(1), contracts.Address()).Hex(), "0xf45f29ee53393fd7dfcb3d80125e7679da07ccaa6066f4ed8c954057e8b04d1b"; got != want {
		t.Errorf("the code on chain 1 has hash %s, not %s", got, want)
	}
	r := newRig(t, evmtest.Osaka())
	code, err := r.Client.CodeAt(r.Context(), r.htlc, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := crypto.Keccak256Hash(code), contracts.RuntimeHash(r.ID, r.htlc); got != want {
		t.Fatalf("code hash %s, want %s", got, want)
	}
	if contracts.RuntimeHash(big.NewInt(1), r.htlc) == contracts.RuntimeHash(r.ID, r.htlc) {
		t.Fatal("the code hash must differ by chain")
	}
	out, err := r.Client.CallContract(r.Context(), callTo(r.htlc, htlcABI.PackDomain()), nil)
	if err != nil || common.BytesToHash(out) != contracts.Domain(r.ID, r.htlc) {
		t.Fatalf("domain %x: %v", out, err)
	}
	t.Logf("deployment %s, code hash on chain %s: %s", r.htlc, r.ID, contracts.RuntimeHash(r.ID, r.htlc))
}
