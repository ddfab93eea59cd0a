package conformance

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// endpoint forwards connections to a node, or to whatever a case needs in its
// place. It is adaptertest.Endpoint.
type endpoint struct {
	listener net.Listener
	node     string // host:port
	other    string

	wg   sync.WaitGroup
	mu   sync.Mutex
	gone sync.Cond // a connection has ended
	mode mode
	live map[*net.TCPConn]net.Conn // of adapters; to the node, or nil
	sent bytes.Buffer
}

type mode int

const (
	direct mode = iota
	cut
	stalled
	misled
)

// maxSent bounds what is remembered between two calls of Sent.
const maxSent = 64 << 20

// newEndpoint stands between adapters and the node at the URL; other is a node
// of another chain.
func newEndpoint(t *testing.T, node, other string) *endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{listener: l, node: hostOf(t, node), other: hostOf(t, other), live: map[*net.TCPConn]net.Conn{}}
	e.gone.L = &e.mu
	e.wg.Go(e.accept)
	t.Cleanup(e.close)
	return e
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// URL that adapters are given.
func (e *endpoint) URL() string { return "http://" + e.listener.Addr().String() }

func (e *endpoint) accept() {
	for {
		conn, err := e.listener.Accept()
		if err != nil {
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			e.wg.Go(func() { e.serve(tcp) })
		}
	}
}

func (e *endpoint) serve(conn *net.TCPConn) {
	defer e.end(conn)
	to := e.admit(conn)
	var target string
	switch to {
	case cut:
		return
	case stalled:
		_, _ = io.Copy(recorder{e}, conn)
		return
	case misled:
		target = e.other
	case direct:
		target = e.node
	}
	back, err := net.Dial("tcp", target)
	if err != nil || !e.connected(conn, back, to) {
		return
	}
	e.wg.Go(func() {
		_, _ = io.Copy(conn, back)
		_ = conn.CloseWrite()
	})
	_, _ = io.Copy(io.MultiWriter(recorder{e}, back), conn)
}

// admit notes a new connection and where it leads.
func (e *endpoint) admit(conn *net.TCPConn) mode {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.live[conn] = nil
	return e.mode
}

// connected notes the way on; false where the endpoint turned meanwhile.
func (e *endpoint) connected(conn *net.TCPConn, back net.Conn, to mode) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mode != to {
		_ = back.Close()
		return false
	}
	e.live[conn] = back
	return true
}

func (e *endpoint) end(conn *net.TCPConn) {
	_ = conn.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	if back := e.live[conn]; back != nil {
		_ = back.Close()
	}
	delete(e.live, conn)
	e.gone.Broadcast()
}

// farewell bounds how long adapters are given to notice that a connection is
// over.
const farewell = 5 * time.Second

// turn leads elsewhere. It says on every connection that nothing more will
// come and waits until the adapters have closed them, so that none meets a
// dead one later.
func (e *endpoint) turn(to mode) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mode = to
	for conn, back := range e.live {
		if back != nil {
			_ = back.Close()
		}
		_ = conn.CloseWrite()
	}
	force := time.AfterFunc(farewell, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		for conn := range e.live {
			_ = conn.Close()
		}
	})
	defer force.Stop()
	for len(e.live) > 0 {
		e.gone.Wait()
	}
}

func (e *endpoint) close() {
	_ = e.listener.Close()
	e.turn(cut)
	e.wg.Wait()
}

// Restore leads to the chain again. Connections that lead there are kept.
func (e *endpoint) Restore() {
	e.mu.Lock()
	there := e.mode == direct
	e.mu.Unlock()
	if !there {
		e.turn(direct)
	}
}

// Cut ends all connections and takes none.
func (e *endpoint) Cut() { e.turn(cut) }

// Stall takes connections and requests and never answers.
func (e *endpoint) Stall() { e.turn(stalled) }

// Mislead leads to another chain.
func (e *endpoint) Mislead() { e.turn(misled) }

// Sent returns and forgets what the adapters have sent.
func (e *endpoint) Sent() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := bytes.Clone(e.sent.Bytes())
	e.sent.Reset()
	return out
}

// recorder keeps what passes.
type recorder struct{ e *endpoint }

func (r recorder) Write(p []byte) (int, error) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	if r.e.sent.Len() < maxSent {
		r.e.sent.Write(p)
	}
	return len(p), nil
}
