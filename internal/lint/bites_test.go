//go:build lint

package lint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kofo-network/kofo"

// broken is one file that breaks one rule. Each stands in a package of its own,
// so that no case can shadow or excuse another.
type broken struct {
	file    string
	imports []string // imported for their side effects, nothing else
	body    string   // a whole file, for rules that are not about imports
	linter  string
	rule    string // part of the linter's message that names the rule
}

// importCases breaks each depguard rule at least once. The paths of our own
// module end in target, a stub that imports nothing.
func importCases() []broken {
	own := func(file, rule string, imports ...string) broken {
		for i := range imports {
			imports[i] = module + "/" + imports[i]
		}
		return broken{file: file, imports: imports, linter: "depguard", rule: "'" + rule + "'"}
	}
	lib := func(file, rule string, imports ...string) broken {
		return broken{file: file, imports: imports, linter: "depguard", rule: "'" + rule + "'"}
	}
	cases := []broken{
		lib("htlc/thirdparty/a.go", "htlc-pure", "example.com/thirdparty"),
		own("htlc/adapters/a.go", "htlc-pure", "adapters"),
		own("htlc/tests/a_test.go", "htlc-tests", "monitor/target"),
		lib("exchange/claim/thirdparty/a.go", "claim-pure", "example.com/thirdparty"),
		own("exchange/claim/book/a.go", "claim-pure", "exchange/target"),
		own("exchange/claim/tests/a_test.go", "claim-tests", "exchange/target"),

		own("adapters/a.go", "adapters-standard", "internal/target"),
		own("adapters/adaptertest/evm/a.go", "adapters-adaptertest", "adapters/evm/target"),
		own("adapters/backend/evm/a.go", "adapters-backend", "adapters/evm/target"),
		own("adapters/backend/tests/a_test.go", "adapters-backend-tests", "adapters/evm/target"),
		own("adapters/bitcoin/evm/a.go", "adapters-bitcoin", "adapters/evm/target"),
		own("adapters/bitcoin/monitor/a.go", "adapters-bitcoin", "monitor/target"),
		own("adapters/bitcoin/suite/a.go", "adapters-bitcoin", "adapters/adaptertest/target"),
		own("adapters/bitcoin/tests/a_test.go", "adapters-bitcoin-tests", "adapters/evm/target"),
		own("adapters/evm/bitcoin/a.go", "adapters-evm", "adapters/bitcoin/target"),
		own("adapters/evm/monitor/a.go", "adapters-evm", "monitor/target"),
		own("adapters/evm/internals/a.go", "adapters-evm", "internal/target"),
		own("adapters/evm/tests/a_test.go", "adapters-evm-tests", "adapters/bitcoin/target"),

		own("monitor/evm/a.go", "monitor", "adapters/evm/target"),
		own("monitor/exchange/a.go", "monitor", "exchange/target"),
		own("monitor/server/a.go", "monitor", "internal/server/target"),
		own("monitor/tests/a_test.go", "monitor-tests", "exchange/target"),
		own("exchange/monitor/a.go", "exchange", "monitor/target"),
		own("exchange/evm/a.go", "exchange", "adapters/evm/target"),

		lib("adapters/evm/sdk/a.go", "ledger-stack", "github.com/cosmos/cosmos-sdk"),
		lib("monitor/comet/a.go", "ledger-stack", "github.com/cometbft/cometbft"),
		lib("internal/comet/a.go", "ledger-stack", "cosmossdk.io/math"),
		own("cmd/kofod/ledger/a.go", "ledger-stack", "clearance/target"),

		own("cmd/kofo/gen/a.go", "generated-api", "api/gen/target"),
		own("monitor/engine/gen/a.go", "generated-api", "api/gen/target"),
		own("internal/store/gen/a.go", "generated-api", "api/gen/target"),
		lib("api/sdk/thirdparty/a.go", "sdk-light", "example.com/thirdparty"),
		own("api/sdk/internals/a.go", "sdk-light", "internal/target"),

		own("internal/server/node/a.go", "node-wiring", "internal/node"),
		own("monitor/engine/node/a.go", "node-wiring", "internal/node"),
		own("internal/node/devnet/a.go", "devnet-use", "internal/devnet/target"),
		own("cmd/kofod/devnet/a.go", "devnet-use", "internal/devnet/target"),
		own("internal/target2/tests/a.go", "tests-stay-tests", "test/target"),

		lib("internal/node/otel/a.go", "traces", "go.opentelemetry.io/otel"),
		lib("monitor/otel/a.go", "traces", "go.opentelemetry.io/otel"),

		lib("internal/house/errors/a.go", "house", "github.com/pkg/errors"),
		lib("internal/house/log/a.go", "house", "log"),
	}
	// Of the standard library, what a pure package may not see.
	for _, std := range []string{
		"context", "crypto/rand", "database/sql", "log/slog", "math/rand", "math/rand/v2",
		"net/http", "os", "os/exec", "runtime/debug", "sync", "sync/atomic", "unsafe",
	} {
		leaf := strings.ReplaceAll(std, "/", "_")
		cases = append(cases,
			lib("htlc/std_"+leaf+"/a.go", "htlc-pure", std),
			lib("exchange/claim/std_"+leaf+"/a.go", "claim-pure", std))
	}
	return cases
}

