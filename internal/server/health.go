package server

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/adapters/backend"
	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/monitor/breaker"
)

var backEndStates = map[backend.State]kofov1.BackEndState{
	backend.Good: kofov1.BackEndState_BACK_END_STATE_GOOD, backend.Unreachable: kofov1.BackEndState_BACK_END_STATE_UNREACHABLE,
	backend.SetAside: kofov1.BackEndState_BACK_END_STATE_SET_ASIDE,
}

func backEndViews(all []backend.Health) []*kofov1.BackEnd {
	var out []*kofov1.BackEnd
	for _, h := range all {
		out = append(out, &kofov1.BackEnd{
			Name: h.Name, State: backEndStates[h.State], Reason: string(h.Reason), Detail: h.Detail, Since: stamp(h.Since),
			Height: h.Head.Height, Latency: durationpb.New(h.Latency), Asked: h.Asked,
		})
	}
	return out
}

func suspensionView(s *breaker.State) *kofov1.Suspension {
	if s == nil {
		return nil
	}
	return &kofov1.Suspension{
		Cause: string(s.Cause), Detail: s.Detail, Since: stamp(s.Since), CalmBlocks: s.Calm, CalmNeeded: s.Needed,
	}
}

// Resume ends a chain's suspension by hand.
func (c chainService) Resume(ctx context.Context, req *kofov1.ResumeRequest) (*kofov1.ResumeResponse, error) {
	chosen, err := c.s.chosen(req.GetId())
	if err != nil {
		return nil, err
	}
	was := chosen[0].Resume != nil && chosen[0].Resume()
	return &kofov1.ResumeResponse{WasSuspended: was, Chain: c.s.chainView(ctx, chosen[0])}, nil
}
