//go:build e2e

package store_test

import (
	"database/sql"
	"errors"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// throughProxy opens a store whose connections can be cut, and a connection
// beside it that sees what was really written.
func throughProxy(t *testing.T) (*proxy, *store.Store, *sql.DB) {
	t.Helper()
	direct := postgresDSN(t)
	u, err := url.Parse(direct)
	must(t, err)
	p := newProxy(t, u.Host)
	u.Host = p.addr()
	return p, open(t, u.String()), peek(t, direct)
}

func count(t *testing.T, db *sql.DB, query string) int {
	t.Helper()
	var n int
	must(t, db.QueryRow(query).Scan(&n))
	return n
}

// written checks that the swap of w stands in the database once.
func written(t *testing.T, db *sql.DB, w engine.SwapWrite) bool {
	t.Helper()
	var n int
	must(t, db.QueryRow("SELECT count(*) FROM events WHERE swap = $1", w.Swap.ID[:]).Scan(&n))
	if n > len(w.Events) {
		t.Fatalf("%d events of %d", n, len(w.Events))
	}
	return n == len(w.Events)
}

func TestSafety_D3_CommitLostBeforeServer(t *testing.T) {
	t.Parallel()
	p, s, db := throughProxy(t)
	for n := range uint64(20) {
		w := fresh(t, n)
		before := p.commits.Load()
		p.arm(loseCommit)
		if err := s.Commit(ctx, batch(w)); err != nil {
			t.Fatalf("commit %d: %v", n, err)
		}
		if got := p.commits.Load() - before; got != 2 {
			t.Fatalf("%d COMMITs, want the lost one and its repetition", got)
		}
		if !written(t, db, w) {
			t.Fatal("no error, and yet not written")
		}
	}
}

func TestSafety_D3_ReplyLostAfterServer(t *testing.T) {
	t.Parallel()
	p, s, db := throughProxy(t)
	var last engine.SwapWrite
	for n := range uint64(20) {
		last = fresh(t, n)
		before := p.commits.Load()
		p.arm(loseReply)
		if err := s.Commit(ctx, batch(last)); err != nil {
			t.Fatalf("commit %d: %v", n, err)
		}
		if got := p.commits.Load() - before; got != 1 {
			t.Fatalf("%d COMMITs of a transaction that was written", got)
		}
		if !written(t, db, last) {
			t.Fatal("no error, and yet not written")
		}
	}
	// The same for what is not the engine's.
	p.arm(loseReply)
	must(t, s.Agreements().Insert(ctx, draft(t, 1)))
	p.arm(loseReply)
	must(t, s.AddToken(ctx, store.Token{ID: "t"}))
	p.arm(loseReply)
	must(t, s.Agreements().Update(ctx, agreed(t, 1), agreement.StateDraft))
	// The version after it is the one that the caller has.
	must(t, s.Commit(ctx, batch(step(t, last.Swap, tip(5)))))
}

// The client is cut off, asks what became of its COMMIT, and only then the
// COMMIT reaches the server.
func TestSafety_D3_CommitArrivesLate(t *testing.T) {
	t.Parallel()
	p, s, db := throughProxy(t)
	for n := range uint64(5) {
		w := fresh(t, n)
		p.arm(delayCommit)
		done := make(chan error, 1)
		go func() { done <- s.Commit(ctx, batch(w)) }()
		await(t, func() bool { return count(t, db, waitingForLock) == 1 })
		select {
		case err := <-done:
			t.Fatalf("decided while the COMMIT was on its way: %v", err)
		default:
		}
		p.deliver <- struct{}{} // deliver it
		must(t, <-done)
		p.deliver <- struct{}{} // and let the connection go
		if !written(t, db, w) {
			t.Fatal("no error, and yet not written")
		}
	}
}

const waitingForLock = `SELECT count(*) FROM pg_stat_activity
	WHERE datname = current_database() AND wait_event_type = 'Lock'`

// await polls a condition of another process.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

// The server does not notice that its client is gone: the transaction ends by
// the server's own time limit, and only then its outcome is known.
func TestSafety_D3_ServerHoldsDeadTransaction(t *testing.T) {
	t.Parallel()
	p, s, db := throughProxy(t)
	w := fresh(t, 1)
	p.arm(holdServer)
	must(t, s.Commit(ctx, batch(w)))
	if !written(t, db, w) {
		t.Fatal("no error, and yet not written")
	}
}

func TestSafety_D3_NoCommitEverPasses(t *testing.T) {
	t.Parallel()
	p, s, db := throughProxy(t)
	w := fresh(t, 1)
	p.stays.Store(true)
	p.arm(loseCommit)
	err := s.Commit(ctx, batch(w))
	if err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
		t.Fatalf("commit: %v, want a known failure", err)
	}
	if written(t, db, w) || count(t, db, "SELECT count(*) FROM swaps") != 0 {
		t.Fatal("an error, and yet written")
	}
	p.stays.Store(false)
	p.arm(pass)
	must(t, s.Commit(ctx, batch(w)))
}

