package htlc_test

import (
	"bytes"
	"crypto/ed25519"
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

	"github.com/kofo-network/kofo/htlc"
)

var update = flag.Bool("update", false, "rewrite golden files from what the code does")

// TestMain pins the seed of the property tests, so that a run in CI can be
// repeated; -rapid.seed and -rapid.checks still choose others.
func TestMain(m *testing.M) {
	flag.Parse()
	pinned := map[string]string{"rapid.seed": "20090103", "rapid.nofailfile": "true"}
	flag.Visit(func(f *flag.Flag) { delete(pinned, f.Name) })
	for name, value := range pinned {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const (
	btc   = htlc.AssetID("bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0")
	eth   = htlc.AssetID("eip155:1337/slip44:60")
	token = htlc.AssetID("eip155:1337/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7")
	ltc   = htlc.AssetID("bip122:530827f38f93b43ed12af0b3ad25a288/slip44:2")
)

func partyKey(i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))
}

func testSecret() htlc.Secret {
	s, err := htlc.NewSecret(bytes.Repeat([]byte{7}, htlc.SecretSize))
	if err != nil {
		panic(err)
	}
	return s
}

// startTime is when the parties of the tests have signed.
const startTime = 1_800_000_000

// testTerms returns valid Terms over the assets, one leg each.
func testTerms(assets ...htlc.AssetID) htlc.Terms {
	t := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256,
		SecretHash: testSecret().Hash(), Salt: htlc.Salt{1, 2, 3},
		Outage: 600, AcceptBy: startTime,
	}
	for i, asset := range assets {
		t.Parties = append(t.Parties, htlc.PartyID(partyKey(i).Public().(ed25519.PublicKey)))
		t.Legs = append(t.Legs, htlc.Leg{
			Payer: uint8(i), Payee: uint8((i + 1) % len(assets)),
			Asset: asset, Amount: htlc.NewAmount(uint64(1000 * (i + 1))),
			PayerKey: bytes.Repeat([]byte{byte(0x10 + i)}, 33), PayeeKey: bytes.Repeat([]byte{byte(0x20 + i)}, 20),
			Deployment: bytes.Repeat([]byte{byte(0x30 + i)}, 20), Lane: uint64(i), Sequence: uint64(10 + i),
			MinConfirmations: 3,
			Timing: htlc.Timing{
				ClockLead: 60, ClockLag: 120, FundWindow: 300, BuryFund: 180,
				BuryRedeem: 240, BuryRefund: 250, Sighting: 30,
			},
		})
	}
	scheduled, err := t.WithSchedule(startTime)
	if err != nil {
		panic(err)
	}
	return scheduled
}

// withoutDeployments takes the chain parameters of legs in scripts away, which
// anybody may pay to.
func withoutDeployments(t htlc.Terms) htlc.Terms {
	for i := range t.Legs {
		if l := &t.Legs[i]; strings.HasPrefix(string(l.Asset), "bip122:") {
			l.Deployment, l.Lane, l.Sequence = nil, 0, 0
		}
	}
	return t
}

func signAll(t htlc.Terms) []htlc.Signature {
	out := make([]htlc.Signature, len(t.Parties))
	for i := range out {
		out[i] = htlc.SignTerms(partyKey(i), t)
	}
	return out
}

// signed is the event that opens a party's swap.
func signed(t htlc.Terms, self int) htlc.TermsSigned {
	return htlc.TermsSigned{Terms: t, Self: self, Signatures: signAll(t), Since: make([]uint64, len(t.Legs))}
}

func block(height uint64) htlc.BlockID {
	return htlc.BlockID{Height: height, Hash: [32]byte{byte(height), byte(height >> 8), 1}}
}

var passed = htlc.Observed{State: htlc.CheckPassed}

func fundingFacts(clock int64) htlc.FundingFacts {
	return htlc.FundingFacts{
		Clock: clock, StateRead: passed, RedeemRuns: passed, RedeemMeans: passed, TermsCopied: passed, DiskSpace: passed, BackEndsAgree: passed, Final: passed, ChainsCalm: passed,
	}
}

