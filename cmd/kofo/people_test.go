package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

// known are two chains for tests of texts.
var known = assets{chains: []*sdk.Chain{
	{Id: "bip122:0f91", Name: "bitcoin", Assets: []*sdk.Asset{{Id: "bip122:0f91/slip44:0", Symbol: "BTC", Decimals: 8, FeeCoin: true}}},
	{Id: "eip155:1337", Name: "ethereum", Assets: []*sdk.Asset{
		{Id: "eip155:1337/slip44:60", Symbol: "ETH", Decimals: 18, FeeCoin: true},
		{Id: "eip155:1337/erc20:0xaa", Symbol: "TS\"T, x", Decimals: 6},
	}},
}}

// What a person is told of an error is in coins and names; programs get what
// the node said.
func TestErrorsAreToldInWordsOfPeople(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"limits": {
			reason.Error(reason.AmountTooSmall, "100 of bip122:0f91/slip44:0 is less than the smallest amount, 58600",
				map[string]string{"asset": "bip122:0f91/slip44:0", "min": "58600", "max": "2100000000000000"}),
			"kofo: 0.000001 BTC is less than the smallest amount, 0.000586 BTC\n  max: no limit\n  AMOUNT_TOO_SMALL: raise it to 0.000586 BTC",
		},
		"what is missing": {
			reason.Error(reason.RedeemFeeMissing, "the payee cannot pay for its redeem",
				map[string]string{"asset": "eip155:1337/slip44:60", "missing": "900000000000000", "have": "0", "chain": "eip155:1337"}),
			"kofo: the payee cannot pay for its redeem\n  have: 0 ETH\n  missing: 0.0009 ETH\n  chain: ethereum\n" +
				"  REDEEM_FEE_MISSING: pay in 0.0009 ETH on the chain that pays you",
		},
		"amount in the text alone": {
			reason.Error(reason.InsufficientFunds, "not enough funds: 1003300 satoshi are missing on bip122:0f91", map[string]string{"chain": "bip122:0f91"}),
			"kofo: not enough funds: 0.010033 BTC are missing on bitcoin\n  INSUFFICIENT_FUNDS: pay in more ",
		},
		"a time": {
			reason.Error(reason.RefundNotOpen, "the time lock is not open", map[string]string{"at": "2026-11-21T13:30:00Z", "leg": "1"}),
			"kofo: the time lock is not open\n  at: in 1 h (21 Nov 13:30:00 UTC)\n  leg: 1\n" +
				"  REFUND_NOT_OPEN: wait until 21 Nov 13:30:00 UTC",
		},
		"an asset that the node does not list": {
			reason.Error(reason.UnknownAsset, "asset eip155:5/slip44:60", map[string]string{"asset": "eip155:5/slip44:60"}),
			"kofo: asset eip155:5/slip44:60\n  UNKNOWN_ASSET: ",
		},
	} {
		var out bytes.Buffer
		a := &app{err: &out, known: known, now: func() time.Time { return at }}
		if a.printError(c.err); !strings.HasPrefix(out.String(), c.want) || strings.Contains(out.String(), "`") {
			t.Errorf("%s:\n%q, want\n%q", name, out.String(), c.want)
		}
		out.Reset()
		a = &app{out: &out, known: known, now: a.now, flags: globalFlags{json: true}}
		a.printError(c.err)
		var doc struct{ Error printedError }
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.Error.Text != sdk.Message(c.err) || len(doc.Error.Metadata) != len(sdk.Metadata(c.err)) {
			t.Errorf("%s: %v %s", name, err, out.String())
		}
	}
}

