package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func dockerfiles(t *testing.T) []string {
	t.Helper()
	nodes, err := filepath.Glob(filepath.Join(root, "deploy/nodes/*.Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return append(nodes, filepath.Join(root, "Dockerfile"))
}

func stages(t *testing.T, file string) []instructions.Stage {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range parsed.Warnings {
		t.Errorf("%s: %s", file, w.Short)
	}
	all, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every instruction is known, nothing runs as root, the toolchain stays in the
// first stage, and what is copied from the tree is there.
func TestDockerfiles(t *testing.T) {
	for _, file := range dockerfiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			all := stages(t, file)
			if len(all) < 2 {
				t.Fatalf("%d stage, want the build apart from the image", len(all))
			}
			for _, s := range all {
				if !strings.Contains(s.BaseName, ":") || strings.HasSuffix(s.BaseName, ":latest") {
					t.Errorf("base image %q is not pinned", s.BaseName)
				}
			}
			checkCopies(t, all)
			user, entrypoint := "", false
			for _, c := range all[len(all)-1].Commands {
				switch c := c.(type) {
				case *instructions.UserCommand:
					user = c.User
				case *instructions.EntrypointCommand:
					entrypoint = !c.PrependShell
				}
			}
			if user == "" || strings.HasPrefix(user, "root") || strings.HasPrefix(user, "0") {
				t.Errorf("the image runs as %q", user)
			}
			if !entrypoint {
				t.Error("the image has no entry point, or one that needs a shell")
			}
		})
	}
}

// checkCopies looks for what is copied from the tree, not from another stage.
func checkCopies(t *testing.T, all []instructions.Stage) {
	t.Helper()
	for _, s := range all {
		for _, c := range s.Commands {
			cp, ok := c.(*instructions.CopyCommand)
			if !ok || cp.From != "" {
				continue
			}
			for _, src := range cp.SourcePaths {
				if _, err := os.Stat(filepath.Join(root, src)); err != nil {
					t.Errorf("copied file is not in the tree: %v", err)
				}
			}
		}
	}
}

// The toolchain of the images is the one of go.mod.
func TestGoVersion(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(mod), "\ngo ")
	version, _, _ := strings.Cut(rest, "\n")
	for _, file := range dockerfiles(t) {
		if base := stages(t, file)[0].BaseName; !strings.HasPrefix(base, "golang:"+version+"-") {
			t.Errorf("%s builds with %s, go.mod wants %s", filepath.Base(file), base, version)
		}
	}
}
