package contracts_test

import (
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

var htlcABI = bindings.NewHtlc()

// rig is a chain with the deployment and a funder, a payee and a stranger who exist.
type rig struct {
	*evmtest.Chain
	t                       *testing.T
	htlc                    common.Address
	funder, payee, stranger evmtest.Account
	lanes                   uint64 // given out by freshLane
}

func newRig(t *testing.T, config *params.ChainConfig) *rig {
	t.Helper()
	c := evmtest.NewChain(t, config)
	return &rig{
		Chain: c, t: t, htlc: c.DeployHtlc(),
		funder: c.Accounts[1], payee: c.Accounts[2], stranger: c.Accounts[3],
	}
}

// secretOf gives a secret without a zero byte, the dearest in call data.
func secretOf(n byte) [32]byte {
	s := sha256.Sum256([]byte{n})
	for i := range s {
		s[i] |= 1
	}
	return s
}

func hashOf(secret [32]byte) [32]byte { return sha256.Sum256(secret[:]) }

// leg is a native leg from funder to payee on lane 1.
func (r *rig) leg(sequence uint64) bindings.HtlcLeg {
	return bindings.HtlcLeg{
		Funder: r.funder.Address, Lane: 1, Sequence: sequence, Payee: r.payee.Address,
		Amount: big.NewInt(1_234_567_891_234_567_891), TimeLock: (r.Now() + 3600) | 0x010101, // a zero byte costs less
	}
}

func (r *rig) fund(leg bindings.HtlcLeg, hash [32]byte) *types.Receipt {
	r.t.Helper()
	return r.Send(r.fundCall(leg, hash))
}

func (r *rig) fundCall(leg bindings.HtlcLeg, hash [32]byte) evmtest.Call {
	if leg.Token == (common.Address{}) {
		data := htlcABI.PackFund(leg.Lane, leg.Sequence, leg.Payee, leg.RefundTo, hash, leg.TimeLock)
		return evmtest.Call{From: r.funder, To: &r.htlc, Data: data, Value: leg.Amount}
	}
	data := htlcABI.PackFundToken(leg.Lane, leg.Sequence, leg.Payee, leg.RefundTo, leg.Token, leg.Amount, hash, leg.TimeLock)
	return evmtest.Call{From: r.funder, To: &r.htlc, Data: data}
}

func (r *rig) redeem(from evmtest.Account, leg bindings.HtlcLeg, secret [32]byte) *types.Receipt {
	r.t.Helper()
	return r.Send(evmtest.Call{From: from, To: &r.htlc, Data: htlcABI.PackRedeem(leg, secret)})
}

func (r *rig) refund(from evmtest.Account, leg bindings.HtlcLeg, hash [32]byte) *types.Receipt {
	r.t.Helper()
	return r.Send(evmtest.Call{From: from, To: &r.htlc, Data: htlcABI.PackRefund(leg, hash)})
}

func (r *rig) mustSucceed(receipt *types.Receipt) *types.Receipt {
	r.t.Helper()
	if receipt.Status != types.ReceiptStatusSuccessful {
		r.t.Fatal("reverted, want success")
	}
	return receipt
}

func (r *rig) mustRevert(receipt *types.Receipt) {
	r.t.Helper()
	if receipt.Status != types.ReceiptStatusFailed {
		r.t.Fatal("succeeded, want a revert")
	}
}

// gasFigures are what one set of rules charges.
type gasFigures struct {
	nativeFresh, nativeReused, nativeRedeem, nativeRefund uint64
	tokenFresh, tokenReused, tokenRedeem, tokenRefund     uint64
	worstFund, worstRedeem, worstTokenRedeem              uint64
	batch20                                               uint64
}

func measure(t *testing.T, config *params.ChainConfig) gasFigures {
	t.Helper()
	r := newRig(t, config)
	token := r.Deploy("PlainToken")
	r.prepareToken(token)
	r.assertStates(token)

	var g gasFigures
	g.nativeFresh, g.nativeReused, g.nativeRedeem, g.nativeRefund = r.lifecycle(func(seq uint64) bindings.HtlcLeg {
		return r.leg(seq)
	})
	g.tokenFresh, g.tokenReused, g.tokenRedeem, g.tokenRefund = r.lifecycle(func(seq uint64) bindings.HtlcLeg {
		leg := r.leg(seq)
		leg.Lane, leg.Token = 2, token.Address
		return leg
	})
	r.worst(token, &g)
	g.batch20 = r.batch(20)
	return g
}

// prepareToken gives everybody a balance, the deployment included, and the funder an infinite allowance.
func (r *rig) prepareToken(token *evmtest.Contract) {
	r.t.Helper()
	for _, to := range []common.Address{r.funder.Address, r.payee.Address, r.htlc} {
		token.Must(r.Accounts[0], "mint", to, new(big.Int).Mul(big.NewInt(1000), evmtest.Ether))
	}
	token.Must(r.funder, "approve", r.htlc, infinite())
}

func infinite() *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
}

