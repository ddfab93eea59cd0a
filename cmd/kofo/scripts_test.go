package main

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
)

// agreed makes a swap that both have signed.
func agreed(t *testing.T, a, b cli) (id string) {
	t.Helper()
	ticket := a.must("swap", "offer", "--send", "0.05 BTC", "--receive", "1 ETH")["ticket"].(string)
	acceptance := b.must("swap", "accept", ticket, "--yes", "--by-hand")["acceptance"].(string)
	return a.must("swap", "countersign", acceptance)["swapId"].(string)
}

// A watch of a swap that ends says so last, and nothing twice.
func TestWatchTellsTheEnd(t *testing.T) {
	a, b, _, _ := two(t)
	id := agreed(t, a, b)
	for _, command := range [][]string{{"swap", "watch", id}, {"swap", "watch"}} {
		watched := &lockedBuffer{mu: &sync.Mutex{}}
		w := &app{in: strings.NewReader(""), out: watched, err: watched, now: time.Now, environ: append(a.environ, "HOME="+t.TempDir())}
		ended := make(chan int, 1)
		go func() { ended <- w.execute(t.Context(), command) }()
		watched.waitFor(t, brief(id))
		if len(command) == 2 { // the swap of the first round is over; another one ends
			id = agreed(t, a, b)
			watched.waitFor(t, brief(id))
		}
		a.must("swap", "cancel", id, "--yes")
		last := brief(id) + "  closed     cancelled\n"
		watched.waitFor(t, last)
		if len(command) == 3 {
			if code := <-ended; code != exitOK || !strings.HasSuffix(watched.buf.String(), last) {
				t.Errorf("exit %d: %s", code, watched.buf.String())
			}
		}
		watched.mu.Lock()
		seen := map[string]bool{}
		for line := range strings.Lines(watched.buf.String()) {
			if strings.HasPrefix(line, brief(id)) && seen[line] {
				t.Errorf("told twice: %s", line)
			}
			seen[line] = true
		}
		watched.mu.Unlock()
	}
}

// An agreed swap is not ended by a slip of the hand.
func TestCancelOfAnAgreedSwapAsks(t *testing.T) {
	a, b, _, _ := two(t)
	id := agreed(t, a, b)
	if r := a.run("swap", "cancel", id); r.code != exitUsage || !strings.Contains(r.err, "--yes") {
		t.Errorf("%+v", r)
	}
	a.prompt = &script{t: t, answers: []string{"n", "y"}}
	r := a.run("swap", "cancel", id)
	if narrow(t, "cancel", r.out); r.code != exitDeclined || !strings.Contains(r.out, "The other party is not told") {
		t.Errorf("%+v", r)
	}
	if r := a.run("swap", "cancel", id); r.code != exitOK || !strings.Contains(r.out, "Cancelled.") {
		t.Errorf("%+v", r)
	}
}

// Tokens tell what they may move, and are named by the beginning of an id.
func TestTokensTellWhatTheyMove(t *testing.T) {
	a, _, _, _ := two(t)
	payout := "eip155:1337:0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
	made := a.must("token", "create", "--name", "desk", "--scope", "quote,trade", "--cap", "0.1 BTC", "--cap-per-day", "0.5 BTC",
		"--cap-per-day", "2 ETH", "--payout", payout)["token"].(map[string]any)
	r := a.run("token", "list")
	for _, want := range []string{"cap: 0.1 BTC on bitcoin a call, 0.5 BTC in 24 hours\n", "cap: 2 ETH on ethereum a call, 2 ETH in 24 hours\n", "payout: " + payout} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in %s", want, r.out)
		}
	}
	id := made["id"].(string)
	if r := a.run("token", "revoke", id[:leastPrefix]); r.code != exitOK || !strings.Contains(r.out, id) {
		t.Errorf("%+v", r)
	}
	for want, args := range map[int][]string{
		exitUsage:   {"token", "revoke", id[:leastPrefix-1]},
		exitRefused: {"token", "revoke", "zzzzzzzz"},
	} {
		if r := a.run(args...); r.code != want {
			t.Errorf("%v: %+v", args, r)
		}
	}
	for _, flag := range []string{"--cap", "--cap-per-day"} {
		if r := a.run("token", "create", "--name", "x", "--scope", "trade", flag, "1 BTC", flag, "2 BTC"); r.code != exitUsage || !strings.Contains(r.err, "twice") {
			t.Errorf("%+v", r)
		}
	}
}

// What is wrong before the flags are read is told as they say.
func TestWrongCommandLines(t *testing.T) {
	c := cli{t: t}
	var doc struct{ Error printedError }
	if r := c.run("--json", "nonsense"); json.Unmarshal([]byte(r.out), &doc) != nil || doc.Error.Exit != exitUsage || r.err != "" {
		t.Errorf("%+v", r)
	}
	for want, args := range map[string][]string{
		"unknown flag: --jsno": {"--jsno", "swap", "list"},
		"unknown flag: --nod":  {"--data-dir", "/x", "--nod", "y", "swap", "list"},
		`no command "chekc"`:   {"--timeout=5s", "swap", "chekc"},
	} {
		if r := c.run(args...); r.code != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("%v: %+v", args, r)
		}
	}
}