// allowedImports is what the rules must let pass; an issue in any of them
// fails the test too.
func allowedImports() map[string][]string {
	return map[string][]string{
		"htlc/good/a.go":             {"crypto/ed25519", "crypto/sha256", "errors", "math/big", "time", module + "/htlc/target"},
		"htlc/good2/a_test.go":       {"os", "math/rand", "example.com/thirdparty", module + "/htlc/target"},
		"exchange/claim/good/a.go":   {"bytes", module + "/htlc/target", module + "/exchange/claim/target"},
		"adapters/bitcoin/good/a.go": {"context", "example.com/thirdparty", module + "/adapters", module + "/adapters/backend", module + "/adapters/bitcoin/target", module + "/htlc/target"},
		"adapters/bitcoin/good2/a_test.go": {
			module + "/adapters", module + "/adapters/adaptertest/target", module + "/internal/devnet/target",
		},
		"adapters/evm/good/a.go":         {module + "/adapters", module + "/adapters/evm/target", module + "/htlc/target"},
		"adapters/evm/good2/a_test.go":   {module + "/adapters/adaptertest/target", module + "/internal/devnet/target"},
		"adapters/adaptertest/good/a.go": {module + "/adapters", module + "/htlc/target", "testing"},
		"adapters/cosmos/good/a.go":      {"cosmossdk.io/api", module + "/htlc/target"},
		"monitor/good/a.go":              {"context", "log/slog", module + "/adapters", module + "/htlc/target"},
		"monitor/good2/a_test.go":        {module + "/adapters/evm/target"},
		"monitor/bus/good/a.go":          {module + "/api/gen/target"},
		"exchange/good/a.go":             {module + "/htlc/target", module + "/exchange/claim/target"},
		"exchange/p2p/good/a.go":         {module + "/api/gen/target"},
		"internal/server/good/a.go":      {module + "/api/gen/target"},
		"internal/agree/wire/a.go":       {module + "/api/gen/target"},
		"internal/demo/good/a.go":        {module + "/internal/devnet/target", module + "/api/sdk/target"},
		"internal/node/good/a.go":        {module + "/adapters/bitcoin/target", module + "/adapters/evm/target", module + "/monitor/target", module + "/exchange/target"},
		"internal/telemetry/good/a.go":   {"go.opentelemetry.io/otel"},
		"cmd/kofod/good/a.go":            {module + "/internal/node"},
		"cmd/kofo/good/a.go":             {module + "/internal/node", module + "/internal/devnet/target"},
		"test/e2e/good/a.go":             {module + "/internal/node", module + "/internal/devnet/target", module + "/api/gen/target", module + "/test/target"},
		"clearance/good/a.go":            {"github.com/cosmos/cosmos-sdk", "github.com/cometbft/cometbft", "cosmossdk.io/math"},
		"api/sdk/good/a.go":              {"context", "google.golang.org/grpc", "google.golang.org/protobuf", module + "/api/gen/target"},
	}
}

// source is the file of a case.
func (b broken) source() string {
	if b.body != "" {
		return b.body
	}
	return importing(b.imports)
}

func importing(imports []string) string {
	var s strings.Builder
	s.WriteString("// Package p is a case of the lint test.\npackage p\n\nimport (\n")
	sorted := slices.Sorted(slices.Values(imports))
	for _, i := range sorted {
		fmt.Fprintf(&s, "\t_ %q\n", i)
	}
	s.WriteString(")\n")
	return s.String()
}