// The database goes away inside the COMMIT and does not come back: the store
// must not guess, nor write anything after it.
func TestSafety_D3_OutcomeStaysUnknown(t *testing.T) {
	t.Parallel()
	direct := postgresDSN(t)
	u, err := url.Parse(direct)
	must(t, err)
	p := newProxy(t, u.Host)
	u.Host = p.addr()
	c := config(t, u.String())
	c.OutcomeTimeout = 200 * time.Millisecond
	s, err := store.Open(ctx, c)
	must(t, err)
	defer func() { _ = s.Close() }() // its connections are gone
	p.arm(loseReply)
	must(t, p.listen.Close())
	wantErr(t, s.Commit(ctx, batch(fresh(t, 1))), store.ErrOutcomeUnknown)
	wantErr(t, s.Commit(ctx, batch(fresh(t, 2))), store.ErrOutcomeUnknown)
	again := open(t, direct)
	if got := len(active(t, again)); got != 1 {
		t.Fatalf("%d swaps after a restart, want the one whose COMMIT had arrived", got)
	}
}

// The server ends every connection once during each commit.
func TestSafety_D3_ServerEndsConnections(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	s, db := open(t, dsn), peek(t, dsn)
	w := fresh(t, 1)
	must(t, s.Commit(ctx, batch(w)))
	for h := uint64(1); h <= 100; h++ {
		ended := make(chan error, 1)
		go func() { // at some moment of the commit
			_, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'kofod'`)
			ended <- err
		}()
		w = step(t, w.Swap, tip(h))
		must(t, s.Commit(ctx, batch(w)))
		must(t, <-ended)
	}
	events, err := s.History(ctx, w.Swap.ID, 0, 0)
	must(t, err)
	if len(events) != 101 {
		t.Fatalf("%d events, want every one once", len(events))
	}
}

// A swap runs from its terms to its end, and every one of its COMMITs is cut
// before the server has seen it or after it was answered. Nothing is missing
// and nothing stands there twice.
func TestSafety_D3_LostCommit(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]fault{"before the server": loseCommit, "after the server": loseReply} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, db := throughProxy(t)
			cut := func(write func() error) {
				t.Helper()
				p.arm(lost)
				must(t, write())
				if p.next.Load() != int32(pass) {
					t.Fatal("nothing was cut")
				}
			}
			secret, id := secretOf(t, 1), htlc.BlockID{Height: 7, Hash: [32]byte{7}}
			fund, redeem := journalTx("g", htlc.PurposeFund, 0, 0), journalTx("s", htlc.PurposeRedeem, 0, 0)
			var swap htlc.Swap
			var effects []engine.StoredEffect
			height := uint64(0)
			for _, e := range []htlc.Event{
				signed(t, 1), htlc.LegSeen{Leg: 0, TxID: "f"}, htlc.LegFunded{Leg: 0, TxID: "f", Ref: "f:0", Block: id}, tip(9),
				htlc.FundingPrepared{TxID: fund.ID}, htlc.SecretSeen{Leg: 1, TxID: "r", Secret: secret},
				htlc.LegRedeemed{Leg: 1, TxID: "r", Secret: secret, Block: id}, tip(50),
			} {
				w := step(t, swap, e)
				b := batch(w)
				cursor := engine.Cursor{Seq: height + 1, Block: block(height + 1)}
				b.Cursors = []engine.CursorWrite{{Chain: chainA, Expect: height, Cursor: cursor}}
				cut(func() error { return s.Commit(ctx, b) })
				swap, effects, height = w.Swap, append(effects, w.Effects...), height+1
			}
			for _, tx := range []engine.JournalTx{fund, redeem} {
				cut(func() error { return s.SaveTxs(ctx, []engine.JournalTx{tx}) })
				cut(func() error { return s.MarkReleased(ctx, tx.Chain, tx.ID) })
			}
			cut(func() error { return s.Announce(ctx, fund.Tx) })
			cut(func() error { return s.Commit(ctx, engine.Batch{Done: []engine.EffectID{effects[0].ID}}) })

			got, err := s.Get(ctx, swap.ID)
			must(t, err)
			pending, err := s.Pending(ctx)
			must(t, err)
			if !reflect.DeepEqual(got.Swap, swap) || !reflect.DeepEqual(pending, effects[1:]) {
				t.Fatalf("swap %+v, %d effects of %d", got.Swap, len(pending), len(effects)-1)
			}
			if n := count(t, db, "SELECT count(*) FROM events"); n != int(height) {
				t.Fatalf("%d events of %d", n, height)
			}
			if n := count(t, db, "SELECT count(*) FROM txs WHERE released"); n != 2 {
				t.Fatalf("%d transactions are released", n)
			}
			if n := count(t, db, "SELECT seq FROM cursors"); n != int(height) {
				t.Fatalf("the cursor is at %d of %d", n, height)
			}
		})
	}
}
