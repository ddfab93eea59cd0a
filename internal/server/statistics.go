package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
)

// Bounds of what Statistics looks through. A swap lives at most as long as its
// ticket and its locks.
const (
	longestSwap = 62 * 24 * time.Hour
	mostCounted = 100_000
)

// pairOf names a pair: what this node pays, and what it is paid.
type pairOf struct{ sends, receives htlc.AssetID }

// tally counts the swaps of a pair.
type tally struct {
	outcomes map[htlc.Outcome]uint64
	took     []time.Duration // of those that were swapped
	costs    map[htlc.AssetID][]htlc.Amount
}

func (h settlement) Statistics(ctx context.Context, req *kofov1.StatisticsRequest) (*kofov1.StatisticsResponse, error) {
	until := h.s.o.Now()
	if req.GetUntil() != nil {
		until = req.GetUntil().AsTime()
	}
	var from time.Time
	if req.GetFrom() != nil {
		from = req.GetFrom().AsTime()
	}
	if !from.Before(until) {
		return nil, refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "from"}, "the period ends before it begins")
	}
	pairs := map[pairOf]*tally{}
	looked := 0
	for at := start(); ; {
		records, err := h.s.o.Records.Recent(ctx, at.before, at.id, defaultPage)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			at = place{r.CreatedAt, r.ID()}
			if looked++; looked > mostCounted {
				return nil, refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "from"}, "more than %d swaps; ask for a shorter period", mostCounted)
			}
			if err := h.count(ctx, r, from, until, pairs); err != nil {
				return nil, err
			}
		}
		if len(records) < defaultPage || !from.IsZero() && at.before.Before(from.Add(-longestSwap)) {
			break
		}
	}
	out := &kofov1.StatisticsResponse{Until: stamp(until), From: stamp(from)}
	for pair, t := range pairs {
		out.Pairs = append(out.Pairs, t.view(pair))
	}
	slices.SortFunc(out.Pairs, func(a, b *kofov1.PairStatistics) int {
		return cmp.Or(cmp.Compare(a.GetSends(), b.GetSends()), cmp.Compare(a.GetReceives(), b.GetReceives()))
	})
	return out, nil
}

// count adds a swap that closed in the period.
func (h settlement) count(ctx context.Context, r agreement.Record, from, until time.Time, pairs map[pairOf]*tally) error {
	if r.State != agreement.StateAgreed {
		return nil
	}
	stored, err := h.s.o.Swaps.Get(ctx, r.Swap())
	if errors.Is(err, store.ErrNotFound) {
		return nil // agreed a moment ago
	}
	if err != nil {
		return err
	}
	swap := stored.Swap
	if swap.Phase != htlc.PhaseClosed || stored.Updated.Before(from) || !stored.Updated.Before(until) {
		return nil
	}
	pair := pairOf{swap.Terms.Legs[swap.Out()].Asset, swap.Terms.Legs[swap.In()].Asset}
	t := pairs[pair]
	if t == nil {
		t = &tally{outcomes: map[htlc.Outcome]uint64{}, costs: map[htlc.AssetID][]htlc.Amount{}}
		pairs[pair] = t
	}
	t.outcomes[swap.Outcome]++
	if swap.Outcome != htlc.OutcomeSwapped {
		return nil
	}
	t.took = append(t.took, stored.Updated.Sub(stored.Created))
	receipt := &kofov1.Swap{}
	if err := h.s.putFees(ctx, receipt, swap); err != nil {
		return err
	}
	for _, total := range receipt.GetFeesTotal() {
		sum, err := htlc.ParseAmount(total.GetAmount())
		if err != nil {
			return err
		}
		coin := htlc.AssetID(total.GetAsset())
		t.costs[coin] = append(t.costs[coin], sum)
	}
	return nil
}

func (t *tally) view(pair pairOf) *kofov1.PairStatistics {
	n := t.outcomes
	out := &kofov1.PairStatistics{
		Sends: string(pair.sends), Receives: string(pair.receives),
		Swapped: n[htlc.OutcomeSwapped], Refunded: n[htlc.OutcomeRefunded], Cancelled: n[htlc.OutcomeCancelled],
		Windfall: n[htlc.OutcomeWindfall], Lost: n[htlc.OutcomeLost], Consented: n[htlc.OutcomeConsented],
	}
	for _, count := range n {
		out.Closed += count
	}
	out.SuccessPermille = uint32(out.GetSwapped() * 1000 / out.GetClosed())
	slices.Sort(t.took)
	if len(t.took) > 0 {
		out.TimeP50, out.TimeP95 = durationpb.New(nearestRank(t.took, 50)), durationpb.New(nearestRank(t.took, 95))
	}
	for coin, paid := range t.costs {
		slices.SortFunc(paid, htlc.Amount.Cmp)
		cost := &kofov1.CostStatistics{
			Asset: string(coin), Swaps: uint64(len(paid)), P50: nearestRank(paid, 50).String(), P95: nearestRank(paid, 95).String(),
		}
		var total htlc.Amount
		for _, p := range paid {
			if sum, err := total.Add(p); err == nil {
				total = sum // fees of all swaps stay far below 2^256
			}
		}
		cost.Total = total.String()
		out.Costs = append(out.Costs, cost)
	}
	slices.SortFunc(out.Costs, func(a, b *kofov1.CostStatistics) int { return cmp.Compare(a.GetAsset(), b.GetAsset()) })
	return out
}

// nearestRank is the smallest value of a sorted list that at least percent of
// 100 do not exceed.
func nearestRank[T any](sorted []T, percent int) T {
	return sorted[(len(sorted)*percent+99)/100-1]
}
