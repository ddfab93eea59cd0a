package rescue

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
)

// Typed is what a person has read off block explorers. Which fields count
// depends on the leg's chain and on what is made.
type Typed struct {
	// Bitcoin family: the funding, and sat/vB.
	TxID    string
	Index   uint32
	Satoshi int64
	Address string
	FeeRate float64
	To      string // where it pays; empty for an own address
	// EVM: the chain's number, the content of the lane's slot, the account's
	// next nonce, wei per gas, and the account's balance in wei.
	ChainID      uint64
	Slot         string
	Nonce        uint64
	BaseFee, Tip *big.Int
	Gas          uint64
	Balance      *big.Int

	// Confirmations of the funding.
	Confirmations uint64
	// Clock is the chain's: the median time of Bitcoin, the time stamp of
	// Ethereum's last block. Unix seconds.
	Clock int64
	// Unspent: the explorer shows the contract as not spent.
	Unspent bool
	// Sources is how many explorers or nodes say all this.
	Sources int
}

// Spend is a signed transaction, ready to be broadcast.
type Spend struct {
	Chain    string `json:"chain"`
	Kind     string `json:"kind"` // redeem or refund
	TxID     string `json:"txid"`
	Raw      string `json:"raw"`  // hexadecimal; of a redeem, with the secret in it
	Coin     string `json:"coin"` // in which the fee is paid
	Fee      string `json:"fee"`  // most that it costs, in base units of the chain's coin
	VSize    uint64 `json:"vsize,omitempty"`
	GasLimit uint64 `json:"gasLimit,omitempty"`
	// Pays is what it pays to whom.
	Pays []Payment `json:"pays"`
	// Method is that of a node's JSON-RPC that broadcasts it.
	Method string `json:"method"`
	// Earliest is from when on the chain takes it, by its clock; 0: now.
	Earliest int64 `json:"earliest"`
	// PayerRefunds is from when on, by the chain's clock, the payer can take the
	// leg back, so that a redeem comes too late; 0 for a refund.
	PayerRefunds int64 `json:"payerRefunds,omitempty"`
	// Warnings are what the owner should know before broadcasting.
	Warnings []string `json:"warnings,omitempty"`
	// Ask is the call that a node can try before it is handed the refund, on a
	// chain that charges for refunds which do nothing. It shows no secret: nil
	// for a redeem.
	Ask *Call `json:"-"`
}

// Call is what a node of an EVM chain tries without a transaction (eth_call).
type Call struct {
	From string `json:"from"`
	To   string `json:"to"`
	Data string `json:"data"`
	Gas  string `json:"gas"`
}

// MayBroadcast is nil unless the chain would take the spend at its clock, charge
// for it and leave the contract as it is. Bitcoin refuses what comes too early;
// Ethereum mines it.
func (s Spend) MayBroadcast(clock int64) error {
	if s.Ask == nil || clock >= s.Earliest {
		return nil
	}
	return &Error{ReasonNotOpen, fmt.Errorf(
		"the chain's clock is %d, the time lock opens at %d: sent now, the refund would cost its fee and do nothing", clock, s.Earliest)}
}

// Refund takes our own leg back. Before the time lock it is made all the same, to
// be kept: Bitcoin refuses it then, and Ethereum takes the fee for nothing.
func (k *Kit) Refund(typed Typed) (Spend, error) {
	out := k.Out()
	s, err := k.make(out, "refund", typed, nil)
	if err != nil {
		return s, err
	}
	s.Earliest = k.Terms.Legs[out].TimeLock + 1
	family, err := k.FamilyOf(out)
	if family == EVM {
		s.Earliest = k.Terms.Legs[out].TimeLock
	}
	switch {
	case typed.Clock >= s.Earliest:
	case family == EVM:
		s.Warnings = append(s.Warnings, "Don't send it before the chain's clock is at the time lock: the chain would charge its fee and leave your coins locked, and this refund could not be sent again. Keep it until then, and send nothing else from the account.")
	default:
		s.Warnings = append(s.Warnings, "The chain refuses it before its clock is past the time lock; Bitcoin's clock runs about an hour late. Keep it until then.")
	}
	return s, err
}

