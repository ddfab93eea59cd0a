package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

const (
	phrase = "correct horse battery"
	fast   = 1 // scrypt cost of tests
)

func newFile(t *testing.T) SeedFile {
	t.Helper()
	return SeedFile{Path: filepath.Join(t.TempDir(), SeedFileName), WorkFactor: fast}
}

func newKeyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.key")
	if err := CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func createFile(t *testing.T, lock Lock) (SeedFile, *Seed) {
	t.Helper()
	file, seed := newFile(t), mustSeed(t, canaryWords)
	if err := file.Create(seed, lock); err != nil {
		t.Fatal(err)
	}
	return file, seed
}

func wantOpen(t *testing.T, file SeedFile, lock Lock, want *Seed) {
	t.Helper()
	got, err := file.Open(lock)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Error("another seed came back")
	}
}

// wantReason checks sentinel and reason code together.
func wantReason(t *testing.T, err, want error, reason string) {
	t.Helper()
	var reasoned interface{ Reason() string }
	if !errors.Is(err, want) || !errors.As(err, &reasoned) || reasoned.Reason() != reason {
		t.Errorf("got %v, not %s", err, reason)
	}
	if err != nil && strings.Contains(err.Error(), "coconut") {
		t.Errorf("error shows the seed: %v", err)
	}
}

func TestCreateAndOpen(t *testing.T) {
	locks := map[LockKind]Lock{LockedByPassphrase: Passphrase(phrase), LockedByKeyFile: KeyFile(newKeyFile(t))}
	for kind, lock := range locks {
		t.Run(string(kind), func(t *testing.T) {
			file, seed := createFile(t, lock)
			wantOpen(t, file, lock, seed)
			if got, err := file.Kind(); got != kind || err != nil || lock.Kind() != kind {
				t.Errorf("kind %s, %v", got, err)
			}
			info, err := os.Stat(file.Path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			content, err := os.ReadFile(file.Path)
			if err != nil || bytes.Contains(content, []byte("coconut")) {
				t.Errorf("words at rest, %v", err)
			}
			wantOnly(t, filepath.Dir(file.Path), SeedFileName)
		})
	}
}

// wantOnly fails where temporary files were left behind.
func wantOnly(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(names) {
		t.Fatalf("folder holds %v, %v", entries, err)
	}
	for i, entry := range entries {
		if entry.Name() != names[i] {
			t.Errorf("folder holds %s", entry.Name())
		}
	}
}

func TestCreateOverwritesNothing(t *testing.T) {
	file, seed := createFile(t, Passphrase(phrase))
	err := file.Create(mustSeed(t, abandon), Passphrase(phrase))
	wantReason(t, err, ErrSeedExists, "SEED_FILE_EXISTS")
	wantOpen(t, file, Passphrase(phrase), seed)

	path := newKeyFile(t)
	before, _ := os.ReadFile(path)
	wantReason(t, CreateKeyFile(path), ErrKeyFileExists, "SEED_KEY_FILE_EXISTS")
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("key file changed, %v", err)
	}
	wantOnly(t, filepath.Dir(path), "node.key")
}

func TestCreateRaceHasOneWinner(t *testing.T) {
	file := newFile(t)
	results := make(chan error, 4)
	for range cap(results) {
		go func() { results <- file.Create(mustSeed(t, abandon), Passphrase(phrase)) }()
	}
	won := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, ErrSeedExists):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d winners", won)
	}
	wantOnly(t, filepath.Dir(file.Path), SeedFileName)
}

func TestOpenRefusals(t *testing.T) {
	key := newKeyFile(t)
	byPhrase, _ := createFile(t, Passphrase(phrase))
	byKey, _ := createFile(t, KeyFile(key))
	for _, tt := range []struct {
		name   string
		file   SeedFile
		lock   Lock
		want   error
		reason string
	}{
		{"wrong passphrase", byPhrase, Passphrase("Correct horse battery"), ErrPassphraseWrong, "SEED_PASSPHRASE_WRONG"},
		{"short passphrase", byPhrase, Passphrase("x"), ErrPassphraseWrong, "SEED_PASSPHRASE_WRONG"},
		{"no passphrase", byPhrase, Passphrase(""), ErrPassphraseWrong, "SEED_PASSPHRASE_WRONG"},
		{"wrong key", byKey, KeyFile(newKeyFile(t)), ErrKeyFileWrong, "SEED_KEY_FILE_WRONG"},
		{"key for passphrase", byPhrase, KeyFile(key), ErrLockKind, "SEED_LOCK_KIND"},
		{"passphrase for key", byKey, Passphrase(phrase), ErrLockKind, "SEED_LOCK_KIND"},
		{"no key file", byKey, KeyFile(key + "x"), ErrKeyFileMissing, "SEED_KEY_FILE_MISSING"},
		{"no seed file", SeedFile{Path: byKey.Path + "x"}, KeyFile(key), ErrSeedMissing, "SEED_FILE_MISSING"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.file.Open(tt.lock)
			wantReason(t, err, tt.want, tt.reason)
		})
	}
}

