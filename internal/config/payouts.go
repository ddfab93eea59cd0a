package config

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

var (
	caip10   = regexp.MustCompile(`^([-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}):[-.%a-zA-Z0-9]{1,128}$`)
	partyKey = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (o Payouts) validate(chains []Chain) []Problem {
	p := problems{prefix: "payouts."}
	served := func(id string) bool { return slices.ContainsFunc(chains, func(c Chain) bool { return c.ID == id }) }
	seen := map[string]bool{}
	for _, account := range o.Accounts {
		parts := caip10.FindStringSubmatch(account)
		switch {
		case parts == nil:
			p.add(ReasonBadValue, "accounts", "%q, must be a CAIP-10 account id: namespace:reference:address", account)
		case !served(parts[1]):
			p.add(ReasonConflict, "accounts", "%q, but no chain of this configuration has the id %s", account, parts[1])
		case seen[strings.ToLower(account)]:
			p.add(ReasonTwice, "accounts", "%q stands twice", account)
		}
		seen[strings.ToLower(account)] = true
	}
	if o.Delay != 0 {
		p.span("delay", o.Delay, time.Minute, maxSpan)
	}
	for _, key := range o.Parties {
		if !partyKey.MatchString(key) {
			p.add(ReasonBadValue, "parties", "%q, must be 64 lower-case hexadecimal digits: `kofo node info` shows a node's", key)
		}
	}
	for i, l := range o.Limits {
		at := fmt.Sprintf("limits[%d].", i)
		id := htlc.AssetID(l.Asset)
		switch err := id.Validate(); {
		case err != nil:
			p.add(ReasonBadValue, at+"asset", "%v", err)
		case seen[l.Asset]:
			p.add(ReasonTwice, at+"asset", "%s stands twice", l.Asset)
		case !served(string(id.Chain())):
			p.add(ReasonConflict, at+"asset", "no chain of this configuration has %s", l.Asset)
		}
		if l.PerCall.IsZero() && l.PerDay.IsZero() {
			p.add(ReasonMissing, at+"per_day", "per_call or per_day must be more than 0")
		}
		seen[l.Asset] = true
	}
	return p.list
}

// PartyIDs are the parties as the agreement knows them. Of a validated
// configuration each can be read.
func (o Payouts) PartyIDs() []htlc.PartyID {
	var out []htlc.PartyID
	for _, text := range o.Parties {
		var id htlc.PartyID
		if n, err := hex.Decode(id[:], []byte(text)); err == nil && n == len(id) {
			out = append(out, id)
		}
	}
	return out
}
