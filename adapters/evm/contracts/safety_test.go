package contracts_test

import (
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"

	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

func (r *rig) tokenLeg(token *evmtest.Contract, lane uint64) bindings.HtlcLeg {
	leg := r.leg(0)
	leg.Lane, leg.Token = lane, token.Address
	return leg
}

func (r *rig) wantBalance(of common.Address, before, gain *big.Int) {
	r.t.Helper()
	if got := new(big.Int).Sub(r.Balance(of), before); got.Cmp(gain) != 0 {
		r.t.Fatalf("balance of %s changed by %s, want %s", of, got, gain)
	}
}

func (r *rig) slot(funder common.Address, lane uint64) *big.Int {
	r.t.Helper()
	out, err := r.Client.CallContract(r.Context(), callTo(r.htlc, htlcABI.PackSlot(funder, lane)), nil)
	if err != nil {
		r.t.Fatalf("slot: %v", err)
	}
	v, err := htlcABI.UnpackSlot(out)
	if err != nil {
		r.t.Fatalf("slot: %v", err)
	}
	return v
}

func (r *rig) wantSequence(leg bindings.HtlcLeg, want uint64) {
	r.t.Helper()
	if got := r.slot(leg.Funder, leg.Lane); got.Cmp(new(big.Int).SetUint64(want)) != 0 {
		r.t.Fatalf("lane %d holds %x, want sequence %d", leg.Lane, got, want)
	}
}

// A secret has exactly 32 bytes: shorter call data is no call, longer is no part of the secret.
func TestSafety_A1_SecretSize(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	leg := r.leg(0)
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	whole := htlcABI.PackRedeem(leg, secret)
	for _, size := range []int{0, 31} {
		data := whole[:len(whole)-32+size]
		r.mustRevert(r.Send(evmtest.Call{From: r.payee, To: &r.htlc, Data: data}))
	}
	// The hash of 33 or 521 bytes, or of 31, locks nothing that any secret opens.
	for lane, size := range map[uint64]int{10: 0, 11: 31, 12: 33, 13: 521} {
		long := make([]byte, size)
		for i := range long {
			long[i] = 7
		}
		var word [32]byte
		copy(word[:], long)
		odd := r.leg(0)
		odd.Lane = lane
		r.mustSucceed(r.fund(odd, sum(long)))
		r.mustRevert(r.redeem(r.payee, odd, word))
		data := slices.Concat(htlcABI.PackRedeem(odd, word)[:4+8*32], long)
		r.mustRevert(r.Send(evmtest.Call{From: r.payee, To: &r.htlc, Data: data}))
	}
	r.mustSucceed(r.redeem(r.payee, leg, secret))
}

// Every field of the leg is part of the id: an altered leg redeems and refunds nothing.
func TestSafety_A3_EveryFieldIsInTheID(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	good := r.leg(0)
	r.mustSucceed(r.fund(good, hashOf(secret)))
	for name, alter := range map[string]func(*bindings.HtlcLeg){
		"funder":    func(l *bindings.HtlcLeg) { l.Funder = r.stranger.Address },
		"lane":      func(l *bindings.HtlcLeg) { l.Lane++ },
		"sequence":  func(l *bindings.HtlcLeg) { l.Sequence++ },
		"payee":     func(l *bindings.HtlcLeg) { l.Payee = r.stranger.Address },
		"refund to": func(l *bindings.HtlcLeg) { l.RefundTo = r.stranger.Address },
		"token":     func(l *bindings.HtlcLeg) { l.Token = r.stranger.Address },
		"amount":    func(l *bindings.HtlcLeg) { l.Amount = new(big.Int).Sub(l.Amount, common.Big1) },
		"time lock": func(l *bindings.HtlcLeg) { l.TimeLock-- },
	} {
		bad := good
		alter(&bad)
		t.Log(name)
		r.mustRevert(r.redeem(r.stranger, bad, secret))
	}
	r.mustRevert(r.redeem(r.stranger, good, secretOf(2)))
	r.NextBlockAt(good.TimeLock)
	r.mustRevert(r.refund(r.stranger, good, hashOf(secretOf(2))))
	r.mustSucceed(r.refund(r.stranger, good, hashOf(secret)))
}

// The same hash may be locked by anybody: an attacker's lock, made first and with the same lane
// number, neither blocks the funder's nor is opened by its redeem. An old funding reverts.
func TestSafety_A9_SameHashAndSquatting(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	leg := r.leg(0)
	attack := leg
	attack.Funder, attack.Amount = r.stranger.Address, big.NewInt(1)
	call := r.fundCall(attack, hashOf(secret))
	call.From = r.stranger
	r.Must(call)
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	r.mustRevert(r.fund(leg, hashOf(secret))) // the lane is open

	before := r.Balance(r.payee.Address)
	r.mustSucceed(r.redeem(r.stranger, leg, secret))
	r.wantBalance(r.payee.Address, before, leg.Amount)
	if r.slot(r.stranger.Address, leg.Lane).Bit(255) != 1 {
		t.Fatal("the attacker's contract was closed by the redeem of another")
	}
	r.mustRevert(r.redeem(r.stranger, leg, secret)) // no second time
	r.mustRevert(r.fund(leg, hashOf(secret)))       // an old funding sent again
	r.wantSequence(leg, 1)
}

// An open lane cannot be occupied by naming its id as sequence, whatever the call data looks like.
func TestSafety_A9_OpenLaneIsNoSequence(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	leg := r.leg(0)
	r.mustSucceed(r.fund(leg, hashOf(secretOf(1))))
	id := r.slot(leg.Funder, leg.Lane)
	call := r.fundCall(leg, hashOf(secretOf(2)))
	id.FillBytes(call.Data[4+32 : 4+64])
	r.mustRevert(r.Send(call))
	if r.slot(leg.Funder, leg.Lane).Cmp(id) != 0 {
		t.Fatal("the open contract was overwritten")
	}
}

// A contract stays redeemable until it is refunded, and is refundable from T on, not before.
func TestSafety_A10_AroundTheTimeLock(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	var legs [6]bindings.HtlcLeg
	for i := range legs {
		legs[i] = r.leg(0)
		legs[i].Lane = uint64(i)
		legs[i].TimeLock = r.Now() + 36000
	}
	lock := legs[0].TimeLock
	for i := range legs {
		legs[i].TimeLock = lock
		r.mustSucceed(r.fund(legs[i], hashOf(secret)))
	}
	for i, step := range []struct {
		at         uint64
		refundable bool
	}{{lock - 1, false}, {lock, true}, {lock + 1, true}} {
		redeemed, refunded := legs[2*i], legs[2*i+1]
		if i == 0 {
			r.NextBlockAt(step.at)
		}
		a := r.Sign(evmtest.Call{From: r.payee, To: &r.htlc, Data: htlcABI.PackRedeem(redeemed, secret)})
		b := r.Sign(evmtest.Call{From: r.funder, To: &r.htlc, Data: htlcABI.PackRefund(refunded, hashOf(secret))})
		r.Submit(a)
		r.Submit(b)
		r.Commit()
		if r.Now() != step.at {
			t.Fatalf("block at %d, want %d", r.Now(), step.at)
		}
		r.mustSucceed(r.Receipt(a))
		if got := r.Receipt(b).Status == types.ReceiptStatusSuccessful; got != step.refundable {
			t.Fatalf("refund at T%+d: %t", int64(step.at)-int64(lock), got)
		}
	}
}

// Redeem and refund in one block: the first wins, the second reverts, in both orders.
func TestSafety_A10_BothInOneBlock(t *testing.T) {
	for _, redeemFirst := range []bool{true, false} {
		r := newRig(t, evmtest.Osaka())
		secret := secretOf(1)
		leg := r.leg(0)
		r.mustSucceed(r.fund(leg, hashOf(secret)))
		r.NextBlockAt(leg.TimeLock + 5)
		redeem := evmtest.Call{From: r.payee, To: &r.htlc, Data: htlcABI.PackRedeem(leg, secret), Tip: big.NewInt(params.GWei)}
		refund := evmtest.Call{From: r.stranger, To: &r.htlc, Data: htlcABI.PackRefund(leg, hashOf(secret)), Tip: big.NewInt(params.GWei)}
		winner := &refund
		if redeemFirst {
			winner = &redeem
		}
		winner.Tip = big.NewInt(9 * params.GWei)
		a, b := r.Sign(redeem), r.Sign(refund)
		r.Submit(a)
		r.Submit(b)
		r.Commit()
		ra, rb := r.Receipt(a), r.Receipt(b)
		if ra.BlockNumber.Cmp(rb.BlockNumber) != 0 {
			t.Fatal("not in one block")
		}
		if !redeemFirst {
			ra, rb = rb, ra
		}
		r.mustSucceed(ra)
		r.mustRevert(rb)
		r.wantSequence(leg, 1)
	}
}

// A token that returns nothing is funded, redeemed and refunded; one that says false is refused.
func TestSafety_C1_NoReturnToken(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	token := r.Deploy("NoReturnToken")
	token.Must(r.funder, "mint", r.funder.Address, new(big.Int).Mul(big.NewInt(9), evmtest.Ether))
	token.Must(r.funder, "approve", r.htlc, infinite())
	a, b := r.tokenLeg(token, 1), r.tokenLeg(token, 2)
	r.mustSucceed(r.fund(a, hashOf(secret)))
	r.mustSucceed(r.fund(b, hashOf(secret)))
	r.mustSucceed(r.redeem(r.payee, a, secret))
	if token.Uint("balanceOf", r.payee.Address).Cmp(a.Amount) != 0 {
		t.Fatal("the payee was not paid")
	}
	held := token.Uint("balanceOf", r.funder.Address)
	r.NextBlockAt(b.TimeLock)
	r.mustSucceed(r.refund(r.funder, b, hashOf(secret)))
	if got := new(big.Int).Sub(token.Uint("balanceOf", r.funder.Address), held); got.Cmp(b.Amount) != 0 {
		t.Fatalf("refunded %s", got)
	}
}

func TestSafety_C1_FalseToken(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	token := r.Deploy("FalseToken")
	r.prepareToken(token)
	leg := r.tokenLeg(token, 1)
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	token.Must(r.funder, "setFailing", true)
	r.mustRevert(r.redeem(r.payee, leg, secret))
	if r.slot(leg.Funder, leg.Lane).Bit(255) != 1 {
		t.Fatal("a payment that failed closed the contract")
	}
	token.Must(r.funder, "setFailing", false)
	r.mustSucceed(r.redeem(r.payee, leg, secret))
}

// An account without code is no token, neither is the native coin's mark.
func TestSafety_C1_NoCodeIsNoToken(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	for _, token := range []common.Address{{}, r.stranger.Address, common.HexToAddress("0x02"), r.htlc} {
		leg := r.leg(0)
		leg.Token = token
		call := r.fundCall(leg, hashOf(secretOf(1)))
		call.Value = nil
		call.Data = htlcABI.PackFundToken(leg.Lane, 0, leg.Payee, leg.RefundTo, token, leg.Amount, hashOf(secretOf(1)), leg.TimeLock)
		r.mustRevert(r.Send(call))
	}
}

// A token with a fee is refused at funding. A fee switched on later costs the payee of that token
// only: other contracts stay covered.
func TestSafety_C2_FeeOnTransfer(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	token := r.Deploy("FeeToken")
	token.Must(r.funder, "mint", r.funder.Address, new(big.Int).Mul(big.NewInt(9), evmtest.Ether))
	token.Must(r.funder, "approve", r.htlc, infinite())
	a, b := r.tokenLeg(token, 1), r.tokenLeg(token, 2)
	token.Must(r.funder, "setFee", big.NewInt(100))
	r.mustRevert(r.fund(a, hashOf(secret)))
	r.wantSequence(a, 0)

	token.Must(r.funder, "setFee", new(big.Int))
	r.mustSucceed(r.fund(a, hashOf(secret)))
	r.mustSucceed(r.fund(b, hashOf(secret)))
	token.Must(r.funder, "setFee", big.NewInt(100))
	r.mustSucceed(r.redeem(r.payee, a, secret))
	net := new(big.Int).Sub(a.Amount, new(big.Int).Div(new(big.Int).Mul(a.Amount, big.NewInt(100)), big.NewInt(10000)))
	if got := token.Uint("balanceOf", r.payee.Address); got.Cmp(net) != 0 {
		t.Fatalf("payee got %s, want %s", got, net)
	}
	if token.Uint("balanceOf", r.htlc).Cmp(b.Amount) != 0 {
		t.Fatal("the second contract is not covered any more")
	}
	r.mustSucceed(r.redeem(r.payee, b, secret))
}

// A rebasing token cannot be recognised at funding: after a fall the last contract of that token is not
// covered, after a rise the surplus stays. Contracts of other assets are not touched. This is why the
// operator's list must not have such tokens.
func TestSafety_C2_RebasingTouchesOnlyItsOwn(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	token := r.Deploy("RebasingToken")
	token.Must(r.funder, "mint", r.funder.Address, new(big.Int).Mul(big.NewInt(9), evmtest.Ether))
	token.Must(r.funder, "approve", r.htlc, infinite())
	a, b, native := r.tokenLeg(token, 1), r.tokenLeg(token, 2), r.leg(0)
	native.Lane = 3
	for _, leg := range []*bindings.HtlcLeg{&a, &b, &native} {
		leg.Amount = evmtest.Ether
		r.mustSucceed(r.fund(*leg, hashOf(secret)))
	}
	token.Must(r.funder, "setFactor", big.NewInt(80))
	r.mustSucceed(r.redeem(r.payee, a, secret))
	r.mustRevert(r.redeem(r.payee, b, secret))
	if r.slot(b.Funder, b.Lane).Bit(255) != 1 {
		t.Fatal("a payment that failed closed the contract")
	}
	r.mustSucceed(r.redeem(r.payee, native, secret))
	token.Must(r.funder, "setFactor", big.NewInt(200))
	r.mustSucceed(r.redeem(r.payee, b, secret))
	if got := token.Uint("balanceOf", r.htlc); got.Sign() == 0 {
		t.Fatal("the test has no surplus")
	}
}

// Copying a redeem from the mempool with a higher tip pays the payee, not the copier.
func TestSafety_C6_FrontRunRedeem(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	leg := r.leg(0)
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	data := htlcABI.PackRedeem(leg, secret)
	original := r.Sign(evmtest.Call{From: r.payee, To: &r.htlc, Data: data, Gas: 200_000})
	copied := r.Sign(evmtest.Call{From: r.stranger, To: &r.htlc, Data: data, Gas: 200_000, Tip: big.NewInt(50 * params.GWei)})
	strangerBefore, payeeBefore := r.Balance(r.stranger.Address), r.Balance(r.payee.Address)
	r.Submit(original)
	r.Submit(copied)
	r.Commit()
	r.mustSucceed(r.Receipt(copied))
	r.mustRevert(r.Receipt(original))
	if r.Balance(r.stranger.Address).Cmp(strangerBefore) >= 0 {
		t.Fatal("the copier gained")
	}
	spent := new(big.Int).Mul(new(big.Int).SetUint64(r.Receipt(original).GasUsed), r.Receipt(original).EffectiveGasPrice)
	r.wantBalance(r.payee.Address, payeeBefore, new(big.Int).Sub(leg.Amount, spent))
}

// A payee that refuses the coins keeps its contract open, for a later redeem or the refund.
func TestSafety_C5_RefusingPayee(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	account := r.Deploy("RefusingAccount")
	leg := r.leg(0)
	leg.Payee = account.Address
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	r.mustRevert(r.redeem(r.stranger, leg, secret))
	if r.slot(leg.Funder, leg.Lane).Bit(255) != 1 {
		t.Fatal("a payment that failed closed the contract")
	}
	account.Must(r.stranger, "setAccepting", true)
	r.mustSucceed(r.redeem(r.stranger, leg, secret))
	r.wantBalance(account.Address, new(big.Int), leg.Amount)
}

// An account that delegates to code (EIP-7702) funds, redeems and is paid like any other.
func TestSafety_C5_DelegatedAccount(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	secret := secretOf(1)
	wallet := r.Deploy("DelegateAccount")
	for _, account := range []evmtest.Account{r.funder, r.payee} {
		auth, err := types.SignSetCode(account.Key, types.SetCodeAuthorization{
			ChainID: *uint256.MustFromBig(r.ID), Address: wallet.Address,
		})
		if err != nil {
			t.Fatal(err)
		}
		r.Must(evmtest.Call{From: r.stranger, To: &account.Address, Delegations: []types.SetCodeAuthorization{auth}})
	}
	leg := r.leg(0)
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	before := r.Balance(r.payee.Address)
	r.mustSucceed(r.redeem(r.stranger, leg, secret))
	r.wantBalance(r.payee.Address, before, leg.Amount)

	leg = r.leg(1)
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	r.NextBlockAt(leg.TimeLock)
	before = r.Balance(r.funder.Address)
	r.mustSucceed(r.refund(r.stranger, leg, hashOf(secret)))
	r.wantBalance(r.funder.Address, before, leg.Amount)
}
