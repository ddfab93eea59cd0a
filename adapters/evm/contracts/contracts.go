// Package contracts holds the Solidity source of the Htlc deployment and what the pinned compiler made
// of it, so that users of the Go code need no compiler.
//
// The deployment is made through the deterministic deployment proxy, which puts the same creation code
// at the same address on every chain. Its runtime code differs per chain in one 32-byte value, the
// domain, fixed by the constructor from chain id and address. The caller must compare the code it finds
// on a chain with [RuntimeHash] before it trusts anything there.
package contracts

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math/big"
	"sync"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

//go:generate sh ../generate.sh

//go:embed artifacts/Htlc.json
var htlcJSON []byte

// Artifact is a contract as compiled by compile.mjs.
type Artifact struct {
	Source       string          `json:"source"`
	SourceSHA256 string          `json:"sourceSha256"`
	Compiler     string          `json:"compiler"`
	ABI          json.RawMessage `json:"abi"`
	Bytecode     hexutil.Bytes   `json:"bytecode"`
	Runtime      hexutil.Bytes   `json:"runtime"`
	// Immutables are the places in Runtime where the constructor puts the domain.
	Immutables []int `json:"immutables"`
}

// ParseArtifact reads an artifact and checks that its parts fit together.
func ParseArtifact(data []byte) (Artifact, error) {
	var a Artifact
	if err := json.Unmarshal(data, &a); err != nil {
		return Artifact{}, fmt.Errorf("parse artifact: %w", err)
	}
	if len(a.Bytecode) == 0 || len(a.Runtime) == 0 {
		return Artifact{}, fmt.Errorf("artifact of %q has no code", a.Source)
	}
	for _, at := range a.Immutables {
		if at < 0 || at > len(a.Runtime)-common.HashLength {
			return Artifact{}, fmt.Errorf("artifact of %q: immutable at %d outside the code", a.Source, at)
		}
	}
	return a, nil
}

// Htlc is the compiled deployment.
var Htlc = sync.OnceValue(func() Artifact {
	a, err := ParseArtifact(htlcJSON)
	if err != nil {
		panic(err) // embedded at build time: a bad file is a bad build
	}
	return a
})

// Proxy is the deterministic deployment proxy: it creates whatever code follows a 32-byte salt in its
// call data, by CREATE2.
var Proxy = common.HexToAddress("0x4e59b44847b379578588920cA78FbF26c0B4956C")

// ProxyDeployer signed [ProxyTransaction] only. Nobody has its key: the signature was chosen, and the
// account follows from it.
var ProxyDeployer = common.HexToAddress("0x3fAB184622Dc19b6109349B94811493BF2a45362")

// ProxyCost is what ProxyDeployer must own for ProxyTransaction, in wei.
var ProxyCost = big.NewInt(1e16)

// ProxyTransaction is the published transaction that creates the proxy on a chain that lacks it. It
// carries no chain id, so a node may have to be told to relay it.
var ProxyTransaction = hexutil.MustDecode("0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffff" +
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b80" +
	"82525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a0222222222222222222" +
	"2222222222222222222222222222222222222222222222")

// Salt of the deployment.
var Salt [32]byte

// Address is where the proxy puts the deployment, on every chain.
func Address() common.Address {
	return crypto.CreateAddress2(Proxy, Salt, crypto.Keccak256(Htlc().Bytecode))
}

// DeployData is the call data for the proxy that creates the deployment.
func DeployData() []byte {
	return append(Salt[:], Htlc().Bytecode...)
}

// The words of the deployment's EIP-712 domain and of its one message.
const (
	DomainName    = "Kofo Htlc"
	DomainVersion = "1"
	domainType    = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
	consentType   = "EarlyRefund(bytes32 id)"
)

// Domain is the EIP-712 separator of chain id and deployment, which the deployment mixes into every id.
func Domain(chainID *big.Int, deployment common.Address) common.Hash {
	return crypto.Keccak256Hash(
		crypto.Keccak256([]byte(domainType)), crypto.Keccak256([]byte(DomainName)), crypto.Keccak256([]byte(DomainVersion)),
		common.LeftPadBytes(chainID.Bytes(), 32),
		common.LeftPadBytes(deployment.Bytes(), 32),
	)
}

// ConsentDigest is what a payee signs to consent to the refund of the contract before its time lock: an
// EIP-712 message EarlyRefund(bytes32 id) under the deployment's domain.
func ConsentDigest(domain, id common.Hash) common.Hash {
	message := crypto.Keccak256(crypto.Keccak256([]byte(consentType)), id[:])
	return crypto.Keccak256Hash([]byte{0x19, 0x01}, domain[:], message)
}

// RuntimeHash is the hash that the code of a genuine deployment has on the chain.
func RuntimeHash(chainID *big.Int, deployment common.Address) common.Hash {
	a := Htlc()
	code := append([]byte(nil), a.Runtime...)
	domain := Domain(chainID, deployment)
	for _, at := range a.Immutables {
		copy(code[at:], domain[:])
	}
	return crypto.Keccak256Hash(code)
}

// Interface parses the artifact's interface.
func (a Artifact) Interface() (*abi.ABI, error) {
	var parsed abi.ABI
	if err := json.Unmarshal(a.ABI, &parsed); err != nil {
		return nil, fmt.Errorf("interface of %q: %w", a.Source, err)
	}
	return &parsed, nil
}
