package evm

import (
	"context"
	"errors"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/kofo-network/kofo/adapters"
)

// pendingWindow is how long the pending block is read again after a contract was added: nodes may serve
// one that is seconds old.
const pendingWindow = 4 * time.Second

// maxSightings bounds what is kept of the mempool; only watched contracts get there.
const maxSightings = 4096

// sightings is what the mempool showed of watched contracts. Two sources feed it: transactions as they
// arrive (a subscription, or a filter where the endpoint has none), and the pending block for what was
// there before.
type sightings struct {
	mu        sync.Mutex
	facts     []adapters.Fact
	scanUntil time.Time
	filter    string // id at the node, empty if none
	noFilter  bool   // the node has none

	heads   chan *types.Header
	pending chan *types.Transaction
	subs    []*rpc.ClientSubscription

	lastHead common.Hash
}

func newSightings() *sightings { return &sightings{scanUntil: time.Now().Add(pendingWindow)} }

// rescan makes the next calls read the pending block too.
func (s *sightings) rescan() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scanUntil = time.Now().Add(pendingWindow)
}

func (s *sightings) scanning() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noFilter || time.Now().Before(s.scanUntil)
}

func (s *sightings) add(facts ...adapters.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range facts {
		if !s.has(f) {
			s.facts = append(s.facts, f)
		}
	}
	if over := len(s.facts) - maxSightings; over > 0 {
		s.facts = s.facts[over:]
	}
}

func (s *sightings) has(f adapters.Fact) bool {
	for _, old := range s.facts {
		if old.TxID == f.TxID && old.Contract == f.Contract && old.Kind == f.Kind {
			return true
		}
	}
	return false
}

func (s *sightings) forget(contract string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.facts[:0]
	for _, f := range s.facts {
		if f.Contract != contract {
			kept = append(kept, f)
		}
	}
	s.facts = kept
}

func (s *sightings) take() []adapters.Fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.facts
	s.facts = nil
	return out
}

func (s *sightings) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.facts) > 0
}

func (s *sightings) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		sub.Unsubscribe()
	}
	s.subs = nil
}

// Mempool returns what unconfirmed transactions do to watched contracts. A node that serves neither a
// subscription, a filter nor a pending block gives nothing: the blocks will tell.
func (a *Adapter) Mempool(ctx context.Context) ([]adapters.Fact, error) {
	if err := a.node.verify(ctx); err != nil {
		return nil, err
	}
	if a.node.rpc.SupportsSubscriptions() {
		a.subscribe(ctx)
		a.drain()
	} else if err := a.pollFilter(ctx); err != nil {
		return nil, err
	}
	if a.pool.scanning() {
		if err := a.scanPending(ctx); err != nil {
			return nil, err
		}
	}
	return a.pool.take(), nil
}

// Wait returns when the tip or the mempool may have changed, or when ctx ends.
func (a *Adapter) Wait(ctx context.Context) error {
	if a.node.rpc.SupportsSubscriptions() {
		return a.waitSubscribed(ctx)
	}
	ticker := time.NewTicker(a.config.PollInterval)
	defer ticker.Stop()
	for {
		if changed, err := a.changed(ctx); err != nil || changed {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if a.pool.scanning() {
				return nil // the pending block is worth another look
			}
		}
	}
}

// changed asks a node without subscriptions.
func (a *Adapter) changed(ctx context.Context) (bool, error) {
	h, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return false, unreachable("read the tip", err)
	}
	if err := a.pollFilter(ctx); err != nil {
		return false, err
	}
	hash := h.Hash()
	a.pool.mu.Lock()
	moved := hash != a.pool.lastHead
	a.pool.lastHead = hash
	a.pool.mu.Unlock()
	return moved || a.pool.waiting(), nil
}

func (a *Adapter) waitSubscribed(ctx context.Context) error {
	a.subscribe(ctx)
	if a.pool.waiting() {
		return nil
	}
	a.pool.mu.Lock()
	heads, pending, live := a.pool.heads, a.pool.pending, len(a.pool.subs) == 2
	var failed [2]<-chan error
	for i, sub := range a.pool.subs {
		failed[i] = sub.Err()
	}
	a.pool.mu.Unlock()
	if !live {
		heads, pending = nil, nil
	}
	timer := time.NewTimer(a.config.PollInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-heads:
			return nil
		case tx := <-pending:
			if a.sighted(tx) {
				return nil
			}
		case err := <-failed[0]:
			a.resubscribe(err)
			return nil
		case err := <-failed[1]:
			a.resubscribe(err)
			return nil
		case <-timer.C:
			return nil
		}
	}
}

