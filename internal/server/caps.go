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

// capped checks what the node would pay by a call against the caps of the
// caller's token. With any cap given, an asset without one can't be paid. What
// the node is paid needs no cap: nothing can be lost by it.
func capped(token store.Token, moved agreement.AssetAmount) error {
	caps := token.Caps
	if len(caps) == 0 {
		return nil
	}
	most, ok := caps[moved.Asset]
	if !ok {
		return refuse(reason.CapExceeded, map[string]string{reason.KeyAsset: string(moved.Asset)}, "the token may not move %s", moved.Asset)
	}
	if moved.Amount.Cmp(most) <= 0 {
		return nil
	}
	return refuse(reason.CapExceeded, map[string]string{
		reason.KeyAsset: string(moved.Asset), reason.KeyMax: most.String(), reason.KeyAmount: moved.Amount.String(),
	}, "%s of %s is more than the token's cap of %s", moved.Amount, moved.Asset, most)
}

// counted runs a call that moves coins, within the token's caps by call and by
// day and within the node's limits. The key names what is moved: counted twice it would be, but is not.
// Where kept says so after a failure, the count stays.
func (s *Server) counted(
	ctx context.Context, key string, moved agreement.AssetAmount, call func() error, kept func(error) bool,
) error {
	token := callerOf(ctx)
	if err := capped(token, moved); err != nil {
		return err
	}
	own := call
	call = func() error {
		node := token.ID + "/" + key
		if err := s.o.Payouts.Take(ctx, node, moved.Asset, moved.Amount); err != nil {
			return err
		}
		failed := own()
		if failed != nil && !kept(failed) {
			s.o.Payouts.GiveBack(context.WithoutCancel(ctx), node, moved.Asset)
		}
		return failed
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
	reason.LimitExceeded, reason.PartyNotAllowed, reason.DiskFull,
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

// ticketMoves is what accepting a ticket would move.
func ticketMoves(ticket htlc.SignedOffer) agreement.AssetAmount {
	return agreement.AssetAmount{Asset: ticket.Offer.Wants.Asset, Amount: ticket.Offer.Wants.Amount}
}
