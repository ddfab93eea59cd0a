package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/kofo-network/kofo/migrations"
)

// Connections to PostgreSQL.
const (
	postgresWriters = 4
	postgresReaders = 8
	connectTimeout  = 5 * time.Second
)

var postgresDialect = dialect{
	name:       "postgres",
	writers:    postgresWriters,
	open:       openPostgres,
	listTables: "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
	listColumns: `SELECT column_name, data_type FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name = '%s' ORDER BY ordinal_position`,
	snapshot: sql.LevelRepeatableRead,
	migrate: func(ctx context.Context, db *sql.DB, log *slog.Logger, upTo int64) (int64, error) {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return 0, fmt.Errorf("lock the schema: %w", err)
		}
		return migrate(ctx, goose.DialectPostgres, db, migrations.Postgres(), upTo,
			goose.WithDisableGlobalRegistry(true), goose.WithSlog(log), goose.WithSessionLocker(locker))
	},
	word: func(w string) string { return w },
	// The server may still be busy with a transaction whose client is gone.
	mark: func(ctx context.Context, s *Store, slot int64) (int64, int64, error) {
		row, err := s.w.AwaitMark(ctx, slot)
		return row.Epoch, row.Counter, err
	},
}

func openPostgres(dsn string) (write, read *sql.DB, err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("read the database's URL: %w", err)
	}
	config.ConnectTimeout = connectTimeout
	for name, value := range map[string]string{
		"application_name": "kofod",
		// What the server or the role is set to must not weaken these.
		"synchronous_commit":            "on",
		"default_transaction_isolation": "read committed",
		// A transaction whose client vanished without a word must not hold its
		// rows longer than this.
		"idle_in_transaction_session_timeout": "10s",
	} {
		config.RuntimeParams[name] = value
	}
	write = stdlib.OpenDB(*config)
	write.SetMaxOpenConns(postgresWriters)
	write.SetMaxIdleConns(postgresWriters)
	read = stdlib.OpenDB(*config)
	read.SetMaxOpenConns(postgresReaders)
	read.SetMaxIdleConns(postgresReaders)
	return write, read, nil
}
