package htlc_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

// world is n parties, their chains and an adversary who is every dishonest
// party and every miner at once.
type world struct {
	*rapid.T
	terms      htlc.Terms
	id         htlc.SwapID
	signatures []htlc.Signature
	chains     map[htlc.ChainID]*modelChain
	order      []*modelChain
	clocks     map[htlc.BlockID]int64
	parties    []*modelParty // nil: dishonest
	habits     []habit       // of the dishonest
	now        int64
	rng        *rand.Rand
	secretOut  bool  // the adversary knows the secret
	noise      bool  // wild events are told too
	gifts      bool  // the legs of the honest are funded by others too
	stingy     bool  // fundings of the honest pay too little
	blind      bool  // a scheme is on, and the victim sees no mempool
	delay      int64 // ticks after which an honest transaction is in a block at the latest
	counter    int
	seen       coverage
	story      []func() string
	together   bool         // the honest ask each other, and everybody asks them
	granted    map[int]bool // legs that an honest party let the adversary spend
	grants     grants
	amnesia    bool // the victim loses its database right after its reveal
}

// habit is how a dishonest party behaves; all of them also do harm at random.
type habit struct {
	fund    int  // 0 never, 1 in time, 2 whenever, 3 something else instead, 4 at the last moment
	redeem  int  // one in so many ticks
	race    bool // redeem only against a refund
	refund  bool // as soon as it can
	leak    bool
	consent bool
	asks    int // one in so many ticks
}

// note keeps a line of the story, put together only where it is told.
func (w *world) note(format string, a ...any) {
	w.story = append(w.story, func(at int64) func() string {
		return func() string { return fmt.Sprintf("%d "+format, append([]any{at}, a...)...) }
	}(w.now-startTime))
}

// Fatalf adds the story of the world to the failure.
func (w *world) Fatalf(format string, a ...any) {
	w.T.Helper()
	var story strings.Builder
	for _, line := range w.story[max(0, len(w.story)-200):] {
		story.WriteString(line() + "\n")
	}
	w.T.Fatalf("%s%s", story.String(), fmt.Sprintf(format, a...))
}

func (w *world) Fatal(a ...any) { w.T.Helper(); w.Fatalf("%s", fmt.Sprint(a...)) }

// sightingTicks is how often a live party's node may fail it altogether.
const sightingTicks = 5

// newWorld draws the shape of a world; what happens in it follows from a seed.
func newWorld(t *rapid.T, n int, r reached, together bool) *world {
	seed := rapid.Uint64().Draw(t, "seed")
	w := &world{
		T: t, chains: map[htlc.ChainID]*modelChain{}, clocks: map[htlc.BlockID]int64{},
		rng: rand.New(rand.NewPCG(seed, 1)), seen: r.pairs, now: startTime,
		together: together, granted: map[int]bool{}, grants: r.grants, amnesia: r.amnesia,
		noise: rapid.IntRange(0, 3).Draw(t, "noise") == 0,
	}
	w.delay, w.stingy = 1+w.rng.Int64N(6), w.rng.IntN(4) == 0
	w.gifts = w.rng.IntN(4) == 0
	w.terms = w.drawTerms(n)
	w.id, w.signatures = w.terms.ID(), signAll(w.terms)
	w.makeChains()
	honest, scheming := 1+w.rng.IntN(1<<n-1), w.rng.IntN(3) == 0
	if scheming || r.amnesia {
		victim := w.rng.IntN(n)
		if scheming = true; r.amnesia {
			victim = 0
		}
		honest = 1 << victim
		w.scheme(victim)
	}
	for i := range n {
		w.habits = append(w.habits, w.drawHabit(scheming))
		if honest&(1<<i) == 0 {
			w.parties = append(w.parties, nil)
			w.secretOut = w.secretOut || i == 0
			continue
		}
		w.parties = append(w.parties, w.newParty(i))
	}
	return w
}

// scheme sets chains and clocks against one victim: its own refund opens as
// late as it can, the other's as early as it can, and nothing of the victim's
// is in a block before it must.
func (w *world) scheme(victim int) {
	in, out := w.chains[w.terms.Legs[w.terms.Incoming(victim)].Chain()], w.chains[w.terms.Legs[victim].Chain()]
	w.blind, w.noise = true, false
	in.hostile, out.hostile = true, true
	in.mode, out.mode = clockAhead, clockBehind
	if in == out || victim == 0 {
		in.mode, in.trap = clockTrap, w.terms.Legs[victim].TimeLock
	}
	if victim == 0 {
		in.trap = w.terms.CutOff()
	}
}

