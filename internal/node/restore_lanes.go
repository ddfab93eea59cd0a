package node

import (
	"context"

	"github.com/kofo-network/kofo/htlc"
)

// laneKeeper is an adapter whose chain has lanes to reserve.
type laneKeeper interface {
	RestoreLane(ctx context.Context, owner string, terms htlc.Terms, leg int) error
}

// restoreLane reserves the lane of the leg that we pay, where its chain has
// lanes, and has it kept from others for as long as a forgotten funding may come.
func (r *restorer) restoreLane(ctx context.Context, id htlc.SwapID, terms htlc.Terms, leg int) error {
	on, err := r.core.chains.find(terms.Legs[leg].Chain())
	if err != nil {
		return err
	}
	if lanes, ok := on.adapter.(laneKeeper); ok {
		return lanes.RestoreLane(ctx, id.String(), terms, leg)
	}
	return nil
}
