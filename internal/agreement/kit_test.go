package agreement

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/wallet"
)

const (
	btc       = htlc.AssetID("bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:1")
	eth       = htlc.AssetID("eip155:1337/slip44:60")
	token     = htlc.AssetID("eip155:1337/erc20:0x5fbdb2315678afecb367f032d93f642f64180aa3")
	btcReward = 5_000_000
)

var ethReward = htlc.NewAmount(1_000_000_000_000_000_000)

func testTiming() htlc.Timing {
	return htlc.Timing{
		ClockLead: 7200, ClockLag: 7200, FundWindow: 1800, BuryFund: 3600,
		BuryRedeem: 3600, BuryRefund: 3600, Sighting: 600,
	}
}

// errPowerCut is what an edge panics with to stand for the death of the
// process.
var errPowerCut = errors.New("power cut")

// edges counts the passings of edges between something being durable and
// something being visible, and cuts the power at one of them.
type edges struct {
	mu     sync.Mutex
	passed int
	cutAt  int // 0 is never
}

func (e *edges) pass() {
	e.mu.Lock()
	e.passed++
	cut := e.passed == e.cutAt
	e.mu.Unlock()
	if cut {
		panic(errPowerCut)
	}
}

// memStore keeps records in their stored form.
type memStore struct {
	edges *edges
	mu    sync.Mutex
	rows  map[htlc.Salt][]byte
	fail  error // of every call, where set
	// before runs ahead of an update, outside of the lock; its error is the
	// update's, and nothing is written.
	before func(Record) error
}

func newMemStore(e *edges) *memStore { return &memStore{edges: e, rows: map[htlc.Salt][]byte{}} }

func (m *memStore) all() []Record {
	var out []Record
	for _, raw := range m.rows {
		r, err := DecodeRecord(raw)
		if err != nil {
			panic(err)
		}
		out = append(out, r)
	}
	return out
}

func (m *memStore) write(f func() error) error {
	m.edges.pass()
	m.mu.Lock()
	err := m.fail
	if err == nil {
		err = f()
	}
	m.mu.Unlock()
	m.edges.pass()
	return err
}

func (m *memStore) put(r Record) error {
	raw, err := EncodeRecord(r)
	if err == nil {
		_, err = DecodeRecord(raw)
	}
	m.rows[r.ID()] = raw
	return err
}

func (m *memStore) Insert(_ context.Context, r Record) error {
	return m.write(func() error {
		for _, old := range m.all() {
			switch {
			case r.Request != "" && old.Request == r.Request:
				return ErrConflict
			case old.ID() == r.ID() || old.Offer.SecretHash == r.Offer.SecretHash:
				return ErrHashUsed
			}
		}
		return m.put(r)
	})
}

func (m *memStore) Update(_ context.Context, r Record, from State) error {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before != nil {
		if err := before(r); err != nil {
			return err
		}
	}
	return m.write(func() error {
		raw, ok := m.rows[r.ID()]
		if !ok {
			return ErrNotFound
		}
		old, err := DecodeRecord(raw)
		if err != nil || old.State != from || old.Swap() != (htlc.SwapID{}) && old.Swap() != r.Swap() {
			return ErrConflict
		}
		return m.put(r)
	})
}

func (m *memStore) Find(_ context.Context, key Key) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return Record{}, m.fail
	}
	for _, r := range m.all() {
		switch {
		case key.Offer != htlc.Salt{} && r.ID() == key.Offer,
			key.Swap != htlc.SwapID{} && r.Swap() == key.Swap,
			key.Request != "" && r.Request == key.Request:
			return r, nil
		}
	}
	return Record{}, ErrNotFound
}

func (m *memStore) Unsettled(context.Context) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Record
	for _, r := range m.all() {
		if !r.Settled {
			out = append(out, r)
		}
	}
	return out, m.fail
}

// wire carries answers between the nodes of a test, and keeps all that was
// let out of a hand.
type wire struct {
	mu           sync.Mutex
	at           map[htlc.PartyID]*node
	edges        *edges
	down         bool // the call does not arrive
	lose         bool // the answer does not come back
	sent, answer map[string]bool
}

func (w *wire) Answer(ctx context.Context, to Address, offer htlc.Salt, acceptance string) (string, error) {
	w.mu.Lock()
	w.sent[acceptance] = true
	peer, down, lose := w.at[to.Party], w.down, w.lose
	w.mu.Unlock()
	if down {
		return "", errors.New("connection refused")
	}
	text, err := peer.answer(ctx, offer, acceptance)
	if w.edges != nil {
		w.edges.pass()
	}
	if lose {
		return "", errors.New("connection reset")
	}
	var e *Error
	if errors.As(err, &e) && e.Decided() {
		return "", &Refusal{Reason: e.Reason, Text: e.Error()}
	}
	if err == nil {
		w.mu.Lock()
		w.answer[text] = true
		w.mu.Unlock()
	}
	return text, err
}

// node is one party of a test.
type node struct {
	t       *testing.T
	service *Service
	options Options
	store   *memStore
	chains  map[htlc.ChainID]*fakeChain
	swaps   *fakeSwaps
	edges   *edges
}

