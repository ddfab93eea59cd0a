package bitcoin_test

import (
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
)

// ledger is a chain of blocks that any transaction can leave and come back to,
// with one wallet that follows it.
type ledger struct {
	t      *rapid.T
	wallet *bitcoin.Wallet
	book   *bitcointest.Book
	own    []byte
	blocks []*wire.MsgBlock
	refs   []adapters.BlockRef
	made   []*wire.MsgTx // all that were ever in a block
	serial uint32
}

// outside are outputs that were there before the first block.
const outside = 4

// spentAt is which transaction has spent an output, and in what block.
type spentAt struct {
	by     chainhash.Hash
	height uint64
}

// look is what the blocks say: which outputs there are, and what spent them.
func (l *ledger) look() (there map[wire.OutPoint]bool, spent map[wire.OutPoint]spentAt) {
	there, spent = make(map[wire.OutPoint]bool), make(map[wire.OutPoint]spentAt)
	for i := range outside {
		there[wire.OutPoint{Hash: chainhash.Hash{0xff}, Index: uint32(i)}] = true
	}
	for i, block := range l.blocks {
		for _, tx := range block.Transactions[1:] {
			apply(tx, uint64(i+1), there, spent)
		}
	}
	return there, spent
}

func apply(tx *wire.MsgTx, height uint64, there map[wire.OutPoint]bool, spent map[wire.OutPoint]spentAt) {
	for _, in := range tx.TxIn {
		spent[in.PreviousOutPoint] = spentAt{tx.TxHash(), height}
	}
	for i := range tx.TxOut {
		there[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = true
	}
}

// draw is a transaction that is valid now: one that a block had before, or a
// new one.
func (l *ledger) draw(there map[wire.OutPoint]bool, spent map[wire.OutPoint]spentAt) *wire.MsgTx {
	free := func(point wire.OutPoint) bool { _, gone := spent[point]; return there[point] && !gone }
	var back []*wire.MsgTx
	for _, tx := range l.made {
		if !slices.ContainsFunc(tx.TxIn, func(in *wire.TxIn) bool { return !free(in.PreviousOutPoint) }) {
			back = append(back, tx)
		}
	}
	if len(back) > 0 && rapid.Bool().Draw(l.t, "an old one") {
		return rapid.SampledFrom(back).Draw(l.t, "comes back")
	}
	var points []wire.OutPoint
	for i := range outside {
		points = append(points, wire.OutPoint{Hash: chainhash.Hash{0xff}, Index: uint32(i)})
	}
	for _, tx := range l.made {
		for i := range tx.TxOut {
			points = append(points, wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)})
		}
	}
	points = slices.DeleteFunc(points, func(p wire.OutPoint) bool { return !free(p) })
	if len(points) == 0 {
		return nil
	}
	tx := wire.NewMsgTx(2)
	tx.LockTime, l.serial = l.serial, l.serial+1
	for _, point := range rapid.SliceOfNDistinct(rapid.SampledFrom(points), 1, 2, rapid.ID).Draw(l.t, "spends") {
		tx.AddTxIn(wire.NewTxIn(&point, nil, nil))
	}
	for _, own := range rapid.SliceOfN(rapid.Bool(), 1, 2).Draw(l.t, "own outputs") {
		script := []byte{0x51}
		if own {
			script = l.own
		}
		tx.AddTxOut(wire.NewTxOut(1_000, script))
	}
	l.made = append(l.made, tx)
	return tx
}

func (l *ledger) connect(*rapid.T) {
	there, spent := l.look()
	l.serial++
	coinbase := wire.NewMsgTx(2)
	coinbase.LockTime = l.serial
	coinbase.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 1<<32 - 1}, nil, nil))
	block := &wire.MsgBlock{Transactions: []*wire.MsgTx{coinbase}}
	height := uint64(len(l.blocks) + 1)
	for range rapid.IntRange(0, 3).Draw(l.t, "transactions") {
		if tx := l.draw(there, spent); tx != nil {
			block.Transactions = append(block.Transactions, tx)
			apply(tx, height, there, spent)
		}
	}
	l.blocks = append(l.blocks, block)
	l.refs = append(l.refs, adapters.BlockRef{Height: height, Hash: adapters.Hash{byte(l.serial >> 8), byte(l.serial), 1}})
	l.catchUp()
}

func (l *ledger) catchUp() {
	for at := l.wallet.Cursor().Height; at < uint64(len(l.blocks)); at++ {
		if err := l.wallet.Connect(l.t.Context(), l.refs[at], l.blocks[at]); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *ledger) disconnect(*rapid.T) {
	for range rapid.IntRange(1, 4).Draw(l.t, "depth") {
		last := len(l.blocks) - 1
		if last < 1 {
			return
		}
		l.blocks, l.refs = l.blocks[:last], l.refs[:last]
		if err := l.wallet.Disconnect(l.t.Context(), l.refs[last-1]); err != nil {
			l.t.Fatal(err)
		}
	}
}

// sometimes restarts, which takes long.
func (l *ledger) sometimes(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
		l.restart()
	}
}

func (l *ledger) restart() {
	w, err := bitcoin.OpenWallet(l.t.Context(), bitcointest.Signer("model"), l.book, l.book)
	if err != nil {
		l.t.Fatal(err)
	}
	l.wallet = w
	l.catchUp()
}

// doomed is the first height at which something was spent that the transaction,
// which no block has, needs to come back; zero where there is none.
func (l *ledger) doomed(tx *wire.MsgTx, there map[wire.OutPoint]bool, spent map[wire.OutPoint]spentAt) (first uint64) {
	for _, in := range tx.TxIn {
		at := spent[in.PreviousOutPoint].height
		if !there[in.PreviousOutPoint] {
			parent := l.made[slices.IndexFunc(l.made, func(m *wire.MsgTx) bool { return m.TxHash() == in.PreviousOutPoint.Hash })]
			if !slices.Equal(parent.TxOut[in.PreviousOutPoint.Index].PkScript, l.own) {
				continue // the wallet never knew it
			}
			at = l.doomed(parent, there, spent)
		}
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

// check compares every own output with what the wallet says of it.
func (l *ledger) check(*rapid.T) {
	there, spent := l.look()
	for _, tx := range l.made {
		for i, out := range tx.TxOut {
			point := wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}
			if !slices.Equal(out.PkScript, l.own) {
				continue
			}
			c, known := l.wallet.Coin(point)
			at := spent[point]
			if there[point] {
				if !known || c.Undone || c.SpentBy != at.by || c.SpentAt != at.height {
					l.t.Fatalf("a coin that is there, %+v, is known as %+v", at, c)
				}
			} else if want := l.doomed(tx, there, spent); !known || !c.Undone || c.Unspent() || c.SpentAt != want {
				l.t.Fatalf("an undone coin, kept away since %d, is known as %+v", want, c)
			}
		}
	}
}

// Whatever leaves the chain and comes back to it, in whatever order, the wallet
// says of every undone coin whether it can come back, and since when not.
func TestUndoneCoinsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &ledger{t: t, book: bitcointest.NewBook()}
		l.restart()
		own, err := l.wallet.Script(0)
		if err != nil {
			t.Fatal(err)
		}
		l.own = own
		t.Repeat(map[string]func(*rapid.T){"connect": l.connect, "reorg": l.disconnect, "restart": l.sometimes, "": l.check})
	})
}
