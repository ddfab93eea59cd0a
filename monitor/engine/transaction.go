package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kofo-network/kofo/htlc"
)

// transaction collects what a batch of inputs changes, over the engine's
// state, which stays as it is until the batch is durable. Only the alarm
// index is changed at once; undo sets it back.
type transaction struct {
	e       *Engine
	swaps   map[htlc.SwapID]*SwapWrite
	closed  map[htlc.SwapID]htlc.Swap
	order   []htlc.SwapID
	opened  map[contractKey]place
	cursors map[htlc.ChainID]*CursorWrite
	chains  []htlc.ChainID
	epochs  map[htlc.ChainID]uint64
	pending map[htlc.SwapID][]StoredEffect
	done    []EffectID
}

func newTransaction(e *Engine) *transaction {
	return &transaction{
		e: e, swaps: map[htlc.SwapID]*SwapWrite{}, closed: map[htlc.SwapID]htlc.Swap{}, opened: map[contractKey]place{},
		cursors: map[htlc.ChainID]*CursorWrite{}, epochs: map[htlc.ChainID]uint64{},
		pending: map[htlc.SwapID][]StoredEffect{},
	}
}

func (t *transaction) empty() bool {
	return len(t.order) == 0 && len(t.chains) == 0 && len(t.done) == 0
}

func (t *transaction) apply(in Input) error {
	switch {
	case in.Step != nil:
		return t.step(in.Chain, in.Epoch, *in.Step, in.Recent)
	case in.Sight != nil:
		return t.sight(in.Chain, *in.Sight)
	case in.Located != nil:
		err := t.located(in.Swap, *in.Located)
		if !errors.Is(err, ErrMoved) { // else it is to be done again
			t.finish(in.Done)
		}
		return err
	}
	t.finish(in.Done)
	if in.Event == nil {
		return nil
	}
	if signed, ok := in.Event.(htlc.TermsSigned); ok {
		return t.open(signed)
	}
	t.lookUp(in)
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
	legs := []int{fresh.In(), fresh.Out()}
	opened := map[contractKey]place{}
	for _, leg := range legs {
		c, err := t.e.o.Contracts(fresh.Terms, leg)
		if err != nil {
			return fmt.Errorf("leg %d: %w", leg, err)
		}
		if _, ok := t.cursor(c.Chain); !ok {
			return fmt.Errorf("%w: %s", ErrNoCursor, c.Chain)
		}
		if p, taken := t.place(c.Chain, c.ID); taken {
			return fmt.Errorf("%w: %s, swap %s", ErrContractTaken, c.ID, p.swap)
		}
		opened[contractKey{c.Chain, c.ID}] = place{id, leg}
	}
	if len(opened) != len(legs) {
		return fmt.Errorf("%w: by both legs of swap %s", ErrContractTaken, id)
	}
	maps.Copy(t.opened, opened)
	t.swaps[id] = w
	t.order = append(t.order, id)
	t.write(w, e, fresh, effects)
	for _, leg := range legs {
		c, _ := t.cursor(fresh.Terms.Legs[leg].Chain())
		t.note(id, htlc.TipAdvanced{Leg: leg, Height: c.Block.Height, Clock: c.Block.Clock})
	}
	return nil
}

// find returns the swap as the transaction sees it.
func (t *transaction) find(id htlc.SwapID) (*SwapWrite, error) {
	if w, ok := t.swaps[id]; ok {
		return w, nil
	}
	if s, ok := t.e.swaps[id]; ok {
		return &SwapWrite{Swap: s, Expect: s.Version}, nil
	}
	if s, ok := t.closed[id]; ok {
		return &SwapWrite{Swap: s, Expect: s.Version}, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoSwap, id)
}

// lookUp makes a closed swap known to the transaction.
func (t *transaction) lookUp(in Input) {
	if in.Closed != nil && in.Closed.ID == in.Swap && in.Closed.Phase == htlc.PhaseClosed {
		t.closed[in.Swap] = *in.Closed
	}
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
		t.ask(w, StoredEffect{
			ID:     EffectID{Swap: next.ID, Seq: next.Version, Index: i},
			Effect: effect, Chain: next.Terms.Legs[effect.Leg].Chain(),
		})
	}
	t.e.alarms.Set(next)
}

// ask adds an effect. One that is pending already is done with by that: the
// new one asks for the same, so what waits does not grow with the blocks that
// pass meanwhile.
func (t *transaction) ask(w *SwapWrite, fresh StoredEffect) {
	waiting := t.waiting(fresh.ID.Swap)
	kept := make([]StoredEffect, 0, len(waiting)+1)
	for _, p := range waiting {
		if p.Effect != fresh.Effect {
			kept = append(kept, p)
			continue
		}
		if i := slices.IndexFunc(w.Effects, func(e StoredEffect) bool { return e.ID == p.ID }); i >= 0 {
			w.Effects = slices.Delete(w.Effects, i, i+1)
			continue
		}
		t.done = append(t.done, p.ID)
	}
	t.pending[fresh.ID.Swap] = append(kept, fresh)
	w.Effects = append(w.Effects, fresh)
}

// finish marks effects as done, with older ones that asked for the same. An
// effect that is not pending was asked for again in the meantime; the newer
// one stands.
func (t *transaction) finish(ids []EffectID) {
	for _, id := range ids {
		waiting := t.waiting(id.Swap)
		i := slices.IndexFunc(waiting, func(p StoredEffect) bool { return p.ID == id })
		if i < 0 {
			continue
		}
		kept := make([]StoredEffect, 0, len(waiting))
		for k, p := range waiting {
			if k <= i && p.Effect == waiting[i].Effect {
				t.done = append(t.done, p.ID)
			} else {
				kept = append(kept, p)
			}
		}
		t.pending[id.Swap] = kept
	}
}

// waiting are the pending effects of a swap as the transaction sees them,
// oldest first.
func (t *transaction) waiting(id htlc.SwapID) []StoredEffect {
	if p, ok := t.pending[id]; ok {
		return p
	}
	return t.e.pending[id]
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
		// The zero swap has no alarms.
		s := htlc.Swap{ID: id}
		if known, ok := t.e.swaps[id]; ok {
			s = known
		}
		t.e.alarms.Set(s)
	}
	if len(t.cursors) == 0 {
		return
	}
	// A step takes alarms out of the index, also of swaps that it then found
	// unchanged.
	for _, s := range t.e.swaps {
		t.e.alarms.Set(s)
	}
}

// keep makes the transaction the engine's state, once it is durable.
func (t *transaction) keep() {
	changed, effects := t.publish()
	if len(effects) > 0 {
		t.e.o.Dispatch(effects)
	}
	if len(changed) > 0 {
		t.e.o.Changed(changed)
	}
}

// keepEpochs is for the goroutine of Step, which alone uses them.
func (t *transaction) keepEpochs() { maps.Copy(t.e.epochs, t.epochs) }

func (t *transaction) publish() ([]htlc.Swap, []StoredEffect) {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()
	t.e.stats.Commits++
	maps.Copy(t.e.contracts, t.opened)
	t.keepEpochs()
	for chain, w := range t.cursors {
		t.e.cursors[chain] = w.Cursor
	}
	for id, waiting := range t.pending {
		if len(waiting) == 0 {
			delete(t.e.pending, id)
			continue
		}
		t.e.pending[id] = waiting
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
	return changed, effects
}
