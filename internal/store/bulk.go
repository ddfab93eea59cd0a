package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// maxRows bounds one statement; a database takes some ten thousand parameters.
const maxRows = 64

const effectPending = "pending"

// bulk is a statement over many rows of values. A commit of many events is a
// handful of such statements: one statement per row would cost PostgreSQL a
// round trip each. sqlc has no portable form for it.
type bulk struct {
	// head, the rows as ($1, $2), ($3, $4) ..., tail.
	head, tail string
	// types of the columns, in PostgreSQL's words, where the head does not
	// imply them.
	types []string
	width int
}

var (
	addEvents = bulk{head: "INSERT INTO events (swap, seq, kind, body, at) VALUES ", width: 5}

	addEffects = bulk{
		head:  "INSERT INTO effects (swap, seq, idx, ord, kind, leg, detail, state) VALUES ",
		width: 8,
	}

	// Both databases name the columns of VALUES column1, column2 ...
	finishEffects = bulk{
		head:  "UPDATE effects SET state = 'done' FROM (VALUES ",
		tail:  ") AS v WHERE effects.swap = v.column1 AND effects.seq = v.column2 AND effects.idx = v.column3",
		types: []string{"BYTEA", "BIGINT", "BIGINT"},
		width: 3,
	}

	// id, expected version, version, phase, outcome, snapshot, time
	moveSwaps = bulk{
		head: `UPDATE swaps SET version = v.column3, phase = v.column4, outcome = v.column5, snapshot = v.column6,
			updated_at = CASE WHEN created_at > v.column7 THEN created_at ELSE v.column7 END FROM (VALUES `,
		tail:  ") AS v WHERE swaps.id = v.column1 AND swaps.version = v.column2",
		types: []string{"BYTEA", "BIGINT", "BIGINT", "TEXT", "TEXT", "BYTEA", "BIGINT"},
		width: 7,
	}
)

// exec runs the statement over all rows and returns how many it touched.
func (b bulk) exec(ctx context.Context, d dialect, tx *sql.Tx, rows [][]any) (int64, error) {
	touched := int64(0)
	for len(rows) > 0 {
		part := rows[:min(len(rows), maxRows)]
		rows = rows[len(part):]
		args := make([]any, 0, len(part)*b.width)
		for _, row := range part {
			args = append(args, row...)
		}
		result, err := tx.ExecContext(ctx, b.text(d, len(part)), args...)
		if err != nil {
			return touched, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return touched, err
		}
		touched += n
	}
	return touched, nil
}

// text writes the statement for n rows. The types of the first row hold for
// all.
func (b bulk) text(d dialect, n int) string {
	var out strings.Builder
	out.WriteString(b.head)
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('(')
		for c := range b.width {
			if c > 0 {
				out.WriteByte(',')
			}
			if i == 0 && b.types != nil {
				fmt.Fprintf(&out, "CAST($%d AS %s)", c+1, d.word(b.types[c]))
				continue
			}
			fmt.Fprintf(&out, "$%d", i*b.width+c+1)
		}
		out.WriteByte(')')
	}
	out.WriteString(b.tail)
	return out.String()
}
