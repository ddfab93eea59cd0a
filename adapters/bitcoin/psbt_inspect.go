package bitcoin

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/kofo-network/kofo/htlc"
)

var errPurpose = errors.New("it does something else than it is said to be for")

// Inspection is what a transaction does that is to be signed, for the person or
// the rule that decides. It is computed from the PSBT and the Terms; nothing in
// it is what the asker says.
type Inspection struct {
	Purpose SignPurpose
	Swap    htlc.SwapID // zero where the request names no Terms
	Leg     int
	Inputs  []InspectedInput
	Outputs []InspectedOutput
	Fee     int64 // satoshi
	// NotBefore, where not zero, is when it can be mined: the time lock of a
	// refund. Until, where not zero, is when it comes too late: the time lock of
	// a redeem, the end of the time to fund.
	NotBefore, Until int64 // unix seconds, by the chain's clock
	Symbol           string
}

// InspectedInput is one coin that is spent.
type InspectedInput struct {
	Ref    string
	Amount int64
	// Key names the key of a contract's input; nil for an own coin.
	Key    *LegKeyRef
	Redeem bool // of a contract's input
}

// InspectedOutput is one payment.
type InspectedOutput struct {
	Address string
	Amount  int64
	Own     bool // pays the wallet that signs
	// Contract: it is the contract of the request's leg.
	Contract bool
}

// AccountKeys gives the public keys of the wallet that signs.
type AccountKeys func(branch Branch, index uint32) (*btcec.PublicKey, error)

// Inspect says what a request asks for. It refuses what does not fit its
// purpose:
//
//   - fund pays the contract of the Terms exactly, and the rest to the wallet;
//   - redeem and refund spend contracts by that leaf. With Terms it is one, and
//     theirs;
//   - cancel spends own coins, and pays the wallet alone;
//   - withdraw spends own coins.
//
// Whom a redeem, a refund or a withdrawal may pay, and for how much, is for the
// caller to judge, and whether the keys are its own.
func Inspect(req SignRequest, account AccountKeys) (Inspection, error) {
	params, err := ParamsOf(req.Chain)
	if err != nil {
		return Inspection{}, err
	}
	packet, err := decodePSBT(req.PSBT)
	if err != nil {
		return Inspection{}, err
	}
	out := Inspection{Purpose: req.Purpose, Leg: req.Leg, Symbol: params.Symbol}
	var c *contract
	if req.Terms != nil {
		out.Swap = req.Terms.ID()
		if c, err = buildContract(params, *req.Terms, req.Leg); err != nil {
			return Inspection{}, err
		}
	}
	if err = out.readInputs(packet); err == nil {
		err = out.readOutputs(packet, params, account, c)
	}
	if err == nil {
		err = out.judge(packet, c)
	}
	if err != nil {
		return Inspection{}, badPSBT(err)
	}
	return out, nil
}

func (i *Inspection) readInputs(packet *psbt.Packet) error {
	for n := range packet.Inputs {
		p := &packet.Inputs[n]
		in, err := inputOf(p)
		if err == nil && p.SighashType != txscript.SigHashDefault {
			err = fmt.Errorf("%w: another kind of signature is asked for", errPSBT)
		}
		if err != nil {
			return fmt.Errorf("input %d: %w", n, err)
		}
		read := InspectedInput{Ref: refOf(packet.UnsignedTx.TxIn[n].PreviousOutPoint), Amount: in.prev.Value}
		if in.leaf != nil {
			_, redeem, err := in.leaf.key()
			if err != nil {
				return fmt.Errorf("input %d: %w", n, err)
			}
			by := in.by
			read.Key, read.Redeem = &by, redeem
			if (by.Role == Payee) != redeem {
				return fmt.Errorf("input %d: %w: the key is not that of its branch", n, errPSBT)
			}
		}
		i.Inputs = append(i.Inputs, read)
		i.Fee += in.prev.Value
	}
	return nil
}

func (i *Inspection) readOutputs(packet *psbt.Packet, params Params, account AccountKeys, c *contract) error {
	for n, out := range packet.UnsignedTx.TxOut {
		_, addresses, _, err := txscript.ExtractPkScriptAddrs(out.PkScript, params.Net)
		if err != nil || len(addresses) != 1 {
			return fmt.Errorf("output %d: %w", n, errPayout)
		}
		read := InspectedOutput{Address: addresses[0].EncodeAddress(), Amount: out.Value}
		read.Contract = c != nil && bytes.Equal(out.PkScript, c.script)
		if found := packet.Outputs[n].TaprootBip32Derivation; len(found) > 0 {
			if read.Own, err = ownOutput(found, out.PkScript, account); err != nil {
				return fmt.Errorf("output %d: %w", n, err)
			}
		}
		i.Outputs = append(i.Outputs, read)
		i.Fee -= out.Value
	}
	return nil
}

