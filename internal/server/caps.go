package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
)

// capped checks what a call moves against the caps of the caller's token. With
// any cap given, an asset without one can't be moved. What the node is paid
// counts for being allowed at all, not for the amount.
func capped(token store.Token, moved agreement.AssetAmount, paid ...agreement.AssetAmount) error {
	caps := token.Caps
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
		reason.KeyAsset: string(moved.Asset), reason.KeyMax: most.String(), reason.KeyAmount: moved.Amount.String(),
	}, "%s of %s is more than the token's cap of %s", moved.Amount, moved.Asset, most)
}

// counted runs a call that moves coins, within the token's caps by call and by
// day. The key names what is moved: counted twice it would be, but is not.
// Where kept says so after a failure, the count stays.
func (s *Server) counted(
	ctx context.Context, key string, moved agreement.AssetAmount, paid []agreement.AssetAmount, call func() error, kept func(error) bool,
) error {
	token := callerOf(ctx)
	if err := capped(token, moved, paid...); err != nil {
		return err
	}
	perDay, limited := token.PerDay[moved.Asset]
	if !limited {
		return call()
	}
	// Counted before it is moved: a crash in between costs a part of the cap.
	err := s.o.Requests.Spend(ctx, token.ID, moved.Asset, moved.Amount, perDay, s.o.Now(), key)
	var over *store.CapError
	if errors.As(err, &over) {
		return overCap(over)
	}
	if err != nil {
		return err
	}
	failed := call()
	if failed == nil || kept(failed) {
		return failed
	}
	if err := s.o.Requests.Unspend(context.WithoutCancel(ctx), token.ID, key); err != nil {
		s.o.Log.WarnContext(ctx, "a spending is not taken back", "token", token.ID, "error", err)
	}
	return failed
}

func overCap(over *store.CapError) error {
	meta := map[string]string{
		reason.KeyAsset: string(over.Asset), reason.KeyAmount: over.Amount.String(),
		reason.KeyMax: over.PerDay.String(), reason.KeyRemaining: over.Remaining.String(),
	}
	when := "which is more than all of it"
	if !over.Frees.IsZero() {
		meta[reason.KeyAt] = over.Frees.UTC().Format(time.RFC3339)
		when = "free again at " + meta[reason.KeyAt]
	}
	return refuse(reason.CapExceeded, meta, "the token may move %s more of its %s of %s in 24 hours, not %s, %s",
		over.Remaining, over.PerDay, over.Asset, over.Amount, when)
}

// judged are refusals that a call gives before it has signed anything.
var judged = []reason.Reason{
	reason.InsufficientFunds, reason.RedeemFeeMissing, reason.CoinsReserved, reason.FeeOverBudget,
	reason.AmountTooSmall, reason.AmountTooLarge, reason.BadAddress, reason.UnknownAsset, reason.ForeignChain,
	reason.MainnetRefused, reason.TermsInvalid, reason.TimeLockTooTight, reason.InvalidArgument,
	reason.TicketExpired, reason.TicketAltered, reason.TicketVersion, reason.TicketKind, reason.TicketOwn,
}

// mayHaveMoved takes a failure for one that has moved nothing only where it is
// a judgement.
func mayHaveMoved(err error) bool {
	r, _ := reason.Of(err)
	if !reason.Carried(err) {
		r, _ = reasonOf(err)
	}
	return !slices.Contains(judged, r)
}

// ticketMoves is what accepting a ticket would move and bring. A text that is
// no ticket is left to Accept, which says what is wrong with it.
func ticketMoves(ticket string) (salt htlc.Salt, moved, paid agreement.AssetAmount, ok bool) {
	signed, err := htlc.ParseTicket(ticket)
	if err != nil {
		return salt, moved, paid, false
	}
	gives, wants := signed.Offer.Gives, signed.Offer.Wants
	return signed.Offer.Salt, agreement.AssetAmount{Asset: wants.Asset, Amount: wants.Amount},
		agreement.AssetAmount{Asset: gives.Asset, Amount: gives.Amount}, true
}
