package signer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
)

type guardedBitcoin struct {
	g     *Guarded
	chain htlc.ChainID
	keys  bitcoin.Signer
}

func (b guardedBitcoin) AccountKey(branch bitcoin.Branch, index uint32) (*btcec.PublicKey, error) {
	return b.keys.AccountKey(branch, index)
}

func (b guardedBitcoin) LegKey(ctx context.Context, salt htlc.Salt, role bitcoin.Role, leg int) (*btcec.PublicKey, error) {
	return b.keys.LegKey(ctx, salt, role, leg)
}

// SignPSBT signs what the request does, not what it says.
func (b guardedBitcoin) SignPSBT(ctx context.Context, req bitcoin.SignRequest) ([]byte, error) {
	op := fmt.Sprintf("sign a %.16s on %s", string(req.Purpose), b.chain)
	if req.Chain != b.chain {
		return nil, refuse(op, "it is for %s", req.Chain)
	}
	seen, err := bitcoin.Inspect(req, b.keys.AccountKey)
	if err != nil {
		return nil, refuse(op, "%v", err)
	}
	if err := b.judge(op, req, seen); err != nil {
		return nil, err
	}
	return b.keys.SignPSBT(ctx, req)
}

func (b guardedBitcoin) judge(op string, req bitcoin.SignRequest, seen bitcoin.Inspection) error {
	fee := htlc.NewAmount(uint64(seen.Fee))
	coins := "coins " + digestOf(seen)
	switch req.Purpose {
	case bitcoin.ForFund:
		contract, err := contractOf(*req.Terms, req.Leg)
		if err != nil {
			return refuse(op, "%v", err)
		}
		if !b.g.journal.pays(seen.Swap, contract) {
			return refuse(op, "it has not signed the terms %s for leg %d", seen.Swap, seen.Leg)
		}
		if err := b.g.affordable(op, b.chain, coins, fee); err != nil {
			return err
		}
		return b.g.journal.bind(contract, refsOf(seen), b.g.now().UTC())
	case bitcoin.ForCancel:
		return b.g.affordable(op, b.chain, coins, fee)
	case bitcoin.ForRedeem, bitcoin.ForRefund:
		return b.paysOwner(op, seen)
	case bitcoin.ForWithdraw:
		if err := b.paysOwner(op, seen); err != nil {
			return err
		}
		if err := b.g.affordable(op, b.chain, coins, fee); err != nil {
			return err
		}
		return b.count(seen)
	}
	return refuse(op, "it does not know that")
}

// paysOwner: everything goes to the wallet or to listed addresses.
func (b guardedBitcoin) paysOwner(op string, seen bitcoin.Inspection) error {
	for _, out := range seen.Outputs {
		if out.Own {
			continue
		}
		if err := b.g.payable(op, b.chain, out.Address); err != nil {
			return err
		}
	}
	return nil
}

// count counts a withdrawal once for the coins that it spends: of two that spend
// the same, one is mined.
func (b guardedBitcoin) count(seen bitcoin.Inspection) error {
	var paid uint64
	for _, out := range seen.Outputs {
		if !out.Own {
			paid += uint64(out.Amount)
		}
	}
	if paid == 0 {
		return nil
	}
	params, err := bitcoin.ParamsOf(b.chain)
	if err != nil {
		return err
	}
	return b.g.take(entry{
		Key: fmt.Sprintf("pay %s %s", b.chain, digestOf(seen)), Asset: params.Asset, Amount: htlc.NewAmount(paid),
	})
}

// refsOf are the coins that are spent, in order.
func refsOf(seen bitcoin.Inspection) []string {
	var refs []string
	for _, in := range seen.Inputs {
		refs = append(refs, in.Ref)
	}
	slices.Sort(refs)
	return refs
}

// digestOf names the coins that are spent: of two that spend the same, one is
// mined.
func digestOf(seen bitcoin.Inspection) string {
	sum := sha256.Sum256([]byte(strings.Join(refsOf(seen), " ")))
	return hex.EncodeToString(sum[:])
}

type guardedEVM struct {
	g       *Guarded
	account evm.Signer
}

func (e guardedEVM) Address() common.Address { return e.account.Address() }

// SignTransaction signs what the bytes do.
func (e guardedEVM) SignTransaction(ctx context.Context, payload []byte) ([]byte, error) {
	const op = "sign a transaction"
	seen, err := evm.Inspect(payload, e.Address())
	if err != nil {
		return nil, refuse(op, "%v", err)
	}
	if err := e.judge(op+" ("+string(seen.Kind)+")", seen); err != nil {
		return nil, err
	}
	return e.account.SignTransaction(ctx, payload)
}

func (e guardedEVM) judge(op string, seen evm.Inspection) error {
	if err := e.g.serves(op, seen.Chain); err != nil {
		return err
	}
	fee, err := htlc.AmountFromBig(seen.MaxFee)
	if err != nil {
		return refuse(op, "%v", err)
	}
	switch seen.Kind {
	case evm.CallClose:
		return e.closes(op, seen, fee)
	case evm.CallIdle, evm.CallApprove:
	case evm.CallFund:
		for _, contract := range seen.Contracts {
			if !e.g.journal.funds(contract.Hex()) {
				return refuse(op, "it has signed no terms with contract %s", contract)
			}
		}
	case evm.CallPay:
		if err := e.g.payable(op, seen.Chain, seen.To.Hex()); err != nil {
			return err
		}
	default:
		return refuse(op, "it does not know that")
	}
	// Of two with one nonce one is mined.
	if err := e.g.affordable(op, seen.Chain, nonceOf(seen), fee); err != nil || seen.Kind != evm.CallPay {
		return err
	}
	return e.g.take(entry{Key: fmt.Sprintf("pay %s %d %s", seen.Chain, seen.Nonce, seen.Asset), Asset: seen.Asset, Amount: seen.Amount})
}

// SignConsent is off unless the rules turn it on: see Rules.Consent.
func (e guardedEVM) SignConsent(ctx context.Context, terms htlc.Terms, leg int) ([]byte, error) {
	const op = "consent to an early refund"
	if !e.g.rules.Consent {
		return nil, refuse(op, "its rules do not allow it")
	}
	if leg < 0 || leg >= len(terms.Legs) {
		return nil, refuse(op, "there is no leg %d", leg)
	}
	if err := e.g.serves(op, terms.Legs[leg].Chain()); err != nil {
		return nil, err
	}
	return e.account.SignConsent(ctx, terms, leg)
}
