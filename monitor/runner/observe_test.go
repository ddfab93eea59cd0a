package runner_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Who observes is told of every try of an effect, and how it ended.
func TestEffectsAreObserved(t *testing.T) {
	m, j, _ := revealing(t)
	j.txs[0].Released = true
	m.must(htlc.Submitted{Leg: 1, Purpose: htlc.PurposeRedeem, TxID: "redeem"})
	away := errors.New("the node does not answer")
	c := &chain{refuse: away}
	begun, ended := make(chan engine.StoredEffect, 100), make(chan error, 100)
	r := runObserved(t, m, c, j, gates{}, func(ctx context.Context, e engine.StoredEffect) (context.Context, func(error)) {
		begun <- e
		return ctx, func(err error) { ended <- err }
	})
	ask(r, m, htlc.EffectRedeem, 1)
	if e := next(t, begun); e.ID.Swap != m.s.ID || e.Effect.Kind != htlc.EffectRedeem || e.Effect.Leg != 1 || e.Chain != m.s.Terms.Legs[1].Chain() {
		t.Errorf("%+v", e)
	}
	if err := next(t, ended); !errors.Is(err, away) {
		t.Errorf("the first try ended with %v", err)
	}
	c.set(func() { c.refuse = nil })
	ask(r, m, htlc.EffectRedeem, 1)
	if !until(10*time.Second, func() bool { return next(t, ended) == nil }) || !c.has("redeem") {
		t.Error("no try went well")
	}
}

func next[T any](t *testing.T, from <-chan T) (out T) {
	t.Helper()
	select {
	case out = <-from:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is observed")
	}
	return out
}
