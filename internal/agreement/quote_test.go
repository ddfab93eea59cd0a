package agreement

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

func amounts(pairs ...any) []AssetAmount {
	var out []AssetAmount
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, AssetAmount{pairs[i].(htlc.AssetID), htlc.NewAmount(uint64(pairs[i+1].(int)))})
	}
	return out
}

func TestQuote(t *testing.T) {
	w := newWorld(t)
	q, err := w.a.service.Quote(ctxOf(t), QuoteRequest{Send: sendBTC().Send, Receive: sendBTC().Receive})
	if err != nil {
		t.Fatal(err)
	}
	// Fund 100 at the stress rate is 100 * 3100 / 300, rounded up.
	if want := amounts(btc, 100, eth, 200); !reflect.DeepEqual(q.TotalCost, want) {
		t.Errorf("total %v, want %v", q.TotalCost, want)
	}
	if want := amounts(btc, 1034+3100); !reflect.DeepEqual(q.WorstCase, want) {
		t.Errorf("worst case %v, want %v", q.WorstCase, want)
	}
	if want := amounts(btc, btcReward+1034+3100, eth, 2000); !reflect.DeepEqual(q.Reserved, want) {
		t.Errorf("reserved %v, want %v", q.Reserved, want)
	}
	if want := amounts(eth, 2000); !reflect.DeepEqual(q.Kept, want) {
		t.Errorf("kept for the redeem %v, want %v", q.Kept, want)
	}
	if !q.Initiator || len(q.Legs) != 2 || !q.Legs[0].Payer || q.Legs[1].Payer {
		t.Errorf("roles %+v", q)
	}
	for _, l := range q.Legs {
		if l.OpenIn != time.Unix(l.TimeLock, 0).Sub(w.clock()) || l.OpenIn <= l.RedeemWithin || l.FundWithin <= DefaultValidFor {
			t.Errorf("times of leg %d: %+v", l.Leg, l)
		}
		if l.Min != htlc.NewAmount(10_000) || l.Max.IsZero() || l.RedeemFee != htlc.NewAmount(200) || l.StressRedeem != htlc.NewAmount(2000) {
			t.Errorf("limits and fees of leg %d: %+v", l.Leg, l)
		}
	}
	if q.Legs[0].TimeLock <= q.Legs[1].TimeLock || q.CutOff > q.Legs[1].RedeemBy {
		t.Errorf("the schedule is not that of the terms: %+v, cut-off %d", q.Legs, q.CutOff)
	}
	if len(w.a.holds())+len(w.a.store.all()) != 0 {
		t.Error("a quote left something behind")
	}

	// From the other side the same legs, but our costs are others.
	p, err := w.b.service.Quote(ctxOf(t), QuoteRequest{Send: sendBTC().Receive, Receive: sendBTC().Send, Participant: true})
	if err != nil {
		t.Fatal(err)
	}
	if p.Initiator || p.Legs[0].Asset != btc || p.Legs[0].Payer || !reflect.DeepEqual(p.TotalCost, amounts(eth, 100, btc, 200)) {
		t.Errorf("participant's quote %+v", p)
	}
	// Redeemed bitcoin pays for its own redeem, so nothing is kept back for it.
	if len(p.Kept) != 0 || len(p.Reserved) != 1 || p.Reserved[0].Asset != eth {
		t.Errorf("participant's reservation %v, kept %v", p.Reserved, p.Kept)
	}
}

func TestQuoteNamesTheIssuer(t *testing.T) {
	w := newWorld(t)
	q, err := w.a.service.Quote(ctxOf(t), QuoteRequest{Send: sendBTC().Send, Receive: AssetAmount{token, htlc.NewAmount(50_000)}})
	if err != nil || len(q.TrustNotes) != 1 {
		t.Errorf("%v %v", err, q.TrustNotes)
	}
}

func TestInspectionQuotesTheTicket(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	w.pass(time.Minute)
	in, err := w.b.service.Inspect(ctxOf(t), offer.Ticket())
	if err != nil || len(in.Against) > 0 {
		t.Fatalf("%v %v", err, in.Against)
	}
	r := w.b.accept(offer.Ticket(), true)
	for i, l := range in.Quote.Legs {
		if l.TimeLock != r.Terms.Legs[i].TimeLock || l.FundBy != r.Terms.Legs[i].FundBy {
			t.Errorf("leg %d: the inspection shows other times than the terms have", i)
		}
	}
	if in, err = w.b.service.Inspect(ctxOf(t), offer.Ticket()); err != nil || len(in.Against) > 0 {
		t.Errorf("after accepting it: %v %v", err, in.Against)
	}
}

// TestProfileAtDepth: a deeper leg needs burial in proportion, never less than
// the profile.
func TestProfileAtDepth(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := Profile{MinConfirmations: rapid.Uint32Range(1, 100).Draw(r, "profile"), Timing: testTiming()}
		p.Timing.BuryFund = rapid.Uint32().Draw(r, "bury")
		depth := rapid.Uint32Range(p.MinConfirmations, 10_000).Draw(r, "depth")
		got := p.at(depth)
		if !got.AtLeast(p.Timing) || p.at(p.MinConfirmations) != p.Timing {
			r.Fatalf("%+v", got)
		}
		if depth < 10_000 && !p.at(depth+1).AtLeast(got) {
			r.Fatal("deeper is faster")
		}
	})
}

func TestScale(t *testing.T) {
	n := htlc.NewAmount
	for _, c := range []struct{ v, num, den, want uint64 }{
		{100, 3100, 300, 1034}, {100, 300, 300, 100}, {100, 100, 300, 100}, {100, 5, 0, 100}, {0, 5, 1, 0},
	} {
		if got, err := scale(n(c.v), n(c.num), n(c.den)); err != nil || got != n(c.want) {
			t.Errorf("%+v: %s %v", c, got, err)
		}
	}
	if _, err := scale(htlc.Amount{1}, htlc.Amount{1}, n(1)); err == nil {
		t.Error("overflow passes")
	}
}
