package bitcoin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// hold is a Hold with the name of its owner taken apart: whose coin it is, for
// what amount, the id of the transaction that was signed last to spend it, and
// whether that left the process. Only that one may be broadcast, so that bytes
// which were signed before a release, or before the funding was abandoned, can
// never take coins that serve something else by now.
type hold struct {
	owner  string
	amount int64 // letGo: the owner has released it
	tx     string
	used   bool // something that spends the coin may have left the process
	// mixed: what has left the process for this owner spends now these coins, now
	// those, so that the end of one coin says nothing about another.
	mixed bool
	old   bool // marked as used in the store, which an earlier version did
}

// letGo is the amount of a used hold whose owner needs to know no more what
// became of the coin.
const letGo = 0

// Marks behind the amount in a stored name.
const (
	markUsed  = "u"
	markMixed = "m"
)

// keeps reports whether the spent coin must not be forgotten: its owner may yet
// ask what has spent it, or the transaction's other coins become free by it. A
// withdrawal does not ask, and nobody releases it.
func (h hold) keeps(c Coin) bool {
	if h.tells() && c.SpentBy.String() != h.tx {
		return true
	}
	return h.amount != letGo && !strings.HasPrefix(h.owner, withdrawals)
}

// tells reports whether the end of one coin decides about all that the owner
// holds for the same transaction.
func (h hold) tells() bool { return h.used && h.tx != "" && !h.mixed && !h.old }

// mark stands between the parts of a stored name: owner, transaction, amount.
const mark = "#"

func readHold(stored Hold) hold {
	h := hold{owner: stored.Owner, used: stored.Used, old: stored.Used}
	last := strings.LastIndex(stored.Owner, mark)
	middle := strings.LastIndex(stored.Owner[:max(last, 0)], mark)
	if middle < 0 {
		return h
	}
	text, mixed := strings.CutSuffix(stored.Owner[last+len(mark):], markMixed)
	text, used := strings.CutSuffix(text, markUsed)
	amount, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return h
	}
	h.owner, h.tx, h.amount = stored.Owner[:middle], stored.Owner[middle+len(mark):last], amount
	h.used, h.mixed = h.used || used, mixed
	return h
}

func (h hold) name() string {
	name := h.owner + mark + h.tx + mark + strconv.FormatInt(h.amount, 10)
	if h.used && !h.old {
		name += markUsed
	}
	if h.mixed {
		name += markMixed
	}
	return name
}

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

// of are the different holds of an owner.
func (w *wallet) of(owner string) map[hold]bool {
	of := make(map[hold]bool)
	for _, h := range w.held {
		if h.owner == owner {
			of[h] = true
		}
	}
	return of
}

// release frees what the owner has not used, and lets the rest be forgotten
// with its coins.
func (w *wallet) release(ctx context.Context, owner string) error {
	if err := w.dropUnused(ctx, owner); err != nil {
		return err
	}
	return w.rename(ctx, owner, func(h hold) hold { h.amount = letGo; return h })
}

// dropUnused frees what owner has not used and leaves the rest as it is.
func (w *wallet) dropUnused(ctx context.Context, owner string) error {
	for h := range w.of(owner) {
		if h.used {
			continue
		}
		if err := w.drop(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// drop frees all coins that are held in this very way.
func (w *wallet) drop(ctx context.Context, gone hold) error {
	if err := w.store(func() error { return w.holds.Release(ctx, gone.name()) }); err != nil {
		return fmt.Errorf("release the coins of %s: %w", gone.owner, err)
	}
	maps.DeleteFunc(w.held, func(_ wire.OutPoint, h hold) bool { return h == gone })
	return nil
}

// freeLost frees the coins that released owners have used for what can never be
// mined.
func (w *wallet) freeLost(ctx context.Context) error {
	lost := make(map[hold]bool)
	for _, h := range w.held {
		if h.amount == letGo && !lost[h] && w.lost(h) {
			lost[h] = true
		}
	}
	for h := range lost {
		if err := w.drop(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// lost reports whether the transaction that h serves can never be mined:
// another one has spent a coin that it needs, at the final depth.
func (w *wallet) lost(h hold) bool {
	if !h.tells() {
		return false
	}
	for point, other := range w.held {
		if c, known := w.known[point]; other == h && known && w.taken(c, h.tx) {
			return true
		}
	}
	return false
}

// taken reports whether something else than tx has spent the coin for good, or
// keeps it undone for good.
func (w *wallet) taken(c Coin, tx string) bool {
	return c.Gone() && c.SpentBy.String() != tx && w.cursor.Height-c.SpentAt+1 >= w.a.config.FinalDepth
}

// rename changes the holds of an owner.
func (w *wallet) rename(ctx context.Context, owner string, change func(hold) hold) error {
	for h := range w.of(owner) {
		from, to := h.name(), change(h).name()
		if to == from {
			continue
		}
		if err := w.store(func() error { return w.holds.Adopt(ctx, from, to) }); err != nil {
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
// have been on their way with the fundings: they stay used when owner releases.
func (w *wallet) bindUsed(ctx context.Context, owner string, tx *wire.MsgTx, fundings []lock) error {
	held, whole := w.heldBy(owner)
	points := pointsOf(tx)
	free := slices.DeleteFunc(slices.Clone(points), func(p wire.OutPoint) bool { _, held := w.held[p]; return held })
	if len(free) > 0 {
		if err := w.hold(ctx, owner, max(whole.amount, 1), free); err != nil {
			return err
		}
	}
	// The same coins everywhere: what ends one of the transactions ends all.
	mixed := whole.mixed || len(held)+len(free) != len(points)
	for _, l := range fundings {
		for _, p := range l.points {
			mixed = mixed || !slices.Contains(points, p)
		}
		mixed = mixed || len(l.points) != len(points)
	}
	id := tx.TxHash().String()
	return w.rename(ctx, owner, func(h hold) hold {
		h.tx, h.used, h.mixed = id, true, mixed
		return h
	})
}

// use marks the wallet's coins among the inputs as used, before they leave.
// They must be held for this very transaction. own: there are such coins.
func (w *wallet) use(ctx context.Context, tx *wire.MsgTx) (own bool, err error) {
	if err := w.load(ctx); err != nil {
		return false, err
	}
	id := tx.TxHash()
	owner := ""
	for _, in := range tx.TxIn {
		c, known := w.known[in.PreviousOutPoint]
		h, held := w.held[in.PreviousOutPoint]
		own = own || known || held
		switch {
		case !known && !held, known && c.SpentBy == id:
			continue // a contract's output, or mined already
		case !held || h.tx != id.String():
			return own, w.notHeld(tx, in.PreviousOutPoint)
		case !h.used:
			owner = h.owner
		}
	}
	if owner == "" {
		return own, nil
	}
	return own, w.rename(ctx, owner, func(h hold) hold { h.used = h.used || h.tx == id.String(); return h })
}

// notHeld: the coin is not held for tx. Where tx has lost a coin for good, that
// is why.
func (w *wallet) notHeld(tx *wire.MsgTx, point wire.OutPoint) error {
	id := tx.TxHash().String()
	op := "broadcast " + id
	for _, in := range tx.TxIn {
		if c, known := w.known[in.PreviousOutPoint]; known && w.taken(c, id) {
			return coinLost(op, c)
		}
	}
	return &adapters.Error{
		Reason: "NOT_RESERVED", Op: fmt.Sprintf("%s with coin %s", op, point),
		Advice: "reserve coins and sign again",
		Err:    fmt.Errorf("%w, or free again", adapters.ErrReserved),
	}
}
