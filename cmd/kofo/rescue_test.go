package main

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/rescue"
	"github.com/kofo-network/kofo/internal/rescue/rescuetest"
)

// termsFile has a swap's signed Terms as text.
func termsFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "terms.txt")
	if err := os.WriteFile(path, []byte(rescuetest.Agreed(t).Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kitAndSheet are the participant's.
func kitAndSheet(t *testing.T, words string) (*rescue.Kit, rescue.Sheet) {
	t.Helper()
	kit, err := rescue.Open(rescuetest.Keys(t, words), []byte(rescuetest.Agreed(t).Text()))
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := kit.Sheet()
	if err != nil {
		t.Fatal(err)
	}
	return kit, sheet
}

func bitcoinFlags(sheet rescue.Sheet) []string {
	return []string{
		"--txid", strings.Repeat("AB", 32), "--index", "1", "--amount", "5000000", "--address", sheet.Legs[0].Bitcoin.Address,
		"--feerate", "12.5", "--to", "", "--clock", "2030-01-31 15:04",
	}
}

func ethereumFlags(sheet rescue.Sheet) []string {
	return []string{
		"--chain-id", "1337", "--slot", sheet.Legs[1].EVM.ID, "--nonce", "9", "--base-fee", "7.5", "--tip", "1", "--gas", "", "--clock", strconv.FormatInt(rescuetest.Now, 10),
	}
}

// offline runs the commands that need no node.
func offline(t *testing.T, step func(cli, string, ...string) map[string]any) {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "seed.key")
	if err := os.WriteFile(filepath.Join(dir, config.FileName), []byte("data_dir: "+dir+"\nkeys: {key_file: seed.key}\nchains: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := cli{t: t, environ: []string{"KOFO_DATA_DIR=" + dir}, in: rescuetest.ParticipantWords + "\n"}
	report := step(node, "kofo restore", "--key-file", key)
	if report["party"] == "" {
		t.Error(report)
	}
	file := filepath.Join(dir, "a.backup")
	if made := node.must("backup", "--out", file, "--with-seed"); made["seed"] != true || made["config"] != true || made["openSwaps"] != float64(0) {
		t.Error(made)
	}
	elsewhere := filepath.Join(t.TempDir(), "own.yml")
	if err := os.Rename(filepath.Join(dir, config.FileName), elsewhere); err != nil {
		t.Fatal(err)
	}
	node.environ = append(node.environ, "KOFO_CONFIG="+elsewhere)
	if made := node.must("backup", "--out", file+"2"); made["config"] != true {
		t.Error("the configuration that KOFO_CONFIG names is not in the backup")
	}
	if again := step(node, "kofo backup verify", file); again["party"] != report["party"] {
		t.Error(again)
	}
	words := cli{t: t, in: rescuetest.ParticipantWords + "\n"}
	terms := termsFile(t)
	kit, sheet := kitAndSheet(t, rescuetest.ParticipantWords)
	if shown := step(words, "kofo rescue show", "--terms", terms); shown["swap"] != kit.Terms.ID().String() {
		t.Error(shown)
	}
	refund := step(words, "kofo rescue refund", append(ethereumFlags(sheet), "--terms", terms)...)
	if fee, ok := new(big.Int).SetString(refund["fee"].(string), 10); !ok || fee.Cmp(big.NewInt(16e9*150_000)) != 0 {
		t.Errorf("fee %v", refund["fee"])
	}
	initiator, _ := kitAndSheet(t, rescuetest.InitiatorWords)
	secret, err := initiator.Secret()
	if err != nil {
		t.Fatal(err)
	}
	raw := secret.Reveal()
	redeem := step(words, "kofo rescue redeem", append(bitcoinFlags(sheet), "--terms", terms, "--seed-file", filepath.Join(dir, "seed.age"), "--key-file", key,
		"--secret", "0x"+hex.EncodeToString(raw[:]))...)
	if redeem["vsize"] != float64(155) {
		t.Errorf("redeem %v", redeem)
	}
}

func TestRestoreOverDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, config.FileName), []byte("data_dir: "+dir+"\nkeys: {key_file: seed.key}\nchains: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := cli{t: t, environ: []string{"KOFO_DATA_DIR=" + dir}, in: rescuetest.ParticipantWords + "\n"}
	r := node.run("restore", "--key-file", filepath.Join(dir, "seed.key"))
	if r.code != exitOK || !strings.Contains(r.out, "none\n") || !strings.Contains(r.out, "Next: start kofod") {
		t.Fatalf("%+v", r)
	}
	if r = node.run("restore"); r.code != exitRefused || !strings.Contains(r.err, "DATA_EXISTS") || strings.Count(strings.Join(strings.Fields(r.err), " "), "another data folder") != 1 {
		t.Errorf("%+v", r)
	}
	r = node.run("backup", "--out", filepath.Join(dir, "x"))
	if r.code != exitOK || !strings.Contains(r.out, "whole") || !strings.Contains(r.out, "seed      not in it") {
		t.Errorf("%+v", r)
	}
	if r = node.run("backup", "--out", filepath.Join(dir, "x")); r.code != exitUsage {
		t.Errorf("over a file: %+v", r)
	}
}

// A person answers questions; the words are not shown.
func TestRescueAsks(t *testing.T) {
	terms := termsFile(t)
	_, sheet := kitAndSheet(t, rescuetest.InitiatorWords)
	facts := ethereumFlags(sheet)
	answers := []string{rescuetest.InitiatorWords}
	for i := 1; i < len(facts); i += 2 {
		answers = append(answers, facts[i])
	}
	c := cli{t: t, prompt: &script{answers: append(answers, "3", "2", "100000000000000000", "y")}}
	r := c.run("rescue", "redeem", "--terms", terms)
	if r.code != exitOK || !strings.Contains(r.out, "Redeem on eip155:1337") || !strings.Contains(r.out, "hold your secret") || !strings.Contains(r.out, "\n0x02") {
		t.Errorf("%+v", r)
	}
	c = cli{t: t, prompt: &script{answers: append(answers, "3", "1", "100000000000000000", "y")}}
	if r = c.run("rescue", "redeem", "--terms", terms); r.code != exitRefused || !strings.Contains(r.err, "RESCUE_HELD") || strings.Contains(r.out, "0x02") {
		t.Errorf("%+v", r)
	}
	c = cli{t: t, prompt: &script{answers: []string{rescuetest.InitiatorWords}}}
	r = c.run("rescue", "show", "--terms", terms)
	if r.code != exitOK || !strings.Contains(r.out, "(yours)") || !strings.Contains(r.out, "never show the secret later") {
		t.Errorf("%+v", r)
	}
}

func TestRescueRefusals(t *testing.T) {
	terms := termsFile(t)
	words := cli{t: t, in: rescuetest.InitiatorWords + "\n"}
	_, sheet := kitAndSheet(t, rescuetest.InitiatorWords)
	good := append([]string{"rescue", "refund", "--terms", terms}, bitcoinFlags(sheet)...)
	for name, change := range map[string][]string{
		"time": {"--clock", "soon"}, "number": {"--index", "x"}, "rate": {"--feerate", "-1"}, "target": {"--broadcast", "::"},
	} {
		if r := words.run(append(good, change...)...); r.code != exitUsage {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := words.run(append(good, "--amount", "1")...); r.code != exitRefused || !strings.Contains(r.err, "RESCUE_MISMATCH") {
		t.Errorf("amount: %+v", r)
	}
	for name, args := range map[string][]string{
		"no terms": {"rescue", "show"}, "no file": {"rescue", "show", "--terms", "/none"}, "no facts": {"rescue", "refund", "--terms", terms},
		"no hex": append([]string{"rescue", "redeem", "--secret", "zz", "--terms", terms}, ethereumFlags(sheet)...),
	} {
		if r := words.run(args...); r.code != exitUsage {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestRescueBroadcasts(t *testing.T) {
	terms := termsFile(t)
	words := cli{t: t, in: rescuetest.InitiatorWords + "\n"}
	_, sheet := kitAndSheet(t, rescuetest.InitiatorWords)
	answer := `{"result":"x","error":null}`
	var user string
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ = r.BasicAuth()
		_, _ = w.Write([]byte(answer))
	}))
	defer node.Close()
	args := append([]string{"rescue", "refund", "--terms", terms, "--broadcast", strings.Replace(node.URL, "://", "://me:secret@", 1)}, bitcoinFlags(sheet)...)
	if r := words.run(args...); r.code != exitOK || user != "me" || !strings.Contains(r.out, "The node has taken it") {
		t.Errorf("%+v as %q", r, user)
	}
	answer = `{"error":{"message":"non-final"}}`
	if r := words.run(args...); r.code != exitFailed || !strings.Contains(r.err, "non-final") || strings.Contains(r.err, "secret") {
		t.Errorf("%+v", r)
	}
	answer = "<html>"
	if r := words.run(args...); r.code != exitFailed || !strings.Contains(r.err, "no JSON-RPC") {
		t.Errorf("%+v", r)
	}
}

// An Ethereum chain mines a refund that comes too early, charges for it and
// leaves the coins locked. So it is not sent by what was typed in, nor where the
// node says that it would fail.
func TestRescueSendsNoRefundThatFails(t *testing.T) {
	terms := termsFile(t)
	words := cli{t: t, in: rescuetest.ParticipantWords + "\n"}
	kit, sheet := kitAndSheet(t, rescuetest.ParticipantWords)
	var methods []string
	answers := map[string]string{"eth_call": `{"result":"0x"}`, "eth_sendRawTransaction": `{"result":"0x12"}`}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Method string
			Params []json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		methods = append(methods, asked.Method)
		_, _ = w.Write([]byte(answers[asked.Method]))
	}))
	defer node.Close()
	args := append([]string{"rescue", "refund", "--terms", terms, "--broadcast", node.URL}, ethereumFlags(sheet)...)
	r := words.run(args...)
	if r.code != exitRefused || !strings.Contains(r.err, "REFUND_NOT_OPEN") || len(methods) != 0 {
		t.Fatalf("before the time lock, asked %v: %+v", methods, r)
	}
	lock := kit.Terms.Legs[kit.Out()].TimeLock
	open := slices.Concat(args, []string{"--clock", strconv.FormatInt(lock, 10)})
	answers["eth_call"] = `{"error":{"message":"execution reverted"}}`
	if r = words.run(open...); r.code != exitFailed || !strings.Contains(r.err, "nothing was sent") || len(methods) != 1 {
		t.Fatalf("the node says no, asked %v: %+v", methods, r)
	}
	answers["eth_call"] = `{"result":"0x"}`
	if r = words.run(open...); r.code != exitOK || !strings.Contains(r.out, "The node has taken it") || !slices.Equal(methods[1:], []string{"eth_call", "eth_sendRawTransaction"}) {
		t.Fatalf("after the time lock, asked %v: %+v", methods, r)
	}
}
