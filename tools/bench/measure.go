package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// measurement is what one benchmark, or one line of a table, gave.
type measurement struct {
	Package string               `json:"package"`
	Name    string               `json:"name"`
	Metrics map[string][]float64 `json:"metrics"` // a value for each run
}

// measurements keep the order in which they were made.
type measurements []measurement

func (m *measurements) add(folder, name, unit string, value float64) {
	i := slices.IndexFunc(*m, func(old measurement) bool { return old.Package == folder && old.Name == name })
	if i < 0 {
		i = len(*m)
		*m = append(*m, measurement{Package: folder, Name: name, Metrics: map[string][]float64{}})
	}
	metrics := (*m)[i].Metrics
	metrics[unit] = append(metrics[unit], value)
}

func (m measurements) get(folder, name, unit string) []float64 {
	for _, one := range m {
		if one.Package == folder && one.Name == name {
			return one.Metrics[unit]
		}
	}
	return nil
}

// bench runs go from the tree's root, with temporary files on the disk that is
// measured.
type bench struct {
	root, data string
	progress   io.Writer
}

func (b bench) goTest(ctx context.Context, args []string) ([]byte, error) {
	_, _ = fmt.Fprintln(b.progress, "go", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "TMPDIR="+b.data)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, b.progress), b.progress
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return out.Bytes(), nil
}

// run measures the benchmarks of one call.
func (b bench) run(ctx context.Context, r run, into *measurements) error {
	if len(r.names) == 0 {
		return nil
	}
	out, err := b.goTest(ctx, r.args())
	if err != nil {
		return err
	}
	return parseBenchmarks(out, r.folder, into)
}

func parseBenchmarks(out []byte, folder string, into *measurements) error {
	reader := benchfmt.NewReader(bytes.NewReader(out), folder)
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return record
		case *benchfmt.Result:
			for _, v := range record.Values {
				value, unit := v.Value, v.Unit
				if v.OrigUnit != "" {
					value, unit = v.OrigValue, v.OrigUnit
				}
				into.add(folder, plainName(record.Name), unit, value)
			}
		}
	}
	return reader.Err()
}

// plainName leaves out how many processors the benchmark ran on: the page says
// it once.
func plainName(name benchfmt.Name) string {
	full := name.String()
	_, parts := name.Parts()
	if len(parts) > 0 && parts[len(parts)-1][0] == '-' {
		full = strings.TrimSuffix(full, string(parts[len(parts)-1]))
	}
	return full
}

// table runs a test that asserts figures and reads them from its log.
func (b bench) table(ctx context.Context, t table, into *measurements) error {
	out, err := b.goTest(ctx, []string{"test", "-count", "1", "-v", "-run", "^" + t.test + "$", "./" + t.folder})
	if err != nil {
		return err
	}
	return parseTable(out, t, into)
}

func parseTable(out []byte, t table, into *measurements) error {
	found := false
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		match := t.line.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		found = true
		for i, unit := range t.units {
			value, err := strconv.ParseFloat(match[i+2], 64)
			if err != nil {
				return fmt.Errorf("%s: %w", t.test, err)
			}
			into.add(t.folder, t.test+"/"+match[1], unit, value)
		}
	}
	if !found {
		return fmt.Errorf("%s of %s logs no figures: %w", t.test, t.folder, errMissing)
	}
	return lines.Err()
}

var errMissing = errors.New("figures are missing")
