package server

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server/timeline"
)

// statusTime bounds the question to one back end.
const statusTime = 5 * time.Second

// chainService answers ChainService.
type chainService struct {
	kofov1.UnimplementedChainServiceServer
	s *Server
}

// ListChains asks all back ends at the same time: one that hangs delays the
// answer by its own time only.
func (c chainService) ListChains(ctx context.Context, _ *kofov1.ListChainsRequest) (*kofov1.ListChainsResponse, error) {
	out := &kofov1.ListChainsResponse{Chains: make([]*kofov1.Chain, len(c.s.o.Chains))}
	var wait sync.WaitGroup
	for i, chain := range c.s.o.Chains {
		wait.Go(func() { out.Chains[i] = c.s.chainView(ctx, chain) })
	}
	wait.Wait()
	slices.SortFunc(out.Chains, func(a, b *kofov1.Chain) int { return strings.Compare(a.GetId(), b.GetId()) })
	return out, nil
}

func (c chainService) GetChain(ctx context.Context, req *kofov1.GetChainRequest) (*kofov1.GetChainResponse, error) {
	chosen, err := c.s.chosen(req.GetId())
	if err != nil {
		return nil, err
	}
	return &kofov1.GetChainResponse{Chain: c.s.chainView(ctx, chosen[0])}, nil
}

func (s *Server) chainView(ctx context.Context, c Chain) *kofov1.Chain {
	out := &kofov1.Chain{Id: string(c.ID), Name: c.Name, MinConfirmations: c.MinConfirmations, Deployment: c.Deployment}
	out.Depths = depthViews(c.Depths)
	if c.BackEnds != nil {
		out.BackEnds = backEndViews(c.BackEnds())
	}
	if c.Suspended != nil {
		out.Suspension = suspensionView(c.Suspended())
	}
	for _, a := range c.Assets {
		out.Assets = append(out.Assets, &kofov1.Asset{Id: string(a.ID), Symbol: a.Symbol, Decimals: a.Decimals, FeeCoin: a.FeeCoin})
	}
	if cursor, ok := s.o.Engine.Cursor(c.ID); ok {
		out.ProcessedHeight = cursor.Block.Height
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	status, err := c.Purse.Status(ctx)
	if err != nil {
		r, _ := reasonOf(err)
		if errors.Is(err, context.DeadlineExceeded) {
			err = errors.New("the back end does not answer in time")
		}
		out.Problem, out.ProblemReason = err.Error(), string(r)
		return out
	}
	out.Reachable, out.Synced, out.Backend = true, status.Synced, status.Backend
	out.Height, out.Block = status.Tip.Height, blockName(c.ID, status.Tip.Hash)
	out.BlockTime, out.Clock = at(status.Tip.Time), at(status.Tip.Clock)
	if !status.Synced {
		out.Problem, out.ProblemReason = "the back end is still catching up", "CHAIN_NOT_SYNCED"
	}
	return out
}

// blockName is a block's hash as the chain's own tools print it.
func blockName(chain htlc.ChainID, hash [32]byte) string {
	name := hex.EncodeToString(hash[:])
	if chain.Namespace() == "eip155" {
		name = "0x" + name
	}
	return name
}

// nodeService answers NodeService.
type nodeService struct {
	kofov1.UnimplementedNodeServiceServer
	s *Server
}

func (n nodeService) Info(context.Context, *kofov1.InfoRequest) (*kofov1.InfoResponse, error) {
	i := n.s.o.Info
	out := &kofov1.InfoResponse{
		Version: i.Version, Commit: i.Commit, Party: i.Party.String(), PeerAddress: i.PeerAddress,
		Fingerprint: n.s.o.Certificate.Fingerprint, StartedAt: stamp(i.Started), Now: stamp(n.s.o.Now()),
		Store: i.Store, DataVersion: i.DataVersion, OpenSwaps: uint64(len(n.s.o.Engine.Open())),
	}
	for _, c := range n.s.o.Chains {
		out.Chains = append(out.Chains, string(c.ID))
	}
	return out, nil
}

// Shutdown answers first; the node ends once the answer is out.
func (n nodeService) Shutdown(context.Context, *kofov1.ShutdownRequest) (*kofov1.ShutdownResponse, error) {
	open := n.s.o.Engine.Open()
	out := &kofov1.ShutdownResponse{OpenSwaps: uint64(len(open))}
	earliest := int64(0)
	for _, swap := range open {
		if needed := neededBy(swap); needed > 0 && (earliest == 0 || needed < earliest) {
			earliest = needed
		}
	}
	out.NeededBy = at(earliest)
	n.s.o.Shutdown()
	return out, nil
}

// neededBy is when a swap next needs this node: the deadline of what comes
// next, else its time.
func neededBy(swap htlc.Swap) int64 {
	next := timeline.Of(swap, timeline.Look{}).Next
	if next.Deadline > 0 {
		return next.Deadline
	}
	return next.At
}
