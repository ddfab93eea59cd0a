package main

import (
	"fmt"
	"slices"

	"github.com/kofo-network/kofo/htlc"
)

// habit is how Eve behaves in a party's place; she also does harm at random.
type habit struct {
	fund   int  // 0 never, 1 in time, 2 whenever, 3 something else instead, 4 at the last moment, 5 and vanishes
	redeem int  // one in so many ticks
	race   bool // redeem only against a refund
	refund bool // as soon as it can
	gift   bool
	gone   bool // does nothing after her funding
}

func (w *world) drawHabit() habit {
	h := habit{
		fund: w.rng.IntN(6), redeem: 1 + w.rng.IntN(30), refund: w.rng.IntN(2) == 0, race: w.rng.IntN(3) == 0,
		gift: w.rng.IntN(6) == 0,
	}
	h.gone = h.fund == 5
	return h
}

// acts is Eve's turn, in every place that she has.
func (w *world) acts() {
	for _, d := range w.deals {
		for i, p := range d.parties {
			if p == eve {
				d.eveFunds(i)
				d.eveSpends(i)
			} else if d.habits[i].gift && w.rng.IntN(40) == 0 && !w.calm {
				d.pay(i, kindFund) // to a leg that a node would fund itself
			}
		}
	}
}

// pay is a funding by Eve, from a coin that nobody knew of.
func (d *deal) pay(leg int, k kind) *tx {
	c := d.w.chain(d.terms.Legs[leg].Chain())
	d.w.counter++
	d.payments++
	t := &tx{id: fmt.Sprintf("eve%d", d.w.counter), kind: k, by: eve, contract: d.contracts[leg], amount: legAmount, rate: maxFloor}
	amount := t.amount + t.rate
	if c.ledger.account {
		t.account = fmt.Sprintf("eve/%d/%d/%d", d.n, leg, d.payments)
		c.ledger.endow(eve, "", amount)
	} else {
		coin := t.id + "/coin:0"
		paid := t.amount
		if k == kindMismatch {
			paid--
		}
		c.ledger.endow(eve, coin, amount)
		t.ins = []string{coin}
		t.outs = []output{{owner: eve, contract: t.contract, amount: paid}}
	}
	d.w.txs[t.id] = t
	d.w.log("Eve pays %s, %s, to leg %d of swap%d", t.id, k, leg, d.n)
	c.submit(t)
	return t
}

func (d *deal) eveFunds(leg int) {
	c, l, h := d.w.chain(d.terms.Legs[leg].Chain()), d.terms.Legs[leg], d.habits[leg]
	clock, r := c.tip().ref.Clock, d.w.rng
	first := d.payments == 0
	switch {
	case (h.fund == 1 || h.fund == 5) && first && clock <= l.FundBy && clock >= d.terms.AcceptBy-c.lag:
		d.pay(leg, kindFund)
	case h.fund == 2 && r.IntN(25) == 0 && d.payments < 3:
		d.pay(leg, kindFund)
	case h.fund == 3 && r.IntN(20) == 0 && d.payments < 3:
		d.pay(leg, kindMismatch)
	case h.fund == 4 && first && clock >= d.terms.CutOff()-tick*int64(l.MinConfirmations+2) && r.IntN(2) == 0:
		d.pay(leg, kindFund)
	}
	// A funding that waits, or waits again, is spent elsewhere.
	if r.IntN(12) == 0 {
		c.pool = slices.DeleteFunc(c.pool, func(p pooled) bool {
			return p.tx.by == eve && p.tx.kind == kindFund && p.tx.contract == d.contracts[leg]
		})
	}
}

// eveSpends redeems what pays the party and refunds what it pays.
func (d *deal) eveSpends(i int) {
	h, r := d.habits[i], d.w.rng
	in := d.terms.Incoming(i)
	if h.gone && d.payments > 0 && !d.w.calm {
		return
	}
	if d.out && (h.race && d.refunding(in) || !h.race && r.IntN(h.redeem) == 0) {
		d.eveSpend(in, kindRedeem)
	}
	if h.refund || r.IntN(20) == 0 {
		d.eveSpend(i, kindRefund)
	}
	if r.IntN(6) == 0 {
		d.eveAsks(i, i, htlc.IntentRefund)
	}
	if r.IntN(12) == 0 {
		d.eveAsks(i, in, htlc.IntentRedeem)
	}
}

// refunding reports whether a refund of the leg must be in the next block.
func (d *deal) refunding(leg int) bool {
	for _, p := range d.w.chain(d.terms.Legs[leg].Chain()).pool {
		if p.tx.contract == d.contracts[leg] && p.tx.kind == kindRefund && p.due != 0 && p.due <= d.w.now+tick {
			return true
		}
	}
	return false
}

func (d *deal) eveSpend(leg int, k kind) {
	c := d.w.chain(d.terms.Legs[leg].Chain())
	for _, p := range c.pool {
		if p.tx.by == eve && p.tx.contract == d.contracts[leg] && p.tx.kind == k {
			return
		}
	}
	if c.ledger.account {
		if c.ledger.locks[d.contracts[leg]] == lockOpen && (k != kindRefund || c.tip().ref.Clock+tick > d.terms.Legs[leg].TimeLock) {
			d.eveSigns(c, leg, k, "")
		}
		return
	}
	for _, f := range c.told[d.contracts[leg]] {
		ref := f.tx.ref(0)
		if _, open := c.ledger.coins[ref]; open && (f.tx.kind == kindFund || f.tx.kind == kindMismatch) && (k != kindRefund || c.tip().ref.Clock > d.terms.Legs[leg].TimeLock) {
			d.eveSigns(c, leg, k, ref)
			return
		}
	}
}

func (d *deal) eveSigns(c *chain, leg int, k kind, ref string) *tx {
	d.w.counter++
	d.payments++
	t := &tx{id: fmt.Sprintf("eve%d", d.w.counter), kind: k, by: eve, contract: d.contracts[leg], rate: maxFloor}
	if k == kindRedeem {
		t.secret = d.secret
	}
	if c.ledger.account {
		t.account = fmt.Sprintf("eve/%d/%d/%d", d.n, leg, d.payments)
		c.ledger.endow(eve, "", t.rate)
	} else {
		t.ins = []string{ref}
		t.outs = []output{{owner: eve, amount: c.ledger.coins[ref].amount - t.rate}}
	}
	d.w.txs[t.id] = t
	d.w.log("Eve sends %s, %s of leg %d of swap%d", t.id, k, leg, d.n)
	c.submit(t)
	return t
}

// conflicts are transactions of the other branch of a reorganisation: what Eve
// had paid with is spent otherwise there.
func (w *world) conflicts(c *chain, depth int) []*tx {
	var out []*tx
	for _, b := range c.blocks[len(c.blocks)-depth:] {
		for _, m := range b.txs {
			if m.tx.by != eve || m.tx.kind != kindFund || w.rng.IntN(2) == 0 {
				continue
			}
			w.counter++
			t := &tx{id: fmt.Sprintf("eve%d", w.counter), kind: kindVoid, by: eve, rate: maxFloor, ins: m.tx.ins, account: m.tx.account, nonce: m.tx.nonce}
			if !c.ledger.account {
				t.outs = []output{{owner: eve, amount: m.tx.amount}}
			}
			w.txs[t.id] = t
			w.log("Eve takes back %s by %s in another branch", m.tx.id, t.id)
			out = append(out, t)
		}
	}
	return out
}