func (r *rig) assertStates(token *evmtest.Contract) {
	r.t.Helper()
	r.t.Logf("account states: payee exists, balance %s; token balances of funder, payee, deployment not zero; allowance infinite",
		r.Balance(r.payee.Address))
	if r.Balance(r.payee.Address).Sign() == 0 {
		r.t.Fatal("the payee must exist")
	}
	for _, of := range []common.Address{r.funder.Address, r.payee.Address, r.htlc} {
		if token.Uint("balanceOf", of).Sign() == 0 {
			r.t.Fatalf("token balance of %s is zero", of)
		}
	}
	if token.Uint("allowance", r.funder.Address, r.htlc).Cmp(infinite()) != 0 {
		r.t.Fatal("the allowance must be infinite")
	}
}

// lifecycle funds a fresh lane, then a used one, redeems, funds again and refunds.
func (r *rig) lifecycle(leg func(uint64) bindings.HtlcLeg) (fresh, reused, redeem, refund uint64) {
	r.t.Helper()
	secret := secretOf(1)
	first := leg(0)
	fresh = r.mustSucceed(r.fund(first, hashOf(secret))).GasUsed
	r.mustSucceed(r.redeem(r.payee, first, secret))
	second := leg(1)
	reused = r.mustSucceed(r.fund(second, hashOf(secret))).GasUsed
	redeem = r.mustSucceed(r.redeem(r.payee, second, secret)).GasUsed
	third := leg(2)
	r.mustSucceed(r.fund(third, hashOf(secret)))
	r.NextBlockAt(third.TimeLock)
	refund = r.mustSucceed(r.refund(r.funder, third, hashOf(secret))).GasUsed
	return fresh, reused, redeem, refund
}

// worst measures what the good case hides: an own refund address, every number long, a stranger who
// redeems for a payee that does not exist yet, or that never had the token.
func (r *rig) worst(token *evmtest.Contract, g *gasFigures) {
	r.t.Helper()
	secret := secretOf(2)
	leg := r.leg(0)
	leg.Lane = 1<<64 - 2
	leg.RefundTo = r.stranger.Address
	leg.Payee = common.HexToAddress("0x1111111111111111111111111111111111111111")
	leg.TimeLock = 1<<64 - 2
	g.worstFund = r.mustSucceed(r.fund(leg, hashOf(secret))).GasUsed
	g.worstRedeem = r.mustSucceed(r.redeem(r.stranger, leg, secret)).GasUsed
	leg.Sequence, leg.Token = 1, token.Address
	leg.Payee = common.HexToAddress("0x2222222222222222222222222222222222222222")
	r.mustSucceed(r.fund(leg, hashOf(secret)))
	g.worstTokenRedeem = r.mustSucceed(r.redeem(r.stranger, leg, secret)).GasUsed
}