// drawHabit: schemers wait for the last moment together, against one victim.
func (w *world) drawHabit(scheming bool) habit {
	asks := []int{6, 60, 600}[w.rng.IntN(3)]
	if scheming {
		return habit{asks: asks, fund: 1 + 3*w.rng.IntN(2), refund: true, race: true, consent: w.together}
	}
	return habit{
		fund: w.rng.IntN(5), redeem: 1 + w.rng.IntN(30), refund: w.rng.IntN(2) == 0, race: w.rng.IntN(3) == 0,
		leak: w.rng.IntN(3) == 0, consent: w.rng.IntN(2) == 0, asks: asks,
	}
}

func (w *world) drawTerms(n int) htlc.Terms {
	assets := []htlc.AssetID{btc, eth, token, ltc}
	legs := make([]htlc.AssetID, n)
	for i := range legs {
		legs[i] = assets[w.rng.IntN(len(assets))]
	}
	terms := withoutDeployments(testTerms(legs...))
	terms.Outage = uint32(w.rng.IntN(16)) * tick
	for i := range terms.Legs {
		l := &terms.Legs[i]
		l.MinConfirmations = 1 + uint32(w.rng.IntN(3))
		bury := (uint32(w.delay) + l.MinConfirmations - 1) * tick
		l.Timing = htlc.Timing{
			FundWindow: (uint32(w.delay) + sightingTicks) * tick, BuryFund: bury, BuryRedeem: bury, BuryRefund: bury, Sighting: sightingTicks * tick,
		}
	}
	// Legs of one chain share its clock.
	clocks := map[htlc.ChainID][2]uint32{}
	for i := range terms.Legs {
		l := &terms.Legs[i]
		if _, ok := clocks[l.Chain()]; !ok {
			clocks[l.Chain()] = [2]uint32{uint32(w.rng.IntN(6)) * tick, uint32(2+w.rng.IntN(8)) * tick}
		}
		l.Timing.ClockLead, l.Timing.ClockLag = clocks[l.Chain()][0], clocks[l.Chain()][1]
	}
	terms, err := terms.WithSchedule(startTime)
	if err != nil {
		w.T.Fatalf("schedule: %v", err)
	}
	return terms
}

func (w *world) makeChains() {
	for _, l := range w.terms.Legs {
		c, ok := w.chains[l.Chain()]
		if !ok {
			c = &modelChain{
				id: l.Chain(), terms: &w.terms, rng: w.rng, maxUndo: int(l.MinConfirmations) - 1,
				lead: int64(l.Timing.ClockLead), lag: int64(l.Timing.ClockLag),
				branches: uint64(len(w.order)+1) << 32,
				mode:     clockMode(w.rng.IntN(int(clockModes))), trap: w.trap(), hostile: w.rng.IntN(2) == 0,
			}
			genesis := modelBlock{clock: startTime - c.lag}
			genesis.id.Hash[31] = byte(len(w.order) + 1)
			c.blocks = []modelBlock{genesis}
			w.chains[c.id], w.order = c, append(w.order, c)
		}
		c.maxUndo = min(c.maxUndo, int(l.MinConfirmations)-1)
	}
}

// trap is the moment before which a hostile clock dawdles.
func (w *world) trap() int64 {
	if i := w.rng.IntN(len(w.terms.Legs) + 1); i < len(w.terms.Legs) {
		return w.terms.Legs[i].TimeLock
	}
	return w.terms.CutOff()
}

// newParty opens an honest party's swap. A live one fails and sleeps within
// what the Terms allow; another may sleep through anything.
func (w *world) newParty(i int) *modelParty {
	p := &modelParty{
		w: w, rng: w.rng, cursors: map[htlc.ChainID][]htlc.BlockID{}, live: w.rng.IntN(4) != 0,
		faults: sightingTicks, failing: 1 + w.rng.IntN(6), intents: map[int]htlc.Intent{},
		reluctant: w.together && w.rng.IntN(4) == 0, seedless: w.together && w.rng.IntN(4) == 0,
		hangs: w.together && w.rng.IntN(3) == 0,
		// What it consented to would be forgotten too, which a copy does not tell.
		forgets: !w.together && w.rng.IntN(3) == 0, amnesia: w.amnesia,
	}
	p.forgets = p.forgets || p.amnesia
	for _, c := range w.order {
		p.cursors[c.id] = []htlc.BlockID{c.tip().id}
	}
	if w.blind && i > 0 {
		p.failing = 1
	}
	horizon := w.terms.Legs[0].OpenMax() - startTime
	from, length := startTime+w.rng.Int64N(horizon), int64(w.terms.Outage)
	if w.blind || w.rng.IntN(2) == 0 {
		from = w.terms.Legs[i].OpenMax() + w.rng.Int64N((w.delay+3)*tick)
	}
	if !p.live {
		length = w.rng.Int64N(2 * horizon)
	}
	p.asleep = func(now int64) bool { return now >= from && now < from+length }
	p.swap = htlc.Swap{}
	if w.noise {
		for range 8 {
			p.deliver(w.wild(p.swap))
		}
	}
	event := w.opening(i)
	p.deliver(event)
	p.results = append(p.results, event)
	for _, leg := range []int{p.swap.In(), p.swap.Out()} {
		tip := p.chain(leg).tip()
		w.clocks[tip.id] = tip.clock
		p.deliver(htlc.TipAdvanced{Leg: leg, Height: tip.id.Height, Clock: tip.clock})
	}
	return p
}

