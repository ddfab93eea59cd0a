package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Once executes one stored effect in the caller's goroutine and returns what
// to tell the engine, as Run's lanes do, for a caller that decides itself what
// happens when: a simulator, or a tool that goes through what is pending.
//
// Where it fails the effect is still pending. Settled says whether the failure
// is one that Run would not try again before the next block.
func (r *Runner) Once(ctx context.Context, e engine.StoredEffect) (engine.Input, error) {
	s, err := r.swap(ctx, e.ID.Swap)
	if err != nil {
		return engine.Input{}, err
	}
	if e.Effect.Leg >= len(s.Terms.Legs) {
		return engine.Input{}, fmt.Errorf("effect %s of swap %s: no leg %d", e.Effect.Kind, e.ID.Swap, e.Effect.Leg)
	}
	l, ok := r.lanes[s.Terms.Legs[e.Effect.Leg].Chain()]
	if !ok {
		return engine.Input{}, fmt.Errorf("effect %s of swap %s: this node does not have the chain", e.Effect.Kind, e.ID.Swap)
	}
	in, err := r.carryOut(ctx, l, &work{
		key:    workKey{e.ID.Swap, e.Effect.Kind, e.Effect.Leg, e.Effect.Detail},
		effect: e.Effect, id: e.ID,
	})
	if err != nil {
		return engine.Input{}, err
	}
	in.Swap, in.Done = e.ID.Swap, []engine.EffectID{e.ID}
	return in, nil
}

// Settled reports whether an error of Once, or of telling the engine its
// result, ends the effect: the swap asks again with the next block.
func Settled(err error) bool {
	return !errors.Is(err, errAgain) && !errors.Is(err, engine.ErrMoved) && !adapters.Retryable(err)
}

// OnlyOpen reports whether the gate that an effect asked is held by nothing
// but what could not be observed just now, so that it is asked again.
func (r *Runner) OnlyOpen(e engine.StoredEffect) bool {
	return r.onlyOpen(&work{key: workKey{swap: e.ID.Swap}, effect: e.Effect})
}
