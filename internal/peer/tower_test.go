package peer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer/wire"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// shelf is a tower that notes who asks for what.
type shelf struct {
	from htlc.PartyID
	kept []guarded.Stored
	err  error
}

func (s *shelf) Offer(_ context.Context, from htlc.PartyID) (tower.Offer, error) {
	s.from = from
	return tower.Offer{
		Quota: guarded.Quota{Packages: 5, Longest: 36 * time.Hour, Price: "tea\x1b[31m"}, Chains: []htlc.ChainID{"eip155:7"}, AgreedUntil: 9,
	}, s.err
}

func (s *shelf) Accept(_ context.Context, from htlc.PartyID, price string) (int64, error) {
	s.from = from
	if price != "tea" {
		return 0, tower.ErrPrice
	}
	return 77, s.err
}

func (s *shelf) Put(_ context.Context, from htlc.PartyID, p guarded.Offered) error {
	s.from = from
	if s.err == nil {
		s.kept = append(s.kept, guarded.Stored{Locator: p.Locator, Kind: p.Kind, Bytes: p.Bytes, Until: p.Until, Task: guarded.Task{TxID: p.Seen}})
	}
	return s.err
}

func (s *shelf) List(context.Context, htlc.PartyID) ([]guarded.Stored, error) { return s.kept, s.err }

func (s *shelf) Drop(_ context.Context, _ htlc.PartyID, l guarded.Locator) (bool, error) {
	return len(s.kept) > 0 && s.kept[0].Locator == l, s.err
}

func (s *shelf) place(t *testing.T) tower.Place {
	t.Helper()
	to := serveAll(t, key(1), wire.Services{Tower: s})
	return tower.Place{HostPort: to.HostPort, Party: to.Party, Price: "tea"}
}

func towersOf(seed byte) Towers { return Towers{Client{Identity: key(seed)}} }

// TestTower: what is asked arrives whole, from whom the certificate says.
func TestTower(t *testing.T) {
	s := &shelf{}
	to, as := s.place(t), towersOf(2)
	offer, err := as.Offer(ctxOf(t), to)
	if err != nil || offer.Packages != 5 || offer.Longest != 36*time.Hour || offer.Price != "tea [31m" || len(offer.Chains) != 1 || offer.AgreedUntil != 9 {
		t.Errorf("%+v, %v", offer, err)
	}
	if s.from != party(key(2)) {
		t.Errorf("asked by %s", s.from)
	}
	if until, err := as.Register(ctxOf(t), to); err != nil || until != 77 {
		t.Error(until, err)
	}
	large := guarded.Offered{
		Locator: guarded.Locator{4}, Kind: guarded.Redeem, Bytes: []byte(strings.Repeat("p", guarded.MaxPackage)), Until: 99, Seen: "tx:0",
	}
	if err := as.Put(ctxOf(t), to, large); err != nil {
		t.Fatal(err)
	}
	if got := s.kept[0]; got.Locator != large.Locator || got.Kind != large.Kind || len(got.Bytes) != len(large.Bytes) || got.Until != 99 || got.TxID != "tx:0" {
		t.Errorf("%+v", got)
	}
	if has, err := as.Has(ctxOf(t), to); err != nil || len(has) != 1 {
		t.Errorf("%v, %v", has, err)
	}
	if err := as.Drop(ctxOf(t), to, large.Locator); err != nil {
		t.Error(err)
	}
}

// TestTowerListsInPages: a tower with many packages tells them all.
func TestTowerListsInPages(t *testing.T) {
	s := &shelf{}
	for i := range 1203 {
		s.kept = append(s.kept, guarded.Stored{Locator: guarded.Locator{byte(i >> 8), byte(i), 1}, Kind: guarded.Refund, Task: guarded.Task{State: guarded.Sealed}})
	}
	has, err := towersOf(2).Has(ctxOf(t), s.place(t))
	if err != nil || len(has) != len(s.kept) {
		t.Errorf("%d of %d, %v", len(has), len(s.kept), err)
	}
}

// TestTowerRefuses: what a tower refuses has its reason, and nothing else is told.
func TestTowerRefuses(t *testing.T) {
	for err, want := range map[error]reason.Reason{
		guarded.ErrStranger: reason.TowerNoAgreement, tower.ErrNoAgreement: reason.TowerNoAgreement, tower.ErrPrice: reason.TowerPrice,
		guarded.ErrQuota: reason.TowerQuota, guarded.ErrTooLong: reason.TowerTooLong, guarded.ErrInUse: reason.TowerInUse,
		guarded.ErrPackage: reason.TowerPackage, guarded.ErrSealed: reason.TowerPackage, errors.New("/var/lib detail"): "",
	} {
		s := &shelf{err: err}
		got := towersOf(2).Put(ctxOf(t), s.place(t), guarded.Offered{Kind: guarded.Refund, Bytes: []byte{1}, Until: 1})
		var no *tower.Refusal
		if errors.As(got, &no) != (want != "") || no != nil && no.Reason != string(want) || strings.Contains(got.Error(), "detail") {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestTowerBounds: nobody's calls and what is out of bounds reach no tower.
func TestTowerBounds(t *testing.T) {
	s := &shelf{}
	to := s.place(t)
	good := guarded.Offered{Kind: guarded.Refund, Bytes: []byte{1}, Until: 1}
	if err := (Towers{}).Put(ctxOf(t), to, good); err == nil || s.kept != nil {
		t.Errorf("a caller without a certificate: %v", err)
	}
	other := to
	other.Party = party(key(3))
	if err := towersOf(2).Put(ctxOf(t), other, good); err == nil {
		t.Error("a tower with another key is talked to")
	}
	for name, change := range map[string]func(*guarded.Offered){
		"package": func(p *guarded.Offered) { p.Bytes = make([]byte, 2*guarded.MaxPackage) },
		"seen":    func(p *guarded.Offered) { p.Seen = strings.Repeat("s", 256) },
	} {
		p := good
		change(&p)
		if err := towersOf(2).Put(ctxOf(t), to, p); err == nil || s.kept != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Client{Identity: key(2)}).Answer(ctxOf(t), agreement.Address{HostPort: to.HostPort, Party: to.Party}, htlc.Salt{7}, "kofo1x"); err == nil {
		t.Error("a tower answers tickets")
	}
}

// limitsFor are generous ones that let packages through where there is a tower.
func limitsFor(parts wire.Services) Limits {
	l := generous()
	if parts.Tower != nil {
		l.Message = TowerLimits().Message
	}
	return l
}
