package contracts_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

// payees are accounts that exist, apart from those that send.
func (r *rig) payees(n int) []common.Address {
	r.t.Helper()
	out := make([]common.Address, n)
	for i := range out {
		out[i] = common.HexToAddress(fmt.Sprintf("0x11111111111111111111111111111111111111%02x", i+1))
		if r.Balance(out[i]).Sign() == 0 {
			r.Must(evmtest.Call{From: r.Accounts[0], To: &out[i], Value: big.NewInt(1)})
		}
	}
	return out
}

// reused funds n contracts on lanes that were used once before, to payees in turn.
func (r *rig) reused(n int, token common.Address, payees []common.Address) []bindings.HtlcRedemption {
	r.t.Helper()
	items := make([]bindings.HtlcRedemption, n)
	for i := range items {
		leg := r.leg(0)
		leg.Lane, leg.Payee, leg.Token = r.freshLane(), payees[i%len(payees)], token
		secret := secretOf(byte(i))
		r.mustSucceed(r.fund(leg, hashOf(secret)))
		r.mustSucceed(r.redeem(r.stranger, leg, secret))
		leg.Sequence = 1
		r.mustSucceed(r.fund(leg, hashOf(secret)))
		items[i] = bindings.HtlcRedemption{Leg: leg, Secret: secret}
	}
	return items
}

func (r *rig) freshLane() uint64 {
	r.lanes++
	return 0x010100 + r.lanes
}

// batchGas is the whole cost of redeeming n contracts on reused lanes in one transaction of the payee's.
func (r *rig) batchGas(n int, token common.Address, payees []common.Address) uint64 {
	r.t.Helper()
	data := htlcABI.PackRedeemMany(r.reused(n, token, payees), big.NewInt(itemGas))
	receipt := r.mustSucceed(r.Send(evmtest.Call{From: r.payee, To: &r.htlc, Data: data}))
	if got := len(r.logs(receipt)); got < n {
		r.t.Fatalf("%d of %d redeemed", got, n)
	}
	return receipt.GasUsed
}

// What one more member costs in a batch, on reused lanes: exactly, and under the limits.
func TestGasOfBatches(t *testing.T) {
	config := evmtest.Osaka()
	if config.OsakaTime == nil || config.AmsterdamTime != nil || config.BogotaTime != nil {
		t.Fatal("the figures are for Osaka and nothing later")
	}
	t.Log("fork set: everything up to and with Osaka active from genesis, Amsterdam and Bogota off")
	r := newRig(t, config)
	token := r.Deploy("PlainToken")
	r.prepareToken(token)
	many := r.payees(20)
	t.Log("account states: lanes used once before, now at sequence 1; every payee exists; token balances of payee and deployment not zero")

	one := []common.Address{r.payee.Address}
	for _, row := range []struct {
		name        string
		token       common.Address
		payees      []common.Address
		want, limit uint64
	}{
		{"native, one payee", common.Address{}, one, 10_564, 11_000},
		{"native, different payees", common.Address{}, many, 20_239, 20_500},
		{"ERC-20, one payee", token.Address, one, 15_380, 0},
	} {
		first, ten, twenty := r.batchGas(1, row.token, row.payees), r.batchGas(10, row.token, row.payees), r.batchGas(20, row.token, row.payees)
		marginal := (twenty - ten) / 10
		t.Logf("%-26s 1: %d, 10: %d, 20: %d, marginal %d, at most %d", row.name, first, ten, twenty, marginal, row.limit)
		if marginal != row.want {
			t.Errorf("%s: one more costs %d gas, want exactly %d", row.name, marginal, row.want)
		}
		if row.limit > 0 && marginal > row.limit {
			t.Errorf("%s: one more costs %d gas, limit %d", row.name, marginal, row.limit)
		}
	}
}
