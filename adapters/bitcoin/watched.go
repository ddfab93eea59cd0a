package bitcoin

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// maxPoints bounds the outputs remembered for one contract. Somebody may pay
// crumbs to its address, at a cost; the funding that the caller knows is
// handed over by Watch and never forgotten.
const maxPoints = 64

// watchSet finds what a transaction does to watched contracts by two hash
// look-ups, one for scripts and one for outputs, so that a block costs what
// the block weighs, however many contracts are watched.
type watchSet struct {
	mu      sync.RWMutex
	scripts map[string]*watched
	points  map[wire.OutPoint]*watched
	// version grows with every contract and output that becomes known: what
	// was matched before has to be matched again.
	version uint64
}

// watched is a contract with its known outputs; true: of the agreed amount.
type watched struct {
	id     string
	script []byte
	amount int64
	hash   htlc.SecretHash
	redeem []byte // the leaves' scripts
	refund []byte
	points map[wire.OutPoint]bool
}

func newWatchSet() *watchSet {
	return &watchSet{scripts: make(map[string]*watched), points: make(map[wire.OutPoint]*watched)}
}

func (s *watchSet) add(c *contract, known *wire.OutPoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.scripts[string(c.script)]
	if !ok {
		w = &watched{
			id: c.id, script: c.script, amount: c.amount, hash: c.hash,
			redeem: c.redeem.tap.Script, refund: c.refund.tap.Script,
			points: make(map[wire.OutPoint]bool),
		}
		s.scripts[string(c.script)] = w
		s.version++
	}
	// Two legs that differ in nothing but the amount share a script; the last
	// one counts.
	if w.amount != c.amount {
		w.amount = c.amount
		s.version++
	}
	if known != nil && !w.points[*known] {
		w.points[*known] = true
		s.points[*known] = w
		s.version++
	}
}

func (s *watchSet) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.scripts[scriptOfID(id)]
	if !ok {
		return
	}
	for point := range w.points {
		delete(s.points, point)
	}
	delete(s.scripts, string(w.script))
}

// amountAt is the amount of a contract's output, where it is the agreed one.
func (s *watchSet) amountAt(point wire.OutPoint) (int64, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, ok := s.points[point]
	if !ok || !w.points[point] {
		return 0, false
	}
	return w.amount, true
}

// only returns a set with nothing but one of the contracts in it.
func (s *watchSet) only(id string) (*watchSet, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, ok := s.scripts[scriptOfID(id)]
	if !ok {
		return nil, false
	}
	one := newWatchSet()
	c := *w
	c.points = make(map[wire.OutPoint]bool, len(w.points))
	for point, right := range w.points {
		c.points[point] = right
		one.points[point] = &c
	}
	one.scripts[string(c.script)] = &c
	return one, true
}

// learn takes over outputs that another set of the same contract has found.
func (s *watchSet) learn(from *watchSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for script, found := range from.scripts {
		w, ok := s.scripts[script]
		if !ok {
			continue
		}
		for point, right := range found.points {
			s.remember(w, point, right)
		}
	}
}

func (s *watchSet) remember(w *watched, point wire.OutPoint, right bool) {
	if was, known := w.points[point]; known && was == right {
		return
	}
	s.version++
	if len(w.points) >= maxPoints {
		for old, oldRight := range w.points {
			if !oldRight {
				delete(w.points, old)
				delete(s.points, old)
				break
			}
		}
	}
	w.points[point] = right
	s.points[point] = w
}

// matchBlock lists what a block does, in the block's order, so that a funding
// and its spend in one block are both seen.
func (s *watchSet) matchBlock(block *wire.MsgBlock) []adapters.Fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	var facts []adapters.Fact
	for _, tx := range block.Transactions {
		facts = s.matchInputs(facts, tx)
		facts = s.matchOutputs(facts, tx)
	}
	return facts
}

func (s *watchSet) matchOutputs(facts []adapters.Fact, tx *wire.MsgTx) []adapters.Fact {
	for i, out := range tx.TxOut {
		w, ok := s.scripts[string(out.PkScript)]
		if !ok {
			continue
		}
		point := wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}
		fact := adapters.Fact{Kind: adapters.Funded, Contract: w.id, TxID: point.Hash.String(), Ref: refOf(point)}
		right := out.Value == w.amount
		if !right {
			fact.Kind = adapters.Mismatched
			fact.Detail = fmt.Sprintf("%d satoshi are locked, the terms say %d", out.Value, w.amount)
		}
		s.remember(w, point, right)
		facts = append(facts, fact)
	}
	return facts
}

func (s *watchSet) matchInputs(facts []adapters.Fact, tx *wire.MsgTx) []adapters.Fact {
	for _, in := range tx.TxIn {
		w, ok := s.points[in.PreviousOutPoint]
		if !ok {
			continue
		}
		fact := w.classify(in.Witness)
		fact.Contract, fact.TxID, fact.Ref = w.id, tx.TxHash().String(), refOf(in.PreviousOutPoint)
		if !w.points[in.PreviousOutPoint] {
			// The contract itself is not touched, but a secret is out.
			fact.Detail = fmt.Sprintf("a lock of another amount was spent (%s)", fact.Kind)
			fact.Kind = adapters.Mismatched
		}
		facts = append(facts, fact)
	}
	return facts
}

// classify tells the ways of spending apart by the witness. The chain has
// checked it already: what is on the chain satisfies the script.
func (w *watched) classify(witness wire.TxWitness) adapters.Fact {
	items := witness
	// BIP-341: the last of several items is an annex where it begins with 0x50.
	if n := len(items); n >= 2 && len(items[n-1]) > 0 && items[n-1][0] == txscript.TaprootAnnexTag {
		items = items[:n-1]
	}
	if len(items) >= 2 {
		script := items[len(items)-2]
		switch {
		case bytes.Equal(script, w.redeem) && len(items) == 4:
			if secret, err := htlc.NewSecret(items[1]); err == nil && secret.Opens(w.hash) {
				return adapters.Fact{Kind: adapters.Redeemed, Secret: &secret}
			}
		case bytes.Equal(script, w.refund):
			return adapters.Fact{Kind: adapters.Refunded}
		}
	}
	if len(items) == 1 {
		return adapters.Fact{Kind: adapters.ClosedByConsent}
	}
	return adapters.Fact{Kind: adapters.Mismatched, Detail: "spent by a witness of neither leaf"}
}

// Watch adds the leg's contract; Next and Mempool report on it from now on.
func (a *Adapter) Watch(_ context.Context, terms htlc.Terms, leg int, ref string) (adapters.Contract, error) {
	c, err := buildContract(a.params, terms, leg)
	if err != nil {
		return adapters.Contract{}, err
	}
	var known *wire.OutPoint
	if ref != "" {
		point, err := parseRef(ref)
		if err != nil {
			return adapters.Contract{}, err
		}
		known = &point
	}
	a.watched.add(c, known)
	return a.describe(c, terms, leg), nil
}

// Unwatch forgets a contract.
func (a *Adapter) Unwatch(contract string) { a.watched.remove(contract) }
