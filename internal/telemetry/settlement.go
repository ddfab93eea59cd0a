package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Settlement are the instruments of a settlement node. Labels are chains,
// assets, phases, purposes and conditions only, so that their number is bounded
// by the configuration; no swap, address or transaction is ever a label.
type Settlement struct {
	// What is open now.

	Swaps           *prometheus.GaugeVec // phase
	DeadlineSeconds *prometheus.GaugeVec // chain
	Locked          *prometheus.GaugeVec // asset
	Stuck           *prometheus.GaugeVec // chain, purpose

	// What happened.

	Closed   *prometheus.CounterVec   // outcome
	Reorgs   *prometheus.CounterVec   // chain
	Depth    *prometheus.HistogramVec // chain
	FeeShare *prometheus.HistogramVec // chain, purpose
	Held     *prometheus.CounterVec   // condition

	// The chains and what stands between them and the engine.

	Reachable *prometheus.GaugeVec   // chain
	Synced    *prometheus.GaugeVec   // chain
	Tip       *prometheus.GaugeVec   // chain
	TipAge    *prometheus.GaugeVec   // chain
	Behind    *prometheus.GaugeVec   // chain
	Failures  *prometheus.CounterVec // chain
	Spendable *prometheus.GaugeVec   // asset
	Reserved  *prometheus.GaugeVec   // asset
	LowOnFees *prometheus.GaugeVec   // chain

	// The store.

	Commit       prometheus.Histogram
	CommitErrors prometheus.Counter
}

// Settlement registers the instruments.
func (m *Metrics) Settlement() *Settlement {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(v)
		return v
	}
	s := &Settlement{
		Swaps:           gauge("kofo_swaps", "Open swaps by phase.", "phase"),
		DeadlineSeconds: gauge("kofo_swap_tightest_deadline_seconds", "Seconds, by the chain's clock, to the nearest moment at which something must have happened; +Inf where nothing must.", "chain"),
		Locked:          gauge("kofo_locked_base_units", "Own coins in contracts of open swaps.", "asset"),
		Stuck:           gauge("kofo_stuck_transactions", "Own transactions that were handed to the chain and are in no block after the given number of blocks.", "chain", "purpose"),
		Closed:          counter("kofo_swaps_closed_total", "Swaps that closed, by outcome.", "outcome"),
		Reorgs:          counter("kofo_reorgs_total", "Reorganisations of the chain.", "chain"),
		Depth:           histogram("kofo_reorg_depth_blocks", "Blocks that a reorganisation has undone.", []float64{1, 2, 3, 4, 6, 12, 32, 64}, "chain"),
		FeeShare:        histogram("kofo_fee_budget_ratio", "Fee of a redeem or refund, divided by its budget.", []float64{.001, .005, .01, .05, .1, .25, .5, .75, 1}, "chain", "purpose"),
		Held:            counter("kofo_gate_held_total", "Looks at a gate that found the condition missing.", "condition"),
		Reachable:       gauge("kofo_chain_reachable", "1 where the back end answered when it was last asked.", "chain"),
		Synced:          gauge("kofo_chain_synced", "1 where the back end is at the chain's tip by its own account.", "chain"),
		Tip:             gauge("kofo_chain_tip_height_blocks", "Height of the back end's tip.", "chain"),
		TipAge:          gauge("kofo_chain_tip_age_seconds", "Seconds since the tip was last seen to change.", "chain"),
		Behind:          gauge("kofo_engine_behind_blocks", "Blocks of the back end whose facts are not stored yet.", "chain"),
		Failures:        counter("kofo_chain_errors_total", "Questions for state or balance that the back end did not answer.", "chain"),
		Spendable:       gauge("kofo_wallet_spendable_base_units", "Confirmed and free.", "asset"),
		Reserved:        gauge("kofo_wallet_reserved_base_units", "Held for offers and swaps.", "asset"),
		LowOnFees:       gauge("kofo_wallet_low", "1 where the coin of the chain's fees does not cover a redeem at the stress rate.", "chain"),
		Commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kofo_store_commit_seconds", Help: "Time of a transaction of the engine.", Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}),
		CommitErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "kofo_store_commit_errors_total", Help: "Transactions of the engine that failed."}),
	}
	m.registry.MustRegister(s.Commit, s.CommitErrors)
	return s
}
