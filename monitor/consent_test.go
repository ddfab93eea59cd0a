package monitor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/runner"
)

const (
	patience = 300 * time.Millisecond
	ample    = 10 * time.Second // where the consent must come, on any machine
)

// nonceBook knows every nonce of the world: none is used for two messages.
type nonceBook struct {
	mu   sync.Mutex
	used map[string]string
	sins []string
}

func (b *nonceBook) use(nonce, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used == nil {
		b.used = map[string]string{}
	}
	if was, ok := b.used[nonce]; ok && was != what {
		b.sins = append(b.sins, fmt.Sprintf("nonce of %q used for %q", was, what))
	}
	b.used[nonce] = what
}

// modelQuestion is the message of a session, and modelAnswer its answer.
type modelQuestion struct {
	Contract, Nonce string
	Intent          htlc.Intent
}

type modelAnswer struct{ Question, Nonce string }

type modelSession struct {
	a    *modelAdapter
	q    modelQuestion
	over bool
}

func (a *modelAdapter) Propose(_ context.Context, p adapters.Proposal) (adapters.CoSpend, error) {
	contract, err := modelContract(p.Terms, p.Leg)
	if err != nil {
		return nil, err
	}
	s := &modelSession{a: a, q: modelQuestion{Contract: contract.ID, Nonce: rand.Text(), Intent: p.Intent}}
	return s, a.hook("propose/after")
}

func (s *modelSession) Message() []byte {
	raw, _ := json.Marshal(s.q)
	return raw
}

func (s *modelSession) Complete(answer []byte) (adapters.Tx, error) {
	var a modelAnswer
	err := json.Unmarshal(answer, &a)
	if err != nil || a.Question != string(s.Message()) || s.over {
		return adapters.Tx{}, &adapters.Error{Reason: "CONSENT_INVALID", Op: "complete", Err: errors.New("not the answer")}
	}
	s.over = true
	s.a.nonces.use(s.q.Nonce, "signature for "+a.Nonce)
	if err := s.a.hook("complete/before"); err != nil {
		return adapters.Tx{}, err
	}
	tx := s.a.signed(modelTx{Kind: htlc.PurposeConsent, Contract: s.q.Contract})
	return tx, s.a.hook("complete/after")
}

func (a *modelAdapter) Consent(_ context.Context, p adapters.Proposal, message []byte) ([]byte, error) {
	if err := a.hook("consent/before"); err != nil {
		return nil, err
	}
	contract, err := modelContract(p.Terms, p.Leg)
	var q modelQuestion
	if err != nil || json.Unmarshal(message, &q) != nil || q.Contract != contract.ID || q.Intent != p.Intent {
		return nil, &adapters.Error{Reason: "CONSENT_INVALID", Op: "consent", Err: errors.New("spends something else")}
	}
	answer := modelAnswer{Question: string(message), Nonce: rand.Text()}
	a.nonces.use(answer.Nonce, "answer to "+q.Nonce)
	raw, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return raw, a.hook("consent/after")
}

// modelPeers carries a node's questions to the other one.
type modelPeers struct{ n *node }

func (p modelPeers) AskConsent(ctx context.Context, _ htlc.Swap, q runner.Question) ([]byte, error) {
	w, other := p.n.w, p.n.w.nodes[1-p.n.self]
	if err := p.n.edge("ask/before"); err != nil {
		return nil, err
	}
	if w.mute != nil {
		if err := w.mute(q); err != nil {
			return nil, err
		}
	}
	answering := other.answers.Load()
	if answering == nil || other.crashed.Load() {
		return nil, errors.New("nobody answers")
	}
	answer, err := answering.Answer(ctx, p.n.party(), q)
	if err != nil {
		return nil, err
	}
	if err := other.edge("answer/sent"); err != nil {
		return nil, err
	}
	return answer, p.n.edge("ask/after")
}

// byConsent: what pays too little is replaced by one that pays more.
func byConsent(tx adapters.Tx) bool {
	var m modelTx
	return json.Unmarshal(tx.Raw, &m) == nil && m.Kind == htlc.PurposeConsent
}

// spends counts how the contract of a leg was spent.
func (w *world) spends(terms htlc.Terms, leg int) (redeems, refunds, consents int) {
	c, _ := modelContract(terms, leg)
	chain := w.chains[c.Chain]
	redeems, _ = chain.count(c.ID, htlc.PurposeRedeem)
	refunds, _ = chain.count(c.ID, htlc.PurposeRefund)
	consents, handed := chain.count(c.ID, htlc.PurposeConsent)
	if handed > 1 || redeems+refunds+consents > 1 {
		w.t.Errorf("leg %d: %d redeems, %d refunds, %d consents mined, %d different consents sent", leg, redeems, refunds, consents, handed)
	}
	return redeems, refunds, consents
}

