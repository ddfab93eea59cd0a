package server

import (
	"context"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/internal/doctor"
)

var checkStates = map[doctor.State]kofov1.CheckState{
	doctor.OK: kofov1.CheckState_CHECK_STATE_OK, doctor.Warn: kofov1.CheckState_CHECK_STATE_WARN,
	doctor.Fail: kofov1.CheckState_CHECK_STATE_FAIL, doctor.Unknown: kofov1.CheckState_CHECK_STATE_UNKNOWN,
}

func (n nodeService) Doctor(ctx context.Context, _ *kofov1.DoctorRequest) (*kofov1.DoctorResponse, error) {
	report := n.s.o.Doctor(ctx)
	out := &kofov1.DoctorResponse{Worst: checkStates[report.Worst()], At: stamp(report.At), OpenSafetyRows: report.OpenRows}
	for _, c := range report.Checks {
		out.Checks = append(out.Checks, &kofov1.Check{
			Id: c.ID, Subject: c.Subject, State: checkStates[c.State], Found: c.Found, Advice: c.Advice,
		})
	}
	return out, nil
}