func TestLockRefusals(t *testing.T) {
	file, seed := newFile(t), mustSeed(t, abandon)
	wantReason(t, file.Create(seed, Passphrase("seven77")), ErrPassphraseWeak, "SEED_PASSPHRASE_WEAK")
	for _, cost := range []int{-1, 21, 31} {
		file.WorkFactor = cost
		if err := file.Create(seed, Passphrase(phrase)); !errors.Is(err, ErrWorkFactor) {
			t.Errorf("cost %d: %v", cost, err)
		}
	}
	seed.Close()
	if err := newFile(t).Create(seed, Passphrase(phrase)); !errors.Is(err, ErrClosed) {
		t.Errorf("closed seed: %v", err)
	}
	wantOnly(t, filepath.Dir(file.Path))
}

// TestCostOfAFileIsBounded: a planted file cannot make the node allocate
// without end.
func TestCostOfAFileIsBounded(t *testing.T) {
	file, _ := createFile(t, Passphrase(phrase))
	content, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(content), "\n", 3)
	lines[1] = strings.TrimSuffix(lines[1], " 1") + " 30"
	if err := os.WriteFile(file.Path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = file.Open(Passphrase(phrase))
	wantReason(t, err, ErrSeedDamaged, "SEED_FILE_DAMAGED")
}

// TestDefaultCost takes about a second: that is what it shows.
func TestDefaultCost(t *testing.T) {
	file := newFile(t)
	file.WorkFactor = 0
	if err := file.Create(mustSeed(t, abandon), Passphrase(phrase)); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(content[len("age-encryption.org/v1\n"):]), "\n")
	if !strings.HasSuffix(header, fmt.Sprintf(" %d", DefaultWorkFactor)) {
		t.Errorf("header %q", header)
	}
}

func TestKeyFileModes(t *testing.T) {
	path := newKeyFile(t)
	file, seed := createFile(t, KeyFile(path))
	for _, mode := range []os.FileMode{0o604, 0o644, 0o640, 0o660, 0o602, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := file.Open(KeyFile(path))
		wantReason(t, err, ErrKeyFileExposed, "SEED_KEY_FILE_EXPOSED")
		err = newFile(t).Create(seed, KeyFile(path))
		wantReason(t, err, ErrKeyFileExposed, "SEED_KEY_FILE_EXPOSED")
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		wantOpen(t, file, KeyFile(path), seed)
	}
}

func TestKeyFileContents(t *testing.T) {
	key := newKeyFile(t)
	content, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "comment": []byte("# nothing\n"), "text": []byte("coconut\n"),
		"two": append(bytes.Clone(content), content...), "long": bytes.Repeat([]byte("#\n"), maxKeyFile),
	} {
		wantReason(t, newFile(t).Create(mustSeed(t, abandon), KeyFile(write(name, bad))), ErrKeyFileInvalid, "SEED_KEY_FILE_INVALID")
	}
	wantReason(t, newFile(t).Create(mustSeed(t, abandon), KeyFile(t.TempDir())), ErrKeyFileInvalid, "SEED_KEY_FILE_INVALID")

	// The keys of age-keygen -pq are as good.
	lock := KeyFile(write("hybrid", []byte(hybrid.String()+"\n")))
	file, seed := createFile(t, lock)
	wantOpen(t, file, lock, seed)
}

func TestRelock(t *testing.T) {
	key := KeyFile(newKeyFile(t))
	a, b := Passphrase(phrase), Passphrase("another passphrase")
	file, seed := createFile(t, a)
	for _, step := range []struct {
		from, to Lock
		same     bool
	}{{a, b, false}, {b, key, false}, {key, a, false}, {a, a, true}} {
		if err := file.Relock(step.from, step.to); err != nil {
			t.Fatal(err)
		}
		wantOpen(t, file, step.to, seed)
		if kind, err := file.Kind(); kind != step.to.Kind() || err != nil {
			t.Errorf("kind %s, %v", kind, err)
		}
		if _, err := file.Open(step.from); (err == nil) != step.same {
			t.Errorf("the old lock: %v", err)
		}
	}
	wantOnly(t, filepath.Dir(file.Path), SeedFileName)
}

