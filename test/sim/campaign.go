package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// options of a campaign.
type options struct {
	seed, runs uint64
	duration   time.Duration
	workers    int
	bug        bug
	trace      bool
	sqlite     bool
}

// result of a campaign.
type result struct {
	options
	worlds  uint64
	stats   stats
	took    time.Duration
	cpu     time.Duration // of the whole process
	failed  *world
	highest uint64
}

// campaign runs worlds until one breaks, or until there are enough. Where one
// breaks, the one with the smallest seed of those that ran is told.
func campaign(o options, out io.Writer) *result {
	r := &result{options: o}
	started, before := time.Now(), cpuTime()
	var next atomic.Uint64
	var stop atomic.Bool
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range max(o.workers, 1) {
		wg.Go(func() {
			for !stop.Load() {
				i := next.Add(1) - 1
				if o.runs > 0 && i >= o.runs || o.duration > 0 && time.Since(started) > o.duration {
					return
				}
				w := o.world(o.seed + i)
				mu.Lock()
				r.take(w, out)
				mu.Unlock()
				if w.failure != "" {
					stop.Store(true)
				}
			}
		})
	}
	wg.Wait()
	r.took, r.cpu = time.Since(started), cpuTime()-before
	return r
}

// diskShare: of so many worlds one keeps its stores on a real disk as well.
const diskShare = 512

// world runs one world.
func (o options) world(seed uint64) *world {
	use := worldOptions{bug: o.bug, trace: o.trace}
	if o.sqlite || seed%diskShare == 1 && o.bug == noBug {
		dir, err := os.MkdirTemp("", "kofo-sim-")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // what is left is in the system's folder for that
		use.dir = dir
	}
	w := newWorld(seed, use)
	w.run()
	if err := w.close(); err != nil {
		w.fail("close the stores: %v", err)
	}
	return w
}

func (r *result) take(w *world, out io.Writer) {
	r.worlds++
	r.stats.add(w.stats)
	r.highest = max(r.highest, w.seed)
	for _, line := range w.lines {
		_, _ = fmt.Fprintln(out, line)
	}
	if w.failure != "" && (r.failed == nil || w.seed < r.failed.seed) {
		r.failed = w
	}
}

// print says what was run and how fast.
func (r *result) print(out io.Writer) {
	s, seconds, cpu := r.stats, r.took.Seconds(), max(r.cpu.Seconds(), 0.001)
	_, _ = fmt.Fprintf(out, "seeds %d to %d: %d worlds, %d swaps in %.1f s: %.0f swaps/s, %.0f for each second of a core\n",
		r.seed, r.highest, r.worlds, s.swaps, seconds, float64(s.swaps)/seconds, float64(s.swaps)/cpu)
	_, _ = fmt.Fprintf(out, "faults: %d crashes, %d ticks with something broken, %d reorganisations, %d blocks a chain\n",
		s.crashes, s.faults, s.reorgs, s.ticks)
	_, _ = fmt.Fprint(out, "ends, as each node saw them:")
	for o, n := range s.outcomes {
		if n > 0 {
			_, _ = fmt.Fprintf(out, " %d %s,", n, htlc.Outcome(o))
		}
	}
	_, _ = fmt.Fprintf(out, " %d refused before they were signed\n", s.refused)
}

// print tells the story of a world that broke, how to see it again, and
// whether it does.
func (w *world) print(out io.Writer) {
	again := newWorld(w.seed, worldOptions{bug: w.bug, trace: true})
	again.run()
	for _, line := range again.lines {
		_, _ = fmt.Fprintln(out, line)
	}
	_, _ = fmt.Fprintf(out, "seed %d broke: %s\n", w.seed, w.failure)
	if again.digest != w.digest {
		_, _ = fmt.Fprintf(out, "it does not replay: digest %016x, then %016x\n", w.digest, again.digest)
	}
	planted := ""
	if w.bug != noBug {
		planted = fmt.Sprintf(" -bug %s", w.bug)
	}
	_, _ = fmt.Fprintf(out, "replay it by: go run ./test/sim -seed %d -trace%s\n", w.seed, planted)
}

// cpuTime is what the process has used of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
