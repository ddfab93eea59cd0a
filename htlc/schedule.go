package htlc

import (
	"errors"
	"fmt"
	"math"
)

// Errors of the schedule.
var (
	ErrTooTight  = errors.New("time lock too tight")
	ErrFundBy    = errors.New("fund-by times out of order")
	ErrTimeRange = errors.New("time out of range")
)

// maxTime keeps every sum of times and durations far from overflow, and
// every time lock inside the 32 bits of a Bitcoin lock time.
const maxTime = math.MaxUint32

// lockTimeThreshold: below it Bitcoin reads a lock time as a height (BIP-65).
const lockTimeThreshold = 500_000_000

// OpenMin is the earliest real time at which the leg's time lock can open.
func (l Leg) OpenMin() int64 { return l.TimeLock - int64(l.Timing.ClockLead) }

// OpenMax is the latest real time at which it can open.
func (l Leg) OpenMax() int64 { return l.TimeLock + int64(l.Timing.ClockLag) }

// RedeemDeadline is the last moment at which a redeem of the leg can be
// broadcast and still be buried before the refund opens.
func (l Leg) RedeemDeadline() int64 { return l.OpenMin() - int64(l.Timing.BuryRedeem) }

// CutOff is the last reading of the clock of the leg that pays the Initiator
// at which it still reveals. While the clock reads this, real time is at most
// ClockLag later, which is the leg's redeem deadline.
func (t Terms) CutOff() int64 { return t.Legs[t.Incoming(0)].cutOff() }

// cutOff is the last reading of the leg's clock at which a redeem that is
// broadcast is surely in time.
func (l Leg) cutOff() int64 { return l.RedeemDeadline() - int64(l.Timing.ClockLag) }

// fundedBy is the latest real time at which a leg funded by its fund-by time
// has its confirmations.
func (l Leg) fundedBy() int64 {
	return l.FundBy + int64(l.Timing.ClockLag) + int64(l.Timing.BuryFund)
}

// earliestFundBy is the least fund-by time of a leg whose payer may start at
// real time from.
func (l Leg) earliestFundBy(from int64) int64 {
	return from + int64(l.Timing.FundWindow) + int64(l.Timing.ClockLead)
}

// earliestLast is the least time lock of the last leg: after its funding is
// buried the Initiator has a sighting's time to act before its cut-off.
func (l Leg) earliestLast() int64 {
	return l.fundedBy() + int64(l.Timing.Sighting) + int64(l.Timing.ClockLag) +
		int64(l.Timing.BuryRedeem) + int64(l.Timing.ClockLead)
}

// earliestAbove is the least time lock of a leg whose payee is the payer of
// next: open_min(k) >= open_max(k+1) + bury(refund, k+1) + sighting +
// bury(redeem, k) + outage. The payee of this leg learns the secret at the
// latest when next is spent, and then still has to bury its own redeem.
func (l Leg) earliestAbove(next Leg, outage uint32) int64 {
	return next.OpenMax() + int64(next.Timing.BuryRefund) + int64(next.Timing.Sighting) +
		int64(l.Timing.BuryRedeem) + int64(outage) + int64(l.Timing.ClockLead)
}

// WithSchedule returns the Terms with the earliest fund-by times and time
// locks that CheckSchedule accepts, counted from start (unix seconds, real
// time): the latest moment at which the Initiator begins to fund.
func (t Terms) WithSchedule(start int64) (Terms, error) {
	legs := append([]Leg(nil), t.Legs...)
	if len(legs) < MinLegs {
		return t, ErrRing
	}
	from := start
	for i := range legs {
		legs[i].FundBy = legs[i].earliestFundBy(from)
		from = legs[i].fundedBy()
	}
	last := len(legs) - 1
	legs[last].TimeLock = legs[last].earliestLast()
	for i := last - 1; i >= 0; i-- {
		legs[i].TimeLock = legs[i].earliestAbove(legs[i+1], t.Outage)
	}
	t.Legs = legs
	return t, t.CheckSchedule()
}

// CheckSchedule refuses Terms that are tighter than the schedule which their
// own timing demands.
func (t Terms) CheckSchedule() error {
	if len(t.Legs) < MinLegs {
		return ErrRing
	}
	if t.AcceptBy <= 0 || t.AcceptBy > maxTime {
		return fmt.Errorf("%w: accept-by %d", ErrTimeRange, t.AcceptBy)
	}
	from := t.AcceptBy
	for i, leg := range t.Legs {
		if leg.TimeLock < lockTimeThreshold || leg.TimeLock > maxTime || leg.FundBy <= 0 || leg.FundBy > maxTime {
			return fmt.Errorf("leg %d: %w: fund-by %d, time lock %d", i, ErrTimeRange, leg.FundBy, leg.TimeLock)
		}
		if need := leg.earliestFundBy(from); leg.FundBy < need {
			return fmt.Errorf("leg %d: %w: fund-by %d, must be at least %d", i, ErrFundBy, leg.FundBy, need)
		}
		from = leg.fundedBy()
	}
	last := len(t.Legs) - 1
	if need := t.Legs[last].earliestLast(); t.Legs[last].TimeLock < need {
		return fmt.Errorf("leg %d: %w: %d, must be at least %d", last, ErrTooTight, t.Legs[last].TimeLock, need)
	}
	for i := last - 1; i >= 0; i-- {
		if need := t.Legs[i].earliestAbove(t.Legs[i+1], t.Outage); t.Legs[i].TimeLock < need {
			return fmt.Errorf("leg %d: %w: %d, must be at least %d", i, ErrTooTight, t.Legs[i].TimeLock, need)
		}
	}
	return nil
}

// AtLeast reports whether every duration is at least that of min. A node
// refuses Terms whose timing is below its own profile of the chain.
func (g Timing) AtLeast(min Timing) bool {
	return g.ClockLead >= min.ClockLead && g.ClockLag >= min.ClockLag &&
		g.FundWindow >= min.FundWindow && g.BuryFund >= min.BuryFund &&
		g.BuryRedeem >= min.BuryRedeem && g.BuryRefund >= min.BuryRefund &&
		g.Sighting >= min.Sighting
}
