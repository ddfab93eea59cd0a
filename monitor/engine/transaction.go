package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// transaction collects what a batch of inputs changes, over the engine's
// state, which stays as it is until the batch is durable. Only the alarm
// index is changed at once; undo sets it back.
type transaction struct {
	e       *Engine
	swaps   map[htlc.SwapID]*SwapWrite
	order   []htlc.SwapID
	opened  map[contractKey]place
	cursors map[htlc.ChainID]*CursorWrite
	chains  []htlc.ChainID
	done    []EffectID
}

func newTransaction(e *Engine) *transaction {
	return &transaction{
		e: e, swaps: map[htlc.SwapID]*SwapWrite{}, opened: map[contractKey]place{},
		cursors: map[htlc.ChainID]*CursorWrite{},
	}
}

func (t *transaction) empty() bool {
	return len(t.order) == 0 && len(t.chains) == 0 && len(t.done) == 0
}

func (t *transaction) apply(in Input) error {
	switch {
	case in.Step != nil:
		return t.step(in.Chain, *in.Step)
	case in.Sight != nil:
		return t.sight(in.Chain, *in.Sight)
	case in.Located != nil:
		t.done = append(t.done, in.Done...)
		return t.located(in.Swap, *in.Located)
	}
	t.done = append(t.done, in.Done...)
	if in.Event == nil {
		return nil
	}
	if signed, ok := in.Event.(htlc.TermsSigned); ok {
		return t.open(signed)
	}
	return t.event(in.Swap, in.Event)
}

// open adds a swap and tells it where its chains stand.
func (t *transaction) open(e htlc.TermsSigned) error {
	id := e.Terms.ID()
	if _, err := t.find(id); err == nil {
		return fmt.Errorf("swap %s: %w", id, htlc.ErrStale)
	}
	w := &SwapWrite{}
	fresh, effects, err := htlc.Transition(w.Swap, e)
	if err != nil {
		return err
	}
	for _, leg := range []int{fresh.In(), fresh.Out()} {
		c, err := t.e.o.Contracts(fresh.Terms, leg)
		if err != nil {
			return fmt.Errorf("leg %d: %w", leg, err)
		}
		if _, ok := t.cursor(c.Chain); !ok {
			return fmt.Errorf("%w: %s", ErrNoCursor, c.Chain)
		}
		t.opened[contractKey{c.Chain, c.ID}] = place{id, leg}
	}
	t.write(w, e, fresh, effects)
	t.swaps[id] = w
	t.order = append(t.order, id)
	for _, leg := range []int{fresh.In(), fresh.Out()} {
		c, _ := t.cursor(fresh.Terms.Legs[leg].Chain())
		tip := htlc.TipAdvanced{Leg: leg, Height: c.Block.Height, Clock: c.Block.Clock}
		if err := t.event(id, tip); err != nil && !errors.Is(err, htlc.ErrStale) {
			return err
		}
	}
	return nil
}

// find returns the swap as the transaction sees it.
func (t *transaction) find(id htlc.SwapID) (*SwapWrite, error) {
	if w, ok := t.swaps[id]; ok {
		return w, nil
	}
	s, ok := t.e.swaps[id]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoSwap, id)
	}
	return &SwapWrite{Swap: s, Expect: s.Version}, nil
}

func (t *transaction) event(id htlc.SwapID, e htlc.Event) error {
	w, err := t.find(id)
	if err != nil {
		return err
	}
	next, effects, err := htlc.Transition(w.Swap, e)
	if err != nil {
		return fmt.Errorf("swap %s: %w", id, err)
	}
	t.write(w, e, next, effects)
	if _, known := t.swaps[id]; !known {
		t.swaps[id] = w
		t.order = append(t.order, id)
	}
	return nil
}

func (t *transaction) write(w *SwapWrite, e htlc.Event, next htlc.Swap, effects []htlc.Effect) {
	w.Swap = next
	w.Events = append(w.Events, StoredEvent{Seq: next.Version, At: t.e.o.Now(), Event: e})
	for i, effect := range effects {
		w.Effects = append(w.Effects, StoredEffect{
			ID:     EffectID{Swap: next.ID, Seq: next.Version, Index: i},
			Effect: effect,
		})
	}
	t.e.alarms.Set(next)
}

func (t *transaction) place(chain htlc.ChainID, contract string) (place, bool) {
	if p, ok := t.opened[contractKey{chain, contract}]; ok {
		return p, true
	}
	p, ok := t.e.contracts[contractKey{chain, contract}]
	return p, ok
}

func (t *transaction) cursor(chain htlc.ChainID) (Cursor, bool) {
	if w, ok := t.cursors[chain]; ok {
		return w.Cursor, true
	}
	c, ok := t.e.cursors[chain]
	return c, ok
}

