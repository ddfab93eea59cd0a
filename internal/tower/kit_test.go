package tower_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	"github.com/kofo-network/kofo/internal/tower/towertest"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

const (
	btc htlc.ChainID = "bip122:model"
	eth htlc.ChainID = "eip155:7"
)

var (
	errDown = errors.New("no answer")
	self    = htlc.PartyID{1}
)

// site is a tower that may be down.
type site struct {
	host *tower.Host
	kept *towertest.Memory
	down bool
	puts int
}

func newSite(t *testing.T, now func() time.Time, terms tower.Terms) *site {
	t.Helper()
	s := &site{kept: towertest.NewMemory()}
	s.open(t, now, terms)
	return s
}

func (s *site) open(t *testing.T, now func() time.Time, terms tower.Terms) {
	t.Helper()
	w, err := guarded.Load(t.Context(), guarded.Options{Store: s.kept, Quota: terms.Quota, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.host = &tower.Host{Terms: terms, Tower: w, Register: s.kept, Now: now}
}

// sites are called by their address.
type sites map[string]*site

func (s sites) at(to tower.Place) (*site, error) {
	on := s[to.HostPort]
	if on == nil || on.down {
		return nil, errDown
	}
	return on, nil
}

// told is what the wire makes of a refusal.
func told(err error) error {
	for sentinel, reason := range map[error]string{
		guarded.ErrStranger: "TOWER_NO_AGREEMENT", tower.ErrNoAgreement: "TOWER_NO_AGREEMENT", tower.ErrPrice: "TOWER_PRICE",
		guarded.ErrQuota: "TOWER_QUOTA", guarded.ErrInUse: "TOWER_IN_USE",
	} {
		if errors.Is(err, sentinel) {
			return &tower.Refusal{Reason: reason, Text: err.Error()}
		}
	}
	return err
}

func (s sites) Offer(ctx context.Context, to tower.Place) (tower.Offer, error) {
	on, err := s.at(to)
	if err != nil {
		return tower.Offer{}, err
	}
	o, err := on.host.Offer(ctx, self)
	return o, told(err)
}

func (s sites) Register(ctx context.Context, to tower.Place) (int64, error) {
	on, err := s.at(to)
	if err != nil {
		return 0, err
	}
	until, err := on.host.Accept(ctx, self, to.Price)
	return until, told(err)
}

func (s sites) Put(ctx context.Context, to tower.Place, p guarded.Offered) error {
	on, err := s.at(to)
	if err != nil {
		return err
	}
	on.puts++
	return told(on.host.Put(ctx, self, p))
}

func (s sites) Drop(ctx context.Context, to tower.Place, l guarded.Locator) error {
	on, err := s.at(to)
	if err != nil {
		return err
	}
	_, err = on.host.Drop(ctx, self, l)
	return told(err)
}

func (s sites) Has(ctx context.Context, to tower.Place) (map[guarded.Locator]guarded.State, error) {
	on, err := s.at(to)
	if err != nil {
		return nil, err
	}
	own, err := on.host.List(ctx, self)
	out := map[guarded.Locator]guarded.State{}
	for _, p := range own {
		out[p.Locator] = p.State
	}
	return out, told(err)
}

// kit is a guard with two towers and one swap, of bitcoin paid for ether.
type kit struct {
	t       *testing.T
	guard   *tower.Guard
	sites   sites
	terms   tower.Terms
	kept    *towertest.Memory
	funding adapters.Tx
	swap    htlc.Swap
	clock   time.Time
}

func newKit(t *testing.T, required int, change func(*tower.Terms)) *kit {
	k := &kit{t: t, sites: sites{}, kept: towertest.NewMemory(), clock: time.Unix(1_000_000, 0)}
	k.terms = tower.Terms{Strangers: guarded.Quota{Packages: 3, Longest: 24 * time.Hour}, Price: "tea", Chains: []htlc.ChainID{btc, eth}}
	if change != nil {
		change(&k.terms)
	}
	now := func() time.Time { return k.clock }
	k.sites["a:1"], k.sites["b:1"] = newSite(t, now, k.terms), newSite(t, now, k.terms)
	lock := k.clock.Unix() + 3600
	k.swap = htlc.Swap{
		ID: htlc.SwapID{7}, Phase: htlc.PhaseAgreed, Self: 0, Legs: make([]htlc.LegState, 2),
		Terms: htlc.Terms{SecretHash: htlc.SecretHash{3}, Legs: []htlc.Leg{
			{Payer: 0, Payee: 1, Asset: htlc.AssetID(btc + "/slip44:0"), MinConfirmations: 2, TimeLock: lock + 600},
			{Payer: 1, Payee: 0, Asset: htlc.AssetID(eth + "/slip44:60"), MinConfirmations: 2, TimeLock: lock, Deployment: []byte{1}},
		}},
	}
	k.guard = tower.NewGuard(tower.Options{
		Places: []tower.Place{
			{Name: "a", HostPort: "a:1", Party: htlc.PartyID{11}, Price: "tea"}, {Name: "b", HostPort: "b:1", Party: htlc.PartyID{12}, Price: "tea"},
		},
		Required: required, Caller: k.sites, Guards: k.kept, Makers: func(htlc.ChainID) (tower.Maker, error) { return towertest.Maker{}, nil },
		Funding: func(context.Context, htlc.Swap) (adapters.Tx, error) { return k.funding, nil },
		Budget:  func(htlc.Leg) htlc.Amount { return htlc.NewAmount(77) },
		Open:    func() []htlc.Swap { return []htlc.Swap{k.swap} }, Now: now, Log: slog.New(slog.DiscardHandler),
	})
	return k
}

func (k *kit) ensure() error { return k.guard.Ensure(k.t.Context(), k.swap) }

// inside is what a tower keeps under an opener.
func (k *kit) inside(at string, o guarded.Opener) []guarded.Stored {
	k.t.Helper()
	found, err := k.sites[at].kept.Packages(k.t.Context(), o.Locator())
	if err != nil {
		k.t.Fatal(err)
	}
	return found
}

// states say of each spend who guards it.
func (k *kit) states() string {
	k.t.Helper()
	spends, err := k.guard.Guarded(k.t.Context(), k.swap)
	if err != nil {
		k.t.Fatal(err)
	}
	out := ""
	for _, s := range spends {
		out += fmt.Sprintf("%s on %s by", s.Kind, s.Chain)
		for _, by := range s.By {
			out += " " + k.guard.Name(by.Tower)
		}
		if s.Waiting != "" {
			out += " waits"
		}
		out += "; "
	}
	return out
}
