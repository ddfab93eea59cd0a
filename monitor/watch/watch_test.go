package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const chainID = htlc.ChainID("test:alpha")

// block is the n-th of a branch.
func block(branch byte, n uint64) adapters.BlockRef {
	b := adapters.BlockRef{Height: n, Hash: adapters.Hash{branch, byte(n), 1}, Clock: int64(n) * 10, Time: int64(n) * 10}
	if n > 0 {
		b.Parent = adapters.Hash{branch, byte(n - 1), 1}
	}
	return b
}

// fork is block n of another branch whose parent is on the first one.
func fork(n uint64) adapters.BlockRef {
	b := block('b', n)
	b.Parent = block('a', n-1).Hash
	return b
}

// fake is a chain, a registry and a publisher under the test's control.
type fake struct {
	mu        sync.Mutex
	best      []adapters.BlockRef
	forgotten bool
	lag       uint64 // by how many blocks scans are behind
	watched   map[string]bool
	facts     map[string]adapters.Located
	sights    []adapters.Fact
	published []bus.Message
	fail      error

	onNext    func() // in the middle of Next, after the facts were looked up
	onPublish func()
	onScan    func()
	waiting   chan struct{}
}

func newFake(n uint64) *fake {
	f := &fake{watched: map[string]bool{}, facts: map[string]adapters.Located{}, waiting: make(chan struct{}, 1)}
	for i := range n {
		f.best = append(f.best, block('a', i))
	}
	return f
}

func (f *fake) Tip(context.Context) (adapters.BlockRef, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.best[len(f.best)-1], nil
}

func (f *fake) Next(_ context.Context, c adapters.BlockRef) (adapters.Step, error) {
	f.mu.Lock()
	step, err := f.next(c)
	hook := f.onNext
	f.onNext = nil
	f.mu.Unlock()
	if hook != nil {
		hook()
	}
	return step, err
}

func (f *fake) Parent(_ context.Context, b adapters.BlockRef) (adapters.BlockRef, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.Height == 0 || int(b.Height) > len(f.best) {
		return adapters.BlockRef{}, fmt.Errorf("before %d: %w", b.Height, adapters.ErrUnknownCursor)
	}
	return f.best[b.Height-1], nil
}

func (f *fake) next(c adapters.BlockRef) (adapters.Step, error) {
	if int(c.Height) >= len(f.best) || f.best[c.Height].Hash != c.Hash {
		if f.forgotten {
			return adapters.Step{}, fmt.Errorf("gone: %w", adapters.ErrUnknownCursor)
		}
		parent := block('a', c.Height-1)
		return adapters.Step{Kind: adapters.Disconnect, Block: parent}, nil
	}
	if int(c.Height) == len(f.best)-1 {
		return adapters.Step{Kind: adapters.AtTip}, nil
	}
	next := f.best[c.Height+1]
	s := adapters.Step{Kind: adapters.Connect, Block: next}
	for id, l := range f.facts {
		if f.watched[id] && l.Block.Hash == next.Hash {
			s.Facts = append(s.Facts, l.Fact)
		}
	}
	return s, nil
}

func (f *fake) Mempool(context.Context) ([]adapters.Fact, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.sights
	f.sights = nil
	return out, nil
}

func (f *fake) Wait(ctx context.Context) error {
	select {
	case f.waiting <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) Watch(_ context.Context, _ htlc.Terms, leg int, _ string) (adapters.Contract, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprint("c", leg)
	f.watched[id] = true
	return adapters.Contract{ID: id}, nil
}

func (f *fake) Unwatch(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watched, id)
}

func (f *fake) Scan(_ context.Context, id string, from, to uint64) ([]adapters.Located, adapters.BlockRef, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to = min(to, uint64(len(f.best)-1)-f.lag)
	var out []adapters.Located
	if l, ok := f.facts[id]; ok && l.Block.Height >= from && l.Block.Height <= to {
		out = append(out, l)
	}
	if f.onScan != nil {
		f.onScan()
	}
	return out, f.best[to], nil
}

