// Package liar stands between a node of ours and a chain's node, and tells it
// lies of one kind at a time. It is for tests: what lies here is what a back
// end that is broken, stale or bought would say.
package liar

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Lie is a kind of false answer.
type Lie int

// The lies. Heights are as of when the lie began.
const (
	None         Lie = iota
	StaleHead        // the chain has ended
	WentBack         // the chain has ended, a block ago
	EmptyLogs        // EVM: no logs; Bitcoin: blocks without their transactions
	FalseReceipt     // EVM: every receipt tells the other outcome
	FalseState       // nothing is locked: no storage, no unspent outputs
	Swallow          // every transaction is taken, and goes nowhere
	Invented         // the chain is longer by blocks that it does not show
)

// invented is by how many blocks.
const invented = 1000

// blocksBack is how far WentBack goes.
const blocksBack = 1

// Liar is a proxy for JSON-RPC over HTTP.
type Liar struct {
	URL    string
	target string
	server *http.Server
	client *http.Client

	mu   sync.Mutex
	lie  Lie
	head uint64
	tip  string // Bitcoin: the hash at head
	told int
}

// Start begins with the truth. Close ends it.
func Start(ctx context.Context, target string) (*Liar, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l := &Liar{
		URL: "http://" + listener.Addr().String(), target: target,
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = l.server.Serve(listener) }() // ends with Close
	return l, nil
}

// Close ends the proxy.
func (l *Liar) Close() error { return l.server.Close() }

// Tell begins a lie. The height at which the chain stands is the caller's to
// say, with the hash that Bitcoin's tools print; others leave it empty.
func (l *Liar) Tell(lie Lie, height uint64, hashAt func(uint64) string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lie, l.head, l.told = lie, height, 0
	if lie == WentBack {
		l.head -= min(height, blocksBack)
	}
	if hashAt != nil {
		l.tip = hashAt(l.head)
	}
}

// Told is how many false answers were given since Tell.
func (l *Liar) Told() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

// call is one question.
type call struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params []any           `json:"params"`
	V      string          `json:"jsonrpc,omitempty"`
}

// answer is one answer; its fields are what both dialects have.
type answer struct {
	V      string          `json:"jsonrpc,omitempty"`
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error,omitempty"`
}

// ServeHTTP answers one request, which may be a batch.
func (l *Liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 32<<20))
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var out any
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		var calls []call
		if json.Unmarshal(body, &calls) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answers := make([]answer, len(calls))
		for i, c := range calls {
			if answers[i], err = l.one(r, c); err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
		}
		out = answers
	} else {
		var c call
		if json.Unmarshal(body, &c) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if out, err = l.one(r, c); err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// one asks the node, with the question or the answer changed.
func (l *Liar) one(r *http.Request, c call) (answer, error) {
	l.mu.Lock()
	lie, head, tip := l.lie, l.head, l.tip
	l.mu.Unlock()
	sent, early := l.bend(lie, head, c)
	if early != nil {
		l.count()
		return answer{V: c.V, ID: c.ID, Result: early.Result, Error: early.Error}, nil
	}
	a, err := l.ask(r, sent)
	if err != nil {
		return answer{}, err
	}
	if changed := twist(lie, head, tip, c, a.Result); changed != nil {
		l.count()
		a.Result, a.Error = changed, nil
	}
	return a, nil
}

func (l *Liar) count() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told++
}

func (l *Liar) ask(r *http.Request, c call) (answer, error) {
	if c.Params == nil {
		c.Params = []any{}
	}
	body, err := json.Marshal(c)
	if err != nil {
		return answer{}, err
	}
	forward, err := http.NewRequestWithContext(r.Context(), http.MethodPost, l.target, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	forward.Header = r.Header.Clone()
	forward.Header.Del("Accept-Encoding") // the client unpacks what it asked for itself
	response, err := l.client.Do(forward)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	var a answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return answer{}, fmt.Errorf("the node's answer: %w", err)
	}
	return a, nil
}