func (w *world) noNonceTwice() {
	w.t.Helper()
	w.nonces.mu.Lock()
	defer w.nonces.mu.Unlock()
	if len(w.nonces.sins) > 0 {
		w.t.Errorf("nonces used twice: %v", w.nonces.sins)
	}
}

// The participant redeems with the initiator's consent: the secret is shown on
// the other chain alone.
func TestConsentToARedeem(t *testing.T) {
	w := newWorld(t)
	w.together, w.patience = true, ample
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.drive(60, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
	if redeems, _, consents := w.spends(terms, 0); redeems != 0 || consents != 1 {
		t.Errorf("leg 0: %d redeems, %d consents", redeems, consents)
	}
	if redeems, _, consents := w.spends(terms, 1); redeems != 1 || consents != 0 {
		t.Errorf("leg 1, by which the secret came out: %d redeems, %d consents", redeems, consents)
	}
	stored, err := w.nodes[1].store.Txs(context.Background(), id, 0, htlc.PurposeRedeem)
	if err != nil || len(stored) != 1 || stored[0].Released {
		t.Errorf("the redeem by script was to be stored and stay inside: %+v, %v", stored, err)
	}
	w.noNonceTwice()
}

// cancelled is a swap whose participant never funds; the initiator has its leg
// in a block.
func (w *world) cancelled() htlc.Terms {
	w.t.Helper()
	w.together = true
	w.startAll()
	terms := w.terms()
	id := w.agreeDespiteCrash(terms)
	if err := w.nodes[1].engine.Apply(context.Background(), inputOf(id, htlc.CancelRequested{})); err != nil && !w.nodes[1].crashed.Load() {
		w.t.Fatal(err)
	}
	return terms
}

// The participant never funds: the initiator has its leg back long before the
// time lock, with the consent of a node whose swap is closed.
func TestConsentToAnEarlyRefund(t *testing.T) {
	w := newWorld(t)
	terms := w.cancelled()
	w.drive(120, w.closed(terms.ID()))
	w.expect(terms, htlc.OutcomeConsented, htlc.OutcomeCancelled)
	if _, refunds, consents := w.spends(terms, 0); refunds != 0 || consents != 1 {
		t.Errorf("%d refunds, %d consents", refunds, consents)
	}
	if now := w.chains[alpha].now(); now > terms.Legs[0].TimeLock {
		t.Errorf("closed at %d, the time lock is %d", now, terms.Legs[0].TimeLock)
	}
	kept, err := w.nodes[1].store.Swap(context.Background(), terms.ID())
	if err != nil || kept.Legs[0].Intent != htlc.IntentRefund {
		t.Errorf("the consent of the closed swap is stored as %s, %v", kept.Legs[0].Intent, err)
	}
	w.noNonceTwice()
}

// Whatever keeps the answer away, the script path goes out in time.
func TestSilenceFallsBackToTheScript(t *testing.T) {
	held := &runner.Refusal{Reason: runner.RefusedHeld, Text: "not yet"}
	for name, why := range map[string]error{
		"unreachable": errors.New("connection refused"), "held for ever": held,
		"switched off": &runner.Refusal{Reason: runner.RefusedOff, Text: "no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.together, w.mute = true, func(runner.Question) error { return why }
			w.startAll()
			terms := w.terms()
			id := w.agree(terms)
			w.drive(80, w.closed(id))
			w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
			if redeems, _, consents := w.spends(terms, 0); redeems != 1 || consents != 0 {
				t.Errorf("%d redeems, %d consents", redeems, consents)
			}
		})
		t.Run(name+", refund", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mute = func(runner.Question) error { return why }
			terms := w.cancelled()
			w.drive(160, w.closed(terms.ID()))
			w.expect(terms, htlc.OutcomeRefunded, htlc.OutcomeCancelled)
		})
	}
}