func TestFailedRelockChangesNothing(t *testing.T) {
	lock := Passphrase(phrase)
	file, seed := createFile(t, lock)
	wantReason(t, file.Relock(Passphrase("wrong one"), lock), ErrPassphraseWrong, "SEED_PASSPHRASE_WRONG")
	wantReason(t, file.Relock(lock, Passphrase("weak")), ErrPassphraseWeak, "SEED_PASSPHRASE_WEAK")
	wantReason(t, file.Relock(lock, KeyFile("missing")), ErrKeyFileMissing, "SEED_KEY_FILE_MISSING")
	wantOpen(t, file, lock, seed)
	wantOnly(t, filepath.Dir(file.Path), SeedFileName)
}

// TestAlteredSeedFile flips every byte: never a wrong seed, never a panic.
func TestAlteredSeedFile(t *testing.T) {
	lock := KeyFile(newKeyFile(t))
	file, seed := createFile(t, lock)
	content, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range content {
		altered := bytes.Clone(content)
		altered[i] ^= 1
		if got, err := decrypt(altered, lock); err == nil {
			t.Errorf("byte %d: opened, equal %v", i, got.Equal(seed))
		} else if !errors.Is(err, ErrSeedDamaged) && !errors.Is(err, ErrKeyFileWrong) {
			t.Errorf("byte %d: %v", i, err)
		}
		if _, err := decrypt(content[:i], lock); !errors.Is(err, ErrSeedDamaged) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	if err := os.WriteFile(file.Path, append(content, make([]byte, maxSeedFile)...), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = file.Open(lock)
	wantReason(t, err, ErrSeedDamaged, "SEED_FILE_DAMAGED")
	_, err = file.Kind()
	wantReason(t, err, ErrSeedDamaged, "SEED_FILE_DAMAGED")
}

func TestDecodeSeed(t *testing.T) {
	for _, tt := range []struct {
		text string
		want error
	}{
		{"kofo-seed-1\n" + abandon + "\n", nil},
		{"kofo-seed-2\n" + abandon + "\n", ErrSeedVersion},
		{"", ErrSeedDamaged},
		{abandon, ErrSeedDamaged},
		{"kofo-seed-1", ErrSeedDamaged},
		{"kofo-seed-1\n" + abandon + " coconut", ErrSeedDamaged},
	} {
		if _, err := decodeSeed([]byte(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
}

func FuzzDecodeSeed(f *testing.F) {
	f.Add([]byte("kofo-seed-1\n" + abandon + "\n"))
	f.Add([]byte("kofo-seed-2\n"))
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		seed, err := decodeSeed(plaintext)
		if err == nil && len(seed.RevealWords()) < 12 {
			t.Fatal("accepted too few words")
		}
		if err != nil && !errors.Is(err, ErrSeedDamaged) && !errors.Is(err, ErrSeedVersion) {
			t.Fatalf("unknown error %v", err)
		}
	})
}

// FuzzSeedFile feeds whole files to the reader.
func FuzzSeedFile(f *testing.F) {
	path := filepath.Join(f.TempDir(), "node.key")
	if err := CreateKeyFile(path); err != nil {
		f.Fatal(err)
	}
	lock := KeyFile(path)
	seed, err := ParseMnemonic(abandon)
	if err != nil {
		f.Fatal(err)
	}
	content, err := SeedFile{}.encrypt(seed, lock)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte("age-encryption.org/v1\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := decrypt(content, lock)
		if err == nil && !got.Equal(seed) {
			t.Fatal("forged a seed")
		}
		if err != nil && !errors.Is(err, ErrSeedDamaged) && !errors.Is(err, ErrKeyFileWrong) && !errors.Is(err, ErrLockKind) {
			t.Fatalf("unknown error %v", err)
		}
	})
}

// TestReadableWithoutKofo: with the age tool and the key file alone, the words
// come out as text.
func TestReadableWithoutKofo(t *testing.T) {
	path := newKeyFile(t)
	file, _ := createFile(t, KeyFile(path))
	key, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = key.Close() }()
	identities, err := age.ParseIdentities(key)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := age.Decrypt(bytes.NewReader(content), identities...)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if want := fmt.Sprintf("kofo-seed-1\n%s\n", canaryWords); err != nil || string(text) != want {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	// A folder in the way cannot be replaced by a file.
	target := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(target, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replace(target, []byte("content")); err == nil {
		t.Error("replaced a folder")
	}
	wantOnly(t, dir, "taken")
	if err := writeNew(filepath.Join(dir, "missing", "file"), []byte("content")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("wrote into a missing folder: %v", err)
	}
}
