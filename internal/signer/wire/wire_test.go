package wire_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/signertest"
	"github.com/kofo-network/kofo/internal/signer/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is a signer that listens.
type process struct {
	address   string
	own, node wire.Pair
	stop      context.CancelFunc
	ended     chan error
	t         *testing.T
	keys      wire.Served
}

func newProcess(t *testing.T, keys wire.Served) *process {
	t.Helper()
	p := &process{t: t, keys: keys, address: "127.0.0.1:0", own: pair(t, "signer"), node: pair(t, "node")}
	p.start()
	t.Cleanup(p.end)
	return p
}

func pair(t *testing.T, name string) wire.Pair {
	t.Helper()
	p, err := wire.EnsurePair(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) start() {
	p.t.Helper()
	server, err := wire.NewServer(p.keys, p.own, p.node.Certificate(), slog.New(slog.DiscardHandler))
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(p.t.Context(), "tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.ended = stop, make(chan error, 1)
	go func() { p.ended <- server.Serve(ctx, l) }()
}

func (p *process) end() {
	if p.stop == nil {
		return
	}
	p.stop()
	if err := <-p.ended; err != nil {
		p.t.Error(err)
	}
	p.stop = nil
}

func (p *process) options() wire.Options {
	return wire.Options{
		Address: p.address, Own: p.node, Signer: p.own.Certificate(),
		Chains: []htlc.ChainID{bitcoin.Regtest().Chain}, Timeout: 20 * time.Second,
	}
}

func (p *process) dial() *wire.Client {
	p.t.Helper()
	c, err := wire.Dial(p.t.Context(), p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			p.t.Error(err)
		}
	})
	return c
}

func guarded(t *testing.T) *signer.Guarded {
	t.Helper()
	journal, err := signer.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	})
	return signer.NewGuarded(signertest.Local(t), signertest.Rules(), journal, time.Now)
}

// The suite passes over the wire.
func TestClient(t *testing.T) { signertest.Run(t, newProcess(t, guarded(t)).dial()) }

// Nobody is answered who has not the node's certificate, and no other process is
// taken for the signer.
func TestCertificates(t *testing.T) {
	p := newProcess(t, guarded(t))
	stranger, foreign := p.options(), p.options()
	stranger.Own = pair(t, "stranger")
	foreign.Signer = pair(t, "foreign").Certificate()
	for name, o := range map[string]wire.Options{"another node": stranger, "another signer": foreign} {
		c, err := wire.Dial(t.Context(), o)
		if !errors.Is(err, signer.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
	bad := p.options()
	bad.Signer = []byte("no certificate")
	if _, err := wire.Dial(t.Context(), bad); !errors.Is(err, wire.ErrCertificate) {
		t.Errorf("no certificate: %v", err)
	}
}

// The process may go and come back: meanwhile what needs it fails, and what is
// known does not.
func TestAbsence(t *testing.T) {
	p := newProcess(t, guarded(t))
	c := p.dial()
	terms := signertest.Began(t, c, htlc.Salt{1})
	p.end()
	_, err := c.Identity().SignTerms(t.Context(), terms)
	if !errors.Is(err, signer.ErrUnreachable) {
		t.Fatalf("signed by nobody: %v", err)
	}
	if _, err := signertest.Wallet(t, c).AccountKey(bitcoin.Receive, 3); err != nil {
		t.Errorf("an address needs the process: %v", err)
	}
	p.start()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, err = c.Identity().SignTerms(ctx, terms)
		if err == nil {
			return
		}
		if !errors.Is(err, signer.ErrUnreachable) || ctx.Err() != nil {
			t.Fatalf("it does not come back: %v", err)
		}
	}
}

// A refusal arrives as one, with its text.
func TestRefusal(t *testing.T) {
	c := newProcess(t, guarded(t)).dial()
	_, err := c.Secrets().Secret(t.Context(), signertest.Began(t, c, htlc.Salt{1}))
	if !errors.Is(err, signer.ErrRefused) || errors.Is(err, signer.ErrUnreachable) {
		t.Fatalf("the secret of unsigned terms: %v", err)
	}
}

// Check tells whether the process answers, and with the same keys.
func TestCheck(t *testing.T) {
	p := newProcess(t, guarded(t))
	c := p.dial()
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.end()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.Check(ctx); !errors.Is(err, signer.ErrUnreachable) {
		t.Errorf("of nobody: %v", err)
	}
	p.keys = otherAccount{p.keys}
	p.start()
	if err := again(t, c); !errors.Is(err, signer.ErrRefused) {
		t.Errorf("of other keys: %v", err)
	}
}

// again checks until somebody is reached.
func again(t *testing.T, c *wire.Client) error {
	t.Helper()
	for {
		err := c.Check(t.Context())
		if !errors.Is(err, signer.ErrUnreachable) || t.Context().Err() != nil {
			return err
		}
	}
}

// otherAccount has another key on a chain than it had.
type otherAccount struct{ wire.Served }

func (otherAccount) XPub(htlc.ChainID) (string, error) { return "another", nil }

func TestPairIsKept(t *testing.T) {
	folder := t.TempDir()
	one, err := wire.EnsurePair(folder, "signer")
	if err != nil {
		t.Fatal(err)
	}
	again, err := wire.EnsurePair(folder, "signer")
	if err != nil || string(one.Certificate()) != string(again.Certificate()) {
		t.Errorf("another certificate: %v", err)
	}
}
