package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/runner"
)

// consentMessage stands for the nonces of a session: it names what is spent, by
// whom and why, so that an answer fits no other spend.
func consentMessage(contract, ref string, intent htlc.Intent) []byte {
	return fmt.Appendf(nil, "%s %s %s", contract, ref, intent)
}

func consentAnswer(message []byte) []byte { return append([]byte("yes to "), message...) }

// coSpend is one session.
type coSpend struct {
	a       *adapter
	t       *tx
	message []byte
}

// Propose begins a session. As on EVM chains, the model's deployment knows no
// redeem by consent.
func (a *adapter) Propose(ctx context.Context, p adapters.Proposal) (adapters.CoSpend, error) {
	a.n.interleave(ctx, a.c)
	if err := a.slow("propose"); err != nil {
		return nil, err
	}
	contract, err := contractOf(p.Terms, p.Leg)
	if err != nil {
		return nil, err
	}
	t := &tx{kind: kindConsent, contract: contract.ID, intent: p.Intent, rate: a.market()}
	if a.c.ledger.account {
		if p.Intent == htlc.IntentRedeem {
			return nil, fmt.Errorf("propose: %w", adapters.ErrNoConsent)
		}
		t.account = a.account(p.Terms, p.Leg, "consent")
	} else {
		t.ins = []string{p.Ref}
		t.outs = []output{{owner: a.n.self, amount: legAmount - t.rate}}
	}
	return &coSpend{a, t, consentMessage(contract.ID, p.Ref, p.Intent)}, nil
}

// Consent answers a session of the other party.
func (a *adapter) Consent(_ context.Context, p adapters.Proposal, message []byte) ([]byte, error) {
	if err := a.slow("consent"); err != nil {
		return nil, err
	}
	contract, err := contractOf(p.Terms, p.Leg)
	if err != nil {
		return nil, err
	}
	switch {
	case a.c.ledger.account && p.Intent == htlc.IntentRedeem:
		return nil, fmt.Errorf("consent: %w", adapters.ErrNoConsent)
	case string(message) != string(consentMessage(contract.ID, p.Ref, p.Intent)):
		return nil, fmt.Errorf("consent: %w", adapters.ErrBadConsent)
	}
	return consentAnswer(message), nil
}

func (s *coSpend) Message() []byte { return s.message }

func (s *coSpend) Complete(answer []byte) (adapters.Tx, error) {
	if string(answer) != string(consentAnswer(s.message)) {
		return adapters.Tx{}, fmt.Errorf("complete: %w", adapters.ErrBadConsent)
	}
	if s.a.c.ledger.account {
		s.t.nonce = s.a.c.ledger.nonce[s.t.account]
	}
	return s.a.seal(s.t), nil
}

// phone carries questions to the other party's node, or to Eve. A line that is
// dead, and an answer that is lost on its way, are the same to who asks.
type phone struct{ n *node }

var errSilence = errors.New("no answer")

func (p phone) AskConsent(ctx context.Context, s htlc.Swap, q runner.Question) ([]byte, error) {
	d := p.n.w.deal(s.ID)
	answerer := d.answerer(q.Leg, q.Intent)
	if !p.n.calm && p.n.rng.IntN(6) == 0 {
		return nil, errSilence
	}
	if d.parties[answerer] == eve {
		return d.eveAnswers(p.n, q)
	}
	answer, err := d.ask(patient(ctx), answerer, s.Terms.Parties[s.Self], q)
	if err == nil && !p.n.calm && p.n.rng.IntN(6) == 0 {
		return nil, errSilence
	}
	return answer, err
}

// answerer is the party of a leg whose consent a spend with an intent takes.
func (d *deal) answerer(leg int, intent htlc.Intent) int {
	if intent == htlc.IntentRedeem {
		return leg
	}
	return (leg + 1) % len(d.parties)
}

// ask puts a question to a party's node, which may die over it.
func (d *deal) ask(ctx context.Context, party int, from htlc.PartyID, q runner.Question) (answer []byte, err error) {
	n := d.w.nodes[d.parties[party]]
	err = errSilence
	if n.engine == nil || d.w.now < n.down {
		return nil, err
	}
	calm := n.calm
	n.calm = d.w.calm
	n.do(func() {
		answer, err = n.runner.Answer(ctx, from, q)
		n.edge("answer/after")
	})
	n.calm = calm
	if n.engine == nil {
		return nil, errSilence
	}
	if err == nil {
		d.w.log("node %d consents to the %s of leg %d of swap%d", n.self, q.Intent, q.Leg, d.n)
	}
	return answer, err
}

// eveAnswers is what Eve says to a node that asks: anything.
func (d *deal) eveAnswers(n *node, q runner.Question) ([]byte, error) {
	switch n.rng.IntN(5) {
	case 0:
		return nil, &runner.Refusal{Reason: runner.RefusedOff, Text: "no"}
	case 1:
		return nil, errSilence
	case 2:
		return []byte("yes to something else"), nil
	}
	d.w.log("Eve consents to the %s of leg %d of swap%d", q.Intent, q.Leg, d.n)
	return consentAnswer(q.Message), nil
}

// eveAsks has Eve, in a party's place, ask for consent to spend a leg, and keep
// what she is given for as long as she likes.
func (d *deal) eveAsks(party, leg int, intent htlc.Intent) {
	answerer := d.answerer(leg, intent)
	c := d.w.chain(d.terms.Legs[leg].Chain())
	if d.parties[answerer] == eve || !d.opened[answerer] || d.refused[answerer] {
		return
	}
	ref, fundTx := d.contracts[leg], ""
	for _, f := range c.told[d.contracts[leg]] {
		if f.tx.kind == kindFund {
			fundTx = f.tx.id
			if !c.ledger.account {
				ref = f.tx.ref(0)
			}
		}
	}
	if fundTx == "" {
		return
	}
	given := consentKey{leg, ref, intent}
	if !d.given[given] && d.w.bug == bugA12 && intent == htlc.IntentRefund {
		d.given[given] = true
	}
	if !d.given[given] {
		q := runner.Question{Swap: d.id, Leg: leg, Intent: intent, Ref: ref, FundTx: fundTx, Message: consentMessage(d.contracts[leg], ref, intent)}
		answer, err := d.ask(context.Background(), answerer, d.terms.Parties[party], q)
		d.given[given] = err == nil && string(answer) == string(consentAnswer(q.Message))
	}
	if d.given[given] && d.w.rng.IntN(4) == 0 {
		d.eveSpendsJointly(c, leg, ref, intent)
	}
}

// consentKey names what a party has consented to. It stays good until the coin
// is spent.
type consentKey struct {
	leg    int
	ref    string
	intent htlc.Intent
}

// eveSpendsJointly sends what both have signed.
func (d *deal) eveSpendsJointly(c *chain, leg int, ref string, intent htlc.Intent) {
	if c.ledger.account {
		if c.ledger.locks[d.contracts[leg]] == lockOpen {
			d.eveSigns(c, leg, kindConsent, "").intent = intent
		}
		return
	}
	if _, open := c.ledger.coins[ref]; open {
		d.eveSigns(c, leg, kindConsent, ref).intent = intent
	}
}
