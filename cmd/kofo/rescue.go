package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/rescue"
	"github.com/kofo-network/kofo/internal/wallet"
)

// rescueFlags are what a person types in, on the command line or when asked.
type rescueFlags struct {
	terms, seedFile, keyFile string
	answers                  map[string]*string
	unspent, anyway          bool
	broadcast                string
}

const longRescue = `rescue works without a node and without a network: from the words of the seed, the
Terms of the swap, and what you read off a block explorer, it makes the transaction
that redeems or refunds. Do it on a machine that is offline where you can, and carry
the result to one that is not.

--terms names a file with the Terms: a copy from the folder of copies (it is
encrypted to the seed), the signed Terms as text, or the acceptance as text. The seed
is the file of --seed-file, or its words, for which it asks.

What is not given by a flag is asked for. What you type in is compared with the
Terms, and refused where it does not fit. Nothing is sent anywhere, unless --broadcast
names a node: the bytes are printed, and you carry them to whoever broadcasts.`

func (a *app) rescueCommand() *cobra.Command {
	cmd := group("rescue", "Redeem or refund by hand, offline: from the seed, the Terms and a block explorer",
		a.rescueShow(), a.rescueSpend("redeem"), a.rescueSpend("refund"))
	cmd.Long = longRescue
	cmd.Example = "  kofo rescue show --terms swap.kofo-copy\n  kofo rescue refund --terms swap.kofo-copy\n" +
		"  kofo rescue redeem --terms swap.kofo-copy --secret 0x5f..."
	return cmd
}

func (a *app) rescueShow() *cobra.Command {
	var f rescueFlags
	cmd := &cobra.Command{
		Use: "show", Short: "Every address, script, key and time of a swap", Args: args(0, 0), Long: longRescue,
		Example: "  kofo rescue show --terms swap.kofo-copy\n  kofo rescue show --terms acceptance.txt --json",
		RunE: func(*cobra.Command, []string) error {
			kit, err := a.openKit(&f)
			if err != nil {
				return err
			}
			sheet, err := kit.Sheet()
			if err != nil {
				return err
			}
			if a.flags.json {
				return a.printJSON(sheet)
			}
			a.sayRescueSheet(sheet)
			return nil
		},
	}
	f.common(cmd)
	return cmd
}

func (f *rescueFlags) common(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.terms, "terms", "", "file with the Terms: a copy, the text of them, or an acceptance")
	cmd.Flags().StringVar(&f.seedFile, "seed-file", "", "the encrypted seed; the words are asked for where none is named")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "key file that opens the seed, in place of a passphrase")
}

func (a *app) rescueSpend(kind string) *cobra.Command {
	f := rescueFlags{answers: map[string]*string{}}
	cmd := &cobra.Command{
		Use: kind, Args: args(0, 0), Long: longRescue,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.rescueMake(cmd.Context(), kind, f) },
	}
	f.common(cmd)
	for _, q := range rescueFacts {
		if kind == "redeem" || q.when == always || q.when == optional {
			f.answers[q.name] = cmd.Flags().String(q.name, "", q.help)
		}
	}
	cmd.Flags().StringVar(&f.broadcast, "broadcast", "", "URL of a chain's node (http://user:password@host:port) to hand the transaction to")
	if kind == "refund" {
		cmd.Short = "The transaction that takes your own leg back after its time lock"
		cmd.Example = "  kofo rescue refund --terms swap.kofo-copy\n" +
			"  kofo rescue refund --terms swap.kofo-copy --feerate 12 --clock \"2026-01-31 15:04\" --json"
		return cmd
	}
	cmd.Short = "The transaction that takes the leg that pays you"
	cmd.Example = "  kofo rescue redeem --terms swap.kofo-copy --secret 5f...\n  kofo rescue redeem --terms swap.kofo-copy --confirmations 6 --sources 2 --unspent"
	cmd.Flags().BoolVar(&f.unspent, "unspent", false, "the explorers show the contract as not spent")
	cmd.Flags().BoolVar(&f.anyway, "i-know", false, "show an initiator's own secret although its conditions are not shown to hold")
	return cmd
}

// termsOf reads the file of --terms, or what a person types in for it: the name
// of the file, or the text itself.
func (a *app) termsOf(path string) ([]byte, error) {
	if path == "" {
		if a.prompt == nil || a.flags.json {
			return nil, usage("--terms names the file with the Terms of the swap; see kofo rescue --help")
		}
		answer, err := a.prompt.Line("File with the Terms (a copy, the text of them, or an acceptance), or the text itself: ")
		if err != nil {
			return nil, fmt.Errorf("ask: %w", err)
		}
		if path = strings.TrimSpace(answer); path == "" {
			return nil, usage("without the Terms of the swap nothing can be computed")
		}
		if _, err := htlc.KindOfText(path); err == nil {
			return []byte(path), nil
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usage("read the terms: %v", err)
	}
	content, err := io.ReadAll(io.LimitReader(file, 1<<20))
	_ = file.Close() // only read
	if err != nil {
		return nil, fmt.Errorf("read the terms: %w", err)
	}
	return content, nil
}

// openKit reads seed and Terms.
func (a *app) openKit(f *rescueFlags) (*rescue.Kit, error) {
	content, err := a.termsOf(f.terms)
	if err != nil {
		return nil, err
	}
	seed, err := a.rescueSeed(*f)
	if err != nil {
		return nil, err
	}
	defer seed.Close()
	keys, err := seed.Keys()
	if err != nil {
		return nil, err
	}
	return rescue.Open(keys, content)
}

func (a *app) rescueSeed(f rescueFlags) (*wallet.Seed, error) {
	if f.seedFile == "" {
		return a.seed(initFlags{imported: true})
	}
	if f.keyFile != "" {
		return wallet.SeedFile{Path: f.seedFile}.Open(wallet.KeyFile(f.keyFile))
	}
	if a.prompt == nil {
		return nil, usage("nobody can be asked for the passphrase; name a --key-file")
	}
	passphrase, err := a.prompt.Hidden("Passphrase of the seed: ")
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	return wallet.SeedFile{Path: f.seedFile}.Open(wallet.Passphrase(passphrase))
}
