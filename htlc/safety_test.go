package htlc_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

func TestSafety_A2_ForeignHashRefused(t *testing.T) {
	for hash := range 256 {
		terms := testTerms(btc, eth)
		terms.Hash = uint8(hash)
		err := terms.Validate()
		if (err == nil) != (terms.Hash == htlc.HashSHA256) {
			t.Errorf("hash function %d: %v", hash, err)
		}
		if _, _, errOpen := htlc.Transition(htlc.Swap{}, signed(terms, 0)); (errOpen == nil) != (err == nil) {
			t.Errorf("hash function %d: signed by all, %v", hash, errOpen)
		}
	}
}

// TestSafety_A3_EveryFieldChangeRefused changes every field of the Terms, one
// at a time, by reflection: the id differs and no signature fits any more.
func TestSafety_A3_EveryFieldChangeRefused(t *testing.T) {
	terms := testTerms(btc, eth)
	sigs := signAll(terms)
	fields := 0
	var walk func(path string, v reflect.Value)
	expect := func(path string) {
		fields++
		if terms.ID() == testTerms(btc, eth).ID() {
			t.Errorf("%s is not part of the id", path)
		}
		for i := range sigs {
			if err := htlc.VerifyTerms(terms.Parties[i], terms, sigs[i]); !errors.Is(err, htlc.ErrSignature) {
				t.Errorf("%s changed, and the signature of party %d still fits: %v", path, i, err)
			}
		}
		if _, _, err := htlc.Transition(htlc.Swap{}, htlc.TermsSigned{Terms: terms, Signatures: sigs}); !errors.Is(err, htlc.ErrRejected) {
			t.Errorf("%s changed, and the swap opened: %v", path, err)
		}
	}
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		case reflect.String:
			old := v.String()
			v.SetString(old + "0")
			expect(path)
			v.SetString(old)
		case reflect.Int64:
			v.SetInt(v.Int() + 1)
			expect(path)
			v.SetInt(v.Int() - 1)
		default:
			v.SetUint(v.Uint() ^ 1)
			expect(path)
			v.SetUint(v.Uint() ^ 1)
		}
	}
	walk("terms", reflect.ValueOf(&terms).Elem())
	if terms.ID() != testTerms(btc, eth).ID() {
		t.Fatal("the walk left a change behind")
	}
	if fields < 400 {
		t.Errorf("only %d fields were changed", fields)
	}
	if err := htlc.VerifyAll(terms, sigs); err != nil {
		t.Error(err)
	}
	if err := htlc.VerifyAll(terms, []htlc.Signature{sigs[1], sigs[0]}); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("swapped signatures: %v", err)
	}
	if err := htlc.VerifyAll(terms, sigs[:1]); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("one signature missing: %v", err)
	}
}

func drawTiming(t *rapid.T) htlc.Timing {
	d := func(name string) uint32 { return rapid.Uint32Range(0, 20_000).Draw(t, name) }
	return htlc.Timing{
		ClockLead: d("lead"), ClockLag: d("lag"), FundWindow: d("window"), BuryFund: d("bury fund"),
		BuryRedeem: d("bury redeem"), BuryRefund: d("bury refund"), Sighting: d("sighting"),
	}
}

func drawSchedule(t *rapid.T) htlc.Terms {
	all := []htlc.AssetID{btc, eth, token, ltc}
	terms := testTerms(all[:rapid.IntRange(2, 4).Draw(t, "n")]...)
	terms.Outage = rapid.Uint32Range(0, 100_000).Draw(t, "outage")
	for i := range terms.Legs {
		terms.Legs[i].Timing = drawTiming(t)
	}
	terms, err := terms.WithSchedule(startTime)
	if err != nil {
		t.Fatalf("schedule: %v", err)
	}
	for i := range terms.Legs { // some room here and there, as CheckSchedule permits
		terms.Legs[i].TimeLock += rapid.Int64Range(0, 50).Draw(t, "room") * int64(len(terms.Legs)-i)
	}
	return terms
}

