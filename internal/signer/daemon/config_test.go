package daemon_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer/daemon"
)

const party = "0101010101010101010101010101010101010101010101010101010101010101"

func TestRules(t *testing.T) {
	c, err := daemon.Parse([]byte(`
data_dir: /x
key_file: seed.key
chains: ["eip155:1337"]
accounts: ["eip155:1337:0xAA"]
parties: ["` + party + `"]
limits: [{asset: "eip155:1337/slip44:60", per_call: 5, per_day: 7}]
max_fees: [{chain: "eip155:1337", most: 9, per_day: 90}]
margin: 3m
consent: true
`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Rules()
	if err != nil {
		t.Fatal(err)
	}
	if c.KeyFile != "seed.key" || c.DataDir != "/x" || r.Margin != 3*time.Minute || !r.Consent || r.Parties[0].String() != party ||
		r.Limits[0].PerCall != htlc.NewAmount(5) || r.Limits[0].PerDay != htlc.NewAmount(7) ||
		r.MaxFees["eip155:1337"] != htlc.NewAmount(9) || r.FeesPerDay["eip155:1337"] != htlc.NewAmount(90) || len(r.Accounts) != 1 || len(r.Chains) != 1 {
		t.Errorf("%+v from %+v", r, c)
	}
}

func TestWrongConfigurations(t *testing.T) {
	const good = `chains: ["eip155:1337"]` + "\n"
	for name, text := range map[string]string{
		"nothing": "", "no chain": "chains: []", "a mainnet": `chains: ["eip155:1"]`, "no id": `chains: ["x"]`,
		"no port": good + "listen: x", "no limit": good + `limits: [{asset: "eip155:1337/slip44:60"}]`, "no asset": good + "limits: [{per_day: 1}]",
		"no fee": good + `max_fees: [{chain: "eip155:1337"}]`, "no party": good + "parties: [x]", "an unknown key": good + "limit: 1",
		"no amount": good + `max_fees: [{chain: "eip155:1337", most: -1}]`, "a negative margin": good + "margin: -1s", "no yaml": good + "\t",
	} {
		if c, err := daemon.Parse([]byte(text)); !errors.Is(err, daemon.ErrConfig) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`chains: ["eip155:1337"]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := daemon.Parse(raw)
		if err != nil {
			return
		}
		if _, err := c.Rules(); err != nil || len(c.Chains) == 0 || !strings.Contains(c.Listen, ":") {
			t.Fatalf("%+v: %v", c, err)
		}
	})
}
