package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxModules may provide the packages of a program that uses the SDK.
const maxModules = 12

// The example builds as a module of its own that knows the api module alone,
// and stays light.
func TestBuildsOutsideTheTree(t *testing.T) {
	dir := t.TempDir()
	api, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, "main.go", filepath.Join(dir, "main.go"))
	copyFile(t, filepath.Join(api, "go.sum"), filepath.Join(dir, "go.sum"))

	mod, err := os.ReadFile(filepath.Join(api, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(mod, []byte("\n")) // the go version and all that api requires
	text := "module example.com/outside\n" + string(rest) +
		"\nrequire github.com/kofo-network/kofo/api v0.0.0\nreplace github.com/kofo-network/kofo/api => " + api + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	runGo(t, dir, "build", "-o", filepath.Join(dir, "swap"), ".")
	listed := runGo(t, dir, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	modules := strings.Fields(listed)
	slices.Sort(modules)
	modules = slices.Compact(modules)
	if len(modules) > maxModules {
		t.Errorf("%d modules, at most %d are allowed: %q", len(modules), maxModules, modules)
	}
	for _, module := range modules {
		if module == "github.com/kofo-network/kofo" {
			t.Error("the SDK needs the node's module")
		}
	}
}

func runGo(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
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
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
