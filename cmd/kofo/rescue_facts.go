package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/rescue"
)

// mostTries is how often a question is asked again.
const mostTries = 5

// facts are what a person has typed in, read.
type facts struct {
	rescue.Typed
	secret  *htlc.Secret
	indexed bool // the transaction id came with the output's number
}

// when says for what a fact is needed.
type when uint8

const (
	always   when = iota
	redeem        // of a secret that is out
	reveal        // an initiator's own secret, which nobody has seen
	optional      // has a good default
)

// rescueFacts are the questions, in the order in which they are asked. The
// names are those of the flags. read is told nothing but what was typed in, so
// that a wrong answer can be asked for again at once.
var rescueFacts = []struct {
	name, question, help string
	family               rescue.Family // empty: every one
	when                 when
	read                 func(f *facts, text string) error
}{
	{"txid", "Transaction that funded the contract: ", "Bitcoin: the transaction that funded the contract", rescue.Bitcoin, always, readTxID},
	{"index", "Number of its output (0, 1, ...): ", "Bitcoin: the number of its output", rescue.Bitcoin, always,
		func(f *facts, text string) error { return readNumber(&f.Index, text, 32) }},
	{"amount", "Amount of that output, in satoshi (or in BTC, with a point): ", "Bitcoin: the output's amount in satoshi, or in BTC with a point, as 0.05", rescue.Bitcoin, always,
		func(f *facts, text string) error { return readSatoshi(&f.Satoshi, text) }},
	{"address", "Address of that output: ", "Bitcoin: the output's address", rescue.Bitcoin, always,
		func(f *facts, text string) error { f.Address = text; return nil }},
	{"feerate", "Feerate to pay, in sat/vB: ", "Bitcoin: what to pay, in sat/vB", rescue.Bitcoin, always, readFeeRate},
	{"to", "Address to pay to (empty: an own one): ", "Bitcoin: address to pay to; an own one where it isn't given", rescue.Bitcoin, optional,
		func(f *facts, text string) error { f.To = text; return nil }},
	{"chain-id", "Number of the chain (1337, ...): ", "Ethereum: the chain's number", rescue.EVM, always,
		func(f *facts, text string) error {
			return readNumber(&f.ChainID, strings.TrimPrefix(text, "eip155:"), 63)
		}},
	{"slot", "What the deployment's slot() gives for payer and lane above: ",
		"Ethereum: what slot(payer, lane) of the deployment gives, or its storage at the slot of rescue show, or topic 1 of the log of the funding", rescue.EVM, always, readSlot},
	{"nonce", "Next nonce of your account (count of its transactions): ", "Ethereum: the account's next nonce", rescue.EVM, always,
		func(f *facts, text string) error { return readNumber(&f.Nonce, text, 64) }},
	{"base-fee", "Base fee of the last block, in gwei: ", "Ethereum: base fee in gwei", rescue.EVM, always,
		func(f *facts, text string) (err error) { f.BaseFee, err = readUnits(text, 9, "gwei"); return err }},
	{"tip", "Tip to pay, in gwei (such as 1): ", "Ethereum: tip in gwei", rescue.EVM, always, readTip},
	{"gas", "Gas limit (empty: one that suffices): ", "Ethereum: gas limit; one that suffices where it isn't given", rescue.EVM, optional,
		func(f *facts, text string) error { return readNumber(&f.Gas, text, 32) }},
	{"clock", "The chain's time in UTC (Bitcoin: median time, or the time of the block 5 below the last one; Ethereum: of the last block): ",
		"the chain's time: unix seconds, or 2026-01-31 15:04 in UTC", "", always,
		func(f *facts, text string) (err error) { f.Clock, err = readClock(text); return err }},
	{"secret", "The secret, in hexadecimal, as the other chain shows it: ",
		"the 32 bytes, in hexadecimal, as the other chain shows them; an initiator's own is derived", "", redeem, readSecret},
	{"confirmations", "Confirmations of the funding: ", "of the funding; for an initiator's own secret", "", reveal,
		func(f *facts, text string) error { return readNumber(&f.Confirmations, text, 64) }},
	{"sources", "How many explorers or nodes say so: ", "how many explorers say all this; for an initiator's own secret", "", reveal,
		func(f *facts, text string) error { return readNumber(&f.Sources, text, 31) }},
	{"balance", "Balance of your account, in wei (or in ETH, with a point): ",
		"Ethereum: the account's balance in wei, or in ETH with a point; for an initiator's own secret", rescue.EVM, reveal, readBalance},
}

