//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kofo-network/kofo/internal/store/postgrestest"
)

// stack is what all tests share.
type stack struct {
	dir      string
	kofod    string
	signer   string
	kofo     string
	chains   *chains
	postgres *postgrestest.Server
	nats     *child
	natsURL  string
}

var nodes *stack

// startTimeout bounds the start of the whole stack, the build included.
const startTimeout = 4 * time.Minute

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s, err := startStack(ctx)
	if s != nil {
		defer s.stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e stack:", err)
		return 1
	}
	nodes = s
	flag.Parse()
	if !parallelGiven() {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// atOnce is how many tests run at one time where the command line does not
// say: they mostly wait for blocks.
const atOnce = 8

func parallelGiven() (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	return given
}

func startStack(ctx context.Context) (*stack, error) {
	dir, err := os.MkdirTemp("", "kofo-e2e-")
	if err != nil {
		return nil, err
	}
	s := &stack{dir: dir, kofod: filepath.Join(dir, "kofod"), kofo: filepath.Join(dir, "kofo"), signer: filepath.Join(dir, "kofo-signer")}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"build kofod and kofo", s.build}, {"postgres", s.startPostgres}, {"nats-server", s.startNATS}, {"chains", s.startChains},
	} {
		began := time.Now()
		if err := step.run(ctx); err != nil {
			return s, fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("e2e: %s ready after %.1f s\n", step.name, time.Since(began).Seconds())
	}
	return s, nil
}

// build makes the daemon with kill points, which no release has, and the
// command line as it is released.
func (s *stack) build(ctx context.Context) error {
	for _, args := range [][]string{
		{"build", "-tags", "killpoints", "-o", s.kofod, "../../cmd/kofod"}, {"build", "-o", s.kofo, "../../cmd/kofo"},
		{"build", "-o", s.signer, "../../cmd/kofo-signer"},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) startChains(ctx context.Context) (err error) {
	s.chains, err = startChains(ctx, s.dir)
	return err
}

func (s *stack) startPostgres(ctx context.Context) (err error) {
	s.postgres, err = postgrestest.Start(ctx)
	return err
}

func (s *stack) startNATS(context.Context) error {
	path, err := program("nats-server")
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.natsURL = fmt.Sprintf("nats://127.0.0.1:%d", port)
	// Each of many nodes reserves room for its stream, and uses hardly any of it.
	config := filepath.Join(s.dir, "nats.conf")
	text := fmt.Sprintf("jetstream {store_dir: %q, max_memory_store: 1TB}\n", filepath.Join(s.dir, "nats"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("configure nats-server: %w", err)
	}
	s.nats, err = spawn("nats-server", s.dir, nil, path, "-a", "127.0.0.1", "-p", strconv.Itoa(port), "-c", config)
	return err
}

// stop kills what only served the tests: nobody reads their data again.
func (s *stack) stop() {
	if s.chains != nil {
		s.chains.stop()
	}
	if s.nats != nil {
		s.nats.kill()
	}
	if s.postgres != nil {
		if err := s.postgres.Stop(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
		}
	}
	if os.Getenv("KOFO_E2E_KEEP") == "" {
		_ = os.RemoveAll(s.dir)
	}
}
