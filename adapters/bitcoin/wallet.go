package bitcoin

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

const (
	// gap is how many indices beyond the last one used are watched (BIP-44). No
	// address beyond it is ever given out, so that the seed alone finds every
	// coin again.
	gap = 20
	// keptSpent is for how long a spent coin is remembered at least, by the
	// chain's own pace: in case the block that spent it is undone, and so that a
	// node that has lost its database knows the fundings of its open swaps again.
	keptSpent = 14 * 24 * time.Hour
	// keptLocks is how many times the longest lock it is at least: blocks may come
	// faster than they should, and a lock stays until it is spent.
	keptLocks = 2
	// saveEvery bounds how many blocks without any of our coins are read before
	// the cursor is stored.
	saveEvery = 144
)

// path is where the key of an own script stands.
type path struct {
	branch Branch
	index  uint32
}

// wallet follows the chain with a cursor of its own and knows the account's
// coins. Everything below lock is used only inside do.
type wallet struct {
	a     *Adapter
	coins CoinStore
	holds HoldStore

	lock    chan struct{}
	loaded  bool // false: memory and store may differ
	cursor  adapters.BlockRef
	unsaved int
	next    [branches]uint32
	derived [branches]uint32
	scripts map[string]path
	known   map[wire.OutPoint]Coin
	held    map[wire.OutPoint]hold
	heirs   map[wire.OutPoint][]wire.OutPoint
}

func newWallet(a *Adapter, coins CoinStore, holds HoldStore) *wallet {
	return &wallet{a: a, coins: coins, holds: holds, lock: make(chan struct{}, 1), scripts: make(map[string]path)}
}