func revealFacts(clock int64) htlc.RevealFacts {
	return htlc.RevealFacts{
		Clock: clock, StateRead: passed, BackEndsAgree: passed, RedeemRuns: passed, RedeemMeans: passed, DiskSpace: passed, Final: passed, ChainsCalm: passed,
	}
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// coverage counts the pairs of phase and event kind that a test reached.
type coverage map[htlc.Phase]map[htlc.EventKind]int

func (c coverage) count(p htlc.Phase, k htlc.EventKind) {
	if c[p] == nil {
		c[p] = map[htlc.EventKind]int{}
	}
	c[p][k]++
}

// step runs Transition and checks what holds of every step: it is
// deterministic, leaves its input alone, keeps the invariants, and both swap
// and event survive the store.
func step(t failer, seen coverage, s htlc.Swap, e htlc.Event) (htlc.Swap, []htlc.Effect, error) {
	t.Helper()
	seen.count(s.Phase, e.Kind())
	before := deepCopy(s)
	next, effects, err := htlc.Transition(s, e)
	again, effectsAgain, errAgain := htlc.Transition(s, e)
	if !same(before, s) {
		t.Fatalf("%s changed its input", e.Kind())
	}
	if !same(next, again) || !slices.Equal(effects, effectsAgain) || fmt.Sprint(err) != fmt.Sprint(errAgain) {
		t.Fatalf("%s gave two results", e.Kind())
	}
	if err != nil {
		if !errors.Is(err, htlc.ErrStale) && !errors.Is(err, htlc.ErrRejected) {
			t.Fatalf("%s: %v is neither stale nor rejected", e.Kind(), err)
		}
		if !same(before, next) || effects != nil {
			t.Fatalf("%s was refused and changed something", e.Kind())
		}
		return next, nil, err
	}
	checkStored(t, next, e)
	checkAlarms(t, next, e)
	if next.Version != s.Version+1 {
		t.Fatalf("%s: version %d after %d", e.Kind(), next.Version, s.Version)
	}
	return next, effects, nil
}

// deepCopy shares nothing that Transition could write to but the Terms, which
// it is handed again in every event.
func deepCopy(s htlc.Swap) htlc.Swap {
	s.Legs = slices.Clone(s.Legs)
	s.Held = slices.Clone(s.Held)
	return s
}

// same compares two swaps over one document of Terms.
func same(a, b htlc.Swap) bool {
	if len(a.Terms.Legs) != len(b.Terms.Legs) || len(a.Terms.Legs) > 0 && &a.Terms.Legs[0] != &b.Terms.Legs[0] {
		return false
	}
	a.Terms, b.Terms = htlc.Terms{}, htlc.Terms{}
	return reflect.DeepEqual(a, b)
}

func checkStored(t failer, s htlc.Swap, e htlc.Event) {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatalf("after %s: %v", e.Kind(), err)
	}
	raw := encode(t, s)
	back, err := htlc.DecodeSwap(raw)
	if err != nil {
		t.Fatalf("after %s: %v", e.Kind(), err)
	}
	if !reflect.DeepEqual(back, s) {
		t.Fatalf("after %s: stored\n%+v\nread\n%+v", e.Kind(), s, back)
	}
	rawEvent, err := htlc.EncodeEvent(e)
	if err != nil {
		t.Fatalf("encode %s: %v", e.Kind(), err)
	}
	event, err := htlc.DecodeEvent(rawEvent)
	if err != nil {
		t.Fatalf("decode %s: %v", e.Kind(), err)
	}
	if rawAgain, err := htlc.EncodeEvent(event); err != nil || !bytes.Equal(rawAgain, rawEvent) {
		t.Fatalf("%s stored as %s, then as %s", e.Kind(), rawEvent, rawAgain)
	}
}

// checkAlarms: no alarm is due at the tip that the swap was just told of, else
// it would ring with every look.
func checkAlarms(t failer, s htlc.Swap, e htlc.Event) {
	t.Helper()
	for _, a := range s.Alarms() {
		l := s.Legs[a.Leg]
		if a.Height == 0 && a.Clock == 0 {
			t.Fatalf("after %s: an alarm for nothing", e.Kind())
		}
		if a.Height > 0 && l.Height >= a.Height || a.Clock > 0 && l.Clock >= a.Clock {
			t.Fatalf("after %s in phase %s: alarm %+v is due at height %d, clock %d, already told", e.Kind(), s.Phase, a, l.Height, l.Clock)
		}
	}
}

func encode(t failer, s htlc.Swap) []byte {
	t.Helper()
	raw, err := htlc.EncodeSwap(s)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return raw
}

// golden compares got with a file, or writes it under -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date (go generate ./htlc rewrites it); got:\n%s", path, got)
	}
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, '\n')
}
