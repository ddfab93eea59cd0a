package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/config"
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
		{[]string{"version"}, nil, exitOK, false, "kofod "},
		{[]string{"--help"}, nil, exitOK, false, "Exit codes: 0 stopped"},
	} {
		got := call(t, c.fails, c.args...)
		if got.code != c.code || (got.ran != nil) != c.ran || !strings.Contains(got.out+got.err, c.text) || strings.Contains(got.out+got.err, "canary") {
			t.Errorf("%v: %+v", c.args, got)
		}
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