func (w *world) opening(self int) htlc.Event {
	return htlc.TermsSigned{Terms: w.terms, Self: self, Signatures: w.signatures, AskRedeem: w.together, AskRefund: w.together}
}

// run lets the world go on until long after the last time lock.
func (w *world) run() {
	end := w.terms.Legs[0].OpenMax() + 2*(w.terms.Legs[0].OpenMax()-startTime) + 60*tick
	for rest := 30; w.now < end && rest > 0; {
		w.now += tick
		for _, c := range w.order {
			c.advance(w.now)
		}
		w.adversary()
		for _, i := range w.rng.Perm(len(w.parties)) {
			if p := w.parties[i]; p != nil {
				w.disturb(p)
				p.work()
			}
		}
		w.adversary()
		if w.settled() {
			rest--
		}
	}
	if w.terms.ID() != w.id {
		w.Fatal("the terms were written to")
	}
}

// settled reports whether every honest party is done.
func (w *world) settled() bool {
	for _, p := range w.parties {
		if p != nil && p.swap.Phase != htlc.PhaseClosed {
			return false
		}
	}
	return true
}

// adversary acts for every dishonest party.
func (w *world) adversary() {
	for i, p := range w.parties {
		if p == nil {
			w.adversaryFunds(i)
			w.adversarySpends(i)
			if w.habits[i].consent {
				w.adversaryAsks(i)
				w.adversaryConsents(i)
			}
		} else {
			w.adversaryGives(i)
		}
	}
}

// adversaryGives now and then pays to the leg of an honest party what that
// party would have paid itself.
func (w *world) adversaryGives(i int) {
	c, leg := w.chains[w.terms.Legs[i].Chain()], w.terms.Legs[i]
	if w.gifts && len(leg.Deployment) == 0 && c.tip().clock <= leg.TimeLock && w.rng.IntN(25) == 0 {
		w.counter++
		c.broadcast(&modelTx{
			id: fmt.Sprintf("gift-%d-%d", i, w.counter), ref: fmt.Sprintf("gift-ref-%d-%d", i, w.counter), kind: txFund, leg: i,
		})
	}
}

func (w *world) adversaryFunds(i int) {
	c, leg, h := w.chains[w.terms.Legs[i].Chain()], w.terms.Legs[i], w.habits[i]
	w.counter++
	tx := &modelTx{id: fmt.Sprintf("fund-%d-%d", i, w.counter), ref: fmt.Sprintf("ref-%d-%d", i, w.counter), kind: txFund, leg: i}
	switch {
	case h.fund == 1 && c.tip().clock <= leg.FundBy && !w.everFunded(i):
		c.broadcast(tx)
	case h.fund == 2 && w.rng.IntN(25) == 0:
		c.broadcast(tx)
	case h.fund == 4 && c.tip().clock >= w.terms.CutOff()-tick*int64(leg.MinConfirmations+2) && w.rng.IntN(2) == 0 && !w.everFunded(i):
		c.broadcast(tx)
	case h.fund == 3 && w.rng.IntN(20) == 0:
		tx.kind = txMismatch
		c.broadcast(tx)
	}
	// A funding in no block, or in one that was undone, is spent elsewhere.
	if w.rng.IntN(12) == 0 {
		for _, known := range c.mempool {
			if known.leg == i && known.kind == txFund {
				c.drop(known.id)
				break
			}
		}
	}
}

func (w *world) everFunded(i int) bool {
	c := w.chains[w.terms.Legs[i].Chain()]
	for _, tx := range c.mempool {
		if tx.leg == i && tx.kind == txFund {
			return true
		}
	}
	return c.spentBy(i)[txFund]
}

