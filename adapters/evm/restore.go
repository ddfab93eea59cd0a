package evm

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// RestoreLane reserves again what the Terms of a leg say that our account has
// reserved for it, after the store was lost: its lane, amount and fees. That a
// funding may have been handed out before is noted, so that the lane stays
// taken until none can come any more.
func (a *Adapter) RestoreLane(ctx context.Context, owner string, terms htlc.Terms, leg int) error {
	rec, err := a.record(terms, leg)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("reserve lane %d again for %s", rec.leg.Lane, owner)
	if rec.leg.Funder != a.account.Address() {
		return mismatch(op, "the payer %s is not our account", rec.leg.Funder)
	}
	fees, err := htlc.AmountFromBig(a.heldFees(rec.leg.Token))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	all, err := a.stored(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Lane != rec.leg.Lane {
			continue
		}
		if r.Owner == owner && r.Leg == leg {
			return nil
		}
		return &adapters.Error{
			Reason: "LANE_NOT_FREE", Op: op, Err: fmt.Errorf("%w: %s has it", adapters.ErrReserved, r.Owner),
		}
	}
	restored := LaneReservation{
		Chain: a.config.Chain, Account: a.accountName(), Lane: rec.leg.Lane, Sequence: rec.leg.Sequence, Owner: owner, Leg: leg,
		Asset: terms.Legs[leg].Asset, Amount: terms.Legs[leg].Amount, Fees: fees, NotAfter: terms.Legs[leg].FundBy,
	}
	if err := a.lanes.PutLane(ctx, restored); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}
