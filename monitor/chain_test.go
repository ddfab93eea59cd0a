package monitor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// modelTx is a transaction of a model chain.
type modelTx struct {
	Kind     htlc.Purpose
	ID       string
	Contract string
	Hash     htlc.SecretHash
	TimeLock int64
	Secret   string `json:",omitempty"`
}

type contractState struct{ fund, spend string }

type modelBlock struct {
	ref  adapters.BlockRef
	txs  []*modelTx
	undo map[string]contractState
}

// modelChain is a chain of blocks in memory, with a mempool and
// reorganisations. Two fundings of one contract can both be mined, as two
// outputs to one script can: the tests count them.
type modelChain struct {
	id      htlc.ChainID
	spacing int64

	mu      sync.Mutex
	best    []*modelBlock
	known   map[adapters.Hash]*modelBlock
	state   map[string]contractState
	pool    []*modelTx
	changed chan struct{}
	clock   int64
	counter uint64
	// forgets: blocks that left the chain are unknown to the node, as after
	// a rewind of its database.
	forgets bool
	// handed are the ids of transactions that reached the node, by contract
	// and purpose.
	handed map[string]map[string]bool
	// mined counts the transactions in the best chain, by contract and purpose.
	mined map[string]int
}

func newModelChain(id htlc.ChainID, clock, spacing int64) *modelChain {
	c := &modelChain{
		id: id, spacing: spacing, clock: clock, known: map[adapters.Hash]*modelBlock{}, state: map[string]contractState{},
		changed: make(chan struct{}), handed: map[string]map[string]bool{}, mined: map[string]int{},
	}
	c.mine(100)
	return c
}

func (c *modelChain) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *modelChain) version() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *modelChain) tip() adapters.BlockRef {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.best[len(c.best)-1].ref
}

// mine adds n blocks, each a spacing later, with what the mempool has.
func (c *modelChain) mine(n int) {
	for range n {
		c.mineAt(c.now() + c.spacing)
	}
}

func (c *modelChain) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

// mineAt adds one block whose clock is the given one.
func (c *modelChain) mineAt(clock int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mineLocked(clock, true)
	c.notify()
}

func (c *modelChain) mineLocked(clock int64, withTxs bool) {
	c.clock = clock
	c.counter++
	var seed [16]byte
	binary.BigEndian.PutUint64(seed[:], c.counter)
	b := &modelBlock{ref: adapters.BlockRef{
		Height: uint64(len(c.best)), Time: clock, Clock: clock,
		Hash: sha256.Sum256(append(seed[:], c.id...)),
	}, undo: map[string]contractState{}}
	if len(c.best) > 0 {
		b.ref.Parent = c.best[len(c.best)-1].ref.Hash
	}
	if withTxs {
		var left []*modelTx
		for _, tx := range c.pool {
			if c.include(b, tx) {
				continue
			}
			left = append(left, tx)
		}
		c.pool = left
	}
	c.best = append(c.best, b)
	c.known[b.ref.Hash] = b
}

func key(contract string, p htlc.Purpose) string { return contract + "/" + p.String() }

func (c *modelChain) include(b *modelBlock, tx *modelTx) bool {
	s := c.state[tx.Contract]
	switch tx.Kind {
	case htlc.PurposeFund:
		if s.fund == "" {
			s.fund = tx.ID
		}
	case htlc.PurposeRedeem:
		if s.fund == "" || s.spend != "" {
			return false
		}
		s.spend = tx.ID
	case htlc.PurposeRefund:
		if s.fund == "" || s.spend != "" || c.clock <= tx.TimeLock {
			return false
		}
		s.spend = tx.ID
	}
	if _, saved := b.undo[tx.Contract]; !saved {
		b.undo[tx.Contract] = c.state[tx.Contract]
	}
	c.state[tx.Contract] = s
	c.mined[key(tx.Contract, tx.Kind)]++
	b.txs = append(b.txs, tx)
	return true
}

// reorg replaces the last depth blocks by depth+1 others. Their transactions
// go back to the mempool, to be mined in the first block after the fork
// where mine is set.
func (c *modelChain) reorg(depth int, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range depth {
		last := c.best[len(c.best)-1]
		c.best = c.best[:len(c.best)-1]
		for contract, s := range last.undo {
			c.state[contract] = s
		}
		for _, tx := range last.txs {
			c.mined[key(tx.Contract, tx.Kind)]--
			c.pool = append(c.pool, tx)
		}
		if c.forgets {
			delete(c.known, last.ref.Hash)
		}
	}
	clock := c.best[len(c.best)-1].ref.Clock
	for i := range depth + 1 {
		clock += c.spacing
		c.mineLocked(clock, mine && i == 0)
	}
	c.notify()
}

