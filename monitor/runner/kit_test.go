package runner_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/runner"
)

const (
	btc   = htlc.AssetID("bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0")
	eth   = htlc.AssetID("eip155:1337/slip44:60")
	start = 1_800_000_000
)

func partyKey(i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))
}

func theSecret() htlc.Secret {
	s, err := htlc.NewSecret(bytes.Repeat([]byte{7}, htlc.SecretSize))
	if err != nil {
		panic(err)
	}
	return s
}

// terms: leg 0 from the initiator in the first asset, leg 1 back in the second.
func terms(t *testing.T, assets ...htlc.AssetID) htlc.Terms {
	t.Helper()
	out := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: theSecret().Hash(), Salt: htlc.Salt{1},
		Outage: 600, AcceptBy: start,
	}
	for i, asset := range assets {
		out.Parties = append(out.Parties, htlc.PartyID(partyKey(i).Public().(ed25519.PublicKey)))
		out.Legs = append(out.Legs, htlc.Leg{
			Payer: uint8(i), Payee: uint8((i + 1) % len(assets)), Asset: asset, Amount: htlc.NewAmount(100_000),
			PayerKey: bytes.Repeat([]byte{1}, 20), PayeeKey: bytes.Repeat([]byte{2}, 20), MinConfirmations: 3,
			Timing: htlc.Timing{
				ClockLead: 60, ClockLag: 120, FundWindow: 300, BuryFund: 180, BuryRedeem: 240, BuryRefund: 250, Sighting: 30,
			},
		})
	}
	out, err := out.WithSchedule(start)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func block(h uint64) htlc.BlockID {
	return htlc.BlockID{Height: h, Hash: [32]byte{byte(h), byte(h >> 8), 1}}
}

var passed = htlc.Observed{State: htlc.CheckPassed}

// machine drives Transition and remembers the last effects.
type machine struct {
	t       *testing.T
	mu      sync.Mutex
	s       htlc.Swap
	effects []htlc.Effect
}

func open(t *testing.T, tm htlc.Terms, self int) *machine {
	t.Helper()
	m := &machine{t: t}
	var sigs []htlc.Signature
	for i := range tm.Parties {
		sigs = append(sigs, htlc.SignTerms(partyKey(i), tm))
	}
	m.must(htlc.TermsSigned{Terms: tm, Self: self, Signatures: sigs, Since: make([]uint64, len(tm.Legs))})
	m.tips(10, start)
	return m
}

func (m *machine) apply(e htlc.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, effects, err := htlc.Transition(m.s, e)
	if err == nil {
		m.s, m.effects = next, effects
	}
	return err
}

func (m *machine) must(e htlc.Event) {
	m.t.Helper()
	if err := m.apply(e); err != nil {
		m.t.Fatalf("%s: %v", e.Kind(), err)
	}
}

// tips tells both legs' chains.
func (m *machine) tips(height uint64, clock int64) {
	m.t.Helper()
	for leg := range 2 {
		if err := m.apply(htlc.TipAdvanced{Leg: leg, Height: height, Clock: clock}); err != nil && !errors.Is(err, htlc.ErrStale) {
			m.t.Fatal(err)
		}
	}
}

func (m *machine) wants(k htlc.EffectKind, leg int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s.Wants(htlc.Effect{Kind: k, Leg: leg})
}

func (m *machine) facts(clock int64) htlc.FundingFacts {
	return htlc.FundingFacts{Clock: clock, StateRead: passed, RedeemRuns: passed, RedeemMeans: passed, TermsCopied: passed, DiskSpace: passed, BackEndsAgree: passed, Final: passed, ChainsCalm: passed}
}

func (m *machine) revealFacts(clock int64) htlc.RevealFacts {
	return htlc.RevealFacts{Clock: clock, StateRead: passed, BackEndsAgree: passed, RedeemRuns: passed, RedeemMeans: passed, DiskSpace: passed, Final: passed, ChainsCalm: passed}
}

// Apply and Swap make the machine the runner's engine.
func (m *machine) Apply(_ context.Context, in engine.Input) error {
	if in.Event == nil {
		return nil
	}
	return m.apply(in.Event)
}

func (m *machine) Swap(htlc.SwapID) (htlc.Swap, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s, true
}

// journal in memory.
type journal struct {
	mu  sync.Mutex
	txs []engine.JournalTx
}

func (j *journal) SaveTxs(_ context.Context, txs []engine.JournalTx) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.txs = append(j.txs, txs...)
	return nil
}

func (j *journal) Txs(_ context.Context, _ htlc.SwapID, leg int, p htlc.Purpose) ([]engine.JournalTx, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []engine.JournalTx
	for _, tx := range j.txs {
		if tx.Leg == leg && tx.Purpose == p {
			out = append(out, tx)
		}
	}
	return out, nil
}

func (j *journal) MarkReleased(_ context.Context, _ htlc.ChainID, id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.txs {
		if j.txs[i].ID == id {
			j.txs[i].Released = true
		}
	}
	return nil
}

