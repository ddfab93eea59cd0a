package signer

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
)

// closeFactor: how much more than another transaction a redeem or refund of
// signed Terms may cost, whatever it is worth. A token's worth in the coin that
// fees are paid in is not known here, and at a deadline not to sign is what loses.
const closeFactor = 10

// dayFactor: what all transactions of a chain may cost in 24 hours, as a multiple
// of what one may, where the rules do not say it.
const dayFactor = 100

// The most that one transaction may cost where the rules do not say it: a
// twentieth of a coin where accounts pay for gas, which is 166 gwei for the most
// gas that a redeem of tokens asks for, and a hundredth of one in the Bitcoin
// family.
const (
	defaultGasFee  = 5e16
	defaultCoinFee = 1e6
)

// mostFee is the most that one transaction of a chain may cost.
func (r Rules) mostFee(chain htlc.ChainID) htlc.Amount {
	if most := r.MaxFees[chain]; !most.IsZero() {
		return most
	}
	if chain.Namespace() == "eip155" {
		return htlc.NewAmount(defaultGasFee)
	}
	return htlc.NewAmount(defaultCoinFee)
}

// dayFees is the most that all of them may cost in 24 hours.
func (r Rules) dayFees(chain htlc.ChainID) *big.Int {
	if most := r.FeesPerDay[chain]; !most.IsZero() {
		return most.Big()
	}
	return multiple(r.mostFee(chain), dayFactor)
}

func multiple(a htlc.Amount, by int64) *big.Int { return new(big.Int).Mul(a.Big(), big.NewInt(by)) }

// feesOf is the account of a chain's fees in the journal, apart from what is paid
// in the same coin: fees must not use up what swaps may give, nor the other way.
func feesOf(chain htlc.ChainID) htlc.AssetID { return htlc.AssetID(string(chain) + "/fees") }

// affordable refuses a fee that is over what one transaction may cost, or with
// which the fees of a day pass half of what they may be: the other half is kept
// for redeems and refunds of signed Terms. Key names what can be mined once: a
// nonce, or the coins that are spent.
func (g *Guarded) affordable(op string, chain htlc.ChainID, key string, fee htlc.Amount) error {
	if most := g.rules.mostFee(chain); fee.Cmp(most) > 0 {
		return refuse(op, "a fee of %s base units on %s, at most %s", fee, chain, most)
	}
	return g.countFee(chain, key, fee, new(big.Int).Rsh(g.rules.dayFees(chain), 1))
}

// countFee writes a fee down unless the fees of 24 hours pass the limit with it.
func (g *Guarded) countFee(chain htlc.ChainID, key string, fee htlc.Amount, limit *big.Int) error {
	perDay, err := htlc.AmountFromBig(limit)
	if err != nil {
		return refuse("count a fee", "%v", err)
	}
	if perDay.IsZero() { // half of one: a limit of zero would be none
		perDay = htlc.NewAmount(1)
	}
	e := entry{At: g.now().UTC(), Key: fmt.Sprintf("fee %s %s", chain, key), Asset: feesOf(chain), Amount: fee}
	return g.journal.take(e, Limit{PerDay: perDay})
}

// closes judges the fee of a redeem or refund on an EVM chain. It is paid out of
// the wallet, not out of the contract, and what a contract holds, or whether
// there is one, cannot be seen from here. So a contract says nothing for itself:
// only those of Terms that were signed may cost more than any other transaction.
func (e guardedEVM) closes(op string, seen evm.Inspection, fee htlc.Amount) error {
	most, known := e.worth(seen)
	if !known {
		return e.g.affordable(op+" of a contract that it has signed no terms with", seen.Chain, nonceOf(seen), fee)
	}
	if fee.Big().Cmp(most) > 0 {
		return refuse(op, "a fee of %s wei, at most %s", fee, most)
	}
	return e.g.countFee(seen.Chain, nonceOf(seen), fee, e.g.rules.dayFees(seen.Chain))
}

func nonceOf(seen evm.Inspection) string { return fmt.Sprintf("nonce %d", seen.Nonce) }

// worth is what closing contracts may cost: each what it pays, where that is the
// chain's own coin, and closeFactor times the fee of another transaction at least.
// It is known where Terms were signed with all of them.
func (e guardedEVM) worth(seen evm.Inspection) (most *big.Int, known bool) {
	coin := htlc.AssetID(string(seen.Chain) + "/slip44:60")
	most = new(big.Int)
	counted := map[common.Hash]bool{}
	for _, id := range seen.Contracts {
		if counted[id] {
			continue
		}
		counted[id] = true
		found, known := e.g.journal.contract(id.Hex())
		if !known {
			return nil, false
		}
		each := multiple(e.g.rules.mostFee(seen.Chain), closeFactor)
		if amount := found.Amount.Big(); found.Asset == coin && amount.Cmp(each) > 0 {
			each = amount
		}
		most.Add(most, each)
	}
	return most, len(counted) > 0
}
