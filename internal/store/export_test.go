package store_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/internal/store"
)

// carried is what an export gives, table by table.
type carried struct {
	names   []string
	columns map[string][]store.Column
	rows    map[string][][]any
}

func export(t *testing.T, s *store.Store) carried {
	t.Helper()
	c := carried{columns: map[string][]store.Column{}, rows: map[string][][]any{}}
	must(t, s.Export(ctx, func(name string, columns []store.Column, rows int64) error {
		c.names = append(c.names, name)
		c.columns[name] = columns
		c.rows[name] = make([][]any, 0, rows)
		return nil
	}, func(values []any) error {
		last := c.names[len(c.names)-1]
		c.rows[last] = append(c.rows[last], values)
		return nil
	}))
	return c
}

// carry writes an export into an empty database.
func carry(t *testing.T, c carried, version int64, dsn string) {
	t.Helper()
	imp, err := store.Import(ctx, config(t, dsn), version)
	must(t, err)
	for _, name := range c.names {
		must(t, imp.Table(ctx, name, c.columns[name]))
		for _, r := range c.rows[name] {
			must(t, imp.Row(ctx, r))
		}
	}
	must(t, imp.Commit())
	must(t, imp.Close())
}

// testExport carries a store with a row in every table into an empty database,
// while it is open, and finds everything again.
func testExport(t *testing.T, from, to string) {
	s := open(t, from)
	fill(t, s)
	beside, party, err := store.OpenForExport(ctx, from)
	must(t, err)
	if len(party) != 32 || beside.Version() != s.Version() {
		t.Fatalf("party %x, schema %d", party, beside.Version())
	}
	c := export(t, beside)
	must(t, beside.Close())
	must(t, s.Commit(ctx, batch(fresh(t, 9)))) // it was not taken over
	for _, name := range c.names {
		if len(c.rows[name]) == 0 {
			t.Errorf("table %s is empty: fill writes into every table", name)
		}
	}
	carry(t, c, int64(s.Version()), to)
	again := open(t, to)
	checkRest(t, again)
	if got := len(active(t, again)); got != 3 {
		t.Errorf("%d swaps are open", got)
	}
	second := export(t, again)
	if !reflect.DeepEqual(c.names, second.names) {
		t.Errorf("tables %v, were %v", second.names, c.names)
	}
	for name := range c.rows {
		if len(c.rows[name]) != len(second.rows[name]) {
			t.Errorf("table %s: %d rows, were %d", name, len(second.rows[name]), len(c.rows[name]))
		}
	}
	_, err = store.Import(ctx, config(t, to), int64(s.Version()))
	wantErr(t, err, store.ErrImport)
}

func TestExportSQLite(t *testing.T) { testExport(t, sqliteDSN(t), sqliteDSN(t)) }

func TestImportRefusals(t *testing.T) {
	dsn := sqliteDSN(t)
	if found, err := store.Exists(ctx, dsn); err != nil || found {
		t.Fatalf("found %t: %v", found, err)
	}
	if _, _, err := store.OpenForExport(ctx, dsn); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("export of nothing: %v", err)
	}
	_, err := store.Import(ctx, config(t, dsn), 9999)
	wantErr(t, err, store.ErrDataNewer)
	imp, err := store.Import(context.Background(), config(t, dsn), 0)
	must(t, err)
	defer func() { must(t, imp.Close()) }()
	for name, columns := range map[string][]store.Column{"nothing": {{Name: "id"}}, "node": {{Name: "what"}}, "writers": {{Name: "slot"}}} {
		if err := imp.Table(ctx, name, columns); !errors.Is(err, store.ErrImport) {
			t.Errorf("table %s: %v", name, err)
		}
	}
	must(t, imp.Table(ctx, "node", []store.Column{{Name: "id"}, {Name: "party"}, {Name: "created_at"}}))
	if err := imp.Row(ctx, []any{int64(1)}); !errors.Is(err, store.ErrImport) {
		t.Errorf("a short row: %v", err)
	}
	if err := imp.Row(ctx, []any{int64(1), []byte{1}, int64(0)}); !errors.Is(err, store.ErrImport) {
		t.Errorf("a bad value: %v", err)
	}
}
