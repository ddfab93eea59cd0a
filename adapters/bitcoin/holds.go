package bitcoin

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// hold is a Hold with the name of its owner taken apart: whose coin it is, for
// what amount, and the id of the transaction that was signed last to spend it.
// Only that one may be broadcast, so that bytes which were signed before a
// release can never take coins that serve another swap by now.
type hold struct {
	owner  string
	amount int64
	tx     string
	used   bool
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

// hold commits the inputs of a transaction to owner, for an amount.
func (w *wallet) hold(ctx context.Context, owner string, amount int64, tx *wire.MsgTx) error {
	h := hold{owner: owner, amount: amount}
	points := make([]wire.OutPoint, 0, len(tx.TxIn))
	for _, in := range tx.TxIn {
		points = append(points, in.PreviousOutPoint)
	}
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
	return nil
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

// use marks the wallet's coins among the inputs as used, before they leave.
// They must be held for this very transaction.
func (w *wallet) use(ctx context.Context, tx *wire.MsgTx) error {
	if err := w.load(ctx); err != nil {
		return err
	}
	id := tx.TxHash()
	var points []wire.OutPoint
	for _, in := range tx.TxIn {
		c, own := w.known[in.PreviousOutPoint]
		h, held := w.held[in.PreviousOutPoint]
		switch {
		case !own && !held, own && c.SpentBy == id:
			continue // a contract's output, or mined already
		case !held || h.tx != id.String():
			return &adapters.Error{
				Reason: "NOT_RESERVED", Op: fmt.Sprintf("broadcast %s with coin %s", id, in.PreviousOutPoint),
				Advice: "reserve coins and sign again",
				Err:    fmt.Errorf("%w, or free again", adapters.ErrReserved),
			}
		case !h.used:
			points = append(points, in.PreviousOutPoint)
		}
	}
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
