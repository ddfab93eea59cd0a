package demo

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// proxy stands between a node and its EVM endpoint. When armed, it calls
// onSend at the first transaction that the node hands over, before anything
// reaches the chain, and drops that request.
type proxy struct {
	server *http.Server
	url    string

	mu     sync.Mutex
	onSend func()
}

// maxRequest bounds what the proxy reads of one request.
const maxRequest = 4 << 20

func newProxy(target string) (*proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("endpoint of the chain: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{url: "http://" + listener.Addr().String()}
	forward := httputil.NewSingleHostReverseProxy(to)
	p.server = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			if bytes.Contains(body, []byte(`"eth_sendRawTransaction"`)) {
				if hook := p.disarm(); hook != nil {
					hook()
					http.Error(w, "the demo cut the line", http.StatusBadGateway)
					return
				}
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			forward.ServeHTTP(w, r)
		}),
	}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// arm sets what happens at the next transaction, once.
func (p *proxy) arm(hook func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onSend = hook
}

func (p *proxy) disarm() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	hook := p.onSend
	p.onSend = nil
	return hook
}

func (p *proxy) close() { _ = p.server.Close() }
