package htlc_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/kofo-network/kofo/htlc"
)

// modelParty is an honest party: an engine that follows the chains by cursors
// and rings the alarms, and an executor of effects with a journal. Like the
// real ones they may do everything twice, and lose results.
type modelParty struct {
	w       *world
	swap    htlc.Swap
	rng     *rand.Rand
	cursors map[htlc.ChainID][]htlc.BlockID
	pending []htlc.Effect
	results []htlc.Event // of effects, for repetition
	faults  int          // failures of its node that it may still suffer
	failing int          // one in so many effects fails
	asleep  func(now int64) bool
	live    bool
	gated   bool // the funding gate was seen to allow

	reluctant bool                // its funding gate never opens
	seedless  bool                // it cannot derive its secret just to consent
	hangs     bool                // its questions are never answered, nor given up
	intents   map[int]htlc.Intent // what it asked for or consented to
	gaveBack  bool                // it consented to the refund of its incoming leg

	amnesia bool // it forgets right after its reveal, at no other time
	forgets bool // it loses its database once, and works on a copy of its Terms

	// The journal.
	fundReleased, revealReleased bool
	abandoning                   bool
	fundTx                       *modelTx
	redeemRef                    string
	redeemDue                    int64 // of an evicted redeem
}

func (p *modelParty) leg(i int) htlc.Leg        { return p.w.terms.Legs[i] }
func (p *modelParty) chain(leg int) *modelChain { return p.w.chains[p.leg(leg).Chain()] }
func (p *modelParty) txID(kind string) string   { return fmt.Sprintf("%s-by-%d", kind, p.swap.Self) }
func (p *modelParty) due() int64                { return p.w.now + p.w.delay*tick }
func (p *modelParty) outState() htlc.LegState   { return p.swap.Legs[p.swap.Out()] }
func (p *modelParty) inState() htlc.LegState    { return p.swap.Legs[p.swap.In()] }
func (p *modelParty) note(format string, a ...any) {
	p.w.note("party %d: "+format, append([]any{p.swap.Self}, a...)...)
}

// deliver applies one event, checks the gates, and queues the effects.
func (p *modelParty) deliver(e htlc.Event) {
	before := p.swap
	next, effects, err := step(p.w, p.w.seen, p.swap, e)
	p.note("%s %+v -> %s %s %v", e.Kind(), e, next.Phase, next.Outcome, err)
	if err != nil && errors.Is(err, htlc.ErrRejected) && !p.w.noise {
		p.w.Fatalf("party %d in %s refused %+v: %v", before.Self, before.Phase, e, err)
	}
	p.checkGates(before, next, e, effects)
	p.swap = next
	for _, effect := range effects {
		if !slices.Contains(p.pending, effect) {
			p.pending = append(p.pending, effect)
		}
	}
}

// checkGates: nothing is funded and no secret asked for outside the gates.
func (p *modelParty) checkGates(before, next htlc.Swap, e htlc.Event, effects []htlc.Effect) {
	if next.FundingAllowed && !before.FundingAllowed {
		checked, ok := e.(htlc.FundingChecked)
		if !ok || !htlc.FundingGate(before, checked.Facts).Allows() {
			p.w.Fatalf("funding was allowed by %s", e.Kind())
		}
		p.gated = true
	}
	if next.Phase == htlc.PhaseRevealing && before.Phase != htlc.PhaseRevealing {
		checked, ok := e.(htlc.RevealChecked)
		if !ok || !htlc.RevealGate(before, checked.Facts).Allows() || before.Phase != htlc.PhaseFunded || before.CutOffPassed {
			p.w.Fatalf("%s led to revealing from %s", e.Kind(), before.Phase)
		}
	}
	for _, effect := range effects {
		switch effect.Kind {
		case htlc.EffectFundLeg:
			if !p.gated {
				p.w.Fatalf("%s asked for funding, the gate never opened", e.Kind())
			}
		case htlc.EffectRevealAndRedeem:
			if next.Phase != htlc.PhaseRevealing || !next.Initiator() {
				p.w.Fatalf("a reveal asked for in %s", next.Phase)
			}
		case htlc.EffectRedeem:
			if next.Secret == nil && !next.Released {
				p.w.Fatal("a redeem asked for while the secret is not out")
			}
		case htlc.EffectRefundLeg:
			if out := next.Legs[next.Out()]; out.Clock <= next.Terms.Legs[next.Out()].TimeLock {
				p.w.Fatal("a refund asked for before the time lock")
			}
		}
	}
}

