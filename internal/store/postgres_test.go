//go:build e2e

package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/store/postgrestest"
)

// server is the PostgreSQL that every test of this run shares. Its absence is
// a failure, not a reason to skip.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	var err error
	if server, err = postgrestest.Start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL does not start:", err)
		os.Exit(1)
	}
	code := 1
	if err = server.SetFsync(ctx, false); err == nil {
		code = m.Run()
	}
	if stopped := server.Stop(ctx); err != nil || stopped != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL does not serve or stop:", err, stopped)
		code = 1
	}
	os.Exit(code)
}

// postgresDSN makes an empty database.
func postgresDSN(t testing.TB) string {
	t.Helper()
	dsn, err := server.Create(ctx)
	must(t, err)
	return dsn
}

func TestPostgres(t *testing.T) { suite(t, postgresDSN) }

func TestMigrateForwardPostgres(t *testing.T) {
	if *update {
		makeDumps(t, "postgres", postgresDSN, func(dsn string) string { return dumpPostgres(t, dsn) })
	}
	migrateForward(t, "postgres", func(t *testing.T, dump string) string {
		dsn := postgresDSN(t)
		db := peek(t, dsn)
		db.SetMaxOpenConns(1)
		_, err := db.Exec(dump)
		must(t, err)
		return dsn
	})
}

func TestMigrateEveryPhasePostgres(t *testing.T) { testEverySchema(t, postgresDSN) }

// dumpPostgres leaves out what only psql understands.
func dumpPostgres(t *testing.T, dsn string) string {
	t.Helper()
	raw, err := server.Dump(ctx, dsn)
	must(t, err)
	var out strings.Builder
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "\\") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func BenchmarkCommitPostgres(b *testing.B) {
	must(b, server.SetFsync(ctx, true))
	benchCommit(b, func(t testing.TB) string {
		dsn := postgresDSN(t)
		var fsync string
		must(t, peek(t, dsn).QueryRow("SHOW fsync").Scan(&fsync))
		if fsync != "on" {
			t.Fatal("the server does not sync")
		}
		return dsn
	})
}

// What one database exports the other imports.
func TestExportPostgres(t *testing.T) {
	t.Run("to-postgres", func(t *testing.T) { testExport(t, sqliteDSN(t), postgresDSN(t)) })
	t.Run("from-postgres", func(t *testing.T) { testExport(t, postgresDSN(t), sqliteDSN(t)) })
	t.Run("empty", func(t *testing.T) {
		if found, err := store.Exists(ctx, postgresDSN(t)); err != nil || found {
			t.Errorf("found %t: %v", found, err)
		}
	})
}