// do runs f alone.
func (w *wallet) do(ctx context.Context, f func() error) error {
	select {
	case w.lock <- struct{}{}:
		defer func() { <-w.lock }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// current runs f alone, after the wallet has read all blocks.
func (w *wallet) current(ctx context.Context, f func() error) error {
	return w.do(ctx, func() error {
		if err := w.sync(ctx); err != nil {
			return err
		}
		return f()
	})
}

// store runs a write. After a failure nobody knows what the store holds, so it
// is read again before the next use.
func (w *wallet) store(write func() error) error {
	err := write()
	if err != nil {
		w.loaded = false
	}
	return err
}

func (w *wallet) load(ctx context.Context) error {
	if w.loaded {
		return nil
	}
	book, err := w.coins.LoadCoins(ctx)
	if err != nil {
		return fmt.Errorf("load the wallet's coins: %w", err)
	}
	w.cursor, w.next, w.unsaved = book.Cursor, book.Next, 0
	w.known = make(map[wire.OutPoint]Coin, len(book.Coins))
	for _, c := range book.Coins {
		w.known[c.Point] = c
	}
	w.findHeirs()
	w.held = make(map[wire.OutPoint]hold, len(book.Holds))
	for _, h := range book.Holds {
		w.held[h.Point] = readHold(h)
	}
	if err := w.derive(); err != nil {
		return err
	}
	w.loaded = true
	return nil
}

// derive makes the scripts of every index up to the gap.
func (w *wallet) derive() error {
	for b := range w.next {
		for ; w.derived[b] < w.next[b]+gap; w.derived[b]++ {
			p := path{Branch(b), w.derived[b]}
			script, err := w.script(p)
			if err != nil {
				return err
			}
			w.scripts[string(script)] = p
		}
	}
	return nil
}

// script is the BIP-86 output script of a path.
func (w *wallet) script(p path) ([]byte, error) {
	key, err := w.a.signer.AccountKey(p.branch, p.index)
	if err != nil {
		return nil, fmt.Errorf("derive address %d/%d: %w", p.branch, p.index, err)
	}
	return txscript.PayToTaprootScript(txscript.ComputeTaprootKeyNoScript(key))
}

// payout is an own script for change and for what a contract pays, inside the
// gap. Which one depends on what it is for, so that a repetition pays to the
// same and others mostly do not.
func (w *wallet) payout(purpose string) ([]byte, error) {
	sum := sha256.Sum256([]byte(purpose))
	return w.script(path{Change, w.next[Change] + binary.BigEndian.Uint32(sum[:])%gap})
}

// Address is the receiving address that no block has paid yet.
func (a *Adapter) Address(ctx context.Context, asset htlc.AssetID) (string, error) {
	if asset != a.params.Asset {
		return "", unknownAsset(asset)
	}
	var text string
	err := a.wallet.current(ctx, func() error {
		script, err := a.wallet.script(path{Receive, a.wallet.next[Receive]})
		if err != nil {
			return err
		}
		addr, err := address.NewAddressTaproot(script[2:], a.params.Net)
		if err == nil {
			text = addr.EncodeAddress()
		}
		return err
	})
	return text, err
}

// sync reads every block between the cursor and the tip.
func (w *wallet) sync(ctx context.Context) error {
	if err := w.load(ctx); err != nil {
		return err
	}
	if err := w.a.node.verify(ctx); err != nil {
		return err
	}
	if w.cursor.Hash == (adapters.Hash{}) {
		if err := w.begin(ctx); err != nil {
			return err
		}
	}
	for {
		step, block, err := w.a.node.step(ctx, w.cursor)
		if err != nil {
			return fmt.Errorf("read the wallet's blocks: %w", err)
		}
		switch step.Kind {
		case adapters.AtTip:
			return w.freeLost(ctx)
		case adapters.Connect:
			err = w.connect(ctx, step.Block, block)
		case adapters.Disconnect:
			err = w.disconnect(ctx, step.Block)
		}
		if err != nil {
			return err
		}
	}
}

func (w *wallet) begin(ctx context.Context) error {
	start := max(w.a.config.Birth, 1) - 1
	hash, err := w.a.node.hashAt(ctx, start)
	if errors.Is(err, errNoBlock) {
		return unreachable("begin to read the wallet's blocks", err)
	}
	if err != nil {
		return err
	}
	w.cursor, err = w.a.node.ref(ctx, start, hash)
	return err
}

func (w *wallet) connect(ctx context.Context, ref adapters.BlockRef, block *wire.MsgBlock) error {
	change, err := w.read(ref, block)
	if err != nil {
		return err
	}
	w.unsaved++
	if len(change.Created)+len(change.Spent) == 0 && w.unsaved < saveEvery {
		// Reading such a block again after a crash costs little.
		w.cursor = ref
		return nil
	}
	return w.apply(ctx, change)
}

func (w *wallet) disconnect(ctx context.Context, to adapters.BlockRef) error {
	return w.apply(ctx, BlockChange{Undo: w.cursor.Height, Next: w.next, Cursor: to})
}

// read finds the wallet's coins in a block. Where an address close to the gap
// was paid, the block is read again with more of them.
func (w *wallet) read(ref adapters.BlockRef, block *wire.MsgBlock) (BlockChange, error) {
	for {
		change := BlockChange{Next: w.next, Cursor: ref, Forget: w.forgettable(ref.Height), ForgetUndone: w.forgettableUndone(ref.Height)}
		created := make(map[wire.OutPoint]int)
		for i, tx := range block.Transactions {
			w.readTx(&change, created, tx, i == 0)
		}
		if change.Next == w.next {
			return change, nil
		}
		w.next = change.Next
		if err := w.derive(); err != nil {
			return change, err
		}
	}
}

// keptBlocks is for how many blocks a spent coin is remembered.
func (a *Adapter) keptBlocks() uint64 {
	spacing := max(a.params.Net.TargetTimePerBlock, time.Second)
	return uint64(max(keptSpent, keptLocks*a.config.LongestLock) / spacing)
}

// forgettable is the height up to which spent coins are forgotten.
func (w *wallet) forgettable(height uint64) uint64 {
	upTo := height - min(w.a.keptBlocks(), height)
	for point, h := range w.held {
		if c, known := w.known[point]; known && c.Gone() && h.keeps(c) {
			upTo = min(upTo, c.SpentAt-1)
		}
	}
	return upTo
}

func (w *wallet) readTx(change *BlockChange, created map[wire.OutPoint]int, tx *wire.MsgTx, coinbase bool) {
	height := change.Cursor.Height
	for _, in := range tx.TxIn {
		point := in.PreviousOutPoint
		if i, ok := created[point]; ok {
			change.Created[i].SpentBy, change.Created[i].SpentAt = tx.TxHash(), height
		} else if c, ok := w.known[point]; ok && !c.Undone {
			change.Spent = append(change.Spent, Coin{Point: point, SpentBy: tx.TxHash(), SpentAt: height})
		}
		w.disinherit(change, point, tx.TxHash())
	}
	for i, out := range tx.TxOut {
		p, own := w.scripts[string(out.PkScript)]
		if !own {
			continue
		}
		point := wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}
		created[point] = len(change.Created)
		change.Created = append(change.Created, Coin{
			Point: point, Amount: out.Value, Branch: p.branch, Index: p.index, Height: height, Coinbase: coinbase,
			Parents: parentsOf(tx, coinbase),
		})
		change.Next[p.branch] = max(change.Next[p.branch], p.index+1)
	}
}

// apply stores a change and then follows it in memory.
func (w *wallet) apply(ctx context.Context, change BlockChange) error {
	if err := w.store(func() error { return w.coins.ApplyBlock(ctx, change) }); err != nil {
		return fmt.Errorf("store the wallet's coins: %w", err)
	}
	if change.Undo != 0 {
		for point, c := range w.known {
			w.known[point] = c.undo(change.Undo)
		}
	}
	for _, c := range change.Created {
		w.known[c.Point] = c
	}
	for _, s := range change.Spent {
		c := w.known[s.Point]
		c.SpentBy, c.SpentAt = s.SpentBy, s.SpentAt
		w.known[s.Point] = c
	}
	w.forget(change)
	w.findHeirs()
	w.cursor, w.unsaved = change.Cursor, 0
	return nil
}

func (w *wallet) forget(change BlockChange) {
	for point, c := range w.known {
		switch {
		case c.Gone() && c.SpentAt <= change.Forget:
			delete(w.known, point)
			delete(w.held, point)
		case c.Undone && !c.Gone() && c.Height <= change.ForgetUndone:
			delete(w.known, point)
		}
	}
}

// spendable reports whether the coin can fund something now: confirmed, ripe,
// and unspent. What an unconfirmed transaction pays is never used, not even
// own change: it can be undone together with that transaction.
func (w *wallet) spendable(c Coin) bool {
	if !c.Unspent() || c.Height > w.cursor.Height {
		return false
	}
	depth := w.cursor.Height - c.Height + 1
	return depth >= w.a.config.CoinDepth && (!c.Coinbase || depth >= uint64(w.a.params.Net.CoinbaseMaturity))
}

// free are the spendable coins that nobody holds.
func (w *wallet) free() []Coin {
	var out []Coin
	for point, c := range w.known {
		if _, taken := w.held[point]; !taken && w.spendable(c) {
			out = append(out, c)
		}
	}
	return out
}

// heldBy are the coins that owner holds.
func (w *wallet) heldBy(owner string) (coins []Coin, whole hold) {
	for point, h := range w.held {
		if h.owner != owner {
			continue
		}
		h.used = h.used || whole.used
		whole = h
		if c, ok := w.known[point]; ok {
			coins = append(coins, c)
		}
	}
	return coins, whole
}

// Balances of the chain's own coin.
func (a *Adapter) Balances(ctx context.Context) ([]adapters.Balance, error) {
	var spendable, held, pending int64
	err := a.wallet.current(ctx, func() error {
		w := a.wallet
		for point, c := range w.known {
			hold, taken := w.held[point]
			switch {
			case !c.Unspent() || taken && hold.used:
			case taken:
				held += c.Amount
			case w.spendable(c):
				spendable += c.Amount
			default:
				pending += c.Amount
			}
		}
		if err := a.refreshPool(ctx); err != nil {
			return err
		}
		pending += a.pool.paying(func(script []byte) bool { _, own := w.scripts[string(script)]; return own })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []adapters.Balance{{
		Asset: a.params.Asset, Spendable: amountOf(spendable), Reserved: amountOf(held), Pending: amountOf(pending),
	}}, nil
}

func amountOf(satoshi int64) htlc.Amount { return htlc.NewAmount(uint64(max(satoshi, 0))) }
