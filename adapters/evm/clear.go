package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
)

// fate of a transaction that something after it waits for.
type fate uint8

const (
	keep   fate = iota // hand it over again, the node may have lost it
	raise              // sign the same again for more
	cancel             // use up its nonce with nothing
)

// haste: a funding in time is given up only for what pays for coming so many times as fast.
const haste = 2

// fateOf decides at the price that what comes after it offers. A funding that is late, or that its owner
// has released, or that no node has, must not come any more: its incoming leg may be gone. One that is in time
// is not raised, as its owner knows it by its id, and signs another once its nonce is used up.
//
// A payment is not raised either: those who have the first would be paid by both, and its owner has said
// what it may cost. A spend whose contract is not open any more does nothing but show what must not be
// shown, and one with a secret is handed out by its owner alone, until a node has it.
func (a *Adapter) fateOf(ctx context.Context, l line, tx *types.Transaction, want price) (fate, error) {
	byID := a.payment(tx) // its owner knows it by its id
	ins := a.intents(tx)
	living := 0
	for _, in := range ins {
		alive, err := a.alive(ctx, l, tx, in)
		if err != nil {
			return cancel, err
		}
		if alive {
			living++
		}
		byID = byID || in.kind == adapters.Funded
	}
	if living < len(ins) {
		if living == 0 || byID {
			return cancel, nil
		}
		// A batch that a node has shows its secrets anyway, so it goes on for the contracts that are left.
		// One that no node has must not show that of a contract that is gone.
		has, err := a.nodeHas(ctx, tx)
		if err != nil || !has {
			return cancel, err
		}
	}
	if tx.GasFeeCap().Cmp(want.cap) >= 0 {
		return keep, nil
	}
	atRisk := tx.GasFeeCap().Cmp(bumped(l.base())) < 0 // not sure to be in the next block
	if byID {
		slow := new(big.Int).Mul(effective(priceOf(tx), l.base()), big.NewInt(haste))
		if atRisk || effective(want, l.base()).Cmp(slow) >= 0 {
			return cancel, nil
		}
		return keep, nil
	}
	if atRisk || worthBumping(tx, want) {
		return raise, nil
	}
	return keep, nil
}

// alive reports whether a transaction may come, by what it would do to one contract.
func (a *Adapter) alive(ctx context.Context, l line, tx *types.Transaction, in intent) (bool, error) {
	if in.kind == adapters.Funded {
		r := l.lane(in.record)
		if r == nil || r.Released || l.late(*r) {
			return false, nil
		}
		// One that no node has may have lost its gate since: only its owner's Broadcast hands it out.
		return a.nodeHas(ctx, tx)
	}
	held, err := a.slotAt(ctx, in.record, l.head.Hash())
	if err != nil || held.Cmp(in.record.id(a.domain).Big()) != 0 {
		return false, err
	}
	if in.kind != adapters.Redeemed || a.taken[tx.Hash().Hex()] {
		return true, nil
	}
	// Announced, and maybe never sent.
	has, err := a.nodeHas(ctx, tx)
	if has {
		a.taken[tx.Hash().Hex()] = true
	}
	return has, err
}

// nodeHas asks by the hash, which does not tell the secret.
func (a *Adapter) nodeHas(ctx context.Context, tx *types.Transaction) (bool, error) {
	_, _, err := a.node.eth.TransactionByHash(ctx, tx.Hash())
	if unfound(err) {
		return false, nil
	}
	if err != nil {
		return false, unreachable("look for transaction "+tx.Hash().Hex(), err)
	}
	return true, nil
}

// late reports whether a funding of the lane must not be in a block after the tip.
func (l line) late(r LaneReservation) bool {
	return r.NotAfter != 0 && int64(l.head.Time) > r.NotAfter
}

// effective is what a block's maker gets of a unit of gas.
func effective(p price, base *big.Int) *big.Int {
	return minOf(p.tip, new(big.Int).Sub(p.cap, base))
}

// clear makes what stands before a nonce move, at the price that the transaction there offers. Failing is
// logged only: the transaction at hand is the caller's question, and the others have callers of their own.
func (a *Adapter) clear(ctx context.Context, l line, below uint64, want price) {
	for _, old := range l.owned {
		if old.Nonce < l.mined || old.Nonce >= below {
			continue
		}
		if err := a.advance(ctx, l, old, want); err != nil {
			a.log.Warn("an older transaction does not move", "tx", old.ID, "nonce", old.Nonce, "error", err)
		}
	}
}

