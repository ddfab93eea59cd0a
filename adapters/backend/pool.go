package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

// State of a back end.
type State uint8

// The states. Unknown is only before the first answer.
const (
	Unknown State = iota
	Good
	Unreachable
	SetAside
)

func (s State) String() string {
	return [...]string{"unknown", "good", "unreachable", "set aside"}[min(s, SetAside)]
}

// Reason why a back end is not good. It stays the same over versions.
type Reason string

// The reasons.
const (
	NoAnswer    Reason = "BACKEND_UNREACHABLE"
	WrongChain  Reason = "WRONG_CHAIN"
	Stale       Reason = "BACKEND_STALE"
	Ahead       Reason = "BACKEND_AHEAD"
	WentBack    Reason = "BACKEND_WENT_BACK"
	Contradicts Reason = "BACKEND_CONTRADICTS"
	Lied        Reason = "BACKEND_LIED"
)

// Head is the best block of a back end.
type Head struct {
	Height uint64
	Hash   adapters.Hash
}

// Prober asks the back end to which the context is pinned.
type Prober interface {
	// Head also makes sure of the chain: adapters.ErrWrongChain.
	Head(ctx context.Context) (Head, error)
	// HashAt is the best chain's block at a height; false above its tip.
	HashAt(ctx context.Context, height uint64) (adapters.Hash, bool, error)
	// Chain shows the best chain's blocks from one height to another: each read by
	// its hash and naming the one before, the last one as a whole. It fails where
	// one is not shown.
	Chain(ctx context.Context, from, to uint64) ([]adapters.Hash, Evidence, error)
}

// Options of a Pool.
type Options struct {
	// Names of the back ends, each once; the first is asked first.
	Names []string
	Limits
	Now func() time.Time
	Log *slog.Logger
}

// Limits of what is tolerated. Zero values take the defaults.
type Limits struct {
	// MaxLag is how many blocks one may be behind the others, and how deep all
	// have settled.
	MaxLag uint64
	// LagTime is how long it may be so before it counts.
	LagTime time.Duration
	// Probation is how long one that was set aside must agree before it is good.
	Probation time.Duration
	// Interval between two rounds of questions, and the bound of one.
	Interval, Timeout time.Duration
}

// Defaults of Limits.
const (
	DefaultMaxLag    = 3
	DefaultLagTime   = time.Minute
	DefaultProbation = 10 * time.Minute
	DefaultInterval  = time.Second
	DefaultTimeout   = 10 * time.Second
)

func (l *Limits) fill() {
	if l.MaxLag == 0 {
		l.MaxLag = DefaultMaxLag
	}
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&l.LagTime, DefaultLagTime}, {&l.Probation, DefaultProbation}, {&l.Interval, DefaultInterval}, {&l.Timeout, DefaultTimeout}} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
}

// Health is what is known of a back end.
type Health struct {
	Name    string
	State   State
	Reason  Reason // empty while it is good
	Detail  string
	Since   time.Time // of the state and its reason
	Head    Head
	Latency time.Duration
	Asked   bool // reads go to it now
	// Broadcasts since the start.
	Broadcasts Broadcasts
}

// Pool of the back ends of one chain. It may be used by many goroutines.
type Pool struct {
	o Options

	mu      sync.Mutex
	members []member
	current int
	split   time.Time // since when no two agree; zero where some do
	closed  bool

	// sends are broadcasts under way, each with its end by its number.
	sends   sync.WaitGroup
	ends    map[uint64]context.CancelFunc
	started uint64
}

// member is a back end in the pool.
type member struct {
	Health
	faultSince time.Time // of a fault that is not old enough to count
	fault      Reason
	goodSince  time.Time // of the agreement that ends a probation
	shown      branch    // the last head in dispute whose blocks it showed
	leads      map[int]lead
	sending    int       // broadcasts that it has not answered yet
	grown      time.Time // when its height last rose
}

// ErrConfig is returned by New for options that cannot work.
var ErrConfig = errors.New("backend: bad configuration")