// adversarySpends redeems what pays party i, refunds what it pays, leaks and
// consents, as its habits go.
func (w *world) adversarySpends(i int) {
	h, in := w.habits[i], w.terms.Incoming(i)
	if w.secretOut && (h.race && w.refunding(in) || !h.race && w.rng.IntN(h.redeem) == 0) {
		w.adversarySpend(in, txRedeem)
	}
	if h.refund || w.rng.IntN(20) == 0 {
		w.adversarySpend(i, txRefund)
	}
	if h.leak && w.secretOut && w.rng.IntN(40) == 0 {
		for _, p := range w.parties {
			if p != nil {
				p.deliver(htlc.SecretSeen{Leg: p.swap.Out(), Secret: testSecret()})
			}
		}
	}
}

// refunding reports whether a refund of the leg must be in the next block.
func (w *world) refunding(leg int) bool {
	for _, tx := range w.chains[w.terms.Legs[leg].Chain()].mempool {
		if tx.leg == leg && tx.kind == txRefund && tx.due <= w.now+tick {
			return true
		}
	}
	return false
}

func (w *world) adversarySpend(leg int, kind txKind) {
	c := w.chains[w.terms.Legs[leg].Chain()]
	state := c.contracts(len(c.blocks))
	for _, ref := range slices.Sorted(maps.Keys(state)) {
		if u := state[ref]; u.tx.leg == leg && !u.spent && w.rng.IntN(4) != 0 {
			c.broadcast(&modelTx{id: fmt.Sprintf("spend-%d-%s", kind, ref), ref: ref, kind: kind, leg: leg})
		}
	}
}

// disturb tells a party things that are late, doubled or none of its business.
func (w *world) disturb(p *modelParty) {
	if !w.noise || w.rng.IntN(3) != 0 {
		return
	}
	if w.rng.IntN(40) == 0 {
		p.deliver(htlc.CancelRequested{})
		return
	}
	p.deliver(w.wild(p.swap))
}

// raise is a budget for anything, also for what has none.
func (w *world) raise() htlc.Event {
	return htlc.BudgetRaised{Purpose: htlc.Purpose(w.rng.IntN(7)), Budget: htlc.NewAmount(w.rng.Uint64N(9))}
}

// wild is an event that is no part of the story.
func (w *world) wild(s htlc.Swap) htlc.Event {
	leg := w.rng.IntN(len(w.terms.Legs))
	wrong, _ := htlc.NewSecret(make([]byte, htlc.SecretSize))
	unknown := htlc.BlockID{Height: 1, Hash: [32]byte{0xff}}
	in := 0
	if s.Phase == htlc.PhaseNew {
		early := []htlc.Event{htlc.CancelRequested{}, htlc.LegSeen{Leg: leg}, htlc.TipAdvanced{Leg: leg}, w.raise()}
		if i := w.rng.IntN(8); i < len(early) {
			return early[i]
		}
	} else {
		in = s.In()
	}
	all := []htlc.Event{
		w.raise(),
		htlc.FundingPrepared{TxID: fmt.Sprintf("fund-by-%d", s.Self)},
		htlc.FundingChecked{Facts: htlc.FundingFacts{Clock: 1}},
		htlc.RedeemPrepared{TxID: "another", Ref: "another"},
		htlc.RevealChecked{Facts: htlc.RevealFacts{Clock: 1}},
		htlc.Submitted{Leg: in, Purpose: htlc.PurposeFund, TxID: "another"},
		htlc.Withheld{},
		htlc.SecretSeen{Leg: leg, Secret: wrong},
		htlc.LegRedeemed{Leg: leg, Secret: wrong, Block: unknown},
		htlc.LegRefunded{Leg: leg, Ref: "another", Block: htlc.BlockID{}},
		htlc.LegClosedByConsent{Leg: leg, Block: htlc.BlockID{}},
		htlc.LegMismatched{Leg: leg, TxID: "dust"},
		htlc.Reorged{Leg: leg, Block: unknown},
		htlc.LegFunded{Leg: leg, TxID: "none"},
		htlc.ConsentGiven{Leg: leg, Intent: htlc.IntentNone},
		htlc.ConsentFailed{Leg: in + 1},
		htlc.LegSearched{Leg: leg},
	}
	if s.Phase == htlc.PhaseNew || s.FundingTx != "" {
		// Elsewhere it keeps the swap open until its owner ends it.
		all = append(all, htlc.Restored{})
	}
	if s.Phase != htlc.PhaseNew {
		all = append(all, w.opening(s.Self))
	}
	return all[w.rng.IntN(len(all))]
}
