package server

import (
	"context"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
)

// Export puts together what Get and History tell, and places every fee on its
// chain. Settlement itself takes no fee for the service, so that list is empty
// for every swap of this version.
func (h settlement) Export(ctx context.Context, req *kofov1.ExportRequest) (*kofov1.ExportResponse, error) {
	id, err := parseID(req.GetId())
	if err != nil {
		return nil, err
	}
	r, err := h.s.o.Records.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &kofov1.ExportResponse{ExportedAt: stamp(h.s.o.Now())}
	if out.Swap, err = h.s.view(ctx, r); err != nil {
		return nil, err
	}
	if out.History, err = h.everything(ctx, r); err != nil {
		return nil, err
	}
	out.TotalCost = out.GetSwap().GetFeesTotal()
	for _, paid := range out.GetSwap().GetFeesPaid() {
		out.Fees = append(out.Fees, h.placed(paid, out.GetSwap(), out.GetHistory()))
	}
	return out, nil
}

// everything is the whole history of an agreement and its swap.
func (h settlement) everything(ctx context.Context, r agreement.Record) ([]*kofov1.HistoryEntry, error) {
	var entries []*kofov1.HistoryEntry
	for page := (&kofov1.Page{Size: store.MaxPage}); ; {
		part, err := h.History(ctx, &kofov1.HistoryRequest{Id: r.ID().String(), Page: page})
		if err != nil {
			return nil, err
		}
		entries = append(entries, part.GetEntries()...)
		if part.GetNextPageToken() == "" {
			return entries, nil
		}
		page = &kofov1.Page{Size: store.MaxPage, Token: part.GetNextPageToken()}
	}
}

// placed adds where and when a transaction was mined: the last time that the
// history says so, since a block may have been undone before.
func (h settlement) placed(paid *kofov1.FeePaid, swap *kofov1.Swap, history []*kofov1.HistoryEntry) *kofov1.ExportedFee {
	out := &kofov1.ExportedFee{Paid: paid}
	if leg := int(paid.GetLeg()); leg < len(swap.GetLegs()) {
		out.Chain = swap.GetLegs()[leg].GetChain()
	}
	for _, e := range history {
		if e.GetTxid() == paid.GetTxid() && e.GetHeight() > 0 && e.GetKind() != "reorged" {
			out.Height, out.Time = e.GetHeight(), e.GetTime()
		}
	}
	return out
}
