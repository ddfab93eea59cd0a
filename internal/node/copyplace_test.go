package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/doctor"
)

// hangingFolder is a folder in which the first call about a swap does not come
// back before release: the kernel waits for somebody who opens the other end.
func hangingFolder(t *testing.T, like copies.Folder, swap htlc.SwapID) (folder copies.Folder, release func()) {
	t.Helper()
	folder = copies.Folder{Dir: filepath.Join(t.TempDir(), "gone"), Vault: like.Vault}
	if err := os.Mkdir(folder.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fifo := folder.Path(swap)
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		other, err := os.OpenFile(fifo, os.O_RDWR, 0)
		if err == nil {
			err = errors.Join(os.Remove(fifo), other.Close())
		}
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release)
	return folder, release
}

// hanging is how long a place of a test may take before it counts as one that
// hangs; nothing waits for it but the test of that.
const hanging = 30 * time.Millisecond

// idle waits until nothing is wanted at a place.
func idle(t *testing.T, p *copyPlace) {
	t.Helper()
	until(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.since.IsZero()
	})
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("the place never comes to rest")
		case <-ticker.C:
		}
	}
}

// TestSafety_D2_HangingFolder: the server behind one of the folders for copies is
// gone. Where the folder is required no secret leaves before the note stands
// there; where it is not, the note in the others is enough, and nothing waits.
// Once the server is back it gets what it missed, the last word of each.
func TestSafety_D2_HangingFolder(t *testing.T) {
	t.Parallel()
	for name, required := range map[string]bool{"required": true, "not required": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			k, s, own := noteKeeper(t)
			gone, release := hangingFolder(t, own, s.ID)
			k.folder(gone.Vault, gone.Dir, required)
			k.places[0].limit, k.places[1].limit = time.Minute, hanging
			if err := k.EnsureCopy(ctx, s); errors.Is(err, errPlaceHangs) != required {
				t.Fatalf("copy: %v", err)
			}
			for range 20 {
				if err := k.NoteReveal(ctx, s, htlc.NoteOut); errors.Is(err, errPlaceHangs) != required || !required && err != nil {
					t.Fatalf("note: %v", err)
				}
			}
			if c, err := own.Read(s.ID); err != nil || c.Note != htlc.NoteOut {
				t.Fatalf("the own folder has no note: %v", err)
			}
			state := k.places[1].state()
			if state.hangs.IsZero() || state.waiting != 1 || !k.places[0].state().hangs.IsZero() {
				t.Errorf("state %+v", state)
			}
			if n := sourceValue(k, "copy_folders_hanging"); n != 1 {
				t.Errorf("%v folders hang", n)
			}
			if sourceValue(k, "copies_missing_total") < 20 {
				t.Error("what is missing is not told")
			}
			checkDoctor(t, k.folders()[1], required)
			release()
			idle(t, k.places[1])
			if c, err := gone.Read(s.ID); err != nil || c.Note != htlc.NoteOut {
				t.Errorf("the folder did not get the note that it missed: %v", err)
			}
			k.places[1].limit = time.Minute
			if err := k.NoteReveal(ctx, s, htlc.NoteOut); err != nil {
				t.Errorf("the folder is back: %v", err)
			}
		})
	}
}

func sourceValue(k *copyKeeper, name string) float64 {
	for _, s := range k.sources() {
		if s.Name == name {
			return s.Value()
		}
	}
	return -1
}

func checkDoctor(t *testing.T, f doctor.Folder, required bool) {
	t.Helper()
	if since, waiting := f.Hangs(); since.IsZero() || waiting != 1 || f.Required != required {
		t.Errorf("the doctor is told of %s, %d, %t", since, waiting, f.Required)
	}
	if err := f.Inside(t.Context(), func() error { return nil }); !errors.Is(err, errPlaceHangs) {
		t.Errorf("a look inside: %v", err)
	}
}

// One goroutine is all that can hang in a place, however many want something, and
// what waits for it is bounded.
func TestPlaceIsEnteredByOne(t *testing.T) {
	t.Parallel()
	var inside, most atomic.Int32
	held := make(chan struct{})
	p := &copyPlace{limit: hanging, noted: func(htlc.SwapID) htlc.RevealNote { return htlc.NoteInside }, write: func(copies.Copy) error {
		most.Store(max(most.Load(), inside.Add(1)))
		<-held
		inside.Add(-1)
		return nil
	}}
	put := func(i int) error {
		return p.wait(t.Context(), time.Now(), p.want(htlc.SwapID{byte(i), byte(i >> 8), 1}, errand{}))
	}
	for i := range mostOwed {
		if err := put(i); !errors.Is(err, errPlaceHangs) {
			t.Fatal(err)
		}
	}
	// The first one may be inside, or not yet.
	if err := errors.Join(put(mostOwed), put(mostOwed+1)); !errors.Is(err, errPlaceFull) {
		t.Errorf("without bound: %v", err)
	}
	close(held)
	idle(t, p)
	if most.Load() != 1 {
		t.Errorf("%d were inside at a time", most.Load())
	}
}

// Whoever wanted a note that was taken back before it was written is not told
// that it stands.
func TestOvertakenNoteIsNotConfirmed(t *testing.T) {
	t.Parallel()
	held, wrote := make(chan struct{}), make(chan htlc.RevealNote, 9)
	p := &copyPlace{limit: time.Minute, noted: func(htlc.SwapID) htlc.RevealNote { return htlc.NoteBegun }, write: func(c copies.Copy) error {
		<-held
		wrote <- c.Note
		return nil
	}}
	id := htlc.SwapID{1}
	want := func(note htlc.RevealNote) <-chan error {
		return p.want(id, errand{copy: copies.Copy{Note: note}, back: note == htlc.NoteInside})
	}
	copied := func() <-chan error { return p.want(id, errand{}) }
	inside := copied()
	until(t, func() bool { return p.state().waiting == 0 })
	note, merged, back, later := want(htlc.NoteBegun), copied(), want(htlc.NoteInside), copied()
	held <- struct{}{}
	until(t, func() bool { return len(wrote) == 1 && p.state().waiting == 0 })
	out, never := want(htlc.NoteOut), want(htlc.NoteInside)
	close(held)
	idle(t, p)
	for _, answer := range []<-chan error{inside, back, later, out, never} {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
	for _, answer := range []<-chan error{note, merged} {
		if err := <-answer; !errors.Is(err, errOvertaken) {
			t.Errorf("confirmed: %v", err)
		}
	}
	if a, b, c := <-wrote, <-wrote, <-wrote; a != htlc.NoteBegun || b != htlc.NoteInside || c != htlc.NoteOut || len(wrote) != 0 {
		t.Errorf("wrote %d, %d, %d", a, b, c)
	}
}

// A restore reads what it can, and tells of a folder that does not answer.
func TestRestoreLeavesAHangingFolder(t *testing.T) {
	t.Parallel()
	k, s, own := noteKeeper(t)
	if err := k.EnsureCopy(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	gone, _ := hangingFolder(t, own, s.ID)
	r := &restorer{found: map[htlc.SwapID]copies.Copy{}, patience: hanging}
	r.gatherFolder(t.Context(), gone)
	if got := r.report.Sources[0]; len(got.Swaps) != 0 || len(got.Problems) != 1 {
		t.Errorf("%+v", got)
	}
	if _, err := within(t.Context(), time.Minute, func() (int, error) { return 1, context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
