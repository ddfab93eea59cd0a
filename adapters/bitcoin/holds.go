package bitcoin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// hold is a Hold with the name of its owner taken apart: whose coin it is, for
// what amount, and the id of the transaction that was signed last to spend it.
// Only that one may be broadcast, so that bytes which were signed before a
// release, or before the funding was abandoned, can never take coins that serve
// something else by now.
type hold struct {
	owner  string
	amount int64 // letGo: the owner has released it
	tx     string
	used   bool
}

// letGo is the amount of a used hold whose owner needs to know no more what
// became of the coin.
const letGo = 0

// kept reports whether the coin must not be forgotten: its owner may yet ask
// what has spent it. A withdrawal does not ask, and nobody releases it.
func (h hold) kept() bool {
	return h.amount != letGo && !strings.HasPrefix(h.owner, withdrawals)
}

// mark stands between the parts of a stored name: owner, transaction, amount.
const mark = "#"

func readHold(stored Hold) hold {
	h := hold{owner: stored.Owner, used: stored.Used}
	last := strings.LastIndex(stored.Owner, mark)
	middle := strings.LastIndex(stored.Owner[:max(last, 0)], mark)
	if middle < 0 {
		return h
	}
	amount, err := strconv.ParseInt(stored.Owner[last+len(mark):], 10, 64)
	if err != nil {
		return h
	}
	h.owner, h.tx, h.amount = stored.Owner[:middle], stored.Owner[middle+len(mark):last], amount
	return h
}

func (h hold) name() string { return h.owner + mark + h.tx + mark + strconv.FormatInt(h.amount, 10) }

// hold commits coins to owner, for an amount.
func (w *wallet) hold(ctx context.Context, owner string, amount int64, points []wire.OutPoint) error {
	h := hold{owner: owner, amount: amount}
	if err := w.store(func() error { return w.holds.Hold(ctx, h.name(), points) }); err != nil {
		return fmt.Errorf("reserve coins for %s: %w", owner, err)
	}
	for _, point := range points {
		w.held[point] = h
	}
	return nil
}

// names are the stored names of an owner's holds.
func (w *wallet) names(owner string) map[string]bool {
	names := make(map[string]bool)
	for _, h := range w.held {
		if h.owner == owner {
			names[h.name()] = true
		}
	}
	return names
}

// release frees what the owner has not used, and lets the rest be forgotten
// with its coins.
func (w *wallet) release(ctx context.Context, owner string) error {
	for name := range w.names(owner) {
		if err := w.store(func() error { return w.holds.Release(ctx, name) }); err != nil {
			return fmt.Errorf("release the coins of %s: %w", owner, err)
		}
	}
	for point, h := range w.held {
		if h.owner == owner && !h.used {
			delete(w.held, point)
		}
	}
	return w.rename(ctx, owner, func(h hold) hold { h.amount = letGo; return h })
}

// rename changes owner or transaction of all holds of an owner.
func (w *wallet) rename(ctx context.Context, owner string, change func(hold) hold) error {
	for name := range w.names(owner) {
		to := change(readHold(Hold{Owner: name})).name()
		if to == name {
			continue
		}
		if err := w.store(func() error { return w.holds.Adopt(ctx, name, to) }); err != nil {
			return fmt.Errorf("rename the holds of %s: %w", owner, err)
		}
	}
	for point, h := range w.held {
		if h.owner == owner {
			w.held[point] = change(h)
		}
	}
	return nil
}

// bind makes tx the one transaction that may spend the owner's coins.
func (w *wallet) bind(ctx context.Context, owner string, tx *wire.MsgTx) error {
	id := tx.TxHash().String()
	return w.rename(ctx, owner, func(h hold) hold { h.tx = id; return h })
}

// bindUsed makes tx the one transaction that may spend its inputs, which may
// have been on their way with another: they stay used when owner releases.
func (w *wallet) bindUsed(ctx context.Context, owner string, tx *wire.MsgTx) error {
	_, whole := w.heldBy(owner)
	points := pointsOf(tx)
	free := slices.DeleteFunc(slices.Clone(points), func(p wire.OutPoint) bool { _, held := w.held[p]; return held })
	if len(free) > 0 {
		if err := w.hold(ctx, owner, max(whole.amount, 1), free); err != nil {
			return err
		}
	}
	if err := w.bind(ctx, owner, tx); err != nil {
		return err
	}
	return w.markUsed(ctx, points)
}

// use marks the wallet's coins among the inputs as used, before they leave.
// They must be held for this very transaction. own: there are such coins.
func (w *wallet) use(ctx context.Context, tx *wire.MsgTx) (own bool, err error) {
	if err := w.load(ctx); err != nil {
		return false, err
	}
	id := tx.TxHash()
	var points []wire.OutPoint
	for _, in := range tx.TxIn {
		c, known := w.known[in.PreviousOutPoint]
		h, held := w.held[in.PreviousOutPoint]
		own = own || known || held
		switch {
		case !known && !held, known && c.SpentBy == id:
			continue // a contract's output, or mined already
		case !held || h.tx != id.String():
			return own, &adapters.Error{
				Reason: "NOT_RESERVED", Op: fmt.Sprintf("broadcast %s with coin %s", id, in.PreviousOutPoint),
				Advice: "reserve coins and sign again",
				Err:    fmt.Errorf("%w, or free again", adapters.ErrReserved),
			}
		default:
			points = append(points, in.PreviousOutPoint)
		}
	}
	return own, w.markUsed(ctx, points)
}

func (w *wallet) markUsed(ctx context.Context, points []wire.OutPoint) error {
	points = slices.DeleteFunc(points, func(p wire.OutPoint) bool { return w.held[p].used })
	if len(points) == 0 {
		return nil
	}
	if err := w.store(func() error { return w.holds.MarkUsed(ctx, points) }); err != nil {
		return fmt.Errorf("mark coins as used: %w", err)
	}
	for _, point := range points {
		h := w.held[point]
		h.used = true
		w.held[point] = h
	}
	return nil
}
