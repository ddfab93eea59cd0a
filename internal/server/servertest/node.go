package servertest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/doctor"
	"github.com/kofo-network/kofo/internal/payout"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/tower"
	"github.com/kofo-network/kofo/internal/tower/towertest"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/engine"
)

// words of the seed of every Node; the first differs by node.
const words = "legal winner thank year wave sausage worth useful legal winner thank yellow"

// Node is a running API with what stands behind it.
type Node struct {
	Addr     string
	CertFile string
	// TokenFile holds the text of a token with every scope.
	TokenFile string
	Server    *server.Server
	Log       *bytes.Buffer // read it after Stop only
	Stopped   chan struct{} // closed when Shutdown was asked for
	Fatal     chan error
	Store     *store.Store
	Service   *agreement.Service

	feed   *server.Feed
	book   *book
	chains map[htlc.ChainID]*chain
	stop   context.CancelFunc
	done   chan error

	stopOnce sync.Once
	stopErr  error
}

// Options change a Node.
type Options struct {
	Who    byte // 1 by default; two nodes that agree differ
	Limits server.Limits
	// Agreer stands in front of the service, to let it fail.
	Agreer func(server.Agreer) server.Agreer
	Dir    string // data folder; a temporary one by default
	// Payouts limits where coins go; Now is the node's clock, time.Now by
	// default.
	Payouts payout.Rules
	Now     func() time.Time
	// Guards are the node's towers; what they keep stands in the node's store.
	Guards tower.Options
	// Checks are what the doctor finds.
	Checks []doctor.Check
}

// Start runs a node until the test ends.
func Start(t testing.TB, o Options) *Node {
	t.Helper()
	if o.Who == 0 {
		o.Who = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	n, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	return n
}

func start(o Options) (_ *Node, err error) {
	ctx, stop := context.WithCancel(context.Background())
	n := &Node{
		CertFile: filepath.Join(o.Dir, "tls", "cert.pem"), TokenFile: filepath.Join(o.Dir, "admin.token"), Log: &bytes.Buffer{},
		Stopped: make(chan struct{}), Fatal: make(chan error, 1), feed: server.NewFeed(), stop: stop, done: make(chan error, 1),
	}
	n.book = newBook(n.feed, time.Now)
	now := time.Now().Unix()
	n.chains = map[htlc.ChainID]*chain{
		Bitcoin:  {id: Bitcoin, asset: BTC, who: o.Who, tip: adapters.BlockRef{Height: 1000, Time: now, Clock: now - 6, Hash: adapters.Hash{1}}},
		Ethereum: {id: Ethereum, asset: ETH, who: o.Who, tip: adapters.BlockRef{Height: 5000, Time: now, Clock: now, Hash: adapters.Hash{2}}},
	}
	for id, c := range n.chains {
		n.book.cursors[id] = engine.Cursor{Seq: 1, Block: c.tip}
	}
	identity, err := n.openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := n.openService(identity, o); err != nil {
		return nil, err
	}
	if err := n.serve(ctx, identity.PartyID(), o); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *Node) openStore(ctx context.Context, o Options) (wallet.Identity, error) {
	seed, err := wallet.ParseMnemonic(words)
	if err != nil {
		return wallet.Identity{}, err
	}
	keys, err := seed.Keys()
	if err != nil {
		return wallet.Identity{}, err
	}
	identity, err := keys.Identity()
	if err != nil {
		return wallet.Identity{}, err
	}
	sealer, err := keys.Sealer()
	if err != nil {
		return wallet.Identity{}, err
	}
	n.Store, err = store.Open(ctx, store.Config{DSN: filepath.Join(o.Dir, "kofo.db"), Party: identity.PartyID(), Sealer: sealer, Log: quietLog()})
	if err != nil {
		return wallet.Identity{}, err
	}
	return identity, server.EnsureAdminToken(ctx, n.Store, n.TokenFile, time.Now())
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// party signs as one of several nodes of the same seed.
type party struct{ key ed25519.PrivateKey }

func newParty(who byte) party {
	return party{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{who}, ed25519.SeedSize))}
}

func (p party) PartyID() htlc.PartyID { return htlc.PartyID(p.key.Public().(ed25519.PublicKey)) }

