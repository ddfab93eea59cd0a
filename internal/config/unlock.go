package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kofo-network/kofo/internal/wallet"
)

// maxPassphrase bounds what is read from a file descriptor.
const maxPassphrase = 4096

// ErrNoPassphrase: nothing opens the seed, and nobody can be asked.
var ErrNoPassphrase = errors.New("no passphrase: set keys.key_file, the environment or keys.passphrase_fd, or start on a terminal")

// Lock is what opens the seed: the key file, the passphrase of the
// environment, that of the file descriptor, or what ask returns. ask may be
// nil where nobody can be asked.
func (c Config) Lock(environ []string, ask func() (string, error)) (wallet.Lock, error) {
	k := c.Keys
	if k.KeyFile != "" {
		return wallet.KeyFile(c.Path(k.KeyFile)), nil
	}
	if text := lookup(environ, k.PassphraseEnv); k.PassphraseEnv != "" && text != "" {
		return wallet.Passphrase(text), nil
	}
	if k.PassphraseFD >= 0 {
		text, err := readPassphrase(k.PassphraseFD)
		if err != nil {
			return nil, err
		}
		return wallet.Passphrase(text), nil
	}
	if ask == nil {
		return nil, ErrNoPassphrase
	}
	text, err := ask()
	if err != nil {
		return nil, fmt.Errorf("ask for the passphrase: %w", err)
	}
	return wallet.Passphrase(text), nil
}

// readPassphrase reads one line and closes the descriptor.
func readPassphrase(fd int) (string, error) {
	file := os.NewFile(uintptr(fd), "passphrase")
	if file == nil {
		return "", fmt.Errorf("passphrase: no open file descriptor %d", fd)
	}
	defer func() { _ = file.Close() }()
	line, err := bufio.NewReader(io.LimitReader(file, maxPassphrase)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the passphrase from descriptor %d: %w", fd, err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// Credentials are the user and password of the chain's back end, from
// wherever they were said to be.
func (c Config) Credentials(chain Chain, environ []string) (user string, password Secret, err error) {
	switch {
	case chain.CookieFile != "":
		raw, err := os.ReadFile(c.Path(chain.CookieFile))
		if err != nil {
			return "", Secret{}, fmt.Errorf("cookie file of %s: %w", chain.Name, err)
		}
		user, text, ok := strings.Cut(strings.TrimSpace(string(raw)), ":")
		if !ok {
			return "", Secret{}, fmt.Errorf("cookie file of %s: not user:password", chain.Name)
		}
		return user, NewSecret(text), nil
	case chain.PasswordFile != "":
		raw, err := os.ReadFile(c.Path(chain.PasswordFile))
		if err != nil {
			return "", Secret{}, fmt.Errorf("password file of %s: %w", chain.Name, err)
		}
		return chain.User, NewSecret(strings.TrimRight(string(raw), "\r\n")), nil
	case chain.PasswordEnv != "":
		text := lookup(environ, chain.PasswordEnv)
		if text == "" {
			return "", Secret{}, fmt.Errorf("password of %s: the environment has no %s", chain.Name, chain.PasswordEnv)
		}
		return chain.User, NewSecret(text), nil
	}
	return chain.User, chain.Password, nil
}
