package runner

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// swapsOf answers with one swap, or an error.
type swapsOf struct {
	Engine
	swap htlc.Swap
	ok   bool
}

func (s swapsOf) Swap(htlc.SwapID) (htlc.Swap, bool) { return s.swap, s.ok }

// A payout that the asset's issuer prevents is told once, and other failures are not.
func TestUnpayableRefundIsTold(t *testing.T) {
	var told []string
	r := &Runner{o: Options{
		Engine: swapsOf{ok: true}, Alarm: func(_ htlc.Swap, leg int, reason string) { told = append(told, fmt.Sprint(leg, reason)) },
	}}
	w := &work{key: workKey{kind: htlc.EffectRefundLeg, leg: 1}, effect: htlc.Effect{Kind: htlc.EffectRefundLeg, Leg: 1}}
	ctx := context.Background()
	r.alarmUnpayable(ctx, w, errors.New("the node is away"))
	if len(told) != 0 {
		t.Fatalf("told %v", told)
	}
	paused := &adapters.Error{Reason: "PAYOUT_BLOCKED", Retryable: true, Err: adapters.ErrUnpayable}
	for range 3 {
		r.alarmUnpayable(ctx, w, paused)
	}
	if len(told) != 1 || told[0] != "1PAYOUT_BLOCKED" {
		t.Fatalf("told %v, want one alarm", told)
	}
	r.alarmUnpayable(ctx, &work{key: workKey{kind: htlc.EffectRefundLeg, leg: 0}}, paused)
	if len(told) != 2 {
		t.Fatalf("told %v, want one alarm for each leg", told)
	}
}
