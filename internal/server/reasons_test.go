package server_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/api/sdk/reason"
)

const root = "../.."

// skipped folders hold no sources of ours that speak to a user.
var skipped = []string{"bin", "gen", "bindings", "sqlcgen", "testdata", "node_modules", "tools", "test", "devnet"}

// eachSource calls f for every Go file of the tree, tests or the rest.
func eachSource(t *testing.T, tests bool, skip []string, f func(path string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := filepath.Base(path); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || slices.Contains(skip, name)):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") != tests:
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		f(path, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var code = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)

// codeOf is the text of a literal that has the form of a reason.
func codeOf(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil && code.MatchString(text)
}

// named reports whether an expression is something called reason.
func named(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.HasPrefix(strings.ToLower(e.Name), "reason")
	case *ast.SelectorExpr:
		return strings.HasSuffix(e.Sel.Name, "Reason")
	}
	return false
}

// codesIn finds the literals that are given as reasons: as a field or a
// constant called so, in the wallet's list, by methods called Reason, and where an
// adapter makes the errors of what took a nonce.
func codesIn(file *ast.File) []string {
	var found []string
	add := func(e ast.Expr) {
		if text, ok := codeOf(e); ok {
			found = append(found, text)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if named(n.Key) {
				add(n.Value)
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if named(to) && i < len(n.Rhs) {
					add(n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			typed, isReason := n.Type.(*ast.Ident)
			for i, v := range n.Values {
				if named(n.Names[i]) || isReason && typed.Name == "Reason" {
					add(v)
				}
			}
		case *ast.CompositeLit:
			if typed, ok := n.Type.(*ast.Ident); ok && typed.Name == "inputError" && len(n.Elts) > 0 {
				add(n.Elts[0])
			}
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.Ident); ok && called.Name == "displaced" && len(n.Args) > 0 {
				add(n.Args[0])
			}
		case *ast.FuncDecl:
			if n.Name.Name == "Reason" && n.Recv != nil {
				ast.Inspect(n.Body, func(n ast.Node) bool {
					if r, ok := n.(*ast.ReturnStmt); ok {
						for _, e := range r.Results {
							add(e)
						}
					}
					return true
				})
			}
		}
		return true
	})
	return found
}

// TestEveryReasonIsInTheTable: whatever any package gives as a reason is
// explained, as a reason of calls or as a narrower code of the log.
func TestEveryReasonIsInTheTable(t *testing.T) {
	seen := map[string]bool{}
	eachSource(t, false, skipped, func(path string, file *ast.File) {
		if strings.Contains(filepath.ToSlash(path), "api/sdk/reason/") {
			return
		}
		for _, text := range codesIn(file) {
			seen[text] = true
			if _, ok := reason.Told(text); !ok {
				t.Errorf("%s gives the reason %s, which api/sdk/reason does not list", path, text)
			}
		}
	})
	for _, want := range []string{"COINS_RESERVED", "SEED_CHECKSUM", "CONFIG_SYNTAX", "BAD_CONFIG", "FEE_TOO_LOW", "DATA_NEWER", "ALREADY_RUNNING", "CHAIN_NOT_SYNCED"} {
		if !seen[want] {
			t.Errorf("the search misses %s", want)
		}
	}
	for _, d := range reason.Details() {
		if !seen[d.Code] {
			t.Errorf("nobody gives %s", d.Code)
		}
	}
}

// TestNoReasonIsIdle: a table with reasons that nobody gives misleads.
func TestNoReasonIsIdle(t *testing.T) {
	names := map[string]string{} // of the constants
	given := map[string]bool{}
	eachSource(t, false, skipped, func(path string, file *ast.File) {
		list := strings.Contains(filepath.ToSlash(path), "api/sdk/reason/")
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, v := range n.Values {
					if text, ok := codeOf(v); ok && list {
						names[n.Names[i].Name] = text
					}
				}
			case *ast.BasicLit:
				if text, ok := codeOf(n); ok && !list {
					given[text] = true
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "reason" && !list {
					given["."+n.Sel.Name] = true
				}
			}
			return true
		})
	})
	for name, text := range names {
		if !given[text] && !given["."+name] {
			t.Errorf("nobody gives %s", text)
		}
	}
}