// TestSafety_A4_NoScheduleLosesBothLegs plays the worst case of every accepted
// schedule by its numbers alone, not by the formulas of the schedule.
func TestSafety_A4_NoScheduleLosesBothLegs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := drawSchedule(t)
		if terms.CheckSchedule() != nil {
			return
		}
		for k := 0; k+1 < len(terms.Legs); k++ {
			in, out := terms.Legs[k], terms.Legs[k+1]
			// The payer of out finds its refund opening as late as the clock
			// can be, and as it is about to be buried, a redeem goes before it.
			learnt := out.TimeLock + int64(out.Timing.ClockLag) + int64(out.Timing.BuryRefund) + int64(out.Timing.Sighting)
			buried := learnt + int64(terms.Outage) + int64(in.Timing.BuryRedeem)
			if opens := in.TimeLock - int64(in.Timing.ClockLead); buried > opens {
				t.Fatalf("party %d: its redeem is buried at %d, the other's refund opens at %d", k+1, buried, opens)
			}
		}
		last := terms.Legs[len(terms.Legs)-1]
		// The clock reads the cut-off, and is as late as it can be.
		revealed := terms.CutOff() + int64(last.Timing.ClockLag)
		if opens := last.TimeLock - int64(last.Timing.ClockLead); revealed+int64(last.Timing.BuryRedeem) > opens {
			t.Fatalf("the initiator's redeem is buried %d s after the refund can open", revealed+int64(last.Timing.BuryRedeem)-opens)
		}
	})
}

func TestSafety_A4_TighterTermsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := drawSchedule(t)
		terms, err := terms.WithSchedule(startTime)
		if err != nil {
			t.Fatal(err)
		}
		for i := range terms.Legs {
			for _, d := range []struct {
				field *int64
				err   error
			}{{&terms.Legs[i].TimeLock, htlc.ErrTooTight}, {&terms.Legs[i].FundBy, htlc.ErrFundBy}} {
				*d.field--
				if err := terms.CheckSchedule(); !errors.Is(err, d.err) {
					t.Fatalf("leg %d, a second less: %v, want %v", i, err, d.err)
				}
				*d.field++
			}
			// A second more is room for this leg, unless the next above has none left.
			terms.Legs[i].TimeLock++
			if err := terms.CheckSchedule(); (err != nil) != (i > 0) {
				t.Fatalf("leg %d, a second more: %v", i, err)
			}
			terms.Legs[i].TimeLock--
		}
		terms.AcceptBy = startTime + 1
		if err := terms.CheckSchedule(); !errors.Is(err, htlc.ErrFundBy) {
			t.Fatalf("accepted a second later: %v", err)
		}
	})
}

// TestSafety_A5_ChainClockDecides: each leg goes by the clock of its own
// chain, whatever the other chain reads.
func TestSafety_A5_ChainClockDecides(t *testing.T) {
	s := readyToReveal(t)
	lock, cutOff := s.Terms.Legs[0].TimeLock, s.Terms.CutOff()
	s = tellAll(t, s, htlc.TipAdvanced{Leg: 1, Height: 600, Clock: lock + 5000})
	if s.Refunding || !s.CutOffPassed {
		t.Errorf("leg 1's clock: refunding %v, cut-off passed %v", s.Refunding, s.CutOffPassed)
	}
	s = tellAll(t, readyToReveal(t), htlc.TipAdvanced{Leg: 0, Height: 600, Clock: cutOff + 1})
	if s.Refunding || s.CutOffPassed {
		t.Errorf("leg 0's clock: refunding %v, cut-off passed %v", s.Refunding, s.CutOffPassed)
	}
}

// TestSafety_A5_SkewedBlockTimes: a clock that goes back and forth around the
// time lock asks for a refund only where the chain would take it.
func TestSafety_A5_SkewedBlockTimes(t *testing.T) {
	s := readyToReveal(t)
	lock := s.Terms.Legs[0].TimeLock
	height := uint64(200)
	for _, skew := range []int64{-1, 0, 1, 0, -7200, 1, 2, -60, 7200} {
		height++
		next, effects, err := step(t, coverage{}, s, htlc.TipAdvanced{Leg: 0, Height: height, Clock: lock + skew})
		if err != nil {
			t.Fatal(err)
		}
		asked := false
		for _, e := range effects {
			asked = asked || e.Kind == htlc.EffectRefundLeg
		}
		if asked != (skew > 0) {
			t.Errorf("clock at time lock %+d: refund asked for: %v", skew, asked)
		}
		for _, a := range next.Alarms() {
			if a.Leg == 0 && a.Height == height+1 && skew <= 0 {
				t.Errorf("clock at time lock %+d: wakes with every block", skew)
			}
		}
		s = next
	}
}

