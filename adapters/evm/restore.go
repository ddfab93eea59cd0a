package evm

import (
	"context"
	"fmt"
	"math"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// forgottenNonce stands for that of a funding which may have been handed out
// and is not known any more. No account comes to it, so only the lane's next
// sequence number shows that the funding can't come.
const forgottenNonce = math.MaxInt64

// forgotten reports whether a funding of the lane may be out that nobody knows.
func (r LaneReservation) forgotten() bool { return r.Announced && r.FundNonce == forgottenNonce }

// RestoreLane reserves again what the Terms of a leg say that our account has
// reserved for it, after the store was lost or taken from a backup: its lane,
// amount and fees. A funding may have been handed out since, with a nonce that
// nobody knows, so the lane is given to no other Terms until its sequence number
// has moved on; where it never does, another lane is used in its place. Its coins
// are free again once the owner releases it, which says that nothing is on its way.
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
			return a.forgetFunding(ctx, op, r)
		}
		return &adapters.Error{
			Reason: "LANE_NOT_FREE", Op: op, Err: fmt.Errorf("%w: %s has it", adapters.ErrReserved, r.Owner),
		}
	}
	restored := LaneReservation{
		Chain: a.config.Chain, Account: a.accountName(), Lane: rec.leg.Lane, Sequence: rec.leg.Sequence, Owner: owner, Leg: leg,
		Asset: terms.Legs[leg].Asset, Amount: terms.Legs[leg].Amount, Fees: fees, NotAfter: terms.Legs[leg].FundBy,
	}
	return a.forgetFunding(ctx, op, restored)
}

// forgetFunding stores a reservation as one whose funding may be out.
func (a *Adapter) forgetFunding(ctx context.Context, op string, r LaneReservation) error {
	r.Announced, r.FundNonce = true, forgottenNonce
	if err := a.lanes.PutLane(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}
