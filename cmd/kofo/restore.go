package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/node"
	"github.com/kofo-network/kofo/internal/wallet"
)

type restoreFlags struct {
	folders, texts  []string
	keyFile, backup string
}

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use: "restore", Short: "Rebuild a lost database from the seed, copies of Terms and the chains", Args: args(0, 0),
		Long: `restore builds the database of a node anew after it was lost. It takes the seed
(the file in the data folder, or the words, for which it asks), every copy of Terms
that it finds, and the chains of the configuration. It says what each source gave,
what became of each swap, and what is missing. Then start kofod as usual.

The folders that the configuration names (policy.copies_dir, policy.more_copies)
are always read. --from names others, --text files with signed Terms as text,
--backup a file of kofo backup, with which history, tokens and withdrawals come back.

It overwrites nothing: where there is a database it refuses. One that was
interrupted is taken up by calling it again. The node must not run meanwhile, nor
may another node with the same seed.`,
		Example: "  kofo restore\n  kofo restore --from /mnt/usb/terms\n  kofo restore --text swap.txt --json\n  kofo restore --backup kofo-2026-01-31.backup",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.restore(cmd, f) },
	}
	cmd.Flags().StringArrayVar(&f.folders, "from", nil, "a further folder with copies of Terms; may be given again")
	cmd.Flags().StringArrayVar(&f.texts, "text", nil, "a file with signed Terms as text; may be given again")
	cmd.Flags().StringVar(&f.backup, "backup", "", "a file that kofo backup wrote; what followed it comes from copies and chains")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "lock the seed, where it is imported, with this file instead of a passphrase")
	return cmd
}

func (a *app) restore(cmd *cobra.Command, f restoreFlags) error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	from := node.Sources{Folders: f.folders, Backup: f.backup}
	for _, path := range f.texts {
		raw, err := os.ReadFile(path)
		if err != nil {
			return usage("read %s: %v", path, err)
		}
		from.Texts = append(from.Texts, string(raw))
	}
	if _, err := os.Lstat(c.Path(c.Keys.SeedFile)); errors.Is(err, fs.ErrNotExist) {
		a.note("There is no seed file: the words of the seed are needed.\n")
		if err := a.importSeed(initFlags{imported: true, keyFile: f.keyFile}); err != nil {
			return err
		}
	}
	from.Progress = func(text string) { a.note("%s\n", text) }
	log := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelError}))
	report, err := node.Restore(cmd.Context(), c, node.Options{Log: log, Environ: a.environ, AskPassphrase: a.ask()}, from)
	if err != nil {
		return restoreError(err)
	}
	if a.flags.json {
		return a.printJSON(report)
	}
	a.sayRestored(report)
	return nil
}

// note tells a person what goes on, beside what is printed as the result.
func (a *app) note(format string, args ...any) {
	if !a.flags.json {
		_, _ = fmt.Fprintf(a.err, format, args...)
	}
}

// importSeed asks for the words and stores them, without printing a result of
// its own.
func (a *app) importSeed(f initFlags) error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	lock, err := a.newLock(c, f.keyFile)
	if err != nil {
		return err
	}
	seed, err := a.seed(f)
	if err != nil {
		return err
	}
	defer seed.Close()
	return wallet.SeedFile{Path: c.Path(c.Keys.SeedFile), WorkFactor: a.workFactor}.Create(seed, lock)
}

// localError carries the reason of what fails without a node that is asked.
type localError struct {
	error
	reason string
}

func (e localError) Reason() string { return e.reason }
func (e localError) Unwrap() error  { return e.error }

func restoreError(err error) error {
	if code, _ := node.Reason(err); code != "" {
		return localError{err, code}
	}
	return err
}

func (a *app) sayRestored(r node.RestoreReport) {
	a.say("This node is party %s.\n\nSources\n", r.Party)
	for _, s := range r.Sources {
		a.tell(noteIndent, "  %s: %s", s.Name, counted(len(s.Swaps), "swap"))
		for _, p := range s.Problems {
			a.tell(noteIndent, "    %s", p)
		}
	}
	a.say("\nSwaps\n")
	if len(r.Swaps) == 0 {
		a.say("  none\n")
	}
	for _, s := range r.Swaps {
		role := "participant"
		if s.Initiator {
			role = "initiator"
		}
		state := s.Phase
		if s.Outcome != "none" {
			state = s.Outcome
		}
		a.say("  %s, as %s: %s\n", s.ID, role, state)
		for _, l := range s.Legs {
			whose := "their lock"
			if l.Ours {
				whose = "our lock"
			}
			line := fmt.Sprintf("    %s on %s: %s", whose, l.Chain, l.Status)
			if l.FundingTx != "" {
				line += ", funded by " + l.FundingTx
			}
			if l.SpendTx != "" {
				line += ", spent by " + l.SpendTx
			}
			a.tell(noteIndent+2, "%s; its time lock opens %s", line, time.Unix(l.TimeLock, 0).UTC().Format("2006-01-02 15:04 MST"))
		}
		for _, m := range s.Missing {
			a.tell(noteIndent+2, "    missing: %s", strings.Join(strings.Fields(m), " "))
		}
	}
	if len(r.Missing) > 0 {
		a.say("\nNot restored\n")
		for _, m := range r.Missing {
			a.tell(noteIndent, "  %s", m)
		}
	}
	a.say("\nNext: start kofod. It goes on with every swap that is open.\n")
}

func counted(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
