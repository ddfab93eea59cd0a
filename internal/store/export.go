package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A store is exported row by row in the words of neither database, so that a
// backup of one can be restored into the other. What is not exported belongs to
// the process that writes (writers) or to the tool that migrates.

// Column is a column of an exported table with its type in PostgreSQL's words:
// BYTEA, BIGINT, BOOLEAN or TEXT.
type Column struct{ Name, Type string }

// ErrImport is returned for rows that do not fit the tables.
var ErrImport = errors.New("the rows do not fit the tables")

// exported lists the tables that every schema of this program has, with those
// that others refer to before them.
var exported = []string{
	"node", "swaps", "events", "effects", "cursors", "txs", "requests", "tokens", "nonces", "lanes",
}

// own belongs to the running process or to the migrations.
var own = []string{"writers", "goose_db_version", "sqlite_sequence"}

// Export visits every row of every table, as they are at one moment. table is
// told before its rows.
func (s *Store) Export(ctx context.Context, table func(name string, columns []Column, rows int64) error, row func(values []any) error) error {
	// A reading transaction: SQLite's write-ahead log and PostgreSQL's repeatable
	// read show one state to all of it.
	tx, err := s.readDB.BeginTx(ctx, &sql.TxOptions{Isolation: s.dialect.snapshot, ReadOnly: s.dialect.name == "postgres"})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer tx.Rollback()
	names, err := s.tables(ctx, tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.exportTable(ctx, tx, name, table, row); err != nil {
			return fmt.Errorf("export table %s: %w", name, err)
		}
	}
	return nil
}

// tables are those of the schema, the known ones first.
func (s *Store) tables(ctx context.Context, tx *sql.Tx) ([]string, error) {
	rows, err := tx.QueryContext(ctx, s.dialect.listTables)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err tells
	found := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list the tables: %w", err)
		}
		found[name] = !slices.Contains(own, name)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	var out, others []string
	for _, name := range exported {
		if found[name] {
			out = append(out, name)
		}
	}
	for name, wanted := range found {
		if wanted && !slices.Contains(exported, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append(out, others...), nil
}

func (s *Store) exportTable(
	ctx context.Context, tx *sql.Tx, name string, table func(string, []Column, int64) error, visit func([]any) error,
) error {
	var count int64
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+name).Scan(&count); err != nil {
		return err
	}
	columns, err := s.columns(ctx, tx, name)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err tells
	if err := table(name, columns, count); err != nil {
		return err
	}
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		for i, c := range columns {
			if values[i], err = portable(c, values[i]); err != nil {
				return err
			}
		}
		if err := visit(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// columns reads names and types, in the order of SELECT *.
func (s *Store) columns(ctx context.Context, tx *sql.Tx, table string) ([]Column, error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(s.dialect.listColumns, table))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells
	var out []Column
	for rows.Next() {
		var c Column
		if err := rows.Scan(&c.Name, &c.Type); err != nil {
			return nil, err
		}
		switch strings.ToUpper(c.Type) {
		case "BLOB", "BYTEA":
			c.Type = "BYTEA"
		case "INTEGER", "BIGINT":
			c.Type = "BIGINT"
		case "BOOLEAN":
			c.Type = "BOOLEAN"
		case "TEXT":
			c.Type = "TEXT"
		default:
			return nil, fmt.Errorf("column %s has the type %s", c.Name, c.Type)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// portable is a value as bytes, int64 or text. What one database calls true is
// 1 in the other.
func portable(c Column, v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case int64:
		return v, nil
	case string:
		if c.Type == "BYTEA" {
			return []byte(v), nil
		}
		return v, nil
	case []byte:
		if c.Type == "TEXT" {
			return string(v), nil
		}
		return slices.Clone(v), nil
	}
	return nil, fmt.Errorf("column %s holds a %T", c.Name, v)
}

// Importer writes exported rows into a database that has none.
type Importer struct {
	dialect dialect
	db      *sql.DB
	other   *sql.DB
	tx      *sql.Tx
	columns []Column
	insert  *sql.Stmt
	scratch *Store
}

// Import makes the tables of a schema in an empty database, and returns what
// writes rows into them, in one transaction. The caller ends it with Commit or
// Close, and then opens the store as usual, which migrates it forward.
func Import(ctx context.Context, config Config, version int64) (_ *Importer, err error) {
	d := dialectOf(config.DSN)
	imp := &Importer{dialect: d, scratch: &Store{dialect: d}}
	if imp.db, imp.other, err = d.open(config.DSN); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, imp.Close())
		}
	}()
	if _, err := d.migrate(ctx, imp.db, config.Log, version); err != nil {
		return nil, err
	}
	if imp.tx, err = imp.db.BeginTx(ctx, nil); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	var rows int64
	if err := imp.tx.QueryRowContext(ctx, "SELECT count(*) FROM node").Scan(&rows); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if rows > 0 {
		return nil, fmt.Errorf("%w: there are rows already", ErrImport)
	}
	return imp, nil
}

