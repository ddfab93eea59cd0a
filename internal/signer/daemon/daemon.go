package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/wire"
	"github.com/kofo-network/kofo/internal/wallet"
)

const (
	lockFile    = "kofo-signer.lock"
	journalFile = "journal"
	// CertificateName is what the signer's own certificate and key are called in
	// the data folder, with .crt and .key.
	CertificateName = "signer"
)

// ErrRunning is returned where another process works on the data folder.
var ErrRunning = errors.New("another signer works on this data folder")

// Options of a run.
type Options struct {
	Log     *slog.Logger
	Environ []string
	// Ready gets one line, "ready " and the address, once it answers. It may be
	// nil.
	Ready io.Writer
}

// Certificate is what the node has to be given, in PEM; it is made where there is
// none.
func Certificate(c Config) ([]byte, error) {
	pair, err := wire.EnsurePair(c.DataDir, CertificateName)
	if err != nil {
		return nil, err
	}
	return pair.Certificate(), nil
}

// Run answers the node until ctx ends.
func Run(ctx context.Context, c Config, o Options) error {
	release, err := lock(c.DataDir)
	if err != nil {
		return err
	}
	defer release()
	keys, err := open(c, o.Environ)
	if err != nil {
		return err
	}
	defer keys.Close()
	local, err := signer.NewLocal(keys)
	if err != nil {
		return err
	}
	rules, err := c.Rules()
	if err != nil {
		return err
	}
	journal, err := signer.OpenJournal(filepath.Join(c.DataDir, journalFile))
	if err != nil {
		return err
	}
	defer func() { _ = journal.Close() }()
	own, err := wire.EnsurePair(c.DataDir, CertificateName)
	if err != nil {
		return err
	}
	node, err := os.ReadFile(c.path(c.Node))
	if err != nil {
		return fmt.Errorf("certificate of the node: %w", err)
	}
	server, err := wire.NewServer(signer.NewGuarded(local, rules, journal, time.Now), own, node, o.Log)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	o.Log.Info("the signer answers", "address", l.Addr().String(), "party", local.Identity().PartyID().String(), "chains", len(c.Chains))
	if o.Ready != nil {
		if _, err := fmt.Fprintf(o.Ready, "ready %s\n", l.Addr()); err != nil {
			o.Log.Warn("nobody reads the ready line", "error", err)
		}
	}
	return server.Serve(ctx, l)
}

func open(c Config, environ []string) (*wallet.Keys, error) {
	how := wallet.KeyFile(c.path(c.KeyFile))
	if c.KeyFile == "" {
		text := ""
		for _, v := range environ {
			if found, ok := strings.CutPrefix(v, c.PassphraseEnv+"="); ok {
				text = found
			}
		}
		how = wallet.Passphrase(text)
	}
	seed, err := wallet.SeedFile{Path: c.path(c.SeedFile)}.Open(how)
	if err != nil {
		return nil, err
	}
	defer seed.Close()
	return seed.Keys()
}

// lock takes the data folder for this process. The operating system frees it
// when the process dies, however it dies.
func lock(dir string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrRunning, dir), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
