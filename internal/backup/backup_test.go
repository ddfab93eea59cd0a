package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/internal/wallet"
)

func openVault(t testing.TB, words string) *vault.Vault {
	t.Helper()
	seed, err := wallet.ParseMnemonic(words)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

type tableRows struct {
	name    string
	columns []store.Column
	rows    [][]any
}

// fixed is a store with these tables.
type fixed []tableRows

func (f fixed) Export(_ context.Context, table func(string, []store.Column, int64) error, row func([]any) error) error {
	for _, t := range f {
		if err := table(t.name, t.columns, int64(len(t.rows))); err != nil {
			return err
		}
		for _, r := range t.rows {
			if err := row(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// kept remembers what it is given.
type kept struct{ tables fixed }

func (k *kept) Table(_ context.Context, name string, columns []store.Column) error {
	k.tables = append(k.tables, tableRows{name: name, columns: columns})
	return nil
}

func (k *kept) Row(_ context.Context, values []any) error {
	last := &k.tables[len(k.tables)-1]
	last.rows = append(last.rows, values)
	return nil
}

func source() fixed {
	return fixed{
		{"node", []store.Column{{Name: "id", Type: "BIGINT"}, {Name: "party", Type: "BYTEA"}}, [][]any{{int64(1), bytes.Repeat([]byte{7}, 32)}}},
		{"swaps", []store.Column{{Name: "phase", Type: "TEXT"}, {Name: "n", Type: "BIGINT"}}, [][]any{
			{"agreed", int64(-5)}, {"closed", nil}, {"line\nbreak \"quoted\" <&>", int64(9007199254740993)},
		}},
		{"empty", []store.Column{{Name: "x", Type: "TEXT"}}, nil},
	}
}

func write(t testing.TB, v *vault.Vault, from Source) []byte {
	t.Helper()
	var out bytes.Buffer
	h := Header{Made: time.Unix(1_900_000_000, 0).UTC(), Party: "p", Schema: 3, Dialect: "sqlite", Config: []byte("a: b"), SeedFile: []byte{1, 2}}
	if _, err := Write(t.Context(), &out, v, h, from, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	v := openVault(t, words)
	var out bytes.Buffer
	var last [2]int64
	wrote, err := Write(t.Context(), &out, v, Header{Party: "p", Schema: 3}, source(), func(done, of int64) { last = [2]int64{done, of} })
	if err != nil || last != [2]int64{4, 4} {
		t.Fatalf("%v, progress %v", err, last)
	}
	var sink kept
	read, err := Read(t.Context(), &out, v, func(h Header) (Sink, error) {
		if h.Party != "p" || h.Schema != 3 {
			t.Errorf("header %+v", h)
		}
		return &sink, nil
	})
	if err != nil || !reflect.DeepEqual(read, wrote) || read.Open != 2 || read.Rows != 4 {
		t.Fatalf("%v: %+v, wrote %+v", err, read, wrote)
	}
	if !reflect.DeepEqual(sink.tables, source()) {
		t.Errorf("rows\n%v, want\n%v", sink.tables, source())
	}
}

// Every cut and every altered byte is found, and nothing of it is taken for
// the whole.
func TestDamageIsFound(t *testing.T) {
	v := openVault(t, words)
	whole := write(t, v, source())
	for cut := 0; cut < len(whole); cut += 7 {
		if _, err := Read(t.Context(), bytes.NewReader(whole[:cut]), v, nil); err == nil {
			t.Fatalf("cut at %d of %d", cut, len(whole))
		}
	}
	for at := 0; at < len(whole); at += 5 {
		bad := bytes.Clone(whole)
		bad[at] ^= 4
		if _, err := Read(t.Context(), bytes.NewReader(bad), v, nil); err == nil {
			t.Fatalf("altered at %d of %d", at, len(whole))
		}
	}
	if _, err := Read(t.Context(), bytes.NewReader(append(bytes.Clone(whole), 'x')), v, nil); err == nil {
		t.Fatal("something behind its end")
	}
	other := openVault(t, "legal winner thank year wave sausage worth useful legal winner thank yellow")
	if _, err := Read(t.Context(), bytes.NewReader(whole), other, nil); !errors.Is(err, vault.ErrForeign) {
		t.Fatalf("another seed: %v", err)
	}
}

// sealed packs lines that no writer of ours makes.
func sealed(t testing.TB, v *vault.Vault, text string) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w, err := v.Encrypt(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(packed(t, text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestWrongContentIsRefused(t *testing.T) {
	v := openVault(t, words)
	const head = `{"kofoBackup":1}` + "\n"
	const table = `{"table":"a","columns":[{"Name":"x","Type":"TEXT"}],"count":1}` + "\n"
	for name, text := range map[string]string{
		"empty":         "",
		"no header":     table,
		"newer":         `{"kofoBackup":2}` + "\n",
		"no end":        head + table + `{"row":["tx"]}` + "\n",
		"row missing":   head + table + `{"end":true}` + "\n",
		"row too many":  head + table + `{"row":["tx"]}` + "\n" + `{"row":["tx"]}` + "\n" + `{"end":true,"rows":2}` + "\n",
		"cells":         head + table + `{"row":["tx","ty"]}` + "\n",
		"kind":          head + table + `{"row":["x"]}` + "\n",
		"number":        head + table + `{"row":["i1x"]}` + "\n",
		"bytes":         head + table + `{"row":["b!"]}` + "\n",
		"table's name":  head + strings.Replace(table, `"a"`, `"a;drop"`, 1),
		"column's name": head + strings.Replace(table, `"x"`, `"x)"`, 1),
		"behind":        head + `{"end":true}` + "\n" + table,
		"unknown":       head + `{"what":1}` + "\n",
	} {
		if _, err := Read(t.Context(), sealed(t, v, text), v, nil); !errors.Is(err, ErrFormat) && !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(t.Context(), sealed(t, v, head+`{"end":true}`+"\n"), v, nil); err != nil {
		t.Errorf("an empty backup: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	v := openVault(f, words)
	f.Add(`{"kofoBackup":1}` + "\n" + `{"table":"a","columns":[{"Name":"x","Type":"TEXT"}],"count":1}` + "\n" + `{"row":["tx"]}` + "\n" + `{"end":true,"rows":1}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		var sink kept
		sum, err := Read(t.Context(), sealed(t, v, text), v, func(Header) (Sink, error) { return &sink, nil })
		var rows int64
		for _, table := range sink.tables {
			rows += int64(len(table.rows))
		}
		if err == nil && rows != sum.Rows {
			t.Fatalf("%d rows of %d", rows, sum.Rows)
		}
	})
}
