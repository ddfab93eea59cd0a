package safety_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/safety"
)

var update = flag.Bool("update", false, "write the list")

var row = regexp.MustCompile(`(?m)^\| ([A-D][0-9]+) \|.*\| (open|done) \|$`)

func TestOpenRowsAreThoseOfTheCatalogue(t *testing.T) {
	page, err := os.ReadFile("../../docs/safety.md")
	if err != nil {
		t.Fatal(err)
	}
	found := row.FindAllSubmatch(page, -1)
	if len(found) < 40 {
		t.Fatalf("only %d rows were found", len(found))
	}
	var open []string
	for _, m := range found {
		if string(m[2]) == "open" {
			open = append(open, string(m[1]))
		}
	}
	if *update {
		var b strings.Builder
		b.WriteString("// Code generated from docs/safety.md. DO NOT EDIT.\n\npackage safety\n\n// OpenRows are the rows that are not done.\nvar OpenRows = []string{\n")
		for _, r := range open {
			fmt.Fprintf(&b, "\t%q,\n", r)
		}
		b.WriteString("}\n")
		if err := os.WriteFile("open_rows.go", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !slices.Equal(open, safety.OpenRows) {
		t.Errorf("open are %q, the list has %q; run go generate ./internal/safety", open, safety.OpenRows)
	}
}
