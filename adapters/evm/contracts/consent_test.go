package contracts_test

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
	"github.com/holiman/uint256"

	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

// consent is a signature as the deployment takes it.
type consent struct {
	v    uint8
	r, s [32]byte
}

func (r *rig) sign(by evmtest.Account, digest common.Hash) consent {
	r.t.Helper()
	raw, err := crypto.Sign(digest[:], by.Key)
	if err != nil {
		r.t.Fatal(err)
	}
	return consent{v: raw[64] + 27, r: [32]byte(raw[:32]), s: [32]byte(raw[32:64])}
}

// id is what the lane of the open leg holds.
func (r *rig) id(leg bindings.HtlcLeg) common.Hash {
	return common.BigToHash(r.slot(leg.Funder, leg.Lane))
}

func (r *rig) consents(by evmtest.Account, leg bindings.HtlcLeg) consent {
	return r.sign(by, contracts.ConsentDigest(contracts.Domain(r.ID, r.htlc), r.id(leg)))
}

func (r *rig) refundByConsent(leg bindings.HtlcLeg, hash [32]byte, c consent) *types.Receipt {
	r.t.Helper()
	return r.Send(evmtest.Call{From: r.stranger, To: &r.htlc, Data: htlcABI.PackRefundByConsent(leg, hash, c.v, c.r, c.s)})
}

// With the payee's consent a stranger sends the coins back to where the leg says, before the time lock,
// once, and the log tells it from a refund.
func TestRefundByConsent(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	token := r.Deploy("PlainToken")
	r.prepareToken(token)
	hash := hashOf(secretOf(1))
	other := common.HexToAddress("0x3333333333333333333333333333333333333333")
	for lane, change := range []func(*bindings.HtlcLeg){
		func(*bindings.HtlcLeg) {},
		func(l *bindings.HtlcLeg) { l.RefundTo = other },
		func(l *bindings.HtlcLeg) { l.Token = token.Address },
	} {
		leg := r.leg(0)
		leg.Lane = uint64(lane)
		change(&leg)
		r.mustSucceed(r.fund(leg, hash))
		id, yes := r.id(leg), r.consents(r.payee, leg)
		to := leg.RefundTo
		if to == (common.Address{}) {
			to = leg.Funder
		}
		before, tokens := r.Balance(to), token.Uint("balanceOf", to)
		receipt := r.mustSucceed(r.refundByConsent(leg, hash, yes))
		if leg.Token == token.Address {
			if got := token.Uint("balanceOf", to); new(big.Int).Sub(got, tokens).Cmp(leg.Amount) != 0 {
				t.Fatalf("tokens %s, before %s", got, tokens)
			}
		} else {
			r.wantBalance(to, before, leg.Amount)
		}
		logs := r.logs(receipt)
		if len(logs) != 1 {
			t.Fatalf("%d logs", len(logs))
		}
		event, err := htlcABI.UnpackClosedByConsentEvent(logs[0])
		if err != nil || event.Id != id {
			t.Fatalf("event %+v: %v", event, err)
		}
		r.wantSequence(leg, 1)
		r.mustRevert(r.refundByConsent(leg, hash, yes))
		// The same leg on its lane's next number is another contract.
		leg.Sequence = 1
		r.mustSucceed(r.fund(leg, hash))
		r.mustRevert(r.refundByConsent(leg, hash, yes))
	}
}

// Nothing but the payee's own signature over this contract, on this chain and deployment, opens it early.
func TestConsentIsThePayeesOwn(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	hash := hashOf(secretOf(1))
	leg := r.leg(0)
	r.mustSucceed(r.fund(leg, hash))
	twin := leg
	twin.Lane = 2
	r.mustSucceed(r.fund(twin, hash))
	good := r.consents(r.payee, leg)
	domain, id := contracts.Domain(r.ID, r.htlc), r.id(leg)
	high := new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(good.s[:]))
	for name, c := range map[string]consent{
		"nothing":            {},
		"the funder's":       r.consents(r.funder, leg),
		"a stranger's":       r.consents(r.stranger, leg),
		"of another lane":    r.consents(r.payee, twin),
		"another chain":      r.sign(r.payee, contracts.ConsentDigest(contracts.Domain(big.NewInt(1), r.htlc), id)),
		"another deployment": r.sign(r.payee, contracts.ConsentDigest(contracts.Domain(r.ID, r.stranger.Address), id)),
		"the bare id":        r.sign(r.payee, id),
		"the bare domain":    r.sign(r.payee, domain),
		"the twin, high s":   {v: 27 + 28 - good.v, r: good.r, s: [32]byte(math.U256Bytes(high))},
		"v of 0 or 1":        {v: good.v - 27, r: good.r, s: good.s},
		"r of zero":          {v: good.v, s: good.s},
		"s of zero":          {v: good.v, r: good.r},
		"the other v":        {v: 27 + 28 - good.v, r: good.r, s: good.s},
	} {
		if receipt := r.refundByConsent(leg, hash, c); receipt.Status == types.ReceiptStatusSuccessful {
			t.Errorf("%s: refunded", name)
		}
	}
	r.mustRevert(r.refundByConsent(leg, hashOf(secretOf(2)), good))
	r.mustSucceed(r.refundByConsent(leg, hash, good))

	// ecrecover answers zero for what is no signature: nobody consents for the zero address.
	zero := r.leg(0)
	zero.Lane, zero.Payee = 3, common.Address{}
	r.mustSucceed(r.fund(zero, hash))
	r.mustRevert(r.refundByConsent(zero, hash, consent{}))
	r.mustRevert(r.refundByConsent(zero, hash, consent{v: 27}))
}