// step moves a chain's cursor by one block and applies what the block did.
func (t *transaction) step(chain htlc.ChainID, s adapters.Step) error {
	cursor, known := t.cursor(chain)
	if known {
		if err := follows(cursor.Block, s); err != nil {
			return fmt.Errorf("%s at height %d: %w", chain, cursor.Block.Height, err)
		}
	} else if s.Kind != adapters.Connect {
		return fmt.Errorf("%s: %w", chain, ErrGap)
	}
	w, ok := t.cursors[chain]
	if !ok {
		w = &CursorWrite{Chain: chain, Expect: cursor.Seq}
		t.cursors[chain] = w
		t.chains = append(t.chains, chain)
	}
	w.Cursor = Cursor{Seq: cursor.Seq + 1, Block: s.Block}
	touched := &touched{leg: map[htlc.SwapID]int{}}
	if s.Kind == adapters.Disconnect {
		t.disconnect(chain, cursor.Block, touched)
	} else {
		for _, f := range s.Facts {
			t.fact(chain, f, s.Block, touched)
		}
	}
	t.tellTip(chain, s.Block, touched)
	return nil
}

// follows checks that a step leads on from the cursor.
func follows(cursor adapters.BlockRef, s adapters.Step) error {
	switch {
	case s.Kind == adapters.Connect && s.Block.Hash == cursor.Hash:
		return fmt.Errorf("block %s: %w", s.Block.Hash, htlc.ErrStale)
	case s.Kind == adapters.Connect && s.Block.Parent == cursor.Hash && s.Block.Height == cursor.Height+1:
		return nil
	case s.Kind == adapters.Disconnect && s.Block.Hash == cursor.Parent && s.Block.Height+1 == cursor.Height:
		return nil
	}
	return fmt.Errorf("%w: block %d %s", ErrGap, s.Block.Height, s.Block.Hash)
}

// disconnect undoes what the cursor's block held. A reorganisation is rare,
// so all open swaps are looked at.
func (t *transaction) disconnect(chain htlc.ChainID, undone adapters.BlockRef, touched *touched) {
	gone := blockID(undone)
	for _, id := range t.ids() {
		w, err := t.find(id)
		if err != nil || w.Swap.Phase == htlc.PhaseClosed {
			continue
		}
		for _, leg := range []int{w.Swap.In(), w.Swap.Out()} {
			l := w.Swap.Legs[leg]
			if w.Swap.Terms.Legs[leg].Chain() != chain || l.FundBlock != gone && l.SpendBlock != gone {
				continue
			}
			t.note(id, htlc.Reorged{Leg: leg, Block: gone})
			touched.add(id, leg)
		}
	}
}

// touched are swaps with one of their legs on the chain of a step, in the
// order in which they came, so that equal inputs give equal batches.
type touched struct {
	order []htlc.SwapID
	leg   map[htlc.SwapID]int
}

func (t *touched) add(id htlc.SwapID, leg int) {
	if _, known := t.leg[id]; !known {
		t.order = append(t.order, id)
	}
	t.leg[id] = leg
}

func (t *transaction) ids() []htlc.SwapID {
	out := make([]htlc.SwapID, 0, len(t.e.swaps)+len(t.order))
	for id := range t.e.swaps {
		out = append(out, id)
	}
	for _, id := range t.order {
		if _, known := t.e.swaps[id]; !known {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b htlc.SwapID) int { return bytes.Compare(a[:], b[:]) })
	return out
}

func blockID(b adapters.BlockRef) htlc.BlockID {
	return htlc.BlockID{Height: b.Height, Hash: b.Hash}
}

func (t *transaction) fact(chain htlc.ChainID, f adapters.Fact, b adapters.BlockRef, touched *touched) {
	p, ok := t.place(chain, f.Contract)
	if !ok {
		return // another node's, or a closed swap's
	}
	event := eventOf(f, p.leg, blockID(b))
	if event == nil {
		t.e.o.Log.Error("fact of unknown kind", "chain", chain, "kind", f.Kind.String(), "txid", f.TxID)
		return
	}
	t.note(p.swap, event)
	touched.add(p.swap, p.leg)
}

// note applies an event that came with others: what one swap refuses must not
// hold up the rest of the block.
func (t *transaction) note(id htlc.SwapID, e htlc.Event) {
	err := t.event(id, e)
	switch {
	case err == nil, errors.Is(err, htlc.ErrStale):
	case errors.Is(err, ErrNoSwap):
	default:
		t.e.o.Log.Error("event refused", "swap", id.String(), "event", string(e.Kind()), "error", err)
	}
}

