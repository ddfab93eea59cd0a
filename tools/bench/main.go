package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	root, data, note, only string
	page                   bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.root, "root", ".", "folder of the tree")
	flags.StringVar(&o.data, "data", os.TempDir(), "folder of the benchmarks' data: its disk is the one that is measured")
	flags.StringVar(&o.note, "note", "", "what else was running, for the page")
	flags.StringVar(&o.only, "only", "", "run the benchmarks whose name matches, and write no file")
	flags.BoolVar(&o.page, "page", false, "measure nothing: write the page from the JSON that is there")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, absolute(&o.root, &o.data)
}

func absolute(paths ...*string) error {
	for _, p := range paths {
		full, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = full
	}
	return nil
}

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.page {
		return rewrite(o.root)
	}
	pattern, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	r := report{Date: time.Now().UTC().Truncate(time.Second), Note: o.note, Machine: lookAround(ctx, o.root)}
	r.Commit, r.Dirty = revision(ctx, o.root)
	if r.Disk, err = measureDisk(ctx, o.data); err != nil {
		return err
	}
	b := bench{root: o.root, data: o.data, progress: stderr}
	if r.All, err = b.measure(ctx, pattern); err != nil {
		return err
	}
	var missing []string
	r.Numbers, missing = judge(numbers(), r.All)
	if o.only == "" && len(missing) > 0 {
		return fmt.Errorf("%w:\n  %s", errMissing, strings.Join(missing, "\n  "))
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if _, err := stdout.Write(text); err != nil {
		return err
	}
	if o.only == "" {
		if err := write(o.root, text, r); err != nil {
			return err
		}
	}
	return r.missed()
}

// measure takes the tables first: they say at once whether the tree builds.
func (b bench) measure(ctx context.Context, only *regexp.Regexp) (measurements, error) {
	var all measurements
	for _, t := range tables() {
		if !only.MatchString(t.test) {
			continue
		}
		if err := b.table(ctx, t, &all); err != nil {
			return nil, err
		}
	}
	for _, r := range runs() {
		if err := b.run(ctx, r.only(only), &all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func paths(root string) (data, text string) {
	return filepath.Join(root, "docs", "benchmarks.json"), filepath.Join(root, "docs", "benchmarks.md")
}

func write(root string, encoded []byte, r report) error {
	data, text := paths(root)
	if err := os.WriteFile(data, encoded, 0o644); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.WriteFile(text, []byte(page(r)), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func read(root string) (report, error) {
	data, _ := paths(root)
	raw, err := os.ReadFile(data)
	if err != nil {
		return report{}, fmt.Errorf("read the figures: %w", err)
	}
	var r report
	if err := json.Unmarshal(raw, &r); err != nil {
		return report{}, fmt.Errorf("read %s: %w", data, err)
	}
	return r, nil
}

func rewrite(root string) error {
	r, err := read(root)
	if err != nil {
		return err
	}
	_, text := paths(root)
	if err := os.WriteFile(text, []byte(page(r)), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
