package disk_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kofo-network/kofo/internal/disk"
)

const mib = 1 << 20

// rig is a keeper on a disk of which others use what a test says.
type rig struct {
	*disk.Keeper
	dir   string
	used  uint64
	size  uint64
	fails error
	fulls int
	o     disk.Options
}

func newRig(t *testing.T, used uint64) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir(), used: used, size: 100 * mib}
	r.o = disk.Options{
		Dir: r.dir, Reserve: 8 * mib, Low: 4 * mib, Full: func(uint64) { r.fulls++ }, Log: slog.New(slog.DiscardHandler),
		Free: func() (uint64, error) { return r.size - r.used - r.ballast(t), r.fails },
	}
	r.Keeper = disk.Open(r.o)
	return r
}

// ballast is what the file really takes.
func (r *rig) ballast(t *testing.T) uint64 {
	info, err := os.Stat(filepath.Join(r.dir, disk.FileName))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if err != nil || !ok {
		t.Fatal(err)
	}
	return uint64(stat.Blocks) * 512
}

func TestBallastIsGivenUpAndMadeAnew(t *testing.T) {
	r := newRig(t, 10*mib)
	if r.Room() != nil || r.ballast(t) < 8*mib {
		t.Fatalf("%v, ballast of %d", r.Room(), r.ballast(t))
	}
	r.used = 89 * mib // 3 are left
	if err := r.Room(); !errors.Is(err, disk.ErrFull) || r.ballast(t) != 0 || r.fulls != 1 {
		t.Fatalf("%v, ballast of %d, told %d times", err, r.ballast(t), r.fulls)
	}
	if s := r.Look(); s.Free != 3*mib && s.Free != 11*mib {
		t.Errorf("%+v", s)
	}
	// Room for the ballast alone is not enough: it would be given up at once.
	r.used = 85 * mib
	if err := r.Room(); !errors.Is(err, disk.ErrFull) {
		t.Error(err)
	}
	r.fails = errors.New("nobody tells")
	if err := r.Room(); !errors.Is(err, disk.ErrFull) {
		t.Error(err)
	}
	r.fails, r.used = nil, 80*mib
	if err := r.Room(); err != nil || r.ballast(t) < 8*mib || r.fulls != 1 {
		t.Errorf("%v, ballast of %d, told %d times", err, r.ballast(t), r.fulls)
	}
}

func TestStarts(t *testing.T) {
	for name, c := range map[string]struct {
		used uint64
		full bool
	}{"room": {10 * mib, false}, "just enough": {87 * mib, false}, "none for the ballast": {90 * mib, true}, "none": {99 * mib, true}} {
		r := newRig(t, c.used)
		if got := r.Look(); got.Full != c.full || (r.fulls == 1) != c.full {
			t.Errorf("%s: %+v, told %d times", name, got, r.fulls)
		}
		// A ballast that is there is taken over.
		if again := disk.Open(r.o).Look(); again.Full != c.full {
			t.Errorf("%s, started again: %+v", name, again)
		}
	}
}

func TestRunLooksByItself(t *testing.T) {
	looked := make(chan struct{}, 100)
	k := disk.Open(disk.Options{
		Dir: t.TempDir(), Reserve: mib, Full: func(uint64) { t.Error("it is not full") }, Log: slog.New(slog.DiscardHandler),
		Free: func() (uint64, error) {
			select {
			case looked <- struct{}{}:
			default:
			}
			return 100 * mib, nil
		},
	})
	<-looked // by Open
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	<-looked
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