func (p party) SignOffer(_ context.Context, o htlc.Offer) (htlc.Signature, error) {
	return htlc.Signature(ed25519.Sign(p.key, htlc.OfferMessage(o))), nil
}

func (p party) SignTerms(_ context.Context, t htlc.Terms) (htlc.Signature, error) {
	return htlc.SignTerms(p.key, t), nil
}

// Hash is that of a secret for tests only.
func (p party) Hash(_ context.Context, salt htlc.Salt) (htlc.SecretHash, error) {
	secret, err := secretOf(salt)
	return secret.Hash(), err
}

func secretOf(salt htlc.Salt) (htlc.Secret, error) {
	sum := sha256.Sum256(append([]byte("test secret"), salt[:]...))
	return htlc.NewSecret(sum[:])
}

// noPeers: nobody can be reached, so answers travel by hand.
type noPeers struct{}

func (noPeers) Answer(context.Context, agreement.Address, htlc.Salt, string) (string, error) {
	return "", fmt.Errorf("%w: this test has no network", adapters.ErrUnreachable)
}

func (n *Node) openService(_ wallet.Identity, o Options) error {
	who := newParty(o.Who)
	timing := htlc.Timing{ClockLead: 1, ClockLag: 8, FundWindow: 10, BuryFund: 4, BuryRedeem: 5, BuryRefund: 5, Sighting: 2}
	var served []agreement.Chain
	for _, id := range []htlc.ChainID{Bitcoin, Ethereum} {
		c := n.chains[id]
		served = append(served, agreement.Chain{
			ID: id, Reserver: c, Prover: c, Profile: agreement.Profile{MinConfirmations: 2, Timing: timing},
		})
	}
	var err error
	n.Service, err = agreement.New(agreement.Options{
		Chains: served, Identity: who, Secrets: who, Store: n.book, Swaps: swapsOf{n.book}, Peers: noPeers{}, Now: time.Now,
		Random: &counter{who: o.Who}, Log: quietLog(), Changed: n.feed.RecordChanged, ReplyTo: "127.0.0.1:9521", Outage: 8, ValidFor: time.Hour, Parties: o.Payouts.Parties,
	})
	return err
}

// counter is randomness that never repeats.
type counter struct {
	who byte
	n   uint32
}

func (c *counter) Read(p []byte) (int, error) {
	c.n++
	sum := sha256.Sum256([]byte{c.who, byte(c.n), byte(c.n >> 8), byte(c.n >> 16)})
	for i := range p {
		p[i] = sum[i%len(sum)]
	}
	return len(p), nil
}

