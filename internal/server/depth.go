package server

import (
	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
)

// parseDepths takes the confirmations that a swap asks for; a chain that
// stands twice could mean either.
func parseDepths(given []*kofov1.ChainDepth) (agreement.Depths, error) {
	if len(given) == 0 {
		return nil, nil
	}
	out := agreement.Depths{}
	for _, d := range given {
		id := htlc.ChainID(d.GetChain())
		if _, twice := out[id]; twice {
			return nil, refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "depths", reason.KeyChain: d.GetChain()},
				"the confirmations of %s stand twice", id)
		}
		out[id] = d.GetMinConfirmations()
	}
	return out, nil
}

// depthViews are a chain's steps by amount.
func depthViews(steps []agreement.DepthStep) []*kofov1.DepthStep {
	var out []*kofov1.DepthStep
	for _, s := range steps {
		step := &kofov1.DepthStep{Asset: string(s.Asset), MinConfirmations: s.MinConfirmations}
		if !s.UpTo.IsZero() {
			step.UpTo = s.UpTo.String()
		}
		out = append(out, step)
	}
	return out
}
