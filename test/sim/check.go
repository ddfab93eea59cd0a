package main

import (
	"bytes"
	"encoding/hex"

	"github.com/kofo-network/kofo/htlc"
)

// fate is what the best chain did with one leg, as far as it concerns the
// party: of an outgoing leg its own money, of an incoming one any.
type fate struct {
	funded             int
	locked             bool
	redeemed, refunded bool   // by consent too
	depth              uint64 // of the spend
}

// fateOf follows the fundings of a leg that somebody made; by < 0 is anybody.
func (d *deal) fateOf(leg, by int) fate {
	c := d.w.chain(d.terms.Legs[leg].Chain())
	var f fate
	own := map[string]bool{}
	open := 0
	for _, t := range c.told[d.contracts[leg]] {
		switch t.tx.kind {
		case kindFund:
			if by < 0 || t.tx.by == by {
				f.funded++
				open++
				own[t.tx.ref(0)] = true
			}
			continue
		case kindMismatch, kindVoid:
			continue
		case kindRedeem, kindRefund, kindConsent:
		}
		if !c.ledger.account && !own[t.tx.ins[0]] || open == 0 {
			continue
		}
		open--
		f.depth = c.depth(t.height)
		redeem := t.tx.kind == kindRedeem || t.tx.intent == htlc.IntentRedeem
		f.redeemed, f.refunded = f.redeemed || redeem, f.refunded || !redeem
	}
	f.locked = open > 0
	return f
}

// check is what holds after every step.
func (w *world) check() {
	for _, d := range w.deals {
		for i, p := range d.parties {
			if p != eve && d.opened[i] && !d.refused[i] {
				d.checkParty(i, p)
			}
		}
	}
}

func (d *deal) checkParty(i, p int) {
	out, in := d.fateOf(d.terms.Outgoing(i), p), d.fateOf(d.terms.Incoming(i), -1)
	if out.funded > 1 {
		d.w.fail("node %d funded its leg of swap%d %d times", p, d.n, out.funded)
	}
	deep := out.depth > maxDepth && in.depth > maxDepth
	if out.redeemed && deep && !in.redeemed && !in.locked {
		d.w.fail("node %d lost both legs of swap%d", p, d.n)
	}
}

// checkEnd is what holds once faults have stopped and the chains went on.
func (w *world) checkEnd() {
	for _, d := range w.deals {
		for i, p := range d.parties {
			if p == eve || !d.opened[i] || d.refused[i] {
				continue
			}
			d.checkOutcome(i, p)
		}
	}
	if w.logged == nil {
		return
	}
	text := w.logged.Bytes()
	for _, d := range w.deals {
		if bytes.Contains(text, []byte(hex.EncodeToString(d.secret))) {
			w.fail("the secret of swap%d stands in a log", d.n)
		}
	}
}

func (d *deal) checkOutcome(i, p int) {
	s, w := d.view(i), d.w
	out, in := d.fateOf(d.terms.Outgoing(i), p), d.fateOf(d.terms.Incoming(i), -1)
	w.stats.outcomes[s.Outcome]++
	w.log("node %d ends swap%d %s", p, d.n, s.Outcome)
	switch {
	case s.Phase != htlc.PhaseClosed:
		w.fail("node %d never closed swap%d: phase %s, in %s, out %s, held %v", p, d.n, s.Phase, s.Legs[s.In()].Status, s.Legs[s.Out()].Status, s.Held)
	case out.locked:
		w.fail("node %d closed swap%d as %s with its money still locked", p, d.n, s.Outcome)
	case out.redeemed && !in.redeemed:
		w.fail("node %d lost both legs of swap%d, outcome %s", p, d.n, s.Outcome)
	case s.Outcome == htlc.OutcomeLost:
		w.fail("node %d says that it lost swap%d", p, d.n)
	case s.Outcome == htlc.OutcomeSwapped && !(out.redeemed && in.redeemed),
		s.Outcome == htlc.OutcomeRefunded && out.funded > 0 && !out.refunded,
		s.Outcome == htlc.OutcomeCancelled && out.funded > 0,
		s.Outcome == htlc.OutcomeWindfall && !in.redeemed:
		w.fail("node %d closed swap%d as %s, the chains say out %+v, in %+v", p, d.n, s.Outcome, out, in)
	}
}

// released is told of every transaction that leaves a node.
func (w *world) released(n *node, c *chain, t *tx) {
	d, leg := w.dealOf(t.contract)
	if d == nil || t.kind != kindRedeem || d.out {
		return
	}
	d.out = true
	w.log("the secret of swap%d leaves node %d", d.n, n.self)
	s, _ := n.engine.Swap(d.id)
	if s.Phase < htlc.PhaseRevealing {
		w.fail("the secret of swap%d left node %d in phase %s", d.n, n.self, s.Phase)
	}
	// A process that died between the mark and the broadcast goes on with it
	// as soon as it is back: the Terms leave its faults that much time.
	if late := w.now - d.terms.CutOff() - c.lag - w.sighting*tick; late > 0 {
		w.fail("the secret of swap%d left node %d %d seconds after the cut-off", d.n, n.self, late)
	}
	if in := d.fateOf(leg, -1); !in.locked {
		w.fail("the secret of swap%d left node %d while nothing was locked for it", d.n, n.self)
	}
}

// marked is told of every transaction that a node is about to let out.
func (w *world) marked(n *node, txid string) {
	t := w.txs[txid]
	d, leg := w.dealOf(t.contract)
	if d == nil || t.kind != kindRedeem || d.out {
		return
	}
	c := w.chain(d.terms.Legs[leg].Chain())
	if late := max(n.shown[c.id]-d.terms.CutOff(), w.now-d.terms.CutOff()-c.lag); late > 0 {
		w.fail("node %d lets the secret of swap%d out %d seconds after the cut-off", n.self, d.n, late)
	}
}
