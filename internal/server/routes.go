package server

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kofo-network/kofo/internal/server/gateway"
)

// route is a path of REST and what it answers to.
type route struct {
	path    *regexp.Regexp
	literal int // length of what is no parameter
	methods []string
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// routes are those of the OpenAPI document, the more telling ones first:
// /v1/swaps/{id} matches what /v1/swaps/{id}:refund is meant for, too.
var routes = sync.OnceValue(func() []route {
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(gateway.OpenAPI, &doc); err != nil {
		return nil // a test reads the document; here a poorer answer is no harm
	}
	var out []route
	for path, methods := range doc.Paths {
		r := route{}
		parts := parameter.Split(path, -1)
		for i, part := range parts {
			r.literal += len(part)
			parts[i] = regexp.QuoteMeta(part)
		}
		r.path = regexp.MustCompile("^" + strings.Join(parts, "[^/]+") + "$")
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			r.methods = append(r.methods, strings.ToUpper(method))
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b route) int {
		return cmp.Or(cmp.Compare(b.literal, a.literal), cmp.Compare(a.path.String(), b.path.String()))
	})
	return out
})

// methodsOf are the methods that a path answers to, none where it does not exist.
func methodsOf(path string) []string {
	for _, r := range routes() {
		if r.path.MatchString(path) {
			return r.methods
		}
	}
	return nil
}
