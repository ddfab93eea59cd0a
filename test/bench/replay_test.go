package bench

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// replay stands between an adapter and a node and gives every answer a second
// time by itself, so that a benchmark counts the adapter's work and the way
// over the network, not the node's.
type replay struct {
	node string

	mu    sync.Mutex
	known map[string]json.RawMessage // result by method and parameters
}

type call struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
}

func newReplay(b *testing.B, node string) string {
	b.Helper()
	r := &replay{node: node, known: map[string]json.RawMessage{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if err := r.serve(w, request); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	}))
	b.Cleanup(server.Close)
	return server.URL
}

func (r *replay) serve(w http.ResponseWriter, request *http.Request) error {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return err
	}
	batch := bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
	calls := make([]call, 1)
	if batch {
		err = json.Unmarshal(body, &calls)
	} else {
		err = json.Unmarshal(body, &calls[0])
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	for i, c := range calls {
		result, err := r.result(c)
		if err != nil {
			return err
		}
		parts := [][]byte{[]byte(`{"jsonrpc":"2.0","id":`), c.ID, []byte(`,"result":`), result, []byte("}")}
		if batch {
			parts = append([][]byte{{"[,"[min(i, 1)]}}, parts...)
		}
		for _, part := range parts {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
	}
	if batch {
		_, err = w.Write([]byte("]"))
	}
	return err
}

func (r *replay) result(c call) (json.RawMessage, error) {
	key := c.Method + string(c.Params)
	r.mu.Lock()
	result, ok := r.known[key]
	r.mu.Unlock()
	if ok {
		return result, nil
	}
	body, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	response, err := http.Post(r.node, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var a struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.known[key] = a.Result
	r.mu.Unlock()
	return a.Result, nil
}
