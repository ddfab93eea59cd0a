package bitcoin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

// setClock mines blocks of one time until the median time past is that time.
func (k *kit) setClock(at int64) {
	k.t.Helper()
	for range 11 {
		if k.tip(k.payer).Clock == at {
			return
		}
		if _, err := k.MineAt(k.ctx(), time.Unix(at, 0)); err != nil {
			k.t.Fatal(err)
		}
	}
	k.t.Fatalf("the clock stands at %d, not %d", k.tip(k.payer).Clock, at)
}

// lateFact is mineFact for a transaction with a time lock: btcd puts it into a
// block only once its own clock is past the lock as well.
func (k *kit) lateFact(p *party, kind adapters.FactKind) {
	k.t.Helper()
	cursor := k.tip(p)
	if err := k.AdvanceTime(k.ctx(), lockAfter*time.Second); err != nil {
		k.t.Fatal(err)
	}
	for step := k.next(p, cursor); step.Kind == adapters.Connect; step = k.next(p, cursor) {
		if len(step.Facts) == 1 && step.Facts[0].Kind == kind {
			return
		}
		cursor = step.Block
	}
	k.t.Fatalf("no %s", kind)
}

// Blocks run ahead of the median by up to an hour: a refund is neither signed
// nor taken while the median is behind, and never refused once it was signed.
func TestSafety_A5_MedianTimePast(t *testing.T) { medianTimePast(t, newKit(t)) }

func medianTimePast(t *testing.T, k *kit) {
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payer, terms)
	stored := k.fund("swap", terms).Refund
	ref := k.mineFact(k.payer, adapters.Funded).Ref
	lock := terms.Legs[leg].TimeLock
	ahead := 0
	for i := range 12 {
		// Every second block is from after the time lock.
		if _, err := k.MineAt(k.ctx(), time.Unix(lock+int64(i%2)*1800-900+int64(i), 0)); err != nil {
			t.Fatal(err)
		}
		tip := k.tip(k.payer)
		tx, err := k.payer.Refund(k.ctx(), adapters.Spend{Terms: terms, Leg: leg, Ref: ref})
		if tip.Clock > lock {
			if err != nil {
				t.Fatalf("clock %d past %d: %v", tip.Clock, lock, err)
			}
			k.broadcast(k.payer, tx) // the node must agree at once
			k.lateFact(k.payer, adapters.Refunded)
			if ahead < 3 {
				t.Fatalf("only %d blocks were ahead of their median", ahead)
			}
			return
		}
		if tip.Time > lock {
			ahead++
		}
		wantReason(t, err, adapters.ErrTooEarly, "TOO_EARLY")
		wantReason(t, k.payer.Broadcast(k.ctx(), *stored), adapters.ErrTooEarly, "TOO_EARLY")
	}
	t.Fatal("the refund never opened")
}

// At T-1 and T only the redeem works, from T+1 on both do, and the first one
// in a block is the only one.
func TestSafety_A10_AroundTheTimeLock(t *testing.T) { aroundTheTimeLocks(t, newKit) }

func aroundTheTimeLocks(t *testing.T, start func(*testing.T) *kit) {
	for _, offset := range []int64{-1, 0, 1} {
		for _, first := range []string{"redeem", "refund"} {
			t.Run(fmt.Sprintf("T%+d %s first", offset, first), func(t *testing.T) {
				aroundTheTimeLock(t, start(t), offset, first == "refund")
			})
		}
	}
}

func aroundTheTimeLock(t *testing.T, k *kit, offset int64, refundFirst bool) {
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payer, terms)
	funding := k.fund("swap", terms)
	ref := k.mineFact(k.payer, adapters.Funded).Ref
	k.setClock(terms.Legs[leg].TimeLock + offset)
	open := offset > 0

	redeem := k.redeem(terms, ref, 1)
	refund := *funding.Refund
	tx, err := k.payer.Refund(k.ctx(), adapters.Spend{Terms: terms, Leg: leg, Ref: ref})
	if open && err != nil {
		t.Fatalf("refund: %v", err)
	}
	if !open {
		wantReason(t, err, adapters.ErrTooEarly, "TOO_EARLY")
	} else {
		refund = tx
	}
	if refundFirst && open {
		k.broadcast(k.payer, refund)
		// With a higher fee it would be taken: the redeem never gives up.
		wantReason(t, k.payee.Broadcast(k.ctx(), redeem), adapters.ErrRejected, "REPLACEMENT_UNDERPRICED")
		k.lateFact(k.payer, adapters.Refunded)
		wantReason(t, k.payee.Broadcast(k.ctx(), redeem), adapters.ErrSpent, "ALREADY_SPENT")
		return
	}
	if !open {
		wantReason(t, k.payer.Broadcast(k.ctx(), refund), adapters.ErrTooEarly, "TOO_EARLY")
	}
	k.broadcast(k.payee, redeem)
	if err := k.payer.Broadcast(k.ctx(), refund); err == nil {
		t.Fatal("a refund was taken beside the redeem")
	}
	k.mineFact(k.payer, adapters.Redeemed)
	if err := k.payer.Broadcast(k.ctx(), refund); !errors.Is(err, adapters.ErrSpent) {
		t.Fatalf("refund after the redeem: %v", err)
	}
}
