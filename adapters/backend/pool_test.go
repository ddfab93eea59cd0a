package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
)

// fork is a chain: the name of the branch at each height.
type fork struct {
	height uint64
	from   uint64 // the first block of the branch
	branch byte
	err    error
	bare   bool     // it shows no blocks
	proof  Evidence // of its blocks; Linked where nothing else is said
}

func (f fork) hash(height uint64) adapters.Hash {
	h := adapters.Hash{0: byte(height), 1: byte(height >> 8), 31: 1}
	if f.branch != 0 && height >= f.from {
		h[30] = f.branch
	}
	return h
}

// net is what each back end has.
type net struct {
	t     *testing.T
	pool  *Pool
	nodes map[string]*fork
	now   time.Time
}

func newNet(t *testing.T, names ...string) *net {
	n := &net{t: t, nodes: map[string]*fork{}, now: time.Unix(1_700_000_000, 0)}
	for _, name := range names {
		n.nodes[name] = &fork{height: 100}
	}
	var err error
	n.pool, err = New(Options{
		Names: names, Limits: Limits{MaxLag: 2, LagTime: 5 * time.Second, Probation: 10 * time.Second}, Now: func() time.Time { return n.now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *net) of(ctx context.Context) *fork { return n.nodes[n.pool.o.Names[n.pool.Pick(ctx)]] }

func (n *net) Head(ctx context.Context) (Head, error) {
	f := n.of(ctx)
	return Head{Height: f.height, Hash: f.hash(f.height)}, f.err
}

func (n *net) HashAt(ctx context.Context, height uint64) (adapters.Hash, bool, error) {
	f := n.of(ctx)
	return f.hash(height), height <= f.height, f.err
}

func (n *net) Chain(ctx context.Context, from, to uint64) ([]adapters.Hash, Evidence, error) {
	f := n.of(ctx)
	if f.err != nil || f.bare || to > f.height {
		return nil, Nothing, errors.Join(f.err, errors.New("no such block"))
	}
	var out []adapters.Hash
	for at := from; at <= to; at++ {
		out = append(out, f.hash(at))
	}
	return out, max(f.proof, Linked), nil
}

// pass lets seconds go by with a round in each; every back end that grows gets
// a block each time.
func (n *net) pass(seconds int, growing ...string) {
	for range seconds {
		n.now = n.now.Add(time.Second)
		for _, name := range growing {
			n.nodes[name].height++
		}
		n.pool.Round(n.t.Context(), n)
	}
}

func (n *net) want(name string, state State, reason Reason) {
	n.t.Helper()
	for _, h := range n.pool.Health() {
		if h.Name == name && (h.State != state || h.Reason != reason) {
			n.t.Errorf("%s is %s %s (%s), want %s %s", name, h.State, h.Reason, h.Detail, state, reason)
		}
	}
}

func (n *net) asked() string { return n.pool.o.Names[n.pool.Pick(n.t.Context())] }

func TestAFrozenBackEndIsSetAsideAndComesBack(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.pass(3, "a", "b", "c")
	n.want("a", Good, "")
	n.pass(6, "b", "c")
	n.want("a", Good, "") // behind for less than LagTime
	n.pass(4, "b", "c")
	n.want("a", SetAside, Stale)
	if n.asked() != "b" {
		t.Errorf("%s is asked", n.asked())
	}
	n.nodes["a"].height = n.nodes["b"].height
	n.pass(9, "a", "b", "c")
	n.want("a", SetAside, Stale)
	n.nodes["a"].err = errors.New("away") // its probation begins again
	n.pass(1, "b", "c")
	n.nodes["a"].err, n.nodes["a"].height = nil, n.nodes["b"].height
	n.pass(10, "a", "b", "c")
	n.want("a", SetAside, Stale)
	n.pass(1, "a", "b", "c")
	n.want("a", Good, "")
	if n.asked() != "b" {
		t.Error("the one that is asked changes although it is good")
	}
}

func TestHeightGoesBackWithoutAReorganisation(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(3, "a", "b")
	n.nodes["a"].height--
	n.pass(1)
	n.want("a", SetAside, WentBack)
	n.want("b", Good, "")
}

func TestAReorganisationIsNoFault(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(3, "a", "b")
	for _, f := range n.nodes { // both leave a block, onto a shorter branch
		f.branch, f.from = 1, f.height-1
		f.height--
	}
	n.pass(8, "a", "b")
	n.want("a", Good, "")
	n.want("b", Good, "")
}

func TestAnotherBranchThanMost(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.pass(3, "a", "b", "c")
	n.nodes["c"].branch, n.nodes["c"].from = 7, 100
	n.pass(4, "a", "b", "c")
	n.want("c", Good, "") // it may be a reorganisation under way
	n.pass(7, "a", "b", "c")
	n.want("c", SetAside, Contradicts)
	n.want("a", Good, "")
	if n.pool.Split() {
		t.Error("split although two agree")
	}
}

func TestTwoBackEndsThatContradict(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(3, "a", "b")
	n.nodes["b"].branch, n.nodes["b"].from = 7, 100
	n.pass(4, "a", "b")
	if n.pool.Split() {
		t.Error("split at once")
	}
	n.pass(8, "a", "b")
	if !n.pool.Split() {
		t.Error("not split")
	}
	n.nodes["b"].branch = 0
	n.pass(1, "a", "b")
	if n.pool.Split() {
		t.Error("still split")
	}
}

func TestAnInventedHeightMakesNobodyStale(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.pass(3, "a", "b", "c")
	n.nodes["c"].height += 1000
	n.pass(8, "a", "b", "c")
	n.want("a", Good, "")
	n.want("b", Good, "")
	n.want("c", SetAside, Ahead)
}

func TestWrongChainAndSilence(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(1, "a", "b")
	n.nodes["a"].err = fmt.Errorf("x: %w", adapters.ErrWrongChain)
	n.nodes["b"].err = errors.New("refused")
	n.pass(1)
	n.want("a", SetAside, WrongChain)
	n.want("b", Unreachable, NoAnswer)
	if n.asked() != "b" {
		t.Error("a node of another chain is asked")
	}
	n.nodes["b"].err = nil
	n.pass(1)
	n.want("b", Good, "")
	if got := n.pool.Usable(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("usable: %v", got)
	}
}

func TestAnAccusedBackEndIsOnProbation(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(1, "a", "b")
	n.pool.Accuse("a", Lied, "logs")
	n.pool.Accuse("nobody", Lied, "")
	n.want("a", SetAside, Lied)
	n.pool.Failed(0, errors.New("away"))
	n.want("a", SetAside, Lied)
	n.pass(10, "a", "b")
	n.want("a", SetAside, Lied)
	n.pass(1, "a", "b")
	n.want("a", Good, "")
}

// A single back end has nobody to contradict it, and is always asked.
func TestASingleBackEndIsAlwaysAsked(t *testing.T) {
	n := newNet(t, "a")
	n.pool.Accuse("a", Lied, "x")
	n.pass(1)
	if n.asked() != "a" || n.pool.Split() {
		t.Error("not asked")
	}
}

func TestAPinHoldsAndIsOfOnePool(t *testing.T) {
	n, other := newNet(t, "a", "b"), newNet(t, "b", "a")
	ctx := n.pool.Pin(t.Context(), "b")
	if n.pool.Pick(ctx) != 1 || other.pool.Pick(ctx) != 0 {
		t.Error("the pin does not hold, or holds for another pool")
	}
	if stay, name := n.pool.Stay(ctx); name != "b" || n.pool.Pick(stay) != 1 {
		t.Error("Stay leaves the pin")
	}
	n.pool.Failed(1, errors.New("away"))
	if n.pool.Pick(ctx) != 1 {
		t.Error("a pinned question goes elsewhere")
	}
}

var errNo, errMaybe = errors.New("no"), errors.New("no answer")

func rankOf(err error) Answer {
	switch {
	case err == nil:
		return Taken
	case errors.Is(err, errMaybe):
		return NoAnswerTo
	}
	return Definite
}

func TestABroadcastFailsOnlyWhereAllRefuse(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := newNet(t, "a", "b", "c")
		n.pass(1)
		says := make([]error, 3)
		for i := range says {
			says[i] = rapid.SampledFrom([]error{nil, errNo, errMaybe}).Draw(r, "says")
		}
		got := n.pool.Send(t.Context(), func(ctx context.Context) error { return says[n.pool.Pick(ctx)] }, rankOf)
		switch {
		case slices.Contains(says, nil) && got != nil,
			!slices.Contains(says, nil) && slices.Contains(says, errMaybe) && !errors.Is(got, errMaybe):
			r.Fatalf("%v is told as %v", says, got)
		}
	})
}

func TestABroadcastGoesToTheGoodOnes(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.pass(1)
	n.pool.Accuse("b", Lied, "x")
	var seen [3]atomic.Bool
	send := func(ctx context.Context) error { seen[n.pool.Pick(ctx)].Store(true); return nil }
	if err := n.pool.Send(t.Context(), send, rankOf); err != nil {
		t.Error(err)
	}
	n.pool.sends.Wait()
	if !seen[0].Load() || seen[1].Load() || !seen[2].Load() {
		t.Errorf("sent to %v %v %v", seen[0].Load(), seen[1].Load(), seen[2].Load())
	}
	for i := range seen {
		seen[i].Store(false)
	}
	if err := n.pool.Send(n.pool.Pin(t.Context(), "b"), send, rankOf); err != nil {
		t.Error(err)
	}
	n.pool.Close()
	if seen[0].Load() || !seen[1].Load() || seen[2].Load() {
		t.Errorf("pinned, sent to %v %v %v", seen[0].Load(), seen[1].Load(), seen[2].Load())
	}
}

func TestTransportAsksThePickedBackEnd(t *testing.T) {
	n := newNet(t, "a", "b")
	transport := &Transport{Pool: n.pool, Base: http.DefaultTransport}
	for _, name := range []string{"a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, _, _ := r.BasicAuth()
			w.Header().Set("By", name+user)
		}))
		t.Cleanup(s.Close)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("-user", "x")
		transport.URLs = append(transport.URLs, u)
	}
	by := func() string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://nowhere/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(r)
		if err != nil {
			return err.Error()
		}
		_ = answer.Body.Close()
		return answer.Header.Get("By")
	}
	if got := by(); got != "a-user" {
		t.Errorf("answered by %s", got)
	}
	transport.URLs[0].Host = "127.0.0.1:1"
	by()
	n.want("a", Unreachable, NoAnswer)
	if got := by(); got != "b-user" {
		t.Errorf("then by %s", got)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	good := newNet(t, "a").pool.o
	for _, spoil := range []func(*Options){
		func(o *Options) { o.Names = nil }, func(o *Options) { o.Names = []string{"a", "a"} }, func(o *Options) { o.Log = nil },
		func(o *Options) { o.Now = nil }, func(o *Options) { o.Interval = -1 }, func(o *Options) { o.Timeout = -1 },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