func (a *Adapter) advance(ctx context.Context, l line, old adapters.Tx, want price) error {
	tx, err := a.parse(old)
	if err != nil {
		return err
	}
	decided, err := a.fateOf(ctx, l, tx, want)
	if err != nil {
		return err
	}
	switch decided {
	case cancel:
		return a.replace(ctx, old, tx, a.idleTx(old.Nonce, want))
	case raise:
		return a.replace(ctx, old, tx, types.DynamicFeeTx{
			Nonce: old.Nonce, GasTipCap: want.tip, GasFeeCap: want.cap, Gas: tx.Gas(), To: tx.To(), Value: tx.Value(), Data: tx.Data(),
		})
	case keep:
	}
	err = a.node.send(ctx, tx)
	if err == nil || known(err) {
		a.noteTaken(old.ID)
		return nil
	}
	if !a.noteRefusal(ctx, tx, err) {
		return fmt.Errorf("hand it over again: %w", err)
	}
	// The node waits for something at this nonce, and will not take this.
	return a.replace(ctx, old, tx, a.idleTx(old.Nonce, want))
}

// replace signs another at the same nonce, for at least a bump more, journals it and hands it over.
func (a *Adapter) replace(ctx context.Context, old adapters.Tx, tx *types.Transaction, inner types.DynamicFeeTx) error {
	p := over(tx, price{tip: inner.GasTipCap, cap: inner.GasFeeCap}, inner.Gas)
	inner.GasTipCap, inner.GasFeeCap = p.tip, p.cap
	made, err := a.sign(ctx, inner, old.ID)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("replace %s by %s", old.ID, made.ID)
	if err := a.announce(ctx, made, op); err != nil {
		return err
	}
	a.log.Info("an older transaction of the account is replaced", "tx", old.ID, "nonce", old.Nonce, "by", made.ID, "wei_per_gas", made.FeeRate)
	parsed, err := a.parse(made)
	if err != nil {
		return err
	}
	return a.send(ctx, parsed, op)
}

// over is the price that replaces a transaction: the wanted one, but a bump over the old at least, and no
// more than nodes relay where that suffices.
func over(old *types.Transaction, want price, units uint64) price {
	relayed := new(big.Int).Div(relayCap, new(big.Int).SetUint64(units))
	out := price{
		tip: maxOf(minOf(want.tip, relayed), bumped(old.GasTipCap())),
		cap: maxOf(minOf(want.cap, relayed), bumped(old.GasFeeCap())),
	}
	out.tip = minOf(out.tip, out.cap)
	return out
}

// reach is the most that the account can pay for a transaction of so much gas at a nonce: nodes refuse
// what together with the account's other transactions would cost more than it has, and those before it
// may have to be raised to its price.
func (a *Adapter) reach(ctx context.Context, l line, nonce, units uint64, market price) (*big.Int, error) {
	left, err := a.spendable(ctx)
	if err != nil {
		return nil, err
	}
	var before []gasAt
	for _, other := range l.owned {
		if other.Nonce == nonce {
			continue
		}
		tx, err := a.parse(other)
		if err != nil {
			return nil, err
		}
		if other.Nonce > nonce {
			if !a.refused[other.ID] {
				left.Sub(left, tx.Cost())
			}
			continue
		}
		gone := a.refused[other.ID]
		if !gone {
			decided, err := a.fateOf(ctx, l, tx, market)
			if err != nil {
				return nil, err
			}
			gone = decided == cancel
		}
		if gone {
			before = append(before, gasAt{payGas, bumped(tx.GasFeeCap())})
		} else {
			left.Sub(left, tx.Value())
			before = append(before, gasAt{tx.Gas(), bumped(tx.GasFeeCap())})
		}
	}
	return times(units, affordable(maxOf(left, new(big.Int)), units, before)), nil
}

// gasAt is gas that is paid for at least at a price.
type gasAt struct {
	units uint64
	least *big.Int
}

// affordable is a price of gas at which the units and those before them cost no more than left, where
// those before are raised to it if they are below.
func affordable(left *big.Int, units uint64, before []gasAt) *big.Int {
	total, spent := new(big.Int).SetUint64(units), new(big.Int)
	var dearest, cheapest *big.Int
	for _, g := range before {
		total.Add(total, new(big.Int).SetUint64(g.units))
		spent.Add(spent, times(g.units, g.least))
		if dearest == nil || g.least.Cmp(dearest) > 0 {
			dearest = g.least
		}
		if cheapest == nil || g.least.Cmp(cheapest) < 0 {
			cheapest = g.least
		}
	}
	alike := new(big.Int).Div(left, total)
	if dearest == nil || alike.Cmp(dearest) >= 0 {
		return alike
	}
	rest := maxOf(new(big.Int).Sub(left, spent), new(big.Int))
	below := minOf(new(big.Int).Div(rest, new(big.Int).SetUint64(units)), cheapest)
	return maxOf(below, rest.Div(rest, total))
}
