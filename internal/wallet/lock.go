package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"

	"filippo.io/age"
)

const (
	// MinPassphrase is the least number of characters of a new passphrase.
	MinPassphrase = 8

	// DefaultWorkFactor is the scrypt cost of new files: 2^18, about a second.
	DefaultWorkFactor = 18
	// maxWorkFactor bounds the cost that a file may ask for: 2^20 takes a
	// gibibyte of memory.
	maxWorkFactor = 20

	maxKeyFile = 64 << 10
)

// ErrWorkFactor is returned for a scrypt cost out of range.
var ErrWorkFactor = fmt.Errorf("wallet: the scrypt work factor is 1 to %d", maxWorkFactor)

// LockKind tells how a seed file is locked.
type LockKind string

// The kinds of lock.
const (
	LockedByPassphrase LockKind = "passphrase"
	LockedByKeyFile    LockKind = "key-file"
)

// Lock opens and closes a seed file. Passphrase and KeyFile make one. It prints
// redacted.
type Lock interface {
	Kind() LockKind
	recipient(workFactor int) (age.Recipient, error)
	identity() (age.Identity, error)
	// mismatch is the error of a lock of the right kind that does not open.
	mismatch() error
}

type passphraseLock struct {
	redact
	text hidden[string]
}

// Passphrase locks with a passphrase, for nodes started by a person. Its
// length is judged when it locks, not when it opens.
func Passphrase(text string) Lock { return passphraseLock{text: hide(&text)} }

func (passphraseLock) Kind() LockKind { return LockedByPassphrase }

func (l passphraseLock) recipient(workFactor int) (age.Recipient, error) {
	if utf8.RuneCountInString(*l.text()) < MinPassphrase {
		return nil, ErrPassphraseWeak
	}
	if workFactor < 1 || workFactor > maxWorkFactor {
		return nil, fmt.Errorf("%w, not %d", ErrWorkFactor, workFactor)
	}
	recipient, err := age.NewScryptRecipient(*l.text())
	if err != nil {
		return nil, fmt.Errorf("use passphrase: %w", err)
	}
	recipient.SetWorkFactor(workFactor)
	return recipient, nil
}

func (l passphraseLock) identity() (age.Identity, error) {
	if *l.text() == "" {
		return nil, ErrPassphraseWrong
	}
	identity, err := age.NewScryptIdentity(*l.text())
	if err != nil {
		return nil, fmt.Errorf("use passphrase: %w", err)
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	return identity, nil
}

func (passphraseLock) mismatch() error { return ErrPassphraseWrong }

type keyFileLock struct{ path string }

// KeyFile locks with the age identity in a file, for unattended nodes. The file
// is read at every use, and refused where others than its owner may read it.
func KeyFile(path string) Lock { return keyFileLock{path: path} }

func (keyFileLock) Kind() LockKind { return LockedByKeyFile }

func (l keyFileLock) recipient(int) (age.Recipient, error) {
	identity, err := readKeyFile(l.path)
	if err != nil {
		return nil, err
	}
	switch id := identity.(type) {
	case *age.X25519Identity:
		return id.Recipient(), nil
	case *age.HybridIdentity:
		return id.Recipient(), nil
	default:
		return nil, fmt.Errorf("%w: unknown kind of identity", ErrKeyFileInvalid)
	}
}

func (l keyFileLock) identity() (age.Identity, error) { return readKeyFile(l.path) }

func (l keyFileLock) mismatch() error { return fmt.Errorf("%w: %s", ErrKeyFileWrong, l.path) }

// CreateKeyFile writes a new X25519 identity in the form of age-keygen, for the
// owner's eyes only. It overwrites nothing.
func CreateKeyFile(path string) error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make key file: %w", err)
	}
	content := fmt.Appendf(nil, "# public key: %s\n%s\n", identity.Recipient(), identity)
	defer clear(content)
	if err := writeNew(path, content); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrKeyFileExists, path)
	} else if err != nil {
		return fmt.Errorf("make key file: %w", err)
	}
	return nil
}

// readKeyFile judges the mode of the file that it opened, so that nothing can
// be swapped in between.
func readKeyFile(path string) (age.Identity, error) {
	content, err := readOwnersFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(content)
	identities, err := age.ParseIdentities(bytes.NewReader(content))
	// The parser's own error may repeat a line of the file.
	if err != nil || len(identities) != 1 {
		return nil, fmt.Errorf("%w: %s", ErrKeyFileInvalid, path)
	}
	return identities[0], nil
}

func readOwnersFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrKeyFileMissing, path)
	} else if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrKeyFileInvalid, path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, 0600 or 0400 is needed", ErrKeyFileExposed, path, mode)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if len(content) > maxKeyFile {
		return nil, fmt.Errorf("%w: %s is too long", ErrKeyFileInvalid, path)
	}
	return content, nil
}
