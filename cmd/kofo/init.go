package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/wallet"
)

// asked is how many of the words must be repeated.
const asked = 3

type initFlags struct {
	imported bool
	keyFile  string
	words    int
	yes      bool
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use: "init", Short: "Make this node's seed, or import one", Args: args(0, 0),
		Long: `init makes the seed from which every key of the node derives, and stores it
encrypted in the data folder. Its words are shown once: with them, and a copy of
the Terms of a swap, everything can be rebuilt without this machine.

A person gives a passphrase, which the node asks for at every start. An unattended
node takes --key-file, which is made if it isn't there; keep a copy of it apart
from the data. Where nobody can be asked, --yes prints the words unconfirmed and
the passphrase comes from the environment (KOFO_PASSPHRASE); --import reads the
words from standard input.`,
		Example: "  kofo init\n  kofo init --import\n  kofo init --key-file /etc/kofo/kofo.key --yes",
		RunE:    func(*cobra.Command, []string) error { return a.init(f) },
	}
	cmd.Flags().BoolVar(&f.imported, "import", false, "import the words of a seed that exists")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "lock the seed with this file instead of a passphrase")
	cmd.Flags().IntVar(&f.words, "words", 24, "words of a new seed: 12 or 24")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "ask nothing: the words are printed and not confirmed")
	return cmd
}

func (a *app) init(f initFlags) error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	file := wallet.SeedFile{Path: c.Path(c.Keys.SeedFile), WorkFactor: a.workFactor}
	if _, err := os.Lstat(file.Path); err == nil {
		return fmt.Errorf("%w: %s", wallet.ErrSeedExists, file.Path) // before anybody is asked
	}
	if a.prompt == nil && !f.yes && !f.imported {
		return usage("nobody can be asked to confirm the words; say --yes to have them printed")
	}
	if !f.imported && f.words != 12 && f.words != 24 {
		return usage("a new seed has 12 or 24 words, not %d", f.words)
	}
	if err := os.MkdirAll(filepath.Dir(file.Path), 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	// What locks it comes first: nobody writes words down in vain.
	lock, err := a.newLock(c, f.keyFile)
	if err != nil {
		return err
	}
	seed, err := a.seed(f)
	if err != nil {
		return err
	}
	defer seed.Close()
	if !f.imported && !f.yes && !a.flags.json {
		if err := a.confirmWords(seed.RevealWords()); err != nil {
			return err
		}
	}
	if err := file.Create(seed, lock); err != nil {
		return err
	}
	return a.printInit(f, file.Path, seed)
}

// seed makes or imports one.
func (a *app) seed(f initFlags) (*wallet.Seed, error) {
	if !f.imported {
		return wallet.NewSeed(f.words)
	}
	var text string
	var err error
	if a.prompt != nil {
		text, err = a.prompt.Hidden("The words, with blanks between (not shown): ")
	} else {
		text, err = bufio.NewReader(io.LimitReader(a.in, 4096)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the words: %w", err)
	}
	return wallet.ParseMnemonic(text)
}

// newLock is what shall open the seed from now on.
func (a *app) newLock(c config.Config, keyFile string) (wallet.Lock, error) {
	if keyFile != "" {
		if err := wallet.CreateKeyFile(keyFile); err != nil && !errors.Is(err, wallet.ErrKeyFileExists) {
			return nil, err
		}
		return wallet.KeyFile(keyFile), nil
	}
	return c.NewLock(a.environ, a.askNew())
}

// askNew asks for a new passphrase, twice; nil where nobody can be asked.
func (a *app) askNew() func() (string, error) {
	if a.prompt == nil {
		return nil
	}
	return func() (string, error) {
		first, err := a.prompt.Hidden(fmt.Sprintf("New passphrase (at least %d characters): ", wallet.MinPassphrase))
		if err == nil {
			err = config.CheckPassphrase(first)
		}
		if err != nil {
			return "", err
		}
		second, err := a.prompt.Hidden("Once more: ")
		if err == nil && first != second {
			err = usage("the two passphrases differ")
		}
		return first, err
	}
}

// ask asks for the passphrase that opens the seed now.
func (a *app) ask() func() (string, error) {
	if a.prompt == nil {
		return nil
	}
	return func() (string, error) { return a.prompt.Hidden("Passphrase of the seed: ") }
}

// confirmWords shows the words and asks for some of them, then wipes them off
// the screen as far as a terminal lets it.
func (a *app) confirmWords(words []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe words of your seed. Write them on paper, in this order, and show them to nobody.\nThey are not shown again.\n\n")
	lines := 5
	for i := 0; i < len(words); i += 4 {
		for j, word := range words[i:min(i+4, len(words))] {
			fmt.Fprintf(&b, "  %2d. %-10s", i+j+1, word)
		}
		b.WriteByte('\n')
		lines++
	}
	b.WriteByte('\n')
	a.say("%s", b.String())
	if _, err := a.prompt.Line("Press Enter when they are written down; they are then wiped off the screen. "); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if a.live {
		a.say("\x1b[%dA\x1b[J", lines+1)
	}
	for _, position := range positions(len(words)) {
		answer, err := a.prompt.Line(fmt.Sprintf("Word %d: ", position+1))
		if err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		if strings.ToLower(strings.TrimSpace(answer)) != words[position] {
			return fmt.Errorf("%w: word %d is another one; start again", errDeclined, position+1)
		}
	}
	return nil
}

// positions draws which words are asked for, in rising order.
func positions(n int) []int {
	drawn := rand.Perm(n)[:asked]
	slices.Sort(drawn)
	return drawn
}

func (a *app) printInit(f initFlags, path string, seed *wallet.Seed) error {
	keys, err := seed.Keys()
	if err != nil {
		return err
	}
	defer keys.Close()
	identity, err := keys.Identity()
	if err != nil {
		return err
	}
	party := identity.PartyID().String()
	var words []string
	if !f.imported && (f.yes || a.flags.json) {
		words = seed.RevealWords()
	}
	if a.flags.json {
		out := map[string]any{"seedFile": path, "party": party}
		if f.keyFile != "" {
			out["keyFile"] = f.keyFile
		}
		if words != nil {
			out["words"] = words
		}
		return a.printJSON(out)
	}
	if words != nil {
		a.say("%s\n", strings.Join(words, " "))
	}
	a.say("Seed stored in %s.\nThis node is party %s.\n", path, party)
	if f.keyFile != "" {
		a.say("It opens with %s: set keys.key_file, or KOFO_KEY_FILE, and keep a copy elsewhere.\n", f.keyFile)
	}
	return nil
}
