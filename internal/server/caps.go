package server

import (
	"context"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
)

// capped checks what a call moves against the caps of the caller's token. With
// any cap given, an asset without one can't be moved. What the node is paid
// counts for being allowed at all, not for the amount.
func (s *Server) capped(ctx context.Context, moved agreement.AssetAmount, paid ...agreement.AssetAmount) error {
	caps := callerOf(ctx).Caps
	if len(caps) == 0 {
		return nil
	}
	for _, p := range append(paid, moved) {
		if _, ok := caps[p.Asset]; !ok {
			return refuse(reason.CapExceeded, map[string]string{reason.KeyAsset: string(p.Asset)}, "the token may not move %s", p.Asset)
		}
	}
	most := caps[moved.Asset]
	if moved.Amount.Cmp(most) <= 0 {
		return nil
	}
	return refuse(reason.CapExceeded, map[string]string{
		reason.KeyAsset: string(moved.Asset), reason.KeyMax: most.String(), reason.KeyNeed: moved.Amount.String(),
	}, "%s of %s is more than the token's cap of %s", moved.Amount, moved.Asset, most)
}

// cappedTicket is capped for what accepting a ticket would move. A text that
// is no ticket is left to Accept, which says what is wrong with it.
func (s *Server) cappedTicket(ctx context.Context, ticket string) error {
	signed, err := htlc.ParseTicket(ticket)
	if err != nil {
		return nil //nolint:nilerr // Accept gives the error, with its reason
	}
	gives, wants := signed.Offer.Gives, signed.Offer.Wants
	return s.capped(ctx,
		agreement.AssetAmount{Asset: wants.Asset, Amount: wants.Amount},
		agreement.AssetAmount{Asset: gives.Asset, Amount: gives.Amount})
}