// batch redeems n contracts in one transaction and returns its whole cost.
func (r *rig) batch(n uint64) uint64 {
	r.t.Helper()
	items := make([]bindings.HtlcRedemption, n)
	for i := range items {
		leg := r.leg(0)
		leg.Lane = 1000 + uint64(i)
		items[i] = bindings.HtlcRedemption{Leg: leg, Secret: secretOf(byte(i))}
		r.mustSucceed(r.fund(leg, hashOf(items[i].Secret)))
	}
	data := htlcABI.PackRedeemMany(items, big.NewInt(300_000))
	receipt := r.mustSucceed(r.Send(evmtest.Call{From: r.payee, To: &r.htlc, Data: data, Gas: 10_000_000}))
	if got := len(r.logs(receipt)); got != len(items) {
		r.t.Fatalf("%d of %d redeemed", got, len(items))
	}
	return receipt.GasUsed
}

// logs are the deployment's own: rules after Osaka add one for every transfer of coins.
func (r *rig) logs(receipt *types.Receipt) []*types.Log {
	var own []*types.Log
	for _, l := range receipt.Logs {
		if l.Address == r.htlc {
			own = append(own, l)
		}
	}
	return own
}

func TestGas(t *testing.T) {
	config := evmtest.Osaka()
	if config.OsakaTime == nil || config.AmsterdamTime != nil || config.BogotaTime != nil {
		t.Fatal("the figures are for Osaka and nothing later")
	}
	t.Log("fork set: everything up to and with Osaka active from genesis, Amsterdam and Bogota off")
	now := measure(t, config)
	later := measure(t, evmtest.Amsterdam())

	rows := []struct {
		name             string
		osaka, amsterdam uint64
		want, limit      uint64
	}{
		{"native: fund, fresh lane", now.nativeFresh, later.nativeFresh, 47184, 48_000},
		{"native: fund, reused lane", now.nativeReused, later.nativeReused, 30096, 0},
		{"native: redeem by the payee", now.nativeRedeem, later.nativeRedeem, 38131, 0},
		{"native: fund reused + redeem", now.nativeReused + now.nativeRedeem, later.nativeReused + later.nativeRedeem, 68227, 70_500},
		{"native: refund by the funder", now.nativeRefund, later.nativeRefund, 37727, 39_500},
		{"ERC-20: fund, fresh lane", now.tokenFresh, later.tokenFresh, 67969, 0},
		{"ERC-20: fund, reused lane", now.tokenReused, later.tokenReused, 50881, 0},
		{"ERC-20: redeem by the payee", now.tokenRedeem, later.tokenRedeem, 47040, 0},
		{"ERC-20: fund reused + redeem", now.tokenReused + now.tokenRedeem, later.tokenReused + later.tokenRedeem, 97921, 101_500},
		{"ERC-20: refund by the funder", now.tokenRefund, later.tokenRefund, 46636, 0},
		{"worst: native fund, fresh lane, longest terms", now.worstFund, later.worstFund, 47556, 0},
		{"worst: native redeem by a stranger, new payee", now.worstRedeem, later.worstRedeem, 65991, 0},
		{"worst: ERC-20 redeem by a stranger, first balance", now.worstTokenRedeem, later.worstTokenRedeem, 64512, 0},
		{"native: 20 redeemed in one batch", now.batch20, later.batch20, 240083, 0},
	}
	t.Logf("%-52s %9s %9s %9s", "gas", "Osaka", "at most", "Amsterdam")
	for _, row := range rows {
		t.Logf("%-52s %9d %9d %9d", row.name, row.osaka, row.limit, row.amsterdam)
		if row.osaka != row.want {
			t.Errorf("%s: %d gas, want exactly %d", row.name, row.osaka, row.want)
		}
		if row.limit > 0 && row.osaka > row.limit {
			t.Errorf("%s: %d gas, limit %d", row.name, row.osaka, row.limit)
		}
	}
}
