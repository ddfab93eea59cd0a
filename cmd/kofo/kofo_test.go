package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/payout"
	"github.com/kofo-network/kofo/internal/server/servertest"
	"github.com/kofo-network/kofo/internal/wallet"
)

// result is what a command line left behind.
type result struct {
	code     int
	out, err string
}

// script answers the questions of a command, in order.
type script struct {
	t       *testing.T
	answers []string
	asked   []string
	// words are read off the screen to answer for them.
	screen *bytes.Buffer
}

func (s *script) Line(question string) (string, error)   { return s.answer(question) }
func (s *script) Hidden(question string) (string, error) { return s.answer(question) }

func (s *script) answer(question string) (string, error) {
	s.asked = append(s.asked, question)
	var position int
	if n, _ := fmt.Sscanf(question, "Word %d: ", &position); n == 1 {
		return shownWord(s.screen.String(), position), nil
	}
	if len(s.answers) == 0 {
		s.t.Fatalf("no answer to %q", question)
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return answer, nil
}

// shownWord finds a word in the table of init.
func shownWord(screen string, position int) string {
	fields := strings.Fields(screen)
	for i, f := range fields {
		if f == fmt.Sprintf("%d.", position) {
			return fields[i+1]
		}
	}
	return ""
}

type cli struct {
	t       *testing.T
	environ []string
	prompt  *script
	in      string
}

// run executes one command line.
func (c cli) run(args ...string) result {
	c.t.Helper()
	var out, errs bytes.Buffer
	a := &app{
		in: strings.NewReader(c.in), out: &out, err: &errs, now: time.Now, width: 100, workFactor: 8,
		environ: append([]string{"HOME=" + c.t.TempDir()}, c.environ...),
	}
	if c.prompt != nil {
		c.prompt.screen = &out
		a.prompt = c.prompt
	}
	code := a.execute(c.t.Context(), args)
	return result{code, out.String(), errs.String()}
}

func at(n *servertest.Node) []string {
	return []string{"KOFO_NODE=" + n.Addr, "KOFO_TLS_CERT=" + n.CertFile, "KOFO_TOKEN_FILE=" + n.TokenFile}
}

// must runs a command with --json and returns its document.
func (c cli) must(args ...string) map[string]any {
	c.t.Helper()
	r := c.run(append(args, "--json")...)
	if r.code != exitOK {
		c.t.Fatalf("%v: exit %d: %s%s", args, r.code, r.out, r.err)
	}
	out := map[string]any{}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		c.t.Fatalf("%v: %v in %s", args, err, r.out)
	}
	return out
}

func leaves(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var out []*cobra.Command
	for _, child := range cmd.Commands() {
		out = append(out, leaves(child)...)
	}
	return out
}

// two are nodes that agree with each other.
func two(t *testing.T) (a, b cli, one, other *servertest.Node) {
	t.Helper()
	one, other = servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	return cli{t: t, environ: at(one)}, cli{t: t, environ: at(other)}, one, other
}