// follow takes one step along a chain, as the engine does, and reports
// whether there was one.
func (p *modelParty) follow(c *modelChain) bool {
	cursor := p.cursors[c.id]
	touched := -1
	last := cursor[len(cursor)-1]
	var at modelBlock
	switch height := int(last.Height); {
	case height >= len(c.blocks) || c.blocks[height].id != last:
		p.cursors[c.id] = cursor[:len(cursor)-1]
		at = modelBlock{id: cursor[len(cursor)-2], clock: p.w.clocks[cursor[len(cursor)-2]]}
		for _, leg := range p.ownLegs(c) {
			if l := p.swap.Legs[leg]; l.FundBlock == last || l.SpendBlock == last {
				p.deliver(htlc.Reorged{Leg: leg, Block: last})
				touched = leg
			}
		}
	case height+1 == len(c.blocks):
		return false
	default:
		at = c.blocks[height+1]
		p.cursors[c.id] = append(cursor, at.id)
		p.w.clocks[at.id] = at.clock
		for _, tx := range at.txs {
			if slices.Contains(p.ownLegs(c), tx.leg) && tx.kind != txAbandon {
				event := tx.event(at.id, testSecret())
				if funded, ok := event.(htlc.LegFunded); ok && p.fundTx != nil && tx.id == p.fundTx.id {
					funded.Own = true // it spends coins of our wallet
					event = funded
				}
				p.deliver(event)
				touched = tx.leg
			}
		}
	}
	p.tell(c, at, touched)
	return true
}

func (p *modelParty) ownLegs(c *modelChain) []int {
	var out []int
	for _, leg := range []int{p.swap.In(), p.swap.Out()} {
		if p.leg(leg).Chain() == c.id {
			out = append(out, leg)
		}
	}
	return out
}

// tell sends TipAdvanced where a fact or an alarm asks for it, and sometimes
// where nothing does.
func (p *modelParty) tell(c *modelChain, at modelBlock, touched int) {
	for _, a := range p.swap.Alarms() {
		if p.leg(a.Leg).Chain() == c.id && (a.Height > 0 && at.id.Height >= a.Height || a.Clock > 0 && at.clock >= a.Clock) {
			touched = a.Leg
		}
	}
	if own := p.ownLegs(c); touched < 0 && len(own) > 0 && p.rng.IntN(6) == 0 {
		touched = own[0]
	}
	if touched < 0 {
		return
	}
	tip := htlc.TipAdvanced{Leg: touched, Height: at.id.Height, Clock: at.clock}
	p.deliver(tip)
	if p.rng.IntN(4) == 0 {
		p.deliver(tip)
	}
}

// forget loses everything but the copy of the Terms, on which a reveal is noted
// before the secret is released. It happens once the own lock is so deep that
// the chain tells of it.
func (p *modelParty) forget() {
	lock, c := p.fundTx, p.chain(p.swap.Out())
	if !p.forgets || lock == nil || c.funded(lock.ref) <= uint64(c.maxUndo) || p.swap.Phase == htlc.PhaseClosed {
		return
	}
	if p.amnesia && !p.revealReleased || !p.amnesia && p.rng.IntN(8) != 0 {
		return
	}
	p.forgets = false
	p.note("loses its database in %s, secret out %t", p.swap.Phase, p.revealReleased)
	self := p.swap.Self
	p.evicted(p.revealReleased)
	p.swap, p.pending, p.results, p.redeemRef = htlc.Swap{}, nil, nil, ""
	opening := p.w.opening(self).(htlc.TermsSigned)
	opening.Restored, opening.RevealOut = true, p.revealReleased
	p.deliver(opening)
	for _, c := range p.w.order {
		p.cursors[c.id] = []htlc.BlockID{c.blocks[0].id}
		for p.follow(c) {
		}
		for _, leg := range p.ownLegs(c) {
			p.deliver(htlc.LegSearched{Leg: leg})
		}
	}
}

// evicted: the redeem leaves every mempool, so that only those who have seen it
// know the secret. Sent again it is worth as much as before: its fee has climbed
// with its deadline.
func (p *modelParty) evicted(sent bool) {
	if !sent {
		return
	}
	c := p.chain(p.swap.In())
	for _, tx := range c.mempool {
		if tx.kind == txRedeem && strings.HasPrefix(tx.id, p.txID("redeem")) {
			p.redeemDue = tx.due
			c.drop(tx.id)
			return
		}
	}
}

// work follows all chains, interleaved at random, and executes effects.
func (p *modelParty) work() {
	if p.asleep(p.w.now) {
		return
	}
	p.forget()
	order := slices.Clone(p.w.order)
	for len(order) > 0 {
		i := p.rng.IntN(len(order))
		if !p.follow(order[i]) {
			order = slices.Delete(order, i, i+1)
		}
		p.repeat()
		if !p.w.blind && p.rng.IntN(3) == 0 {
			p.sight()
		}
		if p.rng.IntN(2) == 0 {
			p.execute()
		}
	}
	for range 4 {
		p.execute()
	}
}