// Table begins with a table. It must have the columns that were exported.
func (i *Importer) Table(ctx context.Context, name string, columns []Column) error {
	names, err := i.scratch.tables(ctx, i.tx)
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("%w: there is no table %.60q", ErrImport, name)
	}
	have, err := i.scratch.columns(ctx, i.tx, name)
	if err != nil {
		return err
	}
	i.columns = nil
	quoted, places := make([]string, len(columns)), make([]string, len(columns))
	for k, c := range columns {
		at := slices.IndexFunc(have, func(h Column) bool { return h.Name == c.Name })
		if at < 0 {
			return fmt.Errorf("%w: table %s has no column %.60q", ErrImport, name, c.Name)
		}
		i.columns = append(i.columns, have[at])
		quoted[k], places[k] = c.Name, fmt.Sprintf("$%d", k+1)
	}
	if i.insert != nil {
		_ = i.insert.Close() // the next one takes its place
	}
	query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", name, strings.Join(quoted, ", "), strings.Join(places, ", "))
	i.insert, err = i.tx.PrepareContext(ctx, query)
	return err
}

// Row writes one row of the table that was begun.
func (i *Importer) Row(ctx context.Context, values []any) error {
	if i.insert == nil || len(values) != len(i.columns) {
		return fmt.Errorf("%w: a row of %d values for %d columns", ErrImport, len(values), len(i.columns))
	}
	row := slices.Clone(values)
	for k, c := range i.columns {
		n, whole := row[k].(int64)
		switch {
		case c.Type == "BOOLEAN" && whole:
			row[k] = n != 0
		case c.Type == "BYTEA" && row[k] != nil:
			if b, ok := row[k].([]byte); ok && len(b) == 0 {
				row[k] = []byte{}
			}
		}
	}
	if _, err := i.insert.ExecContext(ctx, row...); err != nil {
		return fmt.Errorf("%w: %w", ErrImport, err)
	}
	return nil
}

// Commit makes all rows durable.
func (i *Importer) Commit() error {
	if err := i.tx.Commit(); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

// Close ends what was not committed, and disconnects.
func (i *Importer) Close() error {
	var errs []error
	if i.tx != nil {
		if err := i.tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, i.other.Close(), i.db.Close())...)
}

func dialectOf(dsn string) dialect {
	if isPostgres(dsn) {
		return postgresDialect
	}
	return sqliteDialect
}

// OpenForExport opens data for Export alone, beside the process that owns
// them, which is not disturbed. It returns whose they are too.
func OpenForExport(ctx context.Context, dsn string) (_ *Store, party []byte, err error) {
	found, err := Exists(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, fmt.Errorf("export: %w: there are no data", ErrNotFound)
	}
	s := &Store{dialect: dialectOf(dsn), closed: make(chan struct{})}
	if s.writeDB, s.readDB, err = s.dialect.open(dsn); err != nil {
		return nil, nil, fmt.Errorf("export: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.disconnect())
		}
	}()
	if err = s.readDB.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&s.version); err != nil {
		return nil, nil, fmt.Errorf("export: read the schema's version: %w", err)
	}
	if err = s.readDB.QueryRowContext(ctx, "SELECT party FROM node").Scan(&party); err != nil {
		return nil, nil, fmt.Errorf("export: read whose data these are: %w", err)
	}
	return s, party, nil
}
