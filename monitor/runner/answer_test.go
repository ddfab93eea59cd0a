package runner_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/runner"
)

// cosigner answers and counts.
type cosigner struct {
	err      error
	answered int
}

func (c *cosigner) Propose(context.Context, adapters.Proposal) (adapters.CoSpend, error) {
	return nil, adapters.ErrNoConsent
}

func (c *cosigner) Consent(_ context.Context, _ adapters.Proposal, message []byte) ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	c.answered++
	return append([]byte("yes to "), message...), nil
}

// answerer is a runner that answers for a machine.
func answerer(m *machine, c *cosigner, how runner.Consent) *runner.Runner {
	node := &chain{}
	return runner.New(runner.Options{
		Chains: []runner.Chain{
			{ID: btc.Chain(), Signer: node, Ledger: node, Cosigner: c}, {ID: eth.Chain(), Signer: node, Ledger: node},
		},
		Engine: m, Swaps: swaps{m}, Journal: &journal{}, Secrets: secrets{}, Consent: how, Log: slog.New(slog.DiscardHandler),
	})
}

func party(i int) htlc.PartyID { return htlc.PartyID(partyKey(i).Public().(ed25519.PublicKey)) }

// early asks a participant for the initiator's early refund.
func early(m *machine) runner.Question {
	return runner.Question{Swap: m.s.ID, Leg: 0, Intent: htlc.IntentRefund, Ref: "a:0", FundTx: "a", Message: []byte("m")}
}

func refusedFor(t *testing.T, err error, reason string) {
	t.Helper()
	var no *runner.Refusal
	if !errors.As(err, &no) || no.Reason != reason {
		t.Errorf("%v, want %s", err, reason)
	}
}

// The intent is stored before the answer, the same question is answered again,
// and another one is not.
func TestAnswerStoresTheIntent(t *testing.T) {
	m, c := open(t, terms(t, btc, eth), 1), &cosigner{}
	r := answerer(m, c, runner.Consent{})
	for range 2 {
		answer, err := r.Answer(t.Context(), party(0), early(m))
		if err != nil || string(answer) != "yes to m" {
			t.Fatalf("%q, %v", answer, err)
		}
		if m.s.Legs[0].Intent != htlc.IntentRefund || m.s.Phase != htlc.PhaseClosed {
			t.Fatalf("answered, and the swap is %s, leg 0 bound to %s", m.s.Phase, m.s.Legs[0].Intent)
		}
	}
	if c.answered != 2 {
		t.Errorf("answered %d times", c.answered)
	}
}

// Whoever is no party of the leg learns nothing, and nobody gets more than the
// rule allows.
func TestAnswerRefuses(t *testing.T) {
	m, c := open(t, terms(t, btc, eth), 1), &cosigner{}
	r := answerer(m, c, runner.Consent{})
	for name, q := range map[string]func(*runner.Question){
		"our own refund":       func(q *runner.Question) { q.Leg = 1 },
		"the initiator's leg":  func(q *runner.Question) { q.Intent = htlc.IntentRedeem },
		"no intent":            func(q *runner.Question) { q.Intent = htlc.IntentNone },
		"no such leg":          func(q *runner.Question) { q.Leg = 2 },
		"a leg before nothing": func(q *runner.Question) { q.Leg = -1 },
		"no funding":           func(q *runner.Question) { q.Ref = "" },
	} {
		question := early(m)
		q(&question)
		_, err := r.Answer(t.Context(), party(0), question)
		if err == nil {
			t.Errorf("%s: answered", name)
		}
	}
	_, err := r.Answer(t.Context(), party(2), early(m))
	refusedFor(t, err, runner.RefusedUnknown)
	_, err = r.Answer(t.Context(), party(1), early(m))
	refusedFor(t, err, runner.RefusedUnknown)
	redeem := early(m)
	redeem.Leg, redeem.Intent = 1, htlc.IntentRedeem
	_, err = r.Answer(t.Context(), party(0), redeem) // our leg is not funded, and there is no such ref
	refusedFor(t, err, runner.RefusedHeld)
	if c.answered != 0 || m.s.Legs[0].Intent != htlc.IntentNone || m.s.Legs[1].Intent != htlc.IntentNone {
		t.Errorf("%d answers, intents %s and %s", c.answered, m.s.Legs[0].Intent, m.s.Legs[1].Intent)
	}
	off := answerer(m, c, runner.Consent{Off: true})
	_, err = off.Answer(t.Context(), party(0), early(m))
	refusedFor(t, err, runner.RefusedOff)
}

