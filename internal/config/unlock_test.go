package config

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kofo-network/kofo/internal/wallet"
)

// sealed makes a seed file in the data folder.
func sealed(t *testing.T, c Config, lock wallet.Lock) {
	t.Helper()
	seed, err := wallet.NewSeed(12)
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	if err := (wallet.SeedFile{Path: c.Path(c.Keys.SeedFile), WorkFactor: 4}).Create(seed, lock); err != nil {
		t.Fatal(err)
	}
}

func TestLockIsTakenFromWhereItWasSaid(t *testing.T) {
	c := Default(t.TempDir())
	sealed(t, c, wallet.Passphrase("correct horse"))
	if _, err := c.Lock(nil, nil); !errors.Is(err, ErrNoPassphrase) || reasonOf(err) != "BAD_CONFIG" {
		t.Error(err)
	}
	asked := 0
	ask := func() (string, error) { asked++; return "correct horse", nil }
	for _, environ := range [][]string{nil, {"KOFO_PASSPHRASE=from the environment"}} {
		for _, take := range []func([]string, func() (string, error)) (wallet.Lock, error){c.Lock, c.NewLock} {
			if lock, err := take(environ, ask); err != nil || lock.Kind() != "passphrase" {
				t.Error(lock, err)
			}
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write.WriteString("from a pipe\n"); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	// A descriptor of its own, which is closed with the reading.
	if c.Keys.PassphraseFD, err = syscall.Dup(int(read.Fd())); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	if text, err := readPassphrase(c.Keys.PassphraseFD); text != "from a pipe" || err != nil {
		t.Errorf("%q %v", text, err)
	}
	if _, err := c.Lock(nil, nil); reasonOf(err) != "BAD_CONFIG" {
		t.Errorf("a closed descriptor: %v", err)
	}
	c.Keys.KeyFile = "key"
	if lock, err := c.Lock(nil, nil); err != nil || lock.Kind() != "key-file" {
		t.Error(lock, err)
	}
}

func reasonOf(err error) string {
	var known interface {
		error
		Reason() string
	}
	if errors.As(err, &known) {
		return known.Reason()
	}
	return ""
}

// Whatever a passphrase could not help with is said before it is asked for.
func TestNobodyIsAskedInVain(t *testing.T) {
	never := func() (string, error) {
		t.Error("asked")
		return "", errors.New("asked")
	}
	missing, damaged, keyed := Default(t.TempDir()), Default(t.TempDir()), Default(t.TempDir())
	if err := os.WriteFile(damaged.Path(damaged.Keys.SeedFile), []byte("no seed"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := wallet.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	sealed(t, keyed, wallet.KeyFile(key))
	for name, c := range map[string]struct {
		config Config
		want   error
	}{
		"missing":            {missing, wallet.ErrSeedMissing},
		"damaged":            {damaged, wallet.ErrSeedDamaged},
		"locked by key file": {keyed, wallet.ErrLockKind},
	} {
		if _, err := c.config.Lock(nil, never); !errors.Is(err, c.want) || reasonOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeakPassphrasesAreRefusedAtOnce(t *testing.T) {
	c := Default(t.TempDir())
	short := func() (string, error) { return "1234567", nil }
	if _, err := c.NewLock(nil, short); !errors.Is(err, wallet.ErrPassphraseWeak) {
		t.Error(err)
	}
	if _, err := c.NewLock([]string{"KOFO_PASSPHRASE=kürzere"}, nil); !errors.Is(err, wallet.ErrPassphraseWeak) {
		t.Error(err)
	}
	if _, err := c.NewLock([]string{"KOFO_PASSPHRASE=länger.."}, nil); err != nil {
		t.Error(err)
	}
}
