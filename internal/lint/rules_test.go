package lint

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// golangciConfig is the part of .golangci.yml that these tests read.
type golangciConfig struct {
	Linters struct {
		Settings struct {
			Depguard struct {
				Rules map[string]depguardRule `yaml:"rules"`
			} `yaml:"depguard"`
		} `yaml:"settings"`
	} `yaml:"linters"`
}

type depguardRule struct {
	ListMode string   `yaml:"list-mode"`
	Files    []string `yaml:"files"`
	Allow    []string `yaml:"allow"`
	Deny     []struct {
		Pkg string `yaml:"pkg"`
	} `yaml:"deny"`
}

func importRules(t *testing.T) map[string]depguardRule {
	t.Helper()
	var cfg golangciConfig
	if err := yaml.Unmarshal([]byte(read(t, repoRoot(t), ".golangci.yml")), &cfg); err != nil {
		t.Fatal(err)
	}
	if len(cfg.Linters.Settings.Depguard.Rules) == 0 {
		t.Fatal("no depguard rule in .golangci.yml")
	}
	return cfg.Linters.Settings.Depguard.Rules
}

// A new adapter's folder is free to import anything until it has its rules.
func TestEveryAdapterHasItsImportRules(t *testing.T) {
	rules := importRules(t)
	entries, err := os.ReadDir(filepath.Join(repoRoot(t), "adapters"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "adaptertest" {
			continue
		}
		for name, glob := range map[string]string{
			"adapters-" + e.Name():            "${base-path}/adapters/" + e.Name() + "/**",
			"adapters-" + e.Name() + "-tests": "${base-path}/adapters/" + e.Name() + "/**_test.go",
		} {
			if !slices.Contains(rules[name].Files, glob) {
				t.Errorf(".golangci.yml needs the depguard rule %q over %s, like those of the other adapters", name, glob)
			}
		}
	}
}

// depguard looks up the entry that sorts directly before an import and at no
// other. An entry between a prefix and what the prefix covers would hide it.
func TestImportRulesHideNoEntry(t *testing.T) {
	for name, rule := range importRules(t) {
		var deny []string
		for _, d := range rule.Deny {
			deny = append(deny, d.Pkg)
		}
		for _, list := range [][]string{rule.Allow, deny} {
			for _, a := range list {
				for _, b := range list {
					if a != b && !strings.HasSuffix(a, "$") && strings.HasPrefix(b, a) {
						t.Errorf("rule %s: %q is inside %q and hides part of it", name, b, a)
					}
				}
			}
		}
	}
}

// Each glob must be able to match: base-path is the only placeholder in use,
// and a pattern that starts elsewhere is one of the two that depguard knows.
func TestImportRuleGlobsAreAnchored(t *testing.T) {
	for name, rule := range importRules(t) {
		for _, glob := range rule.Files {
			g := strings.TrimPrefix(glob, "!")
			anchored := strings.HasPrefix(g, "${base-path}/") || strings.HasPrefix(g, "**/")
			if !anchored && g != "$all" && g != "$test" {
				t.Errorf("rule %s: glob %q is not anchored", name, glob)
			}
			if path.Clean(g) != g {
				t.Errorf("rule %s: glob %q is not clean", name, glob)
			}
		}
	}
}
