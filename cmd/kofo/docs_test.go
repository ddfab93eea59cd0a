package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func page(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Every kofo command line of the README is one that the program takes.
func TestReadmeCommands(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^    (?:bin/kofo|go run \./cmd/kofo) (.*)$`).FindAllStringSubmatch(page(t, "README.md"), -1)
	if len(lines) < 8 {
		t.Fatalf("only %d commands found", len(lines))
	}
	for _, line := range lines {
		text, _, _ := strings.Cut(line[1], "#")
		root := (&app{}).root()
		cmd, rest, err := root.Find(words(text))
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil || cmd.HasSubCommands() && cmd.LocalNonPersistentFlags().Lookup("out") == nil { // backup does both
			t.Errorf("%q is no command: %v", text, err)
		}
	}
}

// Folders that CONTRIBUTING.md says things go into are there.
func TestContributingNamesFoldersThatAreThere(t *testing.T) {
	table := page(t, "CONTRIBUTING.md")
	_, table, found := strings.Cut(table, "## Where things go")
	table, _, ended := strings.Cut(table, "## ")
	folders := regexp.MustCompile("`([a-z/]+)(?:FAMILY/)?`").FindAllStringSubmatch(table, -1)
	if !found || !ended || len(folders) < 10 {
		t.Fatalf("%d folders", len(folders))
	}
	for _, f := range folders {
		if _, err := os.Stat(filepath.Join("../..", f[1])); err != nil {
			t.Error(err)
		}
	}
}
