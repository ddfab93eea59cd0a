package server

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/internal/store"
)

func (w walletService) ListPayouts(ctx context.Context, _ *kofov1.ListPayoutsRequest) (*kofov1.ListPayoutsResponse, error) {
	guard := w.s.o.Payouts
	rules := guard.Rules()
	out := &kofov1.ListPayoutsResponse{Restricted: rules.Restricted}
	if rules.Restricted && rules.Delay > 0 {
		out.Delay = durationpb.New(rules.Delay)
	}
	for _, account := range rules.Accounts {
		out.Payouts = append(out.Payouts, w.payoutView(store.Payout{Account: account}))
	}
	added, err := guard.Added(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range added {
		if !slices.Contains(rules.Accounts, p.Account) {
			out.Payouts = append(out.Payouts, w.payoutView(p))
		}
	}
	slices.SortFunc(out.Payouts, func(a, b *kofov1.Payout) int { return cmp.Compare(a.GetAccount(), b.GetAccount()) })
	for _, party := range rules.Parties {
		out.Parties = append(out.Parties, party.String())
	}
	for _, l := range rules.Limits {
		moved, err := guard.Moved(ctx, l.Asset)
		if err != nil {
			return nil, err
		}
		limit := &kofov1.PayoutLimit{Asset: string(l.Asset), Moved: moved.String()}
		if !l.PerCall.IsZero() {
			limit.PerCall = l.PerCall.String()
		}
		if !l.PerDay.IsZero() {
			limit.PerDay = l.PerDay.String()
		}
		out.Limits = append(out.Limits, limit)
	}
	return out, nil
}

// payoutView shows an address; one without a time of adding is configured.
func (w walletService) payoutView(p store.Payout) *kofov1.Payout {
	out := &kofov1.Payout{Account: p.Account, Configured: p.Added.IsZero(), AddedBy: p.AddedBy, AddedAt: stamp(p.Added)}
	if w.s.o.Now().Before(p.Usable) {
		out.UsableFrom = stamp(p.Usable)
	}
	return out
}

func (w walletService) AddPayout(ctx context.Context, req *kofov1.AddPayoutRequest) (*kofov1.AddPayoutResponse, error) {
	if _, err := w.s.chosen(chainOfAccount(req.GetAccount())); err != nil {
		return nil, err
	}
	added, err := w.s.o.Payouts.Add(ctx, req.GetAccount(), callerOf(ctx).ID)
	if err != nil {
		return nil, err
	}
	return &kofov1.AddPayoutResponse{Payout: w.payoutView(added)}, nil
}

func (w walletService) RemovePayout(ctx context.Context, req *kofov1.RemovePayoutRequest) (*kofov1.RemovePayoutResponse, error) {
	if err := w.s.o.Payouts.Remove(ctx, req.GetAccount()); err != nil {
		return nil, err
	}
	return &kofov1.RemovePayoutResponse{}, nil
}

// chainOfAccount is the CAIP-2 part of a CAIP-10 id; the protos have checked
// its form.
func chainOfAccount(account string) string { return account[:strings.LastIndexByte(account, ':')] }
