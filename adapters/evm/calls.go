package evm

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
	"sync"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
)

// Call is a call of the deployment that anybody may send, with any account, any nonce and any fee: the coins go
// only where the Terms say. It carries no value. So what a tower, or a rescue without the wallet, needs of this
// chain family is this, and an account that pays the gas.
type Call struct {
	Chain htlc.ChainID
	To    common.Address // the deployment
	// Contract is the id that the call is about: its lane holds it while it is open, and the deployment's
	// events name it.
	Contract common.Hash
	// Lane is where the deployment stores the id, for eth_getStorageAt.
	Lane common.Hash
	// Data is the call data. That of a redeem ends with the secret, so it prints redacted.
	Data adapters.RawTx
}

// RedeemCalldata pays the leg to its payee. The call shows the secret.
func RedeemCalldata(terms htlc.Terms, leg int, secret htlc.Secret) (Call, error) {
	rec, call, err := callOf(terms, leg)
	if err != nil {
		return Call{}, err
	}
	if !secret.Opens(rec.hash) {
		return Call{}, mismatch(fmt.Sprintf("redeem leg %d", leg), "the secret does not open it")
	}
	call.Data = htlcCode.PackRedeem(rec.leg, secret.Reveal())
	return call, nil
}

// RedeemTemplate is RedeemCalldata before the secret is known: whoever sees it on another chain appends its 32
// bytes to the data.
func RedeemTemplate(terms htlc.Terms, leg int) (Call, error) {
	rec, call, err := callOf(terms, leg)
	if err != nil {
		return Call{}, err
	}
	data := htlcCode.PackRedeem(rec.leg, [32]byte{})
	call.Data = data[:len(data)-common.HashLength]
	return call, nil
}

// RefundCalldata pays the leg back to its payer, once the chain's time has reached the time lock.
func RefundCalldata(terms htlc.Terms, leg int) (Call, error) {
	rec, call, err := callOf(terms, leg)
	if err != nil {
		return Call{}, err
	}
	call.Data = htlcCode.PackRefund(rec.leg, rec.hash)
	return call, nil
}

// callOf computes a leg's record from the Terms alone. They must name the deployment of this release: the code
// elsewhere is not known here.
func callOf(terms htlc.Terms, leg int) (record, Call, error) {
	op := fmt.Sprintf("compute a call for leg %d", leg)
	if leg < 0 || leg >= len(terms.Legs) {
		return record{}, Call{}, mismatch(op, "the terms have no such leg")
	}
	chain := terms.Legs[leg].Chain()
	id, err := strconv.ParseUint(chain.Reference(), 10, 63)
	if chain.Namespace() != "eip155" || err != nil || id == 0 {
		return record{}, Call{}, mismatch(op, "chain %q is not of this family", chain)
	}
	// An adapter without node and account computes the same record, so that there is one rule only.
	a := &Adapter{
		config: Config{Chain: chain}, deployment: contracts.Address(), tokens: map[common.Address]Token{},
		native: htlc.AssetID(string(chain) + "/slip44:60"),
	}
	if asset := terms.Legs[leg].Asset; asset.Namespace() == "erc20" && common.IsHexAddress(asset.Reference()) {
		a.tokens[common.HexToAddress(asset.Reference())] = Token{}
	}
	rec, err := a.record(terms, leg)
	if err != nil {
		return record{}, Call{}, err
	}
	domain := contracts.Domain(new(big.Int).SetUint64(id), a.deployment)
	return rec, Call{Chain: chain, To: a.deployment, Contract: rec.id(domain), Lane: rec.slotKey()}, nil
}

// callReader is made once: reading the interface takes longer than reading a call.
var callReader = sync.OnceValues(parseCalls)

// ReadCall says what stored call data do, for people and for checks before they are sent: the payee or refund
// address, the token (zero for the chain's own coin), the amount and the time lock.
func ReadCall(data []byte) (ReadableCall, error) {
	reader, err := callReader()
	if err != nil {
		return ReadableCall{}, fmt.Errorf("read the deployment's interface: %w", err)
	}
	bad := mismatch("read call data", "neither a redeem nor a refund of the deployment")
	if len(data) < 4 {
		return ReadableCall{}, bad
	}
	method, err := reader.abi.MethodById(data[:4])
	if err != nil || method.Name != "redeem" && method.Name != "refund" {
		return ReadableCall{}, bad
	}
	values, err := method.Inputs.Unpack(data[4:])
	if err != nil || len(values) != 2 {
		return ReadableCall{}, bad
	}
	again, err := method.Inputs.Pack(values...)
	if err != nil || !bytes.Equal(again, data[4:]) {
		return ReadableCall{}, bad
	}
	return readable(method.Name, *abi.ConvertType(values[0], new(bindings.HtlcLeg)).(*bindings.HtlcLeg))
}

// ReadableCall is what a call pays to whom.
type ReadableCall struct {
	Verb      string // "redeem" or "refund"
	To, Token common.Address
	Amount    htlc.Amount
	TimeLock  uint64
}

func (r ReadableCall) String() string {
	what := "of the chain's own coin, in wei,"
	if r.Token != (common.Address{}) {
		what = fmt.Sprintf("of token %s, in base units,", r.Token)
	}
	return fmt.Sprintf("%s %s %s to %s; time lock %d", r.Verb, r.Amount, what, r.To, r.TimeLock)
}

func readable(verb string, leg bindings.HtlcLeg) (ReadableCall, error) {
	amount, err := htlc.AmountFromBig(leg.Amount)
	if err != nil {
		return ReadableCall{}, fmt.Errorf("read call data: %w", err)
	}
	out := ReadableCall{Verb: verb, To: leg.Payee, Token: leg.Token, Amount: amount, TimeLock: leg.TimeLock}
	if verb == "refund" {
		if out.To = leg.RefundTo; out.To == (common.Address{}) {
			out.To = leg.Funder
		}
	}
	return out, nil
}
