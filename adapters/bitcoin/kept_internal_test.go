package bitcoin

import (
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"
)

// Spent coins are remembered for twice the longest lock, by the pace of the chain.
func TestSpentCoinsOutliveTheLongestLock(t *testing.T) {
	for name, c := range map[string]struct {
		params  Params
		longest time.Duration
		want    uint64
	}{
		"bitcoin": {Regtest(), 72 * time.Hour, 2016}, "litecoin": {LitecoinRegtest(), 72 * time.Hour, 8064},
		"a long lock": {Regtest(), 30 * 24 * time.Hour, 8640}, "a long lock on litecoin": {LitecoinRegtest(), 30 * 24 * time.Hour, 34560},
		"not said": {Regtest(), 0, 2016},
	} {
		a := &Adapter{params: c.params, config: Config{LongestLock: c.longest}}
		if got := a.keptBlocks(); got != c.want {
			t.Errorf("%s: %d blocks, want %d", name, got, c.want)
		}
		w := &wallet{a: a}
		if got := w.forgettable(c.want + 7); got != 7 {
			t.Errorf("%s: forgets what was spent up to height %d", name, got)
		}
	}
}

// Two looks at the mempool bring the same transaction, which counts once: else the mirror would be full for
// ever after it has left.
func TestPoolCountsATransactionOnce(t *testing.T) {
	tx := wire.NewMsgTx(txVersion)
	tx.AddTxOut(wire.NewTxOut(1000, []byte{0x51}))
	p, set := newPool(), newWatchSet()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { p.add(tx.TxHash(), tx, set) })
	}
	both.Wait()
	if p.bytes != tx.SerializeSize() {
		t.Errorf("%d bytes, the transaction has %d", p.bytes, tx.SerializeSize())
	}
	if fresh := p.keep([]txidText{txidText(tx.TxHash())}); len(fresh) != 0 {
		t.Errorf("asked for again: %v", fresh)
	}
	if p.keep(nil); p.bytes != 0 || len(p.txs) != 0 {
		t.Errorf("%d bytes are counted of nothing", p.bytes)
	}
}