// repeat delivers a result once more: it was told and its receipt lost.
func (p *modelParty) repeat() {
	if len(p.results) > 0 && p.rng.IntN(4) == 0 {
		p.deliver(p.results[p.rng.IntN(len(p.results))])
	}
}

// sight looks into the mempools.
func (p *modelParty) sight() {
	for _, c := range p.w.order {
		for _, tx := range c.mempool {
			if !slices.Contains(p.ownLegs(c), tx.leg) || p.rng.IntN(2) == 0 {
				continue
			}
			switch tx.kind {
			case txFund:
				p.deliver(htlc.LegSeen{Leg: tx.leg, TxID: tx.id})
			case txRedeem:
				p.deliver(htlc.SecretSeen{Leg: tx.leg, TxID: tx.id, Secret: testSecret()})
			case txMismatch, txAbandon, txRefund, txCoRedeem, txCoRefund:
			}
		}
	}
}

// execute carries out what is pending, in any order: sometimes twice, and
// sometimes not at all, since the node failed; the next block asks again.
func (p *modelParty) execute() {
	todo := p.pending
	p.pending = nil
	p.rng.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	for _, e := range todo {
		if p.faults > 0 && (urgent[e.Kind] || p.failing > 1) && p.rng.IntN(p.failing) == 0 {
			p.faults--
			p.note("%s fails", e.Kind)
			continue
		}
		event := p.carryOut(e)
		switch {
		case event == nil:
		case p.rng.IntN(5) == 0: // the process dies: the effect is still pending
			p.pending = append(p.pending, e)
		default:
			p.results = append(p.results, event)
			p.deliver(event)
			if p.rng.IntN(4) == 0 {
				if twice := p.carryOut(e); twice != nil {
					p.deliver(twice)
				}
			}
		}
	}
}

// urgent effects are those for which the Terms leave time to fail.
var urgent = map[htlc.EffectKind]bool{
	htlc.EffectRedeem: true, htlc.EffectRefundLeg: true, htlc.EffectRevealAndRedeem: true,
}

func (p *modelParty) carryOut(e htlc.Effect) htlc.Event {
	s := p.swap
	switch e.Kind {
	case htlc.EffectPrepareFunding:
		if s.Phase != htlc.PhaseAgreed {
			return nil
		}
		return htlc.FundingPrepared{TxID: p.txID("fund")}
	case htlc.EffectCheckFunding:
		return htlc.FundingChecked{Facts: p.fundingFacts()}
	case htlc.EffectFundLeg:
		return p.fund()
	case htlc.EffectAbandonFunding:
		return p.abandon()
	case htlc.EffectPrepareRedeem:
		if s.Phase != htlc.PhaseFunded || p.inState().FundRef == "" {
			return nil
		}
		p.redeemRef = p.inState().FundRef
		return htlc.RedeemPrepared{TxID: p.txID("redeem") + p.redeemRef, Ref: p.redeemRef}
	case htlc.EffectCheckReveal:
		return htlc.RevealChecked{Facts: p.revealFacts()}
	case htlc.EffectRevealAndRedeem:
		return p.reveal()
	case htlc.EffectRedeem:
		if s.Phase != htlc.PhaseRedeeming || !p.inState().Status.Locked() {
			return nil
		}
		return p.redeem()
	case htlc.EffectRefundLeg:
		return p.refund()
	case htlc.EffectAskRedeem:
		return p.ask(e.Kind, e.Leg, htlc.IntentRedeem)
	case htlc.EffectAskRefund:
		return p.ask(e.Kind, e.Leg, htlc.IntentRefund)
	case htlc.EffectWatch, htlc.EffectUnwatch, htlc.EffectAlarm, htlc.EffectRelease:
	}
	return nil
}

// flaky is a check that now and then cannot be made.
func (p *modelParty) flaky(ok bool) htlc.Observed {
	if ok && p.faults > 0 && p.failing > 1 && p.rng.IntN(2*p.failing) == 0 {
		p.faults--
		return htlc.Observed{Detail: "the node does not answer"}
	}
	return htlc.Observed{State: htlc.Checked(ok)}
}

func (p *modelParty) incomingAtDepth() bool {
	in := p.swap.In()
	return p.chain(in).funded(p.inState().FundRef) >= uint64(p.leg(in).MinConfirmations)
}

func (p *modelParty) fundingFacts() htlc.FundingFacts {
	f := fundingFacts(p.chain(p.swap.Out()).tip().clock)
	f.StateRead, f.RedeemRuns = p.flaky(p.swap.Initiator() || p.incomingAtDepth()), p.flaky(true)
	f.TermsCopied = htlc.Observed{State: htlc.Checked(!p.reluctant)}
	return f
}