// TestExitCodesAreThoseOfTheCommandLine, which the page on errors names.
func TestExitCodesAreThoseOfTheCommandLine(t *testing.T) {
	raw, err := os.ReadFile(root + "/cmd/kofo/app.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"Refused": reason.ExitRefused, "Unreachable": reason.ExitUnreachable} {
		found := regexp.MustCompile(`exit` + name + `\s*=\s*(?:reason\.Exit` + name + `|(\d))\b`).FindSubmatch(raw)
		if len(found) != 2 || len(found[1]) > 0 && string(found[1]) != strconv.Itoa(want) {
			t.Errorf("exit%s is not %d", name, want)
		}
	}
	if reason.NodeUnreachable.ExitCode() != reason.ExitUnreachable || reason.CoinsReserved.ExitCode() != reason.ExitRefused {
		t.Error("exit codes of reasons")
	}
}

// TestBadInputIsTested: every row of the page's table names reasons that exist
// and tests that exist and name these reasons.
func TestBadInputIsTested(t *testing.T) {
	raw, err := os.ReadFile(root + "/docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(raw), "## Bad input\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the page has no table of bad input")
	}
	files := map[string]string{} // by the test
	eachSource(t, true, []string{"testdata", "node_modules", "bin"}, func(path string, file *ast.File) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				files[filepath.ToSlash(strings.TrimPrefix(path, root+"/"))+" "+f.Name.Name] = path
			}
		}
	})
	rows := 0
	for line := range strings.Lines(section) {
		columns := strings.Split(line, "|")
		if len(columns) < 5 || !strings.Contains(columns[2], "`") {
			continue
		}
		rows++
		checkRow(t, quoted(columns[2]), quoted(columns[3]), files)
	}
	if rows < 15 {
		t.Errorf("%d rows of bad input", rows)
	}
}

var inQuotes = regexp.MustCompile("`([^`]+)`")

func quoted(text string) []string {
	var out []string
	for _, m := range inQuotes.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// checkRow: tests are named `folder TestName`.
func checkRow(t *testing.T, reasons, tests []string, files map[string]string) {
	t.Helper()
	if len(tests) == 0 {
		t.Errorf("no test shows %v", reasons)
	}
	shown := ""
	for _, test := range tests {
		folder, name, _ := strings.Cut(test, " ")
		path := ""
		for key, file := range files {
			if where, its, _ := strings.Cut(key, " "); its == name && filepath.ToSlash(filepath.Dir(where)) == folder {
				path = file
			}
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("no test %s", test)
			continue
		}
		shown += string(raw)
	}
	for _, r := range reasons {
		if _, ok := reason.Lookup(reason.Reason(r)); !ok {
			t.Errorf("%s is no reason", r)
		}
		// The constants are called so, those of the configuration without the head.
		name := strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(r), "_", ""), "config")
		if !strings.Contains(shown, r) && !strings.Contains(strings.ToLower(shown), name) {
			t.Errorf("%v do not assert %s", tests, r)
		}
	}
}

var command = regexp.MustCompile("`(kofod?) ([a-z]+)(?: ([a-z]+))?([^`]*)`")

// TestAdviceNamesCommandsThatExist, with flags that exist.
func TestAdviceNamesCommandsThatExist(t *testing.T) {
	sources := map[string]string{}
	for _, program := range []string{"kofo", "kofod"} {
		files, err := filepath.Glob(root + "/cmd/" + program + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources[program] += string(raw)
		}
	}
	found := 0
	for _, info := range reason.All() {
		for _, m := range command.FindAllStringSubmatch(info.Advice, -1) {
			found++
			source := sources[m[1]]
			// A group stands as the name of its helper, a command as its use.
			for _, word := range m[2:4] {
				if word != "" && !regexp.MustCompile(`"`+word+`[" \[]`).MatchString(source) {
					t.Errorf("%s advises %s, which has no %q", info.Reason, m[0], word)
				}
			}
			for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(m[4], -1) {
				if !strings.Contains(source, `"`+flag[1]+`"`) {
					t.Errorf("%s advises %s, which has no --%s", info.Reason, m[0], flag[1])
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("%d commands in the advice", found)
	}
}