// An answer that does not fit ends the session, and the script path goes out.
func TestBadAnswerFallsBackToTheScript(t *testing.T) {
	w := newWorld(t)
	w.together = true
	w.startAll()
	w.nodes[1].adapters[alpha].hook = func(edge string) error {
		if edge == "complete/before" {
			return &adapters.Error{Reason: "CONSENT_INVALID", Op: "complete", Err: errors.New("no signature")}
		}
		return nil
	}
	terms := w.terms()
	id := w.agree(terms)
	w.drive(80, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
	if redeems, _, consents := w.spends(terms, 0); redeems != 1 || consents != 0 {
		t.Errorf("%d redeems, %d consents", redeems, consents)
	}
}

// A spend by consent that no miner takes gives way to the script in time.
func TestStuckConsentGivesWayToTheScript(t *testing.T) {
	w := newWorld(t)
	w.together = true
	w.chains[alpha].hold(htlc.PurposeConsent)
	w.startAll()
	terms := w.terms()
	id := w.agree(terms)
	w.drive(120, w.closed(id))
	w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
	if redeems, _, consents := w.spends(terms, 0); redeems != 1 || consents != 0 {
		t.Errorf("%d redeems, %d consents", redeems, consents)
	}
}

// Killed at any edge of a session, on either side: nonces are lost with the
// process and never used again, and each contract has exactly one spend.
func TestSafety_D1_CrashAtEveryEdgeOfAConsent(t *testing.T) {
	asking := []string{
		"propose/after", "ask/before", "ask/after", "complete/before", "complete/after",
		"save-consent/before", "save-consent/after", "broadcast-consent/before", "broadcast-consent/after",
	}
	answering := []string{"consent/before", "consent/after", "answer/sent"}
	for _, intent := range []htlc.Intent{htlc.IntentRedeem, htlc.IntentRefund} {
		asker := 1
		if intent == htlc.IntentRefund {
			asker = 0
		}
		for i, edge := range slices.Concat(asking, answering) {
			victim := asker
			if i >= len(asking) {
				victim = 1 - asker
			}
			t.Run(fmt.Sprintf("%s/%s", intent, strings.ReplaceAll(edge, "/", "-")), func(t *testing.T) {
				t.Parallel()
				// A slow machine may lose patience before the edge comes: that
				// world ends as it must, and shows nothing of the edge.
				for range 5 {
					w := newWorld(t)
					var died atomic.Bool
					w.nodes[victim].hook = func(e string) bool { return e == edge && died.CompareAndSwap(false, true) }
					w.crashed(intent)
					if died.Load() {
						return
					}
				}
				t.Error("the node did not pass this edge")
			})
		}
	}
}

// crashed drives a swap to the spend that is asked for, and to its end.
func (w *world) crashed(intent htlc.Intent) {
	w.t.Helper()
	w.together = true
	if intent == htlc.IntentRefund {
		terms := w.cancelled()
		w.drive(160, w.closed(terms.ID()))
		w.expect(terms, htlc.OutcomeConsented, htlc.OutcomeCancelled)
		w.spends(terms, 0)
	} else {
		w.startAll()
		terms := w.terms()
		id := w.agreeDespiteCrash(terms)
		w.drive(100, w.closed(id))
		w.expect(terms, htlc.OutcomeSwapped, htlc.OutcomeSwapped)
		if redeems, _, consents := w.spends(terms, 0); redeems+consents != 1 {
			w.t.Errorf("%d redeems, %d consents", redeems, consents)
		}
	}
	w.noNonceTwice()
}

// Two questions about a closed swap at one time: one of them finds that it
// has changed, which is no fault of the engine.
func TestClosedSwapTakesOneConsent(t *testing.T) {
	w := newWorld(t)
	terms := w.cancelled()
	id, n := terms.ID(), w.nodes[1]
	w.wait("the participant's swap is closed", func() bool { return n.outcome(id) == htlc.OutcomeCancelled })
	closed, err := n.store.Swap(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	consent := inputOf(id, htlc.ConsentGiven{Leg: 0, Intent: htlc.IntentRefund})
	if err := n.engine.Apply(context.Background(), consent); !errors.Is(err, engine.ErrNoSwap) {
		t.Errorf("without the stored swap: %v", err)
	}
	consent.Closed = &closed
	if err := n.engine.Apply(context.Background(), consent); err != nil {
		t.Fatal(err)
	}
	if err := n.engine.Apply(context.Background(), consent); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("from the state before: %v", err)
	}
	if now, _ := n.store.Swap(context.Background(), id); now.Legs[0].Intent != htlc.IntentRefund || now.Version != closed.Version+1 {
		t.Errorf("stored %s in version %d after %d", now.Legs[0].Intent, now.Version, closed.Version)
	}
	w.drive(120, w.closed(id))
	w.expect(terms, htlc.OutcomeConsented, htlc.OutcomeCancelled)
}
