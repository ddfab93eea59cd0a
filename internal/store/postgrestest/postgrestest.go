// Package postgrestest starts a PostgreSQL server of its own for tests and
// benchmarks: in a temporary folder, on a free port of this machine, with the
// settings that PostgreSQL comes with.
//
// The caller owes it Stop, in every case in which Start gave a server. The
// programs of the server have to be installed; their absence is an error, not
// a reason to skip a test.
package postgrestest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Server is a running PostgreSQL. Its methods may be called concurrently.
type Server struct {
	dir, bin, addr string
	databases      atomic.Int64
}

// Start returns when the server answers.
func Start(ctx context.Context) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kofo-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	if err := s.own(); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.addr = net.JoinHostPort("127.0.0.1", port)
	if err := s.run(ctx, "initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "--no-sync"); err != nil {
		return err
	}
	options := "-c listen_addresses=127.0.0.1 -c max_connections=300 -p " + port + " -c unix_socket_directories=" + s.dir
	return s.run(ctx, "pg_ctl", "-D", s.data(), "-w", "-l", filepath.Join(s.dir, "log"), "-o", options, "start")
}

// freePort is one that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close()
}

// Stop ends the server at once and removes its data.
func (s *Server) Stop(ctx context.Context) error {
	return errors.Join(s.run(ctx, "pg_ctl", "-D", s.data(), "-w", "-m", "immediate", "stop"), os.RemoveAll(s.dir))
}

// SetFsync says whether commits wait for the disk, as they do at first. Tests
// that take no machine's power away are faster without; a benchmark without
// the disk would measure nothing.
func (s *Server) SetFsync(ctx context.Context, on bool) error {
	return s.exec(ctx, fmt.Sprintf("ALTER SYSTEM SET fsync = %t", on), "SELECT pg_reload_conf()")
}

// Create makes an empty database and returns its address.
func (s *Server) Create(ctx context.Context) (string, error) {
	name := fmt.Sprintf("kofo%d", s.databases.Add(1))
	if err := s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", err
	}
	return s.address(name), nil
}

// Dump writes schema and rows of a database as SQL.
func (s *Server) Dump(ctx context.Context, address string) ([]byte, error) {
	var out, told bytes.Buffer
	c := exec.CommandContext(ctx, filepath.Join(s.bin, "pg_dump"), "--inserts", "--no-owner", "--no-privileges", address)
	c.Stdout, c.Stderr = &out, &told
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("pg_dump: %w: %s", err, told.Bytes())
	}
	return out.Bytes(), nil
}

func (s *Server) address(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: s.addr, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

func (s *Server) exec(ctx context.Context, statements ...string) error {
	db, err := sql.Open("pgx", s.address("postgres"))
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", statement, err), db.Close())
		}
	}
	return db.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// programs is the folder of the server's programs, which Debian keeps off the
// path.
func programs() (string, error) {
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		return filepath.Dir(path), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if err != nil || len(found) == 0 {
		return "", errors.New("no pg_ctl on the path or in /usr/lib/postgresql: install the package postgresql")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// own gives the folder to the user postgres where we are root, as whom
// PostgreSQL refuses to run.
func (s *Server) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	return os.Chown(s.dir, uid, -1)
}

func (s *Server) run(ctx context.Context, program string, args ...string) error {
	name := filepath.Join(s.bin, program)
	if os.Getuid() == 0 {
		args = append([]string{"-u", "postgres", "--", name}, args...)
		name = "runuser"
	}
	log, err := os.CreateTemp("", "kofo-postgres-run-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(log.Name()) }()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = "/"
	// A file, since the server keeps a pipe open for as long as it lives.
	c.Stdout, c.Stderr = log, log
	if err := c.Run(); err != nil {
		told, _ := os.ReadFile(log.Name())
		return errors.Join(fmt.Errorf("%s: %w: %s", program, err, told), log.Close())
	}
	return log.Close()
}
