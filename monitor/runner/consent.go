package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// Cosigner makes spends of a leg with both parties' consent; see the
// adaptation standard. What a session holds is in memory only: a crash ends
// it, and the effect that is still pending begins another.
type Cosigner interface {
	// Propose is called by the party that takes the coins.
	Propose(ctx context.Context, p adapters.Proposal) (adapters.CoSpend, error)
	// Consent is called by the other one, whose intent is stored.
	Consent(ctx context.Context, p adapters.Proposal, message []byte) (answer []byte, err error)
}

// Peers carries a question to the other party of a leg.
type Peers interface {
	// AskConsent returns the answer, or a *Refusal where the other node does
	// not consent; any other error means that nothing is known.
	AskConsent(ctx context.Context, s htlc.Swap, q Question) (answer []byte, err error)
}

// Question asks for consent to spend a leg, for an intent.
type Question struct {
	Swap        htlc.SwapID
	Leg         int
	Intent      htlc.Intent
	Ref, FundTx string
	Message     []byte
}

// asker is the party of a leg that takes the coins, and answerer the other.
func (q Question) asker(t htlc.Terms) (asker, answerer int, ok bool) {
	if q.Leg < 0 || q.Leg >= len(t.Legs) {
		return 0, 0, false
	}
	leg := t.Legs[q.Leg]
	switch q.Intent {
	case htlc.IntentRedeem:
		return int(leg.Payee), int(leg.Payer), true
	case htlc.IntentRefund:
		return int(leg.Payer), int(leg.Payee), true
	case htlc.IntentNone:
	}
	return 0, 0, false
}

// Refusal is the answer of a node that does not consent.
type Refusal struct {
	Reason string // one of those below
	Text   string
}

func (r *Refusal) Error() string { return r.Reason + ": " + r.Text }

// Reasons of a Refusal.
const (
	RefusedHeld    = "SWAP_STATE" // what holds it back may pass
	RefusedOff     = "PEER_REFUSED"
	RefusedInvalid = "INVALID_ARGUMENT"
	RefusedUnknown = "SWAP_NOT_FOUND"
)

// Consent is how a node asks for consent, and whether it gives any.
type Consent struct {
	// Off: nobody is asked and nobody is answered.
	Off   bool
	Peers Peers
	// Patience is how long the payer's consent to a redeem is waited for
	// before the redeem by script goes out.
	Patience time.Duration
}

const (
	// askTimeout bounds one question to a peer.
	askTimeout = 10 * time.Second
	// askAgain is the pause before a payer that could not consent yet is
	// asked again.
	askAgain = time.Second
	// askers is how many questions of a chain may be open at a time.
	askers = 8
)

func (r *Runner) asksNobody(c Chain) bool {
	return r.o.Consent.Off || r.o.Consent.Peers == nil || c.Cosigner == nil
}

// askRedeem takes the incoming leg with its payer's consent. The redeem by
// script is signed and stored first; what goes wrong after that, or takes too
// long, ends in ConsentFailed, and that redeem goes out.
func (r *Runner) askRedeem(ctx context.Context, l *lanes, s htlc.Swap) (htlc.Event, error) {
	failed := htlc.ConsentFailed{Leg: s.In()}
	if r.asksNobody(l.chain) {
		return failed, nil
	}
	if event, err := r.resend(ctx, l.chain, s, s.In()); event != nil {
		if err == nil || adapters.Retryable(err) {
			return event, err
		}
		r.o.Log.Warn("the spend by consent was refused", "swap", s.ID.String(), "error", err)
		return failed, nil
	}
	if err := r.redeemInStore(ctx, l, s); err != nil {
		return nil, err
	}
	leg := s.Terms.Legs[s.In()]
	fees := adapters.FeePolicy{Now: s.Legs[s.In()].Clock, Deadline: leg.RedeemDeadline(), Budget: r.budget(s, leg, htlc.PurposeRedeem)}
	ctx, cancel := context.WithTimeout(ctx, r.o.Consent.Patience)
	defer cancel()
	for {
		event, err := r.session(ctx, l, s, htlc.Effect{Kind: htlc.EffectAskRedeem, Leg: s.In()}, htlc.IntentRedeem, fees)
		if err == nil {
			return event, nil
		}
		r.o.Log.Info("no consent to the redeem", "swap", s.ID.String(), "error", err)
		if !passing(err) {
			return failed, nil
		}
		select {
		case <-ctx.Done():
			return failed, nil
		case <-time.After(askAgain):
		}
	}
}

