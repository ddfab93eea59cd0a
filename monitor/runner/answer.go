package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// answerTries bounds how often a consent is stored anew because the swap
// changed meanwhile.
const answerTries = 3

// Answer gives this node's consent to a question of another party, or a
// *Refusal. Whoever asks has proved to be from. The same question may come any
// number of times: the intent is stored once, before the first answer leaves,
// and each answer is made for the message of its own session.
func (r *Runner) Answer(ctx context.Context, from htlc.PartyID, q Question) ([]byte, error) {
	if r.o.Consent.Off {
		return nil, &Refusal{Reason: RefusedOff, Text: "this node gives no consent"}
	}
	for range answerTries {
		s, err := r.asked(ctx, from, q)
		if err != nil {
			return nil, err
		}
		c, ok := r.lanes[s.Terms.Legs[q.Leg].Chain()]
		if !ok || c.chain.Cosigner == nil {
			return nil, &Refusal{Reason: RefusedOff, Text: "this node has no cooperative spends on that chain"}
		}
		err = r.consent(ctx, s, q)
		if errors.Is(err, engine.ErrConflict) || errors.Is(err, engine.ErrNoSwap) {
			continue // it changed or closed meanwhile
		}
		if err != nil {
			return nil, err
		}
		killpoint.At(killpoint.ConsentGiven)
		return r.answer(ctx, c.chain, s, q)
	}
	return nil, &Refusal{Reason: RefusedHeld, Text: "the swap changes too fast"}
}

// asked finds the swap of a question that its asker may put to us. A stranger
// learns nothing of what we have.
func (r *Runner) asked(ctx context.Context, from htlc.PartyID, q Question) (htlc.Swap, error) {
	unknown := &Refusal{Reason: RefusedUnknown, Text: "no such swap with you"}
	s, err := r.swap(ctx, q.Swap)
	if errors.Is(err, engine.ErrNotFound) {
		return s, unknown
	}
	if err != nil {
		return s, err
	}
	asker, answerer, ok := q.asker(s.Terms)
	if !ok || answerer != s.Self || s.Terms.Parties[asker] != from || q.Ref == "" {
		return s, unknown
	}
	// The other party may take back whatever it paid; of ours it takes what we
	// follow as the funding.
	if q.Intent == htlc.IntentRedeem && q.Ref != s.Legs[q.Leg].FundRef {
		return s, &Refusal{Reason: RefusedHeld, Text: "our funding is another one"}
	}
	return s, nil
}

// consent asks the rule, and stores the intent where that is not done.
func (r *Runner) consent(ctx context.Context, s htlc.Swap, q Question) error {
	facts := htlc.ConsentFacts{SecretHeld: r.secretHeld(ctx, s)}
	if v := htlc.ConsentRule(s, q.Leg, q.Intent, facts); !v.Allows() {
		return held(v)
	}
	in := engine.Input{Swap: s.ID, Event: htlc.ConsentGiven{Leg: q.Leg, Intent: q.Intent, Facts: facts}}
	if s.Phase == htlc.PhaseClosed {
		in.Closed = &s
	}
	err := r.o.Engine.Apply(ctx, in)
	switch {
	case err == nil, errors.Is(err, htlc.ErrStale):
		return nil
	case errors.Is(err, htlc.ErrConsentHeld):
		return &Refusal{Reason: RefusedHeld, Text: "something changed meanwhile"}
	}
	return err
}

// held names the conditions, without what we know of them.
func held(v htlc.Verdict) *Refusal {
	var names []string
	for _, f := range v.Holding() {
		names = append(names, string(f.Condition))
	}
	return &Refusal{Reason: RefusedHeld, Text: "not fulfilled: " + strings.Join(names, "; ")}
}

func (r *Runner) secretHeld(ctx context.Context, s htlc.Swap) htlc.Observed {
	if s.Secret == nil && !s.Initiator() {
		return htlc.Observed{State: htlc.CheckBlocked}
	}
	if _, err := r.secret(ctx, s); err != nil {
		return htlc.Observed{Detail: err.Error()}
	}
	return htlc.Observed{State: htlc.CheckPassed}
}

// answer makes the answer. The adapter checks that the message spends nothing
// but the contract.
func (r *Runner) answer(ctx context.Context, c Chain, s htlc.Swap, q Question) ([]byte, error) {
	answer, err := c.Cosigner.Consent(ctx, adapters.Proposal{
		Terms: s.Terms, Leg: q.Leg, Ref: q.Ref, FundTx: q.FundTx, Intent: q.Intent,
	}, q.Message)
	switch {
	case err == nil:
		killpoint.At(killpoint.ConsentAnswered)
		r.o.Log.Info("consent given", "swap", s.ID.String(), "leg", q.Leg, "intent", q.Intent.String())
		return answer, nil
	case errors.Is(err, adapters.ErrNoConsent):
		return nil, &Refusal{Reason: RefusedOff, Text: "there is no cooperative spend for this"}
	case errors.Is(err, adapters.ErrBadConsent) || !adapters.Retryable(err):
		r.o.Log.Warn("question of a peer refused", "swap", s.ID.String(), "leg", q.Leg, "error", err)
		return nil, &Refusal{Reason: RefusedInvalid, Text: "the message does not fit the contract"}
	}
	return nil, fmt.Errorf("consent to the %s of leg %d of swap %s: %w", q.Intent, q.Leg, s.ID, err)
}
