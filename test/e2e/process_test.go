//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// child is a process of the stack or of a test.
type child struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	ours bool // a test sent it SIGKILL

	mu    sync.Mutex
	lines []string // of standard output
	wake  chan struct{}
}

// spawn starts a program; its output goes to a log file and, line by line, to
// those who wait for one.
func spawn(name, dir string, env []string, program string, args ...string) (*child, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	c := &child{name: name, log: log.Name(), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	c.cmd = exec.Command(program, args...)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			fmt.Fprintln(log, scanner.Text())
			c.mu.Lock()
			c.lines = append(c.lines, scanner.Text())
			c.mu.Unlock()
			select {
			case c.wake <- struct{}{}:
			default:
			}
		}
		_ = c.cmd.Wait()
		_ = log.Close()
		close(c.done)
	}()
	return c, nil
}

// line waits for a line of standard output with the prefix.
func (c *child) line(ctx context.Context, prefix string) (string, error) {
	for {
		c.mu.Lock()
		for _, l := range c.lines {
			if strings.HasPrefix(l, prefix) {
				c.mu.Unlock()
				return strings.TrimPrefix(l, prefix), nil
			}
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-c.done:
			return "", fmt.Errorf("%s ended (%s) before it wrote %q; see %s", c.name, c.cmd.ProcessState, prefix, c.log)
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not write %q: %w; see %s", c.name, prefix, ctx.Err(), c.log)
		}
	}
}

// stopTimeout is how long a process may take to stop by itself.
const stopTimeout = 20 * time.Second

// stop ends the process gently; that it has to be killed is an error.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		return nil
	case <-time.After(stopTimeout):
		c.kill()
		return fmt.Errorf("%s did not stop in %s and was killed; see %s", c.name, stopTimeout, c.log)
	}
}

// kill ends the process with SIGKILL.
func (c *child) kill() {
	c.ours = true
	_ = c.cmd.Process.Kill()
	<-c.done
}

// ended waits until the process has ended by itself and returns its exit code.
func (c *child) ended(ctx context.Context) (int, error) {
	select {
	case <-c.done:
		return c.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s is still alive: %w", c.name, ctx.Err())
	}
}

// killed waits until the process has died of SIGKILL by its own hand.
func (c *child) killed(ctx context.Context) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		return fmt.Errorf("%s is still alive: %w", c.name, ctx.Err())
	}
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if c.ours || !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("%s did not die of SIGKILL: %s", c.name, c.cmd.ProcessState)
	}
	return nil
}

// Ports are given out once each, below those that the system gives to
// outgoing connections: a node that is started again finds its own free. Two
// runs at one time begin at different ones.
const (
	firstPort = 20_000
	lastPort  = 32_000
	ofOneRun  = 500
)

var lastGiven = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(int64(firstPort + os.Getpid()%((lastPort-firstPort)/ofOneRun-1)*ofOneRun))
	return &n
}()

// freePort returns a port that nobody uses.
func freePort() (int, error) {
	for {
		port := int(lastGiven.Add(1))
		if port > lastPort {
			return 0, errors.New("no port is free")
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
}

// eventually calls f until it succeeds or ctx ends.
func eventually(ctx context.Context, what string, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s: %w", what, ctx.Err()), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// program finds a program that the build tools put into bin/.
func program(name string) (string, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing, run make tools: %w", name, err)
	}
	return path, nil
}