func (p *modelParty) revealFacts() htlc.RevealFacts {
	f := revealFacts(p.chain(p.swap.In()).tip().clock)
	f.StateRead, f.RedeemRuns = p.flaky(p.incomingAtDepth()), p.flaky(true)
	return f
}

func (p *modelParty) fund() htlc.Event {
	out := p.swap.Out()
	if p.swap.Phase == htlc.PhaseClosed || !p.swap.Announced {
		return nil
	}
	if p.chain(out).tip().clock > p.leg(out).FundBy {
		return p.withheld()
	}
	if p.abandoning {
		return nil // what it needs is promised to the abandonment
	}
	if p.fundTx == nil {
		p.fundTx = &modelTx{id: p.txID("fund"), ref: p.txID("ref"), kind: txFund, leg: out, due: p.due()}
		if p.w.stingy {
			p.fundTx.due, p.fundTx.stuck = 0, true
		}
	}
	if !p.fundReleased && p.gaveBack {
		p.w.Fatalf("party %d funds after it gave the incoming leg back", p.swap.Self)
	}
	p.fundReleased = true
	p.chain(out).broadcast(p.fundTx)
	return htlc.Submitted{Leg: out, Purpose: htlc.PurposeFund, TxID: p.fundTx.id}
}

// ownFunding is what became of the party's own money.
func (p *modelParty) ownFunding() map[txKind]bool {
	if p.fundTx == nil {
		return nil
	}
	return p.chain(p.swap.Out()).fate(p.fundTx.ref)
}

// withheld: a funding that never left the process never will.
func (p *modelParty) withheld() htlc.Event {
	if p.fundReleased {
		return nil
	}
	return htlc.Withheld{Purpose: htlc.PurposeFund}
}

// abandon spends what the unmined funding needs, until that is buried.
func (p *modelParty) abandon() htlc.Event {
	out := p.swap.Out()
	if !p.swap.Wants(htlc.Effect{Kind: htlc.EffectAbandonFunding, Leg: out}) {
		return nil
	}
	if !p.fundReleased {
		return p.withheld()
	}
	c, ref := p.chain(out), p.fundTx.ref
	if c.abandoned(ref) >= uint64(p.leg(out).MinConfirmations) {
		return htlc.Withheld{Purpose: htlc.PurposeFund}
	}
	p.abandoning = true
	tx := &modelTx{id: p.txID("abandon"), ref: ref, kind: txAbandon, leg: out, due: p.due()}
	c.broadcast(tx)
	return htlc.Submitted{Leg: out, Purpose: htlc.PurposeAbandon, TxID: tx.id}
}

// reveal is the first release of the secret; where it was not released yet,
// the gate is asked again.
func (p *modelParty) reveal() htlc.Event {
	if !p.revealReleased {
		if p.swap.Phase != htlc.PhaseRevealing {
			return nil
		}
		facts := p.revealFacts()
		if !htlc.RevealGate(p.swap, facts).Allows() {
			return htlc.Withheld{Purpose: htlc.PurposeRedeem}
		}
		if facts.Clock > p.w.terms.CutOff() || p.swap.Refunding && p.swap.Phase != htlc.PhaseRevealing {
			p.w.Fatal("the secret was released past the cut-off")
		}
		if p.gaveBack {
			p.w.Fatal("the secret was released after it was forfeited")
		}
		p.revealReleased = true
	}
	return p.redeem()
}

func (p *modelParty) redeem() htlc.Event {
	in, ref := p.swap.In(), p.inState().FundRef
	tx := &modelTx{id: p.txID("redeem") + ref, ref: ref, kind: txRedeem, leg: in, due: p.due()}
	if p.redeemDue > 0 {
		tx.due, p.redeemDue = p.redeemDue, 0
	}
	if p.chain(in).broadcast(tx) {
		p.w.secretOut = true
	}
	return htlc.Submitted{Leg: in, Purpose: htlc.PurposeRedeem, TxID: tx.id}
}

func (p *modelParty) refund() htlc.Event {
	out, ref := p.swap.Out(), p.outState().FundRef
	if !p.swap.Refunding || !p.outState().Status.Locked() {
		return nil
	}
	tx := &modelTx{id: p.txID("refund") + ref, ref: ref, kind: txRefund, leg: out, due: p.due()}
	if !p.chain(out).broadcast(tx) {
		return nil // refused, or already spent: the chain will tell
	}
	return htlc.Submitted{Leg: out, Purpose: htlc.PurposeRefund, TxID: tx.id}
}