// world is two nodes, or more, and a clock.
type world struct {
	t    *testing.T
	wire *wire
	mu   sync.Mutex
	now  time.Time
	a, b *node
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Unix(1_790_000_000, 0),
		wire: &wire{at: map[htlc.PartyID]*node{}, sent: map[string]bool{}, answer: map[string]bool{}},
	}
	w.a, w.b = w.node(1), w.node(2)
	return w
}

// keysOf are real ones, of a seed of their own.
func keysOf(t *testing.T, who byte) *wallet.Keys {
	t.Helper()
	seedsMu.Lock()
	defer seedsMu.Unlock()
	if keys, ok := seeds[who]; ok {
		return keys
	}
	seed, err := wallet.NewSeed(12)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	seeds[who] = keys
	return keys
}

var (
	seedsMu sync.Mutex
	seeds   = map[byte]*wallet.Keys{}
)

func (w *world) node(who byte) *node {
	w.t.Helper()
	keys := keysOf(w.t, who)
	local, err := signer.NewLocal(keys)
	if err != nil {
		w.t.Fatal(err)
	}
	e := &edges{}
	n := &node{
		t: w.t, edges: e, store: newMemStore(e),
		swaps: &fakeSwaps{edges: e, opened: map[htlc.SwapID]htlc.TermsSigned{}, cancelled: map[htlc.SwapID]bool{}},
		chains: map[htlc.ChainID]*fakeChain{
			btc.Chain(): {edges: e, keyLen: 33, height: 100 + uint64(who), balance: map[htlc.AssetID]uint64{btc: 3 * btcReward}},
			eth.Chain(): {edges: e, keyLen: 20, height: 200 + uint64(who), balance: map[htlc.AssetID]uint64{
				eth: 3_000_000_000_000_000_000, token: 50_000_000,
			}},
		},
	}
	for _, c := range n.chains {
		c.held, c.kept, c.coin = map[string]adapters.Reservation{}, map[string]uint64{}, eth
		if c.utxo() {
			c.coin = btc
		}
	}
	n.options = Options{
		Identity: local.Identity(), Secrets: local.Secrets(), Store: n.store, Swaps: n.swaps, Peers: w.wire,
		Now: w.clock, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), ReplyTo: "127.0.0.1:1",
		Outage: 3600,
	}
	for _, id := range []htlc.ChainID{btc.Chain(), eth.Chain()} {
		n.options.Chains = append(n.options.Chains, Chain{
			ID: id, Profile: Profile{MinConfirmations: 3, Timing: testTiming()},
			Reserver: n.chains[id], Prover: n.chains[id],
		})
	}
	n.restart()
	w.wire.at[local.Identity().PartyID()] = n
	return n
}

// answer is that of a node whose power may be cut meanwhile.
func (n *node) answer(ctx context.Context, offer htlc.Salt, acceptance string) (text string, err error) {
	if n.survives(func() { text, err = n.service.Answer(ctx, offer, acceptance) }) {
		return text, err
	}
	return "", errors.New("connection reset")
}

// survives runs f; where the power is cut, the node starts again on what is
// durable.
func (n *node) survives(f func()) (survived bool) {
	defer func() {
		if cut := recover(); cut != nil {
			if err, ok := cut.(error); !ok || !errors.Is(err, errPowerCut) {
				panic(cut)
			}
			n.restart()
			survived = false
		}
	}()
	f()
	return true
}

// restart makes a new service on what is durable.
func (n *node) restart() {
	n.t.Helper()
	service, err := New(n.options)
	if err != nil {
		n.t.Fatal(err)
	}
	n.service = service
	n.edges.cutAt = 0
}

func ctxOf(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func sendBTC() OfferRequest {
	return OfferRequest{Send: AssetAmount{btc, htlc.NewAmount(btcReward)}, Receive: AssetAmount{eth, ethReward}}
}

func (n *node) offer(req OfferRequest) Record {
	n.t.Helper()
	r, err := n.service.Offer(ctxOf(n.t), req)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

func (n *node) accept(ticket string, byHand bool) Record {
	n.t.Helper()
	a, err := n.service.Accept(ctxOf(n.t), AcceptRequest{Ticket: ticket, ByHand: byHand})
	if err != nil {
		n.t.Fatal(err)
	}
	return a.Record
}

func (n *node) tick(w *world) {
	n.t.Helper()
	if err := n.service.Tick(ctxOf(n.t), w.clock()); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) find(id htlc.Salt) Record {
	n.t.Helper()
	r, err := n.options.Store.Find(ctxOf(n.t), Key{Offer: id})
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// holds lists the owners of a node's reservations, each once.
func (n *node) holds() []string {
	owners := map[string]bool{}
	for _, c := range n.chains {
		for owner := range c.held {
			owners[owner] = true
		}
		for owner := range c.kept {
			owners[owner] = true
		}
	}
	return slices.Sorted(maps.Keys(owners))
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	if err == nil || ReasonOf(err) != want {
		t.Errorf("reason %s (%v), want %s", ReasonOf(err), err, want)
	}
}

// peerFunc answers without a peer.
type peerFunc func() (string, error)

func (f peerFunc) Answer(context.Context, Address, htlc.Salt, string) (string, error) { return f() }