// Every leaf of the tree has help with an example, and prints JSON that can be
// parsed. A command that is added without a line here fails.
func TestEveryLeafPrintsJSON(t *testing.T) {
	a, b, one, _ := two(t)
	pair := []string{"--send", "0.05 BTC", "--receive", "1 ETH"}
	local := cli{t: t, environ: []string{"KOFO_DATA_DIR=" + t.TempDir(), "KOFO_PASSPHRASE=correct horse battery", "KOFO_NEW_PASSPHRASE=another long passphrase"}}
	restricted := cli{t: t, environ: at(servertest.Start(t, servertest.Options{Who: 4, Payouts: payout.Rules{Restricted: true, Delay: time.Hour}}))}
	seen := map[string]bool{}
	text := func(doc map[string]any, key string) string {
		s, ok := doc[key].(string)
		if !ok || s == "" {
			t.Fatalf("no %s in %v", key, doc)
		}
		return s
	}
	step := func(c cli, path string, args ...string) map[string]any {
		t.Helper()
		seen[path] = true
		return c.must(append(strings.Fields(path)[1:], args...)...)
	}
	step(a, "kofo swap quote", pair...)
	offer := step(a, "kofo swap offer", pair...)
	ticket := text(offer, "ticket")
	step(b, "kofo swap inspect", ticket)
	accepted := step(b, "kofo swap accept", ticket, "--yes", "--by-hand")
	signed := step(a, "kofo swap countersign", text(accepted, "acceptance"))
	done := step(b, "kofo swap complete", text(signed, "countersignature"))
	id := text(done, "swapId")
	step(a, "kofo swap show", id[:10])
	step(a, "kofo swap history", id)
	step(a, "kofo swap list", "--which", "open")
	checkWatchLines(t, a.run("swap", "watch", id, "--until", "now", "--json"))
	seen["kofo swap watch"] = true
	step(a, "kofo swap raise-fee", id, "--budget", "0.03 BTC", "--for", "refund")
	openRefund(t, one, id)
	step(a, "kofo swap refund", id)
	step(a, "kofo swap cancel", text(step(a, "kofo swap offer", pair...), "offerId"))
	step(a, "kofo wallet addresses", "--chain", "bitcoin")
	step(a, "kofo wallet balances")
	step(a, "kofo wallet withdraw", "--amount", "1000 sat", "--to", "bcrt1q", "--max-fee", "0.0001 BTC", "--yes")
	step(a, "kofo wallet split", "--parts", "3", "--amount", "1000 sat", "--max-fee", "0.0001 BTC", "--yes")
	step(a, "kofo wallet transactions")
	step(a, "kofo payout list")
	step(restricted, "kofo payout add", "--chain", "ethereum", "--address", "0x90F79bf6EB2c4f870365E785982E1f101E93b906", "--yes")
	step(restricted, "kofo payout remove", "--chain", "ethereum", "--address", "0x90F79bf6EB2c4f870365E785982E1f101E93b906")
	step(a, "kofo tower list")
	step(a, "kofo tower show", id[:10])
	step(a, "kofo stats")
	step(a, "kofo doctor")
	step(a, "kofo swap export", id)
	step(a, "kofo chain list")
	step(a, "kofo chain show", "ethereum")
	step(a, "kofo chain status")
	step(a, "kofo chain resume", "ethereum", "--yes")
	step(a, "kofo node info")
	token := step(a, "kofo token create", "--name", "x", "--scope", "read,quote", "--cap", "1 BTC", "--expires", "1h")
	info, ok := token["token"].(map[string]any)
	if !ok {
		t.Fatal(token)
	}
	step(a, "kofo token list")
	step(a, "kofo token revoke", text(info, "id"))
	step(a, "kofo errors")
	step(a, "kofo version")
	step(a, "kofo completion", "bash")
	step(local, "kofo init", "--yes")
	step(local, "kofo keys passphrase")
	offline(t, step)
	step(a, "kofo node shutdown", "--yes")
	checkTree(t, seen)
}

func checkWatchLines(t *testing.T, r result) {
	t.Helper()
	if r.code != exitOK || strings.Count(r.out, "\n") != 2 {
		t.Errorf("watch: %+v", r)
	}
	for line := range strings.Lines(r.out) {
		if !json.Valid([]byte(line)) {
			t.Errorf("watch: %s", line)
		}
	}
}

// checkTree: every command that people see was run, and has help.
func checkTree(t *testing.T, seen map[string]bool) {
	t.Helper()
	seen["kofo demo"] = true // internal/demo and the CI's stage run it: it takes its minute
	for _, leaf := range leaves((&app{}).root()) {
		if leaf.Hidden {
			continue // a process that the demo starts
		}
		if !seen[leaf.CommandPath()] {
			t.Errorf("%s is not run by this test", leaf.CommandPath())
		}
		if leaf.Example == "" || leaf.Short == "" || !strings.Contains(leaf.Example, leaf.CommandPath()) {
			t.Errorf("%s has no help with an example", leaf.CommandPath())
		}
	}
}

// openRefund lets the first leg's time lock open.
func openRefund(t *testing.T, n *servertest.Node, id string) {
	t.Helper()
	s, err := n.Swap(id)
	if err != nil {
		t.Fatal(err)
	}
	lock(t, n, id, 0, 1001)
	n.SetTip(servertest.Bitcoin, 1100, s.Terms.Legs[0].TimeLock+1)
}

