package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/kofo-network/kofo/migrations"
)

// sqliteReaders bounds the connections that read beside the writer.
const sqliteReaders = 4

var sqliteDialect = dialect{
	name: "sqlite",
	// SQLite has one writer at a time; waiting for it in the process is fairer
	// than in the database.
	writers:     1,
	open:        openSQLite,
	listTables:  "SELECT name FROM sqlite_master WHERE type = 'table'",
	listColumns: "SELECT name, type FROM pragma_table_info('%s') ORDER BY cid",
	migrate: func(ctx context.Context, db *sql.DB, log *slog.Logger, upTo int64) (int64, error) {
		return migrate(ctx, goose.DialectSQLite3, db, migrations.SQLite(), upTo,
			goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	},
	word: migrations.SQLiteWord,
	// The one connection that could still hold a transaction is closed, and a
	// full disk lets one read but not write.
	mark: func(ctx context.Context, s *Store, slot int64) (int64, int64, error) {
		row, err := s.r.ReadMark(ctx, slot)
		return row.Epoch, row.Counter, err
	},
}

func openSQLite(path string) (write, read *sql.DB, err error) {
	// SQLite gives its other files the mode of the first.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	pragmas := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	if read, err = sql.Open("sqlite", name+"?"+pragmas.Encode()); err != nil {
		return nil, nil, err
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	pragmas.Set("_txlock", "immediate")
	if write, err = sql.Open("sqlite", name+"?"+pragmas.Encode()); err != nil {
		return nil, nil, errors.Join(err, read.Close())
	}
	write.SetMaxOpenConns(1)
	return write, read, nil
}

// migrate brings the schema forward, and refuses one that is ahead.
func migrate(ctx context.Context, d goose.Dialect, db *sql.DB, files fs.FS, upTo int64, options ...goose.ProviderOption) (int64, error) {
	p, err := goose.NewProvider(d, db, files, options...)
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if has > knows {
		op := fmt.Sprintf("open data of schema %d with a program that knows schema %d", has, knows)
		return 0, refused(ReasonDataNewer, op, "start the newer program, or restore a copy from before the update", ErrDataNewer)
	}
	if upTo > knows {
		op := fmt.Sprintf("make schema %d with a program that knows schema %d", upTo, knows)
		return 0, refused(ReasonDataNewer, op, "take the program that wrote the data", ErrDataNewer)
	}
	if upTo == 0 {
		upTo = knows
	}
	if _, err := p.UpTo(ctx, upTo); err != nil {
		return 0, fmt.Errorf("migrate from schema %d to %d: %w", has, upTo, err)
	}
	return upTo, nil
}
