package node

import (
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/telemetry"
	"github.com/kofo-network/kofo/monitor/engine"
)

// stuckAfter is after how many blocks a transaction that is in none counts as
// stuck.
const stuckAfter = 6

// observer counts what happens, for the metrics. It decides nothing, and is
// there whether or not somebody asks.
type observer struct {
	m       *telemetry.Metrics
	s       *telemetry.Settlement
	closing chan htlc.Swap // closed swaps whose fees are to be looked up

	mu      sync.Mutex
	held    map[htlc.SwapID]map[htlc.Condition]bool
	undone  map[htlc.ChainID]int // blocks of the reorganisation under way
	pending map[pendingTx]uint64 // height at which it was first seen
	tips    map[htlc.ChainID]tipSeen
}

type tipSeen struct {
	hash adapters.Hash
	at   time.Time
}

type pendingTx struct {
	swap    htlc.SwapID
	purpose htlc.Purpose
}

func newObserver(version string) *observer {
	m := telemetry.New(version)
	o := &observer{
		m: m, s: m.Settlement(), closing: make(chan htlc.Swap, 256), held: map[htlc.SwapID]map[htlc.Condition]bool{},
		undone: map[htlc.ChainID]int{}, pending: map[pendingTx]uint64{}, tips: map[htlc.ChainID]tipSeen{},
	}
	return o
}

// conditions are those of both gates.
var conditions = []htlc.Condition{
	htlc.CondSignatures, htlc.CondIncomingFunded, htlc.CondFundBy, htlc.CondRedeemRuns, htlc.CondRedeemMeans, htlc.CondRefundStored,
	htlc.CondTermsCopied, htlc.CondCutOff, htlc.CondStateRead, htlc.CondBackEndsAgree, htlc.CondRedeemStored, htlc.CondDiskSpace,
}

// begin shows what has not happened yet as 0: a counter that appears with its
// first count hides that count from every rate.
func (o *observer) begin(chains []htlc.ChainID) {
	for outcome := htlc.OutcomeSwapped; outcome <= htlc.OutcomeLost; outcome++ {
		o.s.Closed.WithLabelValues(outcome.String())
	}
	for _, condition := range conditions {
		o.s.Held.WithLabelValues(string(condition))
	}
	for _, id := range chains {
		chain := string(id)
		o.s.Reorgs.WithLabelValues(chain)
		o.s.Depth.WithLabelValues(chain)
		o.s.Failures.WithLabelValues(chain)
		for _, purpose := range []htlc.Purpose{htlc.PurposeRedeem, htlc.PurposeRefund} {
			o.s.FeeShare.WithLabelValues(chain, purpose.String())
		}
	}
}

// changed takes swaps after each commit.
func (o *observer) changed(swaps []htlc.Swap) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range swaps {
		now := map[htlc.Condition]bool{}
		for _, f := range s.Held {
			now[f.Condition] = true
			if !o.held[s.ID][f.Condition] {
				o.s.Held.WithLabelValues(string(f.Condition)).Inc()
			}
		}
		o.held[s.ID] = now
		if s.Phase == htlc.PhaseClosed {
			delete(o.held, s.ID)
		}
	}
}

// committed takes what was written. A swap closes once, with the effect that
// releases what it holds; a consent that follows changes it and closes nothing.
func (o *observer) committed(b engine.Batch) {
	for _, w := range b.Swaps {
		if !slices.ContainsFunc(w.Effects, func(e engine.StoredEffect) bool { return e.Effect.Kind == htlc.EffectRelease }) {
			continue
		}
		o.s.Closed.WithLabelValues(w.Swap.Outcome.String()).Inc()
		select {
		case o.closing <- w.Swap:
		default: // a statistic of fees is not worth waiting for
		}
	}
}

// stepped takes each step of a chain.
func (o *observer) stepped(chain htlc.ChainID, step adapters.Step) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if step.Kind == adapters.Disconnect {
		o.undone[chain]++
		return
	}
	if depth := o.undone[chain]; depth > 0 {
		o.s.Reorgs.WithLabelValues(string(chain)).Inc()
		o.s.Depth.WithLabelValues(string(chain)).Observe(float64(depth))
		o.undone[chain] = 0
	}
}

// stuck counts transactions of ours that wait for a block too long. What this
// process did not see being sent it counts from when it first looked.
func (o *observer) stuck(open []htlc.Swap, height func(htlc.ChainID) uint64) map[[2]string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, alive := map[[2]string]int{}, map[pendingTx]bool{}
	for _, s := range open {
		for _, w := range waiting(s) {
			key := pendingTx{s.ID, w.purpose}
			alive[key] = true
			chain := s.Terms.Legs[w.leg].Chain()
			since, known := o.pending[key]
			if !known {
				since = height(chain)
				o.pending[key] = since
			}
			if height(chain) >= since+stuckAfter {
				out[[2]string{string(chain), w.purpose.String()}]++
			}
		}
	}
	for key := range o.pending {
		if !alive[key] {
			delete(o.pending, key)
		}
	}
	return out
}

type waitingTx struct {
	leg     int
	purpose htlc.Purpose
}

// waiting lists what was handed to a chain and is in no block.
func waiting(s htlc.Swap) []waitingTx {
	var out []waitingTx
	own, in := s.Legs[s.Out()], s.Legs[s.In()]
	if s.FundingSent && own.Status < htlc.LegInBlock {
		out = append(out, waitingTx{s.Out(), htlc.PurposeFund})
	}
	if s.Released && in.Status.Locked() {
		out = append(out, waitingTx{s.In(), htlc.PurposeRedeem})
	}
	if s.RefundTx != "" && own.Status.Locked() {
		out = append(out, waitingTx{s.Out(), htlc.PurposeRefund})
	}
	return out
}

// tip notes a chain's tip and says for how long it has stood.
func (o *observer) tip(chain htlc.ChainID, hash adapters.Hash, now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen, known := o.tips[chain]
	if !known || seen.hash != hash {
		seen = tipSeen{hash, now}
		o.tips[chain] = seen
	}
	return now.Sub(seen.at)
}
