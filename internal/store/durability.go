package store

import (
	"context"
	"fmt"
	"strings"
)

// Setting is one on which it depends whether a commit outlives a crash.
type Setting struct {
	Name, Value string
	// Durable: with this value it does.
	Durable bool
}

// durable are the settings of each database, the question for each, and the
// values with which a commit is durable.
var durable = map[string][]struct {
	name, ask string
	values    []string
}{
	"sqlite": {
		{"journal_mode", "PRAGMA journal_mode", []string{"wal", "delete", "truncate", "persist"}},
		{"synchronous", "PRAGMA synchronous", []string{"2", "3"}}, // full and extra
	},
	"postgres": {
		{"fsync", "SHOW fsync", []string{"on"}},
		{"synchronous_commit", "SHOW synchronous_commit", []string{"on", "local", "remote_write", "remote_apply"}},
		{"full_page_writes", "SHOW full_page_writes", []string{"on"}},
	},
}

// Durability asks the database for them, on a connection that writes.
func (s *Store) Durability(ctx context.Context) ([]Setting, error) {
	var out []Setting
	for _, d := range durable[s.Dialect()] {
		var value string
		if err := s.writeDB.QueryRowContext(ctx, d.ask).Scan(&value); err != nil {
			return nil, fmt.Errorf("ask the database for %s: %w", d.name, err)
		}
		setting := Setting{Name: d.name, Value: value}
		for _, good := range d.values {
			setting.Durable = setting.Durable || strings.EqualFold(value, good)
		}
		out = append(out, setting)
	}
	return out, nil
}
