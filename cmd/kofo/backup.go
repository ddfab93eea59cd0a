package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/backup"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/node"
	"github.com/kofo-network/kofo/internal/version"
	"github.com/kofo-network/kofo/internal/wallet"
)

// showEvery is how many rows lie between two lines of progress.
const showEvery = 50_000

func (a *app) backupCommand() *cobra.Command {
	var out string
	var withSeed, words bool
	cmd := &cobra.Command{
		Use: "backup", Short: "Write everything that the node has stored into one encrypted file", Args: args(0, 0),
		Long: `backup writes the node's data (swaps with their Terms and history, signed
transactions, reservations, agreements, withdrawals, tokens as hashes) and its
configuration into one file, encrypted to the seed: the words of the seed open it,
and nothing else does. The node may run meanwhile; the file shows one moment.

The seed itself is not in it unless --with-seed says so, and then as the seed file
is, behind its passphrase: the file alone is then no help to somebody who has
neither. The file is read again after it was written.

A backup saves history and withdrawals. What money hangs on is in the copies of
Terms too, which the node writes for every swap before it funds anything: keep
both, see docs/recovery.md.`,
		Example: "  kofo backup\n  kofo backup --out /mnt/usb/kofo.backup\n  kofo backup verify /mnt/usb/kofo.backup",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.backup(cmd.Context(), out, withSeed) },
	}
	cmd.Flags().StringVar(&out, "out", "", "the file; kofo-DATE.backup in this folder where it isn't given")
	cmd.Flags().BoolVar(&withSeed, "with-seed", false, "put the encrypted seed file in")
	verify := &cobra.Command{
		Use: "verify FILE", Short: "Read a backup to its end and say what is in it", Args: args(1, 1),
		Long: `verify reads a backup to its end. A file that was cut off or altered anywhere is
refused. It takes the seed of this data folder, or with --words the words.`,
		Example: "  kofo backup verify kofo-2026-01-31.backup\n  kofo backup verify --words kofo-2026-01-31.backup",
		RunE: func(cmd *cobra.Command, args []string) error {
			seed, err := a.backupSeed(words)
			if err != nil {
				return err
			}
			defer seed.Close()
			sum, err := a.verifyBackup(cmd.Context(), seed, args[0])
			if err != nil {
				return err
			}
			return a.showBackup(args[0], sum)
		},
	}
	verify.Flags().BoolVar(&words, "words", false, "ask for the words of the seed")
	cmd.AddCommand(verify)
	return cmd
}

// backupSeed opens the seed of the data folder, or asks for words.
func (a *app) backupSeed(words bool) (*wallet.Seed, error) {
	if words {
		return a.seed(initFlags{imported: true})
	}
	c, err := a.configuration()
	if err != nil {
		return nil, err
	}
	if c.Signer.Address != "" {
		return nil, usage("this node has no seed: its signer has it. Run this where the seed is, see docs/signers.md")
	}
	lock, err := c.Lock(a.environ, a.ask())
	if err != nil {
		return nil, err
	}
	return wallet.SeedFile{Path: c.Path(c.Keys.SeedFile)}.Open(lock)
}

func (a *app) backup(ctx context.Context, out string, withSeed bool) error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	if out == "" {
		out = "kofo-" + a.now().UTC().Format("2006-01-02-150405") + ".backup"
	}
	if _, err := os.Lstat(out); err == nil {
		return usage("%s exists, and is not overwritten", out)
	}
	seed, err := a.backupSeed(false)
	if err != nil {
		return err
	}
	defer seed.Close()
	if err := a.writeBackup(ctx, c, seed, out, withSeed); err != nil {
		return err
	}
	sum, err := a.verifyBackup(ctx, seed, out)
	if err != nil {
		return fmt.Errorf("what was written cannot be read again: %w", err)
	}
	return a.showBackup(out, sum)
}

// writeBackup leaves a whole file, or none.
func (a *app) writeBackup(ctx context.Context, c config.Config, seed *wallet.Seed, out string, withSeed bool) error {
	file, _ := a.sources().Path()
	settings, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the configuration: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(out), ".kofo-backup-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // after the rename the name is gone already
	buffered := bufio.NewWriter(temp)
	_, err = node.Backup(ctx, c, seed, buffered, version.Get().String(), node.BackupOptions{
		ConfigFile: settings, WithSeed: withSeed,
		Progress: func(done, of int64) {
			if done%showEvery == 0 {
				a.note("%d of at least %d rows\n", done, of)
			}
		},
	})
	if err != nil {
		return errors.Join(restoreError(err), temp.Close())
	}
	if err := errors.Join(buffered.Flush(), temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	// A link, unlike a rename, overwrites nothing.
	if err := os.Link(temp.Name(), out); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

func (a *app) verifyBackup(ctx context.Context, seed *wallet.Seed, path string) (backup.Summary, error) {
	file, err := os.Open(path)
	if err != nil {
		return backup.Summary{}, usage("read the backup: %v", err)
	}
	defer func() { _ = file.Close() }() // only read
	var from io.Reader = bufio.NewReader(file)
	sum, err := node.VerifyBackup(ctx, seed, from)
	if err != nil {
		return sum, restoreError(err)
	}
	return sum, nil
}

func (a *app) showBackup(path string, sum backup.Summary) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the backup: %w", err)
	}
	h := sum.Header
	if a.flags.json {
		return a.printJSON(map[string]any{
			"file": path, "bytes": info.Size(), "made": h.Made.Format(time.RFC3339), "party": h.Party, "schema": h.Schema,
			"database": h.Dialect, "version": h.Version, "rows": sum.Rows, "tables": sum.Tables, "openSwaps": sum.Open,
			"config": len(h.Config) > 0, "seed": len(h.SeedFile) > 0,
		})
	}
	a.say("%s: whole, %d bytes\n", path, info.Size())
	a.say("  made      %s by version %s\n  party     %s\n", h.Made.UTC().Format("2006-01-02 15:04:05 UTC"), h.Version, h.Party)
	a.say("  data      %d rows of schema %d, %s\n", sum.Rows, h.Schema, counted(int(sum.Open), "open swap"))
	var tables []string
	for _, name := range slices.Sorted(maps.Keys(sum.Tables)) {
		if n := sum.Tables[name]; n > 0 {
			tables = append(tables, fmt.Sprintf("%s %d", name, n))
		}
	}
	a.tell(12, "            %s", strings.Join(tables, ", "))
	a.say("  config    %s\n  seed      %s\n", inIt(len(h.Config) > 0), inIt(len(h.SeedFile) > 0))
	a.say("The words of the seed open it. To rebuild a node from it: kofo restore --backup %s\n", path)
	return nil
}

func inIt(yes bool) string {
	if yes {
		return "in it"
	}
	return "not in it"
}