// A payee that delegates to code (EIP-7702) still consents with its key; one that is a contract cannot.
func TestConsentOfAccountsWithCode(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	hash := hashOf(secretOf(1))
	wallet := r.Deploy("DelegateAccount")
	auth, err := types.SignSetCode(r.payee.Key, types.SetCodeAuthorization{ChainID: *uint256.MustFromBig(r.ID), Address: wallet.Address})
	if err != nil {
		t.Fatal(err)
	}
	r.Must(evmtest.Call{From: r.stranger, To: &r.payee.Address, Delegations: []types.SetCodeAuthorization{auth}})
	leg := r.leg(0)
	r.mustSucceed(r.fund(leg, hash))
	r.mustSucceed(r.refundByConsent(leg, hash, r.consents(r.payee, leg)))

	leg.Lane, leg.Payee = 2, wallet.Address
	r.mustSucceed(r.fund(leg, hash))
	r.mustRevert(r.refundByConsent(leg, hash, r.consents(r.payee, leg)))
	r.mustSucceed(r.redeem(r.stranger, leg, secretOf(1)))
}

// Wallets compute the same digest from the typed data.
func TestConsentIsEIP712(t *testing.T) {
	chain, deployment, id := big.NewInt(1), contracts.Address(), common.HexToHash("0x8123")
	data := apitypes.TypedData{
		Types: apitypes.Types{
			"EIP712Domain": {
				{Name: "name", Type: "string"}, {Name: "version", Type: "string"},
				{Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"},
			},
			"EarlyRefund": {{Name: "id", Type: "bytes32"}},
		},
		PrimaryType: "EarlyRefund",
		Domain: apitypes.TypedDataDomain{
			Name: contracts.DomainName, Version: contracts.DomainVersion,
			ChainId: (*math.HexOrDecimal256)(chain), VerifyingContract: deployment.Hex(),
		},
		Message: apitypes.TypedDataMessage{"id": id.Hex()},
	}
	want, _, err := apitypes.TypedDataAndHash(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := contracts.ConsentDigest(contracts.Domain(chain, deployment), id); got != common.BytesToHash(want) {
		t.Fatalf("digest %s, wallets have %x", got, want)
	}
}

// The id that redeem and refund compute from call data is that of fund, whatever the leg, and a word that
// is wider than its type opens nothing.
func TestIDOfCallData(t *testing.T) {
	r := newRig(t, evmtest.Osaka())
	domain := contracts.Domain(r.ID, r.htlc)
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(n int) []byte {
		out := make([]byte, n)
		for i := range out {
			if rng.IntN(3) > 0 {
				out[i] = byte(rng.Uint32())
			}
		}
		return out
	}
	for n := range 40 {
		secret := [32]byte(word(32))
		leg := bindings.HtlcLeg{
			Funder: r.funder.Address, Lane: rng.Uint64(), Payee: common.BytesToAddress(word(19)), RefundTo: common.BytesToAddress(word(20)),
			Amount: new(big.Int).SetBytes(word(7)), TimeLock: rng.Uint64(),
		}
		r.mustSucceed(r.fund(leg, hashOf(secret)))
		data := htlcABI.PackRedeem(leg, secret)
		hash := hashOf(secret)
		want := crypto.Keccak256Hash(domain[:], data[4:4+256], hash[:])
		want[0] |= 0x80
		if got := r.id(leg); got != want {
			t.Fatalf("leg %d: fund gives %s, its call data %s", n, got, want)
		}
		for _, at := range []int{0, 32, 96} { // funder, lane, refund address
			wide := bytes.Clone(data)
			wide[4+at] = 1
			r.mustRevert(r.Send(evmtest.Call{From: r.stranger, To: &r.htlc, Data: wide}))
		}
		r.mustSucceed(r.Send(evmtest.Call{From: r.stranger, To: &r.htlc, Data: data}))
	}
}
