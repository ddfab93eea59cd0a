package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"filippo.io/age"
)

// SeedFileName is the usual name of the file in a node's data folder.
const SeedFileName = "seed.age"

const (
	// The plaintext is a line that names the version, then the words: the age
	// tool alone is enough to read them.
	seedHeader  = "kofo-seed-"
	seedVersion = "1"

	maxSeedFile = 16 << 10
	stanza      = "scrypt"
)

// SeedFile is a seed encrypted at rest. Its calls take about a second where the
// lock is a passphrase, and cannot be interrupted.
type SeedFile struct {
	Path string
	// WorkFactor is the scrypt cost of what is written, as a power of two.
	// Zero means DefaultWorkFactor; less is for tests.
	WorkFactor int
}

// Create writes a new file. It overwrites nothing.
func (f SeedFile) Create(seed *Seed, lock Lock) error {
	if _, err := os.Lstat(f.Path); err == nil {
		return fmt.Errorf("%w: %s", ErrSeedExists, f.Path) // before the slow part
	}
	content, err := f.encrypt(seed, lock)
	if err != nil {
		return err
	}
	if err := writeNew(f.Path, content); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrSeedExists, f.Path)
	} else if err != nil {
		return fmt.Errorf("create seed file: %w", err)
	}
	return nil
}

// Open decrypts the seed. The caller closes it.
func (f SeedFile) Open(lock Lock) (*Seed, error) {
	content, err := f.read()
	if err != nil {
		return nil, err
	}
	return decrypt(content, lock)
}

// Relock changes the lock: a new passphrase, or a key file in place of a
// passphrase, or the reverse. The old file stands until the new one was seen to
// open.
func (f SeedFile) Relock(from, to Lock) error {
	seed, err := f.Open(from)
	if err != nil {
		return err
	}
	defer seed.Close()
	content, err := f.encrypt(seed, to)
	if err != nil {
		return err
	}
	check, err := decrypt(content, to)
	if err != nil {
		return fmt.Errorf("check the new seed file: %w", err)
	}
	defer check.Close()
	if !check.Equal(seed) {
		return fmt.Errorf("check the new seed file: %w", ErrSeedDamaged)
	}
	if err := replace(f.Path, content); err != nil {
		return fmt.Errorf("replace seed file: %w", err)
	}
	return nil
}

// Kind tells how the file is locked without opening it, so that a program knows
// whether to ask for a passphrase.
func (f SeedFile) Kind() (LockKind, error) {
	content, err := f.read()
	if err != nil {
		return "", err
	}
	var none *age.NoIdentityMatchError
	_, err = age.Decrypt(bytes.NewReader(content), noIdentity{})
	if !errors.As(err, &none) {
		return "", fmt.Errorf("%w: %w", ErrSeedDamaged, err)
	}
	return kindOf(none), nil
}

// noIdentity opens nothing; age then tells what would have.
type noIdentity struct{}

func (noIdentity) Unwrap([]*age.Stanza) ([]byte, error) { return nil, age.ErrIncorrectIdentity }

func kindOf(none *age.NoIdentityMatchError) LockKind {
	if slices.Contains(none.StanzaTypes, stanza) {
		return LockedByPassphrase
	}
	return LockedByKeyFile
}

func (f SeedFile) read() ([]byte, error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrSeedMissing, f.Path)
	} else if err != nil {
		return nil, fmt.Errorf("read seed file: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxSeedFile+1))
	if err != nil {
		return nil, fmt.Errorf("read seed file: %w", err)
	}
	if len(content) > maxSeedFile {
		return nil, fmt.Errorf("%w: %s is too long", ErrSeedDamaged, f.Path)
	}
	return content, nil
}

func (f SeedFile) encrypt(seed *Seed, lock Lock) ([]byte, error) {
	words := seed.RevealWords()
	if words == nil {
		return nil, ErrClosed
	}
	workFactor := f.WorkFactor
	if workFactor == 0 {
		workFactor = DefaultWorkFactor
	}
	recipient, err := lock.recipient(workFactor)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	writer, err := age.Encrypt(&out, recipient)
	if err != nil {
		return nil, fmt.Errorf("encrypt seed: %w", err)
	}
	_, err = fmt.Fprintf(writer, "%s%s\n%s\n", seedHeader, seedVersion, strings.Join(words, " "))
	if err := errors.Join(err, writer.Close()); err != nil {
		return nil, fmt.Errorf("encrypt seed: %w", err)
	}
	return out.Bytes(), nil
}

func decrypt(content []byte, lock Lock) (*Seed, error) {
	identity, err := lock.identity()
	if err != nil {
		return nil, err
	}
	var none *age.NoIdentityMatchError
	reader, err := age.Decrypt(bytes.NewReader(content), identity)
	switch {
	case errors.As(err, &none):
		if kind := kindOf(none); kind != lock.Kind() {
			return nil, fmt.Errorf("%w: by %s", ErrLockKind, kind)
		}
		return nil, lock.mismatch()
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSeedDamaged, err)
	}
	plaintext, err := io.ReadAll(reader) // no longer than its ciphertext
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeedDamaged, err)
	}
	defer clear(plaintext)
	return decodeSeed(plaintext)
}

func decodeSeed(plaintext []byte) (*Seed, error) {
	first, rest, _ := strings.Cut(string(plaintext), "\n")
	version, ok := strings.CutPrefix(first, seedHeader)
	if !ok {
		return nil, ErrSeedDamaged
	}
	if version != seedVersion {
		return nil, ErrSeedVersion
	}
	seed, err := ParseMnemonic(rest)
	if err != nil {
		// Not wrapped: the error may repeat a word, and this one is not the
		// user's typing.
		return nil, ErrSeedDamaged
	}
	return seed, nil
}
