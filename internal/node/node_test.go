package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/devnet"
	"github.com/kofo-network/kofo/internal/wallet"
)

// settings of a node on a local network, with a metrics port.
func settings(t *testing.T, n *devnet.Network, metrics string) config.Config {
	t.Helper()
	dir, e := t.TempDir(), n.Endpoints()
	file := filepath.Join(dir, config.FileName)
	text := fmt.Sprintf(`data_dir: %s
api: {listen: "127.0.0.1:0"}
keys: {key_file: seed.key}
metrics: {listen: "%s"}
chains:
  - {name: bitcoin, kind: bitcoin, id: "%s", url: "%s", user: "%s", password: "%s", profile: devnet}
  - {name: ethereum, kind: evm, id: "%s", url: "%s", profile: devnet}
`, dir, metrics, e.Bitcoin.ChainID, e.Bitcoin.URL, e.Bitcoin.User, e.Bitcoin.Password.Reveal(), e.EVM.ChainID, e.EVM.HTTP)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "seed.key")
	if err := wallet.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	if err := (wallet.SeedFile{Path: cfg.Path(cfg.Keys.SeedFile)}).Create(newSeed(t), wallet.KeyFile(key)); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func newSeed(t *testing.T) *wallet.Seed {
	t.Helper()
	seed, err := wallet.NewSeed(12)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// network has the Solidity deployment on it.
func network(ctx context.Context, t *testing.T) *devnet.Network {
	t.Helper()
	keys, err := newSeed(t).Keys()
	if err != nil {
		t.Fatal(err)
	}
	payer, err := keys.EVMAccount(0)
	if err != nil {
		t.Fatal(err)
	}
	return paidNetwork(ctx, t, payer)
}

// TestRun starts a whole node, looks at its metrics, refuses a second one on
// the same folder, and stops it.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := port.Addr().String()
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := settings(t, network(ctx, t), metrics)
	ready, out := io.Pipe()
	o := Options{Log: slog.New(slog.DiscardHandler), Ready: out, Version: "test"}
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		err := Run(runCtx, cfg, o)
		_ = out.CloseWithError(errors.Join(io.EOF, err))
		ended <- err
	}()
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready 127.0.0.1:") {
		t.Fatalf("%q: %v", line, err)
	}
	if err := Run(ctx, cfg, o); !errors.Is(err, ErrRunning) {
		t.Errorf("a second node on the folder: %v", err)
	}
	if text := get(ctx, t, "http://"+metrics+"/metrics"); !strings.Contains(text, "kofo_swaps_open 0") {
		t.Errorf("metrics:\n%s", text)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v", err)
	}
}

// get asks until the server is there: it starts beside the API.
func get(ctx context.Context, t *testing.T, url string) string {
	t.Helper()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			text, err := io.ReadAll(response.Body)
			if err := errors.Join(err, response.Body.Close()); err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