// submit takes a transaction into the mempool.
func (c *modelChain) submit(tx *modelTx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := c.handed[key(tx.Contract, tx.Kind)]
	if ids == nil {
		ids = map[string]bool{}
		c.handed[key(tx.Contract, tx.Kind)] = ids
	}
	ids[tx.ID] = true
	for _, p := range c.pool {
		if p.ID == tx.ID {
			return nil
		}
	}
	s := c.state[tx.Contract]
	switch {
	case s.fund == tx.ID || s.spend == tx.ID:
		return nil
	case tx.Kind != htlc.PurposeFund && s.spend != "":
		return &adapters.Error{Reason: "SPENT", Op: "broadcast", Err: adapters.ErrSpent, Retryable: true}
	case tx.Kind != htlc.PurposeFund && s.fund == "":
		return &adapters.Error{Reason: "NOT_FUNDED", Op: "broadcast", Err: adapters.ErrNotFunded, Retryable: true}
	case tx.Kind == htlc.PurposeRefund && c.clock <= tx.TimeLock:
		return &adapters.Error{Reason: "TOO_EARLY", Op: "broadcast", Err: adapters.ErrTooEarly, Retryable: true}
	}
	c.pool = append(c.pool, tx)
	c.notify()
	return nil
}

// evict empties the mempool.
func (c *modelChain) evict() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pool = nil
}

func (c *modelChain) count(contract string, p htlc.Purpose) (mined, handed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mined[key(contract, p)], len(c.handed[key(contract, p)])
}

// modelAdapter is one party's view of a model chain.
type modelAdapter struct {
	c *modelChain
	// hook is told before and after what makes something visible.
	hook func(edge string) error
	// onBroadcast is called with the purpose before the node gets it.
	onBroadcast func(p htlc.Purpose)
	onTx        func(tx *modelTx)
	onRelease   func(owner string)
	// refuse makes the node refuse a transaction before it has seen it.
	refuse func(p htlc.Purpose) error
	// deny makes a gate's question fail.
	deny func(question string) error

	mu      sync.Mutex
	watched map[string]watchedLeg
	burned  map[string]bool // transactions whose nonce went to another
	seen    <-chan struct{}
}

type watchedLeg struct {
	terms htlc.Terms
	leg   int
}

func newModelAdapter(c *modelChain) *modelAdapter {
	return &modelAdapter{
		c: c, watched: map[string]watchedLeg{}, burned: map[string]bool{},
		hook: func(string) error { return nil }, deny: func(string) error { return nil },
	}
}

func modelContract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	id := terms.ID()
	sum := sha256.Sum256(append(id[:], byte(leg)))
	return adapters.Contract{ID: hex.EncodeToString(sum[:]), Swap: id, Leg: leg, Chain: terms.Legs[leg].Chain()}, nil
}

func (a *modelAdapter) Tip(context.Context) (adapters.BlockRef, error) {
	if err := a.deny("tip"); err != nil {
		return adapters.BlockRef{}, err
	}
	return a.c.tip(), nil
}

func (a *modelAdapter) Next(_ context.Context, cursor adapters.BlockRef) (adapters.Step, error) {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	if int(cursor.Height) < len(a.c.best) && a.c.best[cursor.Height].ref.Hash == cursor.Hash {
		if int(cursor.Height)+1 == len(a.c.best) {
			return adapters.Step{Kind: adapters.AtTip}, nil
		}
		next := a.c.best[cursor.Height+1]
		return adapters.Step{Kind: adapters.Connect, Block: next.ref, Facts: a.facts(next.txs)}, nil
	}
	parent, ok := a.c.known[cursor.Parent]
	if _, here := a.c.known[cursor.Hash]; !ok || !here && a.c.forgets {
		return adapters.Step{}, fmt.Errorf("block %d: %w", cursor.Height, adapters.ErrUnknownCursor)
	}
	return adapters.Step{Kind: adapters.Disconnect, Block: parent.ref}, nil
}

func (a *modelAdapter) facts(txs []*modelTx) []adapters.Fact {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []adapters.Fact
	for _, tx := range txs {
		if _, ok := a.watched[tx.Contract]; ok {
			out = append(out, tx.fact())
		}
	}
	return out
}

func (tx *modelTx) fact() adapters.Fact {
	f := adapters.Fact{Contract: tx.Contract, TxID: tx.ID}
	switch tx.Kind {
	case htlc.PurposeFund:
		f.Kind, f.Ref = adapters.Funded, tx.ID+":0"
	case htlc.PurposeRedeem:
		raw, _ := hex.DecodeString(tx.Secret)
		secret, _ := htlc.NewSecret(raw)
		f.Kind, f.Secret = adapters.Redeemed, &secret
	case htlc.PurposeRefund:
		f.Kind = adapters.Refunded
	}
	return f
}

func (a *modelAdapter) Mempool(context.Context) ([]adapters.Fact, error) {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	return a.facts(a.c.pool), nil
}