var (
	wholeNumber = regexp.MustCompile(`^[0-9]+$`)
	decimal     = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	txid        = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
)

// readTxID also takes "txid:index", as some explorers write an output.
func readTxID(f *facts, text string) error {
	id, index, both := strings.Cut(strings.TrimPrefix(text, "0x"), ":")
	if !txid.MatchString(id) {
		return fmt.Errorf("%.80q has not the 64 hexadecimal digits of a transaction id", text)
	}
	f.TxID = strings.ToLower(id)
	if f.indexed = both; both {
		return readNumber(&f.Index, index, 32)
	}
	return nil
}

func readNumber[N uint32 | uint64 | int](to *N, text string, bits int) error {
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return fmt.Errorf("%.80q is no whole number, or too large a one", text)
	}
	*to = N(n)
	return nil
}

// readUnits reads a number with a point as base units.
func readUnits(text string, decimals int, unit string) (*big.Int, error) {
	text = strings.TrimSpace(strings.TrimSuffix(text, unit))
	if !decimal.MatchString(text) || len(text) > 80 {
		return nil, fmt.Errorf("%.80q is no number of %s", text, unit)
	}
	whole, part, _ := strings.Cut(text, ".")
	if part = strings.TrimRight(part, "0"); len(part) > decimals {
		return nil, fmt.Errorf("%s has %d decimals, %s has %d", text, len(part), unit, decimals)
	}
	n, ok := new(big.Int).SetString(whole+part+strings.Repeat("0", decimals-len(part)), 10)
	if !ok {
		return nil, fmt.Errorf("%q is no number of %s", text, unit)
	}
	return n, nil
}

// readCoin takes base units, or the coin itself where a point or its name says
// so.
func readCoin(text string, decimals int, unit string) (*big.Int, error) {
	if strings.Contains(text, ".") || strings.HasSuffix(text, unit) {
		return readUnits(text, decimals, unit)
	}
	if n, ok := new(big.Int).SetString(text, 10); ok && wholeNumber.MatchString(text) && len(text) <= 78 {
		return n, nil
	}
	return nil, fmt.Errorf("%.80q is no whole number; with a point it counts as %s", text, unit)
}

func readSatoshi(to *int64, text string) error {
	n, err := readCoin(strings.TrimSpace(strings.TrimSuffix(text, "sat")), 8, "BTC")
	switch {
	case err != nil:
	case !n.IsInt64():
		err = fmt.Errorf("%s is more than there is", text)
	case n.Sign() == 0:
		err = errors.New("an output without coins is no contract")
	default:
		*to = n.Int64()
	}
	return err
}

func readBalance(f *facts, text string) (err error) {
	f.Balance, err = readCoin(strings.TrimSpace(strings.TrimSuffix(text, "wei")), 18, "ETH")
	return err
}

func readFeeRate(f *facts, text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !decimal.MatchString(text) || v <= 0 || v > 1e6 {
		return fmt.Errorf("%.80q is no feerate; write satoshi for each virtual byte, as 12 or 3.5", text)
	}
	f.FeeRate = v
	return nil
}

func readTip(f *facts, text string) (err error) {
	if f.Tip, err = readUnits(text, 9, "gwei"); err == nil && f.Tip.Sign() == 0 {
		err = errors.New("a tip of 0 is taken by nobody")
	}
	return err
}

// readSlot takes hexadecimal, as nodes and logs have it, and the decimal number
// that the page of an explorer shows. 64 digits are hexadecimal.
func readSlot(f *facts, text string) error {
	digits, marked := strings.CutPrefix(strings.ToLower(text), "0x")
	if !marked && len(digits) != 64 && wholeNumber.MatchString(digits) {
		n, ok := new(big.Int).SetString(digits, 10)
		if !ok || n.BitLen() > 256 {
			return fmt.Errorf("%.90q is more than a slot holds", text)
		}
		digits = n.Text(16)
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) == 0 || len(raw) > 32 {
		return fmt.Errorf("%.90q is no content of a slot: up to 64 hexadecimal digits, or a whole number", text)
	}
	f.Slot = "0x" + digits
	return nil
}

func readSecret(f *facts, text string) error {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(raw) != htlc.SecretSize {
		return errors.New("a secret is 64 hexadecimal digits") // and is not shown
	}
	secret, err := htlc.NewSecret(raw)
	if err == nil {
		f.secret = &secret
	}
	return err
}

