package evm

import (
	"context"
	"fmt"
	"log/slog"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Offline computes and signs without any node: what it is told of the chain, a
// person has typed in. It signs redeems and refunds only.
type Offline struct{ a *Adapter }

// NewOffline is for the chain, deployment and token of one leg.
func NewOffline(leg htlc.Leg, account HashSigner) (*Offline, error) {
	config := Config{Chain: leg.Chain(), Deployment: common.BytesToAddress(leg.Deployment)}
	if leg.Asset.Namespace() == "erc20" && common.IsHexAddress(leg.Asset.Reference()) {
		config.Tokens = []Token{{Address: common.HexToAddress(leg.Asset.Reference())}}
	}
	a, err := prepare(config, NewLocalSigner(account), noJournal{}, noLanes{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return &Offline{a}, nil
}

// noJournal and noLanes stand where an adapter has its stores. Nothing that is
// done offline asks for them.
type (
	noJournal struct{ Journal }
	laneStore = Lanes
	noLanes   struct{ laneStore }
)

// Sheet is everything about a leg's contract that can be computed from the
// Terms, for people.
type Sheet struct {
	ID         string `json:"id"`
	Deployment string `json:"deployment"`
	CodeHash   string `json:"codeHash"`
	// Slot is the storage key of the lane in the deployment: the contract is
	// open while it holds ID.
	Slot        string      `json:"slot"`
	Payer       string      `json:"payer"`
	Payee       string      `json:"payee"`
	Token       string      `json:"token,omitempty"`
	Account     string      `json:"account"`
	Amount      htlc.Amount `json:"amount"`
	Lane        uint64      `json:"lane"`
	Sequence    uint64      `json:"sequence"`
	TimeLock    int64       `json:"timeLock"`
	PaysAccount bool        `json:"paysAccount"`
	OfOwner     bool        `json:"ofOwner"` // the account is the payee; the payer
}

// Sheet describes a leg.
func (o *Offline) Sheet(terms htlc.Terms, leg int) (Sheet, error) {
	rec, err := o.a.record(terms, leg)
	if err != nil {
		return Sheet{}, err
	}
	account := o.a.account.Address()
	s := Sheet{
		ID: rec.id(o.a.domain).Hex(), Deployment: o.a.deployment.Hex(), CodeHash: o.a.codeHash.Hex(), Slot: rec.slotKey().Hex(),
		Payer: rec.leg.Funder.Hex(), Payee: rec.leg.Payee.Hex(), Account: account.Hex(), Amount: terms.Legs[leg].Amount,
		Lane: rec.leg.Lane, Sequence: rec.leg.Sequence, TimeLock: int64(rec.leg.TimeLock),
		PaysAccount: rec.leg.Payee == account, OfOwner: rec.leg.Funder == account,
	}
	if !rec.native() {
		s.Token = rec.leg.Token.Hex()
	}
	return s, nil
}

// TypedState is what a block explorer shows.
type TypedState struct {
	ChainID uint64
	// Slot is the content of the lane's storage slot.
	Slot common.Hash
	// Nonce is the account's next one.
	Nonce        uint64
	BaseFee, Tip *big.Int // wei per gas
	// Gas limit; zero for the one that always suffices.
	Gas uint64
}

// check compares what was typed with the Terms.
func (o *Offline) check(rec record, typed TypedState) error {
	const op = "compare what was typed in"
	id := rec.id(o.a.domain)
	switch {
	case typed.ChainID != o.a.chainID.Uint64():
		return mismatch(op, "chain id %d was typed in, the terms are for %s", typed.ChainID, o.a.chainID)
	case typed.Slot == id:
	case typed.Slot.Big().Bit(openBit) == 1:
		return mismatch(op, "the slot holds %s, another contract; the terms give %s", typed.Slot, id)
	case typed.Slot.Big().Cmp(new(big.Int).SetUint64(rec.leg.Sequence)) <= 0:
		return mismatch(op, "the slot holds sequence %s: the contract is not funded", typed.Slot.Big())
	default:
		return mismatch(op, "the slot holds sequence %s: the contract was redeemed or refunded already", typed.Slot.Big())
	}
	if typed.BaseFee == nil || typed.Tip == nil || typed.BaseFee.Sign() < 0 || typed.Tip.Sign() <= 0 {
		return mismatch(op, "a base fee and a tip above zero are needed, in wei per gas")
	}
	return nil
}

// Redeem signs the payment to the payee. It is the caller's to know that the
// secret may be shown.
func (o *Offline) Redeem(terms htlc.Terms, leg int, typed TypedState, secret htlc.Secret) (adapters.Tx, error) {
	rec, err := o.a.record(terms, leg)
	if err != nil {
		return adapters.Tx{}, err
	}
	if !secret.Opens(rec.hash) {
		return adapters.Tx{}, mismatch(fmt.Sprintf("redeem leg %d", leg), "the secret does not open it")
	}
	return o.sign(rec, typed, htlcCode.PackRedeem(rec.leg, secret.Reveal()), costsOf(rec.leg.Token).redeem.limit)
}

// Refund signs the payment back.
func (o *Offline) Refund(terms htlc.Terms, leg int, typed TypedState) (adapters.Tx, error) {
	rec, err := o.a.record(terms, leg)
	if err != nil {
		return adapters.Tx{}, err
	}
	return o.sign(rec, typed, htlcCode.PackRefund(rec.leg, rec.hash), costsOf(rec.leg.Token).refund.limit)
}

// sign offers twice the base fee, so that a few full blocks do not keep it out.
func (o *Offline) sign(rec record, typed TypedState, data []byte, limit uint64) (adapters.Tx, error) {
	if err := o.check(rec, typed); err != nil {
		return adapters.Tx{}, err
	}
	if typed.Gas > 0 {
		limit = typed.Gas
	}
	feeCap := new(big.Int).Lsh(typed.BaseFee, 1)
	feeCap.Add(feeCap, typed.Tip)
	return o.a.sign(context.Background(), types.DynamicFeeTx{
		Nonce: typed.Nonce, GasTipCap: typed.Tip, GasFeeCap: feeCap, Gas: limit, To: &o.a.deployment, Value: new(big.Int), Data: data,
	}, "")
}
