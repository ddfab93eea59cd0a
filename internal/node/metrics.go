package node

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"net"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/server/timeline"
	"github.com/kofo-network/kofo/internal/telemetry"
)

// pollEvery is how often back ends are asked for state and balances, and
// pollTime how long all of it may take.
const (
	pollEvery = 15 * time.Second
	pollTime  = 10 * time.Second
)

// measured is what the metrics of one role show.
type measured struct {
	sources []telemetry.Source
	// measure brings what memory knows up to date in front of each answer. It
	// may be nil.
	measure func()
	// cursor is how far a chain's facts are stored.
	cursor func(ctx context.Context, chain htlc.ChainID) (height uint64, known bool)
	// more is asked of a chain whose back end has answered. It may be nil.
	more func(ctx context.Context, on chain)
}

// measured are the numbers of a settlement node.
func (c *core) measured(api *server.Server) measured {
	return measured{
		sources: append(c.sources(api), c.copies.sources()...), measure: c.measure, more: c.pollWallet,
		cursor: func(_ context.Context, id htlc.ChainID) (uint64, bool) { return c.followed(id) },
	}
}

// followed is how far the engine has stored a chain.
func (c *core) followed(id htlc.ChainID) (uint64, bool) {
	cursor, ok := c.engine.Cursor(id)
	return cursor.Block.Height, ok
}

// serveMetrics serves a role's numbers until ctx ends, where the configuration
// asks for it.
func (c *core) serveMetrics(ctx context.Context, of measured) error {
	if c.cfg.Metrics.Listen == "" {
		return nil
	}
	for _, s := range append(of.sources, c.chainSources()...) {
		if err := c.seen.m.Add(s); err != nil {
			return fmt.Errorf("metric %s: %w", s.Name, err)
		}
	}
	c.seen.begin(c.chains.ids())
	if of.measure != nil {
		c.seen.m.BeforeAnswer(of.measure)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.cfg.Metrics.Listen)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	c.log.Info("metrics are served", "address", l.Addr().String())
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		c.poll(ctx, of)
	}()
	err = c.seen.m.Serve(ctx, l)
	<-polled
	return err
}

func (c *core) sources(api *server.Server) []telemetry.Source {
	counter := func(name, help string, value func() uint64) telemetry.Source {
		return telemetry.Source{Name: name, Help: help, Counter: true, Value: func() float64 { return float64(value()) }}
	}
	gauge := func(name, help string, value func() int) telemetry.Source {
		return telemetry.Source{Name: name, Help: help, Value: func() float64 { return float64(value()) }}
	}
	return []telemetry.Source{
		gauge("swaps_open", "Swaps that are not closed.", func() int { return len(c.engine.Open()) }),
		gauge("effects_waiting", "Effects that wait or run.", c.runner.Waiting),
		gauge("engine_queue_inputs", "Inputs that wait to be applied.", c.engine.Queued),
		gauge("api_streams", "Watch streams that run.", api.Watching),
		gauge("disk_free_bytes", "Bytes that can be written in the data folder.", func() int { return int(min(c.disk.Look().Free, math.MaxInt64)) }),
		gauge("disk_full", "1 while no new swap begins because the disk is nearly full.", func() int { return toInt(c.disk.Look().Full) }),
		gauge("payouts_waiting", "Addresses that a call has added to the payout list and that cannot be paid yet.", c.payoutsWaiting),
		counter("engine_events_applied_total", "Events that changed a swap.", func() uint64 { return c.engine.Stats().Applied }),
		counter("engine_events_stale_total", "Events that were duplicates or came too late.", func() uint64 { return c.engine.Stats().Stale }),
		counter("engine_events_rejected_total", "Events that could not be true.", func() uint64 { return c.engine.Stats().Rejected }),
		counter("engine_commits_total", "Transactions written.", func() uint64 { return c.engine.Stats().Commits }),
		counter("effect_retries_total", "Effects that failed and were tried again.", c.runner.Retried),
		counter("alarms_total", "Alarms raised for people.", c.alarms.Load),
		counter("api_panics_total", "API calls that panicked.", api.Panics),
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// payoutsWaiting is 0 where the store does not answer: other metrics say so.
func (c *core) payoutsWaiting() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	added, err := c.store.Payouts(ctx)
	if err != nil {
		return 0
	}
	n := 0
	for _, p := range added {
		n += toInt(time.Now().Before(p.Usable))
	}
	return n
}

// measure brings what memory knows up to date.
func (c *core) measure() {
	open := c.engine.Open()
	phases, locked := map[htlc.Phase]int{}, map[htlc.AssetID]*big.Int{}
	tightest := map[htlc.ChainID]float64{}
	for _, s := range open {
		phases[s.Phase]++
		if out := s.Terms.Legs[s.Out()]; s.Announced && s.Legs[s.Out()].Status.Locked() {
			if locked[out.Asset] == nil {
				locked[out.Asset] = new(big.Int)
			}
			locked[out.Asset].Add(locked[out.Asset], out.Amount.Big())
		}
		next := timeline.Of(s, timeline.Look{}).Next
		if cursor, ok := c.engine.Cursor(next.Chain); ok && next.Deadline > 0 {
			left := float64(next.Deadline - max(cursor.Block.Clock, cursor.Block.Time))
			if known, ok := tightest[next.Chain]; !ok || left < known {
				tightest[next.Chain] = left
			}
		}
	}
	for _, phase := range htlc.Phases() {
		if phase != htlc.PhaseNew && phase != htlc.PhaseClosed {
			c.seen.s.Swaps.WithLabelValues(phase.String()).Set(float64(phases[phase]))
		}
	}
	stuck := c.seen.stuck(open, func(id htlc.ChainID) uint64 {
		cursor, _ := c.engine.Cursor(id)
		return cursor.Block.Height
	})
	for _, on := range c.chains {
		left, ok := tightest[on.id]
		if !ok {
			left = math.Inf(1)
		}
		c.seen.s.DeadlineSeconds.WithLabelValues(string(on.id)).Set(left)
		for _, purpose := range []htlc.Purpose{htlc.PurposeFund, htlc.PurposeRedeem, htlc.PurposeRefund} {
			c.seen.s.Stuck.WithLabelValues(string(on.id), purpose.String()).Set(float64(stuck[[2]string{string(on.id), purpose.String()}]))
		}
	}
	for _, on := range c.served() {
		for _, asset := range on.Assets {
			value := locked[asset.ID]
			if value == nil {
				value = new(big.Int)
			}
			c.seen.s.Locked.WithLabelValues(string(asset.ID)).Set(asFloat(value))
		}
	}
}

// asFloat is a number for a graph; no decision is made by it.
func asFloat(v *big.Int) float64 {
	f, _ := new(big.Float).SetInt(v).Float64()
	return f
}

// poll asks the back ends until ctx ends. No swap closes at a tower, so there
// nobody waits for its fees.
func (c *core) poll(ctx context.Context, of measured) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		for _, on := range c.chains {
			c.pollChain(ctx, on, of)
		}
		select {
		case <-ctx.Done():
			return
		case s := <-c.seen.closing:
			c.noteFees(ctx, s)
		case <-ticker.C:
		}
	}
}

