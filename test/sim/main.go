// Command sim runs deterministic simulations of swaps: the production engine,
// runner, gates, feeds and watchers of several nodes over model chains, disks
// and a broker that fail, against a counterparty that cheats. One seed decides
// everything, so a seed that breaks an invariant replays exactly.
// docs/simulator.md says what is simulated and what is not.
//
//	go run ./test/sim -seed 42 -trace     one world, with its story
//	go run ./test/sim -runs 10000         many worlds from one seed on
//	go run ./test/sim -duration 5m        fresh seeds for five minutes
//	go run ./test/sim -bug A4 -runs 10000 with a planted bug, which must be found
//	go run ./test/sim -bug all            every planted bug, each from a fresh seed
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// garbage is how many times what lives a world may leave behind before it is
// collected: worlds are small and many.
const garbage = 400

func main() {
	debug.SetGCPercent(garbage)
	os.Exit(run(os.Args[1:], os.Stdout))
}

// run is the command; it returns 1 where an invariant broke.
func run(args []string, out io.Writer) int {
	var o options
	var planted string
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Uint64Var(&o.seed, "seed", 0, "first seed; 0 takes one from the clock")
	flags.Uint64Var(&o.runs, "runs", 0, "worlds to run, with seeds that count up; 0 is one, or no bound with -duration")
	flags.DurationVar(&o.duration, "duration", 0, "stop after this time")
	flags.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "worlds that run at once")
	flags.StringVar(&planted, "bug", "", fmt.Sprintf("plant a bug, one of %v, or all of them in turn", bugs()))
	flags.BoolVar(&o.sqlite, "sqlite", false, "keep every node's store on SQLite beside the one in memory, and compare")
	flags.BoolVar(&o.trace, "trace", false, "print the story of every world")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	o.bug = bug(planted)
	if !o.bug.known() && o.bug != everyBug {
		_, _ = fmt.Fprintf(out, "no planted bug %q; there are %v\n", planted, bugs())
		return 2
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	if o.bug == everyBug {
		return hunt(o, out)
	}
	if o.runs == 0 && o.duration == 0 {
		o.runs = 1
	}
	r := campaign(o, out)
	r.print(out)
	if r.failed != nil {
		r.failed.print(out)
		return 1
	}
	return 0
}

// everyBug asks for all planted bugs in turn.
const everyBug bug = "all"

// bugRuns is within how many worlds a planted bug must be found.
const bugRuns = 10_000

// hunt plants every bug and returns 1 where one is not found.
func hunt(o options, out io.Writer) int {
	code := 0
	if o.runs == 0 {
		o.runs = bugRuns
	}
	for _, b := range bugs() {
		o.bug = b
		r := campaign(o, out)
		if r.failed == nil {
			_, _ = fmt.Fprintf(out, "%s: NOT FOUND in %d worlds from seed %d\n", b, r.worlds, o.seed)
			code = 1
			continue
		}
		_, _ = fmt.Fprintf(out, "%s: found after %d worlds (%.0f s) by seed %d: %s\n", b, r.worlds, r.took.Seconds(), r.failed.seed, r.failed.failure)
	}
	return code
}
