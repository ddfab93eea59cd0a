package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// page renders docs/benchmarks.md. The same report always gives the same bytes.
func page(r report) string {
	var p strings.Builder
	line := func(text string, args ...any) { _, _ = fmt.Fprintf(&p, text+"\n", args...) }
	line("# Benchmarks")
	line("")
	line("<!-- Made by `make bench` from docs/benchmarks.json; do not edit. -->")
	line("")
	line("What `make bench` measured, on this machine at this commit. Gas and sizes are the")
	line("same everywhere and asserted by tests; the other figures are the median of the runs.")
	line("")
	about(line, r)
	line("## Numbers")
	line("")
	line("| Number | Limit | Measured | Range | Met | Where |")
	line("|---|---|---|---|---|---|")
	for _, f := range r.Numbers {
		line("| %s | %s | %s | %s | %s | %s |", f.What, f.limit(), format(f.Measured, f.Unit)+" "+f.Unit, f.spread(), f.verdict(), f.where())
	}
	line("")
	leftOut(line)
	gasTable(line, r.All)
	sizeTable(line, r.All)
	line("## Every benchmark")
	line("")
	line("| Package | Benchmark | Median |")
	line("|---|---|---|")
	for _, m := range r.All {
		if _, isTest := m.test(); !isTest {
			line("| %s | %s | %s |", code(m.Package), code(m.Name), m.summary())
		}
	}
	return p.String()
}

// leftOut says what a reader might take to be counted, and is not.
func leftOut(line printer) {
	line("What is counted and what is not:")
	line("")
	line("- Secret to redeem: from the mempool of the one chain, over watcher, NATS and the")
	line("  engine's store, to the call that hands our redeem to the other chain's node, while")
	line("  both chains make ten blocks a second. The chains are models in the same process:")
	line("  no network and no real signature.")
	line("- Durable events: whole lives of swaps of BTC for ETH from agreement to both sides")
	line("  paid, contracts computed by the real adapters, 1,000 other swaps open.")
	line("- Resident and start: the whole test process with the models of both chains in it;")
	line("  started means that a block mined after the start is applied on both.")
	line("- Watchers: the node's answers over HTTP on loopback, parsed and looked through; the")
	line("  node's own work is left out. 200 of the 4,000 transactions are ours.")
	line("- The median of the runs is held against the limit; the range shows the worst.")
	line("")
}

type printer func(text string, args ...any)

func about(line printer, r report) {
	line("| | |")
	line("|---|---|")
	changed := ""
	if r.Dirty {
		changed = ", with uncommitted changes"
	}
	line("| Commit | %s%s |", code(r.Commit), changed)
	line("| Date | %s |", r.Date.UTC().Format("2006-01-02 15:04 UTC"))
	line("| Machine | %s, %d cores, %s MB of memory |", r.Machine.CPU, r.Machine.Cores, format(float64(r.Machine.MemoryMB), ""))
	line("| System | %s, %s, %s |", r.Machine.OS, r.Machine.Kernel, r.Machine.Go)
	line("| Disk | %s; append of 4 kB and fsync: p50 %s ms, p99 %s ms |", r.Disk.FileSystem,
		format(r.Disk.FsyncP50, "ms"), format(r.Disk.FsyncP99, "ms"))
	line("| Load when the run began | %.2f: %s |", r.Machine.Load, r.Machine.busy())
	if r.Note != "" {
		line("| What else was running | %s |", r.Note)
	}
	line("")
}

// busy says how to read the figures.
func (m machine) busy() string {
	switch perCore := m.Load / float64(max(m.Cores, 1)); {
	case perCore < 0.25:
		return "quiet"
	case perCore < 0.75:
		return "something else was running"
	default:
		return "busy with something else; a quiet machine is faster"
	}
}

func (f figure) limit() string {
	if f.Rule == "" {
		return ""
	}
	return f.Rule + " " + format(f.Limit, f.Unit) + " " + f.Unit
}

func (f figure) spread() string {
	switch {
	case f.Unit == gas || f.Unit == vbytes:
		return "exact"
	case f.Runs < 2:
		return "one run"
	}
	return fmt.Sprintf("%s to %s, %d runs", format(f.Least, f.Unit), format(f.Most, f.Unit), f.Runs)
}

func (f figure) verdict() string {
	switch {
	case f.Rule == "":
		return ""
	case f.Met:
		return "yes"
	}
	return "**no**"
}

func (f figure) where() string {
	m := measurement{Package: f.Package, Name: f.Name}
	if test, ok := m.test(); ok {
		return code(test) + " in " + code(f.Package)
	}
	return code("Benchmark"+f.Name) + " in " + code(f.Package)
}

func code(text string) string { return "`" + text + "`" }

// test is the name of the test whose table the figure stands in.
func (m measurement) test() (name string, ok bool) {
	for _, t := range tables() {
		if t.folder == m.Package && strings.HasPrefix(m.Name, t.test+"/") {
			return t.test, true
		}
	}
	return "", false
}

func (m measurement) row() string {
	_, row, _ := strings.Cut(m.Name, "/")
	return row
}

func gasTable(line printer, all measurements) {
	line("## Gas")
	line("")
	line("Osaka rules; payee and tokens' balances exist, allowance infinite. The announced")
	line("Amsterdam rules stand beside it.")
	line("")
	line("| Call | Osaka | At most | Amsterdam |")
	line("|---|---:|---:|---:|")
	for _, m := range all {
		if now := m.Metrics[gas]; len(now) > 0 {
			limit := ""
			if most := m.Metrics["limit"]; len(most) > 0 && most[0] > 0 {
				limit = format(most[0], gas)
			}
			line("| %s | %s | %s | %s |", m.row(), format(now[0], gas), limit, format(m.Metrics[gasLater][0], gas))
		}
	}
	line("")
}

func sizeTable(line printer, all measurements) {
	line("## Size of Bitcoin transactions")
	line("")
	line("One input, the contract, and one output.")
	line("")
	line("| Transaction | vB |")
	line("|---|---:|")
	for _, m := range all {
		if size := m.Metrics[vbytes]; len(size) > 0 {
			line("| %s | %s |", m.row(), format(size[0], vbytes))
		}
	}
	line("")
}

// summary has every metric, the time first.
func (m measurement) summary() string {
	middle := func(unit string) float64 { return median(slices.Sorted(slices.Values(m.Metrics[unit]))) }
	parts := []string{short(time.Duration(middle(perOp)))}
	for _, unit := range slices.Sorted(maps.Keys(m.Metrics)) {
		if unit != perOp {
			parts = append(parts, format(middle(unit), unit)+" "+unit)
		}
	}
	return strings.Join(parts, ", ")
}

// short keeps three digits of a duration.
func short(d time.Duration) string {
	for _, step := range []struct {
		of   time.Duration
		unit string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}} {
		if d >= step.of {
			return format(float64(d)/float64(step.of), "") + " " + step.unit
		}
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

// format writes whole numbers and large ones with commas, small ones with three
// digits, and sizes with their quarters.
func format(v float64, unit string) string {
	decimals := 0
	switch {
	case unit == vbytes:
		decimals = 2
	case v == math.Trunc(v) || v >= 100:
	case v >= 10:
		decimals = 1
	case v >= 1:
		decimals = 2
	default:
		decimals = 3
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		return whole + "." + fraction
	}
	return whole
}
