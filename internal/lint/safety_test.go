package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// safetyRow is one fault of docs/safety.md.
type safetyRow struct {
	id, state string
	tests     []string // said to exist
	toWrite   []string // said not to exist yet
}

var (
	safetyRowLine  = regexp.MustCompile(`(?m)^\| ([A-D][0-9]+) \|.*$`)
	safetyTestName = regexp.MustCompile("`(TestSafety_([A-D][0-9]+)_[A-Za-z0-9_]+)`")
)

// parseSafety reads the tables of docs/safety.md.
func parseSafety(doc string) (rows []safetyRow, problems []string) {
	seen := map[string]bool{}
	for _, m := range safetyRowLine.FindAllStringSubmatch(doc, -1) {
		cells := strings.Split(strings.Trim(m[0], "|"), "|")
		row := safetyRow{id: m[1], state: strings.TrimSpace(cells[len(cells)-1])}
		if len(cells) != 5 {
			problems = append(problems, fmt.Sprintf("%s: %d cells, want 5", row.id, len(cells)))
			continue
		}
		if seen[row.id] {
			problems = append(problems, row.id+" stands twice")
		}
		seen[row.id] = true
		if row.state != "open" && row.state != "done" {
			problems = append(problems, fmt.Sprintf("%s: state %q, want open or done", row.id, row.state))
		}
		existing, missing, _ := strings.Cut(cells[3], "to write:")
		row.tests, row.toWrite = testNames(existing), testNames(missing)
		for _, name := range slices.Concat(row.tests, row.toWrite) {
			if !strings.HasPrefix(name, "TestSafety_"+row.id+"_") {
				problems = append(problems, fmt.Sprintf("%s names %s, a test of another row", row.id, name))
			}
		}
		if len(row.tests)+len(row.toWrite) == 0 {
			problems = append(problems, row.id+" names no test")
		}
		if row.state == "done" && len(row.toWrite) > 0 {
			problems = append(problems, row.id+" is done with a test to write")
		}
		rows = append(rows, row)
	}
	return rows, problems
}

func testNames(cell string) (names []string) {
	for _, m := range safetyTestName.FindAllStringSubmatch(cell, -1) {
		names = append(names, m[1])
	}
	return names
}

// checkSafety compares the page with the tests that exist.
func checkSafety(rows []safetyRow, exist map[string]string) []string {
	var problems []string
	listed := map[string]bool{}
	for _, r := range rows {
		for _, name := range r.tests {
			listed[name] = true
			if exist[name] == "" {
				problems = append(problems, fmt.Sprintf("%s names %s, which does not exist", r.id, name))
			}
		}
		for _, name := range r.toWrite {
			listed[name] = true
			if exist[name] != "" {
				problems = append(problems, fmt.Sprintf("%s has %s to write, but it is in %s", r.id, name, exist[name]))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exist)) {
		if !listed[name] {
			problems = append(problems, fmt.Sprintf("%s in %s is in no row of docs/safety.md", name, exist[name]))
		}
	}
	return problems
}

// safetyTests maps each TestSafety_ function of the tree to its file.
func safetyTests(t *testing.T) map[string]string {
	t.Helper()
	root := repoRoot(t)
	exist := map[string]string{}
	for _, rel := range treeFiles(t, root, "_test.go") {
		for _, name := range testFunctions(t, rel, read(t, root, rel)) {
			// A row may have a test of one name on each chain.
			exist[name] = rel
		}
	}
	return exist
}

func testFunctions(t *testing.T, rel, src string) []string {
	t.Helper()
	if !strings.Contains(src, "TestSafety_") {
		return nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), rel, src, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%s: %v", rel, err)
		return nil
	}
	var names []string
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "TestSafety_") {
			names = append(names, fn.Name.Name)
		}
	}
	return names
}

func TestSafetyPage(t *testing.T) {
	rows, problems := parseSafety(read(t, repoRoot(t), "docs/safety.md"))
	if problems = append(problems, checkSafety(rows, safetyTests(t))...); len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.id[:1]]++
	}
	want := map[string]int{"A": 13, "B": 6, "C": 10, "D": 13}
	if !maps.Equal(counts, want) {
		t.Errorf("rows by letter %v, want %v: a row is never dropped", counts, want)
	}
}

func TestSafetyPageChecksBite(t *testing.T) {
	const x = "TestSafety_A1_X"
	has := map[string]string{x: "a_test.go"}
	cases := []struct {
		name, doc, want string
		exist           map[string]string
	}{
		{"name without test", "| A1 | f | r | `" + x + "` | open |", "does not exist", nil},
		{"unlisted test", "| A1 | f | r | to write: `TestSafety_A1_Y` | open |", "in no row", has},
		{"written test", "| A1 | f | r | to write: `" + x + "` | open |", "but it is in a_test.go", has},
		{"done too early", "| A1 | f | r | `" + x + "` to write: `TestSafety_A1_Y` | done |", "done with a test to write", has},
		{"other row's test", "| A1 | f | r | to write: `TestSafety_A2_X` | open |", "another row", nil},
		{"no test", "| A1 | f | r | none | open |", "names no test", nil},
		{"state", "| A1 | f | r | `" + x + "` | soon |", "want open or done", has},
		{"cells", "| A1 | f | r | x | `" + x + "` | open |", "want 5", nil},
		{"twice", "| A1 | f | r | `" + x + "` | open |\n| A1 | f | r | `" + x + "` | open |", "twice", has},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rows, problems := parseSafety(c.doc)
			problems = append(problems, checkSafety(rows, c.exist)...)
			if len(problems) != 1 || !strings.Contains(problems[0], c.want) {
				t.Errorf("found %q, want one problem with %q", problems, c.want)
			}
		})
	}
	rows, problems := parseSafety("| A1 | f | r | `" + x + "` | done |")
	problems = append(problems, checkSafety(rows, has)...)
	if len(problems) != 0 {
		t.Errorf("found %q in a good page", problems)
	}
}