// subscribe sets up both subscriptions where they are missing. A failure is left to the timer of Wait
// and to the pending block.
func (a *Adapter) subscribe(ctx context.Context) {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	if len(a.pool.subs) == 2 {
		return
	}
	heads, pending := make(chan *types.Header, 64), make(chan *types.Transaction, 4096)
	first, err := a.node.rpc.EthSubscribe(ctx, heads, "newHeads")
	if err != nil {
		a.log.Warn("no subscription to new blocks", "error", err)
		return
	}
	second, err := a.node.rpc.EthSubscribe(ctx, pending, "newPendingTransactions", true)
	if err != nil {
		first.Unsubscribe()
		a.pool.noFilter = true
		a.log.Warn("no subscription to pending transactions", "error", err)
		return
	}
	a.pool.heads, a.pool.pending = heads, pending
	a.pool.subs = []*rpc.ClientSubscription{first, second}
	a.pool.scanUntil = time.Now().Add(pendingWindow)
}

// resubscribe drops both subscriptions after one has ended, so that the next call makes them anew.
func (a *Adapter) resubscribe(err error) {
	a.log.Warn("a subscription ended", "error", err)
	a.pool.close()
}

// drain takes what the subscription has delivered.
func (a *Adapter) drain() {
	a.pool.mu.Lock()
	pending := a.pool.pending
	a.pool.mu.Unlock()
	for {
		select {
		case tx := <-pending:
			a.sighted(tx)
		default:
			return
		}
	}
}

// pollFilter asks the node's filter for new pending transactions, making it first where it is missing.
func (a *Adapter) pollFilter(ctx context.Context) error {
	a.pool.mu.Lock()
	id, none := a.pool.filter, a.pool.noFilter
	a.pool.mu.Unlock()
	if none {
		return nil
	}
	if id == "" {
		return a.newFilter(ctx)
	}
	var txs []*types.Transaction
	if err := a.node.rpc.CallContext(ctx, &txs, "eth_getFilterChanges", id); err != nil {
		// The node forgot the filter (restart, or nobody asked for minutes), or does not answer.
		a.pool.mu.Lock()
		a.pool.filter = ""
		a.pool.mu.Unlock()
		a.pool.rescan()
		return a.newFilter(ctx)
	}
	for _, tx := range txs {
		a.sighted(tx)
	}
	return nil
}

func (a *Adapter) newFilter(ctx context.Context) error {
	var id string
	err := a.node.rpc.CallContext(ctx, &id, "eth_newPendingTransactionFilter", true)
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	if err == nil {
		a.pool.filter = id
		return nil
	}
	if !answered(err) {
		return unreachable("make a filter for pending transactions", err)
	}
	a.pool.noFilter = true
	a.log.Info("the node has no filter for pending transactions, reading its pending block instead", "error", err)
	return nil
}

// scanPending reads the block that the node would make now.
func (a *Adapter) scanPending(ctx context.Context) error {
	var block *struct {
		Transactions []*types.Transaction `json:"transactions"`
	}
	err := a.node.rpc.CallContext(ctx, &block, "eth_getBlockByNumber", "pending", true)
	if err != nil {
		if answered(err) {
			return nil // no pending block here
		}
		return unreachable("read the pending block", err)
	}
	if block == nil {
		return nil
	}
	for _, tx := range block.Transactions {
		a.sighted(tx)
	}
	return nil
}

// sighted keeps what a transaction wants with watched contracts.
func (a *Adapter) sighted(tx *types.Transaction) bool {
	if tx == nil || tx.To() == nil || *tx.To() != a.deployment {
		return false
	}
	from, err := types.Sender(types.LatestSignerForChainID(a.chainID), tx)
	if err != nil {
		return false
	}
	var found []adapters.Fact
	for _, in := range a.calls.decode(from, new(big.Int).Set(tx.Value()), tx.Data()) {
		id := in.record.id(a.domain)
		if _, ok := a.watched.get(id); !ok {
			continue
		}
		f := adapters.Fact{Kind: in.kind, Contract: id.Hex(), TxID: tx.Hash().Hex(), Secret: in.secret}
		if in.kind == adapters.Funded {
			f.Ref = f.Contract
		}
		found = append(found, f)
	}
	a.pool.add(found...)
	return len(found) > 0
}

// answered tells a node that says no from one that does not answer.
func answered(err error) bool {
	var no rpc.Error
	return errors.As(err, &no)
}
