package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	peerv1 "github.com/kofo-network/kofo/api/gen/kofo/peer/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// Bounds of the messages to and from towers.
const (
	// MaxTowerMessage is a package and its frame.
	MaxTowerMessage = guarded.MaxPackage + 1024

	maxPrice  = 200
	maxChains = 64
	towerPage = 500
)

// Tower is what a watchtower does for others; tower.Host is one. Whoever asks has
// proved to be from.
type Tower interface {
	Offer(ctx context.Context, from htlc.PartyID) (tower.Offer, error)
	Accept(ctx context.Context, from htlc.PartyID, price string) (until int64, err error)
	Put(ctx context.Context, from htlc.PartyID, p guarded.Offered) error
	List(ctx context.Context, from htlc.PartyID) ([]guarded.Stored, error)
	Drop(ctx context.Context, from htlc.PartyID, l guarded.Locator) (bool, error)
}

type towerServer struct {
	peerv1.UnimplementedTowerServiceServer
	tower Tower
}

var kinds = map[peerv1.PackageKind]guarded.Kind{
	peerv1.PackageKind_PACKAGE_KIND_REFUND: guarded.Refund, peerv1.PackageKind_PACKAGE_KIND_REDEEM: guarded.Redeem,
}

func kindOut(k guarded.Kind) peerv1.PackageKind {
	if k == guarded.Refund {
		return peerv1.PackageKind_PACKAGE_KIND_REFUND
	}
	return peerv1.PackageKind_PACKAGE_KIND_REDEEM
}

// owner is who calls. A caller without a certificate is nobody.
func owner(ctx context.Context, version uint32) (htlc.PartyID, error) {
	from, ok := Caller(ctx)
	switch {
	case !ok:
		return from, reason.Error(reason.Unauthenticated, "who calls a tower shows the certificate of its party", nil)
	case version != Version:
		return from, reason.Error(reason.TicketVersion, fmt.Sprintf("messages of version %d are not known here", version), nil)
	}
	return from, nil
}

func (s *towerServer) Offer(ctx context.Context, req *peerv1.OfferRequest) (*peerv1.OfferResponse, error) {
	from, err := owner(ctx, req.GetVersion())
	if err != nil {
		return nil, err
	}
	offer, err := s.tower.Offer(ctx, from)
	if err != nil {
		return nil, towerError(err)
	}
	out := &peerv1.OfferResponse{
		Version: Version, Packages: uint32(min(offer.Packages, 1<<30)), LongestSeconds: uint64(offer.Longest / time.Second), //nolint:gosec // bounded by the configuration
		Price: offer.Price, AgreedUntil: offer.AgreedUntil,
	}
	for _, c := range offer.Chains {
		out.Chains = append(out.Chains, string(c))
	}
	return out, nil
}

func (s *towerServer) Register(ctx context.Context, req *peerv1.RegisterRequest) (*peerv1.RegisterResponse, error) {
	from, err := owner(ctx, req.GetVersion())
	if err != nil {
		return nil, err
	}
	if len(req.GetPrice()) > maxPrice {
		return nil, reason.Error(reason.InvalidArgument, "the price is too long", nil)
	}
	until, err := s.tower.Accept(ctx, from, req.GetPrice())
	if err != nil {
		return nil, towerError(err)
	}
	return &peerv1.RegisterResponse{Version: Version, Until: until}, nil
}

func (s *towerServer) Put(ctx context.Context, req *peerv1.PutRequest) (*peerv1.PutResponse, error) {
	from, err := owner(ctx, req.GetVersion())
	if err != nil {
		return nil, err
	}
	kind, known := kinds[req.GetKind()]
	if !known || len(req.GetLocator()) != guarded.LocatorSize || len(req.GetSeen()) > maxRef {
		return nil, reason.Error(reason.InvalidArgument, "kind, locator or seen is none", nil)
	}
	err = s.tower.Put(ctx, from, guarded.Offered{
		Locator: guarded.Locator(req.GetLocator()), Kind: kind, Bytes: req.GetPackage(), Until: req.GetUntil(), Seen: req.GetSeen(),
	})
	if err != nil {
		return nil, towerError(err)
	}
	return &peerv1.PutResponse{Version: Version, Until: req.GetUntil()}, nil
}

func (s *towerServer) List(ctx context.Context, req *peerv1.ListRequest) (*peerv1.ListResponse, error) {
	from, err := owner(ctx, req.GetVersion())
	if err != nil {
		return nil, err
	}
	own, err := s.tower.List(ctx, from)
	if err != nil {
		return nil, towerError(err)
	}
	out := &peerv1.ListResponse{Version: Version}
	for _, p := range own {
		if bytes.Compare(p.Locator[:], req.GetAfter()) <= 0 {
			continue
		}
		if len(out.Packages) == towerPage {
			out.More = true
			break
		}
		out.Packages = append(out.Packages, &peerv1.KeptPackage{
			Locator: p.Locator[:], Kind: kindOut(p.Kind), Until: p.Until, State: string(p.State), Txid: p.TxID,
		})
	}
	return out, nil
}