func (a *modelAdapter) Wait(ctx context.Context) error {
	a.mu.Lock()
	seen := a.seen
	a.mu.Unlock()
	now := a.c.version()
	if seen == now {
		select {
		case <-now:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a.mu.Lock()
	a.seen = a.c.version()
	a.mu.Unlock()
	return nil
}

func (a *modelAdapter) Watch(_ context.Context, terms htlc.Terms, leg int, _ string) (adapters.Contract, error) {
	contract, err := modelContract(terms, leg)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watched[contract.ID] = watchedLeg{terms, leg}
	a.seen = nil
	return contract, err
}

func (a *modelAdapter) Unwatch(contract string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.watched, contract)
}

func (a *modelAdapter) Scan(_ context.Context, contract string, from, to uint64) ([]adapters.Located, error) {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	var out []adapters.Located
	for h := from; h <= to && int(h) < len(a.c.best); h++ {
		for _, tx := range a.c.best[h].txs {
			if tx.Contract == contract {
				out = append(out, adapters.Located{Fact: tx.fact(), Block: a.c.best[h].ref})
			}
		}
	}
	return out, nil
}

func (a *modelAdapter) signed(tx modelTx) adapters.Tx {
	tx.ID = rand.Text()
	raw, _ := json.Marshal(tx)
	return adapters.Tx{Chain: a.c.id, ID: tx.ID, Raw: raw, Fee: htlc.NewAmount(1), FeeRate: 1}
}

func (a *modelAdapter) Fund(_ context.Context, _ string, terms htlc.Terms, leg int) (adapters.Funding, error) {
	contract, err := modelContract(terms, leg)
	tx := a.signed(modelTx{Kind: htlc.PurposeFund, Contract: contract.ID})
	return adapters.Funding{Txs: []adapters.Tx{tx}}, err
}

func (a *modelAdapter) Redeem(_ context.Context, s adapters.Spend) (adapters.Tx, error) {
	if s.Replace != nil && !a.isBurned(s.Replace.ID) {
		return *s.Replace, nil
	}
	contract, err := modelContract(s.Terms, s.Leg)
	raw := s.Secret.Reveal()
	return a.signed(modelTx{Kind: htlc.PurposeRedeem, Contract: contract.ID, Secret: hex.EncodeToString(raw[:])}), err
}

func (a *modelAdapter) Refund(_ context.Context, s adapters.Spend) (adapters.Tx, error) {
	if a.c.now() <= s.Terms.Legs[s.Leg].TimeLock {
		return adapters.Tx{}, &adapters.Error{Reason: "TOO_EARLY", Op: "refund", Err: adapters.ErrTooEarly, Retryable: true}
	}
	if s.Replace != nil {
		return *s.Replace, nil
	}
	contract, err := modelContract(s.Terms, s.Leg)
	return a.signed(modelTx{Kind: htlc.PurposeRefund, Contract: contract.ID, TimeLock: s.Terms.Legs[s.Leg].TimeLock}), err
}

func (a *modelAdapter) Broadcast(_ context.Context, tx adapters.Tx) error {
	var m modelTx
	if err := json.Unmarshal(tx.Raw, &m); err != nil {
		return err
	}
	m.ID = tx.ID
	if err := a.hook("broadcast-" + m.Kind.String() + "/before"); err != nil {
		return err
	}
	if err := a.refused(&m); err != nil {
		return err
	}
	if a.onBroadcast != nil {
		a.onBroadcast(m.Kind)
	}
	if a.onTx != nil {
		a.onTx(&m)
	}
	if err := a.c.submit(&m); err != nil {
		return err
	}
	return a.hook("broadcast-" + m.Kind.String() + "/after")
}

// refused: a transaction whose nonce was taken once is refused for ever.
func (a *modelAdapter) refused(m *modelTx) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.burned[m.ID] {
		return errNonce
	}
	if a.refuse == nil {
		return nil
	}
	err := a.refuse(m.Kind)
	a.burned[m.ID] = errors.Is(err, adapters.ErrNonceTaken)
	return err
}

func (a *modelAdapter) isBurned(txid string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.burned[txid]
}

func (a *modelAdapter) Contract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	return modelContract(terms, leg)
}

func (a *modelAdapter) SimulateRedeem(context.Context, htlc.Terms, int, string) error {
	return a.deny("simulate")
}

func (a *modelAdapter) CheckMeans(context.Context, string, htlc.Terms, int, bool) error {
	return a.deny("means")
}

func (a *modelAdapter) Funded(_ context.Context, terms htlc.Terms, leg int, _ string, _ adapters.BlockRef) (bool, error) {
	if err := a.deny("funded"); err != nil {
		return false, err
	}
	contract, err := modelContract(terms, leg)
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	s := a.c.state[contract.ID]
	return s.fund != "" && s.spend == "", err
}

func (a *modelAdapter) Release(_ context.Context, owner string) error {
	if a.onRelease != nil {
		a.onRelease(owner)
	}
	return nil
}
