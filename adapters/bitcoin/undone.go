package bitcoin

import (
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// An undone coin comes back with its transaction, in whatever block, unless
// something else has spent what that transaction needs. Such a spend can only
// stand in a block that is read after the coin was undone, since the
// transaction was valid on all blocks before. So no old block has to be
// searched: the spend is noted as its block is read, and forgotten if that
// block is undone. That a parent is merely absent proves nothing.

// maxParents bounds what is stored with a coin. Beyond it less can be proved,
// and nothing wrong.
const maxParents = 256

// parentsOf are the outputs that the transaction spends.
func parentsOf(tx *wire.MsgTx, coinbase bool) []wire.OutPoint {
	if coinbase {
		return nil
	}
	points := pointsOf(tx)
	return points[:min(len(points), maxParents)]
}

// undo is the coin after the block of a height has left the chain.
func (c Coin) undo(height uint64) Coin {
	if c.SpentAt == height {
		c.SpentBy, c.SpentAt = chainhash.Hash{}, 0
	}
	c.Undone = c.Undone || c.Height == height
	return c
}

// findHeirs lists, for what undone coins need to come back, those coins.
func (w *wallet) findHeirs() {
	w.heirs = make(map[wire.OutPoint][]wire.OutPoint)
	for point, c := range w.known {
		if !c.Undone || c.Gone() {
			continue
		}
		for _, parent := range c.Parents {
			w.heirs[parent] = append(w.heirs[parent], point)
		}
	}
}

// disinherit notes which undone coins cannot come back because by, in a block,
// has spent point: those that by did not make itself, and those that were made
// of them. The first such block counts, which is the last to be undone.
func (w *wallet) disinherit(change *BlockChange, point wire.OutPoint, by chainhash.Hash) {
	for _, heir := range w.heirs[point] {
		noted := slices.ContainsFunc(change.Spent, func(s Coin) bool { return s.Point == heir })
		if noted || heir.Hash == by {
			continue
		}
		change.Spent = append(change.Spent, Coin{Point: heir, SpentBy: by, SpentAt: change.Cursor.Height})
		w.disinherit(change, heir, by)
	}
}

// forgettableUndone is the height up to which undone coins are forgotten: none
// as long as one is held, which may be made of any other.
func (w *wallet) forgettableUndone(height uint64) uint64 {
	for point := range w.held {
		if c, known := w.known[point]; known && c.Undone && !c.Gone() {
			return 0
		}
	}
	return height - min(w.a.keptBlocks(), height)
}
