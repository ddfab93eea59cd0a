// Package disk keeps room on the node's disk for the swaps that run.
//
// A file of real blocks, the ballast, lies in the data folder. When the disk is
// nearly full the ballast is given up: from then on no new swap begins, and the
// running ones have its room for their transactions and commits until they are
// settled. When there is room again the ballast is made anew, and new swaps
// begin again by themselves.
//
// The ballast cannot hold against a program that goes on to fill the disk; a
// volume of its own for the data folder can.
//
// The caller owes it: Run for as long as the node works, and Room asked before
// anything new.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// ErrFull: the disk is nearly full.
var ErrFull = errors.New("the disk of the data folder is nearly full")

// FileName is that of the ballast in the data folder.
const FileName = "ballast"

// lookEvery is how often the free room is looked at; a statfs costs nothing.
const lookEvery = 250 * time.Millisecond

// Options of a Keeper.
type Options struct {
	Dir string
	// Reserve is the size of the ballast in bytes; none with 0.
	Reserve uint64
	// Low is the room below which the disk counts as full.
	Low uint64
	// Free is how many bytes can be written in Dir.
	Free func() (uint64, error)
	// Full is called when the ballast is given up, or was missing at the start.
	Full func(free uint64)
	Log  *slog.Logger
}

// State is what the keeper saw last.
type State struct {
	Free, Reserve uint64
	Full          bool
}

// Keeper keeps room.
type Keeper struct {
	o Options

	mu    sync.Mutex
	held  bool // the ballast is there
	full  bool
	begun bool
	free  uint64
}

// Open takes over a ballast that is there, and makes one where there is room.
func Open(o Options) *Keeper {
	k := &Keeper{o: o}
	info, err := os.Stat(k.path())
	k.held = err == nil && uint64(info.Size()) >= o.Reserve && o.Reserve > 0
	k.Look()
	k.begun = true
	return k
}

func (k *Keeper) path() string { return filepath.Join(k.o.Dir, FileName) }

// Run looks until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			k.Look()
		}
	}
}

// Look gives the ballast up where the disk is nearly full, and makes it anew
// where there is room for it and half as much again: else the two would follow
// each other without end.
func (k *Keeper) Look() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	free, err := k.o.Free()
	if err != nil {
		k.o.Log.Warn("the room on the disk is not known", "error", err)
		return k.state()
	}
	k.free = free
	switch {
	case free < k.o.Low && (k.held || !k.full):
		k.giveUp()
	case free < k.o.Low:
	case !k.held && free >= k.o.Low+k.o.Reserve+k.o.Reserve/2, !k.held && !k.begun && free >= k.o.Low+k.o.Reserve:
		k.refill()
	case !k.held && !k.begun: // a start without room for a ballast
		k.giveUp()
	}
	return k.state()
}

func (k *Keeper) state() State { return State{Free: k.free, Reserve: k.o.Reserve, Full: k.full} }

func (k *Keeper) giveUp() {
	err := os.Remove(k.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.o.Log.Error("the ballast cannot be removed", "error", err)
		return // again at the next look
	}
	k.held, k.full = false, true
	k.o.Log.Error("the disk is nearly full: no new swaps; running ones settle from the room that was kept for them",
		"dir", k.o.Dir, "free_bytes", k.free, "released_bytes", k.o.Reserve)
	k.o.Full(k.free)
}

func (k *Keeper) refill() {
	if k.o.Reserve > 0 {
		if err := k.write(); err != nil {
			k.o.Log.Warn("the ballast cannot be made", "error", err)
			_ = os.Remove(k.path()) // half of one holds nothing
			return
		}
	}
	if k.full {
		k.o.Log.Info("there is room on the disk again: new swaps can begin", "dir", k.o.Dir)
	}
	k.held, k.full = true, false
}

// write makes the ballast of real blocks: a file with holes would keep no room.
func (k *Keeper) write() (err error) {
	f, err := os.OpenFile(k.path(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	switch err := allocate(f, int64(k.o.Reserve)); {
	case err == nil:
		return f.Sync()
	case !errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("allocate the ballast: %w", err) // writing would fill the disk itself
	}
	// Chance, since a disk that compresses would make little of zeros.
	noise := rand.NewChaCha8([32]byte{1})
	if _, err := io.CopyN(f, noise, int64(k.o.Reserve)); err != nil {
		return fmt.Errorf("write the ballast: %w", err)
	}
	return f.Sync()
}

// Room is ErrFull where nothing new may begin. It looks anew: a disk can fill
// between two looks.
func (k *Keeper) Room() error {
	s := k.Look()
	if !s.Full {
		return nil
	}
	return fmt.Errorf("%w: %d MiB are free, and %d MiB are wanted before new swaps begin", ErrFull,
		s.Free>>20, (k.o.Low+k.o.Reserve+k.o.Reserve/2)>>20)
}
