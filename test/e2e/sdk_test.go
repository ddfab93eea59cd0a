//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/config"
)

// maxModules may provide the packages of a program that uses the SDK.
const maxModules = 12

// TestExampleOutsideTheTree builds the SDK's example program as a module of
// its own that depends on the light module alone, and lets it swap.
func TestExampleOutsideTheTree(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	dir := t.TempDir()
	api, err := filepath.Abs(filepath.Join("..", "..", "api"))
	must(t, err)
	copyFile(t, filepath.Join(api, "examples", "swap", "main.go"), filepath.Join(dir, "main.go"))
	copyFile(t, filepath.Join(api, "go.sum"), filepath.Join(dir, "go.sum"))
	mod, err := os.ReadFile(filepath.Join(api, "go.mod"))
	must(t, err)
	_, required, _ := bytes.Cut(mod, []byte("\n")) // the go version and all that the module requires
	text := "module example.com/outside\n" + string(required) +
		"\nrequire github.com/kofo-network/kofo/api v0.0.0\nreplace github.com/kofo-network/kofo/api => " + api + "\n"
	must(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600))
	program := filepath.Join(dir, "swap")
	goCommand(ctx, t, dir, "build", "-o", program, ".")

	modules := strings.Fields(goCommand(ctx, t, dir, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "."))
	slices.Sort(modules)
	if modules = slices.Compact(modules); len(modules) > maxModules || slices.Contains(modules, "github.com/kofo-network/kofo") {
		t.Errorf("%d modules provide its packages: %q", len(modules), modules)
	}

	p := newPair(ctx, t, embedded)
	var args []string
	for _, side := range []*party{p.initiator, p.participant} {
		args = append(args, "-"+side.name, side.api(), "-"+side.name+"-ca", filepath.Join(side.dir, config.CertFile),
			"-"+side.name+"-token", filepath.Join(side.dir, config.AdminTokenFile))
	}
	args = append(args, "-send", sendBTC.String(), "-send-asset", btc, "-receive", receiveETH.String(), "-receive-asset", eth)
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	id, ok := strings.CutPrefix(lines[len(lines)-1], "swapped ")
	if !ok {
		t.Fatalf("its last line is %q", lines[len(lines)-1])
	}
	p.swapped(ctx, id)
}

func goCommand(ctx context.Context, t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return string(out)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, raw, 0o600))
}
