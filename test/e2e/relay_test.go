//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// relay stands between one party and a chain's node. It can be turned to
// another node, and can lose transactions on the way.
type relay struct {
	url, right string

	mu      sync.Mutex
	target  string
	losing  string // a text; requests that contain it get lost
	lost    int
	foreign bytes.Buffer // what went to another node than the right one
}

// behindRelay puts a relay between a party and its node of a chain, and
// starts the party again.
func (p *party) behindRelay(ctx context.Context, chain string) *relay {
	p.t.Helper()
	setting := &p.set.Ethereum
	if chain == bitcoinChain {
		setting = &p.set.Bitcoin
	}
	r := newRelay(p.t, *setting)
	*setting = r.url
	p.restart(ctx)
	return r
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	r := &relay{right: target, target: target}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// turn leads all that comes from now on to another node.
func (r *relay) turn(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// lose begins the loss of Ethereum transactions with a text in their request,
// each of which the sender believes to have arrived. An empty one ends it.
func (r *relay) lose(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losing = text
}

func (r *relay) losses() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// abroad is every request that another node than the right one has got.
func (r *relay) abroad() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.foreign.Bytes())
}

func (r *relay) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	target, lost := r.way(body)
	if lost {
		out.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":"0x%064x"}`, idOf(body), 0)
		return
	}
	request, err := http.NewRequestWithContext(in.Context(), in.Method, target, bytes.NewReader(body))
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	request.Header = in.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	maps.Copy(out.Header(), answer.Header)
	out.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(out, answer.Body)
}

// way says where a request goes, or that it gets lost.
func (r *relay) way(body []byte) (target string, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target != r.right {
		r.foreign.Write(body)
	}
	if r.losing != "" && bytes.Contains(body, []byte("eth_sendRawTransaction")) && bytes.Contains(body, []byte(r.losing)) {
		r.lost++
		return "", true
	}
	return r.target, false
}

// idOf is the id of a request that stands alone.
func idOf(body []byte) string {
	_, rest, _ := bytes.Cut(body, []byte(`"id":`))
	id, _, _ := bytes.Cut(rest, []byte(","))
	return string(id)
}
