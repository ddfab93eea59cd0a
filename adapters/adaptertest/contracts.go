package adaptertest

import (
	"errors"
	"slices"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// build: contracts come from the Terms alone, alike for both parties, and
// without a node.
func (k *kit) build() {
	d := k.deal()
	var ids [2]string
	for leg := range ids {
		first, err := k.payer.Contract(d.terms, leg)
		k.must(err, "contract of leg %d", leg)
		if first.ID == "" || first.Address == "" || first.Swap != d.terms.ID() || first.Leg != leg || first.Chain != k.h.Profile.Asset.Chain() {
			k.t.Fatalf("contract %+v of leg %d of %s", first, leg, d.terms.ID())
		}
		ids[leg] = first.ID
	}
	if ids[0] == ids[1] {
		k.t.Fatal("two legs have one contract")
	}
	k.h.Endpoint.Cut()
	for _, a := range []*actor{k.payer, k.payee} {
		for leg, id := range ids {
			again, err := a.Contract(d.terms, leg)
			k.must(err, "contract of leg %d without a node", leg)
			watched, err := a.Watch(k.ctx, d.terms, leg, "")
			k.must(err, "watch leg %d without a node", leg)
			if again.ID != id || watched != again {
				k.t.Fatalf("contract of leg %d is %+v, watched %+v, was %s", leg, again, watched, id)
			}
		}
		for _, leg := range []int{-1, 2} {
			_, err := a.Contract(d.terms, leg)
			k.want(err, "contract of a leg that is not there", adapters.ErrMismatch)
		}
	}
}

// alteration changes one field of leg 0, or of the Terms, that a chain can
// bind.
type alteration struct {
	name  string
	apply func(k *kit, t *htlc.Terms, leg *htlc.Leg)
}

// fundable are those that a payer could put on the chain with its own keys.
var fundable = []alteration{
	{"amount less", func(k *kit, _ *htlc.Terms, l *htlc.Leg) { l.Amount = k.less(l.Amount) }},
	{"time lock earlier", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.TimeLock-- }},
	{"time lock later", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.TimeLock++ }},
	{"payee key", func(k *kit, t *htlc.Terms, l *htlc.Leg) { l.PayeeKey = k.payeeKey(k.payer, t.Salt, 7) }},
	{"secret hash", func(_ *kit, t *htlc.Terms, _ *htlc.Leg) { t.SecretHash[31] ^= 1 }},
}

// alterations are all.
var alterations = append([]alteration{
	{"amount more", func(k *kit, _ *htlc.Terms, l *htlc.Leg) { l.Amount = k.scaled(l.Amount, 2, 1) }},
	{"amount zero", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.Amount{} }},
	{"service fee", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.ServiceFee = htlc.NewAmount(1) }},
	{"asset", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.Asset = l.Asset[:len(l.Asset)-1] + "9" }},
	{"payer key", func(k *kit, t *htlc.Terms, l *htlc.Leg) { l.PayerKey = k.payeeKey(k.payee, t.Salt, 7) }},
	{"payer key short", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.PayerKey = l.PayerKey[1:] }},
	{"payee key long", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = append(slices.Clone(l.PayeeKey), 0) }},
	{"payee key none", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = nil }},
	{"payee key zero", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = make([]byte, len(l.PayeeKey)) }},
	{"payer key bit", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.PayerKey = flipped(l.PayerKey) }},
	{"payee key bit", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = flipped(l.PayeeKey) }},
	{"deployment", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.Deployment = append(slices.Clone(l.Deployment), 1) }},
	{"deployment bit", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) {
		l.Deployment = slices.Clone(l.Deployment)
		if len(l.Deployment) == 0 {
			l.Deployment = make([]byte, 20)
		}
		l.Deployment[0] ^= 1
	}},
	{"lane", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.Lane++ }},
	{"sequence", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.Sequence++ }},
	{"time lock zero", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.TimeLock = 0 }},
	{"time lock negative", func(_ *kit, _ *htlc.Terms, l *htlc.Leg) { l.TimeLock = -l.TimeLock }},
	{"hash function", func(_ *kit, t *htlc.Terms, _ *htlc.Leg) { t.Hash++ }},
}, fundable...)

