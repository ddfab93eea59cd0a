package server

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

func TestMethodsOfPaths(t *testing.T) {
	for path, want := range map[string][]string{
		"/v1/quotes": {"POST"}, "/v1/tokens": {"GET", "POST"}, "/v1/swaps/ab": {"GET"}, "/v1/swaps/ab:refund": {"POST"},
		"/v1/chains/eip155:1337": {"GET"}, "/v1/chains/eip155:1337:resume": {"POST"}, "/v1/nothing": nil, "/v1/swaps/ab/cd": nil,
	} {
		if got := methodsOf(path); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// A method that a path has not is answered with those that it has.
func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/v1/tokens", nil)
	noRoute(t.Context(), newMux(), &runtime.JSONPb{}, w, r, http.StatusMethodNotAllowed)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, POST" ||
		!strings.Contains(w.Body.String(), "DELETE is no method of /v1/tokens, which has GET, POST") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