func (j *journal) NextNonce(context.Context, htlc.ChainID, string) (uint64, error) { return 0, nil }

// chain is a node with a switch: refuse says what it answers to a broadcast,
// spent what signing a redeem says.
type chain struct {
	mu        sync.Mutex
	refuse    error
	redeemErr error
	took      []string
	abandoned []adapters.Abandonment
	answer    adapters.Abandoned
	asked     int
}

func (c *chain) set(f func()) { c.mu.Lock(); defer c.mu.Unlock(); f() }

func (c *chain) Fund(context.Context, string, htlc.Terms, int) (adapters.Funding, error) {
	return adapters.Funding{Txs: []adapters.Tx{{Chain: btc.Chain(), ID: "funding"}}}, nil
}

func (c *chain) Redeem(_ context.Context, s adapters.Spend) (adapters.Tx, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return adapters.Tx{Chain: btc.Chain(), ID: "redeem"}, c.redeemErr
}

func (c *chain) Refund(context.Context, adapters.Spend) (adapters.Tx, error) {
	return adapters.Tx{ID: "refund"}, nil
}

func (c *chain) Abandon(_ context.Context, a adapters.Abandonment) (adapters.Abandoned, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandoned = append(c.abandoned, a)
	return c.answer, nil
}

func (c *chain) Broadcast(_ context.Context, tx adapters.Tx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.refuse == nil {
		c.took = append(c.took, tx.ID)
	}
	return c.refuse
}

func (c *chain) Tip(context.Context) (adapters.BlockRef, error) { return adapters.BlockRef{}, nil }
func (c *chain) Contract(htlc.Terms, int) (adapters.Contract, error) {
	return adapters.Contract{}, nil
}
func (c *chain) Release(context.Context, string) error { return nil }

func (c *chain) has(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.took {
		if t == id {
			return true
		}
	}
	return false
}

func (c *chain) questions() int { c.mu.Lock(); defer c.mu.Unlock(); return c.asked }

type gates struct {
	funding func(htlc.Swap) htlc.FundingFacts
	reveal  func(htlc.Swap) htlc.RevealFacts
	note    func(htlc.RevealNote) error // nil: it always succeeds
	secret  func() error                // the same
}

func (g gates) NoteReveal(_ context.Context, _ htlc.Swap, note htlc.RevealNote) error {
	if g.note == nil {
		return nil
	}
	return g.note(note)
}

func (g gates) Funding(_ context.Context, s htlc.Swap) htlc.FundingFacts { return g.funding(s) }
func (g gates) Reveal(_ context.Context, s htlc.Swap) htlc.RevealFacts   { return g.reveal(s) }

type watchers struct{}

func (watchers) Ask(context.Context, htlc.ChainID, bus.Request) (bus.Reply, error) {
	return bus.Reply{}, nil
}

type secrets struct{ refuse func() error }

func (s secrets) Secret(context.Context, htlc.Terms) (htlc.Secret, error) {
	if s.refuse != nil {
		return htlc.Secret{}, s.refuse()
	}
	return theSecret(), nil
}

type swaps struct{ m *machine }

func (s swaps) Swap(context.Context, htlc.SwapID) (htlc.Swap, error) {
	out, _ := s.m.Swap(htlc.SwapID{})
	return out, nil
}

// run starts a runner over the machine; one node stands for both chains.
func run(t *testing.T, m *machine, c *chain, j *journal, g gates) *runner.Runner {
	t.Helper()
	return runObserved(t, m, c, j, g, nil)
}

func runObserved(
	t *testing.T, m *machine, c *chain, j *journal, g gates,
	observe func(context.Context, engine.StoredEffect) (context.Context, func(error)),
) *runner.Runner {
	t.Helper()
	r := runner.New(runner.Options{
		Chains: []runner.Chain{{ID: btc.Chain(), Signer: c, Ledger: c}, {ID: eth.Chain(), Signer: c, Ledger: c}},
		Engine: m, Swaps: swaps{m}, Journal: j, Gates: g, Watchers: watchers{}, Secrets: secrets{g.secret},
		Budget: func(htlc.Leg) htlc.Amount { return htlc.NewAmount(1000) },
		Alarm:  func(htlc.Swap, int, string) {}, Log: slog.New(slog.DiscardHandler), Observe: observe,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

var seq uint64

func ask(r *runner.Runner, m *machine, k htlc.EffectKind, leg int) {
	seq++
	r.Dispatch([]engine.StoredEffect{{
		ID: engine.EffectID{Swap: m.s.ID, Seq: seq}, Effect: htlc.Effect{Kind: k, Leg: leg}, Chain: m.s.Terms.Legs[leg].Chain(),
	}}, nil)
}

// until waits for something that a goroutine does.
func until(d time.Duration, cond func() bool) bool {
	deadline, tick := time.NewTimer(d), time.NewTicker(2*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return cond()
		}
	}
	return true
}
