package store_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

func sqliteDSN(t testing.TB) string { return filepath.Join(t.TempDir(), "kofo node.db") }

func TestSQLite(t *testing.T) { suite(t, sqliteDSN) }

// testJournalSealed looks for the bytes of a transaction in everything that
// the database has stored of it.
func testJournalSealed(t *testing.T, dsn string) {
	s := open(t, dsn)
	tx := journalTx("t1", htlc.PurposeRedeem, 0, 0)
	tx.Raw = bytes.Repeat([]byte("canary"), 20)
	must(t, s.SaveTxs(ctx, []engine.JournalTx{tx}))
	must(t, s.Announce(ctx, tx.Tx))
	db := peek(t, dsn)
	for _, query := range []string{"SELECT raw FROM txs", "SELECT sealed FROM nonces"} {
		var raw []byte
		must(t, db.QueryRow(query).Scan(&raw))
		if len(raw) < len(tx.Raw) || bytes.Contains(raw, []byte("canary")) {
			t.Fatalf("%s: stored in the clear", query)
		}
	}
	// Bytes moved to another row do not open.
	must(t, s.SaveTxs(ctx, []engine.JournalTx{journalTx("t2", htlc.PurposeRedeem, 0, 1)}))
	_, err := db.Exec("UPDATE txs SET raw = (SELECT raw FROM txs WHERE txid = 't1') WHERE txid = 't2'")
	must(t, err)
	_, err = s.Txs(ctx, tx.Swap, tx.Leg, tx.Purpose)
	wantErr(t, err, store.ErrCorrupt)
}

// peek opens the database beside the store.
func peek(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if !filepath.IsAbs(dsn) {
		driver = "pgx"
	}
	db, err := sql.Open(driver, dsn)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestSQLiteSettings(t *testing.T) {
	dsn := sqliteDSN(t)
	s := open(t, dsn)
	must(t, s.Commit(ctx, batch(fresh(t, 1))))
	for _, name := range []string{dsn, dsn + "-wal"} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	var mode string
	must(t, peek(t, dsn).QueryRow("PRAGMA journal_mode").Scan(&mode))
	if mode != "wal" {
		t.Errorf("journal mode %s", mode)
	}
}

// TestCheckConstraints writes past the program what the schema must refuse.
func TestCheckConstraints(t *testing.T) {
	dsn := sqliteDSN(t)
	s := open(t, dsn)
	fill(t, s)
	db := peek(t, dsn)
	for _, bad := range []string{
		"UPDATE swaps SET version = 0",
		"UPDATE swaps SET phase = 'odd'",
		"UPDATE swaps SET phase = 'closed'",
		"UPDATE swaps SET outcome = 'swapped'",
		"UPDATE swaps SET phase = 'closed', outcome = 'odd'",
		"UPDATE swaps SET id = x'00'",
		"UPDATE swaps SET snapshot = 'text'",
		"UPDATE effects SET state = 'odd'",
		"UPDATE events SET seq = 0",
		"INSERT INTO node (id, party, created_at) VALUES (2, x'00', 1)",
		"UPDATE node SET party = x'00'",
		"UPDATE writers SET epoch = 0",
		"UPDATE txs SET purpose = 'odd'",
		"UPDATE withdrawals SET outcome = 'odd'",
		"UPDATE tokens SET used_at = -1",
		"UPDATE spendings SET amount = ''",
	} {
		if _, err := db.Exec(bad); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}

// TestDamaged: what does not agree with its columns is not handed out.
func TestDamaged(t *testing.T) {
	for _, damage := range []string{
		"UPDATE swaps SET version = 7",
		"UPDATE swaps SET phase = 'funded'",
		"UPDATE swaps SET snapshot = x'7b7d'",
	} {
		dsn := sqliteDSN(t)
		s := open(t, dsn)
		must(t, s.Commit(ctx, batch(fresh(t, 1))))
		_, err := peek(t, dsn).Exec(damage)
		must(t, err)
		wantErr(t, s.Active(ctx, func(htlc.Swap) error { return nil }), store.ErrCorrupt)
	}
}
