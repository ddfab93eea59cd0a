package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/lines"
	"github.com/kofo-network/kofo/internal/node"
	"github.com/kofo-network/kofo/internal/wallet"
)

const good = `
chains:
  - name: ethereum
    kind: evm
    id: eip155:1337
    url: ws://127.0.0.1:8546
    profile: devnet
store:
  driver: postgres
  dsn: postgres://kofo:canary@db/kofo
`

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kofod.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type outcome struct {
	code     int
	out, err string
	ran      *config.Config
	options  node.Options
}

func call(t *testing.T, fails error, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	o := outcome{}
	o.code = execute(t.Context(), process{
		args: args, environ: []string{"HOME=" + t.TempDir()}, out: &out, err: &errs,
		run: func(_ context.Context, c config.Config, options node.Options) error {
			o.ran, o.options = &c, options
			return fails
		},
	})
	o.out, o.err = out.String(), errs.String()
	return o
}

func TestCommandsAndExitCodes(t *testing.T) {
	path := file(t, good)
	bad := file(t, "api:\n  lisen: x\n")
	unset := file(t, strings.Replace(good, "    profile: devnet\n", "    profile: devnet\n    user: kofo\n    password_env: NOT_SET\n", 1))
	wrongChain := &adapters.Error{Reason: "WRONG_CHAIN", Retryable: true, Op: "check the node", Err: adapters.ErrWrongChain}
	running := &adapters.Error{Reason: "ALREADY_RUNNING", Op: "open the data", Advice: "stop it first", Err: errors.New("another process")}
	for _, c := range []struct {
		args  []string
		fails error
		code  int
		ran   bool
		text  string
	}{
		{[]string{"--config", path}, nil, exitOK, true, ""},
		{[]string{"run", "--config", path, "--log-level", "debug"}, nil, exitOK, true, ""},
		{[]string{"--config", path}, errors.New("the disk is gone"), exitFailed, true, "the disk is gone"},
		{[]string{"--config", path}, wallet.ErrPassphraseWrong, exitRefused, true, "wrong passphrase"},
		{[]string{"--config", bad}, nil, exitRefused, false, `line 2: api.lisen: no such key; did you mean "listen"?`},
		{[]string{"--nonsense"}, nil, exitUsage, false, "unknown flag"},
		{[]string{"run", "x"}, nil, exitUsage, false, "unexpected argument"},
		{[]string{"nonsense"}, nil, exitUsage, false, "nonsense"},
		{[]string{"config", "check", "--config", path}, nil, exitOK, false, "good: 1 chains"},
		{[]string{"config", "check", "--config", bad}, nil, exitRefused, false, "CONFIG_UNKNOWN_KEY"},
		{[]string{"config", "print", "--config", path, "--api-listen", "127.0.0.1:7"}, nil, exitOK, false, "listen: 127.0.0.1:7"},
		{[]string{"config", "check", "--config", unset}, nil, exitRefused, false, "line 9: chains[0].password_env: "},
		{[]string{"--config", unset}, nil, exitRefused, false, "\n  BAD_CONFIG: "},
		{[]string{"config", "print", "--config", unset}, nil, exitOK, false, "NOT_SET"},
		{[]string{"config", "check", "--data-dir", "/nowhere"}, nil, exitOK, false, "no kofod.yml in /nowhere: defaults\ngood: 0 chains"},
		{[]string{"config", "chekc"}, nil, exitUsage, false, `no command "chekc"`},
		{[]string{"config"}, nil, exitUsage, false, "takes a command"},
		{[]string{"--json", "nonsense"}, nil, exitUsage, false, `{"error":`},
		{[]string{"--config", path}, wrongChain, exitRefused, true, "\n  WRONG_CHAIN: "},
		{[]string{"--config", path}, running, exitRefused, true, "another process\n  ALREADY_RUNNING: stop it first: kofo node shutdown\n"},
		{[]string{"version"}, nil, exitOK, false, "kofod "},
		{[]string{"--help"}, nil, exitOK, false, "Exit codes: 0 stopped"},
	} {
		got := call(t, c.fails, c.args...)
		if got.code != c.code || (got.ran != nil) != c.ran || !strings.Contains(got.out+got.err, c.text) || strings.Contains(got.out+got.err, "canary") {
			t.Errorf("%v: %+v", c.args, got)
		}
	}
}

// What is written for people has at most 100 columns, and no code twice.
func TestTextIsNarrow(t *testing.T) {
	mainnet := file(t, strings.NewReplacer("1337", "1", "profile: devnet", "profile: standard").Replace(good))
	texts := []string{call(t, nil, "config", "check", "--config", mainnet).err}
	for _, cmd := range append(leaves(process{}.commands()), process{}.commands()) {
		texts = append(texts, call(t, nil, append(strings.Fields(cmd.CommandPath())[1:], "--help")...).out)
	}
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > lines.Width && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
			}
		}
	}
	if strings.Count(texts[0], "MAINNET_REFUSED") != 1 {
		t.Error(texts[0])
	}
}

