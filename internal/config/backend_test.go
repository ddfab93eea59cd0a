package config

import (
	"slices"
	"strings"
	"testing"
)

func TestMistakesAboutTrustInAChain(t *testing.T) {
	evm := strings.NewReplacer("kind: bitcoin", "kind: evm", "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:11155111").Replace(goodChain)
	for _, c := range []struct {
		text, reason, key string
		line              int
		suggest           string
	}{
		{goodChain + "    backends: [{url: 'ftp://x'}]", ReasonBadValue, "chains[0].backends[0].url", 7, ""},
		{goodChain + "    backends: [{user: x}]", ReasonMissing, "chains[0].backends[0].url", 7, ""},
		{goodChain + "    backends: [{url: 'http://127.0.0.1:18334'}]", ReasonTwice, "chains[0].backends[0].url", 7, ""},
		{goodChain + "    backends: [{url: 'http://other', user: x, password_env: NOTHERE, cookie_file: x}]", ReasonConflict, "chains[0].backends[0].password", 7, ""},
		{strings.Replace(evm, "http:", "ws:", 1) + "    backends: [{url: 'http://other'}]", ReasonBadValue, "chains[0].url", 6, ""},
		{strings.Replace(goodChain, "    url: http://127.0.0.1:18334\n", "", 1), ReasonMissing, "chains[0].url", 3, ""},
		{goodChain + "    health:\n      max_lag_blocks: 5000", ReasonBadValue, "chains[0].health.max_lag_blocks", 8, ""},
		{goodChain + "    health:\n      lag_time: 48h", ReasonBadValue, "chains[0].health.lag_time", 8, ""},
		{goodChain + "    breaker:\n      reorg_depth: 1000000", ReasonBadValue, "chains[0].breaker.reorg_depth", 8, ""},
		{goodChain + "    breaker:\n      calm_blocks: 1000000", ReasonBadValue, "chains[0].breaker.calm_blocks", 8, ""},
		{goodChain + "    breaker:\n      stall: 1ms", ReasonBadValue, "chains[0].breaker.stall", 8, ""},
		{goodChain + "    finality: true", ReasonConflict, "chains[0].finality", 7, ""},
		{goodChain + "    depth: [{min_confirmations: 0}]", ReasonBadValue, "chains[0].depth[0].min_confirmations", 7, ""},
		{goodChain + "    depth: [{up_to: 5, min_confirmations: 3}]", ReasonMissing, "chains[0].depth[0].up_to", 7, ""},
		{goodChain + "    depth: [{up_to: 5, min_confirmations: 3}, {up_to: 4, min_confirmations: 4}, {min_confirmations: 5}]", ReasonConflict, "chains[0].depth[1].up_to", 7, ""},
		{goodChain + "    depth: [{up_to: 5, min_confirmations: 3}, {min_confirmations: 2}]", ReasonConflict, "chains[0].depth[1].min_confirmations", 7, ""},
		{goodChain + "    depth: [{asset: 'eip155:1337/slip44:60', min_confirmations: 2}]", ReasonConflict, "chains[0].depth[0].asset", 7, ""},
	} {
		got := problemsOf(t, c.text)
		if !slices.ContainsFunc(got, func(p Problem) bool { return p.Reason == c.reason && p.Key == c.key && p.Line == c.line }) {
			t.Errorf("%s\ngives %+v", c.text, got)
		}
	}
}

// The chain's own keys name the first back end; where they are left out the
// list stands alone.
func TestBackEndsOfAChain(t *testing.T) {
	one, two := BackEnd{URL: NewSecret("http://one:1"), User: "u"}, BackEnd{URL: NewSecret("http://two:2")}
	both := Chain{URL: one.URL, User: "u", More: []BackEnd{two}}
	if got := both.BackEnds(); len(got) != 2 || got[0].Name() != "one:1" || got[0].User != "u" || both.backEndKey(0) != "" || both.backEndKey(1) != "backends[0]." {
		t.Errorf("%+v", got)
	}
	list := Chain{More: []BackEnd{one, two}}
	if got := list.BackEnds(); len(got) != 2 || list.backEndKey(1) != "backends[1]." {
		t.Errorf("%+v", got)
	}
}

// Whoever chose a depth gets no table of the profile's.
func TestDepthTableOfTheProfile(t *testing.T) {
	for _, c := range []struct {
		chain Chain
		steps int
	}{
		{Chain{Kind: KindBitcoin, Profile: ProfileStandard}, 2},
		{Chain{Kind: KindBitcoin, Profile: ProfileStandard, Confirms: 1}, 0},
		{Chain{Kind: KindBitcoin, Profile: ProfileStandard, Depth: []DepthStep{{Confirms: 9}}}, 1},
		{Chain{Kind: KindBitcoin, Profile: ProfileDevnet}, 0},
	} {
		c.chain.complete()
		if got := c.chain.Policy().Steps; len(got) != c.steps {
			t.Errorf("%+v has the steps %+v", c.chain, got)
		}
	}
}
