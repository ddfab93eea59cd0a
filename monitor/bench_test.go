package monitor

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/gate"
	"github.com/kofo-network/kofo/monitor/runner"
	"github.com/kofo-network/kofo/monitor/watch"
)

// benchSeal is AES-GCM under a fixed key.
type benchSeal struct{ aead cipher.AEAD }

func (s benchSeal) Seal(plain, ad []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, plain, ad), nil
}
func (s benchSeal) Open(sealed, ad []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, sealed, ad)
}

var quietLog = slog.New(slog.DiscardHandler)

func openSQLite(b *testing.B, path string) *store.Store {
	b.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(context.Background(), store.Config{DSN: path, Party: htlc.PartyID{1}, Sealer: benchSeal{aead}, Log: quietLog})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// reportSync measures what a durable append costs on this disk, to stand
// beside the figures.
func reportSync(b *testing.B, dir string) {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	took := make([]time.Duration, 100)
	for i := range took {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(start)
	}
	b.ReportMetric(float64(percentile(took, 50))/1e6, "fsync-p50-ms")
}

func percentile(d []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

// benchSwaps makes signed terms of n swaps between two parties, as the
// participant gets them.
func benchSwaps(b *testing.B, n int, now int64) []htlc.TermsSigned {
	b.Helper()
	keys := [2]ed25519.PrivateKey{partyKey(0), partyKey(1)}
	party := func(i int) htlc.PartyID { return htlc.PartyID(keys[i].Public().(ed25519.PublicKey)) }
	out := make([]htlc.TermsSigned, n)
	for i := range out {
		salt := htlc.Salt{1}
		binary.BigEndian.PutUint64(salt[8:], uint64(i))
		terms, err := makeTerms(salt, now+100_000, party(0), party(1))
		if err != nil {
			b.Fatal(err)
		}
		out[i] = htlc.TermsSigned{Terms: terms, Self: 1, Signatures: []htlc.Signature{
			htlc.SignTerms(keys[0], terms), htlc.SignTerms(keys[1], terms),
		}}
	}
	return out
}

// apply steps the engine with batches of at most 64 inputs.
func apply(b *testing.B, e *engine.Engine, inputs []engine.Input) {
	b.Helper()
	for chunk := range slices.Chunk(inputs, 64) {
		for _, err := range e.Step(context.Background(), chunk) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func eventsOf(swaps []htlc.TermsSigned, event func(htlc.TermsSigned) htlc.Event) []engine.Input {
	out := make([]engine.Input, len(swaps))
	for i, s := range swaps {
		out[i] = engine.Input{Swap: s.Terms.ID(), Event: event(s)}
	}
	return out
}

// both funds both legs of every swap, as seen by the participant, whose own
// is leg 1.
func both(b *testing.B, e *engine.Engine, swaps []htlc.TermsSigned, clock int64) {
	b.Helper()
	passed := htlc.Observed{State: htlc.CheckPassed}
	funded := func(leg int) func(htlc.TermsSigned) htlc.Event {
		return func(s htlc.TermsSigned) htlc.Event {
			c, _ := modelContract(s.Terms, leg)
			return htlc.LegFunded{Leg: leg, TxID: "tx" + c.ID, Ref: "tx" + c.ID + ":0", Block: htlc.BlockID{Height: 90, Hash: [32]byte{1}}}
		}
	}
	apply(b, e, eventsOf(swaps, func(s htlc.TermsSigned) htlc.Event { return s }))
	apply(b, e, eventsOf(swaps, funded(0)))
	apply(b, e, eventsOf(swaps, func(htlc.TermsSigned) htlc.Event { return htlc.FundingPrepared{TxID: "fund"} }))
	apply(b, e, eventsOf(swaps, func(htlc.TermsSigned) htlc.Event {
		return htlc.FundingChecked{Facts: htlc.FundingFacts{
			Clock: clock, StateRead: passed, RedeemRuns: passed, RedeemMeans: passed, TermsCopied: passed, DiskSpace: passed, BackEndsAgree: passed, Final: passed, ChainsCalm: passed,
		}}
	}))
	apply(b, e, eventsOf(swaps, funded(1)))
}

func newEngine(b *testing.B, s *store.Store, dispatch func([]engine.StoredEffect)) *engine.Engine {
	b.Helper()
	e := engine.New(engine.Options{
		Store: s, Contracts: modelContract, Now: time.Now, Log: quietLog, Dispatch: dispatch, Changed: func([]htlc.Swap) {},
	})
	if err := e.Start(context.Background(), []htlc.ChainID{alpha, beta}); err != nil {
		b.Fatal(err)
	}
	return e
}

// begin gives an engine its cursors.
func begin(b *testing.B, e *engine.Engine, chains map[htlc.ChainID]*modelChain) {
	b.Helper()
	for id, c := range chains {
		tip := c.tip()
		apply(b, e, []engine.Input{{Chain: id, Step: &adapters.Step{Kind: adapters.Connect, Block: tip}}})
	}
}

func twoChains() map[htlc.ChainID]*modelChain {
	return map[htlc.ChainID]*modelChain{
		alpha: newModelChain(alpha, genesis, spacing), beta: newModelChain(beta, genesis, spacing),
	}
}

// BenchmarkEngineEvents applies one durable event after another.
func BenchmarkEngineEvents(b *testing.B) {
	for _, batch := range []int{1, 32} {
		b.Run(fmt.Sprintf("commit%d", batch), func(b *testing.B) {
			dir := b.TempDir()
			s := openSQLite(b, filepath.Join(dir, "bench.db"))
			defer func() { _ = s.Close() }()
			chains := twoChains()
			e := newEngine(b, s, func([]engine.StoredEffect) {})
			begin(b, e, chains)
			swaps := benchSwaps(b, batch, chains[alpha].now())
			apply(b, e, eventsOf(swaps, func(s htlc.TermsSigned) htlc.Event { return s }))
			height := uint64(1000)
			b.ResetTimer()
			for i := 0; i < b.N; i += batch {
				height++
				apply(b, e, eventsOf(swaps, func(htlc.TermsSigned) htlc.Event {
					return htlc.TipAdvanced{Leg: 1, Height: height, Clock: genesis}
				}))
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			reportSync(b, dir)
		})
	}
}

// benchNode is a participant's node on SQLite and embedded NATS.
type benchNode struct {
	engine *engine.Engine
	runner *runner.Runner
	stop   func()
}

type records struct{ *store.Store }

func (r records) Swap(ctx context.Context, id htlc.SwapID) (htlc.Swap, error) {
	record, err := r.Get(ctx, id)
	return record.Swap, err
}

func startNode(b *testing.B, s *store.Store, chains map[htlc.ChainID]*modelChain, onBroadcast func(*modelTx)) *benchNode {
	b.Helper()
	server, err := bus.Embedded(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	nb, err := bus.Open(ctx, bus.Options{Conn: server, Prefix: "bench", Log: quietLog})
	if err != nil {
		b.Fatal(err)
	}
	n := &benchNode{}
	own := map[htlc.ChainID]*modelAdapter{}
	var list []runner.Chain
	for id, c := range chains {
		own[id] = newModelAdapter(c)
		own[id].onTx = onBroadcast
		list = append(list, runner.Chain{ID: id, Signer: own[id], Ledger: own[id]})
	}
	n.engine = engine.New(engine.Options{
		Store: s, Contracts: modelContract, Now: time.Now, Log: quietLog,
		Dispatch: func(e []engine.StoredEffect) { n.runner.Dispatch(e, nil) }, Changed: func([]htlc.Swap) {},
	})
	n.runner = runner.New(runner.Options{
		Chains: list, Engine: n.engine, Swaps: records{s}, Journal: s, Watchers: nb, Secrets: secrets{}, Log: quietLog,
		Gates: &gate.Keeper{
			Chains: func(id htlc.ChainID) (gate.Chain, error) { return own[id], nil }, Copies: &node{deny: func(string) error { return nil }},
			DiskFree: func() (uint64, error) { return 1 << 40, nil },
		},
		Budget: func(htlc.Leg) htlc.Amount { return htlc.NewAmount(1000) }, Alarm: func(htlc.Swap, int, string) {},
	})
	if err := n.engine.Start(ctx, []htlc.ChainID{alpha, beta}); err != nil {
		b.Fatal(err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.engine.Run(ctx) })
	g.Go(func() error { return n.runner.Run(ctx) })
	for id, a := range own {
		w := watch.New(id, a, a, nb, quietLog)
		f := &engine.Feed{Engine: n.engine, Bus: nb, Chain: id, Log: quietLog}
		g.Go(func() error { return nb.Serve(ctx, id, w.Answer) })
		g.Go(func() error { return w.Run(ctx) })
		g.Go(func() error { return f.Run(ctx) })
	}
	n.stop = func() {
		cancel()
		if err := g.Wait(); err != nil {
			b.Error(err)
		}
		nb.Close()
		server.Shutdown()
		server.WaitForShutdown()
	}
	return n
}

// prepared is a store with n swaps whose legs are both funded and confirmed.
func prepared(b *testing.B, path string, n int, chains map[htlc.ChainID]*modelChain) []htlc.TermsSigned {
	b.Helper()
	s := openSQLite(b, path)
	defer func() { _ = s.Close() }()
	e := newEngine(b, s, func([]engine.StoredEffect) {})
	begin(b, e, chains)
	swaps := benchSwaps(b, n, chains[alpha].now())
	both(b, e, swaps, chains[beta].now())
	var done []engine.Input
	pending, err := s.Pending(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range pending {
		done = append(done, engine.Input{Swap: p.ID.Swap, Done: []engine.EffectID{p.ID}})
	}
	apply(b, e, done)
	for _, signed := range swaps {
		for leg := range signed.Terms.Legs {
			c, _ := modelContract(signed.Terms, leg)
			chains[c.Chain].state[c.ID] = contractState{fund: "tx" + c.ID}
		}
	}
	return swaps
}

// BenchmarkSightingToBroadcast measures from the moment at which the secret
// of one of 1,000 active swaps stands in the mempool of our leg's chain to
// the call of Broadcast with our redeem on the other, while blocks come on
// both chains.
func BenchmarkSightingToBroadcast(b *testing.B) {
	const active = 1000
	for b.Loop() {
		dir := b.TempDir()
		path := filepath.Join(dir, "bench.db")
		chains := twoChains()
		swaps := prepared(b, path, active, chains)
		s := openSQLite(b, path)
		var mu sync.Mutex
		sent := map[string]chan time.Time{}
		n := startNode(b, s, chains, func(tx *modelTx) {
			mu.Lock()
			defer mu.Unlock()
			if c, ok := sent[tx.Contract]; ok && tx.Kind == htlc.PurposeRedeem {
				delete(sent, tx.Contract)
				c <- time.Now()
			}
		})
		waitTips(b, n.engine, chains)
		stopMining := mineSteadily(chains, 100*time.Millisecond)
		took := make([]time.Duration, 0, active)
		for _, signed := range swaps {
			in, _ := modelContract(signed.Terms, 0)
			out, _ := modelContract(signed.Terms, 1)
			secret, _ := secretFor(signed.Terms.Salt)
			raw := secret.Reveal()
			at := make(chan time.Time, 1)
			mu.Lock()
			sent[in.ID] = at
			mu.Unlock()
			start := time.Now()
			if err := chains[beta].submit(&modelTx{Kind: htlc.PurposeRedeem, ID: "r" + out.ID, Contract: out.ID, Secret: hex.EncodeToString(raw[:])}); err != nil {
				b.Fatal(err)
			}
			took = append(took, (<-at).Sub(start))
		}
		stopMining()
		n.stop()
		_ = s.Close()
		b.ReportMetric(float64(percentile(took, 50))/1e6, "p50-ms")
		b.ReportMetric(float64(percentile(took, 99))/1e6, "p99-ms")
		b.ReportMetric(float64(percentile(took, 100))/1e6, "max-ms")
		reportSync(b, dir)
	}
}

func mineSteadily(chains map[htlc.ChainID]*modelChain, every time.Duration) func() {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				for _, c := range chains {
					c.mine(1)
				}
			}
		}
	}()
	return func() { close(done); <-ended }
}

func waitTips(b *testing.B, e *engine.Engine, chains map[htlc.ChainID]*modelChain) {
	b.Helper()
	for id, c := range chains {
		c.mine(1)
		w := world{t: b}
		tip := c.tip()
		if !w.waitFor(time.Minute, func() bool { cursor, _ := e.Cursor(id); return cursor.Block.Hash == tip.Hash }) {
			b.Fatalf("%s was not followed", id)
		}
	}
}

// BenchmarkTenThousandSwaps measures start and memory of a node with 10,000
// active swaps: from an open store until a block mined after the start is
// applied on both chains, every contract being watched by then.
func BenchmarkTenThousandSwaps(b *testing.B) {
	const active = 10_000
	for b.Loop() {
		dir := b.TempDir()
		path := filepath.Join(dir, "bench.db")
		chains := twoChains()
		prepared(b, path, active, chains)
		debug.FreeOSMemory()
		before := resident(b)
		s := openSQLite(b, path)
		start := time.Now()
		n := startNode(b, s, chains, nil)
		waitTips(b, n.engine, chains)
		took := time.Since(start)
		if got := len(n.engine.Open()); got != active {
			b.Fatalf("%d swaps are open", got)
		}
		runtime.GC()
		debug.FreeOSMemory()
		b.ReportMetric(took.Seconds(), "start-s")
		b.ReportMetric(resident(b), "resident-MB")
		b.ReportMetric(resident(b)-before, "grown-MB")
		n.stop()
		_ = s.Close()
	}
}

// resident is the process' memory in megabytes.
func resident(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("resident memory is read from /proc")
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(raw), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / 1e6
}
