//go:build e2e

package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // driver "sqlite"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

// exitRefused is kofod's exit code where starting again changes nothing.
const exitRefused = 3

// refuses starts the node and expects it to end by itself, with a reason code
// and its advice at the end of what it says.
func (p *party) refuses(ctx context.Context, reason string, codes ...int) {
	p.t.Helper()
	p.launch()
	code, err := p.process.ended(ctx)
	must(p.t, err)
	log := strings.TrimSpace(p.log())
	said := log[max(strings.LastIndex(log, "kofod: "), 0):] // an error may have several lines
	if !strings.HasPrefix(said, "kofod: ") || !strings.Contains(said, "\n  "+reason+": ") {
		p.t.Fatalf("it said %q, that should give %s and what to do", said, reason)
	}
	for _, want := range codes {
		if code == want {
			return
		}
	}
	p.t.Fatalf("exit code %d, wanted %v", code, codes)
}

// storages are the two kinds.
var storages = map[string]storage{"embedded": embedded, "production": production}

// eachStorage runs a test on both, at one time.
func eachStorage(t *testing.T, test func(ctx context.Context, t *testing.T, where storage)) {
	for name, where := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(swapContext(t), t, where)
		})
	}
}

// TestDataNewer: a node refuses data that a newer version has written.
func TestDataNewer(t *testing.T) {
	t.Parallel()
	eachStorage(t, func(ctx context.Context, t *testing.T, where storage) {
		p := newParty(ctx, t, "node", where, nodes.chains)
		p.start(ctx)
		p.stop()
		driver, dsn := "sqlite", filepath.Join(p.dir, "kofo.db")
		if where.driver == "postgres" {
			driver, dsn = "pgx", p.set.DSN
		}
		db, err := sql.Open(driver, dsn)
		must(t, err)
		_, err = db.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		must(t, err)
		must(t, db.Close())
		p.refuses(ctx, "DATA_NEWER", exitRefused)
	})
}

// TestWrongSeed: data are not touched with another seed.
func TestWrongSeed(t *testing.T) {
	t.Parallel()
	eachStorage(t, func(ctx context.Context, t *testing.T, where storage) {
		p := newParty(ctx, t, "node", where, nodes.chains)
		p.start(ctx)
		p.stop()
		p.makeSeed()
		p.refuses(ctx, "WRONG_SEED", exitRefused)
	})
}

// TestAlreadyRunning: a second process on the same data gives up, and the
// first one does not notice.
func TestAlreadyRunning(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newParty(ctx, t, "node", embedded, nodes.chains)
	p.start(ctx)
	first := p.process
	second := *p
	second.refuses(ctx, "ALREADY_RUNNING", exitRefused)
	p.process = first
	_, err := p.client.Node.Info(ctx, &sdk.InfoRequest{})
	must(t, err)
}

// TestSafety_C8_WrongChainAtStart: the chain behind the endpoint is another
// than configured.
func TestSafety_C8_WrongChainAtStart(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	other, err := evmchain.Start(ctx, evmchain.Options{ChainID: 31337})
	must(t, err)
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	p := newParty(ctx, t, "node", embedded, nodes.chains)
	p.set.Ethereum = other.HTTPURL()
	p.refuses(ctx, "WRONG_CHAIN", 1, exitRefused)
}

// TestUnreachableNode: nothing listens where a chain's node should.
func TestUnreachableNode(t *testing.T) {
	t.Parallel()
	for _, chain := range []string{"bitcoin", "ethereum"} {
		t.Run(chain, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			p := newParty(ctx, t, "node", embedded, nodes.chains)
			port, err := freePort()
			must(t, err)
			nowhere := fmt.Sprintf("http://127.0.0.1:%d", port)
			if chain == "bitcoin" {
				p.set.Bitcoin = nowhere
			} else {
				p.set.Ethereum = nowhere
			}
			p.refuses(ctx, "NODE_UNREACHABLE", 1, exitRefused)
		})
	}
}
