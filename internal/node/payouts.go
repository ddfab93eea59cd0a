package node

import (
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/payout"
)

// payoutGuard holds what leaves the node to the configuration.
func (c *core) payoutGuard() *payout.Guard {
	p := c.cfg.Payouts
	rules := payout.Rules{Restricted: p.Restricted(), Accounts: p.Accounts, Delay: p.Delay, Parties: p.PartyIDs()}
	for _, l := range p.Limits {
		rules.Limits = append(rules.Limits, payout.Limit{Asset: htlc.AssetID(l.Asset), PerCall: l.PerCall, PerDay: l.PerDay})
	}
	return payout.New(rules, c.store, time.Now, c.log)
}
