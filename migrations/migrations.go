// Package migrations holds the numbered migrations of the store, for SQLite
// and PostgreSQL. They are written once, in PostgreSQL's words; the few that
// SQLite has other words for are replaced as the files are read.
//
// The caller owes it that a released migration is never changed: databases
// with swaps in flight have run it. A new one has the highest number: a database
// that is past a number is refused where a migration of that number turns up.
package migrations

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Postgres is the migrations as they are written.
func Postgres() fs.FS { return files }

// SQLite is the migrations in SQLite's words. Its tables are strict, so that
// it refuses values of a wrong type as PostgreSQL does.
func SQLite() fs.FS { return sqliteFS{} }

// sqliteWords has every difference between the two databases.
var sqliteWords = map[string]string{
	"BYTEA":   "BLOB",
	"BIGINT":  "INTEGER",
	"BOOLEAN": "INTEGER",
}

const strictMark = "/* strict */"

var word = regexp.MustCompile(`\b[A-Z]+\b`)

// SQLiteWord is what SQLite calls a type, given in PostgreSQL's words.
func SQLiteWord(w string) string {
	if other, ok := sqliteWords[w]; ok {
		return other
	}
	return w
}

func toSQLite(sql string) string {
	sql = word.ReplaceAllStringFunc(sql, SQLiteWord)
	return strings.ReplaceAll(sql, strictMark, " STRICT")
}

type sqliteFS struct{}

// Open implements fs.FS.
func (sqliteFS) Open(name string) (fs.File, error) {
	f, err := files.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read migration %s: %w", name, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read migration %s: %w", name, err)
	}
	text := []byte(toSQLite(string(raw)))
	return &file{Reader: bytes.NewReader(text), info: sized{FileInfo: info, size: int64(len(text))}}, nil
}

// file is a translated migration.
type file struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }
