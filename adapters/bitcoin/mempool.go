package bitcoin

import (
	"context"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

const (
	// maxPooled bounds the transactions whose text is remembered, so that a
	// contract that is registered late is matched too; maxPoolBytes their size.
	// Beyond it a transaction is matched once, when it is first seen.
	maxPooled    = 50_000
	maxPoolBytes = 64 << 20
	// maxFetch bounds one look at the mempool; the rest follows with the next.
	maxFetch = 2_000
)

// pool mirrors the node's mempool as far as the watched contracts and the
// wallet's own scripts are concerned.
type pool struct {
	mu      sync.Mutex
	txs     map[chainhash.Hash]*pooled
	bytes   int
	version uint64 // of the watch set that the facts were matched with
}

// pooled is a waiting transaction. tx is nil where there was no room for it.
type pooled struct {
	tx    *wire.MsgTx
	size  int
	facts []adapters.Fact
}

func newPool() *pool { return &pool{txs: make(map[chainhash.Hash]*pooled)} }

// Mempool returns facts about watched contracts in unconfirmed transactions,
// all of them with every call for as long as they wait.
func (a *Adapter) Mempool(ctx context.Context) ([]adapters.Fact, error) {
	if err := a.node.verify(ctx); err != nil {
		return nil, err
	}
	if err := a.refreshPool(ctx); err != nil {
		return nil, err
	}
	p := a.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match(a.watched)
	var facts []adapters.Fact
	for _, kept := range p.txs {
		facts = append(facts, kept.facts...)
	}
	return facts, nil
}

// refreshPool fetches what is new in the node's mempool and forgets what left.
func (a *Adapter) refreshPool(ctx context.Context) error {
	var list []txidText
	if err := a.node.call(ctx, "getrawmempool", &list); err != nil {
		return asUnreachable("list the mempool", err)
	}
	p := a.pool
	for _, txid := range p.keep(list) {
		tx, found, err := a.node.rawTx(ctx, txid)
		if err != nil {
			return err
		}
		if found {
			p.add(txid, tx, a.watched)
		}
	}
	return nil
}

// keep drops everything that is not on the list and returns what is new on it.
func (p *pool) keep(list []txidText) []chainhash.Hash {
	p.mu.Lock()
	defer p.mu.Unlock()
	var fresh []chainhash.Hash
	listed := make(map[chainhash.Hash]bool, len(list))
	for _, id := range list {
		txid := chainhash.Hash(id)
		listed[txid] = true
		if _, known := p.txs[txid]; !known && len(fresh) < maxFetch {
			fresh = append(fresh, txid)
		}
	}
	for txid, kept := range p.txs {
		if !listed[txid] {
			p.bytes -= kept.size
			delete(p.txs, txid)
		}
	}
	return fresh
}

// add remembers a transaction, once: two looks at the mempool may bring it.
func (p *pool) add(txid chainhash.Hash, tx *wire.MsgTx, set *watchSet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.txs[txid]; known {
		return
	}
	kept := &pooled{}
	kept.matchFresh(tx, set)
	if size := tx.SerializeSize(); len(p.txs) < maxPooled && p.bytes+size <= maxPoolBytes {
		kept.tx, kept.size = tx, size
		p.bytes += size
	}
	p.txs[txid] = kept
}

func (k *pooled) matchFresh(tx *wire.MsgTx, set *watchSet) {
	set.mu.Lock()
	defer set.mu.Unlock()
	k.facts = set.matchOutputs(set.matchInputs(nil, tx), tx)
}

// match looks at everything again after a contract was added. Outputs come
// first: the spend of an unconfirmed funding is only known by its outpoint.
func (p *pool) match(set *watchSet) {
	set.mu.Lock()
	defer set.mu.Unlock()
	if p.version == set.version {
		return
	}
	p.version = set.version
	outputs := make(map[*pooled][]adapters.Fact)
	for _, kept := range p.txs {
		if kept.tx != nil {
			outputs[kept] = set.matchOutputs(nil, kept.tx)
		}
	}
	for kept, facts := range outputs {
		kept.facts = append(set.matchInputs(nil, kept.tx), facts...)
	}
}

// paying sums what waiting transactions pay to the given scripts.
func (p *pool) paying(own func(script []byte) bool) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum int64
	for _, kept := range p.txs {
		if kept.tx == nil {
			continue
		}
		for _, out := range kept.tx.TxOut {
			if own(out.PkScript) {
				sum += out.Value
			}
		}
	}
	return sum
}

// txidText reads a transaction's id as tools print it.
type txidText chainhash.Hash

// UnmarshalText reads 64 hexadecimal digits.
func (t *txidText) UnmarshalText(text []byte) error {
	h, err := chainhash.NewHashFromStr(string(text))
	if err == nil {
		*t = txidText(*h)
	}
	return err
}

// waiter remembers what Wait has seen.
type waiter struct {
	mu   sync.Mutex
	seen fingerprint
}

// fingerprint changes with the tip and with the mempool.
type fingerprint struct {
	tip  adapters.Hash
	size int
	sum  chainhash.Hash // of all ids by exclusive or: their order says nothing
}

// Wait returns when the tip or the mempool may have changed since it returned
// last, or when ctx ends.
func (a *Adapter) Wait(ctx context.Context) error {
	for {
		now, err := a.fingerprint(ctx)
		if err != nil {
			return err
		}
		if a.waiter.changed(now) {
			return nil
		}
		if err := rest(ctx, a.config.PollInterval); err != nil {
			return err
		}
	}
}

func (w *waiter) changed(now fingerprint) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.seen != now
	w.seen = now
	return changed
}

func (a *Adapter) fingerprint(ctx context.Context) (fingerprint, error) {
	var f fingerprint
	_, tip, err := a.node.best(ctx)
	if err != nil {
		return f, err
	}
	var list []txidText
	if err := a.node.call(ctx, "getrawmempool", &list); err != nil {
		return f, asUnreachable("list the mempool", err)
	}
	f.tip, f.size = tip, len(list)
	for _, id := range list {
		for i := range f.sum {
			f.sum[i] ^= id[i]
		}
	}
	return f, nil
}

// defaultPoll is how often Wait looks. A sighting of the secret has to become
// our redeem within a tenth of a second.
const defaultPoll = 40 * time.Millisecond