// readClock takes unix seconds, or a time in UTC.
func readClock(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return n, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if at, err := time.ParseInLocation(layout, strings.TrimSuffix(text, " UTC"), time.UTC); err == nil {
			return at.Unix(), nil
		}
	}
	return 0, fmt.Errorf("%.80q is no time; write 2026-01-31 15:04, in UTC, or unix seconds", text)
}

// wrongInput is a flag that can't be read.
func wrongInput(format string, args ...any) error {
	return usageError{localError{fmt.Errorf(format, args...), string(reason.RescueInput)}}
}

// rescueJob is one spend that is being made.
type rescueJob struct {
	*app
	kit    *rescue.Kit
	flags  rescueFlags
	kind   string
	leg    int
	family rescue.Family
	own    bool // an initiator's own secret, for the first time
	typed  facts
}

func (a *app) rescueMake(ctx context.Context, kind string, f rescueFlags) error {
	kit, err := a.openKit(&f)
	if err != nil {
		return err
	}
	j := rescueJob{app: a, kit: kit, flags: f, kind: kind, leg: kit.Out()}
	if kind == "redeem" {
		j.leg, j.own = kit.In(), kit.Initiator() && *f.answers["secret"] == ""
	}
	if j.family, err = kit.FamilyOf(j.leg); err != nil {
		return err
	}
	j.typed.Unspent = f.unspent
	if err := j.ask(); err != nil {
		return err
	}
	spend, err := j.make()
	if err != nil {
		return err
	}
	if f.broadcast != "" {
		if err := spend.MayBroadcast(j.typed.Clock); err != nil {
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

func (j *rescueJob) make() (rescue.Spend, error) {
	switch {
	case j.kind == "refund":
		return j.kit.Refund(j.typed.Typed)
	case j.own:
		return j.kit.RedeemOwn(j.typed.Typed, j.flags.anyway)
	}
	return j.kit.RedeemKnown(j.typed.Typed, *j.typed.secret)
}

// person: there is one who can be asked.
func (j *rescueJob) person() bool { return j.prompt != nil && !j.app.flags.json }

// ask reads the flags, and asks for what they do not say.
func (j *rescueJob) ask() error {
	if j.person() {
		sheet, err := j.kit.Sheet()
		if err != nil {
			return err
		}
		for _, l := range sheet.Legs {
			if l.Index == j.leg {
				j.sayRescueLeg(l)
			}
		}
		if j.own {
			j.say("\nYou are the initiator: this shows your secret for the first time. The other party can\nthen take the leg that you pay. The last questions say whether that is safe.\n\n")
		}
	}
	var missing []string
	for i, q := range rescueFacts {
		flag := j.flags.answers[q.name]
		if flag == nil || q.family != "" && q.family != j.family {
			continue
		}
		text := strings.TrimSpace(*flag)
		var err error
		switch {
		case text != "":
			if err = q.read(&j.typed, text); err != nil {
				err = wrongInput("--%s: %w", q.name, err)
			}
		case q.name == "index" && j.typed.indexed:
		case q.when == redeem && j.own, q.when == reveal && !j.own: // not asked for
		case j.person():
			err = j.askOne(i)
		case q.when == always, q.when == redeem:
			missing = append(missing, "--"+q.name)
		}
		if err != nil {
			return err
		}
	}
	if len(missing) > 0 {
		return wrongInput("where nobody can be asked, these flags are needed too: %s", strings.Join(missing, ", "))
	}
	return j.askUnspent()
}

// askOne asks until the answer can be read and fits the Terms.
func (j *rescueJob) askOne(i int) error {
	q := rescueFacts[i]
	var wrong error
	for range mostTries {
		text, err := j.prompt.Line(q.question)
		if err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		text = strings.TrimSpace(text)
		if text == "" && (q.when == optional || q.when == reveal) {
			return nil // of a reveal the gate says what is missing
		}
		before := j.typed
		if wrong = q.read(&j.typed, text); wrong == nil {
			if wrong = j.kit.Compare(j.leg, j.typed.Typed, j.typed.secret); wrong == nil {
				return nil
			}
		}
		j.typed = before
		j.tell(noteIndent, "  ! %s", sentence(wrong.Error()))
	}
	return fmt.Errorf("asked %d times: %w", mostTries, wrong)
}

func (j *rescueJob) askUnspent() error {
	if !j.own || !j.person() || j.typed.Unspent {
		return nil
	}
	answer, err := j.prompt.Line("Do they show the contract as unspent? [y/N] ")
	j.typed.Unspent = strings.HasPrefix(strings.ToLower(answer), "y")
	return err
}
