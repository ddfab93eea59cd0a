//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/nats-io/nats.go"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/telemetry/telemetrytest"
	"github.com/kofo-network/kofo/internal/wallet"
)

// TestSafety_D9_CanarySecret swaps from the agreement to the end, with a
// restart and a withdrawal, and looks for everything that a party must keep
// to itself in all that leaves or outlives its process: log, files, database,
// API, metrics, traces and every message on the broker. The swap's secret itself
// is public in the end, on the chains; log, metrics and traces still never name it.
func TestSafety_D9_CanarySecret(t *testing.T) {
	t.Parallel()
	eachStorage(t, func(ctx context.Context, t *testing.T, where storage) {
		collector := telemetrytest.Start(t)
		p := newPairOn(ctx, t, where, nodes.chains, func(s *settings) {
			s.More += fmt.Sprintf("\ntraces: {endpoint: %q, insecure: true}\n", collector.Address)
		})
		wire := listen(t)
		id := p.agree(ctx)
		p.initiator.restart(ctx)
		p.swapped(ctx, id)
		p.withdraws(ctx)
		terms, secret := p.secret(ctx, id)
		p.traced(ctx, collector, terms)

		for _, side := range []*party{p.initiator, p.participant} {
			places := side.written(ctx)
			for own := range side.guarded() {
				delete(places, "file /"+own)
			}
			places["API"] = side.answers(ctx, id)
			places["metrics"] = side.metrics(ctx)
			places["broker"], places["traces"] = wire.heard(), collector.Raw()
			for canary, raw := range side.canaries() {
				for place, text := range places {
					if contains(text, raw) || bytes.Contains(text, raw) {
						t.Errorf("%s of the %s contains its %s", place, side.name, canary)
					}
				}
			}
			for _, place := range []string{"file /" + side.name + ".log", "metrics", "traces"} {
				if len(places[place]) == 0 {
					t.Errorf("%s of the %s was not searched", place, side.name)
				}
				if contains(places[place], secret[:]) {
					t.Errorf("%s of the %s contains the swap's secret", place, side.name)
				}
			}
			if !contains(places["API"], terms.SecretHash[:]) {
				t.Errorf("the search finds nothing in the API of the %s", side.name)
			}
		}
		if where == production && !contains(wire.heard(), terms.SecretHash[:]) {
			t.Error("the search finds nothing on the broker")
		}
	})
}

// traced waits until what both nodes did for a swap has come to the collector, in
// one trace, and the calls between them and of their owners in others.
func (p pair) traced(ctx context.Context, c *telemetrytest.Collector, terms htlc.Terms) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	id := terms.ID()
	missing := map[string]bool{}
	if !c.Await(ctx, func(spans []*tracepb.Span) bool {
		clear(missing)
		for _, kind := range []htlc.EffectKind{htlc.EffectFundLeg, htlc.EffectCheckReveal, htlc.EffectRevealAndRedeem, htlc.EffectRedeem} {
			missing["effect "+string(kind)] = true
		}
		for _, name := range []string{"engine commit", "sign a funding", "sign a redeem", "broadcast"} {
			missing[name] = true
		}
		for _, name := range telemetrytest.Trace(spans, id[:16]) {
			delete(missing, name)
		}
		calls := map[string]bool{}
		for _, s := range spans {
			calls[fmt.Sprint(s.GetKind(), " ", s.GetName())] = true
		}
		for _, name := range []string{
			"SPAN_KIND_SERVER kofo.v1.SettlementService/Get", "SPAN_KIND_SERVER kofo.peer.v1.PeerService/Answer", "SPAN_KIND_CLIENT kofo.peer.v1.PeerService/Answer",
		} {
			if !calls[name] {
				missing[name] = true
			}
		}
		return len(missing) == 0
	}) {
		p.t.Errorf("the collector lacks %v", slices.Sorted(maps.Keys(missing)))
	}
}

// guarded are the files that keep secrets on purpose, readable by their owner
// alone.
func (p *party) guarded() map[string]bool {
	p.t.Helper()
	files := map[string]bool{"seed.key": true, config.AdminTokenFile: true, config.KeyFile: true}
	for file := range files {
		info, err := os.Stat(filepath.Join(p.dir, file))
		must(p.t, err)
		if info.Mode().Perm()&0o077 != 0 {
			p.t.Errorf("%s of the %s is open to others: %s", file, p.name, info.Mode())
		}
	}
	return files
}

// canaries are what a party must keep to itself.
func (p *party) canaries() map[string][]byte {
	p.t.Helper()
	lock := wallet.KeyFile(filepath.Join(p.dir, "seed.key"))
	seed, err := wallet.SeedFile{Path: filepath.Join(p.dir, wallet.SeedFileName)}.Open(lock)
	must(p.t, err)
	words := seed.RevealWords()
	out := map[string][]byte{
		"seed's words":     []byte(strings.Join(words, " ")),
		"half of the seed": []byte(strings.Join(words[:len(words)/2], " ")),
	}
	account, err := p.keys().BitcoinAccount(&chaincfg.RegressionNetParams)
	must(p.t, err)
	out["extended key"] = []byte(account.RevealXPub())
	for index := range uint32(3) {
		key, err := account.Key(wallet.Receive, index)
		must(p.t, err)
		out[fmt.Sprintf("wallet key %d", index)] = key.Reveal().Serialize()
	}
	for file := range p.guarded() {
		raw, err := os.ReadFile(filepath.Join(p.dir, file))
		must(p.t, err)
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		key := lines[len(lines)-1]
		if strings.HasPrefix(key, "-----END") {
			key = lines[len(lines)-2]
		}
		out["file "+file] = []byte(key)
	}
	return out
}

// metrics is the page for Prometheus.
func (p *party) metrics(ctx context.Context) []byte {
	p.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", p.set.Metrics), nil)
	must(p.t, err)
	response, err := http.DefaultClient.Do(request)
	must(p.t, err)
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(response.Body)
	must(p.t, err)
	if !bytes.Contains(page, []byte("kofo_")) {
		p.t.Fatalf("no metrics: %s", page)
	}
	return page
}

// ear hears every message on the broker, requests and answers included.
type ear struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func listen(t *testing.T) *ear {
	t.Helper()
	nc, err := nats.Connect(nodes.natsURL)
	must(t, err)
	t.Cleanup(nc.Close)
	e := new(ear)
	_, err = nc.Subscribe(">", func(m *nats.Msg) {
		e.mu.Lock()
		defer e.mu.Unlock()
		fmt.Fprintf(&e.all, "%s %v %s\n", m.Subject, m.Header, m.Data)
	})
	must(t, err)
	must(t, nc.Flush())
	return e
}

func (e *ear) heard() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return bytes.Clone(e.all.Bytes())
}
