package agreement

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// agreed returns a node's record of a swap that all have signed.
func agreed(t *testing.T, w *world) Record {
	t.Helper()
	offer := w.a.offer(sendBTC())
	w.b.accept(offer.Ticket(), false)
	return w.a.find(offer.ID())
}

func TestTermsCopy(t *testing.T) {
	w := newWorld(t)
	r := agreed(t, w)
	dir := filepath.Join(t.TempDir(), "copies")
	for range 2 {
		if err := WriteTermsCopy(dir, r.Signed()); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadTermsCopy(dir, r.Swap())
	if err != nil || !reflect.DeepEqual(got, r.Signed()) {
		t.Fatalf("the copy is another: %v", err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 || names[0].Name() != r.Swap().String()+".kofo-terms" {
		t.Errorf("files: %v, %v", names, err)
	}
	if info, err := os.Stat(CopyPath(dir, r.Swap())); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
}

func TestTermsCopyIsCheckedAndMended(t *testing.T) {
	w := newWorld(t)
	r, other := agreed(t, w), agreed2(t, w)
	dir := t.TempDir()
	path := CopyPath(dir, r.Swap())
	whole := r.Signed().Text()
	for name, content := range map[string]string{
		"empty": "", "cut": whole[:100], "altered": whole[:50] + "q" + whole[51:] + "q", "another swap": other.Signed().Text(),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTermsCopy(dir, r.Swap()); !errors.Is(err, ErrCopy) {
			t.Errorf("%s: %v", name, err)
		}
		if err := WriteTermsCopy(dir, r.Signed()); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTermsCopy(dir, r.Swap()); err != nil {
			t.Errorf("%s: not mended: %v", name, err)
		}
	}
	half := r.Signed()
	half.Signatures = half.Signatures[:1]
	if err := WriteTermsCopy(dir, half); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("a copy without all signatures: %v", err)
	}
}

// agreed2 is a second swap beside that of agreed.
func agreed2(t *testing.T, w *world) Record {
	t.Helper()
	offer := w.a.offer(OfferRequest{
		Send: AssetAmount{btc, htlc.NewAmount(10_000)}, Receive: AssetAmount{token, htlc.NewAmount(10_000)},
	})
	w.b.accept(offer.Ticket(), false)
	return w.a.find(offer.ID())
}

func TestTermsCopyFailures(t *testing.T) {
	w := newWorld(t)
	r := agreed(t, w)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteTermsCopy(filepath.Join(file, "below"), r.Signed()); err == nil {
		t.Error("a copy inside a file")
	}
	if _, err := ReadTermsCopy(t.TempDir(), r.Swap()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no copy: %v", err)
	}
}

func FuzzReadTermsCopy(f *testing.F) {
	f.Add("kofo1qqqq")
	f.Add("")
	f.Fuzz(func(t *testing.T, content string) {
		dir := t.TempDir()
		id := htlc.SwapID{1}
		if err := os.WriteFile(CopyPath(dir, id), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := ReadTermsCopy(dir, id); err == nil && s.Terms.ID() != id {
			t.Fatal("a copy of another swap passes")
		}
	})
}
