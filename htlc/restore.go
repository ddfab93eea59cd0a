package htlc

import "fmt"

// A node that has lost its database, or works on an old copy of it, does not
// know what it did. What it has forgotten can be on the chains, which tell, or
// in mempools, which may not. So a restored swap is searched for before it may
// come to an end, and no new funding is sent by it: there may be one already,
// and a second one pays twice; or the incoming leg was given back by consent.

type (
	// Restored: the swap was taken from a backup, so that what followed is
	// forgotten. The chain is followed from where the backup stands.
	Restored struct {
		// RevealOut is as in TermsSigned.
		RevealOut bool `json:",omitempty"`
	}

	// LegSearched: the leg's chain was read from Since to the tip, and
	// everything that was found has been told.
	LegSearched struct{ Leg int }
)

// RevealNote says outside the database how far an Initiator is with showing its
// secret. The later one counts.
type RevealNote uint8

// The notes in their order. NoteBegun is durable before the secret leaves, NoteOut
// once it was handed to a node. A restored Initiator goes on without a gate after
// NoteOut alone: after NoteBegun the secret is either inside, or in a redeem that
// no chain and no mempool shows.
const (
	NoteInside RevealNote = iota
	NoteBegun
	NoteOut
)

// Kind names the event.
func (Restored) Kind() EventKind    { return KindRestored }
func (LegSearched) Kind() EventKind { return KindLegSearched }

func (e Restored) applyTo(s *Swap) ([]Effect, error) {
	if s.Restored && (!e.RevealOut || !s.Initiator() || s.Released) {
		return nil, ErrStale
	}
	s.Restored = true
	s.recall(e.RevealOut)
	return nil, nil
}

// recall: NoteOut stands outside the database as soon as the Initiator's secret was
// handed to a node. Past the cut-off too it then redeems: whoever has seen the
// secret could take the incoming leg back when its time lock opens, and redeem ours
// afterwards. Without that note the gate keeps the secret inside, and a secret that
// is seen all the same is used at once.
func (s *Swap) recall(revealOut bool) {
	if revealOut && s.Initiator() {
		s.Released = true
	}
}

func (e LegSearched) applyTo(s *Swap) ([]Effect, error) {
	if err := s.checkLeg(e.Leg); err != nil {
		return nil, err
	}
	if !s.Legs[e.Leg].Unsearched {
		return nil, fmt.Errorf("leg %d: %w", e.Leg, ErrStale)
	}
	s.Legs[e.Leg].Unsearched = false
	return nil, nil
}

// forget notes of a swap that is opened anew that nothing is known of its legs.
func (s *Swap) forget() {
	s.Restored = true
	for _, leg := range []int{s.In(), s.Out()} {
		s.Legs[leg].Unsearched = true
	}
}

// searching: what the chains hold of the swap is not known yet.
func (s Swap) searching() bool {
	return s.Restored && (s.Legs[s.In()].Unsearched || s.Legs[s.Out()].Unsearched)
}

// mayHaveForgotten: a funding of ours may be out of which not even the id is
// known, or we may have consented to the refund of the incoming leg, which is
// given only by who never funds. Whoever does not remember does not fund, also
// where a deployment takes each lock only once.
func (s Swap) mayHaveForgotten() bool { return s.Restored && s.FundingTx == "" }

// mayBeForsworn: consent to the refund of the incoming leg, given after the copy
// or backup was made, is forgotten. Our leg on the chain shows that none was.
func (s Swap) mayBeForsworn() bool { return s.Restored && !s.Announced }

// forgottenIntent: our leg was spent by consent, and we do not remember for what.
// Most likely its payee took it, so we are still owed the incoming leg.
func (s Swap) forgottenIntent() bool {
	out := s.Legs[s.Out()]
	return s.Restored && out.Status == LegSpentByConsent && out.Intent == IntentNone && s.Legs[s.In()].Status.Locked()
}

// adopt takes a funding that the adapter knows to be ours, since it spends our
// coins, for the one that was forgotten.
func (s *Swap) adopt(leg int, txid string) {
	if s.mayHaveForgotten() && leg == s.Out() && txid != "" {
		s.FundingTx = txid
	}
}

// settleForgotten: a stored funding was signed before the backup and may have
// been sent after it, although nobody remembers. When it is too late for it, it
// is abandoned like one that was sent.
func (s *Swap) settleForgotten() {
	leg := s.Terms.Legs[s.Out()]
	if s.Restored && s.Phase == PhaseAgreed && s.FundingTx != "" && s.Legs[s.Out()].Clock > leg.FundBy {
		s.Phase, s.Announced = PhaseFunding, true
	}
}
