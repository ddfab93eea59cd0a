package peer

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// source is the network that an address counts for: the address itself, of
// IPv6 its /64, since a single host has a whole one.
func source(addr net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{} // all strange addresses share one
	}
	ip := ap.Addr().Unmap()
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// rates is a token bucket for each source, for a bounded number of sources.
type rates struct {
	mu      sync.Mutex
	limit   rate.Limit
	burst   int
	max     int
	now     func() time.Time
	buckets map[netip.Prefix]*rate.Limiter
}

func newRates(l Limits, now func() time.Time) *rates {
	return &rates{
		limit: rate.Every(l.CallEvery), burst: l.CallBurst, max: l.Sources, now: now,
		buckets: map[netip.Prefix]*rate.Limiter{},
	}
}

// allow takes a token of the source. Where there is no room for another
// source, those at rest are forgotten: a full bucket is as good as a new one.
func (r *rates) allow(from netip.Prefix) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	b, ok := r.buckets[from]
	if !ok {
		if len(r.buckets) >= r.max {
			r.sweep(now)
		}
		if len(r.buckets) >= r.max {
			return false
		}
		b = rate.NewLimiter(r.limit, r.burst)
		r.buckets[from] = b
	}
	return b.AllowN(now, 1)
}

func (r *rates) sweep(now time.Time) {
	for from, b := range r.buckets {
		if b.TokensAt(now) >= float64(r.burst) {
			delete(r.buckets, from)
		}
	}
}

// listener bounds the connections, in all and from one source. What is over a
// bound is closed at once.
type listener struct {
	net.Listener
	limits Limits
	mu     sync.Mutex
	total  int
	from   map[netip.Prefix]int
}

func newListener(l net.Listener, limits Limits) *listener {
	return &listener{Listener: l, limits: limits, from: map[netip.Prefix]int{}}
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := source(conn.RemoteAddr())
		if l.enter(from) {
			return &bounded{Conn: conn, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = conn.Close() // a refused connection has nothing to lose
	}
}

func (l *listener) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.limits.Connections || l.from[from] >= l.limits.ConnectionsEach {
		return false
	}
	l.total++
	l.from[from]++
	return true
}

func (l *listener) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
}

type bounded struct {
	net.Conn
	leave func()
}

func (b *bounded) Close() error {
	b.leave()
	return b.Conn.Close()
}

// slots bounds the calls at work.
type slots chan struct{}

// take waits for a slot, at most until ctx ends.
func (s slots) take(ctx context.Context) bool {
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s slots) give() { <-s }
