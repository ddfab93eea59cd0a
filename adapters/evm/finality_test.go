package evm_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

// tagServer passes everything on, and answers questions for a tag by itself.
func tagServer(t *testing.T, target string, answer *string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			t.Error(err)
		}
		out.Header().Set("Content-Type", "application/json")
		if *answer != "" && (strings.Contains(string(body), `"finalized"`) || strings.Contains(string(body), `"safe"`)) {
			_, id, _ := bytes.Cut(body, []byte(`"id":`))
			id, _, _ = bytes.Cut(id, []byte(`,`))
			_, _ = io.WriteString(out, `{"jsonrpc":"2.0","id":`+string(id)+`,`+*answer+`}`)
			return
		}
		request, err := http.NewRequestWithContext(in.Context(), http.MethodPost, target, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		request.Header.Set("Content-Type", "application/json")
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = reply.Body.Close() }()
		_, _ = io.Copy(out, reply.Body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The tags of the chain's consensus are told where the node serves them, and "not served" is told apart from a
// node that does not answer.
func TestFinalized(t *testing.T) {
	answer := ""
	k := newKitAt(t, func(c *evmtest.Chain) string { return tagServer(t, c.URL, &answer) })
	for range 70 {
		k.Commit()
	}
	tip := k.tip(k.payee).Height
	for name, ask := range map[string]func() (uint64, bool, error){
		"finalized": func() (uint64, bool, error) { return k.payee.Finalized(k.Context()) },
		"safe":      func() (uint64, bool, error) { return k.payee.Safe(k.Context()) },
	} {
		answer = ""
		height, ok, err := ask()
		if err != nil || !ok || height == 0 || height > tip {
			t.Errorf("%s: %d %t %v, tip %d", name, height, ok, err, tip)
		}
		for _, none := range []string{
			`"result":null`,
			`"error":{"code":-39001,"message":"Unknown block"}`,
			`"error":{"code":-32602,"message":"invalid argument 0: hex string without 0x prefix"}`,
			`"error":{"code":-32000,"message":"finalized block not found"}`,
		} {
			answer = none
			if _, ok, err := ask(); err != nil || ok {
				t.Errorf("%s with %s: %t %v", name, none, ok, err)
			}
		}
		answer = `"error":{"code":-32005,"message":"too many requests"}`
		if _, ok, err := ask(); ok || !errors.Is(err, adapters.ErrUnreachable) {
			t.Errorf("%s from a busy node: %t %v", name, ok, err)
		}
	}
}

// A chain that has finalized nothing says block 0, which is no finality.
func TestFinalizedEarly(t *testing.T) {
	k := newKit(t)
	height, ok, err := k.payee.Finalized(k.Context())
	if err != nil || ok != (height > 0) {
		t.Fatalf("%d %t %v", height, ok, err)
	}
}
