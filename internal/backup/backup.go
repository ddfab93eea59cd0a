// Package backup writes all that a node has stored into one encrypted file, and
// reads it again.
//
// The file is for the seed alone (internal/vault). Inside it is gzip over lines
// of JSON: a header, for each table its columns and its rows, and an end with
// the number of rows. A file without its end is refused, as is one that was
// altered anywhere. The rows are in the words of no database, so that a backup
// of SQLite can be restored into PostgreSQL and the other way round.
//
// The caller owes it a Source that shows one moment, and to verify what it has
// written before it is relied on.
package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/vault"
)

// Format is the version of the file. Newer ones are refused.
const Format = 1

// maxLine bounds a line: a sealed transaction at its longest, as base64.
const maxLine = 16 << 20

// ErrFormat: a file that opens and is no backup, or one of a newer version.
var ErrFormat = errors.New("not a backup that this version can read")

// Header is what a backup says of itself.
type Header struct {
	Format  int       `json:"kofoBackup"`
	Made    time.Time `json:"made"`
	Party   string    `json:"party"`
	Schema  int64     `json:"schema"`
	Dialect string    `json:"dialect"`
	Version string    `json:"version"` // of the program
	// Config is the configuration file. It may hold passwords of back ends.
	Config []byte `json:"config,omitempty"`
	// SeedFile is the encrypted seed, where that was asked for.
	SeedFile []byte `json:"seedFile,omitempty"`
}

// Source shows the stored rows as they are at one moment; store.Store is one.
type Source interface {
	Export(ctx context.Context, table func(name string, columns []store.Column, rows int64) error, row func(values []any) error) error
}

// Sink takes the rows that are read; store.Importer is one.
type Sink interface {
	Table(ctx context.Context, name string, columns []store.Column) error
	Row(ctx context.Context, values []any) error
}

// Summary is what was written or read.
type Summary struct {
	Header Header
	Tables map[string]int64
	Rows   int64
	// Open swaps are those that a restore goes on with.
	Open int64
}

// line is one line of the file; exactly one part is set.
type line struct {
	Table   string         `json:"table,omitempty"`
	Columns []store.Column `json:"columns,omitempty"`
	Count   int64          `json:"count,omitempty"`
	Row     []cell         `json:"row,omitempty"`
	End     bool           `json:"end,omitempty"`
	Rows    int64          `json:"rows,omitempty"`
}

// cell is a value with its kind in front: i for whole numbers, t for text, b
// for bytes, n for none.
type cell string

func cellOf(v any) (cell, error) {
	switch v := v.(type) {
	case nil:
		return "n", nil
	case int64:
		return cell(fmt.Sprintf("i%d", v)), nil
	case string:
		return cell("t" + v), nil
	case []byte:
		return cell("b" + base64.StdEncoding.EncodeToString(v)), nil
	}
	return "", fmt.Errorf("%w: a value of type %T", ErrFormat, v)
}

func (c cell) value() (any, error) {
	kind, rest := byte(0), ""
	if len(c) > 0 {
		kind, rest = c[0], string(c[1:])
	}
	switch kind {
	case 'n':
		return nil, nil
	case 'i':
		var n int64
		if _, err := fmt.Sscanf(rest, "%d", &n); err != nil || fmt.Sprint(n) != rest {
			return nil, fmt.Errorf("%w: the number %.40q", ErrFormat, rest)
		}
		return n, nil
	case 't':
		return rest, nil
	case 'b':
		raw, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return raw, nil
	}
	return nil, fmt.Errorf("%w: a value of kind %q", ErrFormat, kind)
}

// Write writes a backup. Progress, which may be nil, is told the rows that are
// written and how many the tables known so far have.
func Write(ctx context.Context, to io.Writer, v *vault.Vault, h Header, from Source, progress func(done, of int64)) (Summary, error) {
	h.Format = Format
	sum := Summary{Header: h, Tables: map[string]int64{}}
	sealed, err := v.Encrypt(to)
	if err != nil {
		return sum, err
	}
	packed := gzip.NewWriter(sealed)
	out := json.NewEncoder(packed)
	out.SetEscapeHTML(false)
	if err := out.Encode(h); err != nil {
		return sum, fmt.Errorf("write the backup: %w", err)
	}
	w := &writer{out: out, sum: &sum, progress: progress}
	if err := from.Export(ctx, w.table, w.row); err != nil {
		return sum, fmt.Errorf("write the backup: %w", err)
	}
	err = out.Encode(line{End: true, Rows: sum.Rows})
	if err := errors.Join(err, packed.Close(), sealed.Close()); err != nil {
		return sum, fmt.Errorf("write the backup: %w", err)
	}
	return sum, nil
}

type writer struct {
	out      *json.Encoder
	sum      *Summary
	progress func(done, of int64)
	known    int64
	counter  counter
}

