package adaptertest

import (
	"errors"
	"slices"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// intents are all that there are.
var intents = []htlc.Intent{htlc.IntentRedeem, htlc.IntentRefund}

// cosigner is the actor as one, and ends the case where it is none.
func (k *kit) cosigner(a *actor) Cosigner {
	k.t.Helper()
	c, ok := a.Adapter.(Cosigner)
	if !ok {
		k.t.Fatal("the profile has cooperative spends, the adapter none")
	}
	return c
}

// eachIntent runs a case for what the chain has a cooperative spend for. A
// chain without any has nothing to show but that its adapter says so.
func (k *kit) eachIntent(run func(intent htlc.Intent)) {
	k.t.Helper()
	if _, ok := k.payer.Adapter.(Cosigner); ok != (len(k.h.Profile.Consents) > 0) {
		k.t.Fatalf("the adapter has cooperative spends: %v, its profile has %v", ok, k.h.Profile.Consents)
	}
	for i, intent := range k.h.Profile.Consents {
		if i > 0 {
			k.payer, k.payee = k.actor(3), k.actor(3)
		}
		run(intent)
	}
}

// sides are who proposes and who consents.
func (k *kit) sides(intent htlc.Intent) (proposer, consenter *actor) {
	if intent == htlc.IntentRedeem {
		return k.payee, k.payer
	}
	return k.payer, k.payee
}

func (d deal) proposal(lock adapters.Fact, intent htlc.Intent) adapters.Proposal {
	return adapters.Proposal{Terms: d.terms, Leg: 0, Ref: lock.Ref, FundTx: lock.TxID, Intent: intent}
}

func (k *kit) propose(a *actor, p adapters.Proposal) adapters.CoSpend {
	k.t.Helper()
	s, err := k.cosigner(a).Propose(k.ctx, p)
	k.must(err, "propose to %s together", p.Intent)
	return s
}

func (k *kit) answer(a *actor, p adapters.Proposal, message []byte) []byte {
	k.t.Helper()
	answer, err := k.cosigner(a).Consent(k.ctx, p, message)
	k.must(err, "consent to %s", p.Intent)
	return answer
}

// together is a whole cooperative spend, signed and not sent.
func (k *kit) together(p adapters.Proposal) adapters.Tx {
	k.t.Helper()
	proposer, consenter := k.sides(p.Intent)
	s := k.propose(proposer, p)
	tx, err := s.Complete(k.answer(consenter, p, s.Message()))
	k.must(err, "complete the %s", p.Intent)
	if !txOf(tx, k.h.Profile.Asset.Chain()) {
		k.t.Fatalf("cooperative %s %+v", p.Intent, tx)
	}
	return tx
}

// consent: before the time lock and without the secret the leg goes to whom
// the intent says, and both parties see it closed by consent: neither redeemed
// nor refunded, and no secret.
func (k *kit) consent() {
	k.eachIntent(func(intent htlc.Intent) {
		d, lock := k.locked()
		readers := []*reader{k.reader(k.payer), k.reader(k.payee)}
		proposer, _ := k.sides(intent)
		before := k.worth(proposer)
		tx := k.together(d.proposal(lock, intent))
		k.send(proposer, tx, tx)
		k.mine(1)
		for _, r := range readers {
			fact := r.only(adapters.ClosedByConsent)
			if fact.Contract != lock.Contract || fact.TxID != tx.ID || fact.Secret != nil {
				k.t.Fatalf("%s by consent %+v, want transaction %s", intent, fact, tx.ID)
			}
		}
		if k.worth(proposer).Cmp(before) <= 0 {
			k.t.Fatalf("the %s has brought nothing", intent)
		}
		k.wantFunded(d, lock.Ref, false)
		_, err := k.cosigner(proposer).Propose(k.ctx, d.proposal(lock, intent))
		k.want(err, "propose for a contract that is closed", adapters.ErrSpent)
		k.mine(2)
		readers[0].none()
	})
}

// consentNone: what the chain has no cooperative spend for is refused as such,
// whoever asks.
func (k *kit) consentNone() {
	if len(k.h.Profile.Consents) == 0 {
		k.eachIntent(nil)
		return
	}
	d, lock := k.locked()
	for _, intent := range append([]htlc.Intent{htlc.IntentNone, htlc.IntentRefund + 1}, intents...) {
		if slices.Contains(k.h.Profile.Consents, intent) {
			continue
		}
		for _, a := range []*actor{k.payer, k.payee} {
			_, err := k.cosigner(a).Propose(k.ctx, d.proposal(lock, intent))
			k.want(err, "propose what there is not", adapters.ErrNoConsent)
			_, err = k.cosigner(a).Consent(k.ctx, d.proposal(lock, intent), []byte{1})
			k.want(err, "consent to what there is not", adapters.ErrNoConsent)
		}
	}
}

// consentWrongKey: nobody signs in a role that is not its own.
func (k *kit) consentWrongKey() {
	k.eachIntent(func(intent htlc.Intent) {
		d, lock := k.locked()
		p := d.proposal(lock, intent)
		proposer, consenter := k.sides(intent)
		stranger := k.actor(0)
		message := k.propose(proposer, p).Message()
		for name, a := range map[string]*actor{"consenter": consenter, "stranger": stranger} {
			_, err := k.cosigner(a).Propose(k.ctx, p)
			k.want(err, "propose as "+name, adapters.ErrMismatch)
		}
		for name, a := range map[string]*actor{"proposer": proposer, "stranger": stranger} {
			_, err := k.cosigner(a).Consent(k.ctx, p, message)
			k.want(err, "consent as "+name, adapters.ErrMismatch)
		}
		named := k.alter(d, alteration{apply: func(k *kit, t *htlc.Terms, l *htlc.Leg) {
			key := k.payeeKey(stranger, t.Salt, 0)
			if intent == htlc.IntentRedeem {
				l.PayerKey = key
			} else {
				l.PayeeKey = key
			}
		}})
		p.Terms = named
		_, err := k.cosigner(stranger).Consent(k.ctx, p, message)
		k.want(err, "consent under Terms that name oneself", adapters.ErrBadConsent, adapters.ErrMismatch)
	})
}

// spread are some twenty places in a text, both ends among them.
func spread(raw []byte) []int {
	var at []int
	for i := 0; i < len(raw); i += max(1, len(raw)/20) {
		at = append(at, i)
	}
	return append(at, len(raw)-1)
}

// consentAltered: a message or an answer of which a byte is another gives no
// transaction, and the other party is blamed for its own bytes only.
func (k *kit) consentAltered() {
	k.eachIntent(func(intent htlc.Intent) {
		d, lock := k.locked()
		p := d.proposal(lock, intent)
		proposer, consenter := k.sides(intent)
		s := k.propose(proposer, p)
		for _, at := range spread(s.Message()) {
			bad := slices.Clone(s.Message())
			bad[at] ^= 1
			answer, err := k.cosigner(consenter).Consent(k.ctx, p, bad)
			if err != nil {
				k.want(err, "consent to an altered message", adapters.ErrBadConsent)
				continue
			}
			_, err = k.propose(proposer, p).Complete(answer)
			k.want(err, "complete with an answer to another message", adapters.ErrBadConsent)
		}
		message := s.Message()
		for _, bad := range [][]byte{nil, {1}, message[:len(message)-1], append(slices.Clone(message), 0)} {
			_, err := k.cosigner(consenter).Consent(k.ctx, p, bad)
			k.want(err, "consent to a message of another length", adapters.ErrBadConsent)
		}
		k.alteredAnswers(p)
		k.send(proposer, k.together(p))
	})
}

func (k *kit) alteredAnswers(p adapters.Proposal) {
	k.t.Helper()
	proposer, consenter := k.sides(p.Intent)
	s := k.propose(proposer, p)
	good := k.answer(consenter, p, s.Message())
	bads := [][]byte{nil, good[:len(good)-1], append(slices.Clone(good), 0)}
	for _, at := range spread(good) {
		bad := slices.Clone(good)
		bad[at] ^= 1
		bads = append(bads, bad)
	}
	for _, bad := range bads {
		s := k.propose(proposer, p)
		if len(bad) == len(good) {
			// Altered is an answer to this very message.
			fresh := k.answer(consenter, p, s.Message())
			for i := range bad {
				bad[i] ^= good[i] ^ fresh[i]
			}
		}
		_, err := s.Complete(bad)
		k.want(err, "complete with an altered answer", adapters.ErrBadConsent)
		var e *adapters.Error
		if !errors.As(err, &e) || e.Reason == "" || e.Retryable {
			k.t.Fatalf("%v has no reason code, or says that the same again helps", err)
		}
	}
}

// consentOtherContract: a consent is to one output of one contract.
func (k *kit) consentOtherContract() {
	k.eachIntent(func(intent htlc.Intent) {
		first, lock := k.locked()
		second, other := k.locked()
		proposer, consenter := k.sides(intent)
		mine := first.proposal(lock, intent)
		s := k.propose(proposer, mine)
		_, err := k.cosigner(consenter).Consent(k.ctx, second.proposal(other, intent), s.Message())
		k.want(err, "consent for another contract", adapters.ErrBadConsent)
		moved := mine
		moved.Ref = other.Ref
		_, err = k.cosigner(consenter).Consent(k.ctx, moved, s.Message())
		k.want(err, "consent for another output", adapters.ErrBadConsent, adapters.ErrMismatch)
		_, err = k.cosigner(proposer).Propose(k.ctx, moved)
		k.want(err, "propose for another contract's output", adapters.ErrMismatch)
		theirs := second.proposal(other, intent)
		foreign := k.answer(consenter, theirs, k.propose(proposer, theirs).Message())
		_, err = s.Complete(foreign)
		k.want(err, "complete with the answer for another contract", adapters.ErrBadConsent)
	})
}

// consentOnce: a session ends with its first answer, right or wrong.
func (k *kit) consentOnce() {
	k.eachIntent(func(intent htlc.Intent) {
		d, lock := k.locked()
		p := d.proposal(lock, intent)
		proposer, consenter := k.sides(intent)
		wrong := k.propose(proposer, p)
		answer := k.answer(consenter, p, wrong.Message())
		_, err := wrong.Complete(answer[:len(answer)-1])
		k.want(err, "complete with a part of an answer", adapters.ErrBadConsent)
		_, err = wrong.Complete(answer)
		k.want(err, "complete after a wrong answer", adapters.ErrSessionOver)
		s := k.propose(proposer, p)
		answer = k.answer(consenter, p, s.Message())
		tx, err := s.Complete(answer)
		k.must(err, "complete")
		_, err = s.Complete(answer)
		k.want(err, "complete a second time", adapters.ErrSessionOver)
		// Where an answer holds for one session only, it is worthless in another.
		again, err := k.propose(proposer, p).Complete(answer)
		if err != nil {
			k.want(err, "complete with the answer of a session before", adapters.ErrBadConsent)
		} else {
			k.exclusive(tx, again)
		}
		k.send(proposer, tx)
	})
}

// consentBegunAnew: what a session holds is lost with its process; a new one
// takes its place, and what was answered before does no harm.
func (k *kit) consentBegunAnew() {
	k.eachIntent(func(intent htlc.Intent) {
		d, lock := k.locked()
		p := d.proposal(lock, intent)
		proposer, consenter := k.sides(intent)
		k.answer(consenter, p, k.propose(proposer, p).Message())
		proposer, consenter = k.again(proposer), k.again(consenter)
		r := k.readerAfterLock(d, lock)
		s := k.propose(proposer, p)
		first := k.answer(consenter, p, s.Message())
		// The answer is lost on its way, and asked for again.
		tx, err := s.Complete(k.answer(k.again(consenter), p, s.Message()))
		k.must(err, "complete with a second answer in place of %d bytes that were lost", len(first))
		k.send(proposer, tx)
		k.mine(1)
		if fact := r.only(adapters.ClosedByConsent); fact.TxID != tx.ID {
			k.t.Fatalf("closed by %s, want %s", fact.TxID, tx.ID)
		}
	})
}

// consentBesideScript: of a cooperative spend and one by the contract's own
// rules, both signed and sent, one counts, whatever the node took.
func (k *kit) consentBesideScript() {
	k.eachIntent(func(intent htlc.Intent) {
		d, lock := k.locked()
		r := k.readerAfterLock(d, lock)
		k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock+1)
		tx := k.together(d.proposal(lock, intent))
		proposer, consenter := k.sides(intent)
		own := k.refund
		if intent == htlc.IntentRefund {
			own = k.redeem
		}
		k.send(proposer, tx)
		if err := consenter.Broadcast(k.ctx, own(d, lock.Ref)); err != nil {
			k.want(err, "broadcast beside a cooperative spend", adapters.ErrSpent, adapters.ErrRejected)
		}
		k.mine(2)
		r.catchUp()
		if len(r.facts) != 1 || !slices.Contains([]adapters.FactKind{adapters.ClosedByConsent, adapters.Redeemed, adapters.Refunded}, r.facts[0].Kind) {
			k.t.Fatalf("facts %v, want one spend", describe(r.facts))
		}
		k.wantFunded(d, lock.Ref, false)
	})
}

