package node

import (
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/internal/telemetry"
)

// chainSources are numbers about the trust in chains and back ends.
func (c *core) chainSources() []telemetry.Source {
	count := func(good bool) func() float64 {
		return func() float64 {
			n := 0
			for _, on := range c.chains {
				for _, h := range on.adapter.BackEnds().Health() {
					if (h.State == backend.Good) == good {
						n++
					}
				}
			}
			return float64(n)
		}
	}
	return []telemetry.Source{
		{Name: "back_ends_good", Help: "Back ends that answer and contradict nobody.", Value: count(true)},
		{Name: "back_ends_bad", Help: "Back ends that do not answer or are set aside.", Value: count(false)},
		{Name: "chains_suspended", Help: "Chains on which nothing new is begun.", Value: func() float64 {
			n := 0
			for _, on := range c.chains {
				if on.breaker.Suspended() != nil {
					n++
				}
			}
			return float64(n)
		}},
		{Name: "chain_suspensions_total", Help: "How often a chain was suspended.", Counter: true, Value: func() float64 {
			n := uint64(0)
			for _, on := range c.chains {
				n += on.breaker.Opened()
			}
			return float64(n)
		}},
	}
}
