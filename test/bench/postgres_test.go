//go:build e2e

package bench

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// BenchmarkEngineApplyPostgres is BenchmarkEngineApplySQLite on a PostgreSQL
// server of its own, with the settings that it comes with: every commit is
// written to the disk.
func BenchmarkEngineApplyPostgres(b *testing.B) {
	benchEngine(b, startPostgres(b))
}

// startPostgres returns the address of an empty database. The server runs as
// the user postgres where we are root, as whom it refuses to run.
func startPostgres(b *testing.B) string {
	b.Helper()
	bin, err := postgresBin()
	must(b, err)
	dir, err := os.MkdirTemp("", "kofo-bench-postgres-")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(dir)) })
	as, err := serverUser()
	must(b, err)
	if as != nil {
		must(b, os.Chown(dir, int(as.Uid), int(as.Gid)))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	must(b, l.Close())
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "log")
	run := func(program string, args ...string) {
		b.Helper()
		// Without a pipe, which the server would hold open for as long as it lives.
		cmd := exec.Command(filepath.Join(bin, program), append([]string{"-D", data}, args...)...)
		cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
		if err := cmd.Run(); err != nil {
			told, _ := os.ReadFile(log)
			b.Fatalf("%s: %v\n%s", program, err, told)
		}
	}
	run("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
	options := fmt.Sprintf("-c listen_addresses=127.0.0.1 -c max_connections=50 -p %s -c unix_socket_directories=%s", port, dir)
	run("pg_ctl", "-w", "-l", log, "-o", options, "start")
	b.Cleanup(func() { run("pg_ctl", "-w", "-m", "immediate", "stop") })
	return "postgres://postgres@" + net.JoinHostPort("127.0.0.1", port) + "/postgres?sslmode=disable"
}

func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// postgresBin is the folder of the server's programs, which Debian keeps off
// the path.
func postgresBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		return filepath.Dir(path), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no initdb on the path or in /usr/lib/postgresql: install the package postgresql")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}