// TestSafety_A6_RevealNearTimeLock: a second before, at and after the cut-off,
// by the tip and by the gate's own reading.
func TestSafety_A6_RevealNearTimeLock(t *testing.T) {
	cutOff := testTerms(btc, eth).CutOff()
	for _, d := range []int64{-1, 0, 1} {
		for _, byTip := range []bool{true, false} {
			s := readyToReveal(t)
			if byTip {
				s = tellAll(t, s, htlc.TipAdvanced{Leg: 1, Height: 520, Clock: cutOff + d})
			}
			next, effects, err := step(t, coverage{}, s, htlc.RevealChecked{Facts: revealFacts(cutOff + d)})
			revealed := err == nil && next.Phase == htlc.PhaseRevealing
			asked := len(effects) > 0 && effects[0].Kind == htlc.EffectRevealAndRedeem
			if want := d <= 0; revealed != want || asked != want {
				t.Errorf("cut-off %+d: revealing %v, asked for %v", d, revealed, asked)
			}
			if d > 0 && !next.CutOffPassed {
				t.Errorf("cut-off %+d: the swap may still reveal", d)
			}
			if d > 0 { // and never again, though the clock be set back
				next = tellAll(t, next, htlc.TipAdvanced{Leg: 1, Height: 521, Clock: cutOff - 100})
				if _, _, err := step(t, coverage{}, next, htlc.RevealChecked{Facts: revealFacts(cutOff - 100)}); !errors.Is(err, htlc.ErrStale) {
					t.Errorf("revealed after the cut-off: %v", err)
				}
			}
		}
	}
}

// TestSafety_A10_RedeemAtTimeLock: a redeem a second before, at and after the
// time lock counts as one, with a refund in the same block in either order.
func TestSafety_A10_RedeemAtTimeLock(t *testing.T) {
	for _, d := range []int64{-1, 0, 1} {
		s := tellAll(t, readyToFund(t, 1),
			htlc.FundingChecked{Facts: fundingFacts(startTime + 100)}, htlc.Submitted{Leg: 1, Purpose: htlc.PurposeFund, TxID: "fund"},
			htlc.LegFunded{Leg: 1, TxID: "fund", Ref: "slot1", Block: block(510)})
		s = tellAll(t, s, htlc.TipAdvanced{Leg: 1, Height: 900, Clock: s.Terms.Legs[1].TimeLock + d})
		if s.Refunding != (d > 0) {
			t.Fatalf("time lock %+d: refunding %v", d, s.Refunding)
		}
		redeemed := htlc.LegRedeemed{Leg: 1, TxID: "redeem1", Secret: testSecret(), Block: block(901)}
		refunded := htlc.LegRefunded{Leg: 1, TxID: "refund1", Block: block(901)}
		won := tellAll(t, s, redeemed)
		if won.Phase != htlc.PhaseRedeeming || won.Legs[1].Status != htlc.LegSpentRedeemed {
			t.Errorf("time lock %+d: %s, leg %s", d, won.Phase, won.Legs[1].Status)
		}
		if _, _, err := step(t, coverage{}, won, refunded); !errors.Is(err, htlc.ErrStale) {
			t.Errorf("time lock %+d: a refund after the redeem: %v", d, err)
		}
		other, _, err := step(t, coverage{}, tellAll(t, s, refunded), redeemed)
		if err != nil || other.Phase != htlc.PhaseRedeeming || other.Legs[1].Status != htlc.LegSpentRefunded {
			t.Errorf("time lock %+d: a redeem told after the refund: %s, leg %s, %v", d, other.Phase, other.Legs[1].Status, err)
		}
	}
}

// inOrder is one source of messages, which tells them in its order.
type inOrder []htlc.Event

