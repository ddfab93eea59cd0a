package monitor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/gate"
	"github.com/kofo-network/kofo/monitor/runner"
	"github.com/kofo-network/kofo/monitor/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alpha   = htlc.ChainID("test:alpha")
	beta    = htlc.ChainID("test:beta")
	genesis = int64(1_900_000_000)
	spacing = int64(10)
	quiet   = 100 * time.Millisecond
)

var errCrash = errors.New("the process has died")

// logBuffer keeps what was logged, for searching.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is two model chains, a NATS server and two parties.
type world struct {
	t      testing.TB
	nats   *server.Server
	chains map[htlc.ChainID]*modelChain
	nodes  [2]*node
	salts  byte
	// together: the nodes ask each other for consent. mute says why a question
	// does not arrive.
	together bool
	mute     func(q runner.Question) error
	patience time.Duration
	nonces   nonceBook
}

var prefixes atomic.Uint64

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := bus.Embedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, nats: s, patience: patience, chains: map[htlc.ChainID]*modelChain{
		alpha: newModelChain(alpha, genesis, spacing), beta: newModelChain(beta, genesis, spacing),
	}}
	for i := range w.nodes {
		w.nodes[i] = &node{
			w: w, self: i, store: newMapStore(), logs: &logBuffer{}, now: time.Now, prefix: fmt.Sprintf("p%d", prefixes.Add(1)),
			tap: func(bus.Message) []bus.Message { return nil }, deny: func(string) error { return nil },
			key: partyKey(i),
		}
	}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.stop()
		}
		s.Shutdown()
		s.WaitForShutdown()
	})
	return w
}

func partyKey(i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))
}

// node is everything of one party from the bus to the runner. stop and start
// make it anew from its store.
type node struct {
	w      *world
	self   int
	key    ed25519.PrivateKey
	prefix string
	store  *mapStore
	logs   *logBuffer
	now    func() time.Time

	// hook is asked at every edge whether the process dies there.
	hook func(edge string) bool
	// tap may replace a message between bus and feed; nil leaves it.
	tap  func(bus.Message) []bus.Message
	deny func(question string) error
	// onBroadcast is told of everything that reaches the chain's node.
	onBroadcast func(p htlc.Purpose)
	onRelease   func(owner string)
	refuse      func(p htlc.Purpose) error

	crashed  atomic.Bool
	cancel   context.CancelFunc
	group    *errgroup.Group
	bus      *bus.Bus
	engine   *engine.Engine
	runner   *runner.Runner
	answers  atomic.Pointer[runner.Runner] // to the other node; none while it does not run
	adapters map[htlc.ChainID]*modelAdapter
	alarms   chan string
}

func (n *node) edge(edge string) error {
	if n.crashed.Load() {
		return errCrash
	}
	if n.hook != nil && n.hook(edge) {
		n.crashed.Store(true)
		return errCrash
	}
	return nil
}

