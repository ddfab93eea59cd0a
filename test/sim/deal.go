package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// deal is one swap of a world.
type deal struct {
	w         *world
	n         int
	terms     htlc.Terms
	id        htlc.SwapID
	secret    []byte
	parties   []int // nodes, or eve
	contracts []string
	habits    []habit // of Eve in each party's place
	opens     []int64 // when each party has all signatures; never where it is far
	opened    []bool
	refused   []bool
	out       bool                // Eve knows the secret
	payments  int                 // numbers Eve's transactions
	given     map[consentKey]bool // what nodes have consented to when Eve asked
}

func evesKey(i int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "eve %d", i))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (d *deal) key(i int) ed25519.PrivateKey {
	if p := d.parties[i]; p != eve {
		return d.w.nodes[p].key
	}
	return evesKey(i)
}

// propose makes a deal. Most are between two, with Eve or without; some are
// rings of three.
func (w *world) propose() {
	d := &deal{w: w, n: len(w.deals), given: map[consentKey]bool{}}
	size := 2
	if w.rng.IntN(6) == 0 {
		size = 3
	}
	d.parties = w.cast(size)
	salt := htlc.Salt{}
	binary.BigEndian.PutUint64(salt[:], w.seed)
	salt[31] = byte(d.n + 1)
	sum := sha256.Sum256(append([]byte("secret"), salt[:]...))
	d.secret = sum[:]
	if d.parties[0] == eve && w.rng.IntN(3) == 0 {
		d.secret = append(d.secret, 0) // one byte too long
	}
	d.terms = d.draw(salt, size)
	d.id = d.terms.ID()
	d.out = d.parties[0] == eve
	start := d.terms.AcceptBy
	for i, p := range d.parties {
		c, _ := contractOf(d.terms, i)
		d.contracts = append(d.contracts, c.ID)
		ledger := w.chain(c.Chain).ledger
		ledger.contracts[c.ID] = &contract{
			id: c.ID, hash: d.terms.SecretHash, timeLock: d.terms.Legs[i].TimeLock,
			payer: p, payee: d.parties[(i+1)%size], amount: legAmount,
		}
		d.habits = append(d.habits, w.drawHabit())
		d.opens = append(d.opens, start-w.rng.Int64N(3)*tick)
		if w.rng.IntN(24) == 0 {
			d.opens[i] = start + 1_000_000 // the countersignature got lost
		}
	}
	d.opened, d.refused = make([]bool, size), make([]bool, size)
	if w.victim < 0 {
		w.trap(d)
	} else {
		w.scheme(d)
	}
	w.deals = append(w.deals, d)
	w.stats.swaps++
	w.log("swap%d: parties %v, legs on %s ..., locks open at %+d and %+d, cut-off %+d", d.n, fmt.Sprint(d.parties), w.chain(d.terms.Legs[0].Chain()).name,
		d.terms.Legs[0].TimeLock-epoch, d.terms.Legs[size-1].TimeLock-epoch, d.terms.CutOff()-epoch)
}

// trap sets a hostile clock against one moment of a deal.
func (w *world) trap(d *deal) {
	for _, c := range w.chains {
		if c.trap == 0 || w.rng.IntN(2) == 0 {
			c.trap = d.terms.CutOff()
			if i := w.rng.IntN(len(d.terms.Legs) + 1); i < len(d.terms.Legs) {
				c.trap = d.terms.Legs[i].TimeLock
			}
		}
	}
}

// scheme sets chains and clocks against one victim: its own refund opens as
// late as it can, the other's as early as it can, and nothing of the victim's
// is in a block before it must be.
func (w *world) scheme(d *deal) {
	i := slices.Index(d.parties, w.victim)
	in, out := w.chain(d.terms.Legs[d.terms.Incoming(i)].Chain()), w.chain(d.terms.Legs[d.terms.Outgoing(i)].Chain())
	in.hostile, out.hostile = true, true
	in.mode, out.mode = clockAhead, clockBehind
	if in == out || i == 0 {
		in.mode, in.trap = clockTrap, d.terms.Legs[d.terms.Outgoing(i)].TimeLock
	}
	if i == 0 {
		in.trap = d.terms.CutOff()
	}
	for k := range d.habits {
		d.habits[k] = habit{fund: 1 + 3*w.rng.IntN(2), refund: true, race: true}
	}
}

// cast chooses the parties of a deal; at least one is a node of ours.
func (w *world) cast(size int) []int {
	if w.victim >= 0 {
		out := []int{eve, eve, eve}[:size]
		out[w.rng.IntN(size)] = w.victim
		return out
	}
	order := w.rng.Perm(len(w.nodes))
	out := make([]int, size)
	for i := range out {
		out[i] = eve
		if i < len(order) && w.rng.IntN(2) == 0 {
			out[i] = order[i]
		}
	}
	for _, p := range out {
		if p != eve {
			return out
		}
	}
	out[w.rng.IntN(size)] = order[0]
	return out
}

