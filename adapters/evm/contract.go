package evm

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/htlc"
)

var htlcCode = bindings.NewHtlc()

// record is a leg as the deployment sees it.
type record struct {
	leg  bindings.HtlcLeg
	hash htlc.SecretHash
}

// open is the bit that tells an id from a sequence number in a lane.
const openBit = 255

func word(v uint64) []byte { return common.LeftPadBytes(new(big.Int).SetUint64(v).Bytes(), 32) }

func addressWord(a common.Address) []byte { return common.LeftPadBytes(a[:], 32) }

// id is the record's name on the chain and the content of its lane while it is open.
func (r record) id(domain common.Hash) common.Hash {
	id := crypto.Keccak256Hash(
		domain[:], addressWord(r.leg.Funder), word(r.leg.Lane), word(r.leg.Sequence), addressWord(r.leg.Payee),
		addressWord(r.leg.RefundTo), addressWord(r.leg.Token), common.LeftPadBytes(r.leg.Amount.Bytes(), 32),
		word(r.leg.TimeLock), r.hash[:],
	)
	id[0] |= 0x80
	return id
}

// slotKey is where the deployment stores the lane: a mapping at place 0, keyed by funder and lane.
func slotKey(funder common.Address, lane uint64) common.Hash {
	key := new(big.Int).Lsh(new(big.Int).SetBytes(funder[:]), 64)
	key.Or(key, new(big.Int).SetUint64(lane))
	return crypto.Keccak256Hash(common.LeftPadBytes(key.Bytes(), 32), make([]byte, 32))
}

func (r record) slotKey() common.Hash { return slotKey(r.leg.Funder, r.leg.Lane) }

func (r record) native() bool { return r.leg.Token == (common.Address{}) }

func (r record) fundData() []byte {
	l := r.leg
	if r.native() {
		return htlcCode.PackFund(l.Lane, l.Sequence, l.Payee, l.RefundTo, r.hash, l.TimeLock)
	}
	return htlcCode.PackFundToken(l.Lane, l.Sequence, l.Payee, l.RefundTo, l.Token, l.Amount, r.hash, l.TimeLock)
}

// value is the native amount that the funding carries.
func (r record) value() *big.Int {
	if r.native() {
		return r.leg.Amount
	}
	return new(big.Int)
}

// record computes the leg's record from the Terms and refuses what this chain cannot carry.
func (a *Adapter) record(terms htlc.Terms, index int) (record, error) {
	if index < 0 || index >= len(terms.Legs) {
		return record{}, mismatch("compute the contract", "the terms have no leg %d", index)
	}
	leg := terms.Legs[index]
	op := fmt.Sprintf("compute the contract of leg %d", index)
	token, err := a.token(leg.Asset)
	if err != nil {
		return record{}, err
	}
	switch {
	case terms.Hash != htlc.HashSHA256:
		return record{}, mismatch(op, "hash function %d is not SHA-256", terms.Hash)
	case common.BytesToAddress(leg.Deployment) != a.deployment || len(leg.Deployment) != common.AddressLength:
		return record{}, mismatch(op, "deployment %x is not %s", leg.Deployment, a.deployment)
	case len(leg.PayerKey) != common.AddressLength || len(leg.PayeeKey) != common.AddressLength:
		return record{}, badAddress(op, "an address has 20 bytes")
	case common.BytesToAddress(leg.PayerKey) == (common.Address{}), common.BytesToAddress(leg.PayeeKey) == (common.Address{}):
		return record{}, badAddress(op, "the zero address pays nobody")
	case common.BytesToAddress(leg.PayeeKey) == a.deployment:
		return record{}, badAddress(op, "the deployment cannot be a payee")
	case leg.Amount.IsZero():
		return record{}, mismatch(op, "the amount is zero")
	case !leg.ServiceFee.IsZero():
		return record{}, mismatch(op, "a contract pays no service fee")
	case leg.TimeLock <= 0:
		return record{}, mismatch(op, "time lock %d", leg.TimeLock)
	}
	return record{
		leg: bindings.HtlcLeg{
			Funder: common.BytesToAddress(leg.PayerKey), Lane: leg.Lane, Sequence: leg.Sequence,
			Payee: common.BytesToAddress(leg.PayeeKey), Token: token, Amount: leg.Amount.Big(),
			TimeLock: uint64(leg.TimeLock),
		},
		hash: terms.SecretHash,
	}, nil
}

func badAddress(op, why string) error {
	return &adapters.Error{Reason: "BAD_ADDRESS", Op: op, Err: fmt.Errorf("%w: %s", adapters.ErrBadAddress, why)}
}

// token is the address of an asset's token, zero for the native coin.
func (a *Adapter) token(asset htlc.AssetID) (common.Address, error) {
	unknown := &adapters.Error{
		Reason: "UNKNOWN_ASSET", Op: fmt.Sprintf("look up %q on %s", asset, a.config.Chain),
		Advice: "the operator lists tokens in the configuration", Err: adapters.ErrUnknownAsset,
	}
	if err := asset.Validate(); err != nil || asset.Chain() != a.config.Chain {
		return common.Address{}, unknown
	}
	if asset == a.native {
		return common.Address{}, nil
	}
	if asset.Namespace() != "erc20" || !common.IsHexAddress(asset.Reference()) {
		return common.Address{}, unknown
	}
	address := common.HexToAddress(asset.Reference())
	if _, listed := a.tokens[address]; !listed || a.assetOf(address) != asset {
		return common.Address{}, unknown
	}
	return address, nil
}

// assetOf is the one spelling of a token's asset id.
func (a *Adapter) assetOf(token common.Address) htlc.AssetID {
	if token == (common.Address{}) {
		return a.native
	}
	return htlc.AssetID(fmt.Sprintf("%s/erc20:0x%x", a.config.Chain, token[:]))
}

// Contract computes the leg's contract from the Terms alone.
func (a *Adapter) Contract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	r, err := a.record(terms, leg)
	if err != nil {
		return adapters.Contract{}, err
	}
	return adapters.Contract{
		ID: r.id(a.domain).Hex(), Swap: terms.ID(), Leg: leg, Chain: a.config.Chain, Address: a.deployment.Hex(),
	}, nil
}
