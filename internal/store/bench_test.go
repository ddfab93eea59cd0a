package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// fsyncP50 measures what one durable append of 4 kB costs on the disk of a
// folder: no store is faster than that per commit.
func fsyncP50(b *testing.B, dir string) time.Duration {
	b.Helper()
	f, err := os.CreateTemp(dir, "fsync-")
	must(b, err)
	defer func() { must(b, os.Remove(f.Name())) }()
	page, took := make([]byte, 4096), make([]time.Duration, 200)
	for i := range took {
		start := time.Now()
		_, err := f.Write(page)
		must(b, err)
		must(b, f.Sync())
		took[i] = time.Since(start)
	}
	must(b, f.Close())
	slices.Sort(took)
	return took[len(took)/2]
}

func BenchmarkFsync(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(fsyncP50(b, b.TempDir()).Microseconds()), "fsync-p50-µs")
	}
}

func BenchmarkCommitSQLite(b *testing.B) { benchCommit(b, sqliteDSN) }

// benchCommit measures durable events a second. Every event moves a swap's
// snapshot, adds to its history, asks for one effect and finishes another.
func benchCommit(b *testing.B, dsn func(testing.TB) string) {
	for _, perCommit := range []int{1, 32} {
		b.Run(fmt.Sprintf("events=%d", perCommit), func(b *testing.B) {
			s := open(b, dsn(b))
			disk := fsyncP50(b, b.TempDir())
			swaps := make([]htlc.Swap, perCommit)
			for i := range swaps {
				w := fresh(b, uint64(i))
				must(b, s.Commit(ctx, batch(w)))
				swaps[i] = w.Swap
			}
			b.ReportAllocs()
			events := 0
			for b.Loop() {
				must(b, s.Commit(ctx, nextBatch(b, swaps)))
				events += perCommit
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(disk.Microseconds()), "fsync-p50-µs")
		})
	}
}

// nextBatch moves every swap by one event.
func nextBatch(b *testing.B, swaps []htlc.Swap) engine.Batch {
	var out engine.Batch
	for i, s := range swaps {
		w := step(b, s, tip(s.Legs[0].Height+1))
		id := engine.EffectID{Swap: s.ID, Seq: w.Swap.Version}
		w.Effects = []engine.StoredEffect{{ID: id, Effect: htlc.Effect{Kind: htlc.EffectCheckFunding}}}
		id.Seq--
		out.Done = append(out.Done, id)
		out.Swaps = append(out.Swaps, w)
		swaps[i] = w.Swap
	}
	return out
}

// BenchmarkStart10000 is how long 10,000 open swaps take to load.
func BenchmarkStart10000(b *testing.B) {
	dsn := filepath.Join(b.TempDir(), "kofo.db")
	s := open(b, dsn)
	for n := uint64(0); n < 10_000; {
		var writes engine.Batch
		for range 100 {
			writes.Swaps = append(writes.Swaps, fresh(b, n))
			n++
		}
		must(b, s.Commit(ctx, writes))
	}
	must(b, s.Close())
	for b.Loop() {
		s, err := store.Open(ctx, config(b, dsn))
		must(b, err)
		if got := len(active(b, s)); got != 10_000 {
			b.Fatalf("%d swaps", got)
		}
		must(b, s.Close())
	}
}