// lock funds the node's own leg.
func lock(t *testing.T, n *servertest.Node, id string, leg int, height uint64) {
	t.Helper()
	block := htlc.BlockID{Height: height, Hash: [32]byte{byte(leg + 1)}}
	txid := strings.Repeat(fmt.Sprint(leg+1), 64)
	passed := htlc.Observed{State: htlc.CheckPassed}
	checked := htlc.FundingChecked{Facts: htlc.FundingFacts{
		Clock: 1, StateRead: passed, RedeemRuns: passed, RedeemMeans: passed, TermsCopied: passed, DiskSpace: passed, BackEndsAgree: passed, Final: passed, ChainsCalm: passed,
	}}
	for _, e := range []htlc.Event{htlc.FundingPrepared{TxID: txid}, checked, htlc.LegSeen{Leg: leg, TxID: txid}, htlc.LegFunded{Leg: leg, TxID: txid, Ref: "r", Block: block}} {
		if err := n.Happen(id, e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHelpHasExitCodes(t *testing.T) {
	r := cli{t: t}.run("--help")
	for _, want := range []string{"Exit codes: 0 done", "4 node not reachable", "--token-file"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in %s", want, r.out)
		}
	}
}

func TestExitCodes(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := cli{t: t, environ: at(n)}
	nobody := cli{t: t, environ: []string{"KOFO_NODE=127.0.0.1:1", "KOFO_TLS_CERT=" + n.CertFile, "KOFO_TOKEN_FILE=" + n.TokenFile}}
	wrongToken := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(wrongToken, []byte("kofo_nobody"), 0o600); err != nil {
		t.Fatal(err)
	}
	declining := cli{t: t, environ: at(n), prompt: &script{t: t, answers: []string{"n"}}}
	for name, r := range map[string]struct {
		got        result
		code       int
		reasonText string
	}{
		"good":            {c.run("node", "info"), exitOK, ""},
		"unknown command": {c.run("nonsense"), exitUsage, ""},
		"unknown child":   {c.run("swap", "nonsense"), exitUsage, ""},
		"unknown flag":    {c.run("node", "info", "--nonsense"), exitUsage, ""},
		"arguments":       {c.run("node", "info", "x"), exitUsage, ""},
		"bad amount":      {c.run("swap", "quote", "--send", "a lot", "--receive", "1 ETH"), exitUsage, ""},
		"no such asset":   {c.run("swap", "quote", "--send", "1 XMR", "--receive", "1 ETH"), exitUsage, ""},
		"no confirmation": {c.run("node", "shutdown"), exitUsage, ""},
		"refused":         {c.run("swap", "quote", "--send", "1 sat", "--receive", "1 ETH"), exitRefused, "AMOUNT_TOO_SMALL"},
		"not found":       {c.run("swap", "show", strings.Repeat("ab", 32)), exitRefused, "SWAP_NOT_FOUND"},
		"unreachable":     {nobody.run("node", "info", "--timeout", "1s"), exitUnreachable, "NODE_UNREACHABLE"},
		"wrong token":     {c.run("node", "info", "--token-file", wrongToken), exitRefused, "UNAUTHENTICATED"},
		"no token":        {c.run("node", "info", "--token-file", "/does/not/exist"), exitRefused, "UNAUTHENTICATED"},
		"bad config":      {cli{t: t}.run("node", "info", "--config", "/does/not/exist"), exitRefused, "BAD_CONFIG"},
		"declined":        {declining.run("node", "shutdown"), exitDeclined, ""},
	} {
		if r.got.code != r.code || !strings.Contains(r.got.err, r.reasonText) || r.code != exitOK && r.got.err == "" {
			t.Errorf("%s: %+v, want exit %d and %q", name, r.got, r.code, r.reasonText)
		}
	}
	var failure struct{ Error printedError }
	r := c.run("swap", "quote", "--send", "1 sat", "--receive", "1 ETH", "--json")
	if err := json.Unmarshal([]byte(r.out), &failure); err != nil || failure.Error.Reason != "AMOUNT_TOO_SMALL" || failure.Error.Metadata["min"] != "110000" || failure.Error.Exit != exitRefused || failure.Error.Advice == "" {
		t.Errorf("%v %+v %s", err, failure, r.out)
	}
}

func TestAmountsAreReadAndShownInBothUnits(t *testing.T) {
	k := assets{chains: []*sdk.Chain{
		{Id: "bip122:a", Name: "bitcoin", Assets: []*sdk.Asset{{Id: "bip122:a/slip44:0", Symbol: "BTC", Decimals: 8, FeeCoin: true}}},
		{Id: "eip155:1", Name: "one", Assets: []*sdk.Asset{
			{Id: "eip155:1/slip44:60", Symbol: "ETH", Decimals: 18, FeeCoin: true}, {Id: "eip155:1/erc20:0xaa", Symbol: "TST", Decimals: 6},
		}},
		{Id: "eip155:2", Name: "two", Assets: []*sdk.Asset{{Id: "eip155:2/slip44:60", Symbol: "ETH", Decimals: 18, FeeCoin: true}}},
	}}
	for text, want := range map[string]string{
		"0.05 BTC":                       "0.05 BTC (5,000,000 sat)",
		"5000000 sat":                    "0.05 BTC (5,000,000 sat)",
		"5_000_000 SATS":                 "0.05 BTC (5,000,000 sat)",
		"1 ETH@two":                      "1 ETH (1,000,000,000,000,000,000 wei)",
		"2.5 gwei@one":                   "0.0000000025 ETH (2,500,000,000 wei)",
		"1.5 tst":                        "1.5 TST (1,500,000 base units)",
		"7 TST-base":                     "0.000007 TST (7 base units)",
		"12 eip155:1/erc20:0xaa":         "0.000012 TST (12 base units)",
		"1 ETH":                          "several chains",
		"1":                              "no amount",
		"0.000000001 BTC":                "more than 8 decimals",
		"0.5 sat":                        "more than 0 decimals",
		"-1 BTC":                         "not an amount",
		"1e3 BTC":                        "not an amount",
		"1 DOGE":                         "no asset",
		"1 BTC@one":                      "no asset",
		strings.Repeat("9", 90) + " BTC": "too large",
	} {
		got, err := k.parse(text)
		shown := ""
		switch {
		case err == nil:
			shown = k.both(got)
		case exitCode(err) != exitUsage:
			t.Errorf("%q: exit %d", text, exitCode(err))
		default:
			shown = err.Error()
		}
		if !strings.Contains(shown, want) {
			t.Errorf("%q is %q, want %q", text, shown, want)
		}
	}
	if got := k.both(&sdk.AssetAmount{Asset: "eip155:9/slip44:1", Amount: "1234"}); got != "1,234 base units of eip155:9/slip44:1" {
		t.Error(got)
	}
}

func TestAcceptShowsEverythingAndAsks(t *testing.T) {
	a, b, _, _ := two(t)
	ticket := a.must("swap", "offer", "--send", "0.05 BTC", "--receive", "1 ETH")["ticket"].(string)
	b.prompt = &script{t: t, answers: []string{"no"}}
	r := b.run("swap", "accept", ticket, "--by-hand")
	if r.code != exitDeclined || len(b.prompt.asked) != 1 {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{
		"You pay       1 ETH", "You are paid  0.05 BTC (5,000,000 sat) on bitcoin", "participant", "to redeem on bitcoin", "0.00002845 BTC (2,845 sat)",
		"First they lock 0.05 BTC on bitcoin", "Then you lock 1 ETH", "Worst case if it fails", "time lock opens", "in 1 h", "Fees if it completes",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if strings.Count(r.out, "time lock opens") != 2 {
		t.Error("both time locks are to be shown")
	}
	b.prompt = &script{t: t, answers: []string{"Yes"}}
	if r = b.run("swap", "accept", ticket, "--by-hand"); r.code != exitOK || !strings.Contains(r.out, "kofo swap countersign") {
		t.Errorf("%+v", r)
	}
	// Nothing is asked where the ticket can't be accepted.
	b.prompt = &script{t: t}
	own := b.must("swap", "offer", "--send", "1 ETH", "--receive", "0.05 BTC")["ticket"].(string)
	if r = b.run("swap", "accept", own); r.code != exitRefused || !strings.Contains(r.err, "TICKET_OWN") || strings.Contains(r.out, "TICKET_OWN") {
		t.Errorf("%+v", r)
	}
	// A ticket can come by standard input.
	c := cli{t: t, environ: b.environ, in: ticket + "\n"}
	if r = c.run("swap", "inspect", "-"); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

func TestShowAndWatchTellTheStory(t *testing.T) {
	a, b, one, _ := two(t)
	ticket := a.must("swap", "offer", "--send", "0.05 BTC", "--receive", "1 ETH")["ticket"].(string)
	acceptance := b.must("swap", "accept", ticket, "--yes", "--by-hand")["acceptance"].(string)
	id := a.must("swap", "countersign", acceptance)["swapId"].(string)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	watched := &lockedBuffer{mu: &mu}
	w := &app{in: strings.NewReader(""), out: watched, err: watched, now: time.Now, environ: append(a.environ, "HOME="+t.TempDir())}
	ended := make(chan int, 1)
	go func() { ended <- w.execute(ctx, []string{"swap", "watch", id}) }()
	watched.waitFor(t, "What happened", "Next ")
	lock(t, one, id, 0, 1001)
	one.SetTip(servertest.Bitcoin, 1002, time.Now().Unix())
	watched.waitFor(t, "This node's lock on bitcoin is in block 1001.  tx 11111111..111111")
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("interrupted: exit %d", code)
	}
	r := a.run("swap", "show", id)
	for _, want := range []string{
		"FUNDED", "your lock", "in block 1001, 2 confirmations (2 needed)", strings.Repeat("1", 64), "time lock", "The other party locks its coins on ethereum",
		"Otherwise", "refundable", "Unsigned   redeem, until ", "Unsigned   refund, possible in ", "Risk       none.", "Locked     0.05 BTC (5,000,000 sat)", "Worst case",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if r = a.run("swap", "history", id); r.code != exitOK || !strings.Contains(r.out, "All parties have signed the terms.") {
		t.Errorf("%+v", r)
	}
	if r = a.run("swap", "list"); r.code != exitOK || !strings.Contains(r.out, "wait funding") {
		t.Errorf("%+v", r)
	}
}

type lockedBuffer struct {
	mu  *sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) waitFor(t *testing.T, texts ...string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		b.mu.Lock()
		all := b.buf.String()
		b.mu.Unlock()
		if !slices.ContainsFunc(texts, func(want string) bool { return !strings.Contains(all, want) }) {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t.Fatalf("%q did not come in\n%s", texts, b.buf.String())
}

// A terminal's view is drawn over by as many lines as it took.
func TestDrawingOver(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out, width: 10}
	if got := a.drawOver("short\nexactly 10\nlonger than ten\n", 0); got != 4 {
		t.Errorf("height %d", got)
	}
	if a.drawOver("x\n", 4); !strings.HasSuffix(out.String(), "\x1b[4A\x1b[Jx\n") {
		t.Errorf("%q", out.String())
	}
}

func TestInitShowsTheWordsOnceAndConfirmsThem(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"KOFO_DATA_DIR=" + dir}
	c := cli{t: t, environ: environ, prompt: &script{t: t, answers: []string{"correct horse battery", "correct horse battery", ""}}}
	r := c.run("init")
	if r.code != exitOK || !strings.Contains(r.out, "24.") || !strings.Contains(r.out, "party") {
		t.Fatalf("%+v", r)
	}
	if r = c.run("init"); r.code != exitRefused || !strings.Contains(r.err, "SEED_FILE_EXISTS") {
		t.Errorf("%+v", r)
	}
	seed, err := wallet.SeedFile{Path: filepath.Join(dir, wallet.SeedFileName)}.Open(wallet.Passphrase("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	seed.Close()
	// A wrong word leaves nothing behind.
	other := cli{t: t, environ: []string{"KOFO_DATA_DIR=" + t.TempDir()}, prompt: &script{t: t, answers: []string{"correct horse battery", "correct horse battery", ""}}}
	a := &app{now: time.Now, workFactor: 8, environ: other.environ, out: &bytes.Buffer{}, err: &bytes.Buffer{}, prompt: &wrongWords{other.prompt}}
	if code := a.execute(t.Context(), []string{"init"}); code != exitDeclined {
		t.Errorf("exit %d", code)
	}
	if files, err := os.ReadDir(strings.TrimPrefix(other.environ[0], "KOFO_DATA_DIR=")); err != nil || len(files) != 0 {
		t.Errorf("%v %v", files, err)
	}
}

type wrongWords struct{ *script }

func (w *wrongWords) Line(question string) (string, error) {
	if strings.HasPrefix(question, "Word") {
		return "wrong", nil
	}
	return w.script.Line(question)
}

func TestInitUnattendedAndPassphraseChange(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(t.TempDir(), "kofo.key")
	words := "legal winner thank year wave sausage worth useful legal winner thank yellow"
	c := cli{t: t, environ: []string{"KOFO_DATA_DIR=" + dir, "KOFO_KEY_FILE=" + key}, in: words + "\n"}
	out := c.must("init", "--import", "--key-file", key)
	if out["keyFile"] != key || out["words"] != nil || len(out["party"].(string)) != 64 {
		t.Errorf("%v", out)
	}
	// From the key file to a passphrase, which then opens it alone.
	c.environ = append(c.environ, "KOFO_NEW_PASSPHRASE=a long new passphrase")
	if got := c.must("keys", "passphrase"); got["lock"] != "passphrase" {
		t.Errorf("%v", got)
	}
	file := wallet.SeedFile{Path: filepath.Join(dir, wallet.SeedFileName)}
	if _, err := file.Open(wallet.KeyFile(key)); err == nil {
		t.Error("the key file still opens it")
	}
	seed, err := file.Open(wallet.Passphrase("a long new passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	if strings.Join(seed.RevealWords(), " ") != words {
		t.Error("another seed")
	}
	for name, r := range map[string]result{
		"wrong passphrase": cli{t: t, environ: []string{"KOFO_DATA_DIR=" + dir, "KOFO_PASSPHRASE=not the passphrase"}}.run("keys", "passphrase"),
		"no seed":          cli{t: t, environ: []string{"KOFO_DATA_DIR=" + t.TempDir(), "KOFO_PASSPHRASE=x"}}.run("keys", "passphrase"),
		"bad words":        cli{t: t, environ: []string{"KOFO_DATA_DIR=" + t.TempDir(), "KOFO_PASSPHRASE=correct horse battery"}, in: "not words at all\n"}.run("init", "--import"),
	} {
		if r.code != exitRefused || !strings.Contains(r.err, "SEED_") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := (cli{t: t, environ: []string{"KOFO_DATA_DIR=" + t.TempDir()}}).run("init"); r.code != exitUsage {
		t.Errorf("nobody to ask: %+v", r)
	}
}

func TestTokenFileIsMadeForItsOwnerOnly(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := cli{t: t, environ: at(n)}
	path := filepath.Join(t.TempDir(), "reader.token")
	if r := c.run("token", "create", "--name", "reader", "--scope", "read", "--out", path); r.code != exitOK || strings.Contains(r.out, "kofo_") {
		t.Fatalf("%+v", r)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if r := c.run("node", "info", "--token-file", path); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	if r := c.run("token", "list", "--token-file", path); r.code != exitRefused || !strings.Contains(r.err, "PERMISSION_DENIED") {
		t.Errorf("%+v", r)
	}
	if r := c.run("token", "create", "--name", "again", "--scope", "read", "--out", path); r.code != exitFailed {
		t.Errorf("an existing file was written over: %+v", r)
	}
}

// A node on this machine is found by its data folder alone.
func TestLocalNodeIsFound(t *testing.T) {
	dir := t.TempDir()
	n := servertest.Start(t, servertest.Options{Dir: dir})
	c := cli{t: t, environ: []string{"KOFO_API_LISTEN=" + strings.Replace(n.Addr, "127.0.0.1", "0.0.0.0", 1)}}
	if r := c.run("node", "info", "--data-dir", dir); r.code != exitOK || !strings.Contains(r.out, "Party") {
		t.Errorf("%+v", r)
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s", 2 * time.Hour: "2 h",
		3*time.Hour + 20*time.Minute: "3 h 20 min", 49 * time.Hour: "2 d 1 h", -90 * time.Second: "1 min 30 s",
	} {
		if got := span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
