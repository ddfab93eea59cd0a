package server

import (
	"context"

	"github.com/kofo-network/kofo/adapters"
	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
)

// Split makes several coins of few. It pays nobody, so no payout list is asked.
// What counts against the caps of a token and the node's limits is the most that
// it may cost: a thief who splits again and again burns no more than that.
func (w walletService) Split(ctx context.Context, req *kofov1.SplitRequest) (*kofov1.SplitResponse, error) {
	each, err := parseAmount(req.GetAmount())
	if err != nil {
		return nil, err
	}
	chain := each.Asset.Chain()
	if _, known := w.s.assets[each.Asset]; !known {
		return nil, refuse(reason.UnknownAsset, map[string]string{reason.KeyAsset: string(each.Asset)}, "this node does not list %s", each.Asset)
	}
	if each.Amount.IsZero() {
		return nil, refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "amount"}, "the amount is zero")
	}
	most, err := w.splitFee(ctx, req, each.Asset)
	if err != nil {
		return nil, err
	}
	order := adapters.Withdrawal{
		RequestID: callerOf(ctx).ID + "/" + req.GetRequestId(), Asset: each.Asset, To: adapters.ToSelf,
		Amount: each.Amount, Parts: int(req.GetParts()), MaxFee: most,
	}
	var tx adapters.Tx
	// With the amount in its key, since that of a repeated call may be another.
	key := "split/" + req.GetRequestId() + "/" + most.String()
	err = w.s.counted(ctx, key, agreement.AssetAmount{Asset: w.s.feeCoin(chain), Amount: most}, func() (err error) {
		tx, err = w.s.o.Payments.Withdraw(ctx, order)
		return about(err, map[string]string{
			reason.KeyAsset: string(each.Asset), reason.KeyAmount: each.Amount.String(), reason.KeyChain: string(chain),
		})
	}, mayHaveMoved)
	if err != nil {
		return nil, err
	}
	return &kofov1.SplitResponse{Txid: tx.ID, Fee: amount(w.s.feeCoin(chain), tx.Fee)}, nil
}

// splitFee is the most that a split may cost: what the caller says, else what it
// costs to fund as many legs at the stress rate.
func (w walletService) splitFee(ctx context.Context, req *kofov1.SplitRequest, asset htlc.AssetID) (htlc.Amount, error) {
	if req.GetMaxFee() != "" {
		return htlc.ParseAmount(req.GetMaxFee())
	}
	quote, ok := w.s.quotes.get(ctx, w.s.chains[asset.Chain()].Purse, asset)
	if !ok {
		return htlc.Amount{}, refuse(reason.NodeUnreachable, map[string]string{reason.KeyChain: string(asset.Chain())},
			"no back end of %s says what a split costs now", asset.Chain())
	}
	each, most := stressFund(quote), htlc.Amount{}
	for range req.GetParts() {
		var err error
		if most, err = most.Add(each); err != nil {
			return htlc.Amount{}, err
		}
	}
	return most, nil
}
