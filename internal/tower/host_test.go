package tower_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// Nobody keeps anything without an agreement; each ends with its time, and when
// the price changes.
func TestAgreement(t *testing.T) {
	clock := time.Unix(1_000_000, 0)
	now := func() time.Time { return clock }
	listed := htlc.PartyID{5}
	terms := tower.Terms{Listed: map[htlc.PartyID]guarded.Quota{listed: {Packages: 1, Longest: time.Hour}}, Price: "tea"}
	s := newSite(t, now, terms)
	put := func(from htlc.PartyID) error {
		o := guarded.RefundOpener("x")
		return s.host.Put(t.Context(), from, guarded.Offered{Locator: o.Locator(), Kind: guarded.Refund, Bytes: []byte{1}, Until: clock.Unix() + 60})
	}
	if err := put(listed); !errors.Is(err, tower.ErrNoAgreement) {
		t.Errorf("without an agreement: %v", err)
	}
	if _, err := s.host.Accept(t.Context(), htlc.PartyID{6}, "tea"); !errors.Is(err, guarded.ErrStranger) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := s.host.Accept(t.Context(), listed, ""); !errors.Is(err, tower.ErrPrice) {
		t.Errorf("for nothing: %v", err)
	}
	until, err := s.host.Accept(t.Context(), listed, "tea")
	if err != nil || until != clock.Unix()+3600 {
		t.Fatal(until, err)
	}
	if err := put(listed); err != nil {
		t.Error(err)
	}
	if offer, err := s.host.Offer(t.Context(), listed); err != nil || offer.AgreedUntil != until || offer.Price != "tea" || offer.Packages != 1 {
		t.Errorf("%+v, %v", offer, err)
	}
	terms.Price = "coffee"
	s.open(t, now, terms)
	if err := put(listed); !errors.Is(err, tower.ErrNoAgreement) {
		t.Errorf("after the price has changed: %v", err)
	}
	terms.Price = "tea"
	s.open(t, now, terms)
	clock = clock.Add(2 * time.Hour)
	if err := put(listed); !errors.Is(err, tower.ErrNoAgreement) {
		t.Errorf("after its time: %v", err)
	}
	if offer, err := s.host.Offer(t.Context(), listed); err != nil || offer.AgreedUntil != 0 {
		t.Errorf("%+v, %v", offer, err)
	}
}
