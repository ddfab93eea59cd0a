package evm

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/htlc"
)

// RedeemReservation keeps the fee of a redeem back, in the native coin, for a leg that pays our account.
// (Chain, Account, Owner, Leg) is unique.
type RedeemReservation struct {
	Chain   htlc.ChainID
	Account string
	Owner   string
	Leg     int
	Asset   htlc.AssetID // of the leg
	Fee     htlc.Amount
}

func (a *Adapter) redeems(ctx context.Context) ([]RedeemReservation, error) {
	all, err := a.lanes.RedeemFees(ctx, a.config.Chain, a.accountName())
	if err != nil {
		return nil, fmt.Errorf("read the fees kept for redeems: %w", err)
	}
	return all, nil
}

// stressRedeem is what a redeem is taken to cost.
func (a *Adapter) stressRedeem(token common.Address) *big.Int {
	return times(headroom(costsOf(token).redeem.expected), a.config.StressFee)
}

// ReserveRedeem keeps the fee of the leg's redeem back for owner, from everything else that the account may
// pay for, the owner's own funding included, until Release. Asking again changes nothing.
func (a *Adapter) ReserveRedeem(ctx context.Context, owner string, asset htlc.AssetID, leg int) error {
	token, err := a.token(asset)
	if err != nil {
		return err
	}
	if err := a.node.verify(ctx); err != nil {
		return err
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	v, err := a.look(ctx, 0)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(v.redeems, func(r RedeemReservation) bool { return r.Owner == owner && r.Leg == leg }) {
		return nil
	}
	fee, err := htlc.AmountFromBig(a.stressRedeem(token))
	if err != nil {
		return fmt.Errorf("price a redeem: %w", err)
	}
	if err := a.checkMeans(ctx, v, "", common.Address{}, new(big.Int), fee.Big()); err != nil {
		return err
	}
	return a.putRedeem(ctx, RedeemReservation{
		Chain: a.config.Chain, Account: a.accountName(), Owner: owner, Leg: leg, Asset: asset, Fee: fee,
	})
}

func (a *Adapter) putRedeem(ctx context.Context, r RedeemReservation) error {
	if err := a.lanes.SetRedeemFee(ctx, r); err != nil {
		return fmt.Errorf("keep the fee of a redeem of leg %d for %s: %w", r.Leg, r.Owner, err)
	}
	return nil
}

// releaseRedeems gives back what owner holds for redeems.
func (a *Adapter) releaseRedeems(ctx context.Context, owner string) error {
	return a.changeRedeems(ctx, owner, nil)
}

// changeRedeems removes what owner holds, after change, if any, has put something in its place.
func (a *Adapter) changeRedeems(ctx context.Context, owner string, change func(RedeemReservation) RedeemReservation) error {
	all, err := a.redeems(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Owner != owner {
			continue
		}
		if change != nil {
			if err := a.putRedeem(ctx, change(r)); err != nil {
				return err
			}
		}
		r.Fee = htlc.Amount{}
		if err := a.putRedeem(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// adoptRedeems renames an owner. A crash in between leaves both names, which keeps too much rather than
// nothing; doing it again mends that.
func (a *Adapter) adoptRedeems(ctx context.Context, from, to string) error {
	if from == to {
		return nil
	}
	return a.changeRedeems(ctx, from, func(r RedeemReservation) RedeemReservation {
		r.Owner = to
		return r
	})
}
