package main

import (
	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/wallet"
)

func (a *app) keysCommands() *cobra.Command {
	var keyFile string
	passphrase := &cobra.Command{
		Use: "passphrase", Short: "Change what opens the seed", Args: args(0, 0),
		Long: `passphrase locks the seed anew: with another passphrase, or with a key file. The
old one opens it until the new file was seen to open. The node may run meanwhile;
it asks for the new one at its next start.`,
		Example: "  kofo keys passphrase\n  kofo keys passphrase --key-file /etc/kofo/kofo.key",
		RunE:    func(*cobra.Command, []string) error { return a.relock(keyFile) },
	}
	passphrase.Flags().StringVar(&keyFile, "key-file", "", "lock with this file from now on; it is made where it isn't there")
	return group("keys", "The seed of this node", passphrase)
}

func (a *app) relock(keyFile string) error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	file := wallet.SeedFile{Path: c.Path(c.Keys.SeedFile), WorkFactor: a.workFactor}
	from, err := c.Lock(a.environ, a.ask())
	if err != nil {
		return err
	}
	// Nobody is asked for a new one before the old one was right.
	seed, err := file.Open(from)
	if err != nil {
		return err
	}
	seed.Close()
	// What the environment or the configuration holds is the old one.
	c.Keys.KeyFile, c.Keys.PassphraseEnv, c.Keys.PassphraseFD = "", "KOFO_NEW_PASSPHRASE", -1
	to, err := a.newLock(c, keyFile)
	if err != nil {
		return err
	}
	if err := file.Relock(from, to); err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"seedFile": file.Path, "lock": string(to.Kind())})
	}
	a.say("The seed in %s opens with the new %s only.\n", file.Path, to.Kind())
	return nil
}