func (n *node) start() {
	n.w.t.Helper()
	n.crashed.Store(false)
	log := slog.New(slog.NewTextHandler(n.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	b, err := bus.Open(ctx, bus.Options{Conn: n.w.nats, Prefix: n.prefix, Log: log})
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.bus, n.store.hook = b, n.edge
	n.alarms = make(chan string, 1024)
	n.adapters = map[htlc.ChainID]*modelAdapter{}
	var chains []runner.Chain
	for _, id := range []htlc.ChainID{alpha, beta} {
		a := newModelAdapter(n.w.chains[id])
		a.hook, a.onBroadcast, a.onRelease, a.refuse = n.edge, n.onBroadcast, n.onRelease, n.refuse
		a.deny = func(q string) error { return n.deny(q) }
		n.adapters[id] = a
		a.nonces = &n.w.nonces
		chains = append(chains, runner.Chain{ID: id, Signer: a, Ledger: a, Cosigner: a})
	}
	n.engine = engine.New(engine.Options{
		Store: n.store, Contracts: modelContract, Now: n.now, Log: log,
		Dispatch: func(e []engine.StoredEffect) { n.runner.Dispatch(e, nil) },
		Changed:  func([]htlc.Swap) {},
	})
	n.runner = runner.New(runner.Options{
		Chains: chains, Engine: n.engine, Swaps: n.store, Journal: n.store, Watchers: b, Secrets: secrets{},
		Gates: n.keeper(), Budget: func(htlc.Leg) htlc.Amount { return htlc.NewAmount(1000) }, Log: log,
		Alarm:   func(_ htlc.Swap, _ int, reason string) { n.alarms <- reason },
		Consent: runner.Consent{Peers: modelPeers{n}, Patience: n.w.patience},
	})
	if err := n.engine.Start(ctx, []htlc.ChainID{alpha, beta}); err != nil {
		n.w.t.Fatal(err)
	}
	n.answers.Store(n.runner)
	n.run(ctx, log)
}

func (n *node) keeper() *gate.Keeper {
	return &gate.Keeper{
		Chains: func(id htlc.ChainID) (gate.Chain, error) {
			if err := n.deny("chain"); err != nil {
				return nil, err
			}
			return n.adapters[id], nil
		},
		Copies: n,
		Cursor: func(id htlc.ChainID) (adapters.BlockRef, bool) {
			c, ok := n.engine.Cursor(id)
			return c.Block, ok
		},
		DiskFree: func() (uint64, error) { return 1 << 40, n.deny("disk") },
	}
}

func (n *node) EnsureCopy(context.Context, htlc.Swap) error                  { return n.deny("copy") }
func (n *node) NoteReveal(context.Context, htlc.Swap, htlc.RevealNote) error { return n.deny("note") }

func (n *node) run(ctx context.Context, log *slog.Logger) {
	n.group, ctx = errgroup.WithContext(ctx)
	n.group.Go(func() error { return n.engine.Run(ctx) })
	n.group.Go(func() error { return n.runner.Run(ctx) })
	for id, a := range n.adapters {
		w := watch.New(id, a, a, n.bus, log)
		f := &engine.Feed{Engine: n.engine, Bus: tapped{n.bus, n}, Chain: id, Log: log, Quiet: quiet}
		n.group.Go(func() error { return w.Run(ctx) })
		n.group.Go(func() error { return n.bus.Serve(ctx, id, w.Answer) })
		n.group.Go(func() error { return f.Run(ctx) })
	}
}

func (n *node) stop() {
	if n.cancel == nil {
		return
	}
	n.answers.Store(nil)
	n.cancel()
	if err := n.group.Wait(); err != nil && !errors.Is(err, errCrash) {
		n.w.t.Errorf("node %d ended with %v", n.self, err)
	}
	n.bus.Close()
	n.cancel = nil
}

func (n *node) alive() bool { return n.cancel != nil }

// tapped lets a test lose, double and reorder messages.
type tapped struct {
	*bus.Bus
	n *node
}

func (b tapped) Consume(ctx context.Context, chain htlc.ChainID, handle func(context.Context, bus.Message) error) error {
	return b.Bus.Consume(ctx, chain, func(ctx context.Context, m bus.Message) error {
		instead := b.n.tap(m)
		if instead == nil {
			return handle(ctx, m)
		}
		for _, m := range instead {
			_ = handle(ctx, m)
		}
		return nil
	})
}

// secrets derives the Initiator's secret from the salt.
type secrets struct{}

func (secrets) Secret(_ context.Context, terms htlc.Terms) (htlc.Secret, error) {
	return secretFor(terms.Salt)
}

func secretFor(salt htlc.Salt) (htlc.Secret, error) {
	sum := sha256.Sum256(append([]byte("secret"), salt[:]...))
	return htlc.NewSecret(sum[:])
}

// terms of a swap of the two parties: leg 0 on alpha, leg 1 on beta.
func (w *world) terms() htlc.Terms {
	w.t.Helper()
	w.salts++
	t, err := makeTerms(htlc.Salt{w.salts}, w.chains[alpha].now()+50, w.nodes[0].party(), w.nodes[1].party())
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func makeTerms(salt htlc.Salt, acceptBy int64, initiator, participant htlc.PartyID) (htlc.Terms, error) {
	secret, err := secretFor(salt)
	if err != nil {
		return htlc.Terms{}, err
	}
	timing := htlc.Timing{ClockLead: 3, ClockLag: 4, FundWindow: 60, BuryFund: 40, BuryRedeem: 40, BuryRefund: 40, Sighting: 40}
	leg := func(from, to uint8, chain htlc.ChainID) htlc.Leg {
		return htlc.Leg{
			Payer: from, Payee: to, Asset: htlc.AssetID(string(chain) + "/slip44:1"), Amount: htlc.NewAmount(1000),
			PayerKey: []byte{1}, PayeeKey: []byte{2}, MinConfirmations: 2, Timing: timing,
		}
	}
	t := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret.Hash(), Salt: salt, Outage: 40, AcceptBy: acceptBy,
		Parties: []htlc.PartyID{initiator, participant}, Legs: []htlc.Leg{leg(0, 1, alpha), leg(1, 0, beta)},
	}
	return t.WithSchedule(acceptBy)
}

func (n *node) party() htlc.PartyID { return htlc.PartyID(n.key.Public().(ed25519.PublicKey)) }

func (w *world) signed(t htlc.Terms, self int) htlc.TermsSigned {
	e := htlc.TermsSigned{Terms: t, Self: self, Since: []uint64{w.chains[alpha].tip().Height, w.chains[beta].tip().Height}}
	e.AskRedeem, e.AskRefund = w.together, w.together
	for _, n := range w.nodes {
		e.Signatures = append(e.Signatures, htlc.SignTerms(n.key, t))
	}
	return e
}

// agree starts the swap at both nodes.
func (w *world) agree(t htlc.Terms) htlc.SwapID {
	w.t.Helper()
	w.wait("both nodes follow", func() bool { return w.nodes[0].caughtUp() && w.nodes[1].caughtUp() })
	for i, n := range w.nodes {
		if err := n.engine.Apply(context.Background(), engine.Input{Event: w.signed(t, i)}); err != nil {
			w.t.Fatalf("node %d: %v", i, err)
		}
	}
	return t.ID()
}

func (n *node) caughtUp() bool {
	for id, c := range n.w.chains {
		cursor, ok := n.engine.Cursor(id)
		if !ok || cursor.Block.Hash != c.tip().Hash {
			return false
		}
	}
	return true
}

// wait polls for a condition, for at most ten seconds.
func (w *world) wait(what string, done func() bool) {
	w.t.Helper()
	if !w.waitFor(10*time.Second, done) {
		for _, n := range w.nodes {
			if n != nil && n.logs != nil {
				w.t.Logf("node %d:\n%s", n.self, n.logs.String())
			}
		}
		w.t.Fatalf("waited in vain: %s", what)
	}
}

func (w *world) waitFor(limit time.Duration, done func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if done() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return done()
		}
	}
}