// ownOutput computes the script of the path that an output claims.
func ownOutput(found []*psbt.TaprootBip32Derivation, script []byte, account AccountKeys) (bool, error) {
	at, err := pathOf(found)
	if err != nil {
		return false, err
	}
	key, err := account(at.branch, at.index)
	if err != nil {
		return false, err
	}
	want, err := txscript.PayToTaprootScript(txscript.ComputeTaprootKeyNoScript(key))
	if err != nil || !bytes.Equal(want, script) {
		return false, fmt.Errorf("%w: it is not that of path %d/%d", errPSBT, at.branch, at.index)
	}
	return true, nil
}

// judge compares what it does with what it is said to be for.
func (i *Inspection) judge(packet *psbt.Packet, c *contract) error {
	switch i.Purpose {
	case ForFund:
		return i.judgeFund(c)
	case ForRedeem, ForRefund:
		return i.judgeSpend(packet, c)
	case ForCancel, ForWithdraw:
		for _, in := range i.Inputs {
			if in.Key != nil {
				return fmt.Errorf("%w: %s is a contract", errPurpose, in.Ref)
			}
		}
		for _, out := range i.Outputs {
			if i.Purpose == ForCancel && !out.Own {
				return fmt.Errorf("%w: it pays %s", errPurpose, out.Address)
			}
		}
		return nil
	}
	return fmt.Errorf("%w: unknown purpose %.40q", errPurpose, string(i.Purpose))
}

func (i *Inspection) judgeFund(c *contract) error {
	if c == nil {
		return fmt.Errorf("%w: a funding needs its terms", errPurpose)
	}
	var locked int
	for _, out := range i.Outputs {
		switch {
		case out.Contract && out.Amount == c.amount:
			locked++
		case !out.Own:
			return fmt.Errorf("%w: it pays %d satoshi to %s", errPurpose, out.Amount, out.Address)
		}
	}
	if locked != 1 {
		return fmt.Errorf("%w: it locks the contract %d times", errPurpose, locked)
	}
	for _, in := range i.Inputs {
		if in.Key != nil {
			return fmt.Errorf("%w: %s is a contract", errPurpose, in.Ref)
		}
	}
	i.Until = c.terms.Legs[c.leg].FundBy
	return nil
}

func (i *Inspection) judgeSpend(packet *psbt.Packet, c *contract) error {
	redeem := i.Purpose == ForRedeem
	for n, in := range i.Inputs {
		if in.Key == nil || in.Redeem != redeem {
			return fmt.Errorf("%w: %s is no contract, or its other branch", errPurpose, in.Ref)
		}
		if c == nil {
			continue
		}
		if by := (LegKeyRef{c.terms.Salt, in.Key.Role, c.leg}); *in.Key != by || string(packet.Inputs[n].WitnessUtxo.PkScript) != string(c.script) {
			return fmt.Errorf("%w: %s is not the contract of the terms", errPurpose, in.Ref)
		}
	}
	if !redeem {
		i.NotBefore = int64(packet.UnsignedTx.LockTime)
	}
	if c == nil {
		return nil
	}
	if len(i.Inputs) != 1 || i.Inputs[0].Amount != c.amount {
		return fmt.Errorf("%w: the terms lock %d satoshi, once", errPurpose, c.amount)
	}
	if redeem {
		i.Until = int64(c.timeLock)
	}
	return nil
}

// String says it in words.
func (i Inspection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", i.Purpose)
	if i.Swap != (htlc.SwapID{}) {
		fmt.Fprintf(&b, " leg %d of swap %s", i.Leg, hex.EncodeToString(i.Swap[:]))
	}
	for _, in := range i.Inputs {
		what := "own coin"
		if in.Key != nil {
			what = "contract"
		}
		fmt.Fprintf(&b, "\n  spends %s %s of %s %s", what, in.Ref, coinsOf(in.Amount), i.Symbol)
	}
	for _, out := range i.Outputs {
		what := "somebody else"
		switch {
		case out.Own:
			what = "this wallet"
		case out.Contract:
			what = "the contract"
		}
		fmt.Fprintf(&b, "\n  pays   %s %s to %s, %s", coinsOf(out.Amount), i.Symbol, out.Address, what)
	}
	fmt.Fprintf(&b, "\n  fee    %s %s", coinsOf(i.Fee), i.Symbol)
	if i.NotBefore > 0 {
		fmt.Fprintf(&b, "\n  valid  once the chain's clock is past %d", i.NotBefore)
	}
	if i.Until > 0 {
		fmt.Fprintf(&b, "\n  of use until the chain's clock is %d", i.Until)
	}
	return b.String()
}

// coinsOf writes satoshi as whole coins.
func coinsOf(satoshi int64) string { return fmt.Sprintf("%d.%08d", satoshi/1e8, satoshi%1e8) }

// ContractOf is the id of a leg's contract, computed from the Terms alone.
func ContractOf(terms htlc.Terms, leg int) (string, error) {
	if leg < 0 || leg >= len(terms.Legs) {
		return "", mismatch("there is no leg %d", leg)
	}
	params, err := ParamsOf(terms.Legs[leg].Chain())
	if err != nil {
		return "", err
	}
	c, err := buildContract(params, terms, leg)
	if err != nil {
		return "", err
	}
	return c.id, nil
}