func (c *core) pollChain(ctx context.Context, on chain, of measured) {
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	id := string(on.id)
	status, err := on.adapter.Status(ctx)
	c.seen.s.Reachable.WithLabelValues(id).Set(float64(toInt(err == nil)))
	if err != nil {
		c.seen.s.Failures.WithLabelValues(id).Inc()
		c.seen.s.Synced.WithLabelValues(id).Set(0)
		return
	}
	c.seen.s.Synced.WithLabelValues(id).Set(float64(toInt(status.Synced)))
	c.seen.s.Tip.WithLabelValues(id).Set(float64(status.Tip.Height))
	c.seen.s.TipAge.WithLabelValues(id).Set(c.seen.tip(on.id, status.Tip.Hash, time.Now()).Seconds())
	if height, known := of.cursor(ctx, on.id); known {
		c.seen.s.Behind.WithLabelValues(id).Set(math.Max(0, float64(status.Tip.Height)-float64(height)))
	}
	if of.more != nil {
		of.more(ctx, on)
	}
}

// pollWallet asks what is spendable on a chain.
func (c *core) pollWallet(ctx context.Context, on chain) {
	id := string(on.id)
	balances, err := on.adapter.Balances(ctx)
	if err != nil {
		c.seen.s.Failures.WithLabelValues(id).Inc()
		return
	}
	coin := c.chains.coin(on.id)
	for _, b := range balances {
		c.seen.s.Spendable.WithLabelValues(string(b.Asset)).Set(asFloat(b.Spendable.Big()))
		c.seen.s.Reserved.WithLabelValues(string(b.Asset)).Set(asFloat(b.Reserved.Big()))
		if b.Asset != coin {
			continue
		}
		quote, err := on.adapter.Quote(ctx, coin)
		if err != nil {
			c.seen.s.Failures.WithLabelValues(id).Inc()
			continue
		}
		c.seen.s.LowOnFees.WithLabelValues(id).Set(float64(toInt(b.Spendable.Cmp(quote.StressRedeem) < 0)))
	}
}

// noteFees compares what a closed swap's redeem and refund have cost with their
// budgets.
func (c *core) noteFees(ctx context.Context, s htlc.Swap) {
	for _, spend := range []waitingTx{{s.In(), htlc.PurposeRedeem}, {s.Out(), htlc.PurposeRefund}} {
		leg := s.Terms.Legs[spend.leg]
		budget := c.chains.budget(leg)
		txs, err := c.store.Txs(ctx, s.ID, spend.leg, spend.purpose)
		if err != nil || budget.IsZero() {
			continue
		}
		for _, tx := range txs {
			if tx.ID == s.Legs[spend.leg].SpendTx {
				share := asFloat(tx.Fee.Big()) / asFloat(budget.Big())
				c.seen.s.FeeShare.WithLabelValues(string(leg.Chain()), spend.purpose.String()).Observe(share)
			}
		}
	}
}