// Amounts are told once, with their unit, and nothing is referred to in vain.
func TestErrorsTellAmountsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"an amount in the text and in the metadata": {
			reason.Error(reason.InsufficientFunds, "not enough funds: 12000331 satoshi are missing",
				map[string]string{"asset": "bip122:0f91/slip44:0", "missing": "12000331"}),
			"kofo: not enough funds: 0.12000331 BTC are missing\n  INSUFFICIENT_FUNDS: pay in 0.12000331 BTC ",
		},
		"more than there can be": {
			reason.Error(reason.AmountTooLarge, "2100000100000000 of bip122:0f91/slip44:0 is more than the largest amount, 2100000000000000",
				map[string]string{"asset": "bip122:0f91/slip44:0", "amount": "2100000100000000", "max": "2100000000000000", "min": "58600"}),
			"kofo: 21000001 BTC is more than the largest amount, 21000000 BTC\n  min: 0.000586 BTC\n  AMOUNT_TOO_LARGE: lower it to 21000000 BTC\n",
		},
		"fees without a unit": {
			reason.Error(reason.InsufficientFunds, "pay 800000000000000000 and fees of 27300382200",
				map[string]string{"asset": "eip155:1337/slip44:60", "need": "800000000000000000"}),
			"kofo: pay 0.8 ETH and fees of 0.0000000273003822 ETH\n",
		},
		"a price": {
			reason.Error(reason.FeeOverBudget, "budget and balance allow 7 wei per gas", map[string]string{"asset": "eip155:1337/slip44:60"}),
			"kofo: budget and balance allow 7 wei per gas\n",
		},
		"nothing to refer to": {
			reason.Error(reason.AmountTooSmall, "dust", nil), "kofo: dust\n  AMOUNT_TOO_SMALL: raise it\n",
		},
		"a cap by call": {
			reason.Error(reason.CapExceeded, "9000000 of bip122:0f91/slip44:0 is more than the token's cap of 8000000",
				map[string]string{"asset": "bip122:0f91/slip44:0", "max": "8000000", "amount": "9000000"}),
			"kofo: 0.09 BTC is more than the token's cap of 0.08 BTC\n  CAP_EXCEEDED: move at most 0.08 BTC in one call, or use another token\n",
		},
		"an asset without a cap": {
			reason.Error(reason.CapExceeded, "the token may not move eip155:1337/slip44:60", map[string]string{"asset": "eip155:1337/slip44:60"}),
			"kofo: the token may not move ETH on ethereum\n  CAP_EXCEEDED: use another token\n",
		},
	} {
		var out bytes.Buffer
		a := &app{err: &out, known: known, now: time.Now}
		if a.printError(c.err); !strings.HasPrefix(out.String(), c.want) || strings.Contains(out.String(), "`") {
			t.Errorf("%s:\n%q, want\n%q", name, out.String(), c.want)
		}
	}
}

// No advice names a key of the metadata that is not there.
func TestAdviceRefersToNothingInVain(t *testing.T) {
	keys := regexp.MustCompile(`[^-]\b(min|max|missing|need|at|scope|field|asset) ?(,|;|:|$)`)
	for _, info := range reason.All() {
		if got := (wordsOf{k: known}).advice(info.Advice); keys.MatchString(got) || got == "" {
			t.Errorf("%s: %q", info.Reason, got)
		}
	}
}

// An error of a node is told so where the command did not ask for its assets.
func TestErrorsLearnTheAssets(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := cli{t: t, environ: at(n)}
	r := c.run("swap", "quote", "--send", "1 sat", "--receive", "1 ETH")
	if r.code != exitRefused || !strings.Contains(r.err, "0.0011 BTC") || strings.Contains(r.err, "slip44") || strings.Contains(r.err, "110000") {
		t.Errorf("%+v", r)
	}
}

