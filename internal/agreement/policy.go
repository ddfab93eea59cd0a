package agreement

import (
	"fmt"
	"math"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// checkPolicy lists what stands against Terms by the clock and by our own
// profiles of the chains.
func (s *Service) checkPolicy(t htlc.Terms, self int, now time.Time) []*Error {
	var against []*Error
	accept := time.Unix(t.AcceptBy, 0)
	at := map[string]string{"at": accept.UTC().Format(time.RFC3339)}
	switch {
	case now.After(accept):
		against = append(against, refuse(TicketExpired, at, "the ticket expired at %s", at["at"]))
	case accept.Sub(now) > MaxValidFor+s.opts.Grace: // two clocks differ
		against = append(against, refuse(TermsInvalid, at, "the ticket is valid for more than %s", MaxValidFor))
	}
	if len(t.Legs) == 2 && t.Legs[0].Asset == t.Legs[1].Asset {
		asset := string(t.Legs[0].Asset)
		against = append(against, refuse(TermsInvalid, map[string]string{"asset": asset}, "both sides are %s: a swap is of two assets", asset))
	}
	for i, leg := range t.Legs {
		if c, ok := s.chains[leg.Chain()]; ok {
			against = append(against, c.Profile.against(leg, i)...)
			against = append(against, c.suspended()...)
		}
	}
	if t.Outage < s.opts.Outage {
		against = append(against, refuse(TimeLockTooTight, map[string]string{"field": "outage"},
			"the terms allow an outage of %d s, this node wants at least %d s", t.Outage, s.opts.Outage))
	}
	out := t.Legs[t.Outgoing(self)]
	if lock := time.Unix(out.OpenMax(), 0).Sub(now); lock > s.opts.MaxLock {
		against = append(against, refuse(TermsInvalid, map[string]string{"leg": fmt.Sprint(t.Outgoing(self)), "field": "time_lock"},
			"your coins could be locked for %s, longer than the %s that this node allows", lock.Round(time.Second), s.opts.MaxLock))
	}
	return against
}

// suspended refuses whatever begins on a chain that is not trusted now.
func (c Chain) suspended() []*Error {
	if c.Suspended == nil {
		return nil
	}
	why := c.Suspended()
	if why == "" {
		return nil
	}
	return []*Error{refuse(ChainSuspended, map[string]string{"chain": string(c.ID)},
		"nothing new is begun on %s for now: %s", c.ID, why)}
}

// against refuses a leg below the profile.
func (p Profile) against(leg htlc.Leg, i int) []*Error {
	meta := map[string]string{"chain": string(leg.Chain()), "leg": fmt.Sprint(i)}
	if least := p.Depth(leg.Asset, leg.Amount); leg.MinConfirmations < least {
		return []*Error{refuse(TermsInvalid, meta, "leg %d asks for %d confirmations, this node wants at least %d on %s for %s",
			i, leg.MinConfirmations, least, leg.Chain(), leg.Amount)}
	}
	if need := p.at(leg.MinConfirmations); !leg.Timing.AtLeast(need) {
		return []*Error{refuse(TimeLockTooTight, meta,
			"the timing of leg %d is tighter than this node's profile of %s: %+v, at least %+v", i, leg.Chain(), leg.Timing, need)}
	}
	return nil
}

// at is the timing for a depth of at least the profile's: burial takes longer
// in proportion.
func (p Profile) at(depth uint32) htlc.Timing {
	t := p.Timing
	for _, v := range []*uint32{&t.BuryFund, &t.BuryRedeem, &t.BuryRefund} {
		n := (uint64(*v)*uint64(depth) + uint64(p.MinConfirmations) - 1) / uint64(p.MinConfirmations)
		*v = uint32(min(n, math.MaxUint32))
	}
	return t
}
