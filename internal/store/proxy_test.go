//go:build e2e

package store_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// fault is what a proxy does to a COMMIT.
type fault int32

const (
	pass fault = iota
	// loseCommit cuts both sides before the server has seen the COMMIT.
	loseCommit
	// loseReply cuts both sides after the server has answered it.
	loseReply
	// delayCommit cuts the client at once; the server receives the COMMIT when
	// the test says so.
	delayCommit
	// holdServer cuts the client at once and leaves the server waiting for a
	// COMMIT that never comes.
	holdServer
)

// proxy stands between the store and PostgreSQL and knows enough of the
// protocol to see a COMMIT pass.
type proxy struct {
	t       testing.TB
	backend string
	listen  net.Listener
	next    atomic.Int32 // fault of the next COMMIT
	stays   atomic.Bool  // ... and of all that follow
	commits atomic.Int32
	deliver chan struct{} // lets a delayed COMMIT go on
	over    chan struct{} // the test has ended

	mu    sync.Mutex
	conns []net.Conn
	work  sync.WaitGroup
}

func newProxy(t testing.TB, backend string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{t: t, backend: backend, listen: l, deliver: make(chan struct{}), over: make(chan struct{})}
	p.work.Add(1)
	go p.accept()
	t.Cleanup(func() {
		close(p.over)
		_ = l.Close()
		p.cutAll()
		p.work.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listen.Addr().String() }

// arm sets the fault of the next COMMIT.
func (p *proxy) arm(f fault) { p.next.Store(int32(f)) }

// cutAll closes every connection.
func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) await() {
	select {
	case <-p.deliver:
	case <-p.over:
	}
}

func (p *proxy) accept() {
	defer p.work.Done()
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.backend)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		link := &link{proxy: p, client: client, server: server}
		p.work.Add(2)
		go link.requests()
		go link.replies()
	}
}

type link struct {
	proxy          *proxy
	client, server net.Conn
	mute           atomic.Bool // the server's replies are lost
}

func (l *link) cut() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// requests carries messages to the server and applies the fault to a COMMIT.
func (l *link) requests() {
	defer l.proxy.work.Done()
	defer l.cut()
	for first := true; ; first = false {
		message, err := readMessage(l.client, first)
		if err != nil {
			return
		}
		if !bytes.EqualFold(message, []byte("Q\x00\x00\x00\x0bcommit\x00")) {
			if _, err := l.server.Write(message); err != nil {
				return
			}
			continue
		}
		l.proxy.commits.Add(1)
		f := fault(l.proxy.next.Load())
		if !l.proxy.stays.Load() {
			l.proxy.next.Store(int32(pass))
		}
		switch f {
		case loseCommit:
			return
		case holdServer:
			_ = l.client.Close()
			_, _ = io.Copy(io.Discard, l.server) // until the server gives up
			return
		case delayCommit:
			_ = l.client.Close()
			l.proxy.await()
		case loseReply:
			l.mute.Store(true)
		case pass:
		}
		if _, err := l.server.Write(message); err != nil {
			return
		}
		if f == delayCommit {
			l.proxy.await()
			return
		}
	}
}

// replies carries what the server says.
func (l *link) replies() {
	defer l.proxy.work.Done()
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buffer)
		if n > 0 && l.mute.Load() {
			l.cut() // the server has answered, so it has written
			return
		}
		if n > 0 {
			// A client that was cut away does not end the server's side.
			_, _ = l.client.Write(buffer[:n])
		}
		if err != nil {
			_ = l.client.Close()
			return
		}
	}
}

// readMessage reads one message of a client; the first has no type.
func readMessage(r io.Reader, first bool) ([]byte, error) {
	head := 5
	if first {
		head = 4
	}
	message := make([]byte, head)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(message[head-4:])) - 4
	message = append(message, make([]byte, size)...)
	_, err := io.ReadFull(r, message[head:])
	return message, err
}
