package server

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// Guards shows which watchtowers guard what; see tower.Guard.
type Guards interface {
	Required() int
	Towers(ctx context.Context) ([]tower.Status, error)
	Guarded(ctx context.Context, s htlc.Swap) ([]tower.Spend, error)
	// Name is what a tower is called here, "" where it is not configured.
	Name(party htlc.PartyID) string
}

type towerService struct {
	kofov1.UnimplementedTowerServiceServer
	s *Server
}

func (t towerService) ListTowers(ctx context.Context, _ *kofov1.ListTowersRequest) (*kofov1.ListTowersResponse, error) {
	known, err := t.s.o.Guards.Towers(ctx)
	if err != nil {
		return nil, err
	}
	out := &kofov1.ListTowersResponse{Required: uint32(t.s.o.Guards.Required())} //nolint:gosec // no more than are listed
	for _, k := range known {
		view := &kofov1.Tower{
			Name: k.Name, Address: k.HostPort, Party: k.Party.String(), Reason: k.Reason(), Price: k.Offer.Price,
			Packages: uint32(min(max(k.Offer.Packages, 0), 1<<30)), Kept: uint64(k.Kept), //nolint:gosec // bounded, and a count
		}
		if k.Err != nil {
			view.Problem = k.Err.Error()
		}
		if k.Offer.Longest > 0 {
			view.Longest = durationpb.New(k.Offer.Longest)
		}
		if k.Offer.AgreedUntil > 0 {
			view.AgreedUntil = stamp(time.Unix(k.Offer.AgreedUntil, 0))
		}
		for _, c := range k.Offer.Chains {
			view.Chains = append(view.Chains, string(c))
		}
		out.Towers = append(out.Towers, view)
	}
	return out, nil
}

func (t towerService) ShowGuards(ctx context.Context, req *kofov1.ShowGuardsRequest) (*kofov1.ShowGuardsResponse, error) {
	id, err := parseID(req.GetSwapId())
	if err != nil {
		return nil, err
	}
	record, err := t.s.o.Swaps.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	spends, err := t.s.o.Guards.Guarded(ctx, record.Swap)
	if err != nil {
		return nil, err
	}
	out := &kofov1.ShowGuardsResponse{SwapId: req.GetSwapId(), Required: uint32(t.s.o.Guards.Required())} //nolint:gosec // no more than are listed
	for _, spend := range spends {
		out.Guards = append(out.Guards, t.guard(spend))
	}
	return out, nil
}

func (t towerService) guard(spend tower.Spend) *kofov1.Guard {
	out := &kofov1.Guard{
		Leg: uint32(spend.Leg), Chain: string(spend.Chain), Spend: string(spend.Kind), Waiting: spend.Waiting, //nolint:gosec // legs are few
		Next: nextOf(spend), At: stamp(time.Unix(spend.Opens, 0)),
	}
	for _, by := range spend.By {
		out.Towers = append(out.Towers, &kofov1.GuardingTower{
			Name: t.s.o.Guards.Name(by.Tower), Party: by.Tower.String(), Until: stamp(time.Unix(by.Until, 0)), KeptAt: stamp(time.Unix(by.KeptAt, 0)),
		})
	}
	return out
}

// nextOf says what a tower waits for.
func nextOf(spend tower.Spend) string {
	switch {
	case spend.Waiting != "":
		return "it is handed over as soon as it can be made"
	case len(spend.By) == 0:
		return "no tower has it: this node alone can do it"
	case spend.Kind == guarded.Refund && spend.Opened:
		return "refunded by a tower soon after the time lock opens, if this node does not"
	case spend.Kind == guarded.Refund:
		return "sealed until the funding is in a block"
	case spend.Opened:
		return "the secret is out: redeemed by a tower before the time lock, if this node does not"
	}
	return "sealed until the secret is seen on a chain"
}