// RedeemKnown takes the incoming leg with a secret that is out. It passes no
// gate: what is known to others cannot be held back.
func (k *Kit) RedeemKnown(typed Typed, secret htlc.Secret) (Spend, error) {
	if !secret.Opens(k.Terms.SecretHash) {
		return Spend{}, mismatch("this secret does not open the hash of the terms")
	}
	return k.make(k.In(), "redeem", typed, &secret)
}

// RedeemOwn takes the incoming leg with the initiator's own secret, which
// nobody has seen yet. The conditions of the reveal gate are judged by what was
// typed in; where one does not hold, an error names it, unless anyway says that
// the owner knows better.
func (k *Kit) RedeemOwn(typed Typed, anyway bool) (Spend, error) {
	secret, err := k.Secret()
	if err != nil {
		return Spend{}, err
	}
	s, err := k.make(k.In(), "redeem", typed, &secret)
	if err != nil {
		return Spend{}, err
	}
	verdict, err := k.reveal(typed, s)
	if err != nil {
		return Spend{}, err
	}
	var against []string
	for _, f := range verdict.Holding() {
		text := string(f.Condition)
		if f.Detail != "" {
			text += ": " + f.Detail
		}
		against = append(against, text)
	}
	if len(against) > 0 && !anyway {
		return Spend{}, &Error{ReasonHeld, fmt.Errorf("to show the secret now is not safe. Not shown to hold: %s", strings.Join(against, "; "))}
	}
	s.Warnings = append(s.Warnings,
		"These bytes hold your secret. Whoever sees them can take the leg that you pay. Broadcast them at once, or destroy them.")
	for _, text := range against {
		s.Warnings = append(s.Warnings, "Not shown to hold: "+text)
	}
	return s, nil
}

// reveal asks the reveal gate, with what was typed in as observations.
func (k *Kit) reveal(typed Typed, s Spend) (htlc.Verdict, error) {
	in := k.In()
	view := htlc.Swap{ID: k.Terms.ID(), Terms: k.Terms, Self: k.Self, Signed: true, Phase: htlc.PhaseFunded, RedeemTx: s.TxID}
	view.Legs = make([]htlc.LegState, len(k.Terms.Legs))
	view.Legs[in].Status = htlc.LegInBlock
	if typed.Confirmations >= uint64(k.Terms.Legs[in].MinConfirmations) {
		view.Legs[in].Status = htlc.LegConfirmed
	}
	agree := htlc.Observed{State: htlc.CheckPassed}
	if typed.Sources < 2 {
		agree = htlc.Observed{Detail: "one explorer may lie: look at a second one, and say so"}
	}
	means, err := k.means(typed, s)
	if err != nil {
		return nil, err
	}
	return htlc.RevealGate(view, htlc.RevealFacts{
		Clock:         typed.Clock,
		StateRead:     htlc.Observed{State: htlc.Checked(typed.Unspent), Detail: "say that the explorer shows it as unspent"},
		BackEndsAgree: agree,
		// What was typed in says no more than depth and that two sources agree.
		Final: htlc.Observed{
			State: htlc.Checked(view.Legs[in].Status == htlc.LegConfirmed), Detail: "wait for more confirmations, and for the explorer to call it final",
		},
		ChainsCalm: agree,
		// On Bitcoin the script was run; on an EVM chain the payout goes to a
		// plain account of our own, which refuses nothing.
		RedeemRuns: htlc.Observed{State: htlc.CheckPassed}, RedeemMeans: means, DiskSpace: htlc.Observed{State: htlc.CheckPassed},
	}), nil
}

// means: on Bitcoin the redeemed coins pay, elsewhere the account does.
func (k *Kit) means(typed Typed, s Spend) (htlc.Observed, error) {
	family, err := k.FamilyOf(k.In())
	if err != nil || family == Bitcoin {
		return htlc.Observed{State: htlc.CheckPassed}, err
	}
	if typed.Balance == nil {
		return htlc.Observed{Detail: "type in the account's balance"}, nil
	}
	fee, ok := new(big.Int).SetString(s.Fee, 10)
	if !ok {
		return htlc.Observed{}, mismatch("the fee %q is no number", s.Fee)
	}
	return htlc.Observed{State: htlc.Checked(typed.Balance.Cmp(fee) >= 0), Detail: fmt.Sprintf("it may cost %s wei", s.Fee)}, nil
}