// sandbox is a minimal copy of the tree: the real configuration, the cases, and
// an empty package for everything that they import.
type sandbox struct {
	t    *testing.T
	root string
	mods map[string]bool
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &sandbox{t: t, root: root, mods: map[string]bool{}}
	s.write(".golangci.yml", read(t, repoRoot(t), ".golangci.yml"))
	return s
}

func (s *sandbox) write(rel, content string) {
	s.t.Helper()
	file := filepath.Join(s.root, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// stub makes what a case imports exist: a package of our module, or a module
// of its own for a library.
func (s *sandbox) stub(imp string) {
	const empty = "// Package stub is imported by a case.\npackage stub\n"
	first, _, _ := strings.Cut(imp, "/")
	switch {
	case strings.HasPrefix(imp, module+"/"):
		if rel := strings.TrimPrefix(imp, module+"/"); rel != "adapters" {
			s.write(rel+"/stub.go", empty)
		}
	case strings.Contains(first, "."):
		s.mods[imp] = true
		s.write("stubs/"+imp+"/stub.go", empty)
		s.write("stubs/"+imp+"/go.mod", "module "+imp+"\n\ngo 1.26\n")
	}
}

func (s *sandbox) writeModule() {
	var mod strings.Builder
	fmt.Fprintf(&mod, "module %s\n\ngo 1.26\n", module)
	for _, m := range slices.Sorted(keys(s.mods)) {
		fmt.Fprintf(&mod, "require %s v0.0.0\nreplace %s => ./stubs/%s\n", m, m, m)
	}
	s.write("go.mod", mod.String())
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

type issue struct {
	FromLinter, Text string
	Pos              struct{ Filename string }
}

// lint runs the built linter; a missing linter is a failure, never a skip.
func (s *sandbox) lint() []issue {
	t := s.t
	t.Helper()
	tool := os.Getenv("KOFO_GOLANGCI_LINT")
	if tool == "" {
		tool = filepath.Join(repoRoot(t), "bin", "golangci-lint")
	}
	if _, err := os.Stat(tool); err != nil {
		t.Fatalf("the linter is not built, run tools/build.sh golangci-lint: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), tool, "run", "--output.json.path=stdout", "--show-stats=false", "./...")
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off", "GOSUMDB=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Fatalf("the linter ended with %d (%v), want 1 for issues\n%s", code, err, stderr.String())
	}
	var out struct{ Issues []issue }
	if err := json.NewDecoder(&stdout).Decode(&out); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return out.Issues
}

func TestLintBites(t *testing.T) {
	cases := slices.Concat(importCases(), codeCases())
	s := newSandbox(t)
	for _, c := range cases {
		s.write(c.file, c.source())
		for _, imp := range c.imports {
			s.stub(imp)
		}
	}
	allowed := allowedImports()
	for file, imports := range allowed {
		s.write(file, importing(imports))
		for _, imp := range imports {
			s.stub(imp)
		}
	}
	for file, body := range allowedCode() {
		s.write(file, body)
	}
	s.writeModule()

	byFile := map[string][]issue{}
	for _, i := range s.lint() {
		byFile[filepath.ToSlash(i.Pos.Filename)] = append(byFile[filepath.ToSlash(i.Pos.Filename)], i)
	}
	for _, c := range cases {
		t.Run(c.linter+"/"+path.Dir(c.file), func(t *testing.T) {
			named := func(i issue) bool { return i.FromLinter == c.linter && strings.Contains(i.Text, c.rule) }
			if !slices.ContainsFunc(byFile[c.file], named) {
				t.Errorf("%s breaks %s %s and the linter says %v", c.file, c.linter, c.rule, byFile[c.file])
			}
		})
		delete(byFile, c.file)
	}
	for file, issues := range byFile {
		t.Errorf("%s breaks no rule and the linter says %v", file, issues)
	}
}

// A rule without a case here could be dead.
func TestEveryImportRuleHasACase(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range importCases() {
		covered[strings.Trim(c.rule, "'")] = true
	}
	for name := range importRules(t) {
		if !covered[name] {
			t.Errorf("no case breaks the rule %s", name)
		}
		delete(covered, name)
	}
	for name := range covered {
		t.Errorf("a case names %s, which is no rule of .golangci.yml", name)
	}
}
