package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

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
Terms, and refused where it does not fit.`

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
			kit, err := a.openKit(f)
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

// rescueFacts are the questions, in the order in which they are asked. The
// names are those of the flags.
var rescueFacts = []struct {
	name, question, help string
	families             string // b, e: needed for; B, E: may be given
}{
	{"txid", "Transaction that funded the contract: ", "Bitcoin: the transaction that funded the contract", "b"},
	{"index", "Number of its output (0, 1, ...): ", "Bitcoin: the number of its output", "b"},
	{"amount", "Amount of that output, in satoshi: ", "Bitcoin: the output's amount in satoshi", "b"},
	{"address", "Address of that output: ", "Bitcoin: the output's address", "b"},
	{"feerate", "Feerate to pay, in sat/vB: ", "Bitcoin: what to pay, in sat/vB", "b"},
	{"to", "", "Bitcoin: address to pay to; an own one where it isn't given", "B"},
	{"chain-id", "Number of the chain (1337, ...): ", "Ethereum: the chain's number", "e"},
	{"slot", "Content of the deployment's storage at the slot above: ", "Ethereum: content of the contract's storage slot; see rescue show", "e"},
	{"nonce", "Next nonce of the account (count of its transactions): ", "Ethereum: the account's next nonce", "e"},
	{"base-fee", "Base fee of the last block, in gwei: ", "Ethereum: base fee in gwei", "e"},
	{"tip", "Tip to pay, in gwei (such as 1): ", "Ethereum: tip in gwei", "e"},
	{"gas", "", "Ethereum: gas limit; one that suffices where it isn't given", "E"},
	{"clock", "The chain's time (Bitcoin: median time; Ethereum: of the last block), in UTC: ", "the chain's time: unix seconds, or 2026-01-31 15:04 in UTC", "be"},
}

func (a *app) rescueSpend(kind string) *cobra.Command {
	f := rescueFlags{answers: map[string]*string{}}
	cmd := &cobra.Command{
		Use: kind, Args: args(0, 0), Long: longRescue,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.rescueMake(cmd.Context(), kind, f) },
	}
	f.common(cmd)
	add := func(name, help string) {
		f.answers[name] = cmd.Flags().String(name, "", help)
	}
	for _, q := range rescueFacts {
		add(q.name, q.help)
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
	add("secret", "the 32 bytes, in hexadecimal, as the other chain shows them; an initiator's own is derived")
	add("confirmations", "of the funding; for an initiator's own secret")
	add("sources", "how many explorers say all this; for an initiator's own secret")
	add("balance", "Ethereum: the account's balance in wei; for an initiator's own secret")
	cmd.Flags().BoolVar(&f.unspent, "unspent", false, "the explorers show the contract as not spent")
	cmd.Flags().BoolVar(&f.anyway, "i-know", false, "show an initiator's own secret although its conditions are not shown to hold")
	return cmd
}

// openKit reads seed and Terms.
func (a *app) openKit(f rescueFlags) (*rescue.Kit, error) {
	if f.terms == "" {
		return nil, usage("--terms names the file with the Terms of the swap; see kofo rescue --help")
	}
	file, err := os.Open(f.terms)
	if err != nil {
		return nil, usage("read the terms: %v", err)
	}
	content, err := io.ReadAll(io.LimitReader(file, 1<<20))
	_ = file.Close() // only read
	if err != nil {
		return nil, fmt.Errorf("read the terms: %w", err)
	}
	seed, err := a.rescueSeed(f)
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

func (a *app) rescueMake(ctx context.Context, kind string, f rescueFlags) error {
	kit, err := a.openKit(f)
	if err != nil {
		return err
	}
	leg := kit.Out()
	if kind == "redeem" {
		leg = kit.In()
	}
	own := kind == "redeem" && kit.Initiator() && *f.answers["secret"] == ""
	if err := a.askFacts(kit, leg, own, &f); err != nil {
		return err
	}
	typed, err := f.typed()
	if err != nil {
		return err
	}
	spend, err := f.make(kit, kind, own, typed)
	if err != nil {
		return err
	}
	if f.broadcast != "" {
		if err := spend.MayBroadcast(typed.Clock); err != nil {
			return err
		}
		if err := broadcastRaw(ctx, f.broadcast, spend); err != nil {
			return err
		}
	}
	if a.flags.json {
		return a.printJSON(spend)
	}
	a.sayRescued(spend, f.broadcast != "")
	return nil
}

func (f rescueFlags) make(kit *rescue.Kit, kind string, own bool, typed rescue.Typed) (rescue.Spend, error) {
	switch {
	case kind == "refund":
		return kit.Refund(typed)
	case own:
		return kit.RedeemOwn(typed, f.anyway)
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(*f.answers["secret"]), "0x"))
	if err != nil {
		return rescue.Spend{}, usage("--secret: 64 hexadecimal digits are wanted")
	}
	secret, err := htlc.NewSecret(raw)
	if err != nil {
		return rescue.Spend{}, usage("--secret: %v", err)
	}
	return kit.RedeemKnown(typed, secret)
}

// askFacts shows the leg and asks for what the flags do not say.
func (a *app) askFacts(kit *rescue.Kit, leg int, own bool, f *rescueFlags) error {
	family, err := kit.FamilyOf(leg)
	if err != nil {
		return err
	}
	if a.prompt != nil && !a.flags.json {
		sheet, err := kit.Sheet()
		if err != nil {
			return err
		}
		for _, l := range sheet.Legs {
			if l.Index == leg {
				a.sayRescueLeg(l)
			}
		}
	}
	ask := func(name, question string) error {
		answer := f.answers[name]
		if *answer != "" {
			return nil
		}
		if a.prompt == nil || a.flags.json {
			return usage("--%s is needed where nobody can be asked", name)
		}
		text, err := a.prompt.Line(question)
		*answer = strings.TrimSpace(text)
		return err
	}
	for _, q := range rescueFacts {
		if strings.Contains(q.families, string(family)[:1]) {
			if err := ask(q.name, q.question); err != nil {
				return err
			}
		}
	}
	if f.answers["secret"] == nil || kit.Initiator() {
		return a.askGate(family, own, f, ask)
	}
	return ask("secret", "The secret, in hexadecimal, as the other chain shows it: ")
}

// askGate asks for what an initiator's first release of the secret needs.
func (a *app) askGate(family rescue.Family, own bool, f *rescueFlags, ask func(name, question string) error) error {
	if !own || a.prompt == nil || a.flags.json {
		return nil
	}
	a.say("\nYou are the initiator: this shows your secret for the first time. The other party can\nthen take the leg that you pay. What follows says whether that is safe.\n")
	if err := ask("confirmations", "Confirmations of the funding: "); err != nil {
		return err
	}
	if err := ask("sources", "How many explorers or nodes say so: "); err != nil {
		return err
	}
	if family == rescue.EVM {
		if err := ask("balance", "Balance of your account, in wei: "); err != nil {
			return err
		}
	}
	answer, err := a.prompt.Line("Do they show the contract as unspent? [y/N] ")
	f.unspent = f.unspent || strings.HasPrefix(strings.ToLower(answer), "y")
	return err
}

// typed reads the answers.
func (f rescueFlags) typed() (rescue.Typed, error) {
	r := answerReader{answers: f.answers}
	t := rescue.Typed{
		TxID: strings.ToLower(r.text("txid")), Index: uint32(r.number("index", 32)), Satoshi: int64(r.number("amount", 63)), Address: r.text("address"),
		FeeRate: r.decimal("feerate"), To: r.text("to"), ChainID: r.number("chain-id", 63), Slot: r.text("slot"),
		Nonce: r.number("nonce", 64), BaseFee: r.gwei("base-fee"), Tip: r.gwei("tip"), Gas: r.number("gas", 64), Balance: r.whole("balance"),
		Confirmations: r.number("confirmations", 64), Clock: r.time("clock"), Unspent: f.unspent, Sources: int(r.number("sources", 31)),
	}
	return t, r.err
}

// readClock takes unix seconds, or a time in UTC.
func readClock(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if at, err := time.ParseInLocation(layout, strings.TrimSuffix(text, " UTC"), time.UTC); err == nil {
			return at.Unix(), nil
		}
	}
	return 0, fmt.Errorf("%q is no time; write 2026-01-31 15:04, in UTC, or unix seconds", text)
}
