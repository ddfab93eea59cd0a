package bitcoin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/btcsuite/btcd/rpcclient"
)

// proxy stands between an adapter and its node.
type proxy struct {
	url     string
	genesis atomic.Pointer[string] // answered in place of the node's
	down    atomic.Bool
	without atomic.Pointer[string] // a method that the node does not have

	mu     sync.Mutex
	bodies strings.Builder
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || p.down.Load() {
			panic(http.ErrAbortHandler)
		}
		p.mu.Lock()
		p.bodies.Write(body)
		p.mu.Unlock()
		if gone := p.without.Load(); gone != nil && bytes.Contains(body, fmt.Appendf(nil, "%q", *gone)) {
			_, _ = io.WriteString(w, `{"result":null,"error":{"code":-5,"message":"not here"},"id":1}`)
			return
		}
		if fake := p.genesis.Load(); fake != nil && asksGenesis(body) {
			if err := json.NewEncoder(w).Encode(map[string]any{"result": *fake, "error": nil, "id": 1}); err != nil {
				t.Error(err)
			}
			return
		}
		forward, err := http.NewRequestWithContext(r.Context(), r.Method, target, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		forward.Header = r.Header.Clone()
		response, err := client.Do(forward)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer func() { _ = response.Body.Close() }()
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func asksGenesis(body []byte) bool {
	var call struct {
		Method string `json:"method"`
		Params []any  `json:"params"`
	}
	return json.Unmarshal(body, &call) == nil && call.Method == "getblockhash" && call.Params[0] == 0.0
}

// sent reports whether the text was part of anything that went to the node.
func (p *proxy) sent(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.bodies.String(), text)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// rpcOf is btcd's own client.
func rpcOf(t *testing.T, k *kit) *rpcclient.Client {
	t.Helper()
	client, err := rpcclient.New(&rpcclient.ConnConfig{
		Host: k.Chain.Addr(), User: k.user, Pass: k.password, HTTPPostMode: true, DisableTLS: true,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Shutdown(); client.WaitForShutdown() })
	return client
}