// flipped changes the lowest bit of the first byte: of a compressed key that
// is the sign alone.
func flipped(key []byte) []byte {
	out := slices.Clone(key)
	out[0] ^= 1
	return out
}

// less is a little less than an amount, and still worth locking.
func (k *kit) less(a htlc.Amount) htlc.Amount {
	out, err := a.Sub(htlc.NewAmount(1))
	k.must(err, "one less than %s", a)
	return out
}

func (k *kit) alter(d deal, a alteration) htlc.Terms {
	terms := d.terms
	terms.Legs = slices.Clone(terms.Legs)
	a.apply(k, &terms, &terms.Legs[0])
	return terms
}

// altered: a leg that differs in any field that the chain binds is another
// contract or none. Chains whose id does not cover the amount tell by the
// amount: see alteredOnChain.
func (k *kit) altered() {
	d := k.deal()
	original, err := k.payee.Contract(d.terms, 0)
	k.must(err, "contract")
	for _, a := range alterations {
		terms := k.alter(d, a)
		got, err := k.payee.Contract(terms, 0)
		amountOnly := err == nil && terms.Legs[0].Amount != d.terms.Legs[0].Amount
		if err == nil && got.ID == original.ID && !amountOnly {
			k.t.Errorf("%s: altered and yet the same contract", a.name)
		}
		var e *adapters.Error
		if err != nil && (!errors.As(err, &e) || e.Reason == "" || e.Retryable) {
			k.t.Errorf("%s: %v has no reason code, or says that trying again helps", a.name, err)
		}
		if _, watchErr := k.payee.Watch(k.ctx, terms, 0, ""); (err == nil) != (watchErr == nil) {
			k.t.Errorf("%s: contract: %v, but watch: %v", a.name, err, watchErr)
		} else if err == nil {
			k.payee.Unwatch(got.ID)
		}
	}
}

// alteredOnChain locks each altered leg and wants that it is never taken for
// the original.
func (k *kit) alteredOnChain() {
	for _, a := range fundable {
		k.payer = k.actor(1)
		// Adapters may insist on the amount that was reserved.
		probe := deal{terms: htlc.Terms{Legs: []htlc.Leg{{Amount: k.h.Profile.Amount}}}}
		d := k.dealWith(k.alter(probe, a).Legs[0].Amount)
		k.watch(k.payee, d, "")
		k.watch(k.payer, d, "")
		terms := k.alter(d, a)
		thief := k.again(k.payer)
		false0, err := thief.Watch(k.ctx, terms, 0, "")
		k.must(err, "%s: watch", a.name)
		readers := []*reader{k.reader(k.payee), k.reader(k.payer)}
		r := k.reader(thief)
		f, err := k.payer.Fund(k.ctx, d.owner(), terms, 0)
		k.must(err, "%s: fund", a.name)
		k.send(k.payer, f.Txs...)
		k.mine(1)
		fact := r.only(adapters.Funded)
		if fact.Contract != false0.ID {
			k.t.Fatalf("%s: funded %s, want %s", a.name, fact.Contract, false0.ID)
		}
		for _, honest := range readers {
			honest.catchUp()
			for _, seen := range honest.facts {
				if seen.Kind != adapters.Mismatched || seen.Detail == "" {
					k.t.Errorf("%s: taken for the original: %v", a.name, describe(honest.facts))
				}
			}
			for _, ref := range []string{"", fact.Ref} {
				if k.funded(honest.a, d.terms, ref, k.tip(honest.a)) {
					k.t.Errorf("%s: the state is taken for the original at %q", a.name, ref)
				}
			}
			if _, err := k.payee.Redeem(k.ctx, d.spend(0, fact.Ref)); err == nil {
				k.t.Errorf("%s: a redeem of the original was signed for it", a.name)
			}
		}
		if !k.funded(thief, terms, fact.Ref, k.tip(thief)) {
			k.t.Errorf("%s: the altered contract is not funded under its own terms", a.name)
		}
	}
}
