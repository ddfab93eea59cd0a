package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/kofo-network/kofo/internal/wallet"
)

// maxPassphrase bounds what is read from a file descriptor.
const maxPassphrase = 4096

// unanswered is the kind of ErrNoPassphrase.
type unanswered struct{ text string }

func (e *unanswered) Error() string { return e.text }

// Reason is the stable code of the error.
func (*unanswered) Reason() string { return reasonBadConfig }

// Metadata says which key would help.
func (*unanswered) Metadata() map[string]string { return map[string]string{"field": "keys.key_file"} }

// ErrNoPassphrase: nothing opens the seed, and nobody can be asked.
var ErrNoPassphrase = &unanswered{"no passphrase: set keys.key_file, the environment or keys.passphrase_fd, or start on a terminal"}

// Lock is what opens the seed: the key file, the passphrase of the
// environment, that of the file descriptor, or what ask returns. ask may be
// nil where nobody can be asked. Nobody is asked in vain: a seed that is not
// there, or that no passphrase opens, is an error before.
func (c Config) Lock(environ []string, ask func() (string, error)) (wallet.Lock, error) {
	kind, err := wallet.SeedFile{Path: c.Path(c.Keys.SeedFile)}.Kind()
	switch {
	case err != nil:
		return nil, err
	case kind == wallet.LockedByKeyFile && c.Keys.KeyFile == "":
		return nil, fmt.Errorf("%w: by %s; set keys.key_file or KOFO_KEY_FILE", wallet.ErrLockKind, kind)
	case c.Keys.KeyFile != "":
		return wallet.KeyFile(c.Path(c.Keys.KeyFile)), nil
	}
	text, err := c.passphrase(environ, ask)
	if err != nil {
		return nil, err
	}
	return wallet.Passphrase(text), nil
}

// NewLock is what shall open a seed from now on, from the same sources. What
// is too weak to lock with is refused here, before anybody goes on.
func (c Config) NewLock(environ []string, ask func() (string, error)) (wallet.Lock, error) {
	if c.Keys.KeyFile != "" {
		return wallet.KeyFile(c.Path(c.Keys.KeyFile)), nil
	}
	text, err := c.passphrase(environ, ask)
	if err != nil {
		return nil, err
	}
	if err := CheckPassphrase(text); err != nil {
		return nil, err
	}
	return wallet.Passphrase(text), nil
}

// CheckPassphrase says whether a new passphrase would be taken.
func CheckPassphrase(text string) error {
	if utf8.RuneCountInString(text) < wallet.MinPassphrase {
		return wallet.ErrPassphraseWeak
	}
	return nil
}

func (c Config) passphrase(environ []string, ask func() (string, error)) (string, error) {
	k := c.Keys
	if text := lookup(environ, k.PassphraseEnv); k.PassphraseEnv != "" && text != "" {
		return text, nil
	}
	if k.PassphraseFD >= 0 {
		return readPassphrase(k.PassphraseFD)
	}
	if ask == nil {
		return "", ErrNoPassphrase
	}
	return ask()
}

// readPassphrase reads one line and closes the descriptor.
func readPassphrase(fd int) (string, error) {
	file := os.NewFile(uintptr(fd), "passphrase")
	if file == nil {
		return "", badDescriptor(fd, "no open file descriptor")
	}
	defer func() { _ = file.Close() }()
	line, err := bufio.NewReader(io.LimitReader(file, maxPassphrase)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", badDescriptor(fd, err.Error())
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func badDescriptor(fd int, why string) error {
	return &Error{Problems: []Problem{{
		Reason: ReasonBadValue, Key: "keys.passphrase_fd", Text: fmt.Sprintf("the passphrase cannot be read from descriptor %d: %s", fd, why),
	}}}
}
