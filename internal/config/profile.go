package config

import (
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// Names of the built-in profiles.
const (
	ProfileStandard = "standard"
	ProfileDevnet   = "devnet"
)

// Kinds of chains.
const (
	KindBitcoin = "bitcoin"
	KindEVM     = "evm"
)

// profile is what a chain of one kind is taken for.
type profile struct {
	confirmations uint32
	timing        Timing
	blockTime     time.Duration
	health        Health
	stall         time.Duration
	depth         []DepthStep
}

// profiles: standard is as careful as a mainnet would need. A Bitcoin median
// of eleven blocks lags an hour on average and rarely three, and needs six
// miners to run ahead; blocks are counted at stress fees. Ethereum's depth is
// finality and a little more.
//
// devnet is for one-second blocks: with two confirmations the longest lock of
// a swap opens under 90 seconds after its ticket's end, although the median
// of eleven one-second blocks lags six.
var profiles = map[string]map[string]profile{
	ProfileStandard: {
		KindBitcoin: {confirmations: 3, blockTime: 10 * time.Minute, timing: Timing{
			ClockLead: 20 * time.Minute, ClockLag: 3 * time.Hour, FundWindow: time.Hour,
			BuryFund: 2 * time.Hour, BuryRedeem: 3 * time.Hour, BuryRefund: 3 * time.Hour, Sighting: 10 * time.Minute,
		},
			health: Health{MaxLag: 2, LagTime: 2 * time.Minute, Probation: 10 * time.Minute}, stall: 3 * time.Hour,
			depth: []DepthStep{{UpTo: htlc.NewAmount(100_000_000), Confirms: 3}, {Confirms: 6}}},
		KindEVM: {confirmations: 70, blockTime: 12 * time.Second, timing: Timing{
			ClockLead: time.Minute, ClockLag: 5 * time.Minute, FundWindow: 15 * time.Minute,
			BuryFund: 20 * time.Minute, BuryRedeem: 30 * time.Minute, BuryRefund: 30 * time.Minute, Sighting: 5 * time.Minute,
		},
			health: Health{MaxLag: 5, LagTime: time.Minute, Probation: 10 * time.Minute}, stall: 10 * time.Minute},
	},
	ProfileDevnet: {
		KindBitcoin: {confirmations: 2, blockTime: time.Second, timing: Timing{
			ClockLead: time.Second, ClockLag: 8 * time.Second, FundWindow: 10 * time.Second,
			BuryFund: 4 * time.Second, BuryRedeem: 5 * time.Second, BuryRefund: 5 * time.Second, Sighting: 2 * time.Second,
		}, health: devnetHealth, stall: devnetStall},
		KindEVM: {confirmations: 2, blockTime: time.Second, timing: Timing{
			ClockLead: time.Second, ClockLag: 3 * time.Second, FundWindow: 8 * time.Second,
			BuryFund: 4 * time.Second, BuryRedeem: 5 * time.Second, BuryRefund: 5 * time.Second, Sighting: 2 * time.Second,
		}, health: devnetHealth, stall: devnetStall},
	},
}

// devnetHealth is for blocks of a second, devnetStall for chains that people
// stop by hand.
var devnetHealth = Health{MaxLag: 3, LagTime: 2 * time.Second, Probation: 3 * time.Second}

const devnetStall = 10 * time.Minute

// devnetChains are those on which the devnet profile is accepted.
var devnetChains = map[htlc.ChainID]bool{
	"bip122:0f9188f13cb7b2c71f2a335e3a4fc328": true, // Bitcoin regtest
	"bip122:530827f38f93b43ed12af0b3ad25a288": true, // Litecoin regtest
	"eip155:1337":  true,
	"eip155:31337": true,
}

// Policy defaults of the profiles.
const (
	standardOutage   = 2 * time.Hour
	standardValidity = 30 * time.Minute
	devnetOutage     = 8 * time.Second
	devnetValidity   = 20 * time.Second
)

// complete fills what is left to the profiles.
func (c *Config) complete() {
	standard := len(c.Chains) == 0
	for i := range c.Chains {
		chain := &c.Chains[i]
		chain.complete()
		standard = standard || chain.Profile != ProfileDevnet
	}
	if standard {
		or(&c.Policy.Outage, standardOutage)
		or(&c.Policy.OfferValidity, standardValidity)
	}
	or(&c.Policy.Outage, devnetOutage)
	or(&c.Policy.OfferValidity, devnetValidity)
}

func (c *Chain) complete() {
	p, ok := profiles[c.Profile][c.Kind]
	if !ok {
		return // validation says so
	}
	if c.Confirms == 0 && len(c.Depth) == 0 {
		c.Depth = p.depth
	}
	or(&c.Confirms, p.confirmations)
	or(&c.Bury, uint64(c.Confirms))
	or(&c.Health.MaxLag, p.health.MaxLag)
	or(&c.Health.LagTime, p.health.LagTime)
	or(&c.Health.Probation, p.health.Probation)
	or(&c.Breaker.ReorgDepth, uint64(c.Confirms))
	or(&c.Breaker.Stall, p.stall)
	or(&c.Breaker.CalmBlocks, 2*uint64(c.Confirms))
	t := &c.Timing
	or(&t.ClockLead, p.timing.ClockLead)
	or(&t.ClockLag, p.timing.ClockLag)
	or(&t.FundWindow, p.timing.FundWindow)
	or(&t.BuryFund, p.timing.BuryFund)
	or(&t.BuryRedeem, p.timing.BuryRedeem)
	or(&t.BuryRefund, p.timing.BuryRefund)
	or(&t.Sighting, p.timing.Sighting)
}

// or sets a zero value to its default.
func or[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// BlockTime is how long a block of the chain takes, for estimates.
func (c Chain) BlockTime() time.Duration {
	if p, ok := profiles[c.Profile][c.Kind]; ok {
		return p.blockTime
	}
	return time.Minute
}

// HTLC is the timing in the form of the Terms. A validated one fits.
func (t Timing) HTLC() htlc.Timing {
	s := func(d time.Duration) uint32 { return uint32(d / time.Second) }
	return htlc.Timing{
		ClockLead: s(t.ClockLead), ClockLag: s(t.ClockLag), FundWindow: s(t.FundWindow), BuryFund: s(t.BuryFund),
		BuryRedeem: s(t.BuryRedeem), BuryRefund: s(t.BuryRefund), Sighting: s(t.Sighting),
	}
}
