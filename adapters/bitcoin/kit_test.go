package bitcoin_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"go.uber.org/goleak"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/adaptertest"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
)

var _ adaptertest.Adapter = (*bitcoin.Adapter)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	lockAfter = 3600
	leg       = 1
	lockOf    = 5_000_000 // satoshi
)

// party is one side with its own adapter and store.
type party struct {
	*bitcoin.Adapter
	name string
	book *bitcointest.Book
}

// kit is a chain with a payer and a payee.
type kit struct {
	network
	Chain               *bitcoinchain.Chain
	url, user, password string
	birth               uint64

	t            *testing.T
	params       bitcoin.Params
	slow         bool // its wallets expect few blocks
	payer, payee *party
}

// network is the chain, as the tests control it.
type network interface {
	Mine(ctx context.Context, n int) ([]chainhash.Hash, error)
	MineAt(ctx context.Context, at time.Time) (chainhash.Hash, error)
	AdvanceTime(ctx context.Context, d time.Duration) error
	Pay(ctx context.Context, script []byte, amount int64) (chainhash.Hash, error)
	Submit(tx *wire.MsgTx) (chainhash.Hash, error)
}

// newKit is a kit on the chain in this process.
func newKit(t *testing.T) *kit {
	t.Helper()
	c := startChain(t)
	user, password := c.Credentials()
	return furnish(t, &kit{network: c, Chain: c, url: c.URL(), user: user, password: password})
}

// slowKept is for how many blocks a spent coin is remembered by a slow kit: 14 days.
const slowKept = 168

// newSlowKit has wallets that expect a block every two hours, so that a spent
// coin is forgotten within a few blocks.
func newSlowKit(t *testing.T) *kit {
	t.Helper()
	k := newKit(t)
	k.slow = true
	k.restart()
	return k
}