// draw makes Terms with the least schedule that is accepted, and now and then
// a tighter one, which must be refused.
func (d *deal) draw(salt htlc.Salt, size int) htlc.Terms {
	w := d.w
	t := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: sha256.Sum256(d.secret), Salt: salt,
		Outage: uint32(w.outage), AcceptBy: w.now + (3+w.rng.Int64N(15))*tick,
	}
	first := w.rng.IntN(len(w.chains))
	for i := range size {
		c := w.chains[(first+i)%len(w.chains)]
		asset := htlc.AssetID(string(c.id) + "/slip44:1")
		t.Parties = append(t.Parties, htlc.PartyID(d.key(i).Public().(ed25519.PublicKey)))
		t.Legs = append(t.Legs, htlc.Leg{
			Payer: uint8(i), Payee: uint8((i + 1) % size), Asset: asset, Amount: htlc.NewAmount(legAmount),
			PayerKey: []byte{byte(i + 1)}, PayeeKey: []byte{byte(i + 2)}, MinConfirmations: confirms, Timing: w.profile(c),
		})
		if c.ledger.account {
			t.Legs[i].Deployment = []byte{1}
		}
	}
	d.tighten(&t)
	terms, err := t.WithSchedule(t.AcceptBy)
	if err != nil {
		panic(err)
	}
	return terms
}

// profile is the least timing that a node accepts on a chain.
func (w *world) profile(c *chain) htlc.Timing {
	slack := w.spikes*(w.delay+2) + w.sighting
	bury := uint32((w.delay + confirms - 1 + slack) * tick)
	return htlc.Timing{
		ClockLead: uint32(c.lead), ClockLag: uint32(c.lag), FundWindow: uint32((w.delay + slack) * tick),
		BuryFund: bury, BuryRedeem: bury, BuryRefund: bury, Sighting: uint32(w.sighting * tick),
	}
}

// tighten is a hostile proposal: a depth or times below every node's profile.
func (d *deal) tighten(t *htlc.Terms) {
	odds := 3
	if d.w.victim >= 0 {
		odds = 2
	}
	i := d.w.rng.IntN(odds * len(t.Legs))
	if i >= len(t.Legs) || d.allHonest() {
		return
	}
	leg := &t.Legs[i]
	switch d.w.rng.IntN(3) {
	case 0:
		leg.MinConfirmations = 1
	case 1: // in the right order, and too close
		for k := range t.Legs {
			g := &t.Legs[k].Timing
			g.Sighting, g.BuryRefund, g.BuryRedeem = 0, 0, 0
		}
	case 2:
		leg.Timing.BuryRedeem, leg.Timing.ClockLead, leg.Timing.ClockLag = 0, 0, 0
	}
}

func (d *deal) allHonest() bool {
	for _, p := range d.parties {
		if p == eve {
			return false
		}
	}
	return true
}

// accepts is a node's own policy, before it signs.
func (d *deal) accepts() bool {
	for _, leg := range d.terms.Legs {
		if leg.MinConfirmations < confirms && d.w.bug != bugA8 {
			return false
		}
		if !leg.Timing.AtLeast(d.w.profile(d.w.chain(leg.Chain()))) && d.w.bug != bugA4 {
			return false
		}
	}
	return true
}

// open stores the signed Terms at a party's node.
func (d *deal) open(ctx context.Context, i int) {
	n := d.w.nodes[d.parties[i]]
	if !d.accepts() {
		d.opened[i], d.refused[i] = true, true
		d.w.stats.refused++
		d.w.log("node %d refuses swap%d", n.self, d.n)
		return
	}
	e := htlc.TermsSigned{
		Terms: d.terms, Self: i, Since: make([]uint64, len(d.terms.Legs)),
		AskRedeem: n.rng.IntN(4) != 0, AskRefund: n.rng.IntN(4) != 0,
	}
	for k := range d.parties {
		e.Signatures = append(e.Signatures, htlc.SignTerms(d.key(k), d.terms))
	}
	for k, leg := range d.terms.Legs {
		e.Since[k] = d.w.chain(leg.Chain()).blocks[0].ref.Height
	}
	for _, leg := range d.terms.Legs {
		d.w.lured = d.w.lured || leg.MinConfirmations < confirms
	}
	calm := n.calm
	n.calm = true
	n.do(func() {
		err := n.engine.Step(ctx, []engine.Input{{Event: e}})[0]
		d.w.log("node %d opens swap%d: %v", n.self, d.n, err)
		d.opened[i] = err == nil
	})
	n.calm = calm
}

// cancel is an owner's wish, at any time; mostly it comes too late.
func (d *deal) cancel(ctx context.Context, i int) {
	if d.parties[i] == eve || !d.opened[i] {
		return
	}
	n := d.w.nodes[d.parties[i]]
	if n.engine == nil || d.w.now < n.down {
		return
	}
	n.do(func() {
		err := n.engine.Step(ctx, []engine.Input{{Swap: d.id, Event: htlc.CancelRequested{}}})[0]
		d.w.log("the owner of node %d cancels swap%d: %v", n.self, d.n, err)
	})
}

// settled reports whether a party's node is through with the deal. A deal of
// which it never got the signatures binds it to nothing.
func (d *deal) settled(i int) bool {
	if !d.opened[i] {
		return d.opens[i] > d.terms.Legs[0].TimeLock
	}
	return d.refused[i] || d.view(i).Phase == htlc.PhaseClosed
}

// view is a party's stored view of the deal.
func (d *deal) view(i int) htlc.Swap {
	n := d.w.nodes[d.parties[i]]
	switch m := n.disk.storage.(type) { // without the way through its encoding
	case *memory:
		return m.swaps[d.id]
	case *twin:
		return m.swaps[d.id]
	}
	return htlc.Swap{}
}
