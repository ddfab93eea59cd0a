package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxFileLines is the length from which a source file is split. Tests and
// generated files are exempt.
const maxFileLines = 500

// clockFunctions are what package time offers besides plain values.
var clockFunctions = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker",
}

// isPure reports whether a file belongs to the code that may not know about
// time, scheduling or floating point: the swap core and the claim protocol.
func isPure(rel string) bool {
	if strings.HasSuffix(rel, "_test.go") {
		return false
	}
	return strings.HasPrefix(rel, "htlc/") || strings.HasPrefix(rel, "exchange/claim/")
}

// checkSource returns what is wrong with one Go file.
func checkSource(rel, src string) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	if ast.IsGenerated(file) {
		return nil
	}
	var found []string
	if !strings.HasSuffix(rel, "_test.go") {
		if lines := strings.Count(src, "\n"); lines > maxFileLines {
			found = append(found, fmt.Sprintf("%s: %d lines, at most %d", rel, lines, maxFileLines))
		}
	}
	if isPure(rel) {
		found = append(found, checkPure(fset, file)...)
	}
	return found
}

// checkPure finds what imports alone do not show: a goroutine needs no import,
// and package time is allowed for its values but not for its clock.
func checkPure(fset *token.FileSet, file *ast.File) []string {
	clock := importName(file, "time")
	var found []string
	report := func(n ast.Node, what string) {
		found = append(found, fmt.Sprintf("%s: %s in the pure core", fset.Position(n.Pos()), what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "go statement")
		case *ast.SelectStmt:
			report(n, "select statement")
		case *ast.ChanType:
			report(n, "channel")
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if ok && clock != "" && pkg.Name == clock && slices.Contains(clockFunctions, n.Sel.Name) {
				report(n, "clock time."+n.Sel.Name)
			}
		case *ast.Ident:
			if n.Name == "float32" || n.Name == "float64" {
				report(n, n.Name)
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT {
				report(n, "floating-point literal "+n.Value)
			}
		}
		return true
	})
	return found
}

// importName is the name by which a file refers to an import, "" if it has none.
func importName(file *ast.File, path string) string {
	for _, imp := range file.Imports {
		if p, err := strconv.Unquote(imp.Path.Value); err != nil || p != path {
			continue
		}
		if imp.Name != nil {
			return imp.Name.Name
		}
		return path
	}
	return ""
}

func TestSources(t *testing.T) {
	root := repoRoot(t)
	files := treeFiles(t, root, ".go")
	if len(files) == 0 {
		t.Fatal("found no Go file")
	}
	for _, rel := range files {
		for _, problem := range checkSource(rel, read(t, root, rel)) {
			t.Error(problem)
		}
	}
}

// godox looks at Go only.
func TestNothingIsLeftForLater(t *testing.T) {
	root := repoRoot(t)
	mark := regexp.MustCompile(`\b(TODO|FIXME|HACK|XXX)\b`)
	for _, rel := range treeFiles(t, root, ".mjs", ".proto", ".sh", ".sol", ".sql") {
		if m := mark.FindString(read(t, root, rel)); m != "" {
			t.Errorf("%s says %s", rel, m)
		}
	}
}

func TestSourceChecksBite(t *testing.T) {
	long := "package p\n" + strings.Repeat("\n", maxFileLines)
	cases := []struct {
		name, file, src, want string
	}{
		{"length", "monitor/a.go", long, "501 lines"},
		{"go", "htlc/a.go", "package p\nfunc f() { go f() }\n", "go statement"},
		{"go in claim", "exchange/claim/a.go", "package p\nfunc f() { go f() }\n", "go statement"},
		{"select", "htlc/a.go", "package p\nfunc f() { select {} }\n", "select statement"},
		{"channel", "htlc/a.go", "package p\nvar c chan int\n", "channel"},
		{"clock", "htlc/a.go", "package p\nimport \"time\"\nvar t = time.Now()\n", "clock time.Now"},
		{"renamed clock", "htlc/a.go", "package p\nimport x \"time\"\nvar t = x.Since\n", "clock time.Since"},
		{"float", "htlc/a.go", "package p\nvar x float64\n", "float64"},
		{"float literal", "htlc/a.go", "package p\nconst x = 0.5\n", "floating-point literal"},
		{"syntax", "htlc/a.go", "package\n", "expected"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := checkSource(c.file, c.src)
			if len(found) != 1 || !strings.Contains(found[0], c.want) {
				t.Errorf("found %q, want one problem with %q", found, c.want)
			}
		})
	}
}

func TestSourceChecksLetPass(t *testing.T) {
	long := strings.Repeat("\n", maxFileLines)
	cases := []struct{ name, file, src string }{
		{"durations", "htlc/a.go", "package p\nimport \"time\"\nconst d = time.Hour\n"},
		{"clock outside", "monitor/a.go", "package p\nimport \"time\"\nvar t = time.Now()\n"},
		{"goroutine in a test", "htlc/a_test.go", "package p\nfunc f() { go f() }\n"},
		{"long test", "htlc/a_test.go", "package p\n" + long},
		{"long generated", "htlc/a.go", "// Code generated by x. DO NOT EDIT.\n\npackage p\n" + long},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if found := checkSource(c.file, c.src); len(found) != 0 {
				t.Errorf("found %q, want nothing", found)
			}
		})
	}
}