func (s *towerServer) Drop(ctx context.Context, req *peerv1.DropRequest) (*peerv1.DropResponse, error) {
	from, err := owner(ctx, req.GetVersion())
	if err != nil {
		return nil, err
	}
	if len(req.GetLocator()) != guarded.LocatorSize {
		return nil, reason.Error(reason.InvalidArgument, "the locator is none", nil)
	}
	dropped, err := s.tower.Drop(ctx, from, guarded.Locator(req.GetLocator()))
	if err != nil {
		return nil, towerError(err)
	}
	return &peerv1.DropResponse{Version: Version, Dropped: dropped}, nil
}

// towerReasons are the errors that are the caller's business.
var towerReasons = []struct {
	err    error
	reason reason.Reason
}{
	{guarded.ErrStranger, reason.TowerNoAgreement}, {tower.ErrNoAgreement, reason.TowerNoAgreement},
	{tower.ErrPrice, reason.TowerPrice}, {guarded.ErrQuota, reason.TowerQuota}, {guarded.ErrTooLong, reason.TowerTooLong},
	{guarded.ErrInUse, reason.TowerInUse}, {guarded.ErrPackage, reason.TowerPackage}, {guarded.ErrSealed, reason.TowerPackage},
}

func towerError(err error) error {
	for _, known := range towerReasons {
		if errors.Is(err, known.err) {
			return reason.Error(known.reason, err.Error(), nil)
		}
	}
	return reason.Error(reason.Internal, "the tower could not do it", nil)
}

// told makes what a tower refuses a *tower.Refusal.
func told(what string, err error) error {
	r, _ := reason.Of(err)
	if info, known := reason.Lookup(r); known && r != reason.Internal && reason.Carried(err) {
		return &tower.Refusal{Reason: string(r), Text: printable(info.Text)}
	}
	return fmt.Errorf("%s: %w", what, err)
}

func same(version uint32, err error, what string) error {
	if err != nil {
		return told(what, err)
	}
	if version != Version {
		return fmt.Errorf("%w: version %d", ErrMalformed, version)
	}
	return nil
}

// TowerOffer asks a tower for its terms.
func TowerOffer(ctx context.Context, conn grpc.ClientConnInterface) (tower.Offer, error) {
	res, err := peerv1.NewTowerServiceClient(conn).Offer(ctx, &peerv1.OfferRequest{Version: Version})
	if err := same(res.GetVersion(), err, "ask the tower for its terms"); err != nil {
		return tower.Offer{}, err
	}
	longest := time.Duration(min(res.GetLongestSeconds(), uint64(100*365*24*3600))) * time.Second
	out := tower.Offer{
		Quota:       guarded.Quota{Packages: int(res.GetPackages()), Longest: longest, Price: printable(res.GetPrice())},
		AgreedUntil: res.GetAgreedUntil(),
	}
	if len(res.GetPrice()) > maxPrice || len(res.GetChains()) > maxChains {
		return tower.Offer{}, fmt.Errorf("%w: terms of a tower", ErrMalformed)
	}
	for _, c := range res.GetChains() {
		id := htlc.ChainID(c)
		if err := id.Validate(); err != nil {
			return tower.Offer{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		out.Chains = append(out.Chains, id)
	}
	return out, nil
}

// TowerRegister agrees to a tower's price.
func TowerRegister(ctx context.Context, conn grpc.ClientConnInterface, price string) (int64, error) {
	res, err := peerv1.NewTowerServiceClient(conn).Register(ctx, &peerv1.RegisterRequest{Version: Version, Price: price})
	return res.GetUntil(), same(res.GetVersion(), err, "register with the tower")
}

// TowerPut hands over a package.
func TowerPut(ctx context.Context, conn grpc.ClientConnInterface, p guarded.Offered) error {
	res, err := peerv1.NewTowerServiceClient(conn).Put(ctx, &peerv1.PutRequest{
		Version: Version, Locator: p.Locator[:], Kind: kindOut(p.Kind), Package: p.Bytes, Until: p.Until, Seen: p.Seen,
	})
	return same(res.GetVersion(), err, "hand a package to the tower")
}

// TowerDrop makes a tower forget a package.
func TowerDrop(ctx context.Context, conn grpc.ClientConnInterface, l guarded.Locator) error {
	res, err := peerv1.NewTowerServiceClient(conn).Drop(ctx, &peerv1.DropRequest{Version: Version, Locator: l[:]})
	return same(res.GetVersion(), err, "take a package back from the tower")
}

// TowerHas tells which packages a tower keeps for us.
func TowerHas(ctx context.Context, conn grpc.ClientConnInterface) (map[guarded.Locator]guarded.State, error) {
	client, out := peerv1.NewTowerServiceClient(conn), map[guarded.Locator]guarded.State{}
	for after := []byte(nil); ; {
		res, err := client.List(ctx, &peerv1.ListRequest{Version: Version, After: after})
		if err := same(res.GetVersion(), err, "ask the tower what it keeps"); err != nil {
			return nil, err
		}
		for _, p := range res.GetPackages() {
			if len(p.GetLocator()) != guarded.LocatorSize || bytes.Compare(p.GetLocator(), after) <= 0 {
				return nil, fmt.Errorf("%w: a list of packages", ErrMalformed)
			}
			after = p.GetLocator()
			out[guarded.Locator(after)] = guarded.State(p.GetState())
		}
		if !res.GetMore() || len(res.GetPackages()) == 0 {
			return out, nil
		}
	}
}
