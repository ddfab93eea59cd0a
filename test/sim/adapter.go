package main

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// deepEnough is the depth at which a model adapter takes a spent coin or nonce
// to be gone for good; no reorganisation of a world goes as deep.
const deepEnough = maxDepth

// adapter is one node's view of a model chain: all that the monitor asks of an
// adapter. held outlives the process, as an adapter's tables do; the rest is
// made anew at every start.
type adapter struct {
	n    *node
	c    *chain
	held *holdings

	watched map[string]bool
}

// holdings are which coin is reserved for which swap.
type holdings struct {
	coins []string // all that the node ever owned, in order
	owner map[string]string
}

func newAdapter(n *node, c *chain, held *holdings) *adapter {
	return &adapter{n: n, c: c, held: held, watched: map[string]bool{}}
}

func failing(reason, op string, err error) error {
	return &adapters.Error{Reason: reason, Op: op, Err: err, Retryable: true}
}

// view is the tip that the node's back end shows: an older one while it lags.
func (a *adapter) view() *block {
	i := len(a.c.blocks) - 1 - a.n.back[a.c.id].stale
	return a.c.blocks[max(i, 0)]
}

// reach fails where the back end does not answer.
func (a *adapter) reach(op string) error {
	if a.n.back[a.c.id].down {
		return failing("UNREACHABLE", op, adapters.ErrUnreachable)
	}
	return nil
}

// Tip is the best block, by what the back end shows.
func (a *adapter) Tip(ctx context.Context) (adapters.BlockRef, error) {
	a.n.interleave(ctx, a.c)
	if err := a.reach("tip"); err != nil {
		return adapters.BlockRef{}, err
	}
	tip := a.view().ref
	a.n.shown[a.c.id] = max(tip.Clock, tip.Time)
	return tip, nil
}

// Next is what follows a cursor.
func (a *adapter) Next(_ context.Context, cursor adapters.BlockRef) (adapters.Step, error) {
	if err := a.reach("next"); err != nil {
		return adapters.Step{}, err
	}
	if b := a.c.at(cursor.Height); b != nil && b.ref.Hash == cursor.Hash {
		next := a.c.at(cursor.Height + 1)
		if next == nil || next.ref.Height > a.view().ref.Height {
			return adapters.Step{Kind: adapters.AtTip}, nil
		}
		return adapters.Step{Kind: adapters.Connect, Block: next.ref, Facts: a.facts(next)}, nil
	}
	parent, err := a.parent(cursor)
	return adapters.Step{Kind: adapters.Disconnect, Block: parent}, err
}

// Parent is the block before b.
func (a *adapter) Parent(_ context.Context, b adapters.BlockRef) (adapters.BlockRef, error) {
	if err := a.reach("parent"); err != nil {
		return adapters.BlockRef{}, err
	}
	return a.parent(b)
}

func (a *adapter) parent(b adapters.BlockRef) (adapters.BlockRef, error) {
	parent, ok := a.c.known[b.Parent]
	if !ok {
		return parent, fmt.Errorf("block %d: %w", b.Height, adapters.ErrUnknownCursor)
	}
	return parent, nil
}

func (a *adapter) facts(b *block) []adapters.Fact {
	var out []adapters.Fact
	for _, m := range b.txs {
		if !m.ok || !a.watched[m.tx.contract] {
			continue
		}
		if f, any := m.tx.fact(a.c.ledger.account); any {
			out = append(out, f)
		}
	}
	return out
}

// Mempool shows fundings and redeems of watched contracts that wait.
func (a *adapter) Mempool(context.Context) ([]adapters.Fact, error) {
	if err := a.reach("mempool"); err != nil {
		return nil, err
	}
	var out []adapters.Fact
	for _, p := range a.c.pool {
		if !a.watched[p.tx.contract] || a.n.rng.IntN(2) == 0 {
			continue
		}
		f, any := p.tx.fact(a.c.ledger.account)
		if any && (f.Kind == adapters.Funded || f.Kind == adapters.Redeemed && f.Secret != nil) {
			out = append(out, f)
		}
	}
	return out, nil
}

// Wait is never asked: the world says when a watcher works.
func (a *adapter) Wait(context.Context) error { return nil }

// Watch registers a leg's contract.
func (a *adapter) Watch(_ context.Context, terms htlc.Terms, leg int, _ string) (adapters.Contract, error) {
	contract, err := contractOf(terms, leg)
	a.n.mu.Lock() // a feed watches several at once
	defer a.n.mu.Unlock()
	a.watched[contract.ID] = true
	return contract, err
}

// Unwatch forgets a contract.
func (a *adapter) Unwatch(contract string) { delete(a.watched, contract) }

// Scan looks for past facts of a contract.
func (a *adapter) Scan(_ context.Context, contract string, from, to uint64) ([]adapters.Located, adapters.BlockRef, error) {
	var last adapters.BlockRef
	if err := a.reach("scan"); err != nil {
		return nil, last, err
	}
	var out []adapters.Located
	for h := max(from, a.c.blocks[0].ref.Height); h <= to; h++ {
		b := a.c.at(h)
		if b == nil {
			break
		}
		last = b.ref
		for _, m := range b.txs {
			if f, any := m.tx.fact(a.c.ledger.account); any && m.ok && f.Contract == contract {
				out = append(out, adapters.Located{Fact: f, Block: b.ref})
			}
		}
	}
	return out, last, nil
}

// Contract computes a leg's contract.
func (a *adapter) Contract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	return contractOf(terms, leg)
}

// SimulateRedeem asks the back end alone; the model's contracts have no block
// lists.
func (a *adapter) SimulateRedeem(ctx context.Context, _ htlc.Terms, _ int, _ string) error {
	a.n.interleave(ctx, a.c)
	return a.reach("simulate")
}

// CheckMeans asks the back end alone: the nodes of a world are rich.
func (a *adapter) CheckMeans(context.Context, string, htlc.Terms, int, bool) error {
	return a.reach("means")
}

// Funded reads the contract from the state at the tip.
func (a *adapter) Funded(_ context.Context, terms htlc.Terms, leg int, ref string, _ adapters.BlockRef) (bool, error) {
	if err := a.reach("funded"); err != nil {
		return false, err
	}
	if a.n.back[a.c.id].denies {
		return false, nil // a back end that lies
	}
	contract, err := contractOf(terms, leg)
	if a.c.ledger.account {
		return a.c.ledger.locks[contract.ID] == lockOpen, err
	}
	coin, ok := a.c.ledger.coins[ref]
	k := a.c.ledger.contracts[contract.ID]
	return ok && coin.contract == contract.ID && coin.amount == k.amount, err
}

// Release frees what a swap has reserved.
func (a *adapter) Release(_ context.Context, owner string) error {
	for _, coin := range a.held.coins {
		if a.held.owner[coin] == owner {
			delete(a.held.owner, coin)
		}
	}
	return nil
}
