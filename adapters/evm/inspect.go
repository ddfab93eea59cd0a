package evm

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
)

// CallKind is what an unsigned transaction does.
type CallKind string

// The kinds. Nothing of another kind is ever asked of a signer.
const (
	CallIdle    CallKind = "idle"    // pays nothing to oneself: uses up a nonce
	CallFund    CallKind = "fund"    // locks coins under contracts
	CallClose   CallKind = "close"   // redeems or refunds: pays only whom the contracts name
	CallApprove CallKind = "approve" // lets the deployment take tokens, or takes that back
	CallPay     CallKind = "pay"     // pays somebody
)

// Inspection is what an unsigned transaction does, read from its bytes alone.
type Inspection struct {
	Kind  CallKind
	Chain htlc.ChainID
	Nonce uint64
	// Contracts that are funded or closed.
	Contracts []common.Hash
	// To, Asset and Amount of a payment, and the asset of an approval.
	To     common.Address
	Asset  htlc.AssetID
	Amount htlc.Amount
	// MaxFee in wei.
	MaxFee *big.Int
	// Text says it in words.
	Text string
}

// Inspect reads what account is asked to sign. What is none of the kinds is
// refused.
func Inspect(payload []byte, account common.Address) (Inspection, error) {
	u, err := DecodeUnsigned(payload)
	if err != nil {
		return Inspection{}, err
	}
	reader, err := callReader()
	if err != nil {
		return Inspection{}, fmt.Errorf("read the deployment's interface: %w", err)
	}
	chain := htlc.ChainID(fmt.Sprintf("eip155:%d", u.ChainID))
	out := Inspection{
		Chain: chain, Nonce: u.Nonce, MaxFee: new(big.Int).Mul(new(big.Int).SetUint64(u.Gas), u.FeeCap), Text: u.Summary(),
	}
	switch {
	case u.To == contracts.Address():
		err = out.readDeployment(reader, u, account)
	case len(u.Data) == 0 && u.To == account && u.Value.Sign() == 0:
		out.Kind = CallIdle
	case len(u.Data) == 0:
		out.Kind, out.To, out.Asset = CallPay, u.To, htlc.AssetID(string(chain)+"/slip44:60")
		out.Amount, err = htlc.AmountFromBig(u.Value)
	default:
		err = out.readToken(u)
	}
	return out, err
}

// readDeployment reads a call of the deployment.
func (i *Inspection) readDeployment(reader calls, u Unsigned, account common.Address) error {
	const op = "read a call of the deployment"
	found := reader.decode(account, u.Value, u.Data)
	if len(found) == 0 {
		return mismatch(op, "it is none that is known")
	}
	domain := contracts.Domain(new(big.Int).SetUint64(u.ChainID), u.To)
	i.Kind = CallClose
	for n, in := range found {
		if n > 0 && (in.kind == adapters.Funded) != (i.Kind == CallFund) {
			return mismatch(op, "it funds and closes at once")
		}
		if in.kind == adapters.Funded {
			i.Kind = CallFund
		}
		i.Contracts = append(i.Contracts, in.record.id(domain))
	}
	switch {
	case i.Kind == CallFund && len(found) > 1:
		return mismatch(op, "it funds %d contracts at once", len(found))
	case i.Kind == CallFund && found[0].record.native() != (u.Value.Sign() > 0):
		return mismatch(op, "it carries %s wei beside what it locks", u.Value)
	case i.Kind == CallClose && u.Value.Sign() != 0:
		return mismatch(op, "it carries %s wei that nothing takes", u.Value)
	}
	return nil
}

// readToken reads an approval of the deployment, or a payment in a token.
func (i *Inspection) readToken(u Unsigned) error {
	const op = "read a call of a token"
	if u.Value.Sign() != 0 || len(u.Data) < 4 {
		return mismatch(op, "it is none that is known")
	}
	i.Asset = htlc.AssetID(fmt.Sprintf("%s/erc20:0x%x", i.Chain, u.To[:]))
	for _, name := range []string{"approve", "transfer"} {
		method := tokenABI.Methods[name]
		if !bytes.HasPrefix(u.Data, method.ID) {
			continue
		}
		values, err := method.Inputs.Unpack(u.Data[4:])
		if err != nil {
			return mismatch(op, "%v", err)
		}
		to, isAddress := values[0].(common.Address)
		amount, isNumber := values[1].(*big.Int)
		again, err := method.Inputs.Pack(values...)
		if err != nil || !isAddress || !isNumber || !bytes.Equal(again, u.Data[4:]) {
			return mismatch(op, "its arguments are not in their one encoding")
		}
		if name == "approve" {
			if i.Kind = CallApprove; to != contracts.Address() {
				return mismatch(op, "it lets %s take tokens", to)
			}
			return nil
		}
		i.Kind, i.To = CallPay, to
		i.Amount, err = htlc.AmountFromBig(amount)
		return err
	}
	return mismatch(op, "it is none that is known")
}

// ContractOf computes a leg's contract from the Terms, and who pays it.
func ContractOf(terms htlc.Terms, leg int) (id common.Hash, payer, payee common.Address, err error) {
	rec, call, err := callOf(terms, leg)
	if err != nil {
		return id, payer, payee, err
	}
	return call.Contract, rec.leg.Funder, rec.leg.Payee, nil
}
