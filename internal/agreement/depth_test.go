package agreement

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

// steps are a policy whose depth grows with the amount.
func steps(asset htlc.AssetID) []DepthStep {
	return []DepthStep{
		{Asset: "other:chain/slip44:1", MinConfirmations: 99},
		{Asset: asset, UpTo: htlc.NewAmount(100), MinConfirmations: 2},
		{Asset: asset, UpTo: htlc.NewAmount(1000), MinConfirmations: 6},
		{Asset: asset, MinConfirmations: 12},
	}
}

func TestDepthGrowsWithTheAmount(t *testing.T) {
	p := Profile{MinConfirmations: 3, Timing: testTiming(), Steps: steps(btc)}
	for amount, want := range map[uint64]uint32{1: 3, 100: 3, 101: 6, 1000: 6, 1001: 12, 1 << 60: 12} {
		if got := p.Depth(btc, htlc.NewAmount(amount)); got != want {
			t.Errorf("%d wants %d confirmations, not %d", amount, got, want)
		}
	}
	if got := p.Depth(eth, htlc.NewAmount(1<<60)); got != 3 {
		t.Errorf("an asset without steps wants %d", got)
	}
	rapid.Check(t, func(r *rapid.T) {
		a, b := rapid.Uint64().Draw(r, "a"), rapid.Uint64().Draw(r, "b")
		if a > b {
			a, b = b, a
		}
		if p.Depth(btc, htlc.NewAmount(a)) > p.Depth(btc, htlc.NewAmount(b)) {
			t.Errorf("%d waits longer than %d", a, b)
		}
	})
}

// deepen gives both nodes a policy for large amounts of bitcoin.
func deepen(p *node) {
	c := p.service.chains[btc.Chain()]
	c.Profile.Steps = []DepthStep{{Asset: btc, UpTo: htlc.NewAmount(1), MinConfirmations: 3}, {Asset: btc, MinConfirmations: 6}}
	p.service.chains[btc.Chain()] = c
}

func TestDepthStandsInQuoteAndTerms(t *testing.T) {
	w := newWorld(t)
	deepen(w.a)
	deepen(w.b)
	req := sendBTC()
	req.Depths = Depths{eth.Chain(): 9}
	q, err := w.a.service.Quote(ctxOf(t), QuoteRequest{Send: req.Send, Receive: req.Receive, Depths: req.Depths})
	if err != nil || q.Legs[0].MinConfirmations != 6 || q.Legs[1].MinConfirmations != 9 {
		t.Fatalf("quoted %+v, %v", q.Legs, err)
	}
	offer := w.a.offer(req).Offer
	base := testTiming()
	if offer.Gives.MinConfirmations != 6 || offer.Gives.Timing.BuryRedeem != 2*base.BuryRedeem {
		t.Errorf("the amount deepens neither leg nor schedule: %+v", offer.Gives)
	}
	if offer.Wants.MinConfirmations != 9 || offer.Wants.Timing.BuryFund != 3*base.BuryFund || offer.Wants.Timing.ClockLag != base.ClockLag {
		t.Errorf("the wish deepens neither leg nor schedule: %+v", offer.Wants)
	}
}

// The other party's Terms are judged by the own policy for the amount.
func TestShallowTermsForALargeAmountAreRefused(t *testing.T) {
	w := newWorld(t)
	deepen(w.b)
	ticket := w.a.offer(sendBTC()).Ticket()
	_, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket})
	var e *Error
	if !errors.As(err, &e) || e.Reason != TermsInvalid || e.Meta["chain"] != string(btc.Chain()) {
		t.Fatalf("accepted three confirmations where the policy wants six: %v", err)
	}
}

func TestDepthsThatAreNoneAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, depths := range map[string]Depths{
		"weaker than the policy": {btc.Chain(): 2}, "no chain of the swap": {"eip155:31337": 9}, "too deep": {btc.Chain(): MaxDepth + 1},
	} {
		req := sendBTC()
		req.Depths = depths
		if _, err := w.a.service.Offer(ctxOf(t), req); ReasonOf(err) != TermsInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	ticket := w.a.offer(sendBTC()).Ticket()
	for name, depths := range map[string]Depths{"deeper than the ticket": {btc.Chain(): 4}, "no chain of the swap": {"eip155:31337": 1}} {
		if _, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket, Depths: depths}); ReasonOf(err) != TermsInvalid {
			t.Errorf("accept, %s: %v", name, err)
		}
	}
	if _, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket, Depths: Depths{btc.Chain(): 3}}); err != nil {
		t.Errorf("the ticket's own depth: %v", err)
	}
}