// A participant whose leg is out consents to nothing.
func TestAnswerAsksTheRule(t *testing.T) {
	m, _, _ := funding(t)
	c := &cosigner{}
	_, err := answerer(m, c, runner.Consent{}).Answer(t.Context(), party(0), early(m))
	// Leg 0 is on a chain without cooperative spends here.
	refusedFor(t, err, runner.RefusedOff)
	tm := terms(t, btc, eth)
	m = open(t, tm, 1)
	m.must(htlc.LegFunded{Leg: 0, TxID: "a", Ref: "a:0", Block: block(11)})
	m.tips(13, start+100)
	m.must(htlc.FundingPrepared{TxID: "funding"})
	m.must(htlc.FundingChecked{Facts: m.facts(start + 100)})
	_, err = answerer(m, c, runner.Consent{}).Answer(t.Context(), party(0), early(m))
	refusedFor(t, err, runner.RefusedHeld)
	if c.answered != 0 || m.s.Legs[0].Intent != htlc.IntentNone {
		t.Error("the incoming leg was given back while our own is out")
	}
}

// What does not fit the contract is refused, and what only failed is told as
// such.
func TestAnswerToABadMessage(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason string
	}{
		{adapters.ErrBadConsent, runner.RefusedInvalid},
		{adapters.ErrNoConsent, runner.RefusedOff},
		{&adapters.Error{Reason: "PROPOSAL_INVALID", Op: "consent", Err: errors.New("another output")}, runner.RefusedInvalid},
	} {
		m := open(t, terms(t, btc, eth), 1)
		_, err := answerer(m, &cosigner{err: c.err}, runner.Consent{}).Answer(t.Context(), party(0), early(m))
		refusedFor(t, err, c.reason)
	}
	m := open(t, terms(t, btc, eth), 1)
	_, err := answerer(m, &cosigner{err: adapters.ErrUnreachable}, runner.Consent{}).Answer(t.Context(), party(0), early(m))
	var no *runner.Refusal
	if err == nil || errors.As(err, &no) {
		t.Errorf("a node that does not answer: %v", err)
	}
}

// restless is an engine in which the swap always changes meanwhile.
type restless struct{ *machine }

func (restless) Apply(context.Context, engine.Input) error { return engine.ErrConflict }

func TestAnswerGivesUpOnARestlessSwap(t *testing.T) {
	m, c := open(t, terms(t, btc, eth), 1), &cosigner{}
	node := &chain{}
	r := runner.New(runner.Options{
		Chains: []runner.Chain{{ID: btc.Chain(), Signer: node, Ledger: node, Cosigner: c}},
		Engine: restless{m}, Swaps: swaps{m}, Journal: &journal{}, Secrets: secrets{}, Log: slog.New(slog.DiscardHandler),
	})
	_, err := r.Answer(t.Context(), party(0), early(m))
	refusedFor(t, err, runner.RefusedHeld)
	if c.answered != 0 {
		t.Error("answered before the intent was stored")
	}
}

// priced notes the budget of what is proposed to it.
type priced struct {
	cosigner
	budget htlc.Amount
}

func (p *priced) Propose(_ context.Context, q adapters.Proposal) (adapters.CoSpend, error) {
	p.budget = q.Fees.Budget
	return nil, adapters.ErrNoConsent
}

type deaf struct{}

func (deaf) AskConsent(context.Context, htlc.Swap, runner.Question) ([]byte, error) {
	return nil, adapters.ErrUnreachable
}

func TestAskingUsesTheRaisedBudget(t *testing.T) {
	tm, m := terms(t, btc, eth), &machine{t: t}
	m.must(htlc.TermsSigned{
		Terms: tm, Self: 1, AskRedeem: true, Since: make([]uint64, 2),
		Signatures: []htlc.Signature{htlc.SignTerms(partyKey(0), tm), htlc.SignTerms(partyKey(1), tm)},
	})
	m.must(htlc.LegFunded{Leg: 0, TxID: "a", Ref: "a:0", Block: block(11)})
	m.tips(13, start+100)
	m.must(htlc.FundingPrepared{TxID: "funding"})
	m.must(htlc.FundingChecked{Facts: m.facts(start + 100)})
	m.must(htlc.LegFunded{Leg: 1, TxID: "funding", Ref: "b:0", Block: block(14)})
	m.must(htlc.SecretSeen{Leg: 1, TxID: "theirs", Secret: theSecret()})
	m.must(htlc.BudgetRaised{Purpose: htlc.PurposeRedeem, Budget: htlc.NewAmount(5000)})
	node, p := &chain{}, &priced{}
	r := runner.New(runner.Options{
		Chains: []runner.Chain{{ID: btc.Chain(), Signer: node, Ledger: node, Cosigner: p}},
		Engine: m, Swaps: swaps{m}, Journal: &journal{}, Secrets: secrets{}, Log: slog.New(slog.DiscardHandler),
		Budget:  func(htlc.Leg) htlc.Amount { return htlc.NewAmount(1000) },
		Consent: runner.Consent{Peers: deaf{}, Patience: time.Minute},
	})
	_, err := r.Once(t.Context(), engine.StoredEffect{
		ID: engine.EffectID{Swap: m.s.ID, Seq: 1}, Effect: htlc.Effect{Kind: htlc.EffectAskRedeem, Leg: 0},
	})
	if err != nil || p.budget != htlc.NewAmount(5000) {
		t.Errorf("asked with a budget of %s, %v", p.budget, err)
	}
}