// eventOf turns what a block did to a contract into an event.
func eventOf(f adapters.Fact, leg int, b htlc.BlockID) htlc.Event {
	switch f.Kind {
	case adapters.Funded:
		return htlc.LegFunded{Leg: leg, TxID: f.TxID, Ref: f.Ref, Block: b}
	case adapters.Redeemed:
		if f.Secret == nil {
			return nil
		}
		return htlc.LegRedeemed{Leg: leg, TxID: f.TxID, Secret: *f.Secret, Block: b}
	case adapters.Refunded:
		return htlc.LegRefunded{Leg: leg, TxID: f.TxID, Block: b}
	case adapters.ClosedByConsent:
		return htlc.LegClosedByConsent{Leg: leg, TxID: f.TxID, Block: b}
	case adapters.Mismatched:
		return htlc.LegMismatched{Leg: leg, TxID: f.TxID, Detail: f.Detail}
	}
	return nil
}

// tellTip tells the swaps that are due, and those that the step touched.
func (t *transaction) tellTip(chain htlc.ChainID, b adapters.BlockRef, touched *touched) {
	for _, d := range t.e.alarms.Pop(chain, b.Height, b.Clock) {
		touched.add(d.Swap, d.Leg)
	}
	for _, id := range touched.order {
		leg := touched.leg[id]
		w, err := t.find(id)
		if err != nil {
			continue
		}
		t.note(id, htlc.TipAdvanced{Leg: leg, Height: b.Height, Clock: b.Clock})
		// Pop took the alarms; a stale tip must not leave the swap without.
		t.e.alarms.Set(t.state(id, w))
	}
}

func (t *transaction) state(id htlc.SwapID, w *SwapWrite) htlc.Swap {
	if now, err := t.find(id); err == nil {
		return now.Swap
	}
	return w.Swap
}

// sight applies what was seen in a mempool.
func (t *transaction) sight(chain htlc.ChainID, f adapters.Fact) error {
	p, ok := t.place(chain, f.Contract)
	if !ok {
		return fmt.Errorf("%w: contract %s", ErrNoSwap, f.Contract)
	}
	switch {
	case f.Kind == adapters.Funded:
		return t.event(p.swap, htlc.LegSeen{Leg: p.leg, TxID: f.TxID})
	case f.Kind == adapters.Redeemed && f.Secret != nil:
		return t.event(p.swap, htlc.SecretSeen{Leg: p.leg, TxID: f.TxID, Secret: *f.Secret})
	}
	return htlc.ErrStale
}

// located applies what a scan found of one leg. The scan must have been made
// at the cursor: what it saw of another branch would never be undone.
func (t *transaction) located(id htlc.SwapID, found Found) error {
	w, err := t.find(id)
	if err != nil {
		return err
	}
	if w.Swap.Phase == htlc.PhaseClosed {
		return nil
	}
	chain := w.Swap.Terms.Legs[found.Leg].Chain()
	cursor, followed := t.cursor(chain)
	if !followed || cursor.Block.Hash != found.At.Hash {
		return fmt.Errorf("%w: scanned at height %d", ErrMoved, found.At.Height)
	}
	for _, l := range found.Facts {
		if event := eventOf(l.Fact, found.Leg, blockID(l.Block)); event != nil {
			t.note(id, event)
		}
	}
	t.note(id, htlc.TipAdvanced{Leg: found.Leg, Height: cursor.Block.Height, Clock: cursor.Block.Clock})
	return nil
}

func (t *transaction) batch() Batch {
	b := Batch{Done: t.done}
	for _, id := range t.order {
		b.Swaps = append(b.Swaps, *t.swaps[id])
	}
	for _, c := range t.chains {
		b.Cursors = append(b.Cursors, *t.cursors[c])
	}
	return b
}

// undo sets the alarm index back after a failed commit.
func (t *transaction) undo() {
	for _, id := range t.order {
		if s, ok := t.e.swaps[id]; ok {
			t.e.alarms.Set(s)
			continue
		}
		t.e.alarms.Set(htlc.Swap{ID: id})
	}
	for chain := range t.cursors {
		// Alarms that were popped for a swap that then turned out stale.
		for _, s := range t.e.swaps {
			if s.Terms.Legs[s.In()].Chain() == chain || s.Terms.Legs[s.Out()].Chain() == chain {
				t.e.alarms.Set(s)
			}
		}
	}
}

// keep makes the transaction the engine's state, once it is durable.
func (t *transaction) keep() {
	t.e.mu.Lock()
	for key, p := range t.opened {
		t.e.contracts[key] = p
	}
	for chain, w := range t.cursors {
		t.e.cursors[chain] = w.Cursor
	}
	var changed []htlc.Swap
	var effects []StoredEffect
	for _, id := range t.order {
		w := t.swaps[id]
		t.e.swaps[id] = w.Swap
		if w.Swap.Phase == htlc.PhaseClosed {
			t.e.forget(w.Swap)
		}
		changed = append(changed, w.Swap)
		effects = append(effects, w.Effects...)
	}
	t.e.mu.Unlock()
	if len(effects) > 0 {
		t.e.o.Dispatch(effects)
	}
	if len(changed) > 0 {
		t.e.o.Changed(changed)
	}
}
