package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
)

// epoch is the newest of a chain's steps and scans.
func (t *transaction) epoch(chain htlc.ChainID) uint64 {
	return max(t.e.epochs[chain], t.epochs[chain])
}

// old reports whether something was made for a request that is no longer
// obeyed. What comes without a session comes from no bus.
func (t *transaction) old(chain htlc.ChainID, epoch bus.Epoch) bool {
	return epoch.Session != "" && (epoch.Session != t.e.session || epoch.N < t.epoch(chain))
}

func (t *transaction) saw(chain htlc.ChainID, epoch bus.Epoch) {
	if epoch.Session != "" {
		t.epochs[chain] = max(t.epochs[chain], epoch.N)
	}
}

// step moves a chain's cursor by one block and applies what the block did.
func (t *transaction) step(chain htlc.ChainID, epoch bus.Epoch, s adapters.Step, recent []adapters.BlockRef) error {
	if t.old(chain, epoch) {
		return fmt.Errorf("%s: a step of an older request: %w", chain, htlc.ErrStale)
	}
	cursor, known := t.cursor(chain)
	if !known {
		if err := begins(epoch, s, recent); err != nil {
			return fmt.Errorf("%s: %w", chain, err)
		}
		cursor.Recent = recent
	} else if err := follows(cursor, s, recent); err != nil {
		return fmt.Errorf("%s at height %d: %w", chain, cursor.Block.Height, err)
	}
	w, ok := t.cursors[chain]
	if !ok {
		w = &CursorWrite{Chain: chain, Expect: cursor.Seq}
		t.cursors[chain] = w
		t.chains = append(t.chains, chain)
	}
	w.Cursor = cursor.next(s)
	t.saw(chain, epoch)
	touched := &touched{leg: map[htlc.SwapID]int{}}
	if s.Kind == adapters.Disconnect {
		t.disconnect(chain, cursor.Block, touched)
	} else {
		for _, f := range firstMismatches(s.Facts) {
			t.fact(chain, f, s.Block, touched)
		}
	}
	t.tellTip(chain, s.Block, touched)
	return nil
}

// firstMismatches drops all but a block's first lock of something else under
// a contract's id: anybody can make any number of them.
func firstMismatches(facts []adapters.Fact) []adapters.Fact {
	seen := map[string]bool{}
	out := make([]adapters.Fact, 0, len(facts))
	for _, f := range facts {
		if f.Kind == adapters.Mismatched {
			if seen[f.Contract] {
				continue
			}
			seen[f.Contract] = true
		}
		out = append(out, f)
	}
	return out
}

// begins checks that a chain's first step brings the way back along: a first
// block that is undone and forgotten by the node would end the following.
func begins(epoch bus.Epoch, s adapters.Step, recent []adapters.BlockRef) error {
	if s.Kind != adapters.Connect || epoch.Session != "" && len(recent) == 0 {
		return fmt.Errorf("%w: the chain does not begin with block %d", ErrGap, s.Block.Height)
	}
	return nil
}

// follows checks that a step leads on from the cursor. One that begins tells
// no facts, so it leads on from nothing.
func follows(cursor Cursor, s adapters.Step, recent []adapters.BlockRef) error {
	at := cursor.Block
	switch {
	case len(recent) > 0 && s.Block.Hash != at.Hash:
		return fmt.Errorf("%w: the chain begins again with block %d", ErrGap, s.Block.Height)
	case s.Kind == adapters.Connect && s.Block.Parent == at.Hash && s.Block.Height == at.Height+1:
		return nil
	case s.Kind == adapters.Disconnect && s.Block.Hash == at.Parent && s.Block.Height+1 == at.Height:
		return nil
	case s.Kind == adapters.Connect && (s.Block.Hash == at.Hash || cursor.passed(s.Block)):
		return fmt.Errorf("block %s: %w", s.Block.Hash, htlc.ErrStale)
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
	t.learn(p.swap, p.leg, f)
	touched.add(p.swap, p.leg)
}

// learn: a secret counts wherever it was seen, also in the spend of a lock
// that is not the contract.
func (t *transaction) learn(id htlc.SwapID, leg int, f adapters.Fact) {
	if f.Kind == adapters.Mismatched && f.Secret != nil {
		t.note(id, htlc.SecretSeen{Leg: leg, TxID: f.TxID, Secret: *f.Secret})
	}
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
		return htlc.LegFunded{Leg: leg, TxID: f.TxID, Ref: f.Ref, Block: b, Own: f.Own}
	case adapters.Redeemed:
		if f.Secret == nil {
			return nil
		}
		return htlc.LegRedeemed{Leg: leg, TxID: f.TxID, Ref: f.Ref, Secret: *f.Secret, Block: b}
	case adapters.Refunded:
		return htlc.LegRefunded{Leg: leg, TxID: f.TxID, Ref: f.Ref, Block: b}
	case adapters.ClosedByConsent:
		return htlc.LegClosedByConsent{Leg: leg, TxID: f.TxID, Ref: f.Ref, Block: b}
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
// at the cursor: what it saw of another branch would never be undone, and what
// it did not see of a later block would never be told.
func (t *transaction) located(id htlc.SwapID, found Found) error {
	w, err := t.find(id)
	if err != nil {
		return err
	}
	if w.Swap.Phase == htlc.PhaseClosed {
		return nil
	}
	if found.Leg != w.Swap.In() && found.Leg != w.Swap.Out() {
		return fmt.Errorf("%w: leg %d is not ours", htlc.ErrRejected, found.Leg)
	}
	chain := w.Swap.Terms.Legs[found.Leg].Chain()
	cursor, followed := t.cursor(chain)
	if !followed || cursor.Block.Hash != found.At.Hash || t.old(chain, found.Epoch) {
		return fmt.Errorf("%w: scanned at height %d", ErrMoved, found.At.Height)
	}
	t.saw(chain, found.Epoch)
	for _, l := range found.Facts {
		if event := eventOf(l.Fact, found.Leg, blockID(l.Block)); event != nil {
			t.note(id, event)
			t.learn(id, found.Leg, l.Fact)
		}
	}
	if w.Swap.Legs[found.Leg].Unsearched {
		t.note(id, htlc.LegSearched{Leg: found.Leg})
	}
	t.note(id, htlc.TipAdvanced{Leg: found.Leg, Height: cursor.Block.Height, Clock: cursor.Block.Clock})
	return nil
}