func TestLimitsThatAreNone(t *testing.T) {
	for amount, want := range map[[2]string]string{
		{"bip122:0f91/slip44:0", "2100000000000000"}:                        "no limit",
		{"bip122:0f91/slip44:0", "2099999999999999"}:                        "20999999.99999999 BTC",
		{"eip155:1337/slip44:60", "1" + strings.Repeat("0", 20)}:            "100 ETH",
		{"eip155:1337/erc20:0xaa", strings.Repeat("9", 77)}:                 "no limit",
		{"eip155:9/erc20:0xbb", "1157920892373161954235709850086879078532"}: "1157920892373161954235709850086879078532 base units of eip155:9/erc20:0xbb",
	} {
		if got := known.most(&sdk.AssetAmount{Asset: amount[0], Amount: amount[1]}); got != want {
			t.Errorf("%v: %q, want %q", amount, got, want)
		}
	}
}

func sequence(swaps ...*sdk.Swap) iter.Seq2[*sdk.Swap, error] {
	return func(yield func(*sdk.Swap, error) bool) {
		for _, s := range swaps {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func TestBeginningsOfIds(t *testing.T) {
	id := func(begin string) string { return begin + strings.Repeat("0", idLength-len(begin)) }
	swaps := []*sdk.Swap{
		{Id: id("abcd11"), OfferId: id("1234")}, {Id: id("abcd2"), OfferId: id("abff")}, {OfferId: id("77aa")},
		{Id: id("eeee00000000000001")}, {Id: id("eeee00000000000002")},
	}
	for text, want := range map[string]string{"abcd1": id("abcd11"), "1234": id("1234"), "abff": id("abff"), "77aa0": id("77aa")} {
		if got, err := pick(sequence(swaps...), text); got != want || err != nil {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]struct {
		reason reason.Reason
		text   string
	}{
		"9999": {reason.SwapNotFound, "no swap"},
		"abcd": {reason.InvalidArgument, "abcd110000, abcd200000"},
		"eeee": {reason.InvalidArgument, "eeee00000000000001, eeee00000000000002"},
	} {
		if _, err := pick(sequence(swaps...), text); sdk.Reason(err) != want.reason || !strings.Contains(err.Error(), want.text) || exitCode(err) != exitRefused {
			t.Errorf("%s: %v", text, err)
		}
	}
	var many []*sdk.Swap
	for i := range 30 {
		many = append(many, &sdk.Swap{Id: id(fmt.Sprintf("abcd%02d", i))})
	}
	if _, err := pick(sequence(many...), "abcd"); err == nil || !strings.Contains(err.Error(), "and 20 more") {
		t.Error(err)
	}
}

// What the commands print of an id is taken by every command that takes one.
func TestPrintedIdsAreTaken(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := cli{t: t, environ: at(n)}
	full := c.must("swap", "offer", "--send", "0.05 BTC", "--receive", "1 ETH")["offerId"].(string)
	r := c.run("swap", "list")
	printed := strings.Fields(strings.Split(r.out, "\n")[1])[0]
	if !strings.HasPrefix(full, printed) || len(printed) != listed {
		t.Fatalf("%q of %s", printed, full)
	}
	for _, command := range [][]string{{"show"}, {"history"}, {"watch", "--until", "now"}, {"cancel"}} {
		for _, id := range []string{printed, strings.ToUpper(full[:leastPrefix])} {
			if command[0] == "cancel" && id != printed {
				continue
			}
			if r := c.run(append(append([]string{"swap"}, command...), id)...); r.code != exitOK {
				t.Errorf("%v %s: %+v", command, id, r)
			}
		}
	}
	for _, id := range []string{full[:3], "nothex", full + "0"} {
		if r := c.run("swap", "show", id); r.code != exitUsage {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// Every reason that a person can meet is explained, those of the wallet and of
// the configuration too.
func TestEveryReasonIsExplained(t *testing.T) {
	codes := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)+$`)
	none := regexp.MustCompile(`^KOFO_`) // variables of the environment
	seen := 0
	for _, dir := range []string{"internal/wallet", "internal/config", "internal/agreement", "internal/node", "adapters/bitcoin", "adapters/evm"} {
		for _, code := range literals(t, filepath.Join("../..", dir), codes) {
			if none.MatchString(code) {
				continue
			}
			seen++
			r := cli{t: t}.run("errors", strings.ToLower(code))
			if r.code != exitOK || !strings.HasPrefix(r.out, code+"\n    ") || strings.Count(r.out, "\n") < 3 {
				t.Errorf("%s of %s: %+v", code, dir, r)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d reasons found", seen)
	}
	all := cli{t: t}.run("errors")
	list := cli{t: t}.must("errors")["errors"].([]any)
	if len(list) != len(reason.All()) || strings.Count(all.out, "\n    ") < 2*len(list) {
		t.Errorf("%d reasons, %d in the list", len(reason.All()), len(list))
	}
	if r := (cli{t: t}).run("errors", "nonsense"); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
}

// literals are the texts in a folder's code that fit, each once.
func literals(t *testing.T, dir string, fits *regexp.Regexp) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	var out []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil && fits.MatchString(text) && !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
			return true
		})
	}
	return out
}

func TestBooks(t *testing.T) {
	stamp := func(text string) *sdk.Timestamp {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return &sdk.Timestamp{Seconds: at.Unix()}
	}
	btc, eth, tst := "bip122:0f91/slip44:0", "eip155:1337/slip44:60", "eip155:1337/erc20:0xaa"
	legs := func(own, theirs sdk.LegStatus) []*sdk.Leg {
		return []*sdk.Leg{
			{Index: 0, Role: sdk.LegRolePayer, Status: own, Paid: own == sdk.LegStatusRedeemed},
			{Index: 1, Role: sdk.LegRolePayee, Status: theirs, Paid: theirs == sdk.LegStatusRedeemed},
		}
	}
	fee := func(leg uint32, asset, amount string) *sdk.FeePaid {
		return &sdk.FeePaid{Leg: leg, Fee: &sdk.AssetAmount{Asset: asset, Amount: amount}, Final: true}
	}
	swaps := []*sdk.Swap{
		{
			Id: "aa", OfferId: "bb", Role: sdk.RoleInitiator, Phase: sdk.PhaseClosed, Outcome: sdk.OutcomeSwapped,
			CreatedAt: stamp("2026-01-02T03:04:05Z"), ClosedAt: stamp("2026-01-02T05:04:05+01:00"),
			Sends: &sdk.AssetAmount{Asset: btc, Amount: "5000000"}, Receives: &sdk.AssetAmount{Asset: tst, Amount: "1500000"},
			Legs:     legs(sdk.LegStatusRedeemed, sdk.LegStatusRedeemed),
			FeesPaid: []*sdk.FeePaid{fee(0, btc, "312"), fee(0, btc, "8"), fee(1, eth, "15322154945664")},
		},
		{
			OfferId: "cc", Role: sdk.RoleParticipant, Phase: sdk.PhaseClosed, Outcome: sdk.OutcomeRefunded,
			CreatedAt: stamp("2026-01-02T03:04:05Z"), ClosedAt: stamp("2026-01-02T04:04:05Z"),
			Sends: &sdk.AssetAmount{Asset: eth, Amount: "1"}, Receives: &sdk.AssetAmount{Asset: btc, Amount: "7"},
			Legs: legs(sdk.LegStatusRefunded, sdk.LegStatusRefunded), FeesPaid: []*sdk.FeePaid{{Leg: 0, Fee: &sdk.AssetAmount{Asset: eth, Amount: "1000000000000000000"}}},
		},
		{
			OfferId: "ee", Role: sdk.RoleParticipant, Phase: sdk.PhaseClosed, Outcome: sdk.OutcomeSwapped,
			Sends: &sdk.AssetAmount{Asset: eth, Amount: "1"}, Receives: &sdk.AssetAmount{Asset: btc, Amount: "7"},
			Legs: []*sdk.Leg{
				{Index: 1, Role: sdk.LegRolePayer, Status: sdk.LegStatusClosedByConsent}, // back to its payer
				{Index: 0, Role: sdk.LegRolePayee, Status: sdk.LegStatusClosedByConsent, Paid: true},
			},
		},
		{OfferId: "dd", Role: sdk.RoleInitiator, Phase: sdk.PhaseOffered, Sends: &sdk.AssetAmount{Asset: btc, Amount: "5"}, Receives: &sdk.AssetAmount{Asset: "x:y/z:w", Amount: "9"}},
	}
	var out bytes.Buffer
	if err := writeBooks(&out, known, swaps); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		bookColumns,
		{"aa", "bb", "initiator", "closed", "swapped", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05Z", "0.05", "BTC", btc, "1.5", "TS\"T, x", tst, "0.0000032", "BTC", "0.000015322154945664", "ETH", "true"},
		{"", "cc", "participant", "closed", "refunded", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05Z", "0", "ETH", eth, "0", "BTC", btc, "1", "ETH", "0", "BTC", "false"},
		{"", "ee", "participant", "closed", "swapped", "", "", "0", "ETH", eth, "0.00000007", "BTC", btc, "0", "ETH", "0", "BTC", "true"},
		{"", "dd", "initiator", "offered", "", "", "", "0", "BTC", btc, "0", "base units", "x:y/z:w", "0", "BTC", "0", "", "true"},
	}
	if !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
		t.Errorf("%q\nwant %q", rows, want)
	}
	swaps[0].FeesPaid[0].Fee.Amount = "many"
	if err := writeBooks(&out, known, swaps); err == nil {
		t.Error("a fee that is no number was written down")
	}
}

// The books hold all swaps, however many the list would show.
func TestBooksOfANode(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := cli{t: t, environ: at(n)}
	for range 3 {
		c.must("swap", "offer", "--send", "0.05 BTC", "--receive", "1 ETH")
	}
	for want, args := range map[int][]string{4: {"--csv"}, 2: {"--csv", "--most", "1"}, 1: {"--csv", "--which", "closed"}} {
		r := c.run(append([]string{"swap", "list"}, args...)...)
		if rows, err := csv.NewReader(strings.NewReader(r.out)).ReadAll(); err != nil || len(rows) != want {
			t.Errorf("%v: %d rows, %v", args, len(rows), err)
		}
	}
	if r := c.run("swap", "list", "--csv", "--json"); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
}

// narrow fails for lines that are too long, but for those without blanks.
func narrow(t *testing.T, name, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > lineLength && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("%s: %d columns: %s", name, utf8.RuneCountInString(line), line)
		}
		if strings.HasSuffix(line, " ") {
			t.Errorf("%s: blanks at the end: %q", name, line)
		}
	}
}

func TestHelpIsNarrow(t *testing.T) {
	for _, leaf := range leaves((&app{}).root()) {
		if leaf.Hidden {
			continue
		}
		narrow(t, leaf.CommandPath(), cli{t: t}.run(strings.Fields(leaf.CommandPath() + " --help")[1:]...).out)
	}
	narrow(t, "kofo", cli{t: t}.run("--help").out)
}

func TestTextIsNarrow(t *testing.T) {
	a, b, one, _ := two(t)
	show := func(c cli, args ...string) string {
		t.Helper()
		r := c.run(args...)
		narrow(t, strings.Join(args, " "), r.out+r.err)
		if r.code != exitOK {
			t.Errorf("%v: %+v", args, r)
		}
		return r.out
	}
	last := func(text string) string {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		return lines[len(lines)-1]
	}
	pair := []string{"--send", "0.05 BTC", "--receive", "1 ETH"}
	show(a, append([]string{"swap", "quote"}, pair...)...)
	ticket := last(show(a, append([]string{"swap", "offer"}, pair...)...))
	show(b, "swap", "inspect", ticket)
	acceptance := last(show(b, "swap", "accept", ticket, "--yes", "--by-hand"))
	show(b, "swap", "complete", last(show(a, "swap", "countersign", acceptance)))
	id := a.must("swap", "list")["swaps"].([]any)[0].(map[string]any)["id"].(string)
	lock(t, one, id, 0, 1001)
	for _, args := range [][]string{
		{"swap", "show", id}, {"swap", "history", id, "--all"}, {"swap", "list"}, {"swap", "watch", id, "--until", "now"}, {"swap", "watch", "--until", "now"},
		{"wallet", "addresses"}, {"wallet", "balances"}, {"wallet", "transactions"}, {"payout", "list"}, {"stats"}, {"swap", "export", id, "--format", "csv"}, {"chain", "list"}, {"chain", "show", "ethereum"}, {"chain", "status"}, {"node", "info"},
		{"token", "create", "--name", "everything", "--scope", "read,quote,trade,refund,withdraw,admin", "--expires", "720h"}, {"token", "list"}, {"errors"}, {"version"},
	} {
		show(a, args...)
	}
	for _, args := range [][]string{{"swap", "quote", "--send", "1 sat", "--receive", "1 ETH"}, {"swap", "refund", id}, {"swap", "cancel", id}} {
		r := a.run(args...)
		if narrow(t, strings.Join(args, " "), r.err); r.code != exitRefused {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// The examples of the help are command lines that the program takes.
func TestExamplesParse(t *testing.T) {
	for _, leaf := range leaves((&app{}).root()) {
		if leaf.Hidden {
			continue
		}
		for _, example := range strings.Split(leaf.Example, "\n") {
			example, _, _ = strings.Cut(strings.NewReplacer("source <(", "", ")", "").Replace(example), "|")
			example, _, _ = strings.Cut(example, "<")
			example, _, _ = strings.Cut(example, ">")
			args := words(example)
			if len(args) == 0 || args[0] != "kofo" {
				t.Errorf("%s: example %q", leaf.CommandPath(), example)
				continue
			}
			root := (&app{}).root()
			cmd, rest, err := root.Find(args[1:])
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil || cmd.CommandPath() != leaf.CommandPath() {
				t.Errorf("%s: example %q: %v", leaf.CommandPath(), example, err)
			}
		}
	}
}

// words splits a command line as a shell does, quotes but no escapes.
func words(text string) []string {
	var out []string
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// A passphrase that would be refused is refused before any words are shown.
func TestInitChecksThePassphraseFirst(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		environ string
		asked   int
		code    int
	}{
		"too short":      {[]string{"short"}, "", 1, exitRefused},
		"not twice":      {[]string{"correct horse battery", "correct horse"}, "", 2, exitUsage},
		"of environment": {nil, "KOFO_PASSPHRASE=short", 0, exitRefused},
	} {
		dir := t.TempDir()
		p := &script{t: t, answers: c.answers}
		r := cli{t: t, environ: []string{"KOFO_DATA_DIR=" + dir, c.environ}, prompt: p}.run("init")
		if r.code != c.code || len(p.asked) != c.asked || strings.Contains(r.out, "24.") || r.out != "" {
			t.Errorf("%s: asked %q: %+v", name, p.asked, r)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
			t.Errorf("%s: %v %v", name, files, err)
		}
	}
	if r := (cli{t: t, environ: []string{"KOFO_DATA_DIR=" + t.TempDir()}, prompt: &script{t: t}}).run("init", "--words", "13"); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
}

// A seed that is not there is noticed before its passphrase is asked for.
func TestMissingSeedIsNoticedFirst(t *testing.T) {
	r := cli{t: t, environ: []string{"KOFO_DATA_DIR=" + t.TempDir()}, prompt: &script{t: t}}.run("keys", "passphrase")
	if r.code != exitRefused || !strings.Contains(r.err, "SEED_FILE_MISSING") || !strings.Contains(r.err, "kofo init") {
		t.Errorf("%+v", r)
	}
}
