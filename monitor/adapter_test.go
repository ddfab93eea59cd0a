package monitor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

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
	nonces  *nonceBook
	budget  htlc.Amount // of the redeem that was asked for last
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

func (a *modelAdapter) Parent(_ context.Context, b adapters.BlockRef) (adapters.BlockRef, error) {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	parent, ok := a.c.known[b.Parent]
	if !ok {
		return adapters.BlockRef{}, fmt.Errorf("block %d: %w", b.Height, adapters.ErrUnknownCursor)
	}
	return parent.ref, nil
}

func (a *modelAdapter) facts(txs []*modelTx) []adapters.Fact {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []adapters.Fact
	for _, tx := range txs {
		if _, ok := a.watched[tx.Contract]; ok && tx.Kind != htlc.PurposeAbandon {
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
	case htlc.PurposeConsent:
		f.Kind = adapters.ClosedByConsent
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
	now = a.c.version() // not under a.mu, which others take while they hold the chain
	a.mu.Lock()
	a.seen = now
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

func (a *modelAdapter) Scan(_ context.Context, contract string, from, to uint64) ([]adapters.Located, adapters.BlockRef, error) {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	var out []adapters.Located
	var last adapters.BlockRef
	for h := from; h <= to && int(h) < len(a.c.best); h++ {
		last = a.c.best[h].ref
		for _, tx := range a.c.best[h].txs {
			if tx.Contract == contract {
				out = append(out, adapters.Located{Fact: tx.fact(), Block: a.c.best[h].ref})
			}
		}
	}
	return out, last, nil
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
	a.mu.Lock()
	a.budget = s.Fees.Budget
	a.mu.Unlock()
	if s.Replace != nil && !a.isBurned(s.Replace.ID) && !byConsent(*s.Replace) && s.Fees.Budget.Cmp(s.Replace.Fee) <= 0 {
		return *s.Replace, nil
	}
	contract, err := modelContract(s.Terms, s.Leg)
	raw := s.Secret.Reveal()
	tx := a.signed(modelTx{Kind: htlc.PurposeRedeem, Contract: contract.ID, Secret: hex.EncodeToString(raw[:])})
	tx.Fee = s.Fees.Budget
	return tx, err
}

func (a *modelAdapter) Refund(_ context.Context, s adapters.Spend) (adapters.Tx, error) {
	if a.c.now() <= s.Terms.Legs[s.Leg].TimeLock {
		return adapters.Tx{}, &adapters.Error{Reason: "TOO_EARLY", Op: "refund", Err: adapters.ErrTooEarly, Retryable: true}
	}
	if s.Replace != nil && !byConsent(*s.Replace) {
		return *s.Replace, nil
	}
	contract, err := modelContract(s.Terms, s.Leg)
	return a.signed(modelTx{Kind: htlc.PurposeRefund, Contract: contract.ID, TimeLock: s.Terms.Legs[s.Leg].TimeLock}), err
}

func (a *modelAdapter) Abandon(_ context.Context, ask adapters.Abandonment) (adapters.Abandoned, error) {
	contract, err := modelContract(ask.Terms, ask.Leg)
	tx := modelTx{Kind: htlc.PurposeAbandon, Contract: contract.ID}
	void, waits := true, false
	a.c.mu.Lock()
	tip := uint64(len(a.c.best))
	for _, f := range ask.Fundings {
		tx.Takes = append(tx.Takes, f.ID)
		at := a.c.takenAt(f.ID, nil)
		void = void && at > 0 && tip-at >= ask.Confirmations
		waits = waits || at > 0 || a.c.state[contract.ID].fund == f.ID
	}
	a.c.mu.Unlock()
	switch {
	case err != nil || void || waits:
		return adapters.Abandoned{Void: void}, err
	case ask.Replace != nil:
		return adapters.Abandoned{Tx: ask.Replace}, nil
	}
	signed := a.signed(tx)
	return adapters.Abandoned{Tx: &signed}, nil
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
