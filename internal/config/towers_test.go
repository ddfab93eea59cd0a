package config

import (
	"slices"
	"strings"
	"testing"
)

var someParty = strings.Repeat("5a", 32)

func TestMistakesInTowers(t *testing.T) {
	for _, c := range []struct {
		text, reason, key string
		line              int
	}{
		{"towers:\n  required: 1", ReasonConflict, "towers.required", 2},
		{"towers:\n  list: [{name: a, address: 'x:1', party: ab}]", ReasonBadValue, "towers.list[0].party", 2},
		{"towers:\n  list: [{name: a, address: x, party: " + someParty + "}]", ReasonBadValue, "towers.list[0].address", 2},
		{"towers:\n  list: [{name: A, address: 'x:1', party: " + someParty + "}]", ReasonBadValue, "towers.list[0].name", 2},
		{"tower:\n  longest: 1s", ReasonBadValue, "tower.longest", 2},
		{"tower:\n  packages: -1", ReasonBadValue, "tower.packages", 2},
		{"tower:\n  owners: [{party: ab, packages: 1}]", ReasonBadValue, "tower.owners[0].party", 2},
		{"tower:\n  owners: [{party: " + someParty + "}]", ReasonBadValue, "tower.owners[0].packages", 2},
		{"roles: [engine]", ReasonBadValue, "roles", 1},
		{"roles: [tower]\n" + goodChain, ReasonMissing, "peer.listen", 0},
		{"roles: [tower]\npeer:\n  listen: ':1'\n" + goodChain, ReasonMissing, "tower.owners", 0},
	} {
		got := problemsOf(t, c.text)
		if !slices.ContainsFunc(got, func(p Problem) bool {
			return p.Reason == c.reason && p.Key == c.key && p.Line == c.line && p.Text != ""
		}) {
			t.Errorf("want %s of %s in line %d, got %+v for\n%s", c.reason, c.key, c.line, got, c.text)
		}
	}
}
