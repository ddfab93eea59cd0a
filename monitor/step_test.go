package monitor

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
)

// stepper is an engine of the participant on a map store, without goroutines.
type stepper struct {
	t      *testing.T
	store  *mapStore
	engine *engine.Engine
	out    []engine.StoredEffect
	blocks map[htlc.ChainID][]adapters.BlockRef
}

func newStepper(t *testing.T, s *mapStore) *stepper {
	t.Helper()
	p := &stepper{t: t, store: s, blocks: map[htlc.ChainID][]adapters.BlockRef{}}
	p.engine = engine.New(engine.Options{
		Store: s, Contracts: modelContract, Now: func() time.Time { return time.Unix(genesis, 0) }, Log: slog.New(slog.DiscardHandler),
		Dispatch: func(e []engine.StoredEffect) { p.out = append(p.out, e...) }, Changed: func([]htlc.Swap) {},
	})
	if err := p.engine.Start(t.Context(), []htlc.ChainID{alpha, beta}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *stepper) step(inputs ...engine.Input) []error {
	return p.engine.Step(context.Background(), inputs)
}

func (p *stepper) must(inputs ...engine.Input) {
	p.t.Helper()
	for i, err := range p.step(inputs...) {
		if err != nil {
			p.t.Fatalf("input %d: %v", i, err)
		}
	}
}

// blockOf is block n of a chain; another branch has another fork number.
func blockOf(chain htlc.ChainID, n uint64, fork byte) adapters.BlockRef {
	b := adapters.BlockRef{Height: n, Clock: genesis + int64(n), Time: genesis + int64(n)}
	b.Hash = adapters.Hash{byte(n), fork, chain[5]}
	b.Parent = adapters.Hash{byte(n - 1), fork, chain[5]}
	return b
}

func connect(chain htlc.ChainID, n uint64, facts ...adapters.Fact) engine.Input {
	return engine.Input{Chain: chain, Step: &adapters.Step{Kind: adapters.Connect, Block: blockOf(chain, n, 0), Facts: facts}}
}

// beginning is what a watcher tells first of a chain: the last block of the
// way, and the way.
func beginning(chain htlc.ChainID, from, to uint64) engine.Input {
	in := connect(chain, to)
	for n := from; n <= to; n++ {
		in.Recent = append(in.Recent, blockOf(chain, n, 0))
	}
	return in
}

func disconnect(chain htlc.ChainID, to uint64) engine.Input {
	return engine.Input{Chain: chain, Step: &adapters.Step{Kind: adapters.Disconnect, Block: blockOf(chain, to, 0)}}
}

func signedTerms(t *testing.T, n byte) htlc.TermsSigned {
	t.Helper()
	w := &world{t: t, chains: twoChains()}
	for i := range w.nodes {
		w.nodes[i] = &node{self: i, key: partyKey(i)}
	}
	w.salts = n
	return w.signed(w.terms(), 1)
}

func (p *stepper) opened(n byte) htlc.TermsSigned {
	p.t.Helper()
	e := signedTerms(p.t, n)
	p.must(engine.Input{Event: e})
	return e
}

func fundedFact(e htlc.TermsSigned, leg int) adapters.Fact {
	c, _ := modelContract(e.Terms, leg)
	return adapters.Fact{Kind: adapters.Funded, Contract: c.ID, TxID: "f", Ref: "f:0"}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestStepsMustFollowTheCursor(t *testing.T) {
	p := newStepper(t, newMapStore())
	wantErr(t, p.step(disconnect(alpha, 4))[0], engine.ErrGap)
	p.must(connect(alpha, 5), connect(alpha, 6), connect(alpha, 7))
	wantErr(t, p.step(connect(alpha, 7))[0], htlc.ErrStale)
	wantErr(t, p.step(connect(alpha, 5))[0], htlc.ErrStale)
	wantErr(t, p.step(connect(alpha, 9))[0], engine.ErrGap)
	wantErr(t, p.step(disconnect(alpha, 5))[0], engine.ErrGap)
	p.must(disconnect(alpha, 6), connect(alpha, 7))
	c, _ := p.engine.Cursor(alpha)
	if c.Block != blockOf(alpha, 7, 0) || c.Seq != 5 || len(c.Recent) != 3 {
		t.Errorf("cursor %+v", c)
	}
}

func TestTheCursorRemembersItsWay(t *testing.T) {
	p := newStepper(t, newMapStore())
	for n := range uint64(200) {
		p.must(connect(alpha, n+1))
	}
	c, _ := p.engine.Cursor(alpha)
	if len(c.Recent) != engine.RecentBlocks || c.Recent[engine.RecentBlocks-1] != c.Block || c.Recent[0].Height != 200-engine.RecentBlocks+1 {
		t.Errorf("%d blocks from height %d", len(c.Recent), c.Recent[0].Height)
	}
}

// Steps of an older request than one that was seen, and of another engine's,
// change nothing; a scan counts as seen.
func TestOldEpochsAreStale(t *testing.T) {
	s := newMapStore()
	p := newStepper(t, s)
	session := p.sessionOf()
	at := func(in engine.Input, n uint64) engine.Input {
		in.Epoch = bus.Epoch{Session: session, N: n}
		return in
	}
	p.must(at(beginning(alpha, 4, 5), 1), at(connect(alpha, 6), 3), connect(beta, 5))
	wantErr(t, p.step(at(connect(alpha, 7), 2))[0], htlc.ErrStale)
	foreign := connect(alpha, 7)
	foreign.Epoch = bus.Epoch{Session: "another", N: 99}
	wantErr(t, p.step(foreign)[0], htlc.ErrStale)
	e := p.opened(1)
	scan := engine.Input{Swap: e.Terms.ID(), Located: &engine.Found{
		Leg: 0, At: blockOf(alpha, 6, 0), Epoch: bus.Epoch{Session: session, N: 4},
	}}
	if err := p.step(scan)[0]; err != nil {
		t.Fatal(err)
	}
	wantErr(t, p.step(at(connect(alpha, 7), 3))[0], htlc.ErrStale)
	p.must(at(connect(alpha, 7), 4))
}

// A first block without its way back is not taken: were it undone and
// forgotten by the node, nobody could follow the chain any more. And where a
// chain begins again facts are left out, so nothing may follow from that.
func TestAChainBeginsWithItsWayBack(t *testing.T) {
	p := newStepper(t, newMapStore())
	session := p.sessionOf()
	at := func(in engine.Input, n uint64) engine.Input {
		in.Epoch = bus.Epoch{Session: session, N: n}
		return in
	}
	wantErr(t, p.step(at(connect(alpha, 6), 2))[0], engine.ErrGap)
	p.must(at(beginning(alpha, 3, 5), 2))
	cursor, _ := p.engine.Cursor(alpha)
	if len(cursor.Recent) != 3 || cursor.Recent[0] != blockOf(alpha, 3, 0) || cursor.Block != blockOf(alpha, 5, 0) {
		t.Fatalf("the cursor is %+v", cursor)
	}
	wantErr(t, p.step(at(beginning(alpha, 3, 5), 3))[0], htlc.ErrStale)
	wantErr(t, p.step(at(beginning(alpha, 4, 6), 3))[0], engine.ErrGap)
	p.must(at(connect(alpha, 6), 3))
}

// sessionOf asks a feed what it would say to a watcher.
func (p *stepper) sessionOf() string {
	p.t.Helper()
	said := make(chan string, 1)
	ctx, cancel := context.WithCancel(p.t.Context())
	f := &engine.Feed{Engine: p.engine, Chain: alpha, Log: slog.New(slog.DiscardHandler), Bus: askOnly{func(r bus.Request) {
		said <- r.Epoch.Session
		cancel()
	}}}
	if err := f.Run(ctx); err != nil {
		p.t.Fatal(err)
	}
	return <-said
}

type askOnly struct{ heard func(bus.Request) }

func (a askOnly) Consume(ctx context.Context, chain htlc.ChainID, handle func(context.Context, bus.Message) error) error {
	_ = handle(ctx, bus.Message{Chain: chain})
	<-ctx.Done()
	return nil
}

func (a askOnly) Ask(_ context.Context, _ htlc.ChainID, r bus.Request) (bus.Reply, error) {
	a.heard(r)
	return bus.Reply{}, nil
}

func TestASwapNeedsFollowedChainsAndContractsOfItsOwn(t *testing.T) {
	p := newStepper(t, newMapStore())
	e := signedTerms(t, 1)
	wantErr(t, p.step(engine.Input{Event: e})[0], engine.ErrNoCursor)
	p.must(connect(alpha, 5), connect(beta, 5))
	p.must(engine.Input{Event: e})
	wantErr(t, p.step(engine.Input{Event: e})[0], htlc.ErrStale)
	wantErr(t, p.step(engine.Input{Swap: htlc.SwapID{9}, Event: htlc.CancelRequested{}})[0], engine.ErrNoSwap)
}

// A transaction that the store refuses changes nothing: the same inputs work
// afterwards, alarms included.
func TestAFailedCommitChangesNothing(t *testing.T) {
	s := newMapStore()
	p := newStepper(t, s)
	p.must(connect(alpha, 5), connect(beta, 5))
	e := p.opened(1)
	id := e.Terms.ID()
	before, _ := p.engine.Swap(id)
	broken := errors.New("no disk")
	s.hook = func(string) error { return broken }
	effects := len(p.out)
	wantErr(t, p.step(connect(alpha, 6, fundedFact(e, 0)))[0], broken)
	wantErr(t, p.step(connect(alpha, 6, fundedFact(e, 0)), connect(beta, 6))[1], broken)
	if after, _ := p.engine.Swap(id); !reflect.DeepEqual(before, after) || len(p.out) != effects {
		t.Fatal("something changed")
	}
	if c, _ := p.engine.Cursor(alpha); c.Block.Height != 5 {
		t.Fatalf("the cursor is at %d", c.Block.Height)
	}
	s.hook = func(string) error { return nil }
	p.must(connect(alpha, 6, fundedFact(e, 0)))
	s.hook = func(string) error { return broken }
	wantErr(t, p.step(connect(alpha, 7))[0], broken)
	s.hook = func(string) error { return nil }
	p.must(connect(alpha, 7))
	if s, _ := p.engine.Swap(id); s.Legs[0].Status != htlc.LegConfirmed {
		t.Errorf("leg 0 is %s: the alarm was lost", s.Legs[0].Status)
	}
}

// One input that the store refuses does not take the others with it.
func TestAPoisonedBatchIsWrittenSingly(t *testing.T) {
	s := newMapStore()
	p := newStepper(t, s)
	p.must(connect(alpha, 5), connect(beta, 5))
	closed, fine := signedTerms(t, 1), signedTerms(t, 2)
	s.versions[closed.Terms.ID()] = 7 // known to the store alone, as a closed swap is
	errs := p.step(engine.Input{Event: closed}, engine.Input{Event: fine}, connect(alpha, 6))
	wantErr(t, errs[0], engine.ErrConflict)
	if errs[1] != nil || errs[2] != nil {
		t.Errorf("errors %v", errs)
	}
	if _, ok := p.engine.Swap(closed.Terms.ID()); ok {
		t.Error("the refused swap is open")
	}
}

// A conflict on what the engine itself holds means that somebody else writes:
// the engine stops, and a restart reads what is stored.
func TestTheEngineStopsWhereTheStoreDiffers(t *testing.T) {
	s := newMapStore()
	p := newStepper(t, s)
	p.must(connect(alpha, 5))
	s.cursors[alpha] = engine.Cursor{Seq: 9, Block: blockOf(alpha, 9, 0)}
	ended := make(chan error, 1)
	go func() { ended <- p.engine.Run(context.Background()) }()
	wantErr(t, p.engine.Apply(t.Context(), connect(alpha, 6)), engine.ErrConflict)
	wantErr(t, <-ended, engine.ErrConflict)
	wantErr(t, p.engine.Apply(t.Context(), connect(alpha, 6)), engine.ErrStopped)
}

// A scan that was not made at the cursor is to be made again, so its effect
// stays pending.
func TestAMovedScanStaysPending(t *testing.T) {
	s := newMapStore()
	p := newStepper(t, s)
	p.must(connect(alpha, 5), connect(beta, 5))
	e := p.opened(1)
	var watches []engine.StoredEffect
	for _, x := range p.out {
		if x.Effect.Kind == htlc.EffectWatch && x.Chain == alpha {
			watches = append(watches, x)
		}
	}
	if len(watches) != 1 {
		t.Fatalf("%d watch effects", len(watches))
	}
	scan := func(at uint64) engine.Input {
		return engine.Input{Swap: e.Terms.ID(), Done: []engine.EffectID{watches[0].ID}, Located: &engine.Found{
			Leg: 0, At: blockOf(alpha, at, 0),
			Facts: []adapters.Located{{Fact: fundedFact(e, 0), Block: blockOf(alpha, 5, 0)}},
		}}
	}
	wantErr(t, p.step(scan(6), connect(beta, 6))[0], engine.ErrMoved)
	if s.done[watches[0].ID] {
		t.Fatal("the effect counts as done, the scan would never be made again")
	}
	p.must(scan(5))
	if swap, _ := p.engine.Swap(e.Terms.ID()); !s.done[watches[0].ID] || swap.Legs[0].Status != htlc.LegInBlock {
		t.Errorf("done %v, leg 0 %s", s.done[watches[0].ID], swap.Legs[0].Status)
	}
}

// An effect that is asked for with every block while nobody executes it
// stays one pending effect.
func TestPendingEffectsDoNotGrow(t *testing.T) {
	s := newMapStore()
	p := newStepper(t, s)
	p.must(connect(alpha, 5), connect(beta, 5))
	e := p.opened(1)
	p.must(connect(alpha, 6, fundedFact(e, 0)), connect(alpha, 7))
	before := s.pendingCount()
	for n := uint64(6); n < 100; n++ {
		p.must(connect(beta, n))
	}
	if after := s.pendingCount(); after > before {
		t.Errorf("%d pending effects became %d", before, after)
	}
	last := p.out[len(p.out)-1]
	if last.Effect.Kind != htlc.EffectPrepareFunding || s.done[last.ID] {
		t.Errorf("last effect %+v, done %v", last, s.done[last.ID])
	}
	// A restart dispatches what is pending once, and finishing it ends it.
	again := newStepper(t, s)
	if len(again.out) != before {
		t.Errorf("%d effects dispatched at the start", len(again.out))
	}
	for _, x := range again.out {
		again.must(engine.Input{Swap: x.ID.Swap, Done: []engine.EffectID{x.ID}})
	}
	if left := s.pendingCount(); left != 0 {
		t.Errorf("%d left", left)
	}
}

// A flood of other locks under the contract's id is one event a block.
func TestMismatchesAreToldOnceABlock(t *testing.T) {
	s := newMapStore()
	p := newStepper(t, s)
	p.must(connect(alpha, 5), connect(beta, 5))
	e := p.opened(1)
	bad := fundedFact(e, 0)
	bad.Kind = adapters.Mismatched
	facts := make([]adapters.Fact, 1000)
	for i := range facts {
		facts[i] = bad
	}
	before := len(s.history[e.Terms.ID()])
	p.must(connect(alpha, 6, facts...))
	if got := len(s.history[e.Terms.ID()]) - before; got > 2 {
		t.Errorf("%d events", got)
	}
}

// Equal inputs give equal batches, whatever the order of maps.
func TestStepIsDeterministic(t *testing.T) {
	play := func() *mapStore {
		s := newMapStore()
		p := newStepper(t, s)
		p.must(connect(alpha, 5), connect(beta, 5))
		var facts []adapters.Fact
		var opens []engine.Input
		for n := range byte(20) {
			e := signedTerms(t, n+1)
			opens = append(opens, engine.Input{Event: e})
			facts = append(facts, fundedFact(e, 0))
		}
		p.must(opens...)
		p.must(connect(alpha, 6, facts...), connect(beta, 6), connect(alpha, 7))
		p.must(disconnect(alpha, 6), disconnect(alpha, 5))
		p.must(connect(alpha, 6), connect(alpha, 7))
		return s
	}
	a, b := play(), play()
	if !reflect.DeepEqual(a.history, b.history) || !reflect.DeepEqual(a.effects, b.effects) || !reflect.DeepEqual(a.swaps, b.swaps) {
		t.Error("two plays differ")
	}
}

func TestStatsCount(t *testing.T) {
	p := newStepper(t, newMapStore())
	p.must(connect(alpha, 5))
	p.step(connect(alpha, 5))
	p.step(connect(alpha, 9))
	if got, want := p.engine.Stats(), (engine.Stats{Applied: 1, Stale: 1, Rejected: 1, Commits: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