// make builds and signs. No secret means a refund.
func (k *Kit) make(leg int, kind string, typed Typed, secret *htlc.Secret) (Spend, error) {
	family, err := k.FamilyOf(leg)
	if err != nil {
		return Spend{}, err
	}
	s := Spend{Chain: string(k.Terms.Legs[leg].Chain()), Kind: kind}
	var tx adapters.Tx
	if family == Bitcoin {
		tx, s.VSize, err = k.makeBitcoin(leg, typed, secret)
	} else {
		tx, s.GasLimit, err = k.makeEVM(leg, typed, secret)
	}
	if err != nil {
		return Spend{}, &Error{ReasonMismatch, err}
	}
	s.TxID, s.Raw, s.Fee, s.Method = tx.ID, hex.EncodeToString(tx.Raw), tx.Fee.String(), "sendrawtransaction"
	if family == Bitcoin {
		params, err := bitcoin.ParamsOf(k.Terms.Legs[leg].Chain())
		if err != nil {
			return Spend{}, err
		}
		s.Coin = params.Symbol
	} else {
		s.Coin = "ETH"
		s.Raw, s.Method = "0x"+s.Raw, "eth_sendRawTransaction"
		if secret == nil {
			if s.Ask, err = askOf(tx.Raw, tx.Account); err != nil {
				return s, err
			}
		}
	}
	if secret != nil {
		s.PayerRefunds = k.Terms.Legs[leg].TimeLock
		if typed.Clock >= s.PayerRefunds {
			s.Warnings = append(s.Warnings, "The time lock of the leg is past, so its payer may refund it first. Broadcast this at once, and pay enough for the next block.")
		}
	}
	s.Pays, err = k.payments(leg, tx.Raw)
	return s, err
}

// askOf is the call that a signed transaction makes.
func askOf(raw []byte, from string) (*Call, error) {
	var tx types.Transaction
	if err := tx.UnmarshalBinary(raw); err != nil || tx.To() == nil {
		return nil, mismatch("what was signed is no call: %v", err)
	}
	return &Call{From: from, To: tx.To().Hex(), Data: hexutil.Encode(tx.Data()), Gas: hexutil.EncodeUint64(tx.Gas())}, nil
}

func (k *Kit) makeBitcoin(leg int, typed Typed, secret *htlc.Secret) (adapters.Tx, uint64, error) {
	o, err := k.bitcoin(leg)
	if err != nil {
		return adapters.Tx{}, 0, err
	}
	out := bitcoin.TypedOutput{
		Ref: fmt.Sprintf("%s:%d", typed.TxID, typed.Index), Satoshi: typed.Satoshi, Address: typed.Address,
		FeeRate: uint64(typed.FeeRate*1000 + 0.5), To: typed.To,
	}
	if secret == nil {
		return o.Refund(k.Terms, leg, out)
	}
	return o.Redeem(k.Terms, leg, out, *secret)
}

func (k *Kit) makeEVM(leg int, typed Typed, secret *htlc.Secret) (adapters.Tx, uint64, error) {
	o, err := k.evm(leg)
	if err != nil {
		return adapters.Tx{}, 0, err
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(typed.Slot, "0x"))
	if err != nil || len(raw) > common.HashLength {
		return adapters.Tx{}, 0, fmt.Errorf("the content of the slot, %q, is not 64 hexadecimal digits", typed.Slot)
	}
	state := evm.TypedState{
		ChainID: typed.ChainID, Slot: common.BytesToHash(raw), Nonce: typed.Nonce, BaseFee: typed.BaseFee, Tip: typed.Tip, Gas: typed.Gas,
	}
	var tx adapters.Tx
	if secret == nil {
		tx, err = o.Refund(k.Terms, leg, state)
	} else {
		tx, err = o.Redeem(k.Terms, leg, state, *secret)
	}
	if err != nil {
		return tx, 0, err
	}
	fee := tx.Fee.Big()
	return tx, fee.Div(fee, new(big.Int).SetUint64(tx.FeeRate)).Uint64(), nil
}