// New makes a pool of which nothing is known yet.
func New(o Options) (*Pool, error) {
	o.fill()
	if len(o.Names) == 0 || o.Now == nil || o.Log == nil || o.Interval < 0 || o.Timeout < 0 {
		return nil, fmt.Errorf("%w: names, clock and log are required, and times are not negative", ErrConfig)
	}
	p := newPool(o)
	for i, name := range o.Names {
		if slices.Contains(o.Names[:i], name) {
			return nil, fmt.Errorf("%w: back end %s stands twice", ErrConfig, name)
		}
		p.members = append(p.members, member{Health: Health{Name: name, Since: o.Now()}})
	}
	return p, nil
}

func newPool(o Options) *Pool {
	return &Pool{o: o, ends: map[uint64]context.CancelFunc{}}
}

// Single is the pool of one back end.
func Single(name string, limits Limits, log *slog.Logger) *Pool {
	p := newPool(Options{Names: []string{name}, Limits: limits, Now: time.Now, Log: log})
	p.o.fill()
	p.members = []member{{Health: Health{Name: name, Since: time.Now()}}}
	return p
}

// Size is how many back ends are configured.
func (p *Pool) Size() int { return len(p.members) }

// pinKey finds a pool's pin in a context.
type pinKey struct{ pool *Pool }

// Pin sends everything that is asked with the context to one back end.
func (p *Pool) Pin(ctx context.Context, name string) context.Context {
	for i := range p.members {
		if p.members[i].Name == name {
			return context.WithValue(ctx, pinKey{p}, i)
		}
	}
	return ctx
}

// Stay pins a context that is not pinned yet to the back end that is asked
// now, so that answers which belong together come from one.
func (p *Pool) Stay(ctx context.Context) (context.Context, string) {
	i := p.Pick(ctx)
	return context.WithValue(ctx, pinKey{p}, i), p.members[i].Name
}

// Pick is the index, in the order of Options.Names, of the back end to ask.
func (p *Pool) Pick(ctx context.Context) int {
	if i, ok := ctx.Value(pinKey{p}).(int); ok {
		return i
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	best := p.current
	for i := range p.members {
		if rank(p.members[i].Health) < rank(p.members[best].Health) {
			best = i
		}
	}
	if best != p.current {
		p.o.Log.Warn("another back end is asked", "from", p.members[p.current].Name, "to", p.members[best].Name,
			"reason", string(p.members[p.current].Reason))
		p.current = best
	}
	return best
}

// rank orders back ends by how much worse than good they are.
func rank(h Health) int {
	switch {
	case h.State == Good:
		return 0
	case h.State == Unknown:
		return 1
	case h.Reason == Stale || h.Reason == WentBack:
		return 2 // old, but true
	case h.State == Unreachable:
		return 3
	case h.Reason == WrongChain:
		return 5
	}
	return 4
}

// Usable are the names of the back ends that are good.
func (p *Pool) Usable() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for i := range p.members {
		if p.members[i].State == Good {
			out = append(out, p.members[i].Name)
		}
	}
	return out
}

// Health of every back end, in the order of Options.Names.
func (p *Pool) Health() []Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Health, len(p.members))
	for i := range p.members {
		out[i] = p.members[i].Health
		out[i].Asked = i == p.current
	}
	return out
}

// Split reports whether several back ends answer and no two have agreed for
// LagTime.
func (p *Pool) Split() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.split.IsZero() && p.o.Now().Sub(p.split) >= p.o.LagTime
}

// Failed notes that a back end gave no answer.
func (p *Pool) Failed(i int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := &p.members[i]; m.State != SetAside {
		p.become(m, Unreachable, NoAnswer, err.Error())
	}
}

// Accuse sets a back end aside whose answer was proved to be false.
func (p *Pool) Accuse(name string, reason Reason, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.members {
		if m := &p.members[i]; m.Name == name {
			p.become(m, SetAside, reason, detail)
			m.goodSince = time.Time{}
		}
	}
}

// Contradicted sets a back end aside that contradicts most of the others.
func (p *Pool) Contradicted(name, detail string) { p.Accuse(name, Contradicts, detail) }

// become changes a member's state; the caller holds the lock.
func (p *Pool) become(m *member, state State, reason Reason, detail string) {
	m.Detail = detail
	if m.State == state && m.Reason == reason {
		return
	}
	tell := p.o.Log.Warn
	if state == Good {
		tell = p.o.Log.Info
	}
	tell("back end", "name", m.Name, "state", state.String(), "reason", string(reason), "detail", detail)
	m.State, m.Reason, m.Since = state, reason, p.o.Now()
}
