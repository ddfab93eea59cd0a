package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The hidden commands by which the executable starts itself again.
const (
	ChainsCommand = "demo-chains"
	NodeCommand   = "demo-node"
)

// process is a child. Its standard input is a pipe that it watches: it ends
// when the demo is gone, however the demo died.
type process struct {
	name  string
	cmd   *exec.Cmd
	alive io.WriteCloser
	out   *bufio.Reader
	log   *os.File
	done  chan struct{}
	err   error
}

// stopTimeout is how long a child may take to stop before it is killed.
const stopTimeout = 20 * time.Second

// start runs the executable with a hidden command. What the child writes to
// standard error goes to a log file.
func start(ctx context.Context, exe, name, logDir string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(logDir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	// Its end is stop's or kill's, not that of a call's context.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), exe, args...)
	cmd.Stderr = log
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	return &process{name: name, cmd: cmd, alive: alive, out: bufio.NewReader(out), log: log}, nil
}

// line reads one line of the child's standard output.
func (p *process) line(ctx context.Context) (string, error) {
	type result struct {
		text string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		text, err := p.out.ReadString('\n')
		got <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-got:
		if r.err != nil {
			return "", fmt.Errorf("%s ended before it was ready, see %s: %w", p.name, p.log.Name(), r.err)
		}
		return r.text, nil
	}
}

// watch notices the child's end; call it once, when its output is not read
// any more.
func (p *process) watch() {
	p.done = make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, p.out)
		p.err = p.cmd.Wait()
		_ = p.log.Close()
		close(p.done)
	}()
}

// kill ends the child with SIGKILL and reports the signal that it died of.
func (p *process) kill() (syscall.Signal, error) {
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return 0, fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return 0, fmt.Errorf("%s did not die of a signal: %s", p.name, p.cmd.ProcessState)
	}
	return status.Signal(), nil
}

// stop asks the child to end, and kills it when it takes too long.
func (p *process) stop() {
	if p == nil || p.done == nil {
		return
	}
	_ = p.alive.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// UntilInputEnds returns a context that ends when standard input does. The
// children use it: a parent that was killed cannot tell them to stop.
func UntilInputEnds(ctx context.Context, in io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	return ctx, cancel
}

// signalName names the one signal that the demo expects.
func signalName(s syscall.Signal) string {
	if s == syscall.SIGKILL {
		return "SIGKILL"
	}
	return s.String()
}
