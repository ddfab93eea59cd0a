package evm

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
)

// Abandon makes it impossible for fundings of ours to lock: the nonce of the last lock is used up by a
// transaction that does nothing. The least that replaces the funding is paid above the budget too, because
// what is charged is the block's price and not the offer.
//
// The fundings are void once the account's nonce is above all of their locks' in the state at the asked
// depth, and the lane there still has the sequence number that they want to find: then they were never
// mined, or failed. From the first call on Fund and Broadcast refuse fundings of the leg.
func (a *Adapter) Abandon(ctx context.Context, req adapters.Abandonment) (adapters.Abandoned, error) {
	rec, err := a.record(req.Terms, req.Leg)
	if err != nil {
		return adapters.Abandoned{}, err
	}
	last, err := a.lastLock(req, rec)
	if err != nil {
		return adapters.Abandoned{}, err
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.Abandoned{}, err
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	l, err := a.line(ctx)
	if err != nil {
		return adapters.Abandoned{}, err
	}
	held, err := a.slotAt(ctx, rec, l.head.Hash())
	if err != nil {
		return adapters.Abandoned{}, err
	}
	if a.wasOpened(rec, held) {
		return adapters.Abandoned{}, nil // it is in a block after all: the facts tell
	}
	if err := a.forbid(ctx, l, rec); err != nil {
		return adapters.Abandoned{}, err
	}
	if last < l.mined {
		void, err := a.voidAt(ctx, l, rec, last, req.Confirmations)
		return adapters.Abandoned{Void: void}, err
	}
	tx, err := a.revoke(ctx, l, req, rec, last)
	return adapters.Abandoned{Tx: tx}, err
}

// lastLock is the highest nonce of the fundings' locks.
func (a *Adapter) lastLock(req adapters.Abandonment, rec record) (uint64, error) {
	op := fmt.Sprintf("abandon leg %d of %s", req.Leg, req.Owner)
	var last *types.Transaction
	for _, tx := range req.Fundings {
		parsed, err := a.parse(tx)
		if err != nil {
			return 0, err
		}
		if tx.Account != a.accountName() {
			return 0, mismatch(op, "account %s is not ours", tx.Account)
		}
		if a.locks(parsed, rec) && (last == nil || parsed.Nonce() > last.Nonce()) {
			last = parsed
		}
	}
	if last == nil {
		return 0, mismatch(op, "none of its %d transactions locks it", len(req.Fundings))
	}
	return last.Nonce(), nil
}

// locks reports whether a transaction is a funding of the record.
func (a *Adapter) locks(tx *types.Transaction, rec record) bool {
	for _, got := range a.fundings(tx) {
		if got.id(a.domain) == rec.id(a.domain) {
			return true
		}
	}
	return false
}

// abandonedAt is a time to fund by that has passed on every chain.
const abandonedAt = 1

// forbid writes down that no funding of the record may come any more, before the first of them is replaced.
func (a *Adapter) forbid(ctx context.Context, l line, rec record) error {
	r := l.lane(rec)
	if r == nil || r.NotAfter == abandonedAt {
		return nil
	}
	r.NotAfter = abandonedAt
	if err := a.lanes.PutLane(ctx, *r); err != nil {
		return fmt.Errorf("mark lane %d as abandoned: %w", r.Lane, err)
	}
	return nil
}

// wasOpened reports whether a lane shows that the record is open, or that its sequence number is used up.
func (a *Adapter) wasOpened(rec record, held *big.Int) bool {
	if held.Bit(openBit) == 1 {
		return held.Cmp(rec.id(a.domain).Big()) == 0
	}
	return held.Cmp(new(big.Int).SetUint64(rec.leg.Sequence)) > 0
}

// voidAt reads the state at the depth that counts as final.
func (a *Adapter) voidAt(ctx context.Context, l line, rec record, last, confirmations uint64) (bool, error) {
	height, depth := l.head.Number.Uint64(), max(confirmations, 1)
	if depth > height {
		return false, nil
	}
	deep, err := a.node.header(ctx, height-depth+1)
	if err != nil || deep == nil {
		return false, unreachable("read the block of the asked depth", err)
	}
	nonce, err := a.node.eth.NonceAtHash(ctx, a.account.Address(), deep.Hash())
	if err != nil {
		return false, unreachable("read the nonce at the asked depth", err)
	}
	if nonce <= last {
		return false, nil
	}
	held, err := a.slotAt(ctx, rec, deep.Hash())
	if err != nil {
		return false, err
	}
	return held.Cmp(new(big.Int).SetUint64(rec.leg.Sequence)) == 0, nil
}

// revoke signs what uses up the nonce, or returns what was signed where that serves. Where nothing was ever
// announced at nonces before it, those are used up first, one with each call: a node takes none out of
// turn. It is nil where something else of ours waits at the nonce.
func (a *Adapter) revoke(ctx context.Context, l line, req adapters.Abandonment, rec record, last uint64) (*adapters.Tx, error) {
	p, base, err := a.market(ctx)
	if err != nil {
		return nil, err
	}
	nonce := min(last, l.next)
	left, err := a.reach(ctx, l, nonce, payGas, p)
	if err != nil {
		return nil, err
	}
	want, err := a.climb(p, base, req.Fees, limits{units: payGas, left: left, worth: rec.value()})
	if err != nil {
		return nil, err
	}
	replaces := ""
	if owner := l.owner(nonce); owner != nil {
		held, err := a.parse(*owner)
		switch {
		case err != nil:
			return nil, err
		case !a.idle(held) && !a.locks(held, rec):
			a.clear(ctx, l, nonce+1, want)
			return nil, nil
		case a.idle(held) && !worthBumping(held, want) && !a.refused[owner.ID]:
			return renamed(*owner, req.Replace), nil
		}
		replaces = owner.ID
	}
	for _, tx := range append(slices.Clone(req.Fundings), l.owned...) {
		if tx.Nonce != nonce || a.refused[tx.ID] {
			continue
		}
		parsed, err := a.parse(tx)
		if err != nil {
			return nil, err
		}
		want = over(parsed, want, payGas)
	}
	if old := req.Replace; old != nil && old.Nonce == nonce && (replaces == "" || old.Replaces == replaces) {
		parsed, err := a.parse(*old)
		if err != nil {
			return nil, err
		}
		if a.idle(parsed) && parsed.GasFeeCap().Cmp(want.cap) >= 0 && parsed.GasTipCap().Cmp(want.tip) >= 0 {
			return old, nil // signed and not announced yet
		}
	}
	made, err := a.sign(ctx, a.idleTx(nonce, want), replaces)
	return &made, err
}

// renamed is the owner of a nonce as the caller knows it: what it has stored is named as what it replaces.
func renamed(owner adapters.Tx, stored *adapters.Tx) *adapters.Tx {
	if stored != nil && stored.ID != owner.ID && stored.Nonce == owner.Nonce {
		owner.Replaces = stored.ID
	}
	return &owner
}