// settle waits until the nodes that are alive know the tips and have nothing
// to do, or for as long as something may have to rest.
func (w *world) settle() {
	quietTicks := 0
	w.waitFor(200*time.Millisecond, func() bool {
		for _, n := range w.nodes {
			if n.alive() && n.crashed.Load() {
				return true
			}
		}
		for _, n := range w.nodes {
			if n.alive() && (!n.caughtUp() || n.runner.Waiting() > 0) {
				quietTicks = 0
				return false
			}
		}
		quietTicks++
		return quietTicks >= 3
	})
}

// drive mines until done, a block on each chain at a time. Nodes that crashed
// are made anew.
func (w *world) drive(blocks int, done func() bool) bool {
	w.t.Helper()
	for range blocks {
		w.settle()
		for _, n := range w.nodes {
			if n.alive() && n.crashed.Load() {
				n.stop()
				n.start()
			}
		}
		if done() {
			return true
		}
		for _, c := range w.chains {
			c.mine(1)
		}
	}
	w.settle()
	return done()
}

func (n *node) outcome(id htlc.SwapID) htlc.Outcome {
	s, err := n.store.Swap(context.Background(), id)
	if err != nil {
		return htlc.OutcomeNone
	}
	return s.Outcome
}

func (n *node) phase(id htlc.SwapID) htlc.Phase {
	s, err := n.store.Swap(context.Background(), id)
	if err != nil {
		return htlc.PhaseNew
	}
	return s.Phase
}

func (w *world) closed(id htlc.SwapID) func() bool {
	return func() bool {
		for _, n := range w.nodes {
			if n.alive() && n.outcome(id) == htlc.OutcomeNone {
				return false
			}
		}
		return true
	}
}

// expect compares outcomes, and checks that each contract was funded at most
// once and spent at most once, by transactions of which only one of each kind
// ever reached a node.
func (w *world) expect(terms htlc.Terms, want ...htlc.Outcome) {
	w.t.Helper()
	id := terms.ID()
	for i, n := range w.nodes {
		if got := n.outcome(id); i < len(want) && got != want[i] {
			w.t.Errorf("node %d: outcome %s in phase %s, want %s", i, got, n.phase(id), want[i])
		}
	}
	for leg := range terms.Legs {
		c, _ := modelContract(terms, leg)
		chain := w.chains[c.Chain]
		for _, p := range []htlc.Purpose{htlc.PurposeFund, htlc.PurposeRedeem, htlc.PurposeRefund} {
			if mined, handed := chain.count(c.ID, p); mined > 1 || handed > 1 {
				w.t.Errorf("leg %d: %d mined and %d different %s transactions", leg, mined, handed, p)
			}
		}
	}
	if w.t.Failed() {
		for _, n := range w.nodes {
			w.t.Logf("node %d:\n%s", n.self, n.logs.String())
		}
	}
}

func (w *world) startAll() {
	w.t.Helper()
	for _, n := range w.nodes {
		n.start()
	}
}