// TestSafety_D5_ShuffledAndTripled: the messages of a swap, each three times
// and the sources interleaved at random, lead to one final state.
func TestSafety_D5_ShuffledAndTripled(t *testing.T) {
	for self := range 2 {
		start := readyToReveal(t)
		if self == 1 {
			start = tellAll(t, readyToFund(t, 1), htlc.FundingChecked{Facts: fundingFacts(startTime + 100)})
		}
		in, out := start.In(), start.Out()
		ref := []string{"fund0:0", "slot1"}
		leg := func(i int) inOrder {
			return inOrder{
				htlc.LegSeen{Leg: i, TxID: "fund"}, htlc.LegFunded{Leg: i, TxID: "fund", Ref: ref[i], Block: block(510)},
				htlc.SecretSeen{Leg: i, TxID: "redeem", Secret: testSecret()},
				htlc.LegRedeemed{Leg: i, TxID: "redeem", Secret: testSecret(), Block: block(530)},
			}
		}
		sources := []inOrder{
			{leg(out)[2], htlc.Submitted{Leg: in, Purpose: htlc.PurposeRedeem, TxID: "redeem"}},
			{htlc.Submitted{Leg: out, Purpose: htlc.PurposeFund, TxID: "fund"}},
		}
		for _, e := range append(leg(out), leg(in)[2:]...) {
			sources = append(sources, inOrder{e}) // what chains tell comes in any order
		}
		want := ""
		for seed := range uint64(300) {
			rng := rand.New(rand.NewPCG(seed, 5))
			s := start
			for _, e := range tripled(rng, sources) {
				if next, _, err := step(t, coverage{}, s, e); err == nil {
					s = next
				} else if errors.Is(err, htlc.ErrRejected) {
					t.Fatal(err)
				}
			}
			for _, l := range []int{0, 1} {
				s = tellAll(t, s, htlc.TipAdvanced{Leg: l, Height: 530 + uint64(l), Clock: startTime + 900})
			}
			s.Version, s.RedeemTx = 0, "redeem"
			if got := fmt.Sprintf("%+v", s); want == "" {
				want = got
			} else if got != want {
				t.Fatalf("party %d, seed %d:\n%s\nand before:\n%s", self, seed, got, want)
			}
			s = tellAll(t, s, htlc.TipAdvanced{Leg: 0, Height: 532, Clock: startTime + 901}, htlc.TipAdvanced{Leg: 1, Height: 532, Clock: startTime + 901})
			if s.Outcome != htlc.OutcomeSwapped {
				t.Fatalf("party %d, seed %d: %s %s", self, seed, s.Phase, s.Outcome)
			}
		}
	}
}

// tripled interleaves the sources and repeats each message twice, later.
func tripled(rng *rand.Rand, sources []inOrder) []htlc.Event {
	var first []htlc.Event
	rest := append([]inOrder(nil), sources...)
	for len(rest) > 0 {
		i := rng.IntN(len(rest))
		first = append(first, rest[i][0])
		if rest[i] = rest[i][1:]; len(rest[i]) == 0 {
			rest = append(rest[:i], rest[i+1:]...)
		}
	}
	out := append([]htlc.Event(nil), first...)
	for range 2 {
		for _, e := range first {
			after := 0
			for i := range out {
				if reflect.DeepEqual(out[i], e) {
					after = i + 1
					break
				}
			}
			at := after + rng.IntN(len(out)-after+1)
			out = append(out[:at], append([]htlc.Event{e}, out[at:]...)...)
		}
	}
	return out
}

// TestSafety_D7_ClockSkew: the core reads no clock of its own, and a chain's
// clock that jumps by minutes or days, both ways, neither reveals past the
// cut-off nor refunds before the time lock; back in step, the swap goes on.
func TestSafety_D7_ClockSkew(t *testing.T) {
	for _, skew := range []int64{600, -600, 86_400, -86_400} {
		s := readyToReveal(t)
		now := s.Legs[1].Clock + skew
		s = tellAll(t, s, htlc.TipAdvanced{Leg: 1, Height: 520, Clock: now})
		next, _, _ := step(t, coverage{}, s, htlc.RevealChecked{Facts: revealFacts(now)})
		untold, _, _ := step(t, coverage{}, readyToReveal(t), htlc.RevealChecked{Facts: revealFacts(now)})
		late := now > s.Terms.CutOff()
		if (next.Phase == htlc.PhaseRevealing) == late || (untold.Phase == htlc.PhaseRevealing) == late {
			t.Errorf("skew %d s: %s, and %s where no tip was told; late: %v", skew, next.Phase, untold.Phase, late)
		}
		s = readyToReveal(t)
		s = tellAll(t, s, htlc.TipAdvanced{Leg: 0, Height: 520, Clock: startTime + skew})
		if s.Refunding != (startTime+skew > s.Terms.Legs[0].TimeLock) {
			t.Errorf("skew %d s: refunding %v", skew, s.Refunding)
		}
		s = tellAll(t, s, htlc.TipAdvanced{Leg: 0, Height: 521, Clock: startTime + 300})
		if s.Wants(htlc.Effect{Kind: htlc.EffectRefundLeg, Leg: 0}) {
			t.Errorf("skew %d s: a refund is wanted after the clock is right again", skew)
		}
	}
}
