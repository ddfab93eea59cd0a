//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// demoReport is the last line of a demo with --json.
type demoReport struct {
	Scenario, Outcome, Killed string
	Seconds                   int64
	Parties                   []struct {
		Party, Outcome string
		Assets         []struct{ Asset, Before, After, Sent, Received, Fees string }
	}
}

// demoCases say how each scenario must end.
var demoCases = []struct {
	scenario, outcome, killed string
	sent, received            money // of the initiator; the participant's are the reverse
}{
	{"happy", "swapped", "", money{btc: sendBTC}, money{eth: receiveETH}},
	{"participant-vanishes", "refunded", "SIGKILL", nil, nil},
	{"initiator-vanishes", "refunded", "SIGKILL", nil, nil},
	{"crash-at-reveal", "swapped", "SIGKILL", money{btc: sendBTC}, money{eth: receiveETH}},
}

// TestDemo plays every scenario of the demo, with the command as released.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, c := range demoCases {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			cmd := exec.CommandContext(ctx, nodes.kofo, "demo", "--scenario", c.scenario, "--json")
			cmd.Env = append(os.Environ(), "TMPDIR="+nodes.dir)
			var complaints bytes.Buffer
			cmd.Stderr = &complaints
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, tail(string(out), 4000), complaints.String())
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			for _, line := range lines {
				if !json.Valid([]byte(line)) {
					t.Errorf("%q is no JSON", line)
				}
			}
			var r demoReport
			must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r))
			if r.Scenario != c.scenario || r.Outcome != c.outcome || r.Killed != c.killed || len(r.Parties) != 2 {
				t.Fatalf("it ended with %+v", r)
			}
			t.Logf("%d seconds", r.Seconds)
			if r.Seconds >= 60 {
				t.Errorf("it took %d seconds", r.Seconds)
			}
			r.check(t, c.sent, c.received)
		})
	}
}

// check: what was sent and received is what the scenario says, and with the
// fees it explains each balance.
func (r demoReport) check(t *testing.T, sent, received money) {
	t.Helper()
	for i, p := range r.Parties {
		if i == 1 {
			sent, received = received, sent
		}
		if len(p.Assets) != 2 {
			t.Fatalf("the %s has %d assets", p.Party, len(p.Assets))
		}
		for _, a := range p.Assets {
			before, after, fees := number(t, a.Before), number(t, a.After), number(t, a.Fees)
			out, in := number(t, a.Sent), number(t, a.Received)
			want := new(big.Int).Add(before, in)
			want.Sub(want, out).Sub(want, fees)
			if want.Cmp(after) != 0 || fees.Sign() < 0 || fees.Cmp(mostFees[a.Asset]) > 0 {
				t.Errorf("%s of the %s: %+v", a.Asset, p.Party, a)
			}
			if out.Cmp(sent.of(a.Asset)) != 0 || in.Cmp(received.of(a.Asset)) != 0 {
				t.Errorf("%s of the %s: sent %s and received %s", a.Asset, p.Party, out, in)
			}
		}
	}
}

// of is the amount of an asset, zero where there is none.
func (m money) of(asset string) *big.Int {
	if v, ok := m[asset]; ok {
		return v
	}
	return new(big.Int)
}

func number(t *testing.T, text string) *big.Int {
	t.Helper()
	v, ok := new(big.Int).SetString(text, 10)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return v
}

// TestReleaseHasNoKillPoints: what makes a node kill itself is in the binary
// of these tests, not in the one as released.
func TestReleaseHasNoKillPoints(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{nodes.kofod: true, nodes.kofo: false} {
		raw, err := os.ReadFile(path)
		must(t, err)
		if bytes.Contains(raw, []byte("KOFO_KILL_AT")) != want {
			t.Errorf("kill points in %s: %v", path, !want)
		}
	}
}