func TestOptionsOfARun(t *testing.T) {
	got := call(t, nil, "--config", file(t, good), "--log-format", "json", "--data-dir", "/srv/kofo")
	if got.ran.DataDir != "/srv/kofo" || got.ran.Log.Format != "json" || got.options.Log == nil || got.options.Version == "" || got.options.Ready == nil {
		t.Errorf("%+v", got)
	}
	if got.options.AskPassphrase != nil {
		t.Error("nobody can be asked here")
	}
}

// Every leaf of the tree has help with an example and prints JSON, whether it
// works or fails. A command that is added without a line here fails.
func TestEveryLeafPrintsJSON(t *testing.T) {
	path, bad := file(t, good), file(t, "api:\n  lisen: x\n")
	ready := func(_ context.Context, _ config.Config, o node.Options) error {
		o.Log.Info("to standard error")
		_, err := fmt.Fprintf(o.Ready, "ready 127.0.0.1:9520\n")
		return err
	}
	chainless := file(t, "log:\n  level: info\n")
	runs := map[string]struct {
		args []string
		key  string // of the document
	}{
		"kofod run":          {[]string{"--config", path}, "ready"},
		"kofod config check": {[]string{"--config", path}, "good"},
		"kofod config print": {[]string{"--config", path}, "chains"},
		"kofod version":      {nil, "version"},
		"kofod deploy":       {[]string{"--config", chainless, "--data-dir", seedDir(t), "--keys-passphrase-env", "PASS"}, "deployed"},
	}
	root := process{}.commands()
	for _, leaf := range leaves(root) {
		name := leaf.CommandPath()
		c, ok := runs[name]
		if !ok {
			t.Errorf("%s is not run by this test", name)
			continue
		}
		if leaf.Short == "" || !strings.Contains(leaf.Example, name) {
			t.Errorf("%s has no help with an example", name)
		}
		args := slices.Concat(strings.Fields(name)[1:], c.args, []string{"--json"})
		var out, errs bytes.Buffer
		code := execute(t.Context(), process{args: args, environ: []string{"HOME=" + t.TempDir(), "PASS=correct horse"}, out: &out, err: &errs, run: ready})
		doc := map[string]any{}
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil || code != exitOK || doc[c.key] == nil {
			t.Errorf("%v: exit %d, %v: %s%s", args, code, err, out.String(), errs.String())
		}
		if errs.Len() > 0 && !json.Valid(errs.Bytes()) {
			t.Errorf("%v: the log is no JSON: %s", args, errs.String())
		}
		checkFailure(t, append(strings.Fields(name)[1:], "--json", "--config", bad), name == "kofod version")
	}
}

// checkFailure expects the problems of a bad configuration as JSON.
func checkFailure(t *testing.T, args []string, works bool) {
	t.Helper()
	got := call(t, nil, args...)
	if works && got.code == exitOK {
		return
	}
	var doc struct{ Error failure }
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil {
		t.Fatalf("%v: %v in %s", args, err, got.out)
	}
	e := doc.Error
	if got.code != exitRefused || e.Exit != exitRefused || e.Reason != "BAD_CONFIG" || len(e.Problems) != 1 ||
		e.Problems[0].Reason != "CONFIG_UNKNOWN_KEY" || e.Problems[0].Line != 2 || e.Problems[0].Suggest != "listen" || got.err != "" {
		t.Errorf("%v: %+v", args, got)
	}
}

func leaves(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var out []*cobra.Command
	for _, child := range cmd.Commands() {
		out = append(out, leaves(child)...)
	}
	return out
}

// seedDir is a data folder with a seed.
func seedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	seed, err := wallet.NewSeed(12)
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	if err := (wallet.SeedFile{Path: filepath.Join(dir, wallet.SeedFileName), WorkFactor: 4}).Create(seed, wallet.Passphrase("correct horse")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A node without a seed says so, and how to make one, before anything else.
func TestMissingSeedIsNoticedFirst(t *testing.T) {
	for _, args := range [][]string{{"run"}, {"deploy"}} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), process{
			args: append(args, "--config", file(t, good), "--data-dir", t.TempDir()), environ: []string{"HOME=" + t.TempDir()},
			out: &out, err: &errs, run: node.Run,
		})
		if text := errs.String(); code != exitRefused || !strings.Contains(text, "\n  SEED_FILE_MISSING: ") || !strings.Contains(text, "kofo init") {
			t.Errorf("%v: exit %d: %s", args, code, text)
		}
	}
}
