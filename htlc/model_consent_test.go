package htlc_test

import (
	"fmt"

	"github.com/kofo-network/kofo/htlc"
)

// coKind is how a spend by consent stands in a block. A watcher cannot tell
// the two apart.
func coKind(intent htlc.Intent) txKind {
	if intent == htlc.IntentRedeem {
		return txCoRedeem
	}
	return txCoRefund
}

// grants counts what was consented to, and asked and mined, in all worlds.
type grants map[string]int

// bind is the oracle for one intent per contract, ever.
func (p *modelParty) bind(leg int, intent htlc.Intent) {
	if was := p.intents[leg]; was != htlc.IntentNone && was != intent {
		p.w.Fatalf("party %d bound leg %d to %s after %s", p.swap.Self, leg, intent, was)
	}
	p.intents[leg] = intent
}

// consents is what the party answers when the other one of a leg asks: where
// the rule allows it, the intent is stored, and then the answer leaves, unless
// the process dies.
func (p *modelParty) consents(leg int, intent htlc.Intent) bool {
	if p.asleep(p.w.now) {
		return false
	}
	facts := htlc.ConsentFacts{SecretHeld: p.flaky(true)}
	if p.seedless {
		facts.SecretHeld = htlc.Observed{State: htlc.CheckBlocked, Detail: "the seed is elsewhere"}
	}
	if !htlc.ConsentRule(p.swap, leg, intent, facts).Allows() {
		return false
	}
	p.checkConsent(intent, facts)
	p.bind(leg, intent)
	p.deliver(htlc.ConsentGiven{Leg: leg, Intent: intent, Facts: facts})
	if p.swap.Legs[leg].Intent != intent {
		p.w.Fatalf("party %d answers before its intent is stored", p.swap.Self)
	}
	p.gaveBack = p.gaveBack || intent == htlc.IntentRefund
	p.w.grants[intent.String()+" consented"]++
	return p.rng.IntN(4) != 0 // else the answer is lost
}

// checkConsent knows more than the party: what left its process, and what
// became of it.
func (p *modelParty) checkConsent(intent htlc.Intent, f htlc.ConsentFacts) {
	switch intent {
	case htlc.IntentRedeem:
		if p.swap.Secret == nil && (!p.swap.Initiator() || f.SecretHeld.State != htlc.CheckPassed) {
			p.w.Fatalf("party %d consents to a redeem and has not the secret", p.swap.Self)
		}
	case htlc.IntentRefund:
		fate := p.ownFunding()
		if p.fundReleased && !fate[txAbandon] && !fate[txRefund] && !fate[txCoRefund] {
			p.w.Fatalf("party %d gives the incoming leg back, its own is %v", p.swap.Self, fate)
		}
		if p.revealReleased {
			p.w.Fatalf("party %d gives the incoming leg back after it revealed", p.swap.Self)
		}
	case htlc.IntentNone:
	}
}

// ask is a signing session. It may end anywhere; a new one begins anew.
func (p *modelParty) ask(kind htlc.EffectKind, leg int, intent htlc.Intent) htlc.Event {
	s := p.swap
	if !s.Wants(htlc.Effect{Kind: kind, Leg: leg}) {
		return nil
	}
	if s.Legs[leg].Intent != intent {
		p.w.Fatalf("party %d asks for a %s of leg %d, which is bound to %s", s.Self, intent, leg, s.Legs[leg].Intent)
	}
	p.bind(leg, intent)
	if p.hangs {
		return nil
	}
	other := p.w.parties[s.Terms.Legs[leg].Payer]
	if intent == htlc.IntentRefund {
		other = p.w.parties[s.Terms.Legs[leg].Payee]
	}
	ref := s.Legs[leg].FundRef
	granted := other == nil && p.rng.IntN(2) == 0 || other != nil && other.consents(leg, intent)
	if !granted || p.rng.IntN(4) == 0 {
		if intent == htlc.IntentRedeem && p.rng.IntN(3) == 0 {
			return htlc.ConsentFailed{Leg: leg}
		}
		return nil
	}
	tx := &modelTx{id: p.txID("consent") + ref, ref: ref, kind: coKind(intent), leg: leg, due: p.due()}
	if p.rng.IntN(3) == 0 {
		tx.due, tx.stuck = 0, true
	}
	if !p.chain(leg).broadcast(tx) {
		return nil
	}
	p.w.grants[intent.String()+" sent"]++
	return htlc.Submitted{Leg: leg, Purpose: htlc.PurposeConsent, TxID: tx.id}
}

// adversaryAsks: a dishonest party wants the consent of its honest neighbours,
// and what it once got it uses when it likes.
func (w *world) adversaryAsks(i int) {
	if w.rng.IntN(w.habits[i].asks) != 0 {
		return
	}
	in := w.terms.Incoming(i)
	if payer := w.parties[in]; payer != nil && payer.consents(in, htlc.IntentRedeem) {
		w.granted[in] = true
	}
	if payee := w.parties[w.terms.Legs[i].Payee]; payee != nil && payee.consents(i, htlc.IntentRefund) {
		w.granted[i] = true
	}
}

// adversaryConsents spends by consent what it can, where that does harm or not.
func (w *world) adversaryConsents(i int) {
	if w.rng.IntN(4) != 0 {
		return
	}
	in := w.terms.Incoming(i)
	if w.parties[in] == nil || w.granted[in] {
		w.adversarySpend(in, txCoRedeem)
	}
	if w.granted[i] && w.rng.IntN(4) == 0 {
		w.adversarySpend(i, txCoRefund)
	}
}

// checkOutcome: a spend by consent counts as what it was for.
func checkOutcome(w *world, p *modelParty, in, out map[txKind]bool) {
	taken, paid := out[txRedeem] || out[txCoRedeem], in[txRedeem] || in[txCoRedeem]
	if p.live && taken && paid && !w.gifts && p.swap.Outcome != htlc.OutcomeSwapped {
		w.Fatalf("party %d paid and was paid, and calls it %s", p.swap.Self, p.swap.Outcome)
	}
	for _, kind := range []txKind{txCoRedeem, txCoRefund} {
		if out[kind] {
			w.grants[fmt.Sprintf("own leg closed by consent, kind %d", kind)]++
		}
	}
}