func (f *fake) Publish(_ context.Context, m bus.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	if f.onPublish != nil {
		f.onPublish()
	}
	f.published = append(f.published, m)
	return nil
}

func (f *fake) watcher() *Watcher {
	return New(chainID, f, f, f, slog.New(slog.DiscardHandler))
}

func follow(n uint64, at adapters.BlockRef) bus.Request {
	return bus.Request{Op: bus.OpFollow, Cursor: &at, Watched: true, Epoch: bus.Epoch{Session: "s", N: n}}
}

func ask(t *testing.T, w *Watcher, r bus.Request) bus.Reply {
	t.Helper()
	reply, err := w.Answer(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v", r.Op, err)
	}
	return reply
}

func steps(t *testing.T, w *Watcher, n int) {
	t.Helper()
	for range n {
		if _, err := w.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWatcherThatDoesNotKnowTheSessionIsSilent(t *testing.T) {
	f := newFake(5)
	w := f.watcher()
	r := follow(1, block('a', 2))
	r.Watched = false
	if reply := ask(t, w, r); !reply.Fresh {
		t.Fatal("it follows although it watches nothing")
	}
	steps(t, w, 3)
	if len(f.published) != 0 {
		t.Fatalf("it published %d messages", len(f.published))
	}
	r.Watched, r.Epoch.N = true, 2
	ask(t, w, r)
	r.Watched, r.Epoch.N = false, 3
	if ask(t, w, r).Fresh {
		t.Fatal("it forgot the session")
	}
	steps(t, w, 5)
	if len(f.published) != 2 || f.published[0].Epoch.N != 3 {
		t.Fatalf("published %+v", f.published)
	}
}

// The blocks that lead to the first one are told with it, in one message, but
// no more of them than a way back needs.
func TestFollowWithoutCursorBeginsAtTheTip(t *testing.T) {
	for _, blocks := range []uint64{5, 100} {
		f := newFake(blocks)
		w := f.watcher()
		tip := blocks - 1
		r := bus.Request{Op: bus.OpFollow, Watched: true, Epoch: bus.Epoch{Session: "s", N: 1}}
		if reply := ask(t, w, r); reply.Position.Height != tip {
			t.Fatalf("position %+v", reply.Position)
		}
		first := tip - min(tip, wayBack)
		if len(f.published) != 1 {
			t.Fatalf("%d messages published", len(f.published))
		}
		m := f.published[0]
		if m.Step.Kind != adapters.Connect || m.Step.Block != f.best[tip] || m.Epoch != r.Epoch {
			t.Fatalf("published %+v", m)
		}
		if !slices.Equal(m.Recent, f.best[first:]) {
			t.Fatalf("the way back is %+v", m.Recent)
		}
	}
}

// The first block is undone, and the node does not know it any more.
func TestTheFirstBlockHasAWayBack(t *testing.T) {
	f := newFake(8)
	w := f.watcher()
	ask(t, w, bus.Request{Op: bus.OpFollow, Watched: true, Epoch: bus.Epoch{Session: "s", N: 1}})
	f.best, f.forgotten, f.published = append(f.best[:5:5], fork(5), block('b', 6), block('b', 7), block('b', 8)), true, nil
	steps(t, w, 10)
	if at, _, _ := w.current(); at != f.best[8] {
		t.Fatalf("at %+v after %+v", at, f.published)
	}
}

func TestALateFollowIsRefused(t *testing.T) {
	f := newFake(5)
	w := f.watcher()
	ask(t, w, follow(2, block('a', 3)))
	if _, err := w.Answer(t.Context(), follow(1, block('a', 1))); err == nil {
		t.Fatal("an older request took effect")
	}
	if at, epoch, _ := w.current(); at.Height != 3 || epoch.N != 2 {
		t.Fatalf("at %d, epoch %d", at.Height, epoch.N)
	}
}

// A contract registered while a block is looked at: the block's message does
// not tell of it, so the scan must.
func TestNoFactFallsBetweenScanAndStep(t *testing.T) {
	f := newFake(4)
	f.facts["c0"] = adapters.Located{Fact: adapters.Fact{Kind: adapters.Funded, Contract: "c0"}, Block: block('a', 3)}
	w := f.watcher()
	ask(t, w, follow(1, block('a', 2)))
	found := make(chan bus.Reply, 1)
	f.onNext = func() {
		ask(t, w, bus.Request{Op: bus.OpWatch, Terms: &htlc.Terms{}, Leg: 0})
		aside(func() {
			reply, _ := w.Answer(context.Background(), bus.Request{Op: bus.OpScan, Contract: "c0"})
			found <- reply
		})
	}
	steps(t, w, 1)
	reply := <-found
	told := len(f.published) == 1 && len(f.published[0].Step.Facts) == 1
	if !told && (reply.Position.Height != 3 || len(reply.Facts) != 1) {
		t.Fatalf("block 3 told nothing and the scan up to block %d found %d facts", reply.Position.Height, len(reply.Facts))
	}
}

// aside does something beside what is under way, with a chance to end before
// it if nothing makes it wait.
func aside(do func()) {
	ended := make(chan struct{})
	go func() { do(); close(ended) }()
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

func TestFollowWaitsForAStepUnderWay(t *testing.T) {
	f := newFake(6)
	w := f.watcher()
	ask(t, w, follow(1, block('a', 2)))
	answered := make(chan error, 1)
	f.onPublish = func() {
		f.onPublish = nil
		aside(func() {
			_, err := w.Answer(context.Background(), follow(2, block('a', 1)))
			answered <- err
		})
	}
	steps(t, w, 1)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	steps(t, w, 1)
	last := f.published[len(f.published)-1]
	if last.Step.Block.Height != 2 || last.Epoch.N != 2 {
		t.Fatalf("published block %d of request %d", last.Step.Block.Height, last.Epoch.N)
	}
}

// A scan by heights must not mix branches.
func TestScanOfAnotherBranchSaysNothing(t *testing.T) {
	f := newFake(5)
	w := f.watcher()
	ask(t, w, follow(1, block('a', 1)))
	steps(t, w, 3)
	f.facts["c0"] = adapters.Located{Fact: adapters.Fact{Kind: adapters.Funded, Contract: "c0"}, Block: fork(3)}
	if reply := ask(t, w, bus.Request{Op: bus.OpScan, Contract: "c0"}); len(reply.Facts) != 0 || reply.Position.Height != 0 {
		t.Fatalf("a fact of a foreign block: %+v", reply)
	}
	f.facts["c0"] = adapters.Located{Fact: adapters.Fact{Kind: adapters.Funded, Contract: "c0"}, Block: block('a', 3)}
	f.onScan = func() { f.best = append(f.best[:3:3], fork(3), block('b', 4)) }
	if reply := ask(t, w, bus.Request{Op: bus.OpScan, Contract: "c0"}); reply.Position.Height != 0 {
		t.Fatalf("the chain moved during the scan: %+v", reply)
	}
}

// The back end that is scanned may be behind the one that was followed: what lies
// between would be told by nobody.
func TestAScanThatReadLessSaysNothing(t *testing.T) {
	f := newFake(6)
	w := f.watcher()
	ask(t, w, follow(1, block('a', 5)))
	f.facts["c0"] = adapters.Located{Fact: adapters.Fact{Kind: adapters.Funded, Contract: "c0"}, Block: block('a', 5)}
	f.lag = 1
	if reply := ask(t, w, bus.Request{Op: bus.OpScan, Contract: "c0"}); reply.Position != (adapters.BlockRef{}) || len(reply.Facts) != 0 {
		t.Fatalf("block 5 was not read, and the reply is %+v", reply)
	}
	f.lag = 0
	if reply := ask(t, w, bus.Request{Op: bus.OpScan, Contract: "c0"}); reply.Position != block('a', 5) || len(reply.Facts) != 1 {
		t.Fatalf("once it was read: %+v", reply)
	}
}

func TestScanReportsFewMismatches(t *testing.T) {
	facts := make([]adapters.Located, 0, 5001)
	for range 5000 {
		facts = append(facts, adapters.Located{Fact: adapters.Fact{Kind: adapters.Mismatched}})
	}
	facts = append(facts, adapters.Located{Fact: adapters.Fact{Kind: adapters.Funded}})
	out := bounded(facts)
	if len(out) != maxMismatches+1 || out[maxMismatches].Kind != adapters.Funded {
		t.Fatalf("%d facts", len(out))
	}
}

// A node that has forgotten the blocks it left is led back by what the
// watcher keeps, or by what the engine remembers after a restart.
func TestForgottenBlocksAreSteppedBack(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprint("restarted=", restarted), func(t *testing.T) {
			f := newFake(8)
			w := f.watcher()
			if restarted {
				r := follow(1, block('a', 7))
				for i := range uint64(8) {
					r.Recent = append(r.Recent, block('a', i))
				}
				ask(t, w, r)
			} else {
				ask(t, w, follow(1, block('a', 1)))
				steps(t, w, 6)
			}
			f.forgotten = true
			f.best = append(f.best[:4:4], fork(4), block('b', 5))
			f.published = nil
			steps(t, w, 6)
			var kinds []string
			for _, m := range f.published {
				kinds = append(kinds, fmt.Sprint(m.Step.Kind, m.Step.Block.Height))
			}
			if got, want := fmt.Sprint(kinds), "[2 6 2 5 2 4 2 3 1 4 1 5]"; got != want {
				t.Fatalf("steps %s, want %s", got, want)
			}
		})
	}
}

func TestRecentIsTakenOnlyWhereItLeadsToTheCursor(t *testing.T) {
	recent := []adapters.BlockRef{block('a', 1), block('b', 2), block('a', 3), block('a', 4)}
	got := leadingTo(recent, block('a', 4))
	if len(got) != 1 || got[0] != block('a', 3) {
		t.Fatalf("%+v", got)
	}
}

// A sighting that the bus did not take is published later: an adapter may
// tell of it only once.
func TestSightingsSurviveAFailingBus(t *testing.T) {
	f := newFake(3)
	w := f.watcher()
	ask(t, w, follow(1, block('a', 2)))
	f.sights = []adapters.Fact{{Kind: adapters.Funded, Contract: "c0"}, {Kind: adapters.Funded, Contract: "c1"}}
	f.fail = errors.New("no bus")
	if err := w.advance(t.Context()); err == nil {
		t.Fatal("no error")
	}
	f.fail = nil
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	<-f.waiting
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(f.published) != 2 || f.published[1].Sight.Contract != "c1" {
		t.Fatalf("published %+v", f.published)
	}
}

func TestUnknownRequestIsRefused(t *testing.T) {
	w := newFake(1).watcher()
	for _, op := range []bus.Op{"", "unknown", bus.OpWatch} {
		if _, err := w.Answer(t.Context(), bus.Request{Op: op}); err == nil {
			t.Errorf("%q was answered", op)
		}
	}
}

// A watcher that rests at the tip follows from another position at once.
func TestFollowWakesARestingWatcher(t *testing.T) {
	f := newFake(6)
	w := f.watcher()
	ask(t, w, follow(1, block('a', 4)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for n := uint64(2); n < 10; n++ {
		<-f.waiting
		ask(t, w, follow(n, block('a', 3)))
	}
	<-f.waiting
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(f.published) != 1+8*2 {
		t.Fatalf("%d steps published", len(f.published))
	}
}
