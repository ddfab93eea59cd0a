//go:build e2e

package store_test

import (
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
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// server is the PostgreSQL that every test of this run shares. Its absence is
// a failure, not a reason to skip.
var server *postgres

func TestMain(m *testing.M) {
	var err error
	if server, err = startPostgres(); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL does not start:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL does not stop:", err)
		code = 1
	}
	os.Exit(code)
}

type postgres struct {
	dir, bin, addr string
	databases      atomic.Int64
}

func startPostgres() (*postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kofo-postgres-")
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: dir, bin: bin}
	if err := p.own(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr = l.Addr().String()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	if err := l.Close(); err != nil {
		return nil, err
	}
	if err := p.run("initdb", "-D", p.data(), "-U", "postgres", "-A", "trust", "--no-sync"); err != nil {
		return nil, err
	}
	options := "-c listen_addresses=127.0.0.1 -c max_connections=300 -p " + port + " -c unix_socket_directories=" + p.dir
	if err := p.run("pg_ctl", "-D", p.data(), "-w", "-l", filepath.Join(p.dir, "log"), "-o", options, "start"); err != nil {
		return nil, err
	}
	if err := p.setFsync("off"); err != nil {
		return nil, err
	}
	return p, nil
}

// setFsync: no test of this package takes the machine's power away, but a
// benchmark without the disk would measure nothing.
func (p *postgres) setFsync(to string) error {
	db, err := sql.Open("pgx", p.dsn(p.addr, "postgres"))
	if err != nil {
		return err
	}
	for _, statement := range []string{"ALTER SYSTEM SET fsync = " + to, "SELECT pg_reload_conf()"} {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

func postgresBin() (string, error) {
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

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

// own gives the folder to the user postgres where we are root, as whom
// PostgreSQL refuses to run.
func (p *postgres) own() error {
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
	return os.Chown(p.dir, uid, -1)
}

func (p *postgres) run(program string, args ...string) error {
	name, args := filepath.Join(p.bin, program), slices.Clone(args)
	if os.Getuid() == 0 {
		args = append([]string{"-u", "postgres", "--", name}, args...)
		name = "runuser"
	}
	c := exec.Command(name, args...)
	c.Dir = "/"
	log, err := os.CreateTemp("", "kofo-postgres-run-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(log.Name()) }()
	// A file, since the server keeps a pipe open for as long as it lives.
	c.Stdout, c.Stderr = log, log
	if err := c.Run(); err != nil {
		told, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w: %s", program, err, told)
	}
	return log.Close()
}

func (p *postgres) stop() error {
	return errors.Join(p.run("pg_ctl", "-D", p.data(), "-w", "-m", "immediate", "stop"), os.RemoveAll(p.dir))
}

func (p *postgres) dsn(addr, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: addr, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

// postgresDSN makes an empty database.
func postgresDSN(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("kofo%d", server.databases.Add(1))
	db, err := sql.Open("pgx", server.dsn(server.addr, "postgres"))
	must(t, err)
	defer func() { must(t, db.Close()) }()
	_, err = db.ExecContext(context.Background(), "CREATE DATABASE "+name+" TEMPLATE template0")
	must(t, err)
	return server.dsn(server.addr, name)
}

func TestPostgres(t *testing.T) { suite(t, postgresDSN) }

func TestMigrateForwardPostgres(t *testing.T) {
	if *update {
		dsn := postgresDSN(t)
		s := open(t, dsn)
		fill(t, s)
		must(t, s.Close())
		writeDump(t, s, "postgres", dumpPostgres(t, dsn))
	}
	migrateForward(t, "postgres", func(t *testing.T, dump string) string {
		dsn := postgresDSN(t)
		db := peek(t, dsn)
		db.SetMaxOpenConns(1)
		_, err := db.Exec(dump)
		must(t, err)
		return dsn
	})
}

// dumpPostgres leaves out what only psql understands.
func dumpPostgres(t *testing.T, dsn string) string {
	t.Helper()
	raw, err := exec.Command(filepath.Join(server.bin, "pg_dump"), "--inserts", "--no-owner", "--no-privileges", dsn).Output()
	must(t, err)
	var out strings.Builder
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "\\") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func BenchmarkCommitPostgres(b *testing.B) {
	must(b, server.setFsync("on"))
	benchCommit(b, func(t testing.TB) string {
		dsn := postgresDSN(t)
		var fsync string
		must(t, peek(t, dsn).QueryRow("SHOW fsync").Scan(&fsync))
		if fsync != "on" {
			t.Fatal("the server does not sync")
		}
		return dsn
	})
}