// redeemInStore has the redeem by script ready before anybody is asked.
func (r *Runner) redeemInStore(ctx context.Context, l *lanes, s htlc.Swap) error {
	l.signing.Lock()
	defer l.signing.Unlock()
	_, err := r.signRedeem(ctx, l.chain, s, false)
	return err
}

// askRefund takes our own leg back with its payee's consent. The refund after
// the time lock stays, so there is no hurry: without an answer the next block
// asks again.
func (r *Runner) askRefund(ctx context.Context, l *lanes, s htlc.Swap) (htlc.Event, error) {
	if r.asksNobody(l.chain) {
		return nil, nil
	}
	event, err := r.resend(ctx, l.chain, s, s.Out())
	if event != nil && !errors.Is(err, adapters.ErrNonceTaken) {
		return event, err
	}
	fees := adapters.FeePolicy{Now: s.Legs[s.Out()].Clock, Budget: r.budget(s, s.Terms.Legs[s.Out()], htlc.PurposeRefund)}
	event, err = r.session(ctx, l, s, htlc.Effect{Kind: htlc.EffectAskRefund, Leg: s.Out()}, htlc.IntentRefund, fees)
	if err != nil {
		r.o.Log.Debug("no consent to the early refund", "swap", s.ID.String(), "error", err)
		return nil, nil
	}
	return event, nil
}

// passing reports whether asking again soon can help.
func passing(err error) bool {
	var no *Refusal
	if errors.As(err, &no) {
		return no.Reason == RefusedHeld
	}
	if errors.Is(err, adapters.ErrNoConsent) || errors.Is(err, adapters.ErrBadConsent) || errors.Is(err, adapters.ErrBudget) {
		return false
	}
	return adapters.Retryable(err)
}

// resend broadcasts the stored spend by consent of the funding that the leg
// has now; no event where there is none.
func (r *Runner) resend(ctx context.Context, c Chain, s htlc.Swap, leg int) (htlc.Event, error) {
	stored, err := r.o.Journal.Txs(ctx, s.ID, leg, htlc.PurposeConsent)
	if err != nil {
		return htlc.Submitted{}, err
	}
	for i := len(stored) - 1; i >= 0; i-- {
		if stored[i].Ref == s.Legs[leg].FundRef {
			return htlc.Submitted{Leg: leg, Purpose: htlc.PurposeConsent, TxID: stored[i].ID}, r.broadcast(ctx, c, stored[i])
		}
	}
	return nil, nil
}

// session is one signing session, from the proposal to the broadcast. The
// state is looked at again before the transaction is signed, since the answer
// may have taken its time.
func (r *Runner) session(
	ctx context.Context, l *lanes, s htlc.Swap, effect htlc.Effect, intent htlc.Intent, fees adapters.FeePolicy,
) (htlc.Event, error) {
	state := s.Legs[effect.Leg]
	spend, err := l.chain.Cosigner.Propose(ctx, adapters.Proposal{
		Terms: s.Terms, Leg: effect.Leg, Ref: state.FundRef, FundTx: state.FundTx, Intent: intent, Fees: fees,
	})
	if err != nil {
		return nil, err
	}
	killpoint.At(killpoint.ConsentProposed)
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := r.o.Consent.Peers.AskConsent(asking, s, Question{
		Swap: s.ID, Leg: effect.Leg, Intent: intent, Ref: state.FundRef, FundTx: state.FundTx, Message: spend.Message(),
	})
	if err != nil {
		return nil, err
	}
	l.signing.Lock()
	defer l.signing.Unlock()
	now, err := r.swap(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	if !now.Wants(effect) || now.Legs[effect.Leg].FundRef != state.FundRef {
		return nil, nil
	}
	tx, err := spend.Complete(answer)
	if err != nil {
		return nil, fmt.Errorf("complete the spend by consent: %w", err)
	}
	killpoint.At(killpoint.ConsentSigned)
	earlier, err := r.o.Journal.Txs(ctx, s.ID, effect.Leg, htlc.PurposeConsent)
	if err != nil {
		return nil, err
	}
	stored := engine.JournalTx{
		Tx: tx, Swap: s.ID, Leg: effect.Leg, Purpose: htlc.PurposeConsent, Attempt: len(earlier), Ref: state.FundRef, Released: true,
	}
	if err := r.o.Journal.SaveTxs(ctx, []engine.JournalTx{stored}); err != nil {
		return nil, err
	}
	killpoint.At(killpoint.ConsentStored)
	if err := r.broadcast(ctx, l.chain, stored); err != nil {
		return nil, err
	}
	killpoint.At(killpoint.ConsentBroadcast)
	return htlc.Submitted{Leg: effect.Leg, Purpose: htlc.PurposeConsent, TxID: tx.ID}, nil
}