// consentReorg undoes a cooperative spend.
func (k *kit) consentReorg(keep bool, then func(k *kit, r *reader, d deal, lock, spend adapters.Fact, again func())) {
	k.eachIntent(func(intent htlc.Intent) {
		k.eachDepth(func(k *kit, depth int) {
			d, r, _, lock := k.followed()
			tx := k.together(d.proposal(lock, intent))
			proposer, _ := k.sides(intent)
			k.send(proposer, tx)
			k.mine(1)
			spend := r.only(adapters.ClosedByConsent)
			k.bury(r, depth)
			k.h.Chain.Reorg(k.t, depth, keep)
			r.reorged(depth)
			then(k, r, d, lock, spend, func() { k.send(proposer, tx) })
		})
	})
}

// consentReorgBack: the spend is undone and stands in the new branch.
func (k *kit) consentReorgBack() {
	k.consentReorg(true, func(k *kit, r *reader, d deal, lock, spend adapters.Fact, _ func()) {
		if len(r.facts) != 2 || !sameFact(r.facts[0].Fact, lock) || !sameFact(r.facts[1].Fact, spend) {
			k.t.Fatalf("after the reorganisation %v", describe(r.facts))
		}
		k.wantFunded(d, lock.Ref, false)
	})
}

// consentReorgGone: the spend is undone and the contract open again; the same
// bytes close it a second time, without anybody's new consent.
func (k *kit) consentReorgGone() {
	k.consentReorg(false, func(k *kit, r *reader, d deal, lock, spend adapters.Fact, again func()) {
		if len(r.facts) != 1 || !sameFact(r.facts[0].Fact, lock) {
			k.t.Fatalf("after the reorganisation %v", describe(r.facts))
		}
		k.wantFunded(d, lock.Ref, true)
		again()
		k.mine(1)
		if fact := r.only(adapters.ClosedByConsent); !sameFact(fact, spend) {
			k.t.Fatalf("closed again by %s, before by %s", fact.TxID, spend.TxID)
		}
		k.wantFunded(d, lock.Ref, false)
	})
}
