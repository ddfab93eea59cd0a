package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var root = filepath.Join("..", "..")

const benchmarkLog = `goos: linux
goarch: amd64
pkg: github.com/kofo-network/kofo/test/bench
cpu: Some CPU
BenchmarkApply/callers=1-2         	     663	   2648731 ns/op	       377.5 events/s
BenchmarkApply/callers=1-2         	     700	   2000000 ns/op	       500 events/s
BenchmarkStart-2   	       1	16495992510 ns/op	        45.95 grown-MB	         1.576 start-s
PASS
ok  	github.com/kofo-network/kofo/test/bench	12.039s
`

const tableLog = `=== RUN   TestGas
    gas_test.go:263: fork set: everything up to and with Osaka active from genesis, Amsterdam and Bogota off
    gas_test.go:289: gas                                                      Osaka   at most Amsterdam
    gas_test.go:291: native: fund, fresh lane                             47165     48000    150000
    gas_test.go:291: worst: native fund, fresh lane, longest terms        47537         0    150372
--- PASS: TestGas (0.41s)
`

func measured(t *testing.T) measurements {
	t.Helper()
	var all measurements
	if err := parseTable([]byte(tableLog), tables()[0], &all); err != nil {
		t.Fatal(err)
	}
	if err := parseBenchmarks([]byte(benchmarkLog), "test/bench", &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestParse(t *testing.T) {
	all := measured(t)
	for _, want := range []struct {
		folder, name, unit string
		values             []float64
	}{
		{"adapters/evm/contracts", "TestGas/native: fund, fresh lane", gas, []float64{47165}},
		{"adapters/evm/contracts", "TestGas/worst: native fund, fresh lane, longest terms", gasLater, []float64{150372}},
		{"test/bench", "Apply/callers=1", "events/s", []float64{377.5, 500}},
		{"test/bench", "Apply/callers=1", perOp, []float64{2648731, 2000000}},
		{"test/bench", "Start", "start-s", []float64{1.576}},
		{"test/bench", "Start", "grown-MB", []float64{45.95}},
		{"test/bench", "Other", perOp, nil},
	} {
		if got := all.get(want.folder, want.name, want.unit); !slices.Equal(got, want.values) {
			t.Errorf("%s %s: %v, want %v", want.name, want.unit, got, want.values)
		}
	}
	if err := parseTable([]byte("--- PASS: TestGas (0.41s)\n"), tables()[0], &all); err == nil {
		t.Error("a table without figures was taken")
	}
}

func TestJudge(t *testing.T) {
	promised := []number{
		{"events", atLeast, 400, "1/s", "test/bench", "Apply/callers=1", "events/s", 1},
		{"event", atMost, 2, "ms", "test/bench", "Apply/callers=1", perOp, 1e-6},
		{"other", atMost, 2, "ms", "test/bench", "Other", perOp, 1e-6},
	}
	figures, missing := judge(promised, measured(t))
	if len(missing) != 1 || !strings.Contains(missing[0], "other") {
		t.Errorf("missing %q", missing)
	}
	if len(figures) != 2 || !figures[0].Met || figures[0].Measured != 438.75 || figures[1].Met || figures[1].Least != 2 || figures[1].Runs != 2 {
		t.Errorf("%+v", figures)
	}
	err := report{Numbers: figures}.missed()
	if err == nil || strings.Contains(err.Error(), "events") || !strings.Contains(err.Error(), "event: 2.32") {
		t.Error(err)
	}
}

func TestPageIsDeterministic(t *testing.T) {
	all := measured(t)
	promised := []number{
		{"lock", atMost, 48_000, gas, "adapters/evm/contracts", "TestGas/native: fund, fresh lane", gas, 1},
		{"event", atMost, 2, "ms", "test/bench", "Apply/callers=1", perOp, 1e-6},
	}
	r := report{Date: time.Unix(1_700_000_000, 0), Commit: "abc", Dirty: true, Note: "a build", All: all, Machine: machine{Cores: 2, Load: 3}}
	r.Numbers, _ = judge(promised, all)
	first := page(r)
	for range 20 {
		if page(r) != first {
			t.Fatal("two pages of one report differ")
		}
	}
	for _, want := range []string{
		"| lock | at most 48,000 gas | 47,165 gas | exact | yes | `TestGas` in `adapters/evm/contracts` |",
		"| event | at most 2 ms | 2.32 ms | 2 to 2.65, 2 runs | **no** | `BenchmarkApply/callers=1` in `test/bench` |",
		"| `test/bench` | `Start` | 16.5 s, 46.0 grown-MB, 1.58 start-s |",
		"| native: fund, fresh lane | 47,165 | 48,000 | 150,000 |",
		"| worst: native fund, fresh lane, longest terms | 47,537 |  | 150,372 |",
		"2023-11-14 22:13 UTC", "`abc`, with uncommitted changes", "busy with something else", "| What else was running | a build |",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		value      float64
		unit, want string
	}{
		{47165, gas, "47,165"}, {142.25, vbytes, "142.25"}, {99, vbytes, "99.00"}, {1234567.8, "1/s", "1,234,568"},
		{12.345, "ms", "12.3"}, {1.2345, "ms", "1.23"}, {0.01234, "ms", "0.012"}, {0, "ms", "0"}, {100, "ms", "100"},
	} {
		if got := format(c.value, c.unit); got != c.want {
			t.Errorf("%v %s: %s, want %s", c.value, c.unit, got, c.want)
		}
	}
}

// The page of the tree is the one that its JSON gives.
func TestPageIsOfItsJSON(t *testing.T) {
	r, err := read(root)
	if err != nil {
		t.Fatal(err)
	}
	_, text := paths(root)
	got, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page(r) {
		t.Error("docs/benchmarks.md is not what docs/benchmarks.json gives; run tools/bench with -page")
	}
}

// benchmarksOfTree are the Benchmark functions of the product's module, by
// folder.
func benchmarksOfTree(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Benchmark\w+)\(b \*testing\.B\)`)
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", "node_modules", "tools"}, d.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, match := range function.FindAllSubmatch(source, -1) {
			found[filepath.ToSlash(folder)+" "+string(match[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// No benchmark of the tree is left out, and none in the plan is gone.
func TestPlanHasEveryBenchmark(t *testing.T) {
	planned := map[string]bool{}
	for _, r := range runs() {
		for _, name := range r.names {
			planned[r.folder+" "+name] = true
		}
	}
	for _, n := range numbers() {
		name, _, _ := strings.Cut(n.name, "/")
		if !strings.HasPrefix(name, "Test") && !planned[n.folder+" Benchmark"+name] {
			t.Errorf("no run measures %q", n.what)
		}
	}
	found := benchmarksOfTree(t)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !planned[name] {
			t.Errorf("%s is in no run of the plan", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		if !found[name] {
			t.Errorf("%s is planned but not in the tree", name)
		}
	}
}

func TestOnly(t *testing.T) {
	r := run{folder: "a", names: []string{"BenchmarkOne", "BenchmarkTwo"}, time: "1x", count: 1}
	if got := r.only(regexp.MustCompile("Two")); !slices.Equal(got.names, []string{"BenchmarkTwo"}) {
		t.Errorf("%q", got.names)
	}
}