func (n *Node) serve(ctx context.Context, id htlc.PartyID, o Options) error {
	certificate, err := server.EnsureCertificate(n.CertFile, filepath.Join(filepath.Dir(n.CertFile), "key.pem"), nil, time.Now())
	if err != nil {
		return err
	}
	var agreer server.Agreer = n.Service
	if o.Agreer != nil {
		agreer = o.Agreer(agreer)
	}
	var chains []server.Chain
	for _, c := range []struct {
		id     htlc.ChainID
		name   string
		symbol string
		places uint32
		asset  htlc.AssetID
	}{{Bitcoin, "bitcoin", "BTC", 8, BTC}, {Ethereum, "ethereum", "ETH", 18, ETH}} {
		chains = append(chains, server.Chain{
			ID: c.id, Name: c.name, Purse: n.chains[c.id], MinConfirmations: 2, BlockTime: time.Second,
			Assets: []server.Asset{{ID: c.asset, Symbol: c.symbol, Decimals: c.places, FeeCoin: true}},
		})
	}
	n.Server, err = server.New(server.Options{
		Quoter: n.Service, Agreer: agreer, Records: recordsOf{n.book, n.Service}, Swaps: n.book, Engine: n.book, Journal: n.book,
		Payments: n.book, Tokens: n.Store, Requests: n.Store, Payouts: payout.New(o.Payouts, n.Store, o.Now, quietLog()), Guards: n.guards(o), Now: o.Now,
		Doctor: func(context.Context) doctor.Report { return doctor.Report{Checks: o.Checks, At: o.Now()} }, Chains: chains,
		Budget: budgetOf, Feed: n.feed, Certificate: certificate, REST: true, Limits: o.Limits,
		Info:     server.Info{Version: "test", Commit: "0123456", Party: id, Store: "sqlite", DataVersion: 1, Started: time.Now()},
		Shutdown: func() { close(n.Stopped) },
		Fatal:    func(err error) { n.Fatal <- err },
		Log:      slog.New(slog.NewTextHandler(n.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n.Addr = listener.Addr().String()
	go func() { n.done <- n.Server.Serve(ctx, listener) }()
	return nil
}

// guards asks the towers of the options.
func (n *Node) guards(o Options) *tower.Guard {
	o.Guards.Guards, o.Guards.Now, o.Guards.Log = n.Store, o.Now, quietLog()
	o.Guards.Makers = func(htlc.ChainID) (tower.Maker, error) { return towertest.Maker{}, nil }
	o.Guards.Funding = func(context.Context, htlc.Swap) (adapters.Tx, error) { return adapters.Tx{}, nil }
	return tower.NewGuard(o.Guards)
}

// Stop ends the node and waits for it. It may be called twice.
func (n *Node) Stop() error {
	n.stopOnce.Do(func() {
		n.stop()
		n.stopErr = errors.Join(<-n.done, n.Store.Close())
	})
	return n.stopErr
}

// Happen applies an event to a swap, as if its chain had shown it.
func (n *Node) Happen(id string, e htlc.Event) error {
	swap, err := htlc.ParseSwapID(id)
	if err != nil {
		return err
	}
	return n.book.Apply(context.Background(), engine.Input{Swap: swap, Event: e})
}

// Swap is a swap as it is stored.
func (n *Node) Swap(id string) (htlc.Swap, error) {
	parsed, err := htlc.ParseSwapID(id)
	if err != nil {
		return htlc.Swap{}, err
	}
	r, err := n.book.Get(context.Background(), parsed)
	return r.Swap, err
}

// SecretOf is the secret of a swap of the initiator's.
func (n *Node) SecretOf(id string) (htlc.Secret, error) {
	s, err := n.Swap(id)
	if err != nil {
		return htlc.Secret{}, err
	}
	return secretOf(s.Terms.Salt)
}

// Journal adds a transaction of the node's own.
func (n *Node) Journal(tx engine.JournalTx) {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	n.book.txs = append(n.book.txs, tx)
}

// SetFees says what mined transactions have cost.
func (n *Node) SetFees(fees map[string]htlc.Amount) {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	n.book.fees = fees
}

// SetSlowFees lets every question for a fee run into its limit.
func (n *Node) SetSlowFees(slow bool) {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	n.book.slowFees = slow
}

// FeesAsked is how often a chain was asked for a fee.
func (n *Node) FeesAsked() int {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	return n.book.asked
}

// Move adds a transaction to the wallet's list.
func (n *Node) Move(m server.Movement) {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	n.book.moves = append(n.book.moves, m)
}

// SetTip moves the tip of a chain, and what the engine has stored of it.
func (n *Node) SetTip(id htlc.ChainID, height uint64, clock int64) {
	c := n.chains[id]
	c.mu.Lock()
	c.tip.Height, c.tip.Clock = height, clock
	tip := c.tip
	c.mu.Unlock()
	n.book.mu.Lock()
	n.book.cursors[id] = engine.Cursor{Seq: height, Block: tip}
	n.book.mu.Unlock()
	n.feed.TipChanged(id)
}

// SetDown lets a back end fail.
func (n *Node) SetDown(id htlc.ChainID, down bool) {
	c := n.chains[id]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// Party is the identity of a node with the given Options.Who.
func Party(who byte) htlc.PartyID { return newParty(who).PartyID() }

// Token is the text of the owner's token.
func (n *Node) Token() (string, error) {
	raw, err := os.ReadFile(n.TokenFile)
	return string(bytes.TrimSpace(raw)), err
}

// budgetOf is half of the amount where that is the chain's own coin.
func budgetOf(leg htlc.Leg) htlc.Amount {
	half, err := htlc.AmountFromBig(new(big.Int).Rsh(leg.Amount.Big(), 1))
	if err != nil {
		return leg.Amount
	}
	return half
}
