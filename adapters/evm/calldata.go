package evm

import (
	"bytes"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/htlc"
)

// intent is what one member of a call wants to do to one contract.
type intent struct {
	kind   adapters.FactKind
	record record
	secret *htlc.Secret
}

// maxMembers bounds how much of a foreign batch is read.
const maxMembers = 256

// calls reads call data for the deployment.
type calls struct{ abi abi.ABI }

func parseCalls() (calls, error) {
	parsed, err := abi.JSON(strings.NewReader(bindings.HtlcMetaData.ABI))
	return calls{abi: parsed}, err
}

// decode says what call data, sent by from with value, asks of the deployment. Anything else gives nothing.
func (c calls) decode(from common.Address, value *big.Int, data []byte) []intent {
	if len(data) < 4 {
		return nil
	}
	method, err := c.abi.MethodById(data[:4])
	if err != nil {
		return nil
	}
	values, err := method.Inputs.Unpack(data[4:])
	if err != nil {
		return nil
	}
	switch method.Name {
	case "fund", "fundToken":
		return decodeFund(method, values, from, value)
	case "fundMany":
		items := *abi.ConvertType(values[0], new([]bindings.HtlcFunding)).(*[]bindings.HtlcFunding)
		return decodeFundMany(items, from)
	case "redeem":
		leg := *abi.ConvertType(values[0], new(bindings.HtlcLeg)).(*bindings.HtlcLeg)
		return []intent{redeemIntent(leg, values[1].([32]byte))}
	case "refund":
		leg := *abi.ConvertType(values[0], new(bindings.HtlcLeg)).(*bindings.HtlcLeg)
		return []intent{{kind: adapters.Refunded, record: record{leg: leg, hash: values[1].([32]byte)}}}
	case "refundByConsent":
		leg := *abi.ConvertType(values[0], new(bindings.HtlcLeg)).(*bindings.HtlcLeg)
		return []intent{{kind: adapters.ClosedByConsent, record: record{leg: leg, hash: values[1].([32]byte)}}}
	case "redeemMany":
		items := *abi.ConvertType(values[0], new([]bindings.HtlcRedemption)).(*[]bindings.HtlcRedemption)
		var out []intent
		for _, item := range items[:min(len(items), maxMembers)] {
			out = append(out, redeemIntent(item.Leg, item.Secret))
		}
		return out
	case "refundMany":
		items := *abi.ConvertType(values[0], new([]bindings.HtlcReclaim)).(*[]bindings.HtlcReclaim)
		var out []intent
		for _, item := range items[:min(len(items), maxMembers)] {
			out = append(out, intent{kind: adapters.Refunded, record: record{leg: item.Leg, hash: item.SecretHash}})
		}
		return out
	}
	return nil
}

func decodeFund(method *abi.Method, values []any, from common.Address, value *big.Int) []intent {
	named := map[string]any{}
	for i, input := range method.Inputs {
		named[input.Name] = values[i]
	}
	rec := record{
		leg: bindings.HtlcLeg{
			Funder: from, Lane: named["lane"].(uint64), Sequence: named["sequence"].(uint64),
			Payee: named["payee"].(common.Address), RefundTo: named["refundTo"].(common.Address),
			Amount: value, TimeLock: named["timeLock"].(uint64),
		},
		hash: named["secretHash"].([32]byte),
	}
	if token, ok := named["token"].(common.Address); ok {
		rec.leg.Token, rec.leg.Amount = token, named["amount"].(*big.Int)
	}
	return []intent{{kind: adapters.Funded, record: rec}}
}

func decodeFundMany(items []bindings.HtlcFunding, from common.Address) []intent {
	var out []intent
	for _, f := range items[:min(len(items), maxMembers)] {
		out = append(out, intent{kind: adapters.Funded, record: record{
			leg: bindings.HtlcLeg{
				Funder: from, Lane: f.Lane, Sequence: f.Sequence, Payee: f.Payee, RefundTo: f.RefundTo,
				Amount: f.Amount, TimeLock: f.TimeLock,
			},
			hash: f.SecretHash,
		}})
	}
	return out
}

func redeemIntent(leg bindings.HtlcLeg, raw [32]byte) intent {
	in := intent{kind: adapters.Redeemed, record: record{leg: leg}}
	// 32 bytes are always a secret; whether it opens anything is seen from the id.
	if secret, err := htlc.NewSecret(bytes.Clone(raw[:])); err == nil {
		in.secret, in.record.hash = &secret, secret.Hash()
	}
	return in
}
