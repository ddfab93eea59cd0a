package main

import (
	"regexp"
	"strconv"
	"strings"
)

// run is one call of go test.
type run struct {
	folder string
	names  []string // of Benchmark functions
	tags   string
	time   string // -benchtime
	count  int
}

func (r run) args() []string {
	args := []string{"test", "-run", "^$", "-bench", "^(" + strings.Join(r.names, "|") + ")$", "-benchmem"}
	args = append(args, "-benchtime", r.time, "-count", strconv.Itoa(r.count), "-timeout", "30m")
	if r.tags != "" {
		args = append(args, "-tags", r.tags)
	}
	return append(args, "./"+r.folder)
}

// only keeps the benchmarks whose name matches.
func (r run) only(pattern *regexp.Regexp) run {
	var kept []string
	for _, name := range r.names {
		if pattern.MatchString(name) {
			kept = append(kept, name)
		}
	}
	r.names = kept
	return r
}

// runs are all benchmarks of the tree. What takes a second a time is repeated,
// and so is what is judged by its slowest hundredth. The memory of a process is
// told by its first run alone.
func runs() []run {
	return []run{
		{folder: "internal/store", names: []string{"BenchmarkFsync"}, time: "1x", count: 5},
		{
			folder: "internal/store", names: []string{"BenchmarkCommitSQLite", "BenchmarkCommitPostgres"},
			tags: "e2e", time: "2s", count: 3,
		},
		{folder: "internal/store", names: []string{"BenchmarkStart10000"}, time: "3x", count: 1},
		{
			folder: "test/bench", names: []string{"BenchmarkEngineApplySQLite", "BenchmarkEngineApplyPostgres"},
			tags: "e2e", time: "3s", count: 3,
		},
		{folder: "test/bench", names: []string{"BenchmarkEVMNextBlock"}, time: "2s", count: 3},
		{folder: "adapters/bitcoin", names: []string{"BenchmarkMatchBlock", "BenchmarkNextBlock"}, time: "2s", count: 3},
		{folder: "monitor", names: []string{"BenchmarkEngineEvents"}, time: "2s", count: 3},
		{folder: "monitor", names: []string{"BenchmarkSightingToBroadcast"}, time: "1x", count: 3},
		{folder: "monitor", names: []string{"BenchmarkTenThousandSwaps"}, time: "1x", count: 1},
		{folder: "monitor/runner", names: []string{"BenchmarkQueueOfTenThousand"}, time: "1s", count: 3},
	}
}

// table is a test that asserts figures exactly and logs them, one a line.
type table struct {
	folder, test string
	line         *regexp.Regexp // the first group is the figure's name
	units        []string       // of the further groups
}

func tables() []table {
	return []table{
		{
			folder: "adapters/evm/contracts", test: "TestGas", units: []string{gas, "limit", gasLater},
			line: regexp.MustCompile(`^\s+\w+_test\.go:\d+: (\S.*?)\s+(\d+)\s+(\d+)\s+(\d+)$`),
		},
		{
			folder: "adapters/bitcoin", test: "TestVirtualSizes", units: []string{vbytes},
			line: regexp.MustCompile(`^\s+\w+_test\.go:\d+: (\S.*?)\s+([\d.]+) vB$`),
		},
	}
}

// Units of the tables.
const (
	gas      = "gas"
	gasLater = "gas, Amsterdam"
	vbytes   = "vB"
)

// perOp is the unit that go test gives to every benchmark.
const perOp = "ns/op"

// Rules of a number.
const (
	atMost  = "at most"
	atLeast = "at least"
)

// number is a figure that the product promises.
type number struct {
	what   string
	rule   string
	limit  float64
	unit   string
	folder string
	name   string // of the benchmark, without its prefix
	metric string
	scale  float64 // from the metric to the unit
}

func numbers() []number {
	const (
		contracts, bitcoin, monitor, both = "adapters/evm/contracts", "adapters/bitcoin", "monitor", "test/bench"
		perMilli                          = 1e-6
	)
	return []number{
		{"EVM, native: lock + redeem on a reused lane", atMost, 70_500, gas, contracts, "TestGas/native: fund reused + redeem", gas, 1},
		{"EVM, native: lock on a fresh lane", atMost, 48_000, gas, contracts, "TestGas/native: fund, fresh lane", gas, 1},
		{"EVM, native: refund by the funder", atMost, 39_500, gas, contracts, "TestGas/native: refund by the funder", gas, 1},
		{"EVM, ERC-20: lock + redeem on a reused lane", atMost, 101_500, gas, contracts, "TestGas/ERC-20: fund reused + redeem", gas, 1},
		{"Bitcoin: redeem, one input, one P2WPKH output", atMost, 142.25, vbytes, bitcoin, "TestVirtualSizes/redeem to P2WPKH", vbytes, 1},
		{"Bitcoin: refund, one input, one P2WPKH output", atMost, 125.75, vbytes, bitcoin, "TestVirtualSizes/refund to P2WPKH", vbytes, 1},
		{"Secret in the mempool to our redeem handed to the node, 1,000 active swaps, SQLite, 99 of 100", atMost, 100, "ms", monitor, "SightingToBroadcast", "p99-ms", 1},
		{"Engine on SQLite, 64 callers: durable events", atLeast, 1000, "events/s", both, "EngineApplySQLite/callers=64", "events/s", 1},
		{"Engine on PostgreSQL, 64 callers: durable events", atLeast, 1000, "events/s", both, "EngineApplyPostgres/callers=64", "events/s", 1},
		{"Engine on SQLite, one caller who waits: durable events", "", 0, "events/s", both, "EngineApplySQLite/callers=1", "events/s", 1},
		{"Engine on PostgreSQL, one caller who waits: durable events", "", 0, "events/s", both, "EngineApplyPostgres/callers=1", "events/s", 1},
		{"10,000 active swaps: resident", atMost, 400, "MB", monitor, "TenThousandSwaps", "resident-MB", 1},
		{"10,000 active swaps: start", atMost, 10, "s", monitor, "TenThousandSwaps", "start-s", 1},
		{"Bitcoin watcher: block of 4,000 transactions, 100,000 watched contracts", atMost, 50, "ms", bitcoin, "NextBlock", perOp, perMilli},
		{"EVM watcher: block of 4,000 transactions, 100,000 watched contracts", atMost, 50, "ms", both, "EVMNextBlock/mixed", perOp, perMilli},
		{"EVM watcher: the same, every transaction one of ours", "", 0, "ms", both, "EVMNextBlock/ours", perOp, perMilli},
	}
}
