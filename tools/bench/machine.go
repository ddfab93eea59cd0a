package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// machine is where the figures were measured.
type machine struct {
	CPU      string  `json:"cpu"`
	Cores    int     `json:"cores"`
	MemoryMB int     `json:"memory_mb"`
	OS       string  `json:"os"`
	Kernel   string  `json:"kernel"`
	Go       string  `json:"go"`
	Load     float64 `json:"load_at_start"` // average of the minute before
}

// disk is where the benchmarks keep their data.
type disk struct {
	FileSystem string  `json:"file_system"`
	FsyncP50   float64 `json:"fsync_p50_ms"`
	FsyncP99   float64 `json:"fsync_p99_ms"`
}

const unknown = "unknown"

// field finds the value behind a key of a file such as /proc/meminfo. Where
// there is no such file, or no such key, it is unknown.
func field(file, key, separator string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return unknown
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), separator); ok && strings.TrimSpace(name) == key {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return unknown
}

// output of a command, unknown where it fails: the page lacks a word then, but
// no figure.
func output(ctx context.Context, dir, name string, args ...string) string {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if text := strings.TrimSpace(string(out)); err == nil && text != "" {
		return text
	}
	return unknown
}

func lookAround(ctx context.Context, root string) machine {
	m := machine{
		CPU: field("/proc/cpuinfo", "model name", ":"), Cores: runtime.NumCPU(), OS: field("/etc/os-release", "PRETTY_NAME", "="),
		Kernel: output(ctx, root, "uname", "-sr"), Go: output(ctx, root, "go", "env", "GOVERSION"),
	}
	if m.OS == unknown {
		m.OS = runtime.GOOS
	}
	if kB, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal", ":"), " kB")); err == nil {
		m.MemoryMB = kB / 1024
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(raw), " ")
		m.Load, _ = strconv.ParseFloat(first, 64) // zero is as good as unknown here
	}
	return m
}

// appends is how many durable appends are timed.
const appends = 500

// measureDisk times durable appends of 4 kB.
func measureDisk(ctx context.Context, dir string) (disk, error) {
	d := disk{FileSystem: output(ctx, dir, "stat", "-f", "-c", "%T", ".")}
	f, err := os.CreateTemp(dir, "kofo-fsync-")
	if err != nil {
		return d, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	page, took := make([]byte, 4096), make([]float64, appends)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return d, fmt.Errorf("measure the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return d, fmt.Errorf("measure the disk: %w", err)
		}
		took[i] = float64(time.Since(began)) / float64(time.Millisecond)
	}
	slices.Sort(took)
	d.FsyncP50, d.FsyncP99 = took[appends/2], took[appends*99/100]
	return d, nil
}

// revision is the commit, and whether tracked files differ from it.
func revision(ctx context.Context, root string) (commit string, dirty bool) {
	commit = output(ctx, root, "git", "rev-parse", "HEAD")
	changed := output(ctx, root, "git", "--no-optional-locks", "status", "--porcelain", "--untracked-files=no",
		"--", ".", ":!docs/benchmarks.md", ":!docs/benchmarks.json")
	return commit, changed != unknown
}
