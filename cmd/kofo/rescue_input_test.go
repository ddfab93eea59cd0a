package main

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/rescue/rescuetest"
)

// secretOfTheSwap is as the other chain would show it.
func secretOfTheSwap(t *testing.T) string {
	t.Helper()
	kit, _ := kitAndSheet(t, rescuetest.InitiatorWords)
	secret, err := kit.Secret()
	if err != nil {
		t.Fatal(err)
	}
	raw := secret.Reveal()
	return hex.EncodeToString(raw[:])
}

// What a person types in by mistake is asked for again, and what does not fit
// the Terms at once, not after the last question.
func TestRescueAsksAgain(t *testing.T) {
	_, sheet := kitAndSheet(t, rescuetest.ParticipantWords)
	terms := termsFile(t)
	answers := []string{
		terms, rescuetest.ParticipantWords,
		"bc1q", strings.Repeat("ab", 32) + ":1", // the number of the output is not asked for any more
		"0,05", "0.06", "0.05", "bcrt1qother", sheet.Legs[0].Bitcoin.Address, "fast", "12", "bcrt1qnone", "",
		"tomorrow", "2030-01-31 15:04",
		"5f", strings.Repeat("5f", 32), secretOfTheSwap(t),
	}
	script := &script{t: t, answers: answers}
	r := cli{t: t, prompt: script}.run("rescue", "redeem")
	if r.code == exitOK || !strings.Contains(r.err, "RESCUE_MISMATCH") {
		t.Errorf("paid to a wrong address: %+v", r)
	}
	script.answers, script.asked = slices.Delete(slices.Clone(answers), 11, 12), nil
	r = cli{t: t, prompt: script}.run("rescue", "redeem")
	if r.code != exitOK || len(script.answers) != 0 {
		t.Fatalf("%+v, left %q", r, script.answers)
	}
	for _, want := range []string{
		"! \"bc1q\" has not the 64 hex", "is no whole number", "6000000 satoshi were typed in, the terms say 5000000", "is no feerate", "is no time",
		"64 hexadecimal digits\n", "does not open the hash", "pays             0.049", "to " + sheet.Legs[0].Bitcoin.Payout,
		"must be in       before the chain's clock is at", "push transaction", "sendrawtransaction",
	} {
		if !strings.Contains(strings.Join(strings.Fields(r.out), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in %s", want, r.out)
		}
	}
	script.answers = []string{rescuetest.Agreed(t).Text(), rescuetest.ParticipantWords}
	if r = (cli{t: t, prompt: script}).run("rescue", "show"); r.code != exitOK {
		t.Errorf("the text itself: %+v", r)
	}
	script.answers = append([]string{terms, rescuetest.ParticipantWords}, "1", "2", "3", "4", "5")
	if r = (cli{t: t, prompt: script}).run("rescue", "redeem"); r.code == exitOK || len(script.answers) != 0 {
		t.Errorf("asked for ever: %+v", r)
	}
}

// What can't be read says which flag it is, and has a code.
func TestRescueInputCodes(t *testing.T) {
	terms, words := termsFile(t), cli{t: t, in: rescuetest.ParticipantWords + "\n"}
	_, sheet := kitAndSheet(t, rescuetest.ParticipantWords)
	good := append([]string{"rescue", "refund", "--json", "--terms", terms}, ethereumFlags(sheet)...)
	for flag, values := range map[string][]string{
		"slot": {"zz", "0x", strings.Repeat("9", 79)}, "nonce": {"-1", "1.5"}, "base-fee": {"1e9", "0.0000000001"},
		"tip": {"0", "cheap"}, "gas": {"99999999999"}, "chain-id": {"mainnet"}, "clock": {"0", "31.1.2026"},
	} {
		for _, value := range values {
			r := words.run(append(good, "--"+flag, value)...)
			var doc struct{ Error printedError }
			if err := json.Unmarshal([]byte(r.out), &doc); err != nil || r.code != exitUsage || doc.Error.Reason != "RESCUE_INPUT" || !strings.Contains(doc.Error.Text, "--"+flag) {
				t.Errorf("--%s %s: %+v", flag, value, r)
			}
		}
	}
	r := words.run("rescue", "refund", "--terms", terms, "--nonce", "1")
	for _, want := range []string{"RESCUE_INPUT", "--slot", "--chain-id", "--base-fee", "--tip", "--clock"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("no %s in %s", want, r.err)
		}
	}
	// As the page of an explorer shows a word.
	number := words.must(append(good[:4:4], append(good[4:], "--slot", asNumber(sheet.Legs[1].EVM.ID), "--chain-id", "eip155:1337")...)...)
	if number["method"] != "eth_sendRawTransaction" || number["coin"] != "ETH" {
		t.Errorf("%v", number)
	}
}
