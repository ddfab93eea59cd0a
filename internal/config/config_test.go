package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/kofo-network/kofo/htlc"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

func TestReferenceIsUpToDate(t *testing.T) {
	path := "../../docs/configuration.md"
	want := Reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/configuration.md differs from the code (%v); run go test ./internal/config -update", err)
	}
}

func TestEveryKeyHasADoc(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range keys() {
		if k.doc == "" || strings.HasSuffix(k.path, ".") {
			t.Errorf("%s has no doc or no name", k.path)
		}
		if k.leaf && seen[k.env] {
			t.Errorf("two keys have the variable %s", k.env)
		}
		seen[k.env] = true
	}
}

// loadUnchecked reads without validation.
func loadUnchecked(t *testing.T, src Sources) Config {
	t.Helper()
	l := &loader{src: src, lines: map[string]int{}}
	c, err := l.load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A key that is forgotten in the decoding keeps its default here.
func TestEveryKeyCanBeSetByTheFile(t *testing.T) {
	c := loadUnchecked(t, Sources{File: "testdata/full.yml"})
	unset := Default("/root")
	unset.Chains = []Chain{defaultChain()}
	unset.Chains[0].Profile = ProfileStandard
	unset.complete()
	var walk func(got, plain reflect.Value, path string)
	walk = func(got, plain reflect.Value, path string) {
		for i := range got.NumField() {
			at := path + got.Type().Field(i).Tag.Get("koanf")
			inner, list := section(got.Field(i).Type())
			switch {
			case inner == nil:
				if reflect.DeepEqual(show2(got.Field(i)), show2(plain.Field(i))) {
					t.Errorf("%s has its default %v", at, got.Field(i))
				}
			case list:
				if got.Field(i).Len() == 0 {
					t.Errorf("%s is empty", at)
					continue
				}
				other := reflect.New(inner).Elem()
				if plain.Field(i).Len() > 0 {
					other = plain.Field(i).Index(0)
				}
				walk(got.Field(i).Index(0), other, at+"[].")
			default:
				walk(got.Field(i), plain.Field(i), at+".")
			}
		}
	}
	walk(reflect.ValueOf(c), reflect.ValueOf(unset), "")
	if c.Chains[0].Fees.BudgetMinimum.String() != "12345678901234567890123" || c.Chains[0].Tokens[0].Min != htlc.NewAmount(1000) {
		t.Errorf("amounts: %+v %+v", c.Chains[0].Fees, c.Chains[0].Tokens)
	}
}

func show2(v reflect.Value) any {
	if s, ok := v.Interface().(Secret); ok {
		return s.Reveal()
	}
	return v.Interface()
}

// Every key outside lists is set by a variable and, over it, by a flag.
func TestFileThenEnvironmentThenFlags(t *testing.T) {
	values := func(t reflect.Type, n int) string {
		switch typeName(t) {
		case "bool":
			return fmt.Sprint(n == 2)
		case "duration":
			return fmt.Sprintf("%dm", n)
		case "number", "amount":
			return fmt.Sprint(n)
		default:
			return fmt.Sprintf("value%d", n)
		}
	}
	environ := []string{"HOME=/nowhere", "KOFO_DEMO_SOMETHING=1"}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	AddFlags(flags)
	for i, k := range outside() {
		environ = append(environ, k.env+"="+values(k.typ, 1))
		if i%2 == 0 {
			if err := flags.Set(flagName(k.path), values(k.typ, 2)); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := loadUnchecked(t, Sources{File: "testdata/node.yml", Environ: environ, Flags: flags})
	for i, k := range outside() {
		want := values(k.typ, 1+(i+1)%2)
		got := at(reflect.ValueOf(c), k.path)
		text := fmt.Sprint(show2(got))
		if d, ok := got.Interface().(time.Duration); ok {
			text = fmt.Sprintf("%dm", int(d.Minutes()))
		}
		if k.path == "data_dir" {
			text = filepath.Base(text)
		}
		if strings.Trim(text, "[]") != want {
			t.Errorf("%s is %s, want %s", k.path, text, want)
		}
	}
	if len(c.Chains) != 2 {
		t.Errorf("%d chains from the file", len(c.Chains))
	}
}

func at(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, ".") {
		v, _ = fieldOf(v, name)
	}
	return v
}

func TestAGoodConfigurationLoads(t *testing.T) {
	c, err := Load(Sources{File: "testdata/node.yml", Environ: []string{"HOME=/home/somebody", "KOFO_BITCOIN_RPC_PASSWORD=pw"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.DataDir != "/home/somebody/.kofo" || c.CertPath() != "/home/somebody/.kofo/tls/cert.pem" || c.Advertised() != "127.0.0.1:9521" {
		t.Errorf("%s %s %s", c.DataDir, c.CertPath(), c.Advertised())
	}
	user, password, err := c.Login(c.Chains[0].BackEnds()[0], []string{"KOFO_BITCOIN_RPC_PASSWORD=pw"})
	if user != "kofo" || password.Reveal() != "pw" || err != nil {
		t.Errorf("credentials %q %v", user, err)
	}
	if c.Chains[1].Confirms != 2 || c.Policy.Outage != devnetOutage || c.Chains[0].Bury != 2 {
		t.Errorf("the profile is not in effect: %+v", c)
	}
}

// The locks of the devnet profile, two confirmations on one-second blocks:
// both schedules open in less than 90 seconds after the ticket's end, at the
// latest reading of either clock, and leave the median of eleven blocks six
// seconds and more.
func TestDevnetLocksAreShort(t *testing.T) {
	for _, pair := range [][2]string{{KindBitcoin, KindEVM}, {KindEVM, KindBitcoin}} {
		c := Config{Chains: []Chain{{Kind: pair[0], Profile: ProfileDevnet}, {Kind: pair[1], Profile: ProfileDevnet}}}
		c.complete()
		policy := c.Policy
		policy.OfferValidity = 0
		lock, err := longestLock(c.Chains[0], c.Chains[1], policy)
		if err != nil || lock >= 90*time.Second || lock < 60*time.Second {
			t.Errorf("%v: lock of %s, %v", pair, lock, err)
		}
		for _, chain := range c.Chains {
			if chain.Confirms != 2 || chain.Kind == KindBitcoin && chain.Timing.ClockLag <= 6*time.Second {
				t.Errorf("%+v", chain)
			}
		}
	}
}

func TestPrintShowsNoSecretAndLoadsAgain(t *testing.T) {
	c := loadUnchecked(t, Sources{File: "testdata/full.yml"})
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	jsonText, err := json.Marshal(c.Tree())
	if err != nil {
		t.Fatal(err)
	}
	everything := out.String() + string(jsonText) + fmt.Sprintf("%v %+v %#v %s", c, c, c.Store, c.Store.DSN)
	if strings.Contains(everything, "canary-secret") {
		t.Error("the password is printed")
	}
	if !strings.Contains(everything, "postgres://redacted@db:5432/kofo") {
		t.Errorf("the database is not named: %s", out.String())
	}
	again := filepath.Join(t.TempDir(), "again.yml")
	if err := os.WriteFile(again, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	second := loadUnchecked(t, Sources{File: again})
	if !reflect.DeepEqual(toMap(t, second), toMap(t, c)) {
		t.Error("what is printed reads differently")
	}
}

func toMap(t *testing.T, c Config) map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err := yaml.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSecretsShowOnlyWhereTheyLead(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"hunter2":                    "redacted",
		"https://u:p@host:1/a?key=p": "https://redacted@host:1/a?redacted",
		"wss://rpc.example/v3/0123456789abcdef0123": "wss://rpc.example/v3/redacted",
		"nats://a:p@x:1,nats://b:2":                 "nats://redacted@x:1,nats://b:2",
	} {
		if got := NewSecret(text).String(); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func problemsOf(t *testing.T, text string, environ ...string) []Problem {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kofod.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Sources{File: path, Environ: append(environ, "HOME=/x")})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v for\n%s", err, text)
	}
	return e.Problems
}

const goodChain = `
chains:
  - name: bitcoin
    kind: bitcoin
    id: bip122:0f9188f13cb7b2c71f2a335e3a4fc328
    url: http://127.0.0.1:18334
`

func TestEveryMistakeHasItsReasonKeyAndLine(t *testing.T) {
	evm := strings.NewReplacer("kind: bitcoin", "kind: evm", "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:11155111").Replace(goodChain)
	for _, m := range []mistake{
		{"api:\n  lisen: x", ReasonUnknownKey, "api.lisen", 2, "listen"},
		{"polcy:\n", ReasonUnknownKey, "polcy", 1, "policy"},
		{goodChain + "    usr: x", ReasonUnknownKey, "chains[0].usr", 7, "user"},
		{"api: [\n", ReasonSyntax, "", 1, ""},
		{"api:\n  listen: x:1\n  listen: y:1", ReasonTwice, "api.listen", 3, ""},
		{"api: 3", ReasonBadValue, "api", 1, ""},
		{"chains: 3", ReasonBadValue, "chains", 1, ""},
		{"api:\n  max_conns: many", ReasonBadValue, "api.max_conns", 2, ""},
		{"api:\n  max_conns: 1.5", ReasonBadValue, "api.max_conns", 2, ""},
		{"api:\n  call_timeout: 5", ReasonBadValue, "api.call_timeout", 2, ""},
		{"api:\n  listen: nowhere", ReasonBadValue, "api.listen", 2, ""},
		{"api:\n  tls_cert: x", ReasonConflict, "api.tls_cert", 2, ""},
		{"towers:\n  list:\n    - {name: n, address: \"a:1\", party: 1111111111111111111111111111111111111111111111111111111111111111}", ReasonBadValue, "towers.list[0].party", 3, ""},
		{"roles: [api]", ReasonBadValue, "roles", 1, ""},
		{"peer:\n  advertise: a:1", ReasonConflict, "peer.advertise", 2, ""},
		{"store:\n  driver: sqlit", ReasonBadValue, "store.driver", 2, "sqlite"},
		{"store:\n  driver: postgres", ReasonMissing, "store.dsn", 1, ""},
		{"store:\n  disk_reserve: -1", ReasonBadValue, "store.disk_reserve", 2, ""},
		{"mainnet:\n  accept_risk: I know", ReasonMainnet, "mainnet.accept_risk", 2, ""},
		{"bus:\n  url: http://x", ReasonBadValue, "bus.url", 2, ""},
		{"bus:\n  replicas: 3", ReasonConflict, "bus.replicas", 2, ""},
		{"bus:\n  replicas: 2\n  url: nats://x:1", ReasonBadValue, "bus.replicas", 2, ""},
		{"bus:\n  credentials: x", ReasonConflict, "bus.credentials", 2, ""},
		{"bus:\n  prefix: a.b", ReasonBadValue, "bus.prefix", 2, ""},
		{"keys:\n  seed_file: ''", ReasonMissing, "keys.seed_file", 2, ""},
		{"keys:\n  passphrase_fd: 2", ReasonBadValue, "keys.passphrase_fd", 2, ""},
		{"keys:\n  passphrase_fd: 5\n  key_file: x", ReasonConflict, "keys.passphrase_fd", 2, ""},
		{"log:\n  level: loud", ReasonBadValue, "log.level", 2, ""},
		{"metrics:\n  listen: x", ReasonBadValue, "metrics.listen", 2, ""},
		{"traces:\n  endpoint: http://x", ReasonBadValue, "traces.endpoint", 2, ""},
		{"traces:\n  sample_permille: 1001", ReasonBadValue, "traces.sample_permille", 2, ""},
		{"policy:\n  offer_validity: 1s", ReasonBadValue, "policy.offer_validity", 2, ""},
		{"payouts:\n  accounts: [x]", ReasonBadValue, "payouts.accounts", 2, ""},
		{"payouts:\n  accounts: ['eip155:5:0x00']", ReasonConflict, "payouts.accounts", 2, ""},
		{goodChain + "payouts:\n  accounts: ['bip122:0f9188f13cb7b2c71f2a335e3a4fc328:a', 'bip122:0f9188f13cb7b2c71f2a335e3a4fc328:a']", ReasonTwice, "payouts.accounts", 8, ""},
		{"payouts:\n  delay: 1s", ReasonBadValue, "payouts.delay", 2, ""},
		{"payouts:\n  parties: [ab]", ReasonBadValue, "payouts.parties", 2, ""},
		{"payouts:\n  limits: [{asset: 'eip155:5/slip44:60', per_day: 1}]", ReasonConflict, "payouts.limits[0].asset", 2, ""},
		{"payouts:\n  limits: [{asset: 'eip155:5/slip44:60'}]", ReasonMissing, "payouts.limits[0].per_day", 2, ""},
		{"policy:\n  consent_wait: 31s", ReasonBadValue, "policy.consent_wait", 2, ""},
		{"policy:\n  copies_dir: ''", ReasonMissing, "policy.copies_dir", 2, ""},
		{"policy:\n  max_amounts: [{asset: 'eip155:5/slip44:60', amount: 1}]", ReasonConflict, "policy.max_amounts[0].asset", 2, ""},
		{strings.Replace(goodChain, "kind: bitcoin", "kind: bitcon", 1), ReasonBadValue, "chains[0].kind", 4, "bitcoin"},
		{strings.Replace(goodChain, "0f9188f13cb7b2c71f2a335e3a4fc328", "000000000019d6689c085ae165831e93", 1), ReasonMainnet, "chains[0].id", 5, ""},
		{strings.Replace(goodChain, "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:1337", 1), ReasonConflict, "chains[0].id", 5, ""},
		{strings.Replace(goodChain, "http:", "ftp:", 1), ReasonBadValue, "chains[0].url", 6, ""},
		{goodChain + "    profile: devnt", ReasonBadValue, "chains[0].profile", 7, "devnet"},
		{evm + "    profile: devnet", ReasonProfile, "chains[0].profile", 7, ""},
		{evm + "    deployment: 0x12", ReasonBadValue, "chains[0].deployment", 7, ""},
		{evm + "    tokens: [{asset: 'eip155:1/erc20:0x00000000000000000000000000000000000000bb', symbol: X}]", ReasonBadValue, "chains[0].tokens[0].asset", 7, ""},
		{goodChain + "    lanes: 3", ReasonConflict, "chains[0].deployment", 3, ""},
		{goodChain + "    tls_cert: x", ReasonConflict, "chains[0].tls_cert", 7, ""},
		{goodChain + "    password: x", ReasonMissing, "chains[0].user", 3, ""},
		{goodChain + "    password: x\n    user: y\n    password_env: Z", ReasonConflict, "chains[0].password", 7, ""},
		{goodChain + "    min_confirmations: 20000", ReasonBadValue, "chains[0].min_confirmations", 7, ""},
		{goodChain + "    timing:\n      sighting: 500ms", ReasonBadValue, "chains[0].timing.sighting", 8, ""},
		{goodChain + "    fees:\n      budget_permille: 1001", ReasonBadValue, "chains[0].fees.budget_permille", 8, ""},
		{goodChain + strings.TrimPrefix(goodChain, "\nchains:\n"), ReasonTwice, "chains[1].name", 7, ""},
		{goodChain + strings.ReplaceAll(strings.TrimPrefix(evm, "\nchains:\n"), "name: bitcoin", "name: eth") + "policy:\n  max_lock: 3h", ReasonTooLong, "policy.max_lock", 12, ""},
	} {
		m.mustBeTold(t)
	}
}

// mistake in a file, and what is told of it.
type mistake struct {
	text, reason, key string
	line              int
	suggest           string
}

func (m mistake) mustBeTold(t *testing.T) {
	t.Helper()
	got := problemsOf(t, m.text)
	if !slices.ContainsFunc(got, func(p Problem) bool {
		return p.Reason == m.reason && p.Key == m.key && p.Line == m.line && p.Suggest == m.suggest && p.Text != ""
	}) {
		t.Errorf("want %s of %s in line %d (%q), got %+v for\n%s", m.reason, m.key, m.line, m.suggest, got, m.text)
	}
}

// Keys, types, values and what they give together are told at once, in the
// order of the file, and nothing of it twice.
func TestEverythingIsToldAtOnce(t *testing.T) {
	text := `api:
  lisen: x
  max_conns: many
  rate: 0
log:
  level: loud
  level: info
policy:
  max_lock: 1m
chains:
  - name: Bitcoin
    kind: bitcoin
    id: bip122:0f9188f13cb7b2c71f2a335e3a4fc328
    ulr: http://127.0.0.1:18334
    user: kofo
    password_env: NOT_SET
  - name: ethereum
    kind: evm
    id: eip155:11155111
    url: ws://127.0.0.1:8546
bus: 3
`
	path := filepath.Join(t.TempDir(), "kofod.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Sources{File: path, Environ: []string{"HOME=/x", "KOFO_STORE_DNS=x"}, Serve: true})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range e.Problems {
		got = append(got, fmt.Sprintf("%d %s %s", p.Line, p.Key, p.Reason))
	}
	want := []string{
		"2 api.lisen CONFIG_UNKNOWN_KEY", "3 api.max_conns CONFIG_BAD_VALUE", "4 api.rate CONFIG_BAD_VALUE",
		"6 log.level CONFIG_BAD_VALUE", "7 log.level CONFIG_TWICE", "9 policy.max_lock CONFIG_LOCKS_TOO_LONG",
		"9 policy.max_lock CONFIG_LOCKS_TOO_LONG",
		"11 chains[0].name CONFIG_BAD_VALUE", "14 chains[0].ulr CONFIG_UNKNOWN_KEY", "16 chains[0].password_env CONFIG_MISSING",
		"21 bus CONFIG_BAD_VALUE", "0 KOFO_STORE_DNS CONFIG_UNKNOWN_KEY",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Only a node that runs needs the passwords.
func TestPasswordsMustBeThereToServe(t *testing.T) {
	environ := []string{"HOME=/x"}
	for serve, want := range map[bool]int{false: 0, true: 1} {
		_, err := Load(Sources{File: "testdata/node.yml", Environ: environ, Serve: serve})
		var e *Error
		if errors.As(err, &e); (err == nil) != (want == 0) || want == 1 && (len(e.Problems) != 1 || e.Problems[0].Line == 0 || e.Problems[0].Reason != ReasonMissing) {
			t.Errorf("%v: %v", serve, err)
		}
	}
}

func TestVariablesThatLookLikeKeysMustBeKeys(t *testing.T) {
	got := problemsOf(t, "", "KOFO_STORE_DNS=x")
	if len(got) != 1 || got[0].Reason != ReasonUnknownKey || got[0].Suggest != "KOFO_STORE_DSN" {
		t.Errorf("%+v", got)
	}
}

func TestReasonsOfTheWhole(t *testing.T) {
	if got := (&Error{Problems: []Problem{{Reason: ReasonSyntax, Key: "x"}}}); got.Reason() != "BAD_CONFIG" || got.Metadata()["field"] != "x" {
		t.Error(got.Reason(), got.Metadata())
	}
	if got := (&Error{Problems: []Problem{{Reason: ReasonMainnet}}}).Reason(); got != "MAINNET_REFUSED" {
		t.Error(got)
	}
	_, err := Load(Sources{File: "/does/not/exist"})
	var e *Error
	if !errors.As(err, &e) || e.Problems[0].Reason != ReasonFile {
		t.Error(err)
	}
}

func TestWrongValueOfASecretIsNotRepeated(t *testing.T) {
	for _, p := range problemsOf(t, "store:\n  dsn: {canary: secret}\n") {
		if strings.Contains(p.String(), "canary") {
			t.Error(p)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/full.yml", "testdata/node.yml"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("chains:\n- \n- 3\n- {timing: }"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := &loader{lines: map[string]int{}}
		c, err := l.merge(raw)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		l.judge(c)
		if len(l.problems) > 0 && l.err().Error() == "" {
			t.Error("problems without a text")
		}
	})
}
