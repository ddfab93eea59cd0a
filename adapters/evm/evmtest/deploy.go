package evmtest

import (
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters/evm/contracts"
)

// DeployHtlc puts the deployment at its deterministic address, the proxy before it, and checks the code.
func (c *Chain) DeployHtlc() common.Address {
	c.t.Helper()
	c.Must(Call{From: c.Accounts[0], To: &contracts.ProxyDeployer, Value: contracts.ProxyCost})
	var tx types.Transaction
	if err := tx.UnmarshalBinary(contracts.ProxyTransaction); err != nil {
		c.t.Fatalf("proxy transaction: %v", err)
	}
	c.Submit(&tx)
	c.Commit()
	if r := c.Receipt(&tx); r.ContractAddress != contracts.Proxy {
		c.t.Fatalf("proxy at %s", r.ContractAddress)
	}
	c.Must(Call{From: c.Accounts[0], To: &contracts.Proxy, Data: contracts.DeployData()})
	return contracts.Address()
}

// Contract is a deployed test contract.
type Contract struct {
	Address common.Address
	ABI     *abi.ABI
	chain   *Chain
}

// Artifact reads a compiled test contract by name.
func Artifact(t testing.TB, name string) contracts.Artifact {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(self), "..", "contracts", "testdata", "artifacts", name+".json"))
	if err != nil {
		t.Fatalf("artifact: %v", err)
	}
	a, err := contracts.ParseArtifact(data)
	if err != nil {
		t.Fatalf("artifact: %v", err)
	}
	return a
}

// Deploy creates a test contract by name.
func (c *Chain) Deploy(name string) *Contract {
	c.t.Helper()
	a := Artifact(c.t, name)
	parsed, err := a.Interface()
	if err != nil {
		c.t.Fatal(err)
	}
	r := c.Must(Call{From: c.Accounts[0], Data: a.Bytecode})
	return &Contract{Address: r.ContractAddress, ABI: parsed, chain: c}
}

// Pack encodes a call of the contract.
func (k *Contract) Pack(method string, args ...any) []byte {
	k.chain.t.Helper()
	data, err := k.ABI.Pack(method, args...)
	if err != nil {
		k.chain.t.Fatalf("pack %s: %v", method, err)
	}
	return data
}

// Must calls a method in a transaction that has to succeed.
func (k *Contract) Must(from Account, method string, args ...any) *types.Receipt {
	k.chain.t.Helper()
	return k.chain.Must(Call{From: from, To: &k.Address, Data: k.Pack(method, args...)})
}

// Uint reads a view that returns one number.
func (k *Contract) Uint(method string, args ...any) *big.Int {
	k.chain.t.Helper()
	out := k.view(method, args...)
	n, ok := out.(*big.Int)
	if !ok {
		k.chain.t.Fatalf("%s returned %T", method, out)
	}
	return n
}

// Bool reads a view that returns one truth value.
func (k *Contract) Bool(method string, args ...any) bool {
	k.chain.t.Helper()
	out := k.view(method, args...)
	b, ok := out.(bool)
	if !ok {
		k.chain.t.Fatalf("%s returned %T", method, out)
	}
	return b
}

func (k *Contract) view(method string, args ...any) any {
	k.chain.t.Helper()
	raw, err := k.chain.Client.CallContract(k.chain.Context(), ethereum.CallMsg{To: &k.Address, Data: k.Pack(method, args...)}, nil)
	if err != nil {
		k.chain.t.Fatalf("call %s: %v", method, err)
	}
	out, err := k.ABI.Unpack(method, raw)
	if err != nil || len(out) != 1 {
		k.chain.t.Fatalf("unpack %s: %v", method, err)
	}
	return out[0]
}
