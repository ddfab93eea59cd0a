//go:build e2e

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// stack is what all tests share.
type stack struct {
	dir      string
	kofod    string
	kofo     string
	chains   *chains
	postgres *child
	pgURL    string // without a database's name
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
	// The database's user must be able to reach its folder.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	s := &stack{dir: dir, kofod: filepath.Join(dir, "kofod"), kofo: filepath.Join(dir, "kofo")}
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

// startPostgres runs the server, which refuses to run as root: then it runs
// as the user postgres.
func (s *stack) startPostgres(ctx context.Context) error {
	initdb, err := postgresProgram("initdb")
	if err != nil {
		return err
	}
	server, err := postgresProgram("postgres")
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "postgres")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		if as, err = userOf("postgres"); err != nil {
			return err
		}
		if err := os.Chown(data, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	create := exec.CommandContext(ctx, initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
	create.Dir = data
	create.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.postgres, err = spawnAs(as, "postgres", s.dir, nil, server, "-D", data,
		"-c", "listen_addresses=127.0.0.1", "-p", strconv.Itoa(port), "-c", "unix_socket_directories=", "-c", "max_connections=300"); err != nil {
		return err
	}
	s.pgURL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/", port)
	return eventually(ctx, "postgres answers", func() error { return s.createDatabase(ctx, "probe") })
}

// postgresProgram finds one of PostgreSQL's programs where Debian puts them,
// of the newest version, else on the path.
func postgresProgram(name string) (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1], nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL's server programs are missing: %w", err)
	}
	return path, nil
}

func userOf(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
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
	s.nats, err = spawn("nats-server", s.dir, nil, path, "-a", "127.0.0.1", "-p", strconv.Itoa(port), "-js",
		"-sd", filepath.Join(s.dir, "nats"))
	return err
}

// stop kills what only served the tests: nobody reads their data again.
func (s *stack) stop() {
	if s.chains != nil {
		s.chains.stop()
	}
	for _, c := range []*child{s.nats, s.postgres} {
		if c != nil {
			c.kill()
		}
	}
	if os.Getenv("KOFO_E2E_KEEP") == "" {
		_ = os.RemoveAll(s.dir)
	}
}