func startChain(t *testing.T) *bitcoinchain.Chain {
	t.Helper()
	c, err := bitcoinchain.Start(t.Context(), bitcoinchain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func furnish(t *testing.T, k *kit) *kit {
	t.Helper()
	k.t, k.params, k.birth = t, bitcoin.Regtest(), uint64(k.Chain.Tip().Height)
	k.payer = k.open("payer", bitcointest.NewBook())
	k.payee = k.open("payee", bitcointest.NewBook())
	for range 3 {
		k.pay(k.payer, 10_000_000)
	}
	k.mine(1)
	return k
}

func (k *kit) config() bitcoin.Config {
	return bitcoin.Config{
		Chain: k.params.Chain, URL: k.url, Birth: k.birth, User: k.user, Password: bitcoin.Password(k.password), PollInterval: 5 * time.Millisecond,
	}
}

func (k *kit) open(name string, book *bitcointest.Book) *party {
	k.t.Helper()
	return k.openWith(name, book, k.config())
}

func (k *kit) openWith(name string, book *bitcointest.Book, config bitcoin.Config) *party {
	k.t.Helper()
	a, err := bitcoin.Open(k.ctx(), config, bitcointest.Signer(name), book, book, slog.New(slog.DiscardHandler))
	if err != nil {
		k.t.Fatalf("open: %v", err)
	}
	k.t.Cleanup(a.Close)
	if k.slow {
		a.ExpectBlocksEvery(2 * time.Hour)
	}
	return &party{Adapter: a, name: name, book: book}
}

func (k *kit) ctx() context.Context { return k.t.Context() }

// script is that of a receiving address of the party.
func (k *kit) script(p *party) []byte {
	k.t.Helper()
	text, err := p.Address(k.ctx(), k.params.Asset)
	if err != nil {
		k.t.Fatalf("address: %v", err)
	}
	addr, err := address.DecodeAddress(text, k.params.Net)
	if err != nil {
		k.t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		k.t.Fatal(err)
	}
	return script
}

func (k *kit) pay(p *party, satoshi int64) {
	k.t.Helper()
	if _, err := k.Pay(k.ctx(), k.script(p), satoshi); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) mine(n int) {
	k.t.Helper()
	if _, err := k.Mine(k.ctx(), n); err != nil {
		k.t.Fatal(err)
	}
}

func secret(n byte) htlc.Secret {
	raw := sha256.Sum256([]byte{'s', n})
	s, err := htlc.NewSecret(raw[:])
	if err != nil {
		panic(err)
	}
	return s
}

// terms reserve coins of the payer and give Terms of which leg 1 goes from
// payer to payee.
func (k *kit) terms(owner string, n byte, satoshi uint64) htlc.Terms {
	k.t.Helper()
	salt := htlc.Salt{n, 1}
	part, err := k.payer.Reserve(k.ctx(), adapters.Reservation{
		Owner: owner, Asset: k.params.Asset, Amount: htlc.NewAmount(satoshi), Salt: salt, Leg: leg,
	})
	if err != nil {
		k.t.Fatalf("reserve: %v", err)
	}
	key, err := k.payee.PayeeKey(k.ctx(), k.params.Asset, salt, leg)
	if err != nil {
		k.t.Fatalf("payee key: %v", err)
	}
	return htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret(n).Hash(), Salt: salt,
		Parties: []htlc.PartyID{{1}, {2}},
		Legs: []htlc.Leg{
			{Payee: 1, Asset: "eip155:1337/slip44:60", Amount: htlc.NewAmount(1)},
			{
				Payer: 1, Asset: k.params.Asset, Amount: htlc.NewAmount(satoshi), PayerKey: part.Key, PayeeKey: key,
				MinConfirmations: 1, TimeLock: k.tip(k.payer).Clock + lockAfter,
			},
		},
	}
}

func (k *kit) watch(p *party, terms htlc.Terms) adapters.Contract {
	k.t.Helper()
	c, err := p.Watch(k.ctx(), terms, leg, "")
	if err != nil {
		k.t.Fatalf("watch: %v", err)
	}
	return c
}

// fund signs and broadcasts without mining.
func (k *kit) fund(owner string, terms htlc.Terms) adapters.Funding {
	k.t.Helper()
	f, err := k.payer.Fund(k.ctx(), owner, terms, leg)
	if err != nil {
		k.t.Fatalf("fund: %v", err)
	}
	for _, tx := range f.Txs {
		k.broadcast(k.payer, tx)
	}
	return f
}

func refOf(f adapters.Funding) string { return f.Txs[f.Lock].ID + ":0" }

func (k *kit) broadcast(p *party, tx adapters.Tx) {
	k.t.Helper()
	if err := p.Broadcast(k.ctx(), tx); err != nil {
		k.t.Fatalf("broadcast: %v", err)
	}
}

func (k *kit) redeem(terms htlc.Terms, ref string, n byte) adapters.Tx {
	k.t.Helper()
	tx, err := k.payee.Redeem(k.ctx(), adapters.Spend{Terms: terms, Leg: leg, Ref: ref, Secret: secret(n)})
	if err != nil {
		k.t.Fatalf("redeem: %v", err)
	}
	return tx
}

func (k *kit) tip(p *party) adapters.BlockRef {
	k.t.Helper()
	tip, err := p.Tip(k.ctx())
	if err != nil {
		k.t.Fatalf("tip: %v", err)
	}
	return tip
}

func (k *kit) next(p *party, cursor adapters.BlockRef) adapters.Step {
	k.t.Helper()
	step, err := p.Next(k.ctx(), cursor)
	if err != nil {
		k.t.Fatalf("next: %v", err)
	}
	return step
}

// mineFact makes a block and wants exactly one fact of the given kind in it.
func (k *kit) mineFact(p *party, kind adapters.FactKind) adapters.Fact {
	k.t.Helper()
	cursor := k.tip(p)
	k.mine(1)
	step := k.next(p, cursor)
	if step.Kind != adapters.Connect || len(step.Facts) != 1 || step.Facts[0].Kind != kind {
		k.t.Fatalf("step %v %+v, want one %s", step.Kind, step.Facts, kind)
	}
	return step.Facts[0]
}

// sighting wants exactly one fact of the given kind in the mempool.
func (k *kit) sighting(p *party, kind adapters.FactKind) adapters.Fact {
	k.t.Helper()
	facts, err := p.Mempool(k.ctx())
	if err != nil {
		k.t.Fatalf("mempool: %v", err)
	}
	if len(facts) != 1 || facts[0].Kind != kind {
		k.t.Fatalf("sightings %+v, want one %s", facts, kind)
	}
	return facts[0]
}

func (k *kit) funded(p *party, terms htlc.Terms, ref string) bool {
	k.t.Helper()
	ok, err := p.Funded(k.ctx(), terms, leg, ref, k.tip(p))
	if err != nil {
		k.t.Fatalf("funded: %v", err)
	}
	return ok
}

func wantReason(t *testing.T, err, kind error, reason string) {
	t.Helper()
	var e *adapters.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) || e.Reason != reason {
		t.Fatalf("error %v, want %s (%v)", err, reason, kind)
	}
}