func (w *writer) table(name string, columns []store.Column, rows int64) error {
	w.known += rows
	w.counter = counter{name, columns}
	w.sum.Tables[name] = 0
	return w.out.Encode(line{Table: name, Columns: columns, Count: rows})
}

func (w *writer) row(values []any) error {
	cells := make([]cell, len(values))
	for i, v := range values {
		var err error
		if cells[i], err = cellOf(v); err != nil {
			return err
		}
	}
	w.counter.count(w.sum, values)
	if w.progress != nil {
		w.progress(w.sum.Rows, w.known)
	}
	return w.out.Encode(line{Row: cells})
}

// counter counts the rows of one table.
type counter struct {
	table   string
	columns []store.Column
}

func (c counter) count(sum *Summary, values []any) {
	sum.Rows++
	sum.Tables[c.table]++
	for i, column := range c.columns {
		if c.table == "swaps" && column.Name == "phase" && i < len(values) && values[i] != "closed" {
			sum.Open++
		}
	}
}

// Read reads a backup to its end and hands its rows to a sink; without one it
// only verifies. begin is told the header before any row.
func Read(ctx context.Context, from io.Reader, v *vault.Vault, begin func(Header) (Sink, error)) (Summary, error) {
	sum := Summary{Tables: map[string]int64{}}
	plain, err := v.Decrypt(from)
	if err != nil {
		return sum, err
	}
	unpacked, err := gzip.NewReader(plain)
	if err != nil {
		return sum, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	lines := bufio.NewScanner(unpacked)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	if !lines.Scan() {
		return sum, fmt.Errorf("%w: it is empty: %w", ErrFormat, errors.Join(lines.Err()))
	}
	if err := json.Unmarshal(lines.Bytes(), &sum.Header); err != nil || sum.Header.Format < 1 {
		return sum, fmt.Errorf("%w: it does not begin with a header", ErrFormat)
	}
	if sum.Header.Format > Format {
		return sum, fmt.Errorf("%w: format %d of version %.40q", ErrFormat, sum.Header.Format, sum.Header.Version)
	}
	r := &reader{sum: &sum}
	if begin != nil {
		if r.sink, err = begin(sum.Header); err != nil {
			return sum, err
		}
	}
	if err := r.all(ctx, lines); err != nil {
		return sum, err
	}
	// What stands behind the end is read too: only then is nothing cut off.
	if n, err := io.Copy(io.Discard, plain); err != nil || n > 0 {
		return sum, errors.Join(fmt.Errorf("%w: %d bytes behind its end", ErrFormat, n), err)
	}
	return sum, nil
}

type reader struct {
	sink    Sink
	sum     *Summary
	counter counter
	left    int64 // rows that the table still must have
	ended   bool
}

func (r *reader) all(ctx context.Context, lines *bufio.Scanner) error {
	for lines.Scan() {
		var l line
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			return fmt.Errorf("%w: line %.60q: %w", ErrFormat, lines.Text(), err)
		}
		if err := r.line(ctx, l); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if !r.ended {
		return fmt.Errorf("%w: its end is missing", vault.ErrDamaged)
	}
	return nil
}

func (r *reader) line(ctx context.Context, l line) error {
	switch {
	case r.ended:
		return fmt.Errorf("%w: something stands behind its end", ErrFormat)
	case l.End:
		if r.left != 0 || l.Rows != r.sum.Rows {
			return fmt.Errorf("%w: %d rows of %d", vault.ErrDamaged, r.sum.Rows, l.Rows)
		}
		r.ended = true
		return nil
	case l.Table != "":
		if r.left != 0 || strings.ContainsFunc(l.Table, notAName) || hasBadColumn(l.Columns) {
			return fmt.Errorf("%w: table %.40q", ErrFormat, l.Table)
		}
		r.left, r.counter = l.Count, counter{l.Table, l.Columns}
		r.sum.Tables[l.Table] = 0
		if r.sink != nil {
			return r.sink.Table(ctx, l.Table, l.Columns)
		}
		return nil
	}
	if r.left == 0 || len(l.Row) != len(r.counter.columns) {
		return fmt.Errorf("%w: a row of %d values in table %.40q", ErrFormat, len(l.Row), r.counter.table)
	}
	values := make([]any, len(l.Row))
	for i, c := range l.Row {
		var err error
		if values[i], err = c.value(); err != nil {
			return err
		}
	}
	r.left--
	r.counter.count(r.sum, values)
	if r.sink != nil {
		return r.sink.Row(ctx, values)
	}
	return nil
}

// notAName: names stand in statements.
func notAName(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' }

func hasBadColumn(columns []store.Column) bool {
	for _, c := range columns {
		if c.Name == "" || strings.ContainsFunc(c.Name, notAName) {
			return true
		}
	}
	return len(columns) == 0
}
