package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer/signertest"
	"github.com/kofo-network/kofo/internal/signer/wire"
	"github.com/kofo-network/kofo/internal/wallet"
)

const passphrase = "a passphrase of the test"

// folder is a data folder with a seed, and a node's certificate.
func folder(t *testing.T, more string) (config string, node wire.Pair) {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	seeds := wallet.SeedFile{Path: filepath.Join(data, "other.age"), WorkFactor: 2}
	if err := seeds.Create(signertest.Seed(t), wallet.Passphrase(passphrase)); err != nil {
		t.Fatal(err)
	}
	node, err := wire.EnsurePair(dir, "node")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`data_dir: data
listen: 127.0.0.1:0
seed_file: other.age
passphrase_env: OTHER_VARIABLE
node_certificate: %s
chains: ["%s", "%s"]
accounts: ["%s:%s"]
margin: 1m
consent: true
%s`, filepath.Join(dir, "node.crt"), bitcoin.Regtest().Chain, signertest.EVM, signertest.EVM, common.Address{9}.Hex(), more)
	config = filepath.Join(dir, "kofo-signer.yml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, node
}

// run starts the program and gives its address.
func run(t *testing.T, config string) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		code := execute(ctx, []string{"--config", config, "--json"}, []string{"OTHER_VARIABLE=" + passphrase}, w, &errs)
		_ = w.Close()
		ended <- code
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitOK {
			t.Errorf("ended with %d: %s", code, errs.String())
		}
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("it is not ready: %v", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "ready "))
}

// The program passes the suite as a node sees it.
func TestProgram(t *testing.T) {
	config, node := folder(t, "")
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"certificate", "--config", config}, nil, &out, &errs); code != exitOK {
		t.Fatalf("certificate: %d, %s", code, errs.String())
	}
	address := run(t, config)
	c, err := wire.Dial(t.Context(), wire.Options{
		Address: address, Own: node, Signer: out.Bytes(), Chains: []htlc.ChainID{bitcoin.Regtest().Chain}, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	signertest.Run(t, c)
	code := execute(t.Context(), []string{"--config", config}, []string{"OTHER_VARIABLE=" + passphrase}, io.Discard, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "another signer works") {
		t.Errorf("a second process: %d, %s", code, errs.String())
	}
}

func TestFailures(t *testing.T) {
	config, _ := folder(t, "")
	wrong, _ := folder(t, "max_fee: 5\n")
	mainnet, _ := folder(t, "max_fees: []\n")
	text, err := os.ReadFile(mainnet)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte(signertest.EVM), []byte("eip155:1"), 1)
	if err := os.WriteFile(mainnet, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no file":          {[]string{"--config", filepath.Join(t.TempDir(), "none.yml")}, exitFailed, "none.yml"},
		"a misspelt rule":  {[]string{"--config", wrong}, exitUsage, "max_fee"},
		"a mainnet":        {[]string{"--config", mainnet}, exitUsage, "no test network"},
		"no passphrase":    {[]string{"--config", config}, exitFailed, "passphrase"},
		"an argument":      {[]string{"x"}, exitUsage, "unexpected"},
		"an unknown flag":  {[]string{"--x"}, exitUsage, "--x"},
		"asked for JSON":   {[]string{"--json", "--config", wrong}, exitUsage, `"error"`},
		"version and more": {[]string{"version", "x"}, exitUsage, "unexpected"},
	} {
		var out, errs bytes.Buffer
		if code := execute(t.Context(), c.args, nil, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: exit %d, %s", name, code, errs.String())
		}
	}
	var out bytes.Buffer
	if code := execute(t.Context(), []string{"version", "--json"}, nil, &out, io.Discard); code != exitOK || !json.Valid(out.Bytes()) {
		t.Errorf("version: %d, %s", code, out.String())
	}
}
