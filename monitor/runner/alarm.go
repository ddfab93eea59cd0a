package runner

import (
	"context"
	"errors"

	"github.com/kofo-network/kofo/adapters"
)

// alarmPayoutBlocked: a contract of ours cannot be paid out now, because of the asset's issuer or of the
// recipient. Nobody but them can change that, so a person has to know.
const alarmPayoutBlocked = "PAYOUT_BLOCKED"

// alarmUnpayable tells a person once in the life of the process; the work itself goes on with every block.
func (r *Runner) alarmUnpayable(ctx context.Context, w *work, err error) {
	if !errors.Is(err, adapters.ErrUnpayable) {
		return
	}
	s, readErr := r.swap(ctx, w.key.swap)
	if readErr != nil {
		return // asked again, and told then
	}
	r.mu.Lock()
	told := r.unpaid[w.key]
	if r.unpaid == nil {
		r.unpaid = map[workKey]bool{}
	}
	r.unpaid[w.key] = true
	r.mu.Unlock()
	if !told {
		r.o.Alarm(s, w.effect.Leg, alarmPayoutBlocked)
	}
}
